//! `/schedule/model_cost_map_reload`: the price table is read anew every so many hours, on all nodes.
//!
//! The schedule stands in the setting that says when the table was read last ([`RELOADED`]). The node that finds it due
//! first writes there that it is time; that one and all others read the table because the setting says so.

use serde_json::{Map, Value, json};

use super::cost_map::{LAST_RUN, RELOADED};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::admin::times;
use crate::error::{Error, Management};
use crate::store::{Change, Failure, Kind, Object, Store};

/// LiteLLM's name for the hours.
const HOURS: &str = "interval_hours";
/// When the schedule was made: the first time is so many hours later.
const SINCE: &str = "scheduled_at";
/// Ten years.
const MOST_HOURS: i64 = 87_600;
const HOUR_MS: i64 = 3_600_000;
/// Clocks of nodes may differ by so many milliseconds.
const CLOCKS_APART: i64 = 60_000;

const QUERY: &[Field] = &[needed("hours", Shape::Whole)];

/// Makes the schedule, or another one of it.
///
/// # Errors
/// 400 if there are no such hours; the store's.
pub async fn schedule(control: &Control, call: Call) -> Result<Reply, Error> {
    let hours = call.query(QUERY)?.whole("hours").unwrap_or_default();
    if hours <= 0 {
        return Err(detailed(Management::DetailRefused, "Hours must be greater than 0"));
    }
    if hours > MOST_HOURS {
        return Err(detailed(Management::DetailRefused, &format!("Hours must be at most {MOST_HOURS}")));
    }
    let timestamp = times::zulu(control.now());
    let said = [(HOURS, json!(hours)), (SINCE, json!(timestamp))];
    change(control, &call, |doc| doc.extend(said.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))))
        .await?;
    Ok(Reply::json(json!({
        "message": format!("Model cost map reload scheduled for every {hours} hours"),
        "status": "success",
        "interval_hours": hours,
        "timestamp": timestamp,
    })))
}

/// Ends the schedule, if there is one.
///
/// # Errors
/// The store's.
pub async fn cancel(control: &Control, call: Call) -> Result<Reply, Error> {
    // When the table was read last stays: others compare with it.
    change(control, &call, |doc| doc.retain(|name, _| name != HOURS && name != SINCE)).await?;
    Ok(Reply::json(json!({
        "message": "Model cost map reload schedule cancelled",
        "status": "success",
        "timestamp": times::zulu(control.now()),
    })))
}

/// The schedule, and when the table was and will be read.
///
/// # Errors
/// The store's.
pub async fn status(control: &Control) -> Result<Reply, Error> {
    let setting = control.store.get(Kind::Setting, RELOADED).await?;
    let doc = setting.map(|setting| setting.doc).unwrap_or_default();
    // As it is written: a moment that is wrong is mended when the table is looked at next.
    let next = next_run(&doc, i64::MAX);
    let (hours, last) = (doc.get(HOURS), doc.get(LAST_RUN));
    Ok(Reply::json(json!({
        "scheduled": next.is_some(),
        "interval_hours": hours.filter(|_| next.is_some()),
        "last_run": last.filter(|_| next.is_some()),
        "next_run": next.map(times::zulu),
    })))
}

async fn change(
    control: &Control,
    call: &Call,
    alter: impl Fn(&mut Map<String, Value>) + Send + Sync,
) -> Result<(), Error> {
    let alter = &alter;
    let changed = control.change(|| async move {
        let before = control.store.get(Kind::Setting, RELOADED).await?;
        let mut after = before.clone().unwrap_or_else(|| Object::new(Kind::Setting, RELOADED, Map::new()));
        alter(&mut after.doc);
        let action = if before.is_some() { "updated" } else { "created" };
        Ok((put(call, action, before.as_ref(), after).into(), ()))
    });
    changed.await
}

/// When the table is due (milliseconds since 1970): so many hours after it was read last, or after the schedule was made
/// if that is later. A moment that has not come yet was written by a node whose clock was wrong, and counts for nothing.
/// `None`: there is no schedule.
fn next_run(doc: &Map<String, Value>, now: i64) -> Option<i64> {
    let hours = doc.get(HOURS)?.as_i64().filter(|hours| (1..=MOST_HOURS).contains(hours))?;
    let moment = |name: &str| doc.get(name).and_then(Value::as_str).and_then(times::moment);
    let moments = [moment(LAST_RUN), moment(SINCE)];
    let is_any = moments.iter().any(Option::is_some);
    let from = moments.into_iter().flatten().filter(|at| *at <= now.saturating_add(CLOCKS_APART)).max();
    from.map(|from| from.saturating_add(hours * HOUR_MS)).or(is_any.then_some(now))
}

/// Says to all nodes that it is time, if it is at this moment (milliseconds since 1970) and no other node was faster.
/// Returns in how many milliseconds it is time again; `None`: there is no schedule.
///
/// # Errors
/// [`Failure`]: the store's.
pub async fn claim(store: &Store, now: i64) -> Result<Option<i64>, Failure> {
    let Some(mut setting) = store.get(Kind::Setting, RELOADED).await? else { return Ok(None) };
    let Some(next) = next_run(&setting.doc, now) else { return Ok(None) };
    if next > now {
        return Ok(Some(next - now));
    }
    setting.doc.insert(LAST_RUN.to_owned(), json!(times::zulu(now)));
    let again = next_run(&setting.doc, now).map(|next| next.saturating_sub(now).max(0));
    match store.commit(&[Change::Put(setting)], now).await {
        // Whoever was faster has changed it, and it is looked at again when that is heard.
        Ok(()) | Err(Failure::Changed | Failure::Exists) => Ok(again),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_after_the_later_of_two_moments() {
        let now = times::moment("2026-11-20T03:00:00Z").unwrap();
        let next = |doc: Value| next_run(doc.as_object().unwrap(), now).map(times::zulu);
        let (early, late) = ("2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z");
        assert_eq!(next(json!({HOURS: 6, SINCE: early})).unwrap(), "2026-11-20T07:00:00Z");
        assert_eq!(next(json!({HOURS: 6, SINCE: early, LAST_RUN: late})).unwrap(), "2026-11-20T08:00:00Z");
        assert_eq!(next(json!({HOURS: 6, SINCE: late, LAST_RUN: early})).unwrap(), "2026-11-20T08:00:00Z");
        let wrong = "2027-11-20T02:00:00Z";
        assert_eq!(next(json!({HOURS: 6, SINCE: early, LAST_RUN: wrong})).unwrap(), "2026-11-20T07:00:00Z");
        assert_eq!(next(json!({HOURS: 6, SINCE: wrong})).unwrap(), "2026-11-20T03:00:00Z", "now");
        for doc in [json!({}), json!({SINCE: late, LAST_RUN: late}), json!({HOURS: 0, SINCE: late}), json!({HOURS: 6})]
        {
            assert_eq!(next(doc.clone()), None, "{doc}");
        }
    }
}
