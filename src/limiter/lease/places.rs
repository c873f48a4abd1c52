//! Places that the store lends to this node: requests at once over several nodes.
//!
//! Everything that is said is absolute: how many places this node keeps, and how many it would like to have. Whatever the
//! node gives back it lets go of before it says so, and what it is lent it uses once it has heard of it; so what the store
//! believes to be lent is never less than what is used, whichever call or answer is lost. `lent` is the most that the store
//! may believe: as long as that is not what it should be, there is something to say.
//!
//! Where several nodes have more to do than there are places, one that holds more than its part lets go of as many as others
//! ask for in vain, when a request leaves: else those that came first would have them for ever.
//!
//! A node that is not heard for [`PLACES_KEPT`] loses its places, since it may be dead; so one that holds any repeats itself.

use std::time::Duration;

use super::call::{PlacesCall, PlacesReply};
use super::demand::No;
use super::{high_water, low_water, places_size};
use crate::clock::Instant;
use crate::limiter::atomic::{AtomicU64, Ordering};
use crate::limiter::parallel::{Count, MOST, Parallel};

/// How long the store keeps the places of a node that says nothing.
pub const PLACES_KEPT: Duration = Duration::from_secs(10);
/// After so long a node that holds any says so again: it may fail twice in time.
const REPEAT_AFTER: Duration = Duration::from_secs(3);
/// How long the store's no is an answer: places come back all the time.
pub const NO_PLACE_FOR: Duration = Duration::from_millis(20);
/// How long a place is wanted that was asked for in vain.
pub const WANTED_FOR: Duration = Duration::from_millis(100);
/// In place of an era.
const NEVER: u64 = u64::MAX;

/// What a scope has borrowed, and what the store said last.
#[derive(Debug)]
pub(in crate::limiter) struct Places {
    parallel: Parallel,
    /// The most that the store may believe to be lent to this node.
    lent: AtomicU64,
    /// Requests that wait for a place; one is kept for each.
    waiting: AtomicU64,
    /// Held by other nodes, as heard last.
    others: AtomicU64,
    /// When that was (nanoseconds), and in which era.
    heard_at: AtomicU64,
    heard_in: AtomicU64,
    no: No,
    /// No more than this for a while (nanoseconds): others wait.
    most: AtomicU64,
    most_until: AtomicU64,
}

/// Where a node stands in time.
#[derive(Clone, Copy, Debug)]
pub(in crate::limiter) struct Moment {
    pub now: Instant,
    /// [`Cluster::era`](super::Cluster::era).
    pub era: u64,
    pub nodes: u64,
}

impl Places {
    pub fn new() -> Self {
        Self {
            parallel: Parallel::new(0),
            lent: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            others: AtomicU64::new(0),
            heard_at: AtomicU64::new(0),
            heard_in: AtomicU64::new(NEVER),
            no: No::unsaid(),
            most: AtomicU64::new(u64::MAX),
            most_until: AtomicU64::new(0),
        }
    }

    /// The requests in flight, of which there may be so many from now on.
    pub fn limited(&self, limit: u64) -> Parallel {
        self.parallel.relimited(limit)
    }

    /// Whether there may be a place somewhere when there is none here. Where all are here, nobody else has one to give.
    pub fn may_be_lent(&self, era: u64) -> bool {
        self.parallel.count().held_in(era) < self.limit()
    }

    /// Whether a place should be asked for: there is none, the store has not just said no, and no others wait for those that
    /// are here.
    pub fn lacks(&self, at: Moment) -> bool {
        let count = self.parallel.count();
        let held = count.held_in(at.era);
        let may_more = held < self.limit() && count.inside < self.most(at.now);
        may_more && count.inside >= held && !self.no.answers(1, at.now)
    }

    /// Whether more should be borrowed ahead.
    pub fn is_low(&self, at: Moment) -> bool {
        let (count, stock) = (self.parallel.count(), self.stock(at.nodes));
        stock > 0 && beyond(count.held_in(at.era), count.inside) < low_water(stock) && !self.no.answers(1, at.now)
    }

    /// Whether more is lent than should stay here.
    pub fn has_surplus(&self, nodes: u64) -> bool {
        let count = self.parallel.count();
        let needed = self.needed(count).min(self.most.load(Ordering::Acquire)).max(count.inside);
        beyond(self.lent.load(Ordering::Acquire), needed) > high_water(self.stock(nodes))
    }

