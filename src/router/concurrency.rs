//! How many requests a deployment may have in flight, and how that limit is learned where nobody states it.
//!
//! A limit is stated (`max_parallel_requests`) or adapts. The adaptive one follows the idea of Netflix's "gradient"
//! limits: a server that gets more than it can do answers later, so the latency of now is compared with the usual one.
//! What is different here, because models are not web servers:
//!
//! - *What is measured* is the time to the first useful byte of good answers, never the length of an answer: a long
//!   answer is no sign of overload. The mean is taken over logarithms, which is near the median: one prompt that takes a
//!   minute does not move it.
//! - *Latency varies with the prompt.* So the limit shrinks only when the latency is more than [`SLOW`] times the usual one
//!   and the limit is really reached; below the limit any latency is left alone. And when half of the requests are not
//!   answered sooner than all of them, then it was not the number of requests: the limit goes back to where it was, and the
//!   new latency is the usual one.
//! - *A queue that runs away* is the exception: answers are slow, and more requests came than were answered, by a quarter at
//!   least. Longer prompts do not look like that: once the first of them are answered, as many are answered as come. Then the
//!   limit is, at once, what Little's law says that the server does in its usual time: answers a second times seconds of one.
//! - *Refusals for want of capacity* (429, 503, 529, waits in vain that were slow) shrink it too, to a little below what was in flight when
//!   they came, or by Little's law where most of them were waits; but only where they are a tenth of the answers. A server that
//!   refuses everything is broken, not busy, and that is the breaker's business; one that answers nobody in time may be either.
//! - *It starts high* and grows by one for each good answer as long as half of it is used, which is faster than traffic
//!   grows; after it has shrunk, by its square root at most for each round trip, as long as answers are about as quick as
//!   usual ([`QUICK`]); where they are slower than that and it is reached, it shrinks by as much. It is never below
//!   [`FLOOR`]; and what was learned is forgotten [`FORGET`] after the last time it shrank.
//! - *The usual latency* is learned from requests below the limit, and ten times as slowly from those at the limit: in their
//!   latency is the server's queue.
//! - As long as more are in flight than the limit allows, nothing is decided: those were sent before it shrank.
//!
//! All of it is atomics. Samples of one round trip are added up, and whoever ends a round trip decides; that two threads
//! mix a sample or two of neighbouring round trips does no harm.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::Instant;

/// Where an adaptive limit starts.
pub const START: u32 = 1_024;
/// It never shrinks below this.
pub const FLOOR: u32 = 8;
/// It never grows above this.
pub const CEILING: u32 = 100_000;
/// So many times the usual latency is slow.
pub const SLOW: f64 = 2.0;
/// A server that is known to have too little of something is asked for more while its latency is below so many times the
/// usual one.
pub const QUICK: f64 = 1.15;
/// What was learned from an overload is kept so long.
pub const FORGET: Duration = Duration::from_secs(300);

/// The shortest round trip: a decision is not made more often.
const ROUND_MIN: Duration = Duration::from_millis(250);
/// The longest one, however slow the deployment is.
const ROUND_MAX: Duration = Duration::from_secs(5);
/// Samples that a decision needs.
const SAMPLES_MIN: u32 = 10;
/// Refusals that a decision to shrink needs, beside their share of a tenth.
const REFUSALS_MIN: u32 = 3;
/// What is left of a limit after refusals.
const AFTER_REFUSALS: f64 = 0.85;
/// The most that is taken away for slowness in one round trip.
const AFTER_SLOWNESS_MIN: f64 = 0.5;
/// Time after which 63 % of the usual latency is what the latency is now.
const USUAL_DECAY: Duration = Duration::from_secs(60);
/// The same while the limit is reached.
const REACHED_DECAY: Duration = Duration::from_secs(600);
/// What is left of it where it is reached and answers are a little slow.
const AFTER_DRAG_MIN: f64 = 0.85;
/// More requests came than were answered: by this part of those that were answered.
const RUNAWAY: f64 = 0.25;
/// Growth of so many times the square root of what came and went is not by chance.
const CHANCE: f64 = 3.0;
/// Slowness that remains above this part of itself when the limit was halved does not come from the number of requests.
const NOT_HELPED: f64 = 0.75;
/// Logarithms are added up in these parts.
const LOG_PARTS: f64 = 65_536.0;

