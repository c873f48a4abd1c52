//! Counts server-sent events (WHATWG HTML, section 9.2) without keeping them.

/// As much of a line as decides what it is.
const PREFIX: usize = 16;

/// State between two pieces of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventCounter {
    /// Events with data, without `[DONE]`.
    pub events: u64,
    /// Events that report a failure: `data: {"error"…`.
    pub errors: u64,
    /// Whether `data: [DONE]` has come.
    pub done: bool,
    prefix: [u8; PREFIX],
    line_length: usize,
    line_ends_in_cr: bool,
    has_data: bool,
}

impl EventCounter {
    /// Counts the events that end in `bytes`.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.extend_line(rest.get(..end).unwrap_or_default());
            self.end_line();
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        self.extend_line(rest);
    }

    fn extend_line(&mut self, part: &[u8]) {
        if let Some(free) = self.prefix.get_mut(self.line_length.min(PREFIX)..) {
            for (slot, byte) in free.iter_mut().zip(part) {
                *slot = *byte;
            }
        }
        self.line_length += part.len();
        if let Some(last) = part.last() {
            self.line_ends_in_cr = *last == b'\r';
        }
    }

    fn end_line(&mut self) {
        let length = self.line_length - usize::from(self.line_ends_in_cr);
        let line = self.prefix.get(..length.min(PREFIX)).unwrap_or_default();
        if line.is_empty() {
            self.events += u64::from(self.has_data);
            self.has_data = false;
        } else if let Some(data) = line.strip_prefix(b"data:") {
            let data = data.trim_ascii_start();
            if data == b"[DONE]" {
                self.done = true;
            } else {
                self.has_data = true;
                self.errors += u64::from(data.starts_with(b"{\"error\""));
            }
        }
        self.line_length = 0;
        self.line_ends_in_cr = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &[u8], events: u64, errors: u64, done: bool) {
        let splits = (0..=stream.len()).map(|at| vec![&stream[..at], &stream[at..]]);
        for pieces in splits.chain([stream.chunks(1).collect()]) {
            let mut counter = EventCounter::default();
            pieces.iter().for_each(|piece| counter.feed(piece));
            assert_eq!((counter.events, counter.errors, counter.done), (events, errors, done));
        }
    }

    #[test]
    fn every_split_counts_the_same() {
        check(b"data: {\"a\":1}\n\ndata: {\"b\":\"a long line of data\"}\n\ndata: [DONE]\n\n", 2, 0, true);
        check(b"data:{}\r\n\r\ndata: [DONE]\r\n\r\n", 1, 0, true);
        check(b": comment\n\nevent: ping\n\ndata: 1\ndata: 2\n\n", 1, 0, false);
        check(b"data: {\"error\":{\"message\":\"x\"}}\n\n", 1, 1, false);
        check(b"data: {\"unfinished\":1}\n", 0, 0, false);
    }
}
