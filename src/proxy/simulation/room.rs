//! Where requests wait for a place, in the order of the real queue. That no call is lost among threads is shown where the
//! waiting is done (`waiting/tests.rs`); here one thing happens at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::router::places::Bell;
use crate::router::queue::{Claim, Entered, Queue, Ticket};

/// Counts the places that became free.
#[derive(Debug, Default)]
pub(super) struct Rings(AtomicU32);

impl Bell for Rings {
    fn freed(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// The room of one group; requests by their numbers.
pub(super) struct Room {
    pub(super) rings: Arc<Rings>,
    pub(super) queue: Queue<usize>,
    most: usize,
}

impl Room {
    pub(super) fn new(most: usize) -> Self {
        Self { rings: Arc::default(), queue: Queue::default(), most }
    }

    /// Whether a place became free since the last look.
    pub(super) fn is_rung(&self) -> bool {
        self.rings.0.swap(0, Relaxed) > 0
    }

    /// Lets one wait; the ticket, and who has to leave for it.
    pub(super) fn enter(&mut self, claim: Claim, request: usize) -> Option<(Ticket, Option<usize>)> {
        let entered = match self.queue.enter(claim, self.most, request) {
            Entered::Full => None,
            Entered::In(ticket) => Some((ticket, None)),
            Entered::InPlaceOf(ticket, last) => Some((ticket, Some(last))),
        };
        assert!(self.queue.len() <= self.most, "more wait than may");
        entered
    }
}
