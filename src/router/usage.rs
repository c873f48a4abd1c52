//! What a deployment was used for in one calendar minute: requests and tokens, taken before they are sent and corrected
//! when the answer is known. Each count is one atomic that is changed by compare-and-swap, so a limit holds exactly
//! however many threads are at it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::lot::{Lending, Lot};
use super::state::DeploymentState;
use crate::clock::Instant;

const NANOS_PER_MINUTE: u128 = 60_000_000_000;

/// Bits of a word that hold the count; the minute's number stands above them.
const COUNT_BITS: u32 = 40;

/// The most that is counted in a minute.
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// Numbers of minutes begin anew after 32 years.
const MINUTES: u64 = 1 << (64 - COUNT_BITS);

/// A minute of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Minute(u64);

impl Minute {
    /// The minute of an instant; `calendar` is how long a minute of the calendar had lasted when the clock started.
    pub(super) fn of(now: Instant, calendar: Duration) -> Self {
        let number = (u128::from(now.nanos()) + calendar.as_nanos()) / NANOS_PER_MINUTE;
        Self(number as u64 % MINUTES)
    }

    /// The minute with this number.
    pub(super) fn numbered(number: u64) -> Self {
        Self(number % MINUTES)
    }

    /// Its number, the same on all gateways.
    pub(super) fn number(self) -> u64 {
        self.0
    }

    /// The one after it.
    pub(super) fn next(self) -> Self {
        Self(self.0.wrapping_add(1) % MINUTES)
    }

    /// How long it still lasts.
    pub(super) fn rest(now: Instant, calendar: Duration) -> Duration {
        let passed = (u128::from(now.nanos()) + calendar.as_nanos()) % NANOS_PER_MINUTE;
        Duration::from_nanos((NANOS_PER_MINUTE - passed) as u64)
    }

    /// Whether it lies after the other one, by less than half of all minutes.
    fn is_after(self, other: Self) -> bool {
        let ahead = self.0.wrapping_sub(other.0) % MINUTES;
        ahead > 0 && ahead < MINUTES / 2
    }
}

/// One count of one minute.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Of this minute and no other.
    pub(super) fn exactly(&self, minute: Minute) -> u64 {
        let (stored, count) = unpack(self.0.load(Relaxed));
        if stored == minute { count } else { 0 }
    }

    /// From now on it is of this minute.
    pub(super) fn set(&self, minute: Minute, count: u64) {
        self.0.store(pack(minute, count), Relaxed);
    }

    fn at(&self, minute: Minute) -> u64 {
        let (stored, count) = unpack(self.0.load(Relaxed));
        if stored == minute || stored.is_after(minute) { count } else { 0 }
    }

    /// Adds to the count unless it would go beyond the minute's `limit`; the minute in which it was counted.
    fn take(&self, minute: Minute, amount: u64, limit: impl Fn(Minute) -> u64) -> Option<Minute> {
        let mut counted = minute;
        let add = |packed| {
            let (stored, count) = unpack(packed);
            // A thread that read the clock before the last minute ended counts in the one that has begun.
            // A word of zero is of no minute at all.
            let is_newer = packed != 0 && stored.is_after(minute);
            let (own, count) = if is_newer || stored == minute { (stored, count) } else { (minute, 0) };
            counted = own;
            let sum = count.saturating_add(amount);
            (sum <= limit(own)).then(|| pack(own, sum))
        };
        self.0.fetch_update(Relaxed, Relaxed, add).ok().map(|_| counted)
    }

    /// Takes back what was added in this minute; nothing if it is over.
    fn give_back(&self, minute: Minute, amount: u64) {
        let take = |packed| {
            let (stored, count) = unpack(packed);
            (stored == minute).then(|| pack(stored, count.saturating_sub(amount)))
        };
        // The minute is over: there is nothing to correct.
        let _ = self.0.fetch_update(Relaxed, Relaxed, take);
    }
}

fn unpack(packed: u64) -> (Minute, u64) {
    (Minute(packed >> COUNT_BITS), packed & COUNT_MAX)
}

