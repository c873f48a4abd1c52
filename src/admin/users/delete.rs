//! `POST /user/delete`

use serde_json::json;

use super::belonging::{leave, leave_teams};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::delete;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::{not_found, refused};
use crate::error::Error;
use crate::store::Kind;

const BODY: &[Field] = &[needed("user_ids", Shape::Texts)];

/// Users that are deleted at once at most.
const MOST_USERS: usize = 100;

/// Deletes users with their keys and memberships; the answer is how many.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let mut ids = call.body(BODY)?.texts("user_ids");
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > MOST_USERS {
        return Err(refused(format!("Maximum {MOST_USERS} users can be deleted at once.")));
    }
    control
        .change(|| async {
            let (mut users, mut changes) = (Vec::new(), Vec::new());
            for id in &ids {
                let user = control.store.get(Kind::User, id).await?;
                let user =
                    user.ok_or_else(|| not_found(format!("User not found, passed user_id={id}")).param("user_ids"))?;
                changes.extend(leave(control, &call, &user).await?);
                changes.extend(delete(&call, &user));
                users.push(user);
            }
            changes.extend(leave_teams(control, &call, &users).await?);
            Ok((changes, ()))
        })
        .await?;
    Ok(Reply::json(json!(ids.len())))
}
