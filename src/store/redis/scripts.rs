//! The commands: what they are told, and what they say.

use std::time::Duration;

use ::redis::{Script, ScriptInvocation};

use super::deployments::{MINUTE_KEPT, OPENINGS_KEPT, OPENINGS_MAX, Opening};
use crate::limiter::lease::{
    MoneyCall, MoneyReply, PLACES_KEPT, PlacesCall, PlacesReply, RateCall, RateReply, WANTED_FOR,
};
use crate::limiter::{Kind, Window};
use crate::router::lending::LoanCall;

/// How long a node that says nothing is counted.
pub const NODE_LIFETIME: Duration = Duration::from_secs(5);
/// How long a budget without a window is kept that nobody speaks of, and one with a window after its end.
const KEPT_ENDLESS: i64 = 30 * 86_400;
const KEPT_ENDED: i64 = 86_400;

/// The scripts, by what they do.
#[derive(Debug)]
pub(super) struct Scripts {
    rate: Script,
    money: Script,
    places: Script,
    begin: Script,
    beat: Script,
    minute: Script,
    open: Script,
}

/// What begins a count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    pub epoch: u64,
    /// Seconds since 1970; 0: never.
    pub ends: i64,
    pub span: Option<Window>,
    /// Nano-dollars.
    pub spent: u64,
    /// Also if there is a count.
    pub is_forced: bool,
}

impl Scripts {
    pub fn new() -> Self {
        Self {
            rate: Script::new(include_str!("scripts/rate.lua")),
            money: Script::new(include_str!("scripts/money.lua")),
            places: Script::new(include_str!("scripts/places.lua")),
            begin: Script::new(include_str!("scripts/begin.lua")),
            beat: Script::new(include_str!("scripts/beat.lua")),
            minute: Script::new(include_str!("scripts/minute.lua")),
            open: Script::new(include_str!("scripts/open.lua")),
        }
    }

    /// All of them, to be loaded on a new connection.
    pub fn all(&self) -> [&Script; 7] {
        [&self.rate, &self.money, &self.places, &self.begin, &self.beat, &self.minute, &self.open]
    }

    pub fn rate(&self, key: &str, call: &RateCall) -> ScriptInvocation<'_> {
        let mut said = self.rate.key(key);
        said.arg(call.limit).arg(call.charge).arg(call.give).arg(call.want).arg(call.need);
        said
    }

    pub fn money(&self, key: &str, lessee: &str, sequence: u64, call: &MoneyCall, now: i64) -> ScriptInvocation<'_> {
        let mut said = self.money.key(key);
        said.arg(lessee).arg(sequence).arg(call.epoch).arg(call.window).arg(span(call.span));
        said.arg(call.max).arg(call.spent).arg(call.target).arg(call.floor);
        said.arg(u8::from(call.farewell)).arg(lifetime(call.window, now)).arg(call.generation);
        said
    }

    pub fn places(&self, key: &str, lessee: &str, sequence: u64, call: &PlacesCall) -> ScriptInvocation<'_> {
        let mut said = self.places.key(key);
        said.arg(lessee).arg(sequence).arg(call.limit).arg(call.keep).arg(call.target).arg(call.need);
        said.arg(millis(PLACES_KEPT)).arg(millis(WANTED_FOR));
        said
    }

    pub fn begin(&self, key: &str, beginning: &Beginning, now: i64) -> ScriptInvocation<'_> {
        let mut said = self.begin.key(key);
        said.arg(beginning.epoch).arg(beginning.ends).arg(span(beginning.span)).arg(beginning.spent);
        said.arg(lifetime(beginning.ends, now)).arg(u8::from(beginning.is_forced));
        said
    }

    /// `false`: the node leaves.
    pub fn beat(&self, key: &str, node: &str, stays: bool) -> ScriptInvocation<'_> {
        let mut said = self.beat.key(key);
        said.arg(node).arg(if stays { NODE_LIFETIME.as_millis().to_string() } else { "0".to_owned() });
        said
    }

    pub fn minute(&self, key: &str, node: &str, sequence: u64, call: &LoanCall) -> ScriptInvocation<'_> {
        let mut said = self.minute.key(key);
        said.arg(node).arg(sequence).arg(millis(MINUTE_KEPT));
        for part in [call.requests, call.tokens] {
            let limit = part.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
            said.arg(limit).arg(part.used).arg(part.want);
        }
        said
    }

    pub fn open<'o>(&self, key: &str, opened: impl Iterator<Item = &'o Opening>) -> ScriptInvocation<'_> {
        let mut said = self.open.key(key);
        said.arg(OPENINGS_MAX).arg(millis(OPENINGS_KEPT));
        for (deployment, rest) in opened {
            said.arg(deployment).arg(millis((*rest).min(OPENINGS_KEPT)));
        }
        said
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The key of one account of a scope: `tollgate:{key:1b6e…}:requests`.
pub(super) fn key(namespace: &str, kind: Kind, id: &str, account: &str) -> String {
    format!("{namespace}:{{{kind}:{id}}}:{account}")
}

pub(super) fn rate_reply((granted, full_after, remaining, wait): (u64, u64, u64, u64)) -> RateReply {
    let micros = Duration::from_micros;
    RateReply { granted, full_after: micros(full_after), remaining, wait: micros(wait) }
}

pub(super) fn places_reply(numbers: &[u64]) -> PlacesReply {
    match *numbers {
        [held, others, wanted] => PlacesReply::Held { held, others, wanted },
        _ => PlacesReply::Stale,
    }
}

pub(super) fn money_reply(numbers: &[i64]) -> MoneyReply {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    match *numbers {
        [0, held, spent, total] => {
            MoneyReply::Held { held: unsigned(held), spent: unsigned(spent), total: unsigned(total) }
        }
        [1, epoch, spent, total] => {
            MoneyReply::Epoch { epoch: unsigned(epoch), spent: unsigned(spent), total: unsigned(total) }
        }
        [2, ends] => MoneyReply::Window(ends),
        [3] => MoneyReply::Absent,
        _ => MoneyReply::Stale,
    }
}

fn span(window: Option<Window>) -> String {
    window.map(|window| window.to_string()).unwrap_or_default()
}

/// In milliseconds.
fn lifetime(ends: i64, now: i64) -> i64 {
    let seconds = if ends == 0 { KEPT_ENDLESS } else { ends.saturating_sub(now).max(0).saturating_add(KEPT_ENDED) };
    seconds.saturating_mul(1_000)
}
