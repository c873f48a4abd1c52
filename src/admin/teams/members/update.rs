//! `POST /team/member_update`

use serde_json::{Value, json};

use super::join::member_id;
use super::roster;
use super::row::document;
use crate::admin::budgets::held;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Fields, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::admin::teams::draft;
use crate::admin::teams::standing::{self, Standing};
use crate::error::{Error, Management};
use crate::store::{Change, Kind, Object};

const FIELDS: &[Field] = &[
    needed("team_id", Shape::Text),
    field("user_id", Shape::Text),
    field("user_email", Shape::Text),
    field("role", Shape::OneOf(&["admin", "user"])),
    field("max_budget_in_team", Shape::Number),
    field("tpm_limit", Shape::Whole),
    field("rpm_limit", Shape::Whole),
    field("budget_duration", Shape::Text),
    field("budget_limits", Shape::List),
    field("model_max_budget", Shape::Object),
    field("allowed_models", Shape::Texts),
];

/// Members that stand in the member's own document.
const OWN: &[Field] = &[field("model_rpm_limit", Shape::Counts), field("model_tpm_limit", Shape::Counts)];

/// A member with another role, or with limits of their own in this team.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[FIELDS, OWN].concat())?;
    let team_id = fields.text("team_id").unwrap_or_default();
    if !fields.has("user_id") && !fields.has("user_email") {
        let text = "Either user_id or user_email needs to be passed in";
        return Err(detailed(Management::DetailRefused, text));
    }
    let done = control.change(|| async {
        let (team, _) = standing::team(control, &call.requester, team_id, Standing::TeamAdmin).await?;
        let user_id = in_team(control, &team, &fields).await?;
        let mut changes = membership(control, &call, &fields, &team, &user_id).await?;
        // Put in any case: the team must still be what was looked at.
        let mut after = team.clone();
        if let Some(role) = fields.text("role") {
            roster::set_role(&mut after.doc, &user_id, role);
        }
        changes.extend(put(&call, "updated", Some(&team), after));
        Ok((changes, user_id))
    });
    let user_id = done.await?;
    let said = |name: &str| fields.get(name).cloned().unwrap_or_default();
    Ok(Reply::json(json!({
        "user_id": user_id,
        "user_email": said("user_email"),
        "team_id": team_id,
        "max_budget_in_team": said("max_budget_in_team"),
        "tpm_limit": said("tpm_limit"),
        "rpm_limit": said("rpm_limit"),
    })))
}

async fn membership(
    control: &Control,
    call: &Call,
    fields: &Fields,
    team: &Object,
    user_id: &str,
) -> Result<Vec<Change>, Error> {
    let team_id = team.id.as_str();
    let mut said = Fields::default();
    for (name, of_budget) in [
        ("max_budget_in_team", "max_budget"),
        ("tpm_limit", "tpm_limit"),
        ("rpm_limit", "rpm_limit"),
        ("budget_duration", "budget_duration"),
        ("budget_limits", "budget_limits"),
        ("model_max_budget", "model_max_budget"),
        ("allowed_models", "allowed_models"),
    ] {
        if let Some(value) = fields.get(name) {
            said.set(of_budget, value.clone());
        }
    }
    let id = member_id(team_id, user_id);
    let before = control.store.get(Kind::TeamMember, &id).await?;
    let current = before.as_ref().and_then(held::budget_id);
    // What the team says of its members is not copied: they follow it in all that they have not of their own.
    let own = current.filter(|id| draft::member_budget_id(&team.doc) != Some(*id));
    let given = held::given(control, call, &said, (Kind::TeamMember, &id), own, false).await?;
    let budget_id = if given.changes.is_empty() { current } else { given.budget_id.as_deref() };
    let mut doc = document(team_id, user_id, budget_id);
    for member in OWN {
        let kept = before.as_ref().and_then(|before| before.doc.get(member.name));
        if let Some(value) = fields.get(member.name).or(kept).filter(|value| !value.is_null()) {
            doc.insert(member.name.to_owned(), value.clone());
        }
    }
    if given.changes.is_empty() && OWN.iter().all(|member| fields.get(member.name).is_none()) {
        return Ok(Vec::new());
    }
    let after = match &before {
        Some(before) => Object { doc, ..before.clone() },
        None => Object {
            team_id: Some(team_id.to_owned()),
            user_id: Some(user_id.to_owned()),
            ..Object::new(Kind::TeamMember, id, doc)
        },
    };
    let mut changes = given.changes;
    changes.extend(put(call, "updated", before.as_ref(), after));
    Ok(changes)
}

/// The id of the member whom a request names, by id or by address.
///
/// # Errors
/// 400: nobody in the team is it.
pub async fn in_team(control: &Control, team: &Object, fields: &Fields) -> Result<String, Error> {
    let (user_id, email) = (fields.text("user_id"), fields.text("user_email"));
    let named =
        roster::find(&team.doc, user_id, email).and_then(|member| member.get("user_id")).and_then(Value::as_str);
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    if let (None, Some(email)) = (user_id, email) {
        let filter = crate::store::Filter { alias: Some(email), ..crate::store::Filter::default() };
        let users = control.store.all(Kind::User, &filter).await?;
        if let Some(user) = users.into_iter().find(|user| roster::find(&team.doc, Some(&user.id), None).is_some()) {
            return Ok(user.id);
        }
    }
    let text =
        format!("User not found in team. Team_id={}, User_id={}", team.id, user_id.or(email).unwrap_or_default());
    Err(detailed(Management::DetailRefused, &text))
}
