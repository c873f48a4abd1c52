//! `POST /user/update`

use serde_json::{Map, json};

use super::fields::{OWN, all_with};
use super::{PROXY_BUDGET_USER, draft, row};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::Fields;
use crate::admin::reply::Reply;
use crate::admin::rights::{not_found, not_yours, refused};
use crate::error::Error;
use crate::limiter;
use crate::pricing::Money;
use crate::store::{Change, Filter, Kind, Object, Page};

/// Changes what is said of a user, and leaves the rest. As in LiteLLM an admin makes known whom nobody knew.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = call.body(&all_with(&[]))?;
    let user = control
        .change(|| async {
            let before = named(control, &said).await?;
            check_may_change(&call, before.as_ref(), &said)?;
            let (mut after, action) = match (&before, said.text("user_id")) {
                (Some(before), _) => (before.clone(), "updated"),
                (None, Some(id)) => (draft::object(id, Map::new()), "created"),
                (None, None) => return Err(not_found("User not found").param("user_email")),
            };
            draft::apply(control, &mut after.doc, &said)?;
            let mut after = draft::found_by(after);
            let changes: Vec<Change> = put(&call, action, before.as_ref(), after.clone()).into();
            after.updated_at = control.now();
            Ok((changes, after))
        })
        .await?;
    if let Some(spend) = said.number("spend").and_then(Money::from_dollars_f64) {
        let scope = match user.id.as_str() {
            PROXY_BUDGET_USER => (limiter::Kind::Global, ""),
            id => (limiter::Kind::User, id),
        };
        control.desk.set_spent(scope.0, scope.1, spend).await?;
    }
    let data = row::info(control, &user).await?;
    Ok(Reply::json(json!({"user_id": user.id, "data": data})))
}

/// The user whom the request names, by id or by address.
async fn named(control: &Control, said: &Fields) -> Result<Option<Object>, Error> {
    if let Some(id) = said.text("user_id").filter(|id| !id.is_empty()) {
        return Ok(control.store.get(Kind::User, id).await?);
    }
    let Some(email) = said.text("user_email") else {
        return Err(refused("Either user id or user email must be provided").param("user_id"));
    };
    let filter = Filter { alias: Some(email), ..Filter::default() };
    let mut found = control.store.list(Kind::User, &filter, Page::number(1, 2)).await?;
    if found.len() > 1 {
        return Err(refused("Several users have this email. Use 'user_id' instead.").param("user_email"));
    }
    Ok(found.pop())
}

/// Admins change everybody; users their own name and address.
fn check_may_change(call: &Call, user: Option<&Object>, said: &Fields) -> Result<(), Error> {
    if call.requester.is_admin() {
        return Ok(());
    }
    if call.requester.is_lent || !call.requester.is_user(user.map(|user| user.id.as_str())) {
        return Err(not_yours("You are not allowed to update this user"));
    }
    match said.map().keys().find(|name| !OWN.contains(&name.as_str())) {
        Some(name) => Err(not_yours(format!("Only proxy admin can change '{name}' of a user"))),
        None => Ok(()),
    }
}
