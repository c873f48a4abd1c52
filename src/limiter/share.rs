//! Fair shares of the requests in flight: as long as there is plenty nobody counts, but when nearly everything is taken, a
//! key may not have more of it than its share, which is the whole divided by the keys that have any.

use std::sync::Arc;

use super::atomic::{AtomicU64, Ordering};

/// All keys together.
#[derive(Debug, Default)]
pub struct Shares {
    /// Keys with at least one request in flight.
    active: AtomicU64,
}

/// One key's requests in flight.
#[derive(Debug, Default)]
pub struct Share {
    inside: AtomicU64,
}

/// One request in flight; dropping it ends it.
#[derive(Debug)]
#[must_use]
pub struct Part {
    all: Arc<Shares>,
    own: Arc<Share>,
}

impl Shares {
    /// Nearly everything is taken from this part of it on: four fifths.
    const NEARLY: (u64, u64) = (4, 5);

    /// Counts a request of a key in.
    pub fn enter(self: &Arc<Self>, own: &Arc<Share>) -> Part {
        if own.inside.fetch_add(1, Ordering::Relaxed) == 0 {
            self.active.fetch_add(1, Ordering::Relaxed);
        }
        Part { all: Arc::clone(self), own: Arc::clone(own) }
    }
}

impl Part {
    /// Whether this request is within its key's share, where `in_flight` of at most `most` are taken; both count it.
    pub fn is_fair(&self, in_flight: u64, most: u64) -> bool {
        let (part, whole) = Shares::NEARLY;
        if in_flight.saturating_mul(whole) < most.saturating_mul(part) {
            return true;
        }
        let share = most / self.all.active.load(Ordering::Relaxed).max(1);
        self.own.inside.load(Ordering::Relaxed) <= share.max(1)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.own.inside.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.all.active.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_count_only_when_nearly_everything_is_taken() {
        let all = Arc::new(Shares::default());
        let (many, few) = (Arc::new(Share::default()), Arc::new(Share::default()));
        let mut held: Vec<Part> = (0..79).map(|_| all.enter(&many)).collect();
        assert!(held[78].is_fair(79, 100));
        // Alone, a key may have everything.
        held.push(all.enter(&many));
        assert!(held[79].is_fair(80, 100));
        let first = all.enter(&few);
        assert!(first.is_fair(81, 100) && !held[79].is_fair(81, 100));
        held.truncate(50);
        assert!(held[49].is_fair(90, 100));
        drop(held);
        drop(first);
        assert_eq!(all.active.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn everybody_may_have_one() {
        let all = Arc::new(Shares::default());
        let keys: Vec<Arc<Share>> = (0..10).map(|_| Arc::default()).collect();
        let parts: Vec<Part> = keys.iter().map(|key| all.enter(key)).collect();
        assert!(parts.iter().all(|part| part.is_fair(10, 4)));
        assert!(!all.enter(&keys[0]).is_fair(11, 4));
    }

    #[test]
    fn counts_are_right_whatever_runs_at_once() {
        let (all, own) = (Arc::new(Shares::default()), Arc::new(Share::default()));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..5_000).for_each(|_| drop(all.enter(&own))));
            }
        });
        assert_eq!((all.active.load(Ordering::Relaxed), own.inside.load(Ordering::Relaxed)), (0, 0));
    }
}
