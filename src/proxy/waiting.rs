//! Between the choice of a deployment and the attempt: where every deployment of a group has as many requests as it may have,
//! a request waits for a place, in the order of `router/queue.rs`, but not for long and not beside too many others.
//!
//! Each place that becomes free calls exactly one of those that wait (`router/places.rs` rings); it chooses by itself, and
//! passes the call on if the place is not for it. A newcomer that finds a place goes past the queue only while nobody is
//! called. A request whose client leaves is dropped, and with it its [`Turn`]: nothing of it stays behind.
//!
//! The lock is off the hot path: a request touches it only when every place is taken, a freed place only when somebody
//! waits.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pingora_proxy::Session;
use tokio::sync::Notify;

use super::context::Context;
use super::dispatch::client_gone;
use super::gateway::Shared;
use super::unanswered::busy;
use crate::clock::Clock;
use crate::error::Error;
use crate::router::places::Bell;
use crate::router::plan::GroupIx;
use crate::router::queue::{Claim, Entered, LENGTH_MAX, Queue, Ticket};
use crate::router::{Capacity, NoneLeft, Pick, PickInput, Router};
use crate::telemetry::metrics::QueueHandles;

/// The longest wait unless it is said (`tollgate.overload.queue_wait`).
pub const WAIT: Duration = Duration::from_secs(5);
/// So many wait for each place, unless it is said (`tollgate.overload.queue_length`).
const WAITING_PER_PLACE: u64 = 4;
/// A queue that was not empty for so long takes no burst up, it only makes everybody late: from then on one waits for every
/// [`PLACES_PER_WAITING`] places, which is enough for no place to be free.
const STANDING: Duration = Duration::from_secs(1);
const PLACES_PER_WAITING: u64 = 2;
/// That remains so until nobody was refused for so long.
const CALM: Duration = Duration::from_secs(5);
/// Between two looks of one that was not called: a limit may have grown, a cooldown may be over.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What was said about waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How many may wait for one group.
    pub length: Option<usize>,
    /// How long.
    pub wait: Duration,
    /// `default_priority`, of requests that say none.
    pub priority: i64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { length: None, wait: WAIT, priority: 0 }
    }
}

/// Where the requests of one group wait.
pub struct Room {
    inside: Mutex<Inside>,
    /// Requests in the queue.
    waiting: AtomicUsize,
    /// Requests that were called and have not chosen yet.
    called: AtomicUsize,
    metrics: QueueHandles,
}

#[derive(Debug, Default)]
struct Inside {
    queue: Queue<Arc<Waiter>>,
    /// Since when it has not been empty.
    since: Option<Instant>,
    /// When it was too long for somebody for the last time.
    refused: Option<Instant>,
}

impl Inside {
    /// Whether more come than find a place, and not just for a moment.
    fn stands(&self) -> bool {
        let within = |past: Option<Instant>, span| past.is_some_and(|past| past.elapsed() < span);
        self.since.is_some_and(|since| since.elapsed() > STANDING) || within(self.refused, CALM)
    }
}

/// One request, as those see it that call it.
#[derive(Debug, Default)]
struct Waiter {
    standing: AtomicU8,
    news: Notify,
}

/// How a waiter stands; changed only with the queue's lock held.
const WAITING: u8 = 0;
const CALLED: u8 = 1;
const DISPLACED: u8 = 2;

/// Why a request was not let wait, or not for longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// As many wait as may wait.
    Full,
    /// A more urgent one, or one of a key that has fewer, took its place.
    Displaced,
    /// It would have to wait longer than it may, as things go.
    TooLong,
    /// It has waited as long as it may.
    TimedOut,
}

impl Refused {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Refused::Full => "full",
            Refused::Displaced => "displaced",
            Refused::TooLong => "too_long",
            Refused::TimedOut => "timed_out",
        }
    }
}

