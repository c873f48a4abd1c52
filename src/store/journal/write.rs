//! The side of the journal that writes: the queue that appends join, the segment that grows, and those before it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::frame::{HEADER, header};
use super::recover::file_name;
use super::{AppendError, Limits, Position};
use crate::store::files::{Append, Files};

/// A buffer that once grew beyond this is not kept.
const KEPT_BUFFER: usize = 256 << 10;

/// Frames that wait for the writer: at most one of each request, which does not go on before its own is written.
#[derive(Default)]
pub struct Queue {
    frames: Vec<u8>,
    records: u64,
    /// Batches taken so far; the frames here will be the next one.
    taken: u64,
}

impl Queue {
    /// Adds a frame, and says which batch it will be written with.
    pub fn push(&mut self, frame: &[u8]) -> u64 {
        self.frames.extend_from_slice(frame);
        self.records += 1;
        self.taken + 1
    }
}

/// A batch that was not written, until all whose records it held know.
struct Failure {
    batch: u64,
    untold: u64,
    error: AppendError,
}

struct Active {
    segment: u64,
    length: u64,
    file: Arc<dyn Append>,
}

/// Everything that changes with a write.
pub struct Writer {
    /// Batches that were written, or failed to be.
    settled: u64,
    failures: Vec<Failure>,
    buffer: Vec<u8>,
    active: Option<Active>,
    /// Number of the next segment.
    next: u64,
    /// Lengths of the segments before the active one.
    sealed: BTreeMap<u64, u64>,
    /// Of all segments together.
    size: u64,
    /// Segments left since the last sync, and whether the active one was written to.
    unsynced: Vec<Arc<dyn Append>>,
    active_unsynced: bool,
}

impl Writer {
    /// A writer behind these segments. If no segment can be created now, the first append will try again.
    pub fn after(sealed: BTreeMap<u64, u64>, next: u64, files: &dyn Files) -> Self {
        let size = sealed.values().sum();
        let mut writer = Self {
            settled: 0,
            failures: Vec::new(),
            buffer: Vec::new(),
            active: None,
            next,
            sealed,
            size,
            unsynced: Vec::new(),
            active_unsynced: false,
        };
        if let Err(error) = writer.begin_segment(files) {
            tracing::error!(%error, "the spend journal cannot begin a segment");
        }
        writer
    }

    /// Whether another thread has written this batch, or failed to.
    pub fn has_settled(&self, batch: u64) -> bool {
        batch <= self.settled
    }

    /// Takes all that waits; the number of records.
    pub fn take_from(&mut self, queue: &mut Queue) -> u64 {
        self.buffer.clear();
        if self.buffer.capacity() > KEPT_BUFFER {
            self.buffer = Vec::new();
        }
        std::mem::swap(&mut self.buffer, &mut queue.frames);
        queue.taken += 1;
        std::mem::take(&mut queue.records)
    }

    /// Writes what was taken.
    pub fn write(&mut self, files: &dyn Files, limits: &Limits) -> Result<(), AppendError> {
        let bytes = self.buffer.len() as u64;
        if self.size + bytes + HEADER as u64 > limits.total_bytes {
            return Err(AppendError::Full);
        }
        let has_room =
            |active: &Active| active.length + bytes <= limits.segment_bytes || active.length <= HEADER as u64;
        if !self.active.as_ref().is_some_and(has_room) {
            self.begin_segment(files).map_err(refused)?;
        }
        let Some(active) = &mut self.active else { return Err(AppendError::Io(io::ErrorKind::NotFound)) };
        self.active_unsynced = true;
        if let Err(error) = active.file.append(&self.buffer) {
            // Part of it may be there. If it cannot be taken off, nothing may be written behind it.
            if active.file.cut(active.length).is_err() {
                self.seal_active();
            }
            return Err(refused(error));
        }
        active.length += bytes;
        self.size += bytes;
        Ok(())
    }

    /// Notes what became of a batch for the others whose records it held.
    pub fn settle(&mut self, batch: u64, records: u64, outcome: Result<(), AppendError>) {
        self.settled = batch;
        if let Err(error) = outcome {
            self.failures.push(Failure { batch, untold: records, error });
        }
    }

    /// What became of a batch; asked once for each of its records.
    pub fn outcome(&mut self, batch: u64) -> Result<(), AppendError> {
        let Some(at) = self.failures.iter().position(|failure| failure.batch == batch) else { return Ok(()) };
        let Some(failure) = self.failures.get_mut(at) else { return Ok(()) };
        let error = failure.error;
        failure.untold -= 1;
        if failure.untold == 0 {
            self.failures.swap_remove(at);
        }
        Err(error)
    }

    /// Files with bytes that may not be on disk yet.
    pub fn take_unsynced(&mut self) -> Option<Vec<Arc<dyn Append>>> {
        let mut files = std::mem::take(&mut self.unsynced);
        if std::mem::take(&mut self.active_unsynced) {
            files.extend(self.active.as_ref().map(|active| Arc::clone(&active.file)));
        }
        (!files.is_empty()).then_some(files)
    }

    /// Their sync failed.
    pub fn put_back_unsynced(&mut self, files: Vec<Arc<dyn Append>>) {
        for file in files {
            if !self.unsynced.iter().any(|known| Arc::ptr_eq(known, &file)) {
                self.unsynced.push(file);
            }
        }
    }

    /// Where the next record will stand.
    pub fn end(&self) -> Position {
        match &self.active {
            Some(active) => Position { segment: active.segment, offset: active.length },
            None => Position { segment: self.next, offset: HEADER as u64 },
        }
    }

    /// Numbers and lengths of the segments from this one on.
    pub fn segments_from(&self, first: u64) -> Vec<(u64, u64)> {
        let sealed = self.sealed.range(first..).map(|(&segment, &length)| (segment, length));
        let active = self.active.iter().map(|active| (active.segment, active.length));
        sealed.chain(active.filter(|(segment, _)| *segment >= first)).collect()
    }

    /// Numbers of the segments before this one that are no longer written to.
    pub fn sealed_before(&self, segment: u64) -> Vec<u64> {
        self.sealed.range(..segment).map(|(&segment, _)| segment).collect()
    }

    /// A segment's file was deleted.
    pub fn forget(&mut self, segment: u64) {
        self.size -= self.sealed.remove(&segment).unwrap_or_default();
    }

    /// Bytes in all segments.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn begin_segment(&mut self, files: &dyn Files) -> io::Result<()> {
        // Counted up also if this fails: what a failure left behind may have the name.
        let segment = self.next;
        self.next += 1;
        let name = file_name(segment);
        let file = files.create(&name)?;
        if let Err(error) = file.append(&header(segment)) {
            // An opening that finds it deletes it.
            let _left_behind = files.remove(&name);
            return Err(error);
        }
        self.seal_active();
        self.active_unsynced = true;
        self.size += HEADER as u64;
        self.active = Some(Active { segment, length: HEADER as u64, file });
        Ok(())
    }

    fn seal_active(&mut self) {
        if let Some(active) = self.active.take() {
            self.sealed.insert(active.segment, active.length);
            if std::mem::take(&mut self.active_unsynced) {
                self.unsynced.push(active.file);
            }
        }
    }
}

fn refused(error: io::Error) -> AppendError {
    AppendError::Io(error.kind())
}
