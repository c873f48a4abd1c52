//! What a request says of a team, as its document.

use serde_json::{Map, Value, json};

use super::fields::{IN_METADATA, MEMBER_BUDGET_ID, MEMBER_BUDGET_NAMES, OWN};
use crate::admin::budgets::held::{self, Given};
use crate::admin::budgets::limits;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::Fields;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};
use crate::store::Kind;

/// Puts what is said into the document.
///
/// # Errors
/// 400: limits that cannot be, permissions that there are not.
pub fn apply(control: &Control, doc: &mut Map<String, Value>, fields: &Fields) -> Result<(), Error> {
    limits::check_windows(fields.map())?;
    let kept = metadata(doc).get(MEMBER_BUDGET_ID).cloned();
    for member in OWN {
        if let Some(value) = fields.get(member.name) {
            doc.insert(member.name.to_owned(), value.clone());
        }
    }
    let mut metadata = metadata(doc);
    for member in IN_METADATA {
        match fields.get(member.name) {
            Some(Value::Null) => drop(metadata.shift_remove(member.name)),
            Some(value) => drop(metadata.insert(member.name.to_owned(), value.clone())),
            None => {}
        }
    }
    // Which budget members have is not for the request to say.
    metadata.shift_remove(MEMBER_BUDGET_ID);
    metadata.extend(kept.map(|kept| (MEMBER_BUDGET_ID.to_owned(), kept)));
    doc.insert("metadata".to_owned(), Value::Object(metadata));
    if let Some(aliases) = fields.object("model_aliases") {
        doc.insert("litellm_model_table".to_owned(), json!({"model_aliases": aliases}));
    }
    let permissions = fields.texts("team_member_permissions");
    if let Some(unknown) = permissions.iter().find(|wanted| !super::permissions::ALL.contains(&wanted.as_str())) {
        let text = format!("'{unknown}' is no permission of team members.");
        return Err(detailed(Management::DetailRefused, &text));
    }
    limits::settle(doc, control.now(), &control.settings.zone)
}

/// What the request makes of the budget of members who have none of their own, and its id in the document.
///
/// # Errors
/// 400: limits that cannot be.
pub async fn member_budget(
    control: &Control,
    call: &Call,
    doc: &mut Map<String, Value>,
    fields: &Fields,
    team_id: &str,
) -> Result<Given, Error> {
    let mut said = Fields::default();
    for (name, of_budget) in MEMBER_BUDGET_NAMES {
        if let Some(value) = fields.get(name) {
            said.set(of_budget, value.clone());
        }
    }
    let current = member_budget_id(doc).map(str::to_owned);
    let given = held::given(control, call, &said, (Kind::Team, team_id), current.as_deref(), false).await?;
    if let Some(id) = &given.budget_id {
        let mut metadata = metadata(doc);
        metadata.insert(MEMBER_BUDGET_ID.to_owned(), json!(id));
        doc.insert("metadata".to_owned(), Value::Object(metadata));
    }
    Ok(given)
}

/// The budget of members who have none of their own.
pub fn member_budget_id(team: &Map<String, Value>) -> Option<&str> {
    team.get("metadata")?.get(MEMBER_BUDGET_ID)?.as_str()
}

fn metadata(doc: &Map<String, Value>) -> Map<String, Value> {
    doc.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default()
}