/// [`Router::pick`], with the wait for a place if there is none.
///
/// # Errors
/// [`crate::error::Kind::Overloaded`] where it may not wait, or not for longer; [`crate::error::Kind::ClientGone`].
pub async fn pick(
    session: &mut Session,
    ctx: &Context,
    shared: &Shared,
    group: GroupIx,
    end: Instant,
    input: PickInput<'_>,
) -> Result<Result<Pick, NoneLeft>, Error> {
    let (router, room) = (&ctx.snapshot.router, ctx.snapshot.room(group));
    if room.is_none_or(|room| room.called.load(SeqCst) == 0) {
        match router.pick(group, input) {
            Err(NoneLeft::AllBusy) => {}
            decided => return Ok(decided),
        }
    }
    let Some(room) = room else { return Ok(Err(NoneLeft::AllBusy)) };
    let line = Line { room, router, group, clock: shared.clock, look: LOOK_EVERY };
    Box::pin(wait(session, ctx, line, end, input)).await
}

async fn wait(
    session: &mut Session,
    ctx: &Context,
    line: Line<'_>,
    end: Instant,
    input: PickInput<'_>,
) -> Result<Result<Pick, NoneLeft>, Error> {
    let patience = &ctx.snapshot.settings.patience;
    let asked = ctx.task.as_ref().and_then(|task| task.request.control.priority);
    let key = ctx.caller.as_ref().and_then(|caller| caller.key_digest);
    let claim = Claim { priority: asked.unwrap_or(patience.priority), flow: key.map_or(0, |digest| digest.number()) };
    let end = end.min(Instant::now() + patience.wait);
    let waited = tokio::select! {
        biased;
        waited = line.pick(claim, patience.length, end, input) => waited,
        gone = client_gone(session) => return Err(gone),
    };
    waited.map_err(|refused| {
        line.room.metrics.refused(refused.name());
        let pause = line.expected(claim.priority, &line.capacity()).unwrap_or_default();
        busy(ctx, pause).detail(format!("queue: {}", refused.name()))
    })
}

/// What a wait needs to know.
#[derive(Clone, Copy)]
struct Line<'a> {
    room: &'a Room,
    router: &'a Router,
    group: GroupIx,
    clock: Clock,
    /// Between two looks of one that was not called.
    look: Duration,
}

impl Line<'_> {
    /// Waits until `end` at most.
    async fn pick(
        self,
        claim: Claim,
        length: Option<usize>,
        end: Instant,
        input: PickInput<'_>,
    ) -> Result<Result<Pick, NoneLeft>, Refused> {
        let began = Instant::now();
        let capacity = self.capacity();
        if self.expected(claim.priority, &capacity).is_some_and(|wait| began + wait > end) {
            return Err(Refused::TooLong);
        }
        let length = length.unwrap_or_else(|| self.default_length(&capacity)).min(LENGTH_MAX);
        let turn = self.room.enter(claim, length, self).ok_or(Refused::Full)?;
        loop {
            if turn.may_choose() {
                let input = PickInput { now: self.clock.now(), random: fastrand::u64(..), ..input };
                match self.router.pick(self.group, input) {
                    Err(NoneLeft::AllBusy) if turn.goes_back() => continue,
                    Err(NoneLeft::AllBusy) => {}
                    decided => {
                        self.room.metrics.wait.observe(began.elapsed().as_secs_f64());
                        return Ok(decided);
                    }
                }
            }
            if turn.waiter.standing.load(SeqCst) == DISPLACED {
                return Err(Refused::Displaced);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Refused::TimedOut);
            }
            let _called_or_time_to_look = tokio::time::timeout(left.min(self.look), turn.waiter.news.notified()).await;
        }
    }

    fn capacity(&self) -> Capacity {
        self.router.capacity(self.group, self.clock.now())
    }

    /// How long a newcomer of this priority will wait, where it is known how fast places become free.
    fn expected(&self, priority: i64, capacity: &Capacity) -> Option<Duration> {
        let rate = capacity.rate.filter(|rate| capacity.is_known && *rate > 0.0)?;
        let ahead = self.room.inside().queue.ahead_of(priority);
        Duration::try_from_secs_f64((ahead + 1) as f64 / rate).ok()
    }

    /// A limit that is only a guess keeps nobody from waiting.
    fn default_length(&self, capacity: &Capacity) -> usize {
        if !capacity.is_known {
            return LENGTH_MAX;
        }
        let stands = self.room.inside().stands();
        let places = capacity.places;
        let length = if stands { places / PLACES_PER_WAITING } else { places.saturating_mul(WAITING_PER_PLACE) };
        usize::try_from(length.max(1)).unwrap_or(LENGTH_MAX)
    }
}