/// Who says how many requests a deployment may have in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parallel {
    /// Nobody.
    #[default]
    Unlimited,
    /// `max_parallel_requests`, or the router's default.
    Fixed(u32),
    /// Its answers.
    Adaptive,
}

/// A deployment's limit of requests in flight.
#[derive(Debug)]
pub struct Concurrency {
    limit: AtomicU32,
    is_adaptive: AtomicBool,
    /// Nanoseconds on the clock's time line: when the limit shrank last; zero = never, or forgotten.
    shrunk: AtomicU64,
    /// Logarithm of the usual latency in microseconds, as the bits of an `f64`; zero = unknown.
    usual: AtomicU64,
    /// The same of the last round trip.
    latest: AtomicU64,
    round: Round,
    before: Before,
    /// Whether the answers of the last round trip were slow.
    was_slow: AtomicBool,
}

/// What came in since the last decision.
#[derive(Debug, Default)]
struct Round {
    /// Nanoseconds on the clock's time line; zero = none was opened yet.
    opened: AtomicU64,
    good: AtomicU32,
    refused: AtomicU32,
    /// Waits in vain; among the refused.
    late: AtomicU32,
    /// The most requests in flight that any sample saw.
    peak: AtomicU32,
    /// Requests in flight when it was opened.
    at_first: AtomicU32,
    /// Sum of the logarithms of the good answers' latencies.
    logs: AtomicI64,
}

/// How it was before the limit shrank for slowness: to see whether that helped.
#[derive(Debug, Default)]
struct Before {
    /// Zero: it did not.
    limit: AtomicU32,
    /// Logarithm of the latency.
    latency: AtomicU64,
}

/// A round trip that is over.
#[derive(Clone, Copy, Debug)]
struct Seen {
    good: u32,
    refused: u32,
    late: u32,
    peak: u32,
    /// Requests in flight when it began, and by how many there were more in the end.
    at_first: u32,
    growth: u32,
    /// Mean of the logarithms; zero without good answers.
    latency: f64,
    lasted: Duration,
}

impl Default for Concurrency {
    /// Without a limit.
    fn default() -> Self {
        Self {
            limit: AtomicU32::new(u32::MAX),
            is_adaptive: AtomicBool::new(false),
            shrunk: AtomicU64::new(0),
            usual: AtomicU64::new(0),
            latest: AtomicU64::new(0),
            round: Round::default(),
            before: Before::default(),
            was_slow: AtomicBool::new(false),
        }
    }
}

impl Concurrency {
    /// Takes the configuration's word. What an adaptive limit has learned stays.
    pub(super) fn set(&self, parallel: Parallel) {
        let was_adaptive = self.is_adaptive.swap(parallel == Parallel::Adaptive, Relaxed);
        match parallel {
            Parallel::Unlimited => self.limit.store(u32::MAX, Relaxed),
            Parallel::Fixed(limit) => self.limit.store(limit, Relaxed),
            Parallel::Adaptive if was_adaptive => {}
            Parallel::Adaptive => self.limit.store(START, Relaxed),
        }
    }

    /// Requests in flight at most; `u32::MAX` where there is no limit.
    pub fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    /// Whether the limit says what the deployment can do: it is stated, or was found out. An adaptive limit that never
    /// shrank is only a guess, and still grows.
    pub fn is_known(&self) -> bool {
        if self.is_adaptive.load(Relaxed) { self.shrunk.load(Relaxed) != 0 } else { self.limit() != u32::MAX }
    }

    /// A good answer: `latency` from the start of the attempt to its first useful byte, `in_flight` with this one.
    pub(super) fn succeeded(&self, now: Instant, latency: Duration, in_flight: u32) {
        if !self.is_adaptive.load(Relaxed) {
            return;
        }
        if self.shrunk.load(Relaxed) == 0 && u64::from(in_flight) * 2 >= u64::from(self.limit()) {
            self.widen(1);
        }
        let log = (latency.as_micros().max(1) as f64).ln();
        self.round.logs.fetch_add((log * LOG_PARTS) as i64, Relaxed);
        self.round.good.fetch_add(1, Relaxed);
        self.sampled(now, in_flight);
    }

