//! Whom an access group is assigned to. That stands in `access_group_ids` of the keys and teams themselves, and nowhere else:
//! whichever route changes it, the others show it.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::keys::minted::digest;
use crate::admin::keys::regenerate::ROTATED_TO;
use crate::admin::teams::bounds::texts;
use crate::error::{Error, Kind as ErrorKind, Management};
use crate::store::{Change, Filter, Kind, Object};

const MEMBER: &str = "access_group_ids";

/// Keys and teams that have access groups.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    pub keys: Vec<Object>,
    pub teams: Vec<Object>,
}

impl Holders {
    /// Those that have any.
    ///
    /// # Errors
    /// The store's.
    pub async fn all(control: &Control) -> Result<Self, Error> {
        Self::mentioning(control, &format!("\"{MEMBER}\":[\"")).await
    }

    /// Those that have this one.
    ///
    /// # Errors
    /// The store's.
    pub async fn of(control: &Control, group: &str) -> Result<Self, Error> {
        let mut holders = Self::mentioning(control, &json!(group).to_string()).await?;
        // Its id may stand elsewhere in a document too.
        let has = |object: &Object| texts(&object.doc, MEMBER).iter().any(|other| other == group);
        holders.keys.retain(has);
        holders.teams.retain(has);
        Ok(holders)
    }

    async fn mentioning(control: &Control, text: &str) -> Result<Self, Error> {
        let filter = Filter { mentions: Some(text), ..Filter::default() };
        let mut keys = control.store.all(Kind::Key, &filter).await?;
        // The new one has what it had.
        keys.retain(|key| !key.doc.contains_key(ROTATED_TO));
        Ok(Self { keys, teams: control.store.all(Kind::Team, &filter).await? })
    }

    /// Those of them that have each group.
    pub fn by_group(self) -> HashMap<String, Self> {
        let mut groups: HashMap<String, Self> = HashMap::new();
        for key in self.keys {
            for group in texts(&key.doc, MEMBER) {
                groups.entry(group).or_default().keys.push(key.clone());
            }
        }
        for team in self.teams {
            for group in texts(&team.doc, MEMBER) {
                groups.entry(group).or_default().teams.push(team.clone());
            }
        }
        groups
    }
}

/// The keys of these tokens, or of these keys themselves; as with LiteLLM those that are none are not assigned.
///
/// # Errors
/// The store's.
pub async fn keys(control: &Control, named: &[String]) -> Result<Vec<Object>, Error> {
    let tokens: Vec<String> = named.iter().map(|named| digest(named)).collect();
    Ok(control.store.all(Kind::Key, &Filter { ids: Some(&tokens), ..Filter::default() }).await?)
}

/// The teams of these ids.
///
/// # Errors
/// 400 in LiteLLM's words where one is none.
pub async fn teams(control: &Control, ids: &[String]) -> Result<Vec<Object>, Error> {
    let found = control.store.all(Kind::Team, &Filter { ids: Some(ids), ..Filter::default() }).await?;
    let is_known = |id: &&String| found.iter().any(|team| team.id == **id);
    let mut unknown: Vec<&str> = ids.iter().filter(|id| !is_known(id)).map(String::as_str).collect();
    unknown.sort_unstable();
    unknown.dedup();
    if unknown.is_empty() {
        return Ok(found);
    }
    let text = format!("Unknown team ids: {}", unknown.join(", "));
    Err(Error::new(ErrorKind::Management(Management::DetailRefused), text))
}

/// What assigns the group to these who are wanted, and takes it from those who have it and are not.
pub fn changes(call: &Call, group: &str, before: &[Object], wanted: &[Object]) -> Vec<Change> {
    let is_in = |object: &Object, objects: &[Object]| objects.iter().any(|other| other.id == object.id);
    let added = wanted.iter().filter(|object| !is_in(object, before)).map(|object| with(object, group));
    let removed = before.iter().filter(|object| !is_in(object, wanted)).map(|object| without(object, group));
    let changed = added.chain(removed).map(|(before, after)| put(call, "updated", Some(before), after));
    changed.flatten().collect()
}

fn with<'o>(object: &'o Object, group: &str) -> (&'o Object, Object) {
    let groups = texts(&object.doc, MEMBER).into_iter().chain([group.to_owned()]);
    (object, having(object, groups.collect()))
}

fn without<'o>(object: &'o Object, group: &str) -> (&'o Object, Object) {
    let groups = texts(&object.doc, MEMBER).into_iter().filter(|other| other != group);
    (object, having(object, groups.collect()))
}

fn having(object: &Object, groups: Vec<String>) -> Object {
    let mut doc = object.doc.clone();
    doc.insert(MEMBER.to_owned(), Value::from(groups));
    Object { doc, ..object.clone() }
}
