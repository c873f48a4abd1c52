//! A gateway's part of a limit that several gateways share: what it was lent of a calendar minute, and what it should say to
//! who lends it.
//!
//! A request takes from what was lent: nobody is asked. One round after the other tells how much was used and asks for
//! more before it is at its end ([`LEAD_PARTS`]); only these rounds change what is lent, so there is one writer. What nobody
//! uses is given back in two steps: first no request may take it any more, and in a later round the lender is told. So
//! the lender never lends twice what a request has taken meanwhile.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::usage::{Counter, Minute};
use crate::clock::Instant;

/// A gateway is lent as much ahead as this part of the limit, divided among the gateways; one at least.
pub const LEAD_PARTS: u64 = 10;
/// How long nobody asks again who was told that nothing is left: others may give something back.
pub const DRY_FOR: Duration = Duration::from_millis(250);
/// What was not used for so many reports is given back.
pub const IDLE_REPORTS: u32 = 8;

/// How it is with who lends.
#[derive(Debug)]
pub struct Lending {
    /// 0: what was lent counts. Else nobody lends, and this gateway takes one of so many parts of each limit.
    parts: AtomicU64,
}

impl Default for Lending {
    /// Nobody lends yet, and nobody else is known.
    fn default() -> Self {
        Self { parts: AtomicU64::new(1) }
    }
}

impl Lending {
    /// Only what was lent may be used.
    pub fn begin(&self) {
        self.parts.store(0, Relaxed);
    }

    /// Nobody lends: each limit is divided into so many parts, of which one is this gateway's.
    pub fn end(&self, parts: u64) {
        self.parts.store(parts.max(1), Relaxed);
    }

    /// Whether somebody lends.
    pub fn is_on(&self) -> bool {
        self.parts.load(Relaxed) == 0
    }

    /// How much of a limit may be used in this minute by who needs so much at once.
    pub(super) fn most(&self, limit: u64, lot: &Lot, minute: Minute, need: u64) -> u64 {
        if limit == u64::MAX {
            return limit;
        }
        let lent = lot.lent(minute).min(limit);
        match self.parts.load(Relaxed) {
            0 => lent,
            // What fits into the limit fits into the part.
            parts => lent.max(limit / parts.min(limit / need.max(1)).max(1)),
        }
    }
}

/// What is said of one limit of one minute. Everything is absolute, so that a call may be lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What all may use; `None`: there is no limit, and nothing is lent.
    pub limit: Option<u64>,
    /// What was used here.
    pub used: u64,
    /// How much this gateway wants to hold, used or not.
    pub want: u64,
}

/// See the file.
#[derive(Debug, Default)]
pub(super) struct Lot {
    /// What was lent, of even minutes and of odd ones: the next minute's is there before it begins.
    lent: [Counter; 2],
    /// What the lender believes that is held here, and what it was told that was used.
    held: [Counter; 2],
    told: Counter,
    /// The most that a request wants that found too little.
    wanted: AtomicU64,
    /// Nanoseconds.
    dry_until: AtomicU64,
    /// What was used at the last report, and for how many reports that has not changed.
    seen: AtomicU64,
    idle: AtomicU32,
    /// The minute that was asked for ahead.
    ahead: AtomicU64,
}

/// What one limit lacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lack {
    pub(super) limit: u64,
    pub(super) used: u64,
    /// What is to be there ahead.
    pub(super) lead: u64,
}

impl Lack {
    pub(super) fn new(limit: u64, used: u64, nodes: u64) -> Self {
        Self { limit, used, lead: (limit / LEAD_PARTS / nodes.max(1)).max(1) }
    }
}

impl Lot {
    /// What may be used in this minute.
    pub(super) fn lent(&self, minute: Minute) -> u64 {
        self.of(&self.lent, minute).exactly(minute)
    }

    /// Whether somebody has used it lately, or wants to.
    pub(super) fn is_active(&self, used: u64) -> bool {
        self.wanted.load(Relaxed) > 0 || (used > 0 && self.idle.load(Relaxed) < IDLE_REPORTS)
    }

    /// A request needs so much and does not find it. Whether it may come.
    pub(super) fn want(&self, now: Instant, minute: Minute, limit: u64, used: u64, need: u64) -> bool {
        if limit == u64::MAX || used.saturating_add(need) <= self.lent(minute) {
            return true;
        }
        let may_come = used.saturating_add(need) <= limit && self.dry_until.load(Relaxed) <= now.nanos();
        if may_come {
            self.wanted.fetch_max(need.max(1), Relaxed);
        }
        may_come
    }

    /// What is to be said now, and whether it is urgent. `is_active`: requests come, here or at its neighbours.
    pub(super) fn ask(&self, now: Instant, minute: Minute, lack: Lack, is_active: bool) -> (Part, bool) {
        let Lack { limit, used, lead } = lack;
        if limit == u64::MAX {
            return (Part { limit: None, used, want: used }, false);
        }
        let lent = self.lent(minute);
        let wanted = self.wanted.swap(0, Relaxed);
        let least = wanted.max(lead.div_ceil(2));
        let is_low = is_active && used.saturating_add(least) > lent && lent < limit;
        let asks = is_low && self.dry_until.load(Relaxed) <= now.nanos();
        let want = if asks { used.saturating_add(wanted.max(lead)).min(limit).max(lent) } else { lent };
        (Part { limit: Some(limit), used, want: want.max(used) }, asks)
    }

    /// Whether the lender does not know how it stands; `used` in this minute. Lowers what nobody uses.
    pub(super) fn report(&self, minute: Minute, used: u64, is_active: bool) -> bool {
        let is_same = self.seen.swap(used, Relaxed) == used;
        let idle = if is_same { self.idle.load(Relaxed).saturating_add(1) } else { 0 };
        self.idle.store(idle, Relaxed);
        let (lent, held) = (self.lent(minute), self.of(&self.held, minute).exactly(minute));
        if lent == held && idle >= IDLE_REPORTS && !is_active && self.lower(minute, used) {
            return false;
        }
        lent != held || used != self.told.exactly(minute)
    }

    /// No more may be used than was. Whether more was lent.
    pub(super) fn lower(&self, minute: Minute, used: u64) -> bool {
        let is_more = self.lent(minute) > used;
        if is_more {
            self.of(&self.lent, minute).set(minute, used);
        }
        is_more
    }

    /// Whether nothing was asked for of the minute that comes; from now on it was.
    pub(super) fn looks_ahead(&self, next: Minute) -> bool {
        self.lent(next) == 0 && self.ahead.swap(next.number(), Relaxed) != next.number()
    }

    /// So much is held after all; `rest` of the minute.
    pub(super) fn hear(&self, now: Instant, minute: Minute, part: Part, held: u64, rest: Duration) {
        self.told.set(minute, part.used);
        if part.limit.is_none() {
            return;
        }
        self.of(&self.lent, minute).set(minute, held);
        self.of(&self.held, minute).set(minute, held);
        if held < part.want {
            self.dry_until.store((now + DRY_FOR.min(rest)).nanos(), Relaxed);
        }
    }

    fn of<'a>(&self, two: &'a [Counter; 2], minute: Minute) -> &'a Counter {
        let [even, odd] = two;
        if minute.number().is_multiple_of(2) { even } else { odd }
    }
}