    /// A request waits for a place. `false`: as many wait as there can ever be places.
    pub fn wait(&self) -> bool {
        let one_more = |waiting: u64| (waiting < self.limit()).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    /// It waits no more.
    pub fn wait_no_more(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Held by other nodes, if that was heard of lately.
    pub fn others(&self, at: Moment) -> u64 {
        let is_recent = at.now < self.heard_at() + PLACES_KEPT && self.heard_in.load(Ordering::Acquire) == at.era;
        if is_recent { self.others.load(Ordering::Acquire) } else { 0 }
    }

    /// Whether there are places or requests that the store should hear of.
    pub fn is_held(&self) -> bool {
        self.lent.load(Ordering::Acquire) > 0 || self.parallel.inside() > 0
    }

    /// Whether the store should hear of them now, used or not.
    pub fn is_due(&self, at: Moment) -> bool {
        self.is_held() && (self.is_unheard(at) || self.has_surplus(at.nodes))
    }

    /// What is to be said to the store now, if anything is. An idle node keeps nothing but what is in use.
    pub fn call(&self, at: Moment, is_idle: bool) -> Option<PlacesCall> {
        let limit = self.limit();
        let stock = if is_idle { 0 } else { self.stock(at.nodes) };
        let (is_refused, most) = (self.no.answers(1, at.now), self.most(at.now).min(limit));
        let mut call = PlacesCall { limit, era: at.era, keep: 0, target: 0, need: 0 };
        let mut is_full = false;
        self.parallel.change(|count| {
            let (held, needed) = (count.held_in(at.era), self.needed(count));
            let left = beyond(held, needed);
            let is_enough = held >= needed && left >= low_water(stock) && left <= high_water(stock);
            let wanted = if is_enough { held } else { needed.saturating_add(stock.unsigned_abs()) };
            let wanted = if is_refused { wanted.min(held) } else { wanted };
            call.target = wanted.min(most).max(count.inside);
            call.need = needed.min(call.target);
            is_full = count.inside >= held;
            call.keep = held.min(call.target).max(count.inside);
            Some(count.holding(held.min(call.target), at.era))
        });
        let lent = self.lent.fetch_max(call.target, Ordering::AcqRel);
        let is_changed = call.target != lent || call.target != call.keep;
        let is_repeated = lent.max(call.target) > 0 && self.is_unheard(at);
        // Whether others wait.
        let is_asked = is_full && lent > limit / at.nodes && at.now > self.heard_at() + WANTED_FOR;
        (is_changed || is_repeated || is_asked).then_some(call)
    }

    /// What the store said to that.
    pub fn apply(&self, call: &PlacesCall, reply: &PlacesReply, at: Moment) {
        let PlacesReply::Held { held, others, wanted } = *reply else { return };
        let part = call.limit / at.nodes;
        let most = if wanted > 0 && held > part { held.saturating_sub(wanted).max(part) } else { u64::MAX };
        self.most.store(most, Ordering::Release);
        self.most_until.store((at.now + WANTED_FOR).nanos(), Ordering::Release);
        self.lent.store(held, Ordering::Release);
        self.others.store(others, Ordering::Release);
        self.heard_at.store(at.now.nanos(), Ordering::Release);
        self.heard_in.store(call.era, Ordering::Release);
        // Where more are inside than the limit allows, who leaves makes no room for another one.
        let room = held.min(call.limit.saturating_sub(others)).min(most);
        // What was lent by another limit is asked for again.
        self.parallel.change(|count| (self.limit() == call.limit).then(|| count.holding(room, call.era)));
        if held.min(most) < call.target {
            self.no.say(1, at.now + NO_PLACE_FOR);
        } else {
            self.no.forget();
        }
    }

    /// There was no answer to what was said. It is said again; until then nobody enters by what was lent before.
    pub fn unanswered(&self) {
        self.heard_in.store(NEVER, Ordering::Release);
        self.parallel.use_no_more();
    }

    fn limit(&self) -> u64 {
        self.parallel.limit().min(MOST)
    }

    fn stock(&self, nodes: u64) -> i64 {
        places_size(self.limit(), nodes)
    }

    /// How many this node should hold at most.
    fn most(&self, now: Instant) -> u64 {
        if now.nanos() >= self.most_until.load(Ordering::Acquire) {
            self.most.store(u64::MAX, Ordering::Release);
        }
        self.most.load(Ordering::Acquire)
    }

    fn needed(&self, count: Count) -> u64 {
        count.inside.saturating_add(self.waiting.load(Ordering::Acquire))
    }

    fn heard_at(&self) -> Instant {
        Instant::from_nanos(self.heard_at.load(Ordering::Acquire))
    }

    fn is_unheard(&self, at: Moment) -> bool {
        self.heard_in.load(Ordering::Acquire) != at.era || at.now > self.heard_at() + REPEAT_AFTER
    }
}

/// How many are held beyond those that are needed, to be compared with the waters.
fn beyond(held: u64, needed: u64) -> i64 {
    i64::try_from(held.saturating_sub(needed)).unwrap_or(i64::MAX)
}