    /// No answer for so long. Only one that was waited for longer than is slow for this deployment counts: a client that
    /// waits for a millisecond says nothing about it.
    pub(super) fn timed_out(&self, now: Instant, waited: Duration, in_flight: u32) {
        let log = (waited.as_micros().max(1) as f64).ln();
        if known(&self.usual).is_some_and(|usual| log > usual + SLOW.ln()) {
            self.round.late.fetch_add(1, Relaxed);
            self.refused(now, in_flight);
        }
    }

    /// A refusal for want of capacity.
    pub(super) fn refused(&self, now: Instant, in_flight: u32) {
        if self.is_adaptive.load(Relaxed) {
            self.round.refused.fetch_add(1, Relaxed);
            self.sampled(now, in_flight);
        }
    }

    fn sampled(&self, now: Instant, in_flight: u32) {
        self.round.peak.fetch_max(in_flight, Relaxed);
        let Some(seen) = self.round.end(now, in_flight, self.round_trip()) else { return };
        let is_within = seen.at_first.max(in_flight) <= self.limit();
        if is_within || seen.is_too_much() {
            self.decide(now, &seen);
        }
    }

    /// A decision shows its effect after about one latency: the next one waits for it. Whether it helped shows after
    /// another one, when those have been answered that were sent after it.
    fn round_trip(&self) -> Duration {
        let log = known(&self.usual).into_iter().chain(known(&self.latest)).fold(0.0, f64::max);
        let latency = Duration::from_secs_f64((log.exp() / 1e6).min(ROUND_MAX.as_secs_f64())).max(ROUND_MIN);
        if self.before.limit.load(Relaxed) == 0 { latency } else { latency * 2 }
    }

    fn decide(&self, now: Instant, seen: &Seen) {
        self.forget(now);
        let limit = self.limit();
        let usual = known(&self.usual);
        if seen.is_too_much() {
            self.before.limit.store(0, Relaxed);
            return self.shrink(now, seen.after_refusals(limit, usual));
        }
        if seen.good == 0 {
            return;
        }
        self.latest.store(seen.latency.to_bits(), Relaxed);
        let usual = usual.unwrap_or(seen.latency);
        let excess = seen.latency - usual;
        let is_reached = u64::from(seen.peak) * 10 >= u64::from(limit) * 9;
        let is_slow = excess > SLOW.ln();
        let runs_away = self.was_slow.swap(is_slow, Relaxed) && is_slow && seen.runs_away();
        let is_learned = self.shrunk.load(Relaxed) != 0;
        let custom = if is_learned { QUICK } else { SLOW }.ln();
        if excess > custom && (is_reached || runs_away) {
            // Where some wait in vain, the latency of the others says nothing: it is cut off at their patience.
            if seen.refused == 0 && self.did_not_help(limit, seen.latency) {
                self.usual.store(seen.latency.to_bits(), Relaxed);
                self.limit.fetch_max(self.before.limit.swap(0, Relaxed), Relaxed);
                return;
            }
            self.remember(limit, seen.latency);
            let least = if is_slow { AFTER_SLOWNESS_MIN } else { AFTER_DRAG_MIN };
            let slower = f64::from(limit) * (custom - excess).exp().max(least);
            return self.shrink(now, if runs_away { slower.min(seen.works_on(usual)) } else { slower });
        }
        if excess <= custom {
            self.before.limit.store(0, Relaxed);
            if is_learned && u64::from(seen.peak) * 2 >= u64::from(limit) {
                let (limit, more) = (f64::from(limit), (custom - excess).exp_m1());
                self.widen((limit * more).min(limit.sqrt()) as u32);
            }
        }
        let decay = if is_reached && excess > 0.0 { REACHED_DECAY } else { USUAL_DECAY };
        let weight = 1.0 - (-seen.lasted.as_secs_f64() / decay.as_secs_f64()).exp();
        self.usual.store((usual + excess * weight).to_bits(), Relaxed);
    }

