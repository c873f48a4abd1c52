//! The store of shared limits, as its scripts say it (`store/redis/*.lua`), in memory.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Instant;
use crate::limiter::lease::{
    MoneyCall, MoneyReply, PLACES_KEPT, PlacesCall, PlacesReply, RateCall, RateReply, WANTED_FOR,
};

const MINUTE: f64 = 60e9;

/// A token bucket.
#[derive(Default)]
pub struct Bucket {
    /// Nanoseconds until it is full, at that time.
    level: f64,
    at: u64,
}

impl Bucket {
    pub fn call(&mut self, call: &RateCall, now: Instant) -> RateReply {
        let cost = MINUTE / call.limit as f64;
        let mut level = (self.level - now.nanos().saturating_sub(self.at) as f64).max(0.0);
        level = (level - call.give as f64 * cost).max(0.0) + call.charge as f64 * cost;
        let mut free = ((MINUTE - level) / cost + 1e-6).floor().max(0.0) as u64;
        let (mut granted, mut wait) = (0, 0.0);
        if call.want > 0 && free >= call.need {
            granted = free.min(call.want);
            free -= granted;
            level += granted as f64 * cost;
        } else if call.want > 0 {
            wait = level + call.need as f64 * cost - MINUTE;
        }
        (self.level, self.at) = (level, now.nanos());
        let nanos = |nanos: f64| Duration::from_nanos(nanos.ceil() as u64);
        RateReply { granted, full_after: nanos(level), remaining: free, wait: nanos(wait) }
    }
}

/// A budget's count.
#[derive(Default)]
pub struct Purse {
    /// 0: not there.
    pub epoch: u64,
    window: i64,
    pub spent: u64,
    pub total: u64,
    /// By number and generation.
    nodes: HashMap<(u64, u64), Lessee>,
    /// By number, the last word of a generation that has said farewell.
    gone: HashMap<u64, u64>,
}

#[derive(Clone, Copy, Default)]
struct Lessee {
    held: u64,
    spent: u64,
    sequence: u64,
}

impl Purse {
    /// Begins a count with what was spent.
    pub fn begin(&mut self, epoch: u64, window: i64, spent: u64) {
        *self = Self { epoch, window, spent, total: spent, nodes: HashMap::new(), gone: HashMap::new() };
    }

    pub fn call(&mut self, node: (u64, u64), sequence: u64, call: &MoneyCall) -> MoneyReply {
        if self.epoch == 0 {
            return MoneyReply::Absent;
        }
        if call.window > self.window {
            self.begin(self.epoch, call.window, 0);
        } else if call.window < self.window {
            return MoneyReply::Window(self.window);
        }
        if call.epoch != self.epoch {
            return MoneyReply::Epoch { epoch: self.epoch, spent: self.spent, total: self.total };
        }
        let before = self.nodes.get(&node).copied().unwrap_or_default();
        if sequence <= before.sequence || self.gone.get(&node.0).is_some_and(|last| sequence <= *last) {
            return MoneyReply::Stale;
        }
        let spent = before.spent.max(call.spent);
        self.spent += spent - before.spent;
        let others = self.total - before.held.max(before.spent);
        let mut held = before.held.max(spent);
        if call.target < held {
            held = call.target.max(spent);
        } else {
            let top = call.target.min(call.max.saturating_sub(others));
            if top >= call.floor && top > held {
                held = top;
            }
        }
        self.total = others + held;
        if call.farewell && held == spent {
            self.nodes.remove(&node);
            self.gone.insert(node.0, sequence);
        } else {
            self.nodes.insert(node, Lessee { held, spent, sequence });
        }
        MoneyReply::Held { held, spent: self.spent, total: self.total }
    }
}

/// Requests at once, by lessee.
#[derive(Default)]
pub struct Places(HashMap<u64, Holder>);

#[derive(Clone, Copy)]
struct Holder {
    held: u64,
    sequence: u64,
    until: Instant,
    /// Asked for in vain, and since when.
    wanted: u64,
    since: Instant,
}

impl Places {
    pub fn call(&mut self, lessee: u64, sequence: u64, call: &PlacesCall, now: Instant) -> PlacesReply {
        self.0.retain(|_, holder| holder.until > now);
        if self.0.get(&lessee).is_some_and(|holder| sequence <= holder.sequence) {
            return PlacesReply::Stale;
        }
        self.0.remove(&lessee);
        let others = self.held(now);
        let in_vain =
            self.0.values().filter(|holder| now < holder.since + WANTED_FOR).map(|holder| holder.wanted).sum();
        let held = call.keep.max(call.target.min(call.limit.saturating_sub(others)));
        let wanted = call.need.saturating_sub(held);
        if held > 0 || wanted > 0 {
            self.0.insert(lessee, Holder { held, sequence, until: now + PLACES_KEPT, wanted, since: now });
        }
        PlacesReply::Held { held, others, wanted: in_vain }
    }

    /// By all.
    pub fn held(&self, now: Instant) -> u64 {
        self.0.values().filter(|holder| holder.until > now).map(|holder| holder.held).sum()
    }

    pub fn held_by(&self, lessee: u64, now: Instant) -> u64 {
        self.0.get(&lessee).filter(|holder| holder.until > now).map_or(0, |holder| holder.held)
    }
}
