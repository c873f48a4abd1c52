//! One line a request, written off the request's way.
//!
//! A finished request pushes a [`Record`] into a bounded lock-free queue; a background task formats and writes what has
//! gathered every [`FLUSH_EVERY`]. Nobody is woken for a line: a wake-up is a system call, and system calls are the
//! budget. A full queue drops the line and counts it (`tollgate_access_lines_dropped_total`).
//!
//! A record holds no prompt, no answer and no secret: of a key only the first characters of its digest.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_queue::ArrayQueue;

use super::log::Format;
use crate::decimal::Decimal;

/// How often gathered lines are written.
pub const FLUSH_EVERY: Duration = Duration::from_millis(25);
/// Written records that are kept to be filled again.
const SPENT_LIMIT: usize = 4096;
/// Lines are written in pieces of about this size, so that a burst of requests does not become a burst of memory.
const WRITE_SIZE: usize = 64 * 1024;
/// Lines that may wait to be written; at 50,000 requests a second that is over a second of a stuck disk.
pub const QUEUE_LIMIT: usize = 65_536;

/// What is known of a finished request.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it ended.
    pub at: SystemTime,
    /// `x-litellm-call-id`.
    pub call_id: String,
    /// Served path pattern, such as `/v1/chat/completions`.
    pub route: &'static str,
    /// First eight hex digits of the key's SHA-256.
    pub key_hash: Option<String>,
    /// `model` as the client wrote it.
    pub model: Option<String>,
    /// `model_info.id` of the deployment that answered.
    pub deployment: Option<std::sync::Arc<str>>,
    /// Requests sent upstream.
    pub attempts: u32,
    /// Those that failed, as `x-tollgate-route` tells them.
    pub tried: Option<String>,
    /// Status the client got.
    pub status: u16,
    /// LiteLLM's exception class, if it failed.
    pub error: Option<&'static str>,
    /// What only the log may know about the failure.
    pub error_detail: Option<String>,
    /// `usage.prompt_tokens`.
    pub prompt_tokens: Option<u64>,
    /// `usage.completion_tokens`.
    pub completion_tokens: Option<u64>,
    /// Until the first body byte from the upstream.
    pub first_token: Option<Duration>,
    /// From the request's first line to its last byte.
    pub total: Duration,
    /// Body bytes from the client.
    pub bytes_in: usize,
    /// Body bytes to the client.
    pub bytes_out: usize,
}

/// The queue between requests and the writer.
pub struct AccessLog {
    // Boxed: the queue touches all of its slots when it is made.
    queue: ArrayQueue<Box<Record>>,
    /// Written records, to be filled again: what one thread allocates and another one frees makes an allocator grow.
    spent: ArrayQueue<Box<Record>>,
    dropped: prometheus::IntCounter,
    format: Format,
}

impl AccessLog {
    /// `dropped` counts the lines that found the queue full.
    pub fn new(format: Format, dropped: prometheus::IntCounter) -> Self {
        Self { queue: ArrayQueue::new(QUEUE_LIMIT), spent: ArrayQueue::new(SPENT_LIMIT), dropped, format }
    }

    /// Hands a record to the writer; never waits.
    pub fn push(&self, record: Record) {
        let record = match self.spent.pop() {
            Some(mut spent) => {
                *spent = record;
                spent
            }
            None => Box::new(record),
        };
        if self.queue.push(record).is_err() {
            self.dropped.inc();
        }
    }

    /// Writes what has gathered.
    ///
    /// # Errors
    /// Of the output; the lines that were taken from the queue are lost then.
    pub fn flush(&self, output: &mut impl Write) -> std::io::Result<()> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::with_capacity(WRITE_SIZE + WRITE_SIZE / 8);
        while let Some(record) = self.queue.pop() {
            match self.format {
                Format::Text => record.write_text(&mut lines),
                Format::Json => record.write_json(&mut lines),
            }
            let _enough_are_kept = self.spent.push(record);
            if lines.len() >= WRITE_SIZE {
                output.write_all(&lines)?;
                lines.clear();
            }
        }
        output.write_all(&lines)?;
        output.flush()
    }
}

