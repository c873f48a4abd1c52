//! The spend journal: every finished call, on disk before the client has its last byte.
//!
//! What is promised:
//! - [`Journal::append`] returns `Ok` after the record was given to the operating system by a `write`: the end of the
//!   process, however it comes, loses nothing that was acknowledged. Against loss of power the files are synced in the
//!   background every [`SYNC_EVERY`]; at most that much is lost.
//! - [`Journal::open`] recovers all whole records. What a crash left half written is cut off and counted; damage in the
//!   middle of a segment costs the rest of that segment only, whose bytes are kept aside as `<number>.damaged` for an
//!   operator to look at and delete.
//! - An append that failed leaves nothing behind that a later one could trip over. The next one tries anew, so the
//!   journal recovers by itself when there is room again.
//! - The size is bounded by [`Limits::total_bytes`]: an alarm at 80 %, errors at 100 %, until [`Journal::checkpoint`]
//!   has let old segments go. [`Journal::room`] tells who wants to act on it.
//!
//! What an append costs: encoding happens outside of any lock. A record joins the queue under a lock that is held for a
//! copy of some 250 bytes; whoever gets the writer first then writes, in one call, whatever is in the queue: what other
//! threads put there while the one before it wrote, and what this thread's other requests did before their answers leave
//! ([`Queued`]). Nobody goes on before his record is written. Each opening begins a new segment, so no file of an earlier
//! life is ever appended to. A directory is one process's; [`Lanes`] gives each its own.

mod form;
mod frame;
mod lanes;
mod read;
mod record;
mod recover;
#[cfg(test)]
mod tests;
mod write;

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use lanes::{Lane, Lanes};
pub use record::{Adjustment, Alike, Charge, Key, MAX_CHARGES, MAX_METADATA, MAX_SCOPE_ID, MAX_TAGS, MAX_TEXT, Record};
pub use recover::Recovered;

use crate::store::files::{Directory, Files};
use write::{Queue, Writer};

/// The most that loss of power may cost.
pub const SYNC_EVERY: Duration = Duration::from_secs(1);
/// A segment ends before it would exceed this: some 40,000 records.
pub const SEGMENT_BYTES: u64 = 16 << 20;
/// Some 25 million records.
pub const TOTAL_BYTES: u64 = 10 << 30;
/// Percent of the total at which the log warns.
const ALARM_PERCENT: u64 = 80;

/// Sizes, other than the usual ones in tests only.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// See [`SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// See [`TOTAL_BYTES`].
    pub total_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES, total_bytes: TOTAL_BYTES }
    }
}

/// A place between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Number of the segment.
    pub segment: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

/// Why a record was not taken. Nothing of it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// [`Limits::total_bytes`] are reached.
    #[error("the spend journal is full")]
    Full,
    /// The operating system refused.
    #[error("the spend journal cannot be written: {0}")]
    Io(io::ErrorKind),
}

/// How full the journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is room.
    Ample,
    /// Four fifths are taken: the store is away for long, or too slow.
    Short,
    /// The last record was refused for that: what must not be spent unrecorded must not be admitted.
    None,
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Records acknowledged.
    pub appended: AtomicU64,
    /// Records refused.
    pub refused: AtomicU64,
    /// `write` calls that succeeded; fewer than records when threads met.
    pub writes: AtomicU64,
    /// Segments synced to disk.
    pub syncs: AtomicU64,
    /// Attempts at that which failed.
    pub sync_failures: AtomicU64,
    /// Segments that turned out to be damaged while they were read back.
    pub damaged: AtomicU64,
    /// Bytes in all segments now.
    pub size: AtomicU64,
}

/// See the module.
pub struct Journal {
    files: Arc<dyn Files>,
    limits: Limits,
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
    counters: Counters,
    /// Bytes that other lanes hold of what is allowed to all of them together.
    elsewhere: AtomicU64,
    /// The last write failed, and the log says so.
    failing: AtomicBool,
    /// It failed because the journal is full.
    full: AtomicBool,
    /// The log has warned of the size.
    alarmed: AtomicBool,
}

/// A record that waits to be written. Dropping it writes it too; if that fails, [`Counters::refused`] and the log know.
#[must_use = "the record is written when this is dropped"]
pub struct Queued<'a> {
    journal: &'a Journal,
    /// Until it is written.
    batch: Option<u64>,
}

impl Queued<'_> {
    /// Writes it, and all that waits with it, unless somebody has.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn write(mut self) -> Result<(), AppendError> {
        self.batch.take().map_or(Ok(()), |batch| self.journal.write_up_to(batch))
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            let _counted = self.journal.write_up_to(batch);
        }
    }
}