    /// An overload of long ago says nothing about now.
    fn forget(&self, now: Instant) {
        let shrunk = self.shrunk.load(Relaxed);
        if shrunk != 0 && now.saturating_since(Instant::from_nanos(shrunk)) > FORGET {
            self.shrunk.store(0, Relaxed);
            self.limit.fetch_max(START, Relaxed);
        }
    }

    fn remember(&self, limit: u32, latency: f64) {
        if self.before.limit.load(Relaxed) == 0 {
            self.before.latency.store(latency.to_bits(), Relaxed);
            self.before.limit.store(limit, Relaxed);
        }
    }

    fn did_not_help(&self, limit: u32, latency: f64) -> bool {
        let before = self.before.limit.load(Relaxed);
        let was = f64::from_bits(self.before.latency.load(Relaxed));
        before != 0 && limit <= (before / 2).max(FLOOR) && latency > was + NOT_HELPED.ln()
    }

    fn shrink(&self, now: Instant, to: f64) {
        let to = (to as u32).clamp(FLOOR, CEILING);
        self.limit.fetch_min(to, Relaxed);
        self.shrunk.store(now.nanos().max(1), Relaxed);
    }

    fn widen(&self, by: u32) {
        let wider = |limit: u32| (limit < CEILING).then(|| limit.saturating_add(by.max(1)).min(CEILING));
        let _at_the_ceiling = self.limit.fetch_update(Relaxed, Relaxed, wider);
    }
}

/// A logarithm, if it is known.
fn known(log: &AtomicU64) -> Option<f64> {
    Some(f64::from_bits(log.load(Relaxed))).filter(|log| *log > 0.0)
}

impl Seen {
    /// Whether the server has too much to do, and works.
    fn is_too_much(&self) -> bool {
        let works = self.good > 0 || self.late == self.refused;
        works && self.refused >= REFUSALS_MIN && self.refused * 10 >= self.good + self.refused
    }

    /// Whether more came than was answered, and not by chance.
    fn runs_away(&self) -> bool {
        let (growth, ended) = (f64::from(self.growth), f64::from(self.good + self.refused));
        growth >= ended * RUNAWAY && growth >= CHANCE * (ended + f64::from(self.peak)).sqrt()
    }

    /// Requests that the server works on at a time, by Little's law, and a little more: at what it did in this round trip
    /// and its usual latency (a logarithm).
    fn works_on(&self, usual: f64) -> f64 {
        let each = usual.exp() / 1e6;
        f64::from(self.good) / self.lasted.as_secs_f64().max(f64::MIN_POSITIVE) * each * QUICK
    }

    /// The limit after [`Self::is_too_much`].
    fn after_refusals(&self, limit: u32, usual: Option<f64>) -> f64 {
        let fewer = f64::from(limit.min(self.peak)) * AFTER_REFUSALS;
        match usual {
            Some(usual) if self.late * 2 >= self.refused => {
                fewer.min(self.works_on(usual).max(fewer * AFTER_SLOWNESS_MIN))
            }
            _ => fewer,
        }
    }
}

impl Round {
    /// What was seen, if the round trip is over; only one caller is told.
    fn end(&self, now: Instant, in_flight: u32, length: Duration) -> Option<Seen> {
        let opened = self.opened.load(Relaxed);
        let reopen = || self.opened.compare_exchange(opened, now.nanos().max(1), Relaxed, Relaxed).is_ok();
        if opened == 0 {
            if reopen() {
                self.at_first.store(in_flight, Relaxed);
            }
            return None;
        }
        let lasted = now.saturating_since(Instant::from_nanos(opened));
        let samples = self.good.load(Relaxed).saturating_add(self.refused.load(Relaxed));
        if lasted < length || samples < SAMPLES_MIN || !reopen() {
            return None;
        }
        let (good, refused) = (self.good.swap(0, Relaxed), self.refused.swap(0, Relaxed));
        let logs = self.logs.swap(0, Relaxed) as f64 / LOG_PARTS;
        let latency = if good == 0 { 0.0 } else { logs / f64::from(good) };
        let at_first = self.at_first.swap(in_flight, Relaxed);
        Some(Seen {
            good,
            refused,
            late: self.late.swap(0, Relaxed),
            peak: self.peak.swap(0, Relaxed),
            at_first,
            growth: in_flight.saturating_sub(at_first),
            latency,
            lasted,
        })
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
