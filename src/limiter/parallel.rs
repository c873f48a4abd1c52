//! How many requests may be in flight at once.
//!
//! One word says how many are inside and, where several nodes share the limit, how many places the store has lent to this one
//! and since when it answers. All of it is compared and swapped together, so that nobody enters by a place that is given back.

use std::sync::Arc;

use super::atomic::{AtomicU64, Ordering};

/// Bits of a count in the word; what is left of it says since when the store answers.
const BITS: u32 = 24;
/// The most requests that are counted, and the highest limit that can be met: 16 million.
pub const MOST: u64 = (1 << BITS) - 1;
/// In place of an era: nothing is lent.
const NO_ERA: u64 = u64::MAX >> (2 * BITS);

/// A limit on requests in flight and how many there are. Clones are the same limit and the same requests.
#[derive(Clone, Debug)]
pub struct Parallel(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    limit: AtomicU64,
    word: AtomicU64,
}

/// What the word says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Requests in flight.
    pub inside: u64,
    /// Places that the store has lent. Fewer than are inside where these have entered without it, or by a higher limit.
    pub held: u64,
    /// When it did ([`Cluster::era`](super::Cluster::era)), as far as that fits into the word.
    era: u64,
}

/// By which places a request may enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// This node's part of the limit, which is divided into so many.
    Part(u64),
    /// Those that the store has lent in this era.
    Lent(u64),
}

impl Parallel {
    /// Nobody inside. A limit of 0 lets nobody in.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Counter { limit: AtomicU64::new(limit), word: AtomicU64::new(0) }))
    }

    /// Changes the limit, for clones too. If more are inside than it allows, they stay, and nobody enters until there
    /// are fewer. By what was lent under a higher limit nobody enters any more.
    #[must_use]
    pub fn relimited(&self, limit: u64) -> Self {
        if limit < self.0.limit.swap(limit, Ordering::AcqRel) {
            self.use_no_more();
        }
        self.clone()
    }

    /// Requests at once.
    pub fn limit(&self) -> u64 {
        self.0.limit.load(Ordering::Acquire)
    }

    /// Requests in flight.
    pub fn inside(&self) -> u64 {
        self.count().inside
    }

    /// Counts one in, if there is room. Whoever gets `true` owes a [`Self::leave`].
    pub(super) fn enter(&self, room: Room) -> bool {
        let limit = self.limit().min(MOST);
        let one_more = |count: Count| {
            let most = match room {
                Room::Part(parts) => part(limit, parts),
                Room::Lent(era) => count.held_in(era).min(limit),
            };
            (count.inside < most).then(|| Count { inside: count.inside + 1, ..count })
        };
        self.change(one_more).is_some()
    }

    pub(super) fn leave(&self) {
        self.change(|count| Some(Count { inside: count.inside.saturating_sub(1), ..count }));
    }

    /// Nobody enters any more by what the store has lent so far.
    pub(super) fn use_no_more(&self) {
        // Another word than before in any case: an answer that is read meanwhile is seen to be late.
        self.change(|count| Some(Count { held: 0, era: NO_ERA, ..count }));
    }

    pub(super) fn count(&self) -> Count {
        Count::of(self.0.word.load(Ordering::Acquire))
    }

    /// Changes the count at once, unless `to` says that it must not be. What it was before.
    pub(super) fn change(&self, mut to: impl FnMut(Count) -> Option<Count>) -> Option<Count> {
        let next = |word: u64| to(Count::of(word)).map(Count::word);
        self.0.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok().map(Count::of)
    }
}

impl Count {
    fn of(word: u64) -> Self {
        Self { inside: word & MOST, held: word >> BITS & MOST, era: word >> (2 * BITS) }
    }

    fn word(self) -> u64 {
        self.era << (2 * BITS) | self.held.min(MOST) << BITS | self.inside.min(MOST)
    }

    /// What the store has lent in this era: what it has lent before is gone.
    pub fn held_in(self, era: u64) -> u64 {
        if self.era == era_in_word(era) { self.held } else { 0 }
    }

    /// The same requests with so many places lent in this era.
    pub fn holding(self, held: u64, era: u64) -> Self {
        Self { held, era: era_in_word(era), ..self }
    }
}

fn era_in_word(era: u64) -> u64 {
    era % NO_ERA
}

/// This node's part of a limit; of one that is not 0 one place at least.
pub(super) fn part(limit: u64, parts: u64) -> u64 {
    (limit / parts.max(1)).max(limit.min(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Room = Room::Part(1);

    #[test]
    fn places_are_counted_and_come_back() {
        let parallel = Parallel::new(2);
        assert!(parallel.enter(WHOLE) && parallel.enter(WHOLE) && !parallel.enter(WHOLE));
        parallel.leave();
        assert!(parallel.enter(WHOLE));
        assert_eq!(parallel.inside(), 2);
        parallel.leave();
        parallel.leave();
        assert_eq!(parallel.inside(), 0);
        assert!(!Parallel::new(0).enter(WHOLE) && !Parallel::new(0).enter(Room::Part(3)));
        assert!(Parallel::new(u64::MAX).enter(WHOLE));
    }

    #[test]
    fn a_part_of_a_limit_is_one_place_at_least() {
        for (limit, parts, expected) in [(10, 1, 10), (10, 3, 3), (2, 3, 1), (0, 3, 0), (5, 0, 5)] {
            assert_eq!(part(limit, parts), expected, "{limit} in {parts}");
        }
    }

    #[test]
    fn another_limit_counts_the_same_requests() {
        let wide = Parallel::new(3);
        assert!(wide.enter(WHOLE) && wide.enter(WHOLE));
        let narrow = wide.relimited(1);
        wide.leave();
        assert!(!narrow.enter(WHOLE) && !wide.enter(WHOLE));
        narrow.leave();
        assert!(wide.enter(WHOLE));
        assert_eq!((wide.inside(), narrow.inside(), wide.limit()), (1, 1, 1));
    }

    #[test]
    fn only_what_is_lent_now_may_be_entered() {
        let parallel = Parallel::new(5);
        assert!(!parallel.enter(Room::Lent(1)));
        parallel.change(|count| Some(count.holding(2, 1)));
        assert!(parallel.enter(Room::Lent(1)) && !parallel.enter(Room::Lent(2)), "of another era");
        assert!(parallel.enter(Room::Lent(1)) && !parallel.enter(Room::Lent(1)));
        parallel.leave();
        assert_eq!(parallel.count(), Count { inside: 1, held: 2, era: 1 });
        let _lower = parallel.relimited(4);
        assert!(!parallel.enter(Room::Lent(1)), "lent under the higher limit");
        assert!(parallel.enter(Room::Part(2)) && !parallel.enter(Room::Part(2)));
    }
}
