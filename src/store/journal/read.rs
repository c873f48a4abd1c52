//! Reading the journal back, also while it is written: what a consumer does.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use super::frame::{self, HEADER, MAX_FRAME};
use super::recover::file_name;
use super::{Journal, Position, Record};

/// Read at once. A frame fits several times, so every step gets on.
const STEP: usize = 512 << 10;
const _: () = assert!(STEP > 2 * MAX_FRAME);

impl Journal {
    /// Tells every record from `from` to the end, in order, each with the position behind it, until `take` breaks off.
    /// Returns where the next reading goes on.
    ///
    /// A segment that is found damaged is left at the bad record, which is counted and logged.
    ///
    /// # Errors
    /// The operating system's; what was told before it stays told.
    pub fn replay(
        &self,
        from: Position,
        mut take: impl FnMut(&Record<'_>, Position) -> ControlFlow<()>,
    ) -> io::Result<Position> {
        let (segments, end) = {
            let writer = self.writer();
            (writer.segments_from(from.segment), writer.end())
        };
        for (segment, length) in segments {
            let offset = if segment == from.segment { from.offset.max(HEADER as u64) } else { HEADER as u64 };
            let at = Position { segment, offset };
            if let ControlFlow::Break(at) = self.replay_segment(at, length, &mut take)? {
                return Ok(at);
            }
        }
        Ok(end.max(from))
    }

    /// Bytes of records from here to the end.
    pub fn bytes_from(&self, from: Position) -> u64 {
        let segments = self.writer().segments_from(from.segment);
        let left = |(segment, length): (u64, u64)| {
            let begin = if segment == from.segment { from.offset.max(HEADER as u64) } else { HEADER as u64 };
            length.saturating_sub(begin)
        };
        segments.into_iter().map(left).sum()
    }

    fn replay_segment(
        &self,
        mut at: Position,
        length: u64,
        take: &mut impl FnMut(&Record<'_>, Position) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<Position>> {
        let name = file_name(at.segment);
        while at.offset < length {
            let limit = usize::try_from(length - at.offset).map_or(STEP, |left| left.min(STEP));
            let bytes = self.files.read(&name, at.offset, limit)?;
            let mut rest = bytes.as_slice();
            let before = at;
            while let Some((record, size)) = frame::first(rest) {
                at.offset += size as u64;
                if take(&record, at).is_break() {
                    return Ok(ControlFlow::Break(at));
                }
                rest = rest.get(size..).unwrap_or_default();
            }
            if at == before {
                self.counters.damaged.fetch_add(1, Ordering::Relaxed);
                tracing::error!(name, at = at.offset, "a segment of the spend journal is damaged");
                return Ok(ControlFlow::Continue(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
