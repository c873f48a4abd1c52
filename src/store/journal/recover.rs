//! What an opening finds: all whole records; torn tails, which it cuts; damage, which it steps around.

use std::collections::BTreeMap;
use std::io;

use super::Position;
use super::frame::{self, HEADER};
use super::write::Writer;
use crate::store::files::{Files, read_whole, replace};

/// Of the names of segments.
pub const SEGMENT_ENDING: &str = ".spend";
const ASIDE_ENDING: &str = ".damaged";

/// What an opening found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Segments with records.
    pub segments: u64,
    /// Whole records; [`super::Journal::replay`] tells them.
    pub records: u64,
    /// Segments whose end was half written, as a crash leaves it.
    pub torn: u64,
    /// Bytes cut off for that.
    pub torn_bytes: u64,
    /// Segments with damage before their end; the rest of each was given up, and its bytes kept aside.
    pub damaged: u64,
    /// Segments that the operating system did not let us read; left alone.
    pub unreadable: u64,
    /// There was no segment at all: the numbers begin anew.
    pub is_new: bool,
    /// Where the first new record will stand.
    pub end: Position,
}

/// The name of a segment's file.
pub fn file_name(segment: u64) -> String {
    format!("{segment:016}{SEGMENT_ENDING}")
}

/// Reads all segments and begins a new one behind them.
pub fn recover(files: &dyn Files) -> io::Result<(Writer, Recovered)> {
    let mut found = Recovered::default();
    let number = |(name, _): (String, u64)| name.strip_suffix(SEGMENT_ENDING)?.parse::<u64>().ok();
    let mut numbers: Vec<u64> = files.list()?.into_iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut sealed = BTreeMap::new();
    for &segment in &numbers {
        let Ok(content) = read_whole(files, &file_name(segment)) else {
            tracing::error!(segment, "a segment of the spend journal cannot be read");
            found.unreadable += 1;
            continue;
        };
        let whole = recover_segment(files, segment, &content, &mut found)?;
        if whole > HEADER {
            sealed.insert(segment, whole as u64);
            found.segments += 1;
        } else {
            files.remove(&file_name(segment))?;
        }
    }
    let last = numbers.last().copied().unwrap_or_default();
    let writer = Writer::after(sealed, last.saturating_add(1), files);
    files.sync_directory()?;
    found.is_new = numbers.is_empty();
    found.end = writer.end();
    Ok((writer, found))
}

/// The length of a segment's whole records, to which its file is cut.
fn recover_segment(files: &dyn Files, segment: u64, content: &[u8], found: &mut Recovered) -> io::Result<usize> {
    let mut whole = HEADER.min(content.len());
    // A bad header alone gives up nothing: each frame has its own checksum.
    let header_is_bad = content.get(..HEADER) != Some(frame::header(segment).as_slice());
    while let Some((_, length)) = content.get(whole..).and_then(frame::first) {
        found.records += 1;
        whole += length;
    }
    let rest = content.get(whole..).unwrap_or_default();
    let is_damaged = frame::any_behind(rest);
    if is_damaged || (header_is_bad && whole > HEADER) {
        found.damaged += 1;
        tracing::error!(segment, at = whole, lost = rest.len(), "a segment of the spend journal is damaged");
    } else if !rest.is_empty() || (header_is_bad && !content.is_empty()) {
        found.torn += 1;
        found.torn_bytes += content.len().saturating_sub(whole) as u64;
    }
    if is_damaged {
        // Before the cut: a crash between the two finds the damage again.
        replace(files, &format!("{segment:016}{ASIDE_ENDING}"), content)?;
    }
    if !rest.is_empty() && whole > HEADER {
        files.truncate(&file_name(segment), whole as u64)?;
    }
    Ok(whole)
}