impl Room {
    /// An empty one.
    pub fn new(metrics: QueueHandles) -> Self {
        let (waiting, called) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { inside: Mutex::default(), waiting, called, metrics }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter<'a>(&'a self, claim: Claim, length: usize, line: Line<'a>) -> Option<Turn<'a>> {
        let waiter = Arc::new(Waiter::default());
        let mut inside = self.inside();
        let entered = inside.queue.enter(claim, length, Arc::clone(&waiter));
        if !matches!(entered, Entered::In(_)) && inside.stands() {
            inside.refused = Some(Instant::now());
        }
        let ticket = match entered {
            Entered::Full => return None,
            Entered::In(ticket) => ticket,
            Entered::InPlaceOf(ticket, last) => {
                last.standing.store(DISPLACED, SeqCst);
                last.news.notify_one();
                ticket
            }
        };
        self.count(&mut inside);
        Some(Turn { line, waiter, ticket })
    }

    /// Calls the first one.
    fn call(&self) {
        let mut inside = self.inside();
        let first = inside.queue.call();
        self.tell(&mut inside, first);
    }

    fn tell(&self, inside: &mut Inside, called: Option<(Ticket, Arc<Waiter>)>) {
        if let Some((_, waiter)) = called {
            waiter.standing.store(CALLED, SeqCst);
            self.called.fetch_add(1, SeqCst);
            waiter.news.notify_one();
        }
        self.count(inside);
    }

    /// After every change, with the lock held.
    fn count(&self, inside: &mut Inside) {
        let length = inside.queue.len();
        self.waiting.store(length, SeqCst);
        self.metrics.length.set(i64::try_from(length).unwrap_or(i64::MAX));
        inside.since = if length == 0 { None } else { inside.since.or_else(|| Some(Instant::now())) };
    }
}

impl Bell for Room {
    fn freed(&self) {
        if self.waiting.load(SeqCst) > 0 {
            self.call();
        }
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("waiting", &self.waiting.load(Relaxed)).finish_non_exhaustive()
    }
}

/// A request's turn, from when it began to wait until it has chosen or is gone.
struct Turn<'a> {
    line: Line<'a>,
    waiter: Arc<Waiter>,
    ticket: Ticket,
}

impl Turn<'_> {
    /// Whether it is called, or nobody is.
    fn may_choose(&self) -> bool {
        match self.waiter.standing.load(SeqCst) {
            CALLED => true,
            WAITING => self.line.room.called.load(SeqCst) == 0,
            _ => false,
        }
    }

    /// It found no place. One that was called waits on where it stood, and if there is a place for others, the next one is
    /// called. Whether it must look once more: what became free before it was back in the queue was told to nobody.
    fn goes_back(&self) -> bool {
        let room = self.line.room;
        let is_for_others = self.line.router.has_room(self.line.group, self.line.clock.now());
        let mut inside = room.inside();
        if self.waiter.standing.load(SeqCst) != CALLED {
            return false;
        }
        self.waiter.standing.store(WAITING, SeqCst);
        room.called.fetch_sub(1, SeqCst);
        inside.queue.put_back(self.ticket, Arc::clone(&self.waiter));
        let next = if is_for_others { inside.queue.call_after(self.ticket) } else { None };
        room.tell(&mut inside, next);
        true
    }
}

impl Drop for Turn<'_> {
    /// Leaves, and calls the next one if there is a place that this one did not take.
    fn drop(&mut self) {
        let room = self.line.room;
        let mut inside = room.inside();
        if inside.queue.leave(self.ticket).is_none() && self.waiter.standing.load(SeqCst) == CALLED {
            room.called.fetch_sub(1, SeqCst);
        }
        room.count(&mut inside);
        let is_empty = inside.queue.is_empty();
        drop(inside);
        if !is_empty && self.line.router.has_room(self.line.group, self.line.clock.now()) {
            room.call();
        }
    }
}

#[cfg(test)]
mod tests;
