//! The tap: a stream of pictures on its way to the client. Frames pass as they came; on the side the tap counts pictures
//! and tokens.
//!
//! There is no `[DONE]`: the stream is whole when as many pictures are whole as were asked for. Of one that ends before,
//! what is whole counts, and the picture of which a sketch was shown.

use super::{said, used};
use crate::drawing::Drawing;
use crate::wire::openai::errors;
use crate::wire::passing::Passing;
use crate::wire::peek::{ValueKind, peek_answer};
use crate::wire::said::Said;
use crate::wire::sse::{Event, Frame};
use crate::wire::tap::{self, StreamEnd, StreamError};
use crate::wire::usage::Usage;

/// The event that brings a picture.
pub(super) const COMPLETED: &str = "image_generation.completed";
/// The event that brings a sketch of one.
const SKETCH: &str = "image_generation.partial_image";

/// The longest event: a picture of the largest size, as text.
const MAX_PICTURE: usize = 64 << 20;

/// One stream.
pub type Tap = tap::Tap<Reader>;

impl Tap {
    /// A stream that begins.
    pub fn new(asked: Drawing) -> Self {
        let reader =
            Reader { asked, whole: 0, is_sketched: false, so_far: StreamEnd::default(), said: Said::escaped() };
        Tap::with_limit(reader, MAX_PICTURE)
    }
}

/// What is looked at in the events.
#[derive(Debug)]
pub struct Reader {
    asked: Drawing,
    /// Pictures that are whole.
    whole: u32,
    /// A sketch of the next was shown.
    is_sketched: bool,
    so_far: StreamEnd,
    said: Said,
}