fn pack(minute: Minute, count: u64) -> u64 {
    (minute.0 << COUNT_BITS) | count.min(COUNT_MAX)
}

/// `rpm` and `tpm`: what a deployment may take in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Requests; [`u64::MAX`] is no limit.
    pub(super) requests: u64,
    /// Tokens, of prompt and answer; [`u64::MAX`] is no limit.
    pub(super) tokens: u64,
}

impl Limits {
    /// Zero is no limit, as where nothing was said.
    pub(super) fn new(rpm: u64, tpm: u64) -> Self {
        let or_none = |limit: u64| if limit == 0 { u64::MAX } else { limit };
        Self { requests: or_none(rpm), tokens: or_none(tpm) }
    }
}

/// What limits one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'a> {
    pub(super) limits: Limits,
    /// Where gateways share their limits: who lends parts of them.
    pub(super) lending: Option<&'a Lending>,
}

/// One of the two counts, and what of its limit is this gateway's.
#[derive(Debug, Default)]
pub(super) struct Count {
    used: Counter,
    pub(super) lot: Lot,
}

impl Count {
    /// What was used in this minute.
    pub(super) fn used(&self, minute: Minute) -> u64 {
        self.used.at(minute)
    }

    fn most(&self, minute: Minute, need: u64, limit: u64, lending: Option<&Lending>) -> u64 {
        lending.map_or(limit, |lending| lending.most(limit, &self.lot, minute, need))
    }

    fn has_room(&self, minute: Minute, need: u64, limit: u64, lending: Option<&Lending>) -> bool {
        self.used(minute).saturating_add(need) <= self.most(minute, need, limit, lending).min(COUNT_MAX)
    }

    fn take(&self, minute: Minute, amount: u64, limit: u64, lending: Option<&Lending>) -> Option<Minute> {
        self.used.take(minute, amount, |counted| self.most(counted, amount, limit, lending))
    }
}

/// See the file.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pub(super) requests: Count,
    pub(super) tokens: Count,
    /// Tokens that other gateways have used, as far as is known.
    pub(super) elsewhere: Counter,
}

impl Usage {
    /// Tokens that were used, elsewhere too.
    pub(super) fn tokens(&self, minute: Minute) -> u64 {
        self.tokens.used(minute).saturating_add(self.elsewhere.exactly(minute))
    }

    #[cfg(test)]
    pub(super) fn requests(&self, minute: Minute) -> u64 {
        self.requests.used(minute)
    }

    /// Whether one more request with so many tokens of prompt may be sent.
    pub(super) fn has_room(&self, minute: Minute, bounds: Bounds<'_>, tokens: u64) -> bool {
        let Bounds { limits, lending } = bounds;
        self.requests.has_room(minute, 1, limits.requests, lending)
            && self.tokens.has_room(minute, tokens, limits.tokens, lending)
    }
}

/// A request's part of a deployment's minute. What nobody settles keeps its request and gives its tokens back: it was
/// sent, and nobody knows what it used.
#[derive(Debug)]
pub struct Taken {
    state: Arc<DeploymentState>,
    requested: Minute,
    tokens_in: Minute,
    tokens: u64,
    calendar: Duration,
}

impl Taken {
    /// Takes one request and its estimated tokens; `None`: that would go beyond a limit.
    pub(super) fn take(
        state: &Arc<DeploymentState>,
        now: Instant,
        calendar: Duration,
        bounds: Bounds<'_>,
        tokens: u64,
    ) -> Option<Self> {
        let minute = Minute::of(now, calendar);
        let usage = &state.usage;
        let Bounds { limits, lending } = bounds;
        let tokens_in = usage.tokens.take(minute, tokens, limits.tokens, lending)?;
        let Some(requested) = usage.requests.take(minute, 1, limits.requests, lending) else {
            usage.tokens.used.give_back(tokens_in, tokens);
            return None;
        };
        Some(Self { state: Arc::clone(state), requested, tokens_in, tokens, calendar })
    }

