//! What a node knows of the store and of the other nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;

use super::super::scope::Scope;

/// Scopes that wait to speak with the store. Beyond it one is queued with its next request.
pub const MOST_QUEUED: usize = 16_384;

/// What a limit means without the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alone {
    /// Rates and requests at once: this node's part of the limit. Money: what is borrowed.
    #[default]
    Part,
    /// All of it, on each node.
    Whole,
}

/// What limits mean while the store is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    pub rates: Alone,
    pub money: Alone,
}

/// The store and the nodes, as seen from this one.
#[derive(Debug)]
pub struct Cluster {
    outage: Outage,
    is_up: AtomicBool,
    era: AtomicU64,
    nodes: AtomicU64,
    /// Numbers of the lessees on this node.
    serial: AtomicU64,
    urgent: ArrayQueue<Arc<Scope>>,
    changed: ArrayQueue<Arc<Scope>>,
}

impl Cluster {
    /// One node, and a store that has not answered yet.
    pub fn new(outage: Outage) -> Self {
        Self {
            outage,
            is_up: AtomicBool::new(false),
            era: AtomicU64::new(0),
            nodes: AtomicU64::new(1),
            serial: AtomicU64::new(0),
            urgent: ArrayQueue::new(MOST_QUEUED),
            changed: ArrayQueue::new(MOST_QUEUED),
        }
    }

    /// Whether the store answers.
    pub fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Acquire)
    }

    /// The store answers, or does not.
    pub fn set_up(&self, is_up: bool) {
        if is_up && !self.is_up() {
            self.era.fetch_add(1, Ordering::AcqRel);
        }
        self.is_up.store(is_up, Ordering::Release);
    }

    /// How often the store has begun to answer. It may have lost or given away what it had lent before.
    pub fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// How many nodes there are; at least this one.
    pub fn nodes(&self) -> u64 {
        self.nodes.load(Ordering::Relaxed)
    }

    /// So many nodes have been heard of lately.
    pub fn set_nodes(&self, nodes: u64) {
        self.nodes.store(nodes.max(1), Ordering::Relaxed);
    }

    /// The next scope that has little left, if there is one.
    pub fn next_urgent(&self) -> Option<Arc<Scope>> {
        self.urgent.pop().inspect(|scope| scope.is_heard(true))
    }

    /// The next scope that has something to report, if there is one.
    pub fn next_changed(&self) -> Option<Arc<Scope>> {
        self.changed.pop().inspect(|scope| scope.is_heard(false))
    }

    /// Scopes that wait to speak with the store.
    pub fn queued(&self) -> usize {
        self.urgent.len() + self.changed.len()
    }

    pub(super) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// `false`: there is no place.
    pub(super) fn queue(&self, scope: Arc<Scope>, is_urgent: bool) -> bool {
        let queue = if is_urgent { &self.urgent } else { &self.changed };
        queue.push(scope).is_ok()
    }

    /// Into how many parts a limit is divided while the store is away, of which one is this node's.
    pub fn parts(&self) -> u64 {
        match self.outage.rates {
            Alone::Whole => 1,
            Alone::Part => self.nodes(),
        }
    }

    /// How many tokens of this limit one token is on this node alone: a bucket from which each takes `n` times is a
    /// bucket of an `n`-th. At least one request of `count` tokens fits.
    pub(in crate::limiter) fn times(&self, limit: u64, count: u64) -> u64 {
        self.parts().min(limit / count.max(1)).max(1)
    }

    pub(in crate::limiter) fn is_open_for_money(&self) -> bool {
        self.outage.money == Alone::Whole && !self.is_up()
    }
}
