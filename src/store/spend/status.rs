//! How far the mover is, for metrics: plain numbers that anybody may read at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::store::journal::{Journal, Room};

/// See the module.
pub struct Status {
    journal: Arc<Journal>,
    /// Records that openings of lanes found.
    pub(super) found: AtomicU64,
    /// Records that are behind: taken over, or found to be so.
    pub(super) passed: AtomicU64,
    pub(super) pending_bytes: AtomicU64,
    /// When the oldest record that is not taken over ended, Unix milliseconds; 0: there is none.
    pub(super) oldest_ms: AtomicU64,
    pub(super) is_failing: AtomicBool,
    /// Calls that were written to the database.
    pub moved: AtomicU64,
    /// Calls that were there already.
    pub known: AtomicU64,
    /// Batches that were not taken.
    pub failures: AtomicU64,
}

impl Status {
    pub(super) fn new(journal: Arc<Journal>) -> Self {
        Self {
            journal,
            found: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            pending_bytes: AtomicU64::new(0),
            oldest_ms: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            known: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Records that are in journals only. As long as the database was not reached since the start, some that it has
    /// may be among them.
    pub fn pending_records(&self) -> u64 {
        (self.found.load(Ordering::Relaxed) + self.appended()).saturating_sub(self.passed.load(Ordering::Relaxed))
    }

    /// Records that this process has written.
    pub(super) fn appended(&self) -> u64 {
        self.journal.counters().appended.load(Ordering::Relaxed)
    }

    /// All that was found, and the first so many that this process has written, are in the database. Others may have
    /// taken some there and let them go, so that nobody could count them.
    pub(super) fn nothing_is_behind(&self, appended: u64) {
        self.passed.store(self.found.load(Ordering::Relaxed) + appended, Ordering::Relaxed);
    }

    /// Their bytes, as of the mover's last look.
    pub fn pending_bytes(&self) -> u64 {
        self.pending_bytes.load(Ordering::Relaxed)
    }

    /// For how many seconds the oldest of them has waited.
    pub fn lag_seconds(&self, now_ms: u64) -> u64 {
        match self.oldest_ms.load(Ordering::Relaxed) {
            0 => 0,
            oldest => now_ms.saturating_sub(oldest) / 1000,
        }
    }

    /// Whether the last batch was not taken.
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// How full the journal is.
    pub fn room(&self) -> Room {
        self.journal.room()
    }

    /// Bytes of this process's journal on disk.
    pub fn journal_bytes(&self) -> u64 {
        self.journal.counters().size.load(Ordering::Relaxed)
    }
}
