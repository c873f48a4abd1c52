//! The one way to change something: read, decide, commit; and again, if somebody else was faster.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::timeout;
use uuid::Uuid;

use super::Control;
use crate::admin::call::Call;
use crate::error::{self, Error};
use crate::governance::rows::Row;
use crate::store::{Audit, Change, Failure, Kind, Object};

/// How often a change is decided anew because what it was decided upon was changed meanwhile.
pub const TRIES: u32 = 8;
/// The longest wait for the changes of others on this node, before it is decided once more.
const LONGEST_TURN: Duration = Duration::from_secs(10);

impl Control {
    /// Changes several objects at once or none. `decide` reads what it needs and says what is to be changed, and what the
    /// answer is; it is asked again when another change was faster, and then those of this node come one after the other:
    /// however many change one object at once, each gets its turn. When this returns the change has taken effect on
    /// this node.
    ///
    /// # Errors
    /// Those of `decide`, and the store's.
    pub async fn change<T, D>(&self, decide: impl Fn() -> D) -> Result<T, Error>
    where
        D: Future<Output = Result<(Vec<Change>, T), Error>> + Send,
    {
        let mut last = Failure::Changed;
        let mut turn = None;
        for tried in 0..TRIES {
            if tried == 1 {
                turn = timeout(LONGEST_TURN, self.turn.lock()).await.ok();
            }
            let (changes, answer) = decide().await?;
            changes.iter().try_for_each(|change| self.check_is_possible(change))?;
            match self.store.commit(&changes, self.now()).await {
                Ok(()) => {
                    drop(turn);
                    self.desk.changed(&touched(&changes)).await;
                    return Ok(answer);
                }
                // Decided anew: the second look finds what is there now, and has better words for it.
                Err(failure @ (Failure::Changed | Failure::Exists | Failure::AliasTaken)) => last = failure,
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(last.into())
    }

    fn check_is_possible(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Put(object) => self.check_is_stored(object.kind, &object.id).and_then(|()| can_be_read(object)),
            Change::Delete(kind, id) => self.check_is_stored(*kind, id),
            Change::Spent(_) | Change::Audit(_) => Ok(()),
        }
    }
}

/// What the data plane could not read would not limit anybody, or be refused for ever: it is not stored.
fn can_be_read(object: &Object) -> Result<(), Error> {
    if matches!(object.kind, Kind::Model | Kind::Credential | Kind::Setting) {
        return Ok(());
    }
    let bad = |error| Error::new(error::Kind::BadRequest, format!("This {} cannot be: {error}", object.kind.as_str()));
    Row::read(object).map(drop).map_err(bad)
}

fn touched(changes: &[Change]) -> Vec<(Kind, String)> {
    let touched = changes.iter().filter_map(|change| match change {
        Change::Put(object) => Some((object.kind, object.id.clone())),
        Change::Delete(kind, id) => Some((*kind, id.clone())),
        Change::Spent(_) | Change::Audit(_) => None,
    });
    touched.collect()
}

/// The line of the audit log: what was done (`created`, `updated`, `deleted`, `blocked`, `rotated` …) by this call, to
/// which object. One of `before` and `after` is there.
pub fn audit(call: &Call, action: &str, before: Option<&Object>, after: Option<&Object>) -> Change {
    let doc = |object: Option<&Object>| object.map(|object| object.doc.clone());
    let object = after.or(before);
    Change::Audit(Audit {
        id: Uuid::new_v4().to_string(),
        changed_by: call.changed_by().to_owned(),
        api_key: call.requester.key.clone().unwrap_or_default(),
        action: action.to_owned(),
        table_name: object.map_or("", |object| table_name(object.kind)).to_owned(),
        object_id: object.map_or("", |object| &object.id).to_owned(),
        before: doc(before),
        after: doc(after),
    })
}

/// A new object, or the next version of one, with its line in the audit log.
pub fn put(call: &Call, action: &str, before: Option<&Object>, after: Object) -> [Change; 2] {
    let line = audit(call, action, before, Some(&after));
    [Change::Put(after), line]
}

/// An object's end, with its line in the audit log.
pub fn delete(call: &Call, object: &Object) -> [Change; 2] {
    [Change::Delete(object.kind, object.id.clone()), audit(call, "deleted", Some(object), None)]
}

/// LiteLLM's name of the table.
fn table_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Key => "LiteLLM_VerificationToken",
        Kind::User => "LiteLLM_UserTable",
        Kind::Team => "LiteLLM_TeamTable",
        Kind::TeamMember => "LiteLLM_TeamMembership",
        Kind::Organization => "LiteLLM_OrganizationTable",
        Kind::OrganizationMember => "LiteLLM_OrganizationMembership",
        Kind::Project => "LiteLLM_ProjectTable",
        Kind::Customer => "LiteLLM_EndUserTable",
        Kind::Budget => "LiteLLM_BudgetTable",
        Kind::Tag => "LiteLLM_TagTable",
        Kind::Model => "LiteLLM_ProxyModelTable",
        Kind::Credential => "LiteLLM_CredentialsTable",
        Kind::AccessGroup => "LiteLLM_AccessGroupTable",
        Kind::Setting => "LiteLLM_Config",
    }
}

/// Puts what is said over what is there: `null` is a value.
pub fn overlay(doc: &mut Map<String, Value>, said: &Map<String, Value>) {
    for (name, value) in said {
        doc.insert(name.clone(), value.clone());
    }
}
