//! Some records of the journal, read to be written to the database.

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;

use super::call::{Account, Call};
use crate::store::journal::{Journal, Position};

/// Records that are moved at once at most.
pub const BATCH_RECORDS: usize = 256;
/// Bytes of the journal that are moved at once at most: what the mover holds in memory is a few times that.
pub const BATCH_BYTES: u64 = 1 << 20;

/// Records from one position to another.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order of their ids, no id twice: two nodes that write the same calls wait for each other, and neither
    /// for itself.
    pub calls: Vec<Call>,
    /// The accounts of each call, at the same index.
    pub accounts: Vec<Vec<Account>>,
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
        let mut found: Vec<(Call, Vec<Account>)> = Vec::with_capacity(most.min(BATCH_RECORDS));
        let (mut bytes, mut last) = (0, from);
        batch.to = journal.replay(from, |record, behind| {
            if batch.records == 0 {
                batch.oldest_ms = record.ended_ms;
            }
            batch.newest_ms = record.ended_ms;
            batch.records += 1;
            found.push((Call::of(record), record.charges.iter().map(Account::of).collect()));
            bytes += behind.offset.saturating_sub(if behind.segment == last.segment { last.offset } else { 0 });
            last = behind;
            let is_full = found.len() >= most || bytes >= BATCH_BYTES;
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let mut ids = HashSet::with_capacity(found.len());
        found.retain(|(call, _)| ids.insert(call.call_id.clone()));
        found.sort_by(|(one, _), (other, _)| one.call_id.cmp(&other.call_id));
        (batch.calls, batch.accounts) = found.into_iter().unzip();
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