impl tap::Reader for Reader {
    fn pass(&mut self, frame: &Frame<'_>, passing: &mut Passing<'_>) -> Result<(), StreamError> {
        let event = Event::parse(frame.bytes);
        let data = event.data.as_deref().unwrap_or_default();
        if frame.orphan || data.is_empty() || data == b"[DONE]" {
            passing.keep(frame);
            return Ok(());
        }
        let object = peek_answer(data).map_err(StreamError::Garbled)?;
        let kind = object.as_str("type").unwrap_or_default();
        let has_error = object.get("error").is_some_and(|error| error.kind != ValueKind::Null);
        if kind == "error" || event.name == Some(b"error") || (has_error && kind.is_empty()) {
            return Err(StreamError::Provider(errors::read(data)));
        }
        self.so_far.events += 1;
        if kind == COMPLETED {
            self.whole = self.whole.saturating_add(1);
        }
        self.is_sketched = kind == SKETCH || (self.is_sketched && kind != COMPLETED);
        self.so_far.useful |= kind == COMPLETED || kind == SKETCH;
        self.so_far.finish_reason_seen |= kind == COMPLETED;
        self.so_far.done |= self.so_far.finish_reason_seen && u64::from(self.whole) >= self.asked.count();
        self.asked = self.asked.or(said(&object));
        let drawn = Drawing { count: Some(self.whole.saturating_add(self.is_sketched.into())), ..self.asked };
        let own = used(&object, drawn);
        self.so_far.usage = Some(self.so_far.usage.map_or(own, |before| sum(&before, &own)));
        passing.keep(frame);
        Ok(())
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

/// Each picture's event tells its own tokens; what was drawn, the last one tells for all.
fn sum(before: &Usage, own: &Usage) -> Usage {
    let both = |a: Option<u64>, b: Option<u64>| a.map_or(b, |a| Some(a.saturating_add(b.unwrap_or_default())));
    Usage {
        prompt_tokens: before.prompt_tokens.saturating_add(own.prompt_tokens),
        completion_tokens: before.completion_tokens.saturating_add(own.completion_tokens),
        total_tokens: before.total_tokens.saturating_add(own.total_tokens),
        cached_tokens: both(before.cached_tokens, own.cached_tokens),
        prompt_image_tokens: both(before.prompt_image_tokens, own.prompt_image_tokens),
        completion_image_tokens: both(before.completion_image_tokens, own.completion_image_tokens),
        completion_text_tokens: both(before.completion_text_tokens, own.completion_text_tokens),
        ..*own
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::drawing::{Quality, Size};

    const PARTIAL: &str = r#"{"type":"image_generation.partial_image","partial_image_index":0,"b64_json":"QUJD","size":"1024x1024","quality":"low"}"#;
    const WHOLE: &str = r#"{"type":"image_generation.completed","b64_json":"QUJDRA==","size":"1024x1024","quality":"low","usage":{"input_tokens":5,"output_tokens":272,"total_tokens":277}}"#;

    fn events(data: &[&str]) -> String {
        data.iter().map(|data| format!("event: x\ndata: {data}\n\n")).collect()
    }

    fn run(bytes: &str, size: usize, count: u32) -> (String, Result<StreamEnd, StreamError>) {
        let mut tap = Tap::new(Drawing { count: Some(count), ..Drawing::default() });
        let mut out = Vec::new();
        let mut fed = Ok(());
        for chunk in bytes.as_bytes().chunks(size) {
            fed = fed.and_then(|()| tap.feed(Bytes::copy_from_slice(chunk), &mut out).map(|_| ()));
        }
        (String::from_utf8(out.concat()).unwrap(), fed.and_then(|()| tap.finish(&mut out)))
    }

    #[test]
    fn events_pass_and_pictures_and_tokens_are_counted() {
        let bytes = format!(": hello\n\n{}", events(&[PARTIAL, WHOLE, PARTIAL, WHOLE]));
        for size in [1, 7, 100, bytes.len()] {
            let (out, end) = run(&bytes, size, 2);
            assert_eq!(out, bytes, "in pieces of {size}");
            let end = end.unwrap();
            let usage = end.usage.unwrap();
            assert!(end.complete() && end.done && end.useful);
            assert_eq!((usage.total_tokens, usage.completion_image_tokens), (554, Some(544)));
            let drawn = usage.pictures.unwrap();
            assert_eq!((drawn.count, drawn.size, drawn.quality), (Some(2), Some(Size::USUAL), Some(Quality::Low)));
        }
    }

    #[test]
    fn a_stream_without_its_picture_is_broken_and_costs_what_was_shown() {
        let end = |data: &[&str], count| run(&events(data), 9, count).1.unwrap();
        let pictures = |end: StreamEnd| end.usage.map(|usage| usage.pictures.unwrap().count());
        let sketched = end(&[PARTIAL, PARTIAL], 1);
        assert!(!sketched.complete() && sketched.useful);
        assert_eq!(pictures(sketched), Some(1));
        let fewer = end(&[PARTIAL, WHOLE], 2);
        assert!(fewer.complete() && !fewer.done);
        assert_eq!(pictures(fewer), Some(1));
        assert_eq!(pictures(end(&[WHOLE, PARTIAL], 2)), Some(2));
        assert_eq!(pictures(run(": ping\n\n", 9, 1).1.unwrap()), None);
    }

    #[test]
    fn an_error_is_no_event() {
        for bad in [r#"{"type":"error","error":{"message":"busy"}}"#, r#"{"error":{"message":"busy"}}"#] {
            let (out, end) = run(&events(&[PARTIAL, bad]), 9, 1);
            assert_eq!(out, events(&[PARTIAL]));
            assert!(matches!(end, Err(StreamError::Provider(error)) if error.message == "busy"), "{bad}");
        }
        assert!(matches!(run(&events(&["<html>"]), 9, 1).1, Err(StreamError::Garbled(_))));
    }

    #[test]
    fn a_picture_may_be_long() {
        let long = WHOLE.replace("QUJDRA==", &"A".repeat(3 << 20));
        assert!(run(&events(&[&long]), 1 << 16, 1).1.unwrap().complete());
    }
}
