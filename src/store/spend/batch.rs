//! Some records of the journal, read to be written to the database.

use std::io;
use std::ops::ControlFlow;

use super::row::{Account, Common, Known, Row};
use crate::store::journal::{Journal, Position};

/// Records that are moved at once at most. Much of what many of them change is the same: pages of indexes, counters, the
/// day's sums.
pub const BATCH_RECORDS: usize = 2048;
/// Bytes of the journal that are moved at once at most: what the mover holds in memory is a few times that.
pub const BATCH_BYTES: u64 = 2 << 20;

/// Records from one position to another.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order of their ids, no id twice: two nodes that write the same calls wait for each other, and neither
    /// for itself.
    pub rows: Vec<Row>,
    /// What calls have in common, by the number that each row has.
    pub commons: Vec<Common>,
    /// Where costs go, by the numbers that rows have.
    pub accounts: Vec<Account>,
    /// Records read, repeated ones too.
    pub records: u64,
    /// When the first of them ended; 0: there is none.
    pub oldest_ms: u64,
    /// When the last of them ended.
    pub newest_ms: u64,
    /// Where the next batch begins.
    pub to: Position,
}

impl Batch {
    /// Reads what stands behind a position, at most so many records.
    ///
    /// # Errors
    /// The operating system's.
    pub fn read(journal: &Journal, from: Position, most: usize) -> io::Result<Self> {
        let mut batch = Self::default();
        let (mut commons, mut accounts) = (Known::default(), Known::default());
        let mut rows = Vec::with_capacity(most.min(BATCH_RECORDS));
        let (mut bytes, mut last) = (0, from);
        batch.to = journal.replay(from, |record, behind| {
            if batch.records == 0 {
                batch.oldest_ms = record.ended_ms;
            }
            batch.newest_ms = record.ended_ms;
            batch.records += 1;
            rows.push(Row::of(record, &mut commons, &mut accounts));
            bytes += behind.offset.saturating_sub(if behind.segment == last.segment { last.offset } else { 0 });
            last = behind;
            let is_full = rows.len() >= most || bytes >= BATCH_BYTES;
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        // Stable: of those with one id the first stays.
        rows.sort_by(|one, other| one.call_id.cmp(&other.call_id));
        rows.dedup_by(|later, first| later.call_id == first.call_id);
        (batch.rows, batch.commons, batch.accounts) = (rows, commons.into_all(), accounts.into_all());
        Ok(batch)
    }
}

/// Records between two positions.
///
/// # Errors
/// The operating system's.
pub fn count(journal: &Journal, from: Position, to: Position) -> io::Result<u64> {
    let mut records = 0;
    journal.replay(from, |_, behind| {
        if behind > to {
            return ControlFlow::Break(());
        }
        records += 1;
        ControlFlow::Continue(())
    })?;
    Ok(records)
}
