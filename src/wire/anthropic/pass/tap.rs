//! The tap: Claude's stream on its way to a client of the same dialect.
//!
//! Frames pass as they came. Only three events are read, each comes once: `message_start` (the model's name is written
//! over, counters), `message_delta` (counters) and `message_stop`, without which the answer is not whole. Deltas, which
//! nearly all of a stream consists of, are known by their `event:` line; of their data only the brackets and the words
//! ([`super::words`]) are looked at.
//! An `error` event ends the stream, and so does what is no event of this API. What follows `message_stop` is dropped.

use std::ops::Range;

use super::words::{self, Words};
use crate::wire::anthropic::errors;
use crate::wire::anthropic::types::StreamData;
use crate::wire::anthropic::usage::UsageCounters;
use crate::wire::escape::quote;
use crate::wire::passing::Passing;
use crate::wire::peek::{PeekError, ValueKind, object_at, peek_answer};
use crate::wire::said::Said;
use crate::wire::sse::{Event, Frame};
use crate::wire::tap::{self, StreamEnd, StreamError};

/// What the tap changes.
#[derive(Clone, Debug, Default)]
pub struct TapRules {
    /// The name (plain text) to write over the provider's `model`. `None`: leave it.
    pub group_model: Option<String>,
}

/// One stream.
pub type Tap = tap::Tap<Reader>;

impl Tap {
    /// A stream that begins.
    pub fn new(rules: TapRules) -> Self {
        let model = rules.group_model.map(|name| quote(&name));
        Tap::of(Reader {
            model,
            withheld: false,
            so_far: StreamEnd::default(),
            usage: UsageCounters::default(),
            said: Said::escaped(),
            words: Words::default(),
        })
    }
}

/// `finish_reason_seen` stays unsaid: a `stop_reason` ends nothing here, only `message_stop` does.
#[derive(Debug)]
pub struct Reader {
    /// The client's model name as JSON.
    model: Option<Vec<u8>>,
    /// The last frame did not pass as it came: its late line feed does not pass at all.
    withheld: bool,
    so_far: StreamEnd,
    usage: UsageCounters<'static>,
    said: Said,
    words: Words,
}

/// The first lines of the events that say nothing but words.
const DELTA: &[u8] = b"event: content_block_delta";

impl tap::Reader for Reader {
    fn pass(&mut self, frame: &Frame<'_>, passing: &mut Passing<'_>) -> Result<(), StreamError> {
        if frame.orphan {
            if !self.withheld {
                passing.keep(frame);
            }
            return Ok(());
        }
        self.withheld = self.so_far.done;
        if self.so_far.done {
            return Ok(());
        }
        let event = Event::parse(frame.bytes);
        let Some(data) = event.data.as_deref() else {
            passing.keep(frame);
            return Ok(());
        };
        if frame.bytes.starts_with(DELTA) && is_bracketed(data) {
            self.so_far.events += 1;
            self.so_far.useful = true;
            self.words.delta(data, &mut self.said);
            passing.keep(frame);
            return Ok(());
        }
        self.read(frame, &event, data, passing)
    }

    fn is_whole(data: &[u8]) -> bool {
        peek_answer(data).is_ok()
    }

    fn so_far(&self) -> StreamEnd {
        self.so_far
    }

    fn cut(&mut self) {
        self.so_far.cut = true;
    }

    fn said(&mut self) -> &mut Said {
        &mut self.said
    }
}

impl Reader {
    fn read(
        &mut self,
        frame: &Frame<'_>,
        event: &Event<'_>,
        data: &[u8],
        passing: &mut Passing<'_>,
    ) -> Result<(), StreamError> {
        if event.name == Some(b"error") {
            return Err(StreamError::Provider(errors::of_body(data)));
        }
        let object = peek_answer(data).map_err(StreamError::Garbled)?;
        let kind = object.as_str("type");
        let Some(kind) = kind.as_deref() else {
            return Err(StreamError::Garbled(PeekError { reason: "no type", offset: 0 }));
        };
        self.so_far.events += 1;
        match kind {
            "error" => return Err(StreamError::Provider(errors::of_body(data))),
            "message_start" => {
                let message = object.get("message").filter(|message| message.kind == ValueKind::Object);
                let message = message.and_then(|message| object_at(data, message.value.start));
                let member = |name: &str| message.as_ref()?.get(name).map(|member| (member.value.clone(), member.kind));
                self.count(member("usage").and_then(|(range, _)| data.get(range)));
                let model = member("model").filter(|(_, kind)| *kind == ValueKind::String).map(|(range, _)| range);
                self.rename(frame, event, data, model, passing);
                return Ok(());
            }
            "message_delta" => self.message_delta(data),
            "message_stop" => self.so_far.done = true,
            "content_block_start" => {
                self.so_far.useful = true;
                words::block(&object, &mut self.said);
            }
            "content_block_delta" => {
                self.so_far.useful = true;
                self.words.delta(data, &mut self.said);
            }
            _ => {}
        }
        passing.keep(frame);
        Ok(())
    }

    fn message_delta(&mut self, data: &[u8]) {
        // An answer without a word is one too.
        self.so_far.useful = true;
        if let Ok(StreamData { usage: Some(usage), .. }) = serde_json::from_slice(data) {
            self.usage.update(usage);
            self.so_far.usage = Some(self.usage.usage(0));
        }
    }

