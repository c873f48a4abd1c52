//! Keys, which LiteLLM stores by the same digest: whoever has one goes on using it.

use serde_json::{Map, Value, json};

use super::cells::{counter, id, members, set_times, text, total};
use super::holders::MADE_BY;
use super::people::set_permission;
use super::related::Related;
use super::{Found, Row};
use crate::admin::fields::{Field, Shape, field};
use crate::admin::keys::fields::STORED;
use crate::admin::keys::generate::object;
use crate::admin::keys::regenerate::ROTATED_TO;
use crate::auth::KeyDigest;
use crate::limiter;

/// What stands in a key's row and is no member of a request.
const OF_KEY: &[Field] = &[
    field("key_name", Shape::Text),
    field("metadata", Shape::Object),
    field("budget_duration", Shape::Text),
    field("soft_budget_cooldown", Shape::Flag),
    field("object_permission_id", Shape::Text),
    field("rotation_count", Shape::Whole),
];

const TIMES: &[&str] =
    &["created_at", "expires", "budget_reset_at", "last_rotation_at", "key_rotation_at", "last_active"];

/// The team of the keys that LiteLLM's dashboard makes for whoever is logged in.
const DASHBOARD: &str = "litellm-dashboard";

/// A key.
pub fn key(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let digest = digest(row, "token")?;
    if text(row, "team_id") == Some(DASHBOARD) {
        return Err("is a session of LiteLLM's dashboard".to_owned());
    }
    let mut doc = members(row, &[STORED, OF_KEY, MADE_BY])?;
    set_times(&mut doc, row, TIMES)?;
    set_permission(&mut doc, row, related);
    set_soft_budget(&mut doc, related.budget(row));
    let counters = [counter(limiter::Kind::Key, &digest, row, related.budget(row)), total(&digest, row)];
    Ok(vec![Found::counted(object(digest, doc), counters.into_iter().flatten())])
}

/// A key that was replaced and is good for a while still.
pub fn replaced(row: &Row, _: &Related) -> Result<Vec<Found>, String> {
    let (old, new) = (digest(row, "token")?, digest(row, "active_token_id")?);
    let mut times = Map::new();
    set_times(&mut times, row, &["revoke_at"])?;
    let ends = times.get("revoke_at").ok_or_else(|| "has no revoke_at".to_owned())?;
    let doc = Map::from_iter([("expires".to_owned(), ends.clone()), (ROTATED_TO.to_owned(), json!(new))]);
    Ok(vec![Found::uncounted(object(old, doc))])
}

/// How a key is called in a report: by its digest, and by the digest of what is none, which may be a key in plain text.
pub fn name(row: &Row) -> String {
    match digest(row, "token") {
        Ok(digest) => digest,
        Err(_) => KeyDigest::of(text(row, "token").unwrap_or_default()).to_string(),
    }
}

/// In the digits in which it is looked up.
fn digest(row: &Row, name: &str) -> Result<String, String> {
    let digest = KeyDigest::parse(id(row, name)?);
    digest.map(|digest| digest.to_string()).ok_or_else(|| format!("has no SHA-256 in {name}"))
}

/// LiteLLM keeps a soft budget in a budget of its own; the key shows it.
fn set_soft_budget(doc: &mut Map<String, Value>, budget: Option<&Row>) {
    let Some((budget, soft)) = budget.and_then(|budget| Some((budget, budget.get("soft_budget")?))) else { return };
    if !soft.is_number() {
        return;
    }
    doc.insert("soft_budget".to_owned(), soft.clone());
    let shown = ["budget_id", "soft_budget", "created_by", "updated_by"];
    let shown = shown.iter().filter_map(|name| Some(((*name).to_owned(), budget.get(*name)?.clone())));
    doc.insert("litellm_budget_table".to_owned(), Value::Object(shown.collect()));
}
