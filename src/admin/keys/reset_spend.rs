//! `POST /key/{key}/reset_spend`

use serde_json::json;

use super::access::{find, leads};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::audit;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::limits;
use crate::admin::reply::Reply;
use crate::admin::rights::{not_yours, refused};
use crate::error::Error;
use crate::limiter;
use crate::pricing::Money;

const BODY: &[Field] = &[needed("reset_to", Shape::Number)];

/// Sets what the key has spent to less.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = call.body(BODY)?;
    let to = said.number("reset_to").unwrap_or_default();
    let key = find(control, call.param("key")).await?;
    if !leads(control, &call.requester, &key).await? {
        return Err(not_yours("You must be a proxy admin or team admin to reset key spend"));
    }
    let spent = control.spent(limiter::Kind::Key, &[&key.id]).await?.into_iter().next().unwrap_or_default();
    let most = limits::rights(&key.doc).budget.map(|budget| budget.max);
    let target = Money::from_dollars_f64(to).filter(|target| *target >= Money::ZERO);
    let Some(target) = target else { return Err(refused("reset_to must be >= 0")) };
    if target > spent {
        return Err(refused(format!("reset_to ({to:?}) must be <= current spend ({:?})", spent.dollars())));
    }
    if let Some(most) = most.filter(|most| to > *most) {
        return Err(refused(format!("reset_to ({to:?}) must be <= budget ({most:?})")));
    }
    control.change(|| async { Ok((vec![audit(&call, "updated", Some(&key), Some(&key))], ())) }).await?;
    control.desk.set_spent(limiter::Kind::Key, &key.id, target).await?;
    let shown = control.shown(&key);
    Ok(Reply::json(json!({
        "key_hash": key.id,
        "spend": to,
        "previous_spend": spent.dollars(),
        "max_budget": most,
        "budget_reset_at": shown.get("budget_reset_at"),
    })))
}
