//! `POST /team/new`

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{FURTHER, IN_METADATA, MEMBER_BUDGET, OWN};
use super::members::join::join;
use super::members::roster::{self, Wanted};
use super::{bounds, draft, given, row};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Fields, Shape, field};
use crate::admin::organizations;
use crate::admin::organizations::admins::{administers, check_is_member};
use crate::admin::reply::Reply;
use crate::admin::requester::Requester;
use crate::admin::rights::{detailed, not_yours};
use crate::error::{Error, Management};
use crate::store::{Change, Kind, Object};

const FIELDS: &[Field] = &[field("team_id", Shape::Text), field("members_with_roles", Shape::List)];

/// The entry of `models` that is just what the organization has.
const ALL_OF_ORGANIZATION: &str = "all-org-models";
/// The longest id that a caller may choose.
const LONGEST_ID: usize = 256;

/// A new team; who makes it is its first admin.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let mut fields = call.body(&[FIELDS, OWN, IN_METADATA, MEMBER_BUDGET, FURTHER].concat())?;
    check_may_say(control, &call.requester, &fields)?;
    for (name, value) in &control.settings.default_team {
        if !fields.has(name) && OWN.iter().any(|own| own.name == name) {
            fields.set(name, value.clone());
        }
    }
    let team_id = team_id(&fields)?;
    let mut wanted = roster::read(fields.get("members_with_roles").unwrap_or(&json!([])))?;
    let creator = call.requester.user_id.clone();
    if creator.is_some() && !wanted.iter().any(|member| member.user_id == creator) {
        wanted.push(Wanted { user_id: creator, user_email: None, role: "admin".to_owned() });
    }
    let made = control.change(|| async {
        check_may_make(control, &call.requester, &fields).await?;
        if control.store.get(Kind::Team, &team_id).await?.is_some() {
            let text = format!("Team id = {team_id} already exists. Please use a different team id.");
            return Err(detailed(Management::DetailExists, &text));
        }
        Ok((changes(control, &call, &fields, &team_id, &wanted).await?, ()))
    });
    made.await?;
    Ok(Reply::json(row::stored(control, &team_id).await?))
}

async fn changes(
    control: &Control,
    call: &Call,
    fields: &Fields,
    team_id: &str,
    wanted: &[Wanted],
) -> Result<Vec<Change>, Error> {
    let mut doc = Map::new();
    doc.insert("team_id".to_owned(), json!(team_id));
    draft::apply(control, &mut doc, fields)?;
    check_within_organization(control, &doc).await?;
    let budget = draft::member_budget(control, call, &mut doc, fields, team_id).await?;
    let mut team = team(team_id, doc, None);
    let joined = join(control, call, &mut team, wanted, None).await?;
    let mut changes: Vec<Change> = put(call, "created", None, team).into();
    changes.extend(budget.changes);
    changes.extend(joined.changes);
    Ok(changes)
}

/// A team as it is stored.
pub fn team(team_id: &str, doc: Map<String, Value>, before: Option<&Object>) -> Object {
    let text = |name: &str| doc.get(name).and_then(Value::as_str).map(str::to_owned);
    let (alias, organization_id) = (text("team_alias"), text("organization_id"));
    match before {
        Some(before) => Object { alias, organization_id, doc, ..before.clone() },
        None => Object { alias, organization_id, ..Object::new(Kind::Team, team_id, doc) },
    }
}

/// The id that the request chooses, or a new one. It has no colon, which stands between team and user in a member's id.
fn team_id(fields: &Fields) -> Result<String, Error> {
    match fields.text("team_id").filter(|id| !id.is_empty()) {
        None => Ok(Uuid::new_v4().to_string()),
        Some(id) if id.contains(':') || id.len() > LONGEST_ID => {
            let text = format!("A team_id has no ':' and at most {LONGEST_ID} bytes.");
            Err(detailed(Management::DetailRefused, &text))
        }
        Some(id) => Ok(id.to_owned()),
    }
}

/// Refuses what only a proxy admin says of a team. What the configuration says of new teams is said by nobody.
fn check_may_say(control: &Control, requester: &Requester, said: &Fields) -> Result<(), Error> {
    if requester.is_admin() {
        return Ok(());
    }
    let mut doc = Map::new();
    draft::apply(control, &mut doc, said)?;
    bounds::check_organizations_change(&Map::new(), &doc)
}

/// Lets pass admins of the gateway, and for teams of an organization its admins, who give no more models than they have.
async fn check_may_make(control: &Control, requester: &Requester, fields: &Fields) -> Result<(), Error> {
    if requester.is_admin() {
        return Ok(());
    }
    let organization = fields.text("organization_id");
    if !administers(control, requester, organization).await? {
        if let Some(organization) = organization {
            check_is_member(control, requester, organization).await?;
        }
        let role = requester.role_name();
        return Err(not_yours(format!(
            "Only proxy admins can create teams, and admins of an organization its teams. Your role={role}"
        )));
    }
    given::check(control, requester, None, fields.map()).await
}

/// Refuses a team that has more than its organization.
///
/// # Errors
/// 400, and 404 without the organization.
pub(super) async fn check_within_organization(control: &Control, doc: &Map<String, Value>) -> Result<(), Error> {
    match doc.get("organization_id").and_then(Value::as_str) {
        Some(id) => {
            let limits = organizations::limits(control, id).await?;
            let mut part = doc.clone();
            let models = bounds::texts(doc, "models").into_iter().filter(|model| model != ALL_OF_ORGANIZATION);
            part.insert("models".to_owned(), models.collect());
            bounds::check(&part, &limits, "Team", "organization")
        }
        None => Ok(()),
    }
}