    fn count(&mut self, usage: Option<&[u8]>) {
        if let Some(usage) = usage.and_then(|json| serde_json::from_slice::<UsageCounters<'_>>(json).ok()) {
            self.usage.update(usage);
            self.so_far.usage = Some(self.usage.at_start());
        }
    }

    fn rename(
        &mut self,
        frame: &Frame<'_>,
        event: &Event<'_>,
        data: &[u8],
        model: Option<Range<usize>>,
        passing: &mut Passing<'_>,
    ) {
        let changed = self.model.as_ref().zip(model).filter(|(name, range)| data.get(range.clone()) != Some(name));
        match (changed, event.data_at) {
            (None, _) => passing.keep(frame),
            (Some((name, range)), Some(at)) => passing.rewrite(frame, range.start + at..range.end + at, name),
            (Some((name, range)), None) => {
                // The JSON stood on several lines; between tokens a line end is white space, so one line says the same.
                self.withheld = true;
                let line = |part: Option<&[u8]>| -> Vec<u8> {
                    part.unwrap_or_default().iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect()
                };
                let (before, after) = (line(data.get(..range.start)), line(data.get(range.end..)));
                passing.copy(&[b"event: message_start\ndata: ", &before[..], name, &after, b"\n\n"].concat());
            }
        }
    }
}

/// An object by its first and last byte.
fn is_bracketed(data: &[u8]) -> bool {
    let data = data.trim_ascii();
    data.starts_with(b"{") && data.ends_with(b"}")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::error::{Error, Kind};

    const START: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","content":[],"model":"claude-x","usage":{"input_tokens":11,"cache_read_input_tokens":4,"output_tokens":1}}}

"#;
    const TEXT: &str = r#"event: content_block_start
data: {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hé \"claude-x\""}}

"#;
    const DELTA: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7}}\n\n";
    const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    fn run(bytes: &[u8], size: usize, name: Option<&str>) -> (String, Result<StreamEnd, StreamError>) {
        let mut tap = Tap::new(TapRules { group_model: name.map(str::to_owned) });
        let mut out = Vec::new();
        for chunk in bytes.chunks(size.max(1)) {
            if let Err(error) = tap.feed(Bytes::copy_from_slice(chunk), &mut out) {
                return (String::from_utf8(out.concat()).unwrap(), Err(error));
            }
        }
        let end = tap.finish(&mut out);
        (String::from_utf8(out.concat()).unwrap(), end)
    }

    #[test]
    fn bytes_pass_and_the_model_is_rewritten() {
        let bytes = [START, TEXT, DELTA, STOP].concat();
        let (out, end) = run(bytes.as_bytes(), 4096, None);
        assert_eq!(out, bytes);
        let end = end.unwrap();
        assert!(end.complete() && end.useful && !end.cut);
        let usage = end.usage.unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (15, 7, 22));
        let (out, _) = run(bytes.as_bytes(), 4096, Some("mine"));
        assert_eq!(out, bytes.replacen("\"claude-x\"", "\"mine\"", 1), "only in message_start");
        let (out, end) = run([&bytes, TEXT].concat().as_bytes(), 4096, None);
        assert_eq!(out, bytes, "nothing follows the end");
        assert!(end.unwrap().done);
    }

    #[test]
    fn only_message_stop_makes_it_whole() {
        let complete = |bytes: &str| run(bytes.as_bytes(), 4096, None).1.unwrap().complete();
        assert!(!complete(START));
        assert!(!complete(&[START, TEXT].concat()));
        assert!(!complete(&[START, TEXT, DELTA].concat()));
        assert!(complete(&[START, TEXT, DELTA, STOP.trim_end()].concat()));
        let cut = run([START, "event: content_block_delta\ndata: {\"ty"].concat().as_bytes(), 4096, None).1.unwrap();
        assert!(cut.cut && !cut.complete());
    }

    #[test]
    fn an_error_ends_the_stream() {
        let check = |bad: &str, kind: Kind| {
            let (out, end) = run([START, TEXT, bad, TEXT].concat().as_bytes(), 4096, None);
            assert_eq!(out, [START, TEXT].concat(), "what came before passes");
            assert_eq!(Error::from(end.unwrap_err()).kind, kind, "{bad}");
        };
        let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        check(&format!("event: error\ndata: {error}\n\n"), Kind::ProviderOverloaded);
        check(&format!("data: {error}\n\n"), Kind::ProviderOverloaded);
        check("event: content_block_delta\ndata: <html>\n\n", Kind::GarbledAnswer);
        check("data: {\"choices\":[]}\n\n", Kind::GarbledAnswer);
    }

    #[test]
    fn a_start_on_several_lines_is_renamed() {
        let spread =
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":\ndata: {\"model\":\"a\"}}\n\n";
        let (out, _) = run(spread.as_bytes(), 4096, Some("mine"));
        let line = "event: message_start\ndata: {\"type\":\"message_start\",\"message\": {\"model\":\"mine\"}}\n\n";
        assert_eq!(out, line);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same(size in 1_usize..40, crlf: bool) {
            let bytes = [START, TEXT, DELTA, STOP].concat();
            let bytes = if crlf { bytes.replace('\n', "\r\n") } else { bytes };
            let whole = run(bytes.as_bytes(), bytes.len(), Some("mine"));
            prop_assert_eq!(run(bytes.as_bytes(), size, Some("mine")), whole);
        }
    }
}
