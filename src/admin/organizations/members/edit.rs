//! `PATCH /organization/member_update`, `DELETE /organization/member_delete`

use serde_json::json;

use super::add::{ROLES, budget_of, check_may_change};
use super::row::memberships;
use crate::admin::budgets::held;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Fields, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};
use crate::store::{Filter, Kind, Object};

const DELETE: &[Field] =
    &[needed("organization_id", Shape::Text), field("user_id", Shape::Text), field("user_email", Shape::Text)];

const UPDATE: &[Field] = &[field("role", Shape::OneOf(ROLES)), field("max_budget_in_organization", Shape::Number)];

/// A member with another role or budget.
pub async fn update(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[DELETE, UPDATE].concat())?;
    let id = fields.text("organization_id").unwrap_or_default();
    let done = control.change(|| async {
        check_may_change(control, &call.requester, id).await?;
        let before = named(control, id, &fields).await?;
        let holder = (Kind::OrganizationMember, before.id.as_str());
        let given = held::given(control, &call, &budget_of(&fields), holder, held::budget_id(&before), false).await?;
        let mut after = before.clone();
        after.doc.insert("budget_id".to_owned(), json!(given.budget_id));
        if let Some(role) = fields.text("role") {
            after.doc.insert("user_role".to_owned(), json!(role));
        }
        let mut changes = given.changes;
        changes.extend(put(&call, "updated", Some(&before), after));
        Ok((changes, before.id))
    });
    let stored = control.store.get(Kind::OrganizationMember, &done.await?).await?;
    let shown = memberships(control, stored.as_slice()).await?;
    Ok(Reply::json(shown.into_iter().next().unwrap_or_default()))
}

/// A member who leaves.
pub async fn remove(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(DELETE)?;
    let id = fields.text("organization_id").unwrap_or_default();
    let done = control.change(|| async {
        check_may_change(control, &call.requester, id).await?;
        let member = named(control, id, &fields).await?;
        let shown = memberships(control, std::slice::from_ref(&member)).await?;
        Ok((held::gone(control, &call, &member).await?, shown))
    });
    Ok(Reply::json(done.await?.into_iter().next().unwrap_or_default()))
}

/// The membership that a request names, by the user's id or address.
async fn named(control: &Control, organization: &str, fields: &Fields) -> Result<Object, Error> {
    let users = match (fields.text("user_id"), fields.text("user_email")) {
        (Some(user_id), _) => vec![user_id.to_owned()],
        (None, Some(email)) => {
            let filter = Filter { alias: Some(email), ..Filter::default() };
            control.store.all(Kind::User, &filter).await?.into_iter().map(|user| user.id).collect()
        }
        (None, None) => {
            let text = "Either user_id or user_email needs to be passed in";
            return Err(detailed(Management::DetailRefused, text));
        }
    };
    for user_id in &users {
        let found = control.store.get(Kind::OrganizationMember, &format!("{organization}:{user_id}")).await?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    let text = format!("Member not found in organization. organization_id={organization}");
    Err(detailed(Management::DetailNoSuchObject, &text))
}
