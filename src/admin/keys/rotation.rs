//! `auto_rotate`: keys that become new ones by themselves, each after its `rotation_interval`.
//!
//! As with LiteLLM nobody is told the new plain text: the owner, who still has the old key for the grace period, gets
//! one by `/key/regenerate` of the key that is there now.

use serde_json::{Map, Value, json};

use super::minted::Minted;
use super::regenerate::{ROTATED_TO, grace, replace};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::Fields;
use crate::admin::rights::refused;
use crate::admin::times;
use crate::error::Error;
use crate::store::{Change, Failure, Filter, Kind, Object, Order, Page};

/// Where it stands when a key is to become a new one.
const NEXT: &str = "key_rotation_at";
/// The setting that says when a node last began to rotate keys.
const ROUND: &str = "key_rotation";
const BEGAN_AT: &str = "began_at";

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Keys that became new ones.
    pub keys: u64,
    /// Keys that were due and are as they were; the log says why.
    pub failed: u64,
    /// Old keys whose grace period is over, and that are gone.
    pub forgotten: u64,
}

/// Sets when a key is to become a new one, by what its document says.
///
/// # Errors
/// 400 if the interval is none.
pub fn apply(control: &Control, doc: &mut Map<String, Value>, said: &Fields) -> Result<(), Error> {
    if !["auto_rotate", "rotation_interval"].iter().any(|name| said.get(name).is_some()) {
        return Ok(());
    }
    let interval = doc.get("rotation_interval").and_then(Value::as_str);
    if let Some(interval) = interval.filter(|interval| times::after(control.now(), interval).is_none()) {
        let text = format!("Invalid rotation_interval: '{interval}'. Use a number and a unit: '1h', '30d', '90d'.");
        return Err(refused(text).param("rotation_interval"));
    }
    set_next(control, doc);
    Ok(())
}

/// The same from now on, of a key that is new.
pub(super) fn set_next(control: &Control, doc: &mut Map<String, Value>) {
    let interval = doc.get("rotation_interval").and_then(Value::as_str);
    let is_wanted = doc.get("auto_rotate").and_then(Value::as_bool) == Some(true);
    match interval.filter(|_| is_wanted).and_then(|interval| times::after(control.now(), interval)) {
        Some(next) => doc.insert(NEXT.to_owned(), json!(times::zulu(next))),
        None => doc.shift_remove(NEXT),
    };
}

/// Gives every key that is due a new plain text; the old one works for the `grace_period` (`24h`). At most once in
/// `every` milliseconds, on whichever node is first. `None`: another round was not long ago.
///
/// # Errors
/// The store's, or the grace period is none.
pub async fn rotate_due(control: &Control, every: i64, grace_period: Option<&str>) -> Result<Option<Rotated>, Error> {
    if !begin(control, every).await? {
        return Ok(None);
    }
    let call = Call::of_job();
    let mut rotated = Rotated::default();
    for (id, state) in due(control).await? {
        let done = match state {
            State::Due => rotate(control, &call, &id, grace_period).await.map(|()| rotated.keys += 1),
            State::Over => forget(control, &id).await.map(|()| rotated.forgotten += 1),
        };
        if let Err(error) = done {
            rotated.failed += 1;
            let prefix: String = id.chars().take(8).collect();
            tracing::warn!(key = prefix, error = error.message, "a key that is due was not rotated");
        }
    }
    Ok(Some(rotated))
}

/// Whether this node is the one that rotates now.
async fn begin(control: &Control, every: i64) -> Result<bool, Error> {
    let now = control.now();
    let mut round = match control.store.get(Kind::Setting, ROUND).await? {
        Some(round) => round,
        None => Object::new(Kind::Setting, ROUND, Map::new()),
    };
    let last = round.doc.get(BEGAN_AT).and_then(Value::as_i64);
    // A time to come is that of a clock that was wrong.
    if last.is_some_and(|last| (0..every).contains(&(now - last))) {
        return Ok(false);
    }
    round.doc.insert(BEGAN_AT.to_owned(), json!(now));
    match control.store.commit(&[Change::Put(round)], now).await {
        Ok(()) => Ok(true),
        Err(Failure::Changed | Failure::Exists) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// Why a key is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is time for a new one.
    Due,
    /// It was replaced, and its end has come.
    Over,
}

async fn due(control: &Control) -> Result<Vec<(String, State)>, Error> {
    let mut due = Vec::new();
    let mut read = 0;
    loop {
        let page = Page { order: Order::ById, offset: read, ..Page::ALL };
        let keys = control.store.list(Kind::Key, &Filter::default(), page).await?;
        due.extend(keys.iter().filter_map(|key| Some((key.id.clone(), state(&key.doc, control.now())?))));
        read += keys.len() as u64;
        if keys.len() < Page::ALL.limit as usize {
            return Ok(due);
        }
    }
}

fn state(doc: &Map<String, Value>, now: i64) -> Option<State> {
    let time = |name: &str| doc.get(name).and_then(Value::as_str).and_then(times::milliseconds);
    let is_past = |name: &str| time(name).is_some_and(|time| time <= now);
    if doc.contains_key(ROTATED_TO) {
        return is_past("expires").then_some(State::Over);
    }
    let is_wanted = doc.get("auto_rotate").and_then(Value::as_bool) == Some(true);
    let has_interval = doc.get("rotation_interval").and_then(Value::as_str).is_some();
    // One that was stored by a release that set no time is due at once.
    let is_due = is_past(NEXT) || time(NEXT).is_none();
    // A key that has ended does not come back.
    (is_wanted && has_interval && is_due && !is_past("expires")).then_some(State::Due)
}

async fn rotate(control: &Control, call: &Call, id: &str, grace_period: Option<&str>) -> Result<(), Error> {
    let until = grace(control, grace_period)?;
    let said = Fields::default();
    replace(control, call, id, (&said, &Minted::random()?, until.as_deref())).await.map(|_| ())
}

async fn forget(control: &Control, id: &str) -> Result<(), Error> {
    control.change(|| async { Ok((vec![Change::Delete(Kind::Key, id.to_owned())], ())) }).await
}