impl Record {
    fn write_json(&self, out: &mut Vec<u8>) {
        let tokens = |count: Option<u64>| count.map(whole);
        let mut line = JsonLine(out);
        line.number(r#"{"time":"#, Some(Decimal::new(unix_micros(self.at), 6, 1)));
        line.text(r#","call_id":"#, Some(&self.call_id));
        line.text(r#","route":"#, Some(self.route));
        line.text(r#","key_hash":"#, self.key_hash.as_deref());
        line.text(r#","model":"#, self.model.as_deref());
        line.text(r#","deployment":"#, self.deployment.as_deref());
        line.number(r#","attempts":"#, Some(whole(self.attempts)));
        if self.tried.is_some() {
            line.text(r#","tried":"#, self.tried.as_deref());
        }
        line.number(r#","status":"#, Some(whole(self.status)));
        line.text(r#","error":"#, self.error);
        line.text(r#","error_detail":"#, self.error_detail.as_deref());
        line.number(r#","prompt_tokens":"#, tokens(self.prompt_tokens));
        line.number(r#","completion_tokens":"#, tokens(self.completion_tokens));
        line.number(r#","first_token_ms":"#, self.first_token.map(exact_milliseconds));
        line.number(r#","total_ms":"#, Some(exact_milliseconds(self.total)));
        line.number(r#","bytes_in":"#, Some(whole(self.bytes_in as u64)));
        line.number(r#","bytes_out":"#, Some(whole(self.bytes_out as u64)));
        out.extend_from_slice(b"}\n");
    }

    fn write_text(&self, out: &mut Vec<u8>) {
        let dash = "-";
        let number = |value: Option<u64>| value.map_or_else(|| dash.to_owned(), |value| value.to_string());
        // {:?} quotes and escapes what a client chose, so that one request is one line.
        let _infallible = writeln!(
            out,
            "{:.3} {} {} status={} key={} model={:?} deployment={} attempts={} tokens={}/{} first_ms={} total_ms={:.3} bytes={}/{}{}{}{}",
            unix_seconds(self.at),
            self.call_id,
            self.route,
            self.status,
            self.key_hash.as_deref().unwrap_or(dash),
            self.model.as_deref().unwrap_or(dash),
            self.deployment.as_deref().unwrap_or(dash),
            self.attempts,
            number(self.prompt_tokens),
            number(self.completion_tokens),
            self.first_token.map_or_else(|| dash.to_owned(), |time| format!("{:.3}", milliseconds(time))),
            milliseconds(self.total),
            self.bytes_in,
            self.bytes_out,
            self.tried.as_ref().map_or_else(String::new, |tried| format!(" tried={}", tried.replace("; ", " "))),
            self.error.map_or_else(String::new, |error| format!(" error={error}")),
            self.error_detail.as_ref().map_or_else(String::new, |detail| format!(" detail={detail:?}")),
        );
    }
}

/// Writes the members of a JSON object; their names come with brackets, commas and colons.
struct JsonLine<'a>(&'a mut Vec<u8>);

impl JsonLine<'_> {
    fn text(&mut self, name: &str, text: Option<&str>) {
        self.0.extend_from_slice(name.as_bytes());
        let Some(text) = text else { return self.0.extend_from_slice(b"null") };
        // Nearly all texts are written as they are. The loop has no way out, so that the compiler vectorises it.
        let needs_escapes = |any, byte: &u8| any | (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
        if text.as_bytes().iter().fold(false, needs_escapes) {
            let _infallible = serde_json::to_writer(&mut *self.0, text);
        } else {
            self.0.push(b'"');
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(b'"');
        }
    }

    fn number(&mut self, name: &str, number: Option<Decimal>) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(number.as_ref().map_or(&b"null"[..], Decimal::as_bytes));
    }
}

fn whole(number: impl Into<u64>) -> Decimal {
    Decimal::new(i64::try_from(number.into()).unwrap_or(i64::MAX), 0, 0)
}

fn exact_milliseconds(time: Duration) -> Decimal {
    Decimal::new(i64::try_from(time.as_micros()).unwrap_or(i64::MAX), 3, 1)
}

fn unix_micros(at: SystemTime) -> i64 {
    i64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
}

fn unix_seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(model: &str) -> Record {
        Record {
            at: UNIX_EPOCH + Duration::from_secs(1),
            call_id: "id-1".into(),
            route: "/v1/chat/completions",
            key_hash: Some("88dc28d0".into()),
            model: Some(model.into()),
            deployment: Some("d1".into()),
            attempts: 2,
            tried: None,
            status: 200,
            error: None,
            error_detail: None,
            prompt_tokens: Some(11),
            completion_tokens: None,
            first_token: Some(Duration::from_micros(1500)),
            total: Duration::from_millis(3),
            bytes_in: 10,
            bytes_out: 20,
        }
    }

    fn lines(format: Format, model: &str) -> String {
        let dropped = prometheus::IntCounter::new("dropped", "dropped").unwrap();
        let log = AccessLog::new(format, dropped);
        log.push(record(model));
        let mut out = Vec::new();
        log.flush(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_line_has_every_field() {
        let line: serde_json::Value = serde_json::from_str(&lines(Format::Json, "gpt-4o \"\\\n\u{1}é")).unwrap();
        assert_eq!(line["attempts"], 2);
        assert_eq!(line["first_token_ms"], 1.5);
        assert!(line["completion_tokens"].is_null());
        assert_eq!((&line["time"], &line["total_ms"]), (&1.0.into(), &3.0.into()));
        assert_eq!(line["model"], "gpt-4o \"\\\n\u{1}é");
        assert_eq!(line.as_object().unwrap().len(), 16);
    }

    #[test]
    fn a_model_name_cannot_forge_a_line() {
        for format in [Format::Text, Format::Json] {
            assert_eq!(lines(format, "a\n1.0 forged status=200").lines().count(), 1);
        }
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let dropped = prometheus::IntCounter::new("dropped", "dropped").unwrap();
        let log = AccessLog::new(Format::Text, dropped.clone());
        for _ in 0..=QUEUE_LIMIT {
            log.push(record("m"));
        }
        assert_eq!(dropped.get(), 1);
    }
}