    /// The answer is there: its tokens take the place of the estimate, in the minute in which it came.
    pub fn settle(mut self, now: Instant, tokens: u64) {
        self.give_tokens_back();
        let minute = Minute::of(now, self.calendar);
        self.state.usage.tokens.take(minute, tokens, u64::MAX, None);
    }

    /// The estimate stays: nobody counted.
    pub fn keep(mut self) {
        self.tokens = 0;
    }

    /// Nothing reached the provider: all is given back.
    pub fn unsent(self) {
        self.state.usage.requests.used.give_back(self.requested, 1);
    }

    fn give_tokens_back(&mut self) {
        self.state.usage.tokens.used.give_back(self.tokens_in, std::mem::take(&mut self.tokens));
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.give_tokens_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: Duration = Duration::ZERO;

    fn at(seconds: u64) -> Instant {
        Instant::default() + Duration::from_secs(seconds)
    }

    fn bounds(rpm: u64, tpm: u64) -> Bounds<'static> {
        Bounds { limits: Limits::new(rpm, tpm), lending: None }
    }

    fn counts(state: &DeploymentState, now: Instant) -> (u64, u64) {
        let minute = Minute::of(now, ZERO);
        (state.usage.requests(minute), state.usage.tokens(minute))
    }

    #[test]
    fn a_minute_is_one_of_the_calendar() {
        let calendar = Duration::from_secs(50);
        assert_eq!(Minute::of(at(9), calendar), Minute(0));
        assert_eq!(Minute::of(at(10), calendar), Minute(1));
        assert_eq!(Minute::rest(at(9), calendar), Duration::from_secs(1));
        assert!(Minute(0).is_after(Minute(MINUTES - 1)) && !Minute(MINUTES - 1).is_after(Minute(0)));
    }

    #[test]
    fn what_was_taken_is_corrected_or_given_back() {
        let state = Arc::new(DeploymentState::default());
        let take = |now, tokens| Taken::take(&state, now, ZERO, bounds(3, 100), tokens);
        let settled = take(at(0), 40).unwrap();
        let unsent = take(at(0), 50).unwrap();
        assert!(take(at(0), 11).is_none(), "beyond the tokens");
        assert_eq!(counts(&state, at(0)), (2, 90));
        settled.settle(at(1), 70);
        unsent.unsent();
        assert_eq!(counts(&state, at(1)), (1, 70));
        // Dropped: it was sent, but nobody knows what came of it.
        drop(take(at(2), 10));
        drop(take(at(2), 10));
        assert!(take(at(2), 1).is_none(), "beyond the requests");
        assert_eq!(counts(&state, at(2)), (3, 70), "a refusal leaves nothing behind");
    }

    #[test]
    fn an_answer_counts_in_the_minute_in_which_it_came() {
        let state = Arc::new(DeploymentState::default());
        let taken = Taken::take(&state, at(59), ZERO, bounds(0, 0), 10).unwrap();
        assert_eq!(counts(&state, at(60)), (0, 0));
        taken.settle(at(61), 30);
        assert_eq!(counts(&state, at(61)), (0, 30));
    }

    #[test]
    fn the_first_minute_may_have_any_number() {
        for number in [0, 1, MINUTES / 2 - 1, MINUTES / 2, MINUTES / 2 + 1, MINUTES - 1] {
            let (state, calendar) = (Arc::new(DeploymentState::default()), Duration::from_secs(60 * number));
            let take = || Taken::take(&state, at(0), calendar, bounds(1, 0), 0);
            let held = take();
            assert!(held.is_some() && take().is_none(), "minute {number}");
            assert_eq!(state.usage.requests(Minute(number)), 1);
        }
    }

    #[test]
    fn a_thread_with_an_older_clock_reading_does_not_empty_the_minute() {
        let state = Arc::new(DeploymentState::default());
        let _held = Taken::take(&state, at(60), ZERO, bounds(1, 0), 0).unwrap();
        assert!(Taken::take(&state, at(59), ZERO, bounds(1, 0), 0).is_none());
    }
}