thread_local! {
    static FRAME: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Journal {
    /// Opens the journal in a directory that may not exist yet.
    ///
    /// # Errors
    /// The directory cannot be used, or another process holds it. Content never is an error, whatever it is.
    pub fn open(path: &Path, limits: Limits) -> io::Result<(Self, Recovered)> {
        Self::open_on(Arc::new(Directory::open(path)?), limits)
    }

    /// The same with any files.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(files: Arc<dyn Files>, limits: Limits) -> io::Result<(Self, Recovered)> {
        let (writer, recovered) = recover::recover(files.as_ref())?;
        let journal = Self {
            files,
            limits,
            queue: Mutex::new(Queue::default()),
            writer: Mutex::new(writer),
            counters: Counters::default(),
            elsewhere: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            full: AtomicBool::new(false),
            alarmed: AtomicBool::new(false),
        };
        journal.watch_size(&journal.writer());
        Ok((journal, recovered))
    }

    /// Takes one record; it is in the operating system's hands when this returns.
    ///
    /// # Errors
    /// The record does not count. The log has said so once, and [`Counters::refused`] counts.
    pub fn append(&self, record: &Record<'_>) -> Result<(), AppendError> {
        self.enqueue(record).write()
    }

    /// Takes one record that is written with others, when the first of those who wait for one of them cannot wait longer.
    pub fn enqueue(&self, record: &Record<'_>) -> Queued<'_> {
        let batch = FRAME.with_borrow_mut(|bytes| {
            bytes.clear();
            frame::encode_into(record, bytes);
            lock(&self.queue).push(bytes)
        });
        Queued { journal: self, batch: Some(batch) }
    }

    fn write_up_to(&self, batch: u64) -> Result<(), AppendError> {
        let mut writer = self.writer();
        if !writer.has_settled(batch) {
            let records = writer.take_from(&mut lock(&self.queue));
            let outcome = writer.write(self.files.as_ref(), &self.limits_here());
            writer.settle(batch, records, outcome);
            self.report(&writer, records, outcome);
        }
        writer.outcome(batch)
    }

    /// Makes durable what was appended so far. Called every [`SYNC_EVERY`], and at the end.
    ///
    /// # Errors
    /// The operating system's; the next call tries again, but what a disk once failed to take may be lost.
    pub fn sync(&self) -> io::Result<()> {
        let Some(unsynced) = self.writer().take_unsynced() else { return Ok(()) };
        // Outside of the lock: appends go on meanwhile.
        let outcome = unsynced.iter().try_for_each(|file| file.sync()).and_then(|()| self.files.sync_directory());
        match &outcome {
            Ok(()) => {
                self.counters.syncs.fetch_add(unsynced.len() as u64, Ordering::Relaxed);
            }
            Err(error) => {
                self.writer().put_back_unsynced(unsynced);
                if self.counters.sync_failures.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::error!(%error, "the spend journal cannot be synced to disk");
                }
            }
        }
        outcome
    }

    /// Where the next record will stand.
    pub fn end(&self) -> Position {
        self.writer().end()
    }

    /// Deletes whole segments before `up_to`: a consumer has safely taken their records.
    ///
    /// # Errors
    /// The operating system's; what could not be deleted stays for the next call.
    pub fn checkpoint(&self, up_to: Position) -> io::Result<()> {
        let old = self.writer().sealed_before(up_to.segment);
        let removed = old.into_iter().try_for_each(|segment| {
            self.files.remove(&recover::file_name(segment))?;
            self.writer().forget(segment);
            Ok(())
        });
        self.watch_size(&self.writer());
        // Tried again by the next append; until then nobody need be turned away.
        self.full.store(false, Ordering::Relaxed);
        removed
    }

    /// How full it is.
    pub fn room(&self) -> Room {
        match () {
            () if self.full.load(Ordering::Relaxed) => Room::None,
            () if self.alarmed.load(Ordering::Relaxed) => Room::Short,
            () => Room::Ample,
        }
    }

    /// Other lanes hold so many bytes, which take room here.
    fn set_elsewhere(&self, bytes: u64) {
        self.elsewhere.store(bytes, Ordering::Relaxed);
        self.watch_size(&self.writer());
    }

    fn limits_here(&self) -> Limits {
        let elsewhere = self.elsewhere.load(Ordering::Relaxed);
        Limits { total_bytes: self.limits.total_bytes.saturating_sub(elsewhere), ..self.limits }
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }

    fn report(&self, writer: &Writer, records: u64, outcome: Result<(), AppendError>) {
        self.full.store(outcome == Err(AppendError::Full), Ordering::Relaxed);
        match outcome {
            Ok(()) => {
                self.counters.appended.fetch_add(records, Ordering::Relaxed);
                self.counters.writes.fetch_add(1, Ordering::Relaxed);
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::warn!("the spend journal can be written again");
                }
            }
            Err(error) => {
                self.counters.refused.fetch_add(records, Ordering::Relaxed);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "spend is not recorded");
                }
            }
        }
        self.watch_size(writer);
    }

    fn watch_size(&self, writer: &Writer) {
        let size = writer.size();
        self.counters.size.store(size, Ordering::Relaxed);
        let together = size.saturating_add(self.elsewhere.load(Ordering::Relaxed));
        let alarming = together / ALARM_PERCENT >= self.limits.total_bytes / 100;
        if self.alarmed.load(Ordering::Relaxed) != alarming {
            self.alarmed.store(alarming, Ordering::Relaxed);
            if alarming {
                tracing::error!(size, limit = self.limits.total_bytes, "the spend journal is nearly full");
            }
        }
    }
}

/// No code that holds one of these locks can panic half way through a change; a poisoned one is as good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
