//! A deployment's places for requests: taken one by one up to the limit, freed one by one, and whoever waits for one is
//! told.
//!
//! No wake-up is lost, because each side first does its own part and then looks at the other's, all in one order that
//! everybody sees (`SeqCst`): who wants to wait says so and then looks for a place once more; who frees a place frees it and
//! then looks whether anybody waits.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::concurrency::Concurrency;

/// The part that a new figure has in how long a place is held.
const HOLD_WEIGHT: f64 = 0.1;

/// Where those wait that found every place taken.
pub trait Bell: Debug + Send + Sync {
    /// A place is free: one that waits is called, if any does. Called with no lock held, from whatever dropped the place.
    fn freed(&self);
}

/// Requests in flight at a deployment.
#[derive(Debug, Default)]
pub struct Places {
    taken: AtomicU32,
    pub(super) concurrency: Concurrency,
    /// How long a request keeps its place: a moving average in seconds, as the bits of an `f64`; zero = unknown.
    hold: AtomicU64,
    /// Set by a failed health check, taken back by a good one.
    is_out: AtomicBool,
    bell: OnceLock<Arc<dyn Bell>>,
}

impl Places {
    /// Who is told of free places. The first one stays: a deployment is in one group.
    pub fn hang(&self, bell: Arc<dyn Bell>) {
        let _there_is_one = self.bell.set(bell);
    }

    /// Requests in flight.
    pub fn taken(&self) -> u32 {
        self.taken.load(SeqCst)
    }

    /// Whether one more would be within the limit.
    pub fn has_room(&self) -> bool {
        self.taken() < self.concurrency.limit()
    }

    /// Takes a place if there is one: never more than the limit are taken.
    pub(super) fn take(&self) -> bool {
        let limit = self.concurrency.limit();
        self.taken.fetch_update(SeqCst, SeqCst, |taken| (taken < limit).then(|| taken + 1)).is_ok()
    }

    /// Gives one back. Where the limit has shrunk below what is in flight, it is not for anybody else.
    pub(super) fn free(&self) {
        self.taken.fetch_sub(1, SeqCst);
        if let Some(bell) = self.bell.get()
            && self.has_room()
        {
            bell.freed();
        }
    }

    pub(super) fn observe_hold(&self, held: Duration) {
        let add = |bits| {
            let (old, new) = (f64::from_bits(bits), held.as_secs_f64().max(f64::MIN_POSITIVE));
            Some(if old > 0.0 { old + (new - old) * HOLD_WEIGHT } else { new }.to_bits())
        };
        // The closure never returns `None`, so there is no failure to look at.
        let _ = self.hold.fetch_update(Relaxed, Relaxed, add);
    }

    /// How long a request keeps its place, in seconds; `None` as long as none has ended.
    pub(super) fn hold(&self) -> Option<f64> {
        Some(f64::from_bits(self.hold.load(Relaxed))).filter(|seconds| *seconds > 0.0)
    }

    /// Whether health checks keep it out of rotation.
    pub fn is_out(&self) -> bool {
        self.is_out.load(Relaxed)
    }

    /// What a health check has found.
    pub fn set_out(&self, is_out: bool) {
        self.is_out.store(is_out, Relaxed);
    }
}
