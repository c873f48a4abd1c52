//! How many requests may be in flight at once.

use std::sync::Arc;

use super::atomic::{AtomicU64, Ordering};

/// A limit on requests in flight and how many there are.
#[derive(Debug)]
pub struct Parallel {
    limit: u64,
    inside: Arc<AtomicU64>,
}

/// One request in flight; dropping it ends it.
#[derive(Debug)]
#[must_use]
pub struct Slot(Arc<Parallel>);

impl Parallel {
    /// Nobody inside. A limit of 0 lets nobody in.
    pub fn new(limit: u64) -> Self {
        Self { limit, inside: Arc::new(AtomicU64::new(0)) }
    }

    /// Another limit on the same requests. If more are inside than it allows, they stay, and nobody enters until there
    /// are fewer.
    #[must_use]
    pub fn relimited(&self, limit: u64) -> Self {
        Self { limit, inside: Arc::clone(&self.inside) }
    }

    /// Requests at once.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Requests in flight.
    pub fn inside(&self) -> u64 {
        self.inside.load(Ordering::Relaxed)
    }

    /// The limit and what is left of it.
    pub(super) fn standing(&self) -> (u64, u64) {
        (self.limit, self.limit.saturating_sub(self.inside()))
    }

    /// A slot, if one is free.
    pub fn try_enter(self: &Arc<Self>) -> Option<Slot> {
        self.enter().then(|| Slot(Arc::clone(self)))
    }

    /// Counts one in, if there is room. Whoever gets `true` owes a [`Self::leave`].
    pub(super) fn enter(&self) -> bool {
        let one_more = |inside: u64| (inside < self.limit).then_some(inside + 1);
        self.inside.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    pub(super) fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_and_come_back() {
        let parallel = Arc::new(Parallel::new(2));
        let first = parallel.try_enter().unwrap();
        let second = parallel.try_enter().unwrap();
        assert!(parallel.try_enter().is_none());
        drop(first);
        let third = parallel.try_enter().unwrap();
        assert_eq!(parallel.inside(), 2);
        drop((second, third));
        assert_eq!(parallel.inside(), 0);
        assert!(Arc::new(Parallel::new(0)).try_enter().is_none());
    }

    #[test]
    fn a_panic_frees_the_slot() {
        let parallel = Arc::new(Parallel::new(1));
        let holder = Arc::clone(&parallel);
        let worker = std::thread::spawn(move || {
            let _slot = holder.try_enter().unwrap();
            panic!("on purpose");
        });
        assert!(worker.join().is_err());
        assert_eq!(parallel.inside(), 0);
    }

    #[test]
    fn another_limit_counts_the_same_requests() {
        let wide = Arc::new(Parallel::new(3));
        let (first, second) = (wide.try_enter().unwrap(), wide.try_enter().unwrap());
        let narrow = Arc::new(wide.relimited(1));
        drop(first);
        assert!(narrow.try_enter().is_none());
        drop(second);
        let third = narrow.try_enter().unwrap();
        assert_eq!(wide.inside(), 1);
        drop(third);
        assert_eq!((wide.inside(), narrow.inside()), (0, 0));
    }
}
