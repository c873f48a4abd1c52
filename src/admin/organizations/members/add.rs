//! `POST /organization/member_add`

use serde_json::{Map, Value, json};

use super::row::memberships;
use crate::admin::budgets::held;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Fields, Place, Shape, fault, field, invalid, needed};
use crate::admin::finding::by_ids;
use crate::admin::organizations::admins::administers;
use crate::admin::organizations::find;
use crate::admin::reply::Reply;
use crate::admin::requester::{MASTER_USER, Requester};
use crate::admin::rights::{not_yours, refused};
use crate::admin::teams::members::people::find_or_make;
use crate::admin::teams::members::roster::Wanted;
use crate::admin::teams::members::row::users;
use crate::error::Error;
use crate::store::{Change, Kind, Object};

const FIELDS: &[Field] = &[
    needed("organization_id", Shape::Text),
    needed("member", Shape::Any),
    field("max_budget_in_organization", Shape::Number),
];

/// Roles that an organization gives.
pub const ROLES: &[&str] = &["org_admin", "internal_user", "internal_user_viewer"];

const MEMBER: &[Field] =
    &[needed("role", Shape::OneOf(ROLES)), field("user_id", Shape::Text), field("user_email", Shape::Text)];

/// New members. Who is no user yet becomes one.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let id = fields.text("organization_id").unwrap_or_default();
    let said = fields.get("member").unwrap_or(&Value::Null);
    let wanted = said.as_array().map_or(std::slice::from_ref(said), Vec::as_slice).iter().map(read);
    let wanted = wanted.collect::<Result<Vec<_>, Error>>()?;
    let done = control.change(|| async {
        check_may_change(control, &call.requester, id).await?;
        let mut changes = Vec::new();
        let mut user_ids = Vec::new();
        for wanted in &wanted {
            let person = find_or_make(control, wanted).await?;
            let user_id = person.now.id.clone();
            if user_ids.contains(&user_id) {
                continue;
            }
            if person.before.is_none() && user_id != MASTER_USER {
                changes.extend(put(&call, "created", None, person.now));
            }
            changes.extend(joining(control, &call, &fields, id, &user_id, &wanted.role).await?);
            user_ids.push(user_id);
        }
        Ok((changes, user_ids))
    });
    let user_ids = done.await?;
    let members: Vec<String> = user_ids.iter().map(|user_id| format!("{id}:{user_id}")).collect();
    let members = by_ids(control, Kind::OrganizationMember, &members).await?;
    let people = by_ids(control, Kind::User, &user_ids).await?;
    Ok(Reply::json(json!({
        "organization_id": id,
        "updated_users": users(control, &people).await?,
        "updated_organization_memberships": memberships(control, &members).await?,
    })))
}

async fn joining(
    control: &Control,
    call: &Call,
    fields: &Fields,
    organization: &str,
    user_id: &str,
    role: &str,
) -> Result<Vec<Change>, Error> {
    let id = format!("{organization}:{user_id}");
    if control.store.get(Kind::OrganizationMember, &id).await?.is_some() {
        let text = format!("User with id {user_id} already in organization");
        return Err(refused(text).param("user_id"));
    }
    let budget = budget_of(fields);
    let given = held::given(control, call, &budget, (Kind::OrganizationMember, &id), None, false).await?;
    let mut doc = Map::new();
    doc.insert("user_id".to_owned(), json!(user_id));
    doc.insert("organization_id".to_owned(), json!(organization));
    doc.insert("user_role".to_owned(), json!(role));
    doc.insert("budget_id".to_owned(), json!(given.budget_id));
    let member = Object {
        user_id: Some(user_id.to_owned()),
        organization_id: Some(organization.to_owned()),
        ..Object::new(Kind::OrganizationMember, id, doc)
    };
    let mut changes = given.changes;
    changes.extend(put(call, "created", None, member));
    Ok(changes)
}

/// `max_budget_in_organization` as a budget says it.
pub(super) fn budget_of(fields: &Fields) -> Fields {
    let mut budget = Fields::default();
    if let Some(max) = fields.get("max_budget_in_organization") {
        budget.set("max_budget", max.clone());
    }
    budget
}

fn read(value: &Value) -> Result<Wanted, Error> {
    let empty = Map::new();
    let fields = Fields::of_map(value.as_object().unwrap_or(&empty), MEMBER, Place::Body)?;
    let text = |name: &str| fields.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let wanted =
        Wanted { user_id: text("user_id"), user_email: text("user_email"), role: text("role").unwrap_or_default() };
    if wanted.user_id.is_none() && wanted.user_email.is_none() {
        let text = "Value error, Either user id or user email must be provided";
        return Err(invalid(vec![fault("value_error", &[json!("body"), json!("member")], text, Value::Null)]));
    }
    Ok(wanted)
}

/// Lets pass admins of the gateway and of the organization, which is there.
///
/// # Errors
/// 403, 404.
pub(super) async fn check_may_change(control: &Control, requester: &Requester, id: &str) -> Result<Object, Error> {
    let may = requester.is_admin() || administers(control, requester, Some(id)).await?;
    if !may {
        return Err(not_yours(format!(
            "Only proxy admins and admins of the organization {id} can change its members."
        )));
    }
    find(control, id).await
}
