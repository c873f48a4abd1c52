//! The tap: an OpenAI stream on its way to an OpenAI client.
//!
//! Frames pass as they came; on the side the tap reads usage, notices content, `finish_reason`, `[DONE]` and errors,
//! writes the client's model name over the provider's, and withholds the usage chunk from a client that did not ask.
//!
//! Nothing that is no chunk passes for one: an event that is not a JSON object ends the stream with
//! [`StreamError::Garbled`], an event with `error` with [`StreamError::Provider`]. Comments and events without data
//! pass. What follows `[DONE]` is dropped.

use bytes::Bytes;

use super::chunk::Chunk;
use super::errors;
use super::template::Template;
use crate::error::{Compat, Error};
use crate::wire::escape::quote;
use crate::wire::passing::Passing;
use crate::wire::said::Said;
use crate::wire::sse::{Event, Frame};
use crate::wire::tap::{self, StreamEnd, StreamError};

/// What the tap changes.
#[derive(Clone, Debug, Default)]
pub struct TapRules {
    /// The name (plain text) to write over the provider's `model` in every chunk. `None`: leave it.
    pub group_model: Option<String>,
    /// The client did not ask for the usage chunk.
    pub withhold_usage: bool,
}

/// One stream.
pub type Tap = tap::Tap<Reader>;

impl Tap {
    /// A stream that begins.
    pub fn new(rules: TapRules) -> Self {
        let model = rules.group_model.map(|name| quote(&name));
        Tap::of(Reader {
            model,
            withhold_usage: rules.withhold_usage,
            template: None,
            misses: 0,
            withheld: false,
            so_far: StreamEnd::default(),
            said: Said::escaped(),
        })
    }
}

/// After so many events in a row that did not fit, no more templates are cut.
const MOST_MISSES: u32 = 8;

/// What is looked at in OpenAI's chunks.
#[derive(Debug)]
pub struct Reader {
    /// The client's model name as JSON.
    model: Option<Vec<u8>>,
    withhold_usage: bool,
    template: Option<Template>,
    misses: u32,
    /// The last frame did not pass as it came: its late line feed does not pass at all.
    withheld: bool,
    so_far: StreamEnd,
    said: Said,
}

impl tap::Reader for Reader {
    fn pass(&mut self, frame: &Frame<'_>, passing: &mut Passing<'_>) -> Result<(), StreamError> {
        let fits = |template| Some((template, Template::fits(template, frame.bytes)?));
        if let Some((template, words)) = self.template.as_ref().and_then(fits) {
            self.said.say(template.voice(), words);
            self.so_far.events += 1;
            self.misses = 0;
            self.withheld = false;
            match (&self.model, template.model()) {
                (Some(name), Some(range)) => passing.rewrite(frame, range.clone(), name),
                _ => passing.keep(frame),
            }
            return Ok(());
        }
        if frame.orphan {
            if !self.withheld {
                passing.keep(frame);
            }
            return Ok(());
        }
        self.withheld = self.so_far.done;
        if !self.so_far.done {
            self.read(frame, passing)?;
        }
        Ok(())
    }

    fn is_whole(data: &[u8]) -> bool {
        data == b"[DONE]" || Chunk::read(data).is_ok()
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
    fn read(&mut self, frame: &Frame<'_>, passing: &mut Passing<'_>) -> Result<(), StreamError> {
        let event = Event::parse(frame.bytes);
        let data = event.data.as_deref().unwrap_or_default();
        if data == b"[DONE]" {
            self.so_far.done = true;
            self.template = None;
        }
        if event.name == Some(b"error") {
            return Err(StreamError::Provider(errors::read(data)));
        }
        if data.is_empty() || self.so_far.done {
            passing.keep(frame);
            return Ok(());
        }
        let chunk = Chunk::read(data).map_err(StreamError::Garbled)?;
        if chunk.error {
            return Err(StreamError::Provider(errors::read(data)));
        }
        chunk.say(data, &mut self.said);
        self.so_far.events += 1;
        self.so_far.usage = chunk.usage.or(self.so_far.usage);
        self.so_far.finish_reason_seen |= chunk.finish_reason;
        self.so_far.useful |= chunk.output || chunk.finish_reason;
        if self.withhold_usage && chunk.usage.is_some() && chunk.empty {
            self.withheld = true;
            return Ok(());
        }
        self.learn(frame, &event, &chunk);
        let name = self.model.as_ref().zip(chunk.model);
        match (name.filter(|(name, range)| data.get(range.clone()) != Some(name)), event.data_at) {
            (None, _) => passing.keep(frame),
            (Some((name, range)), Some(at)) => passing.rewrite(frame, range.start + at..range.end + at, name),
            (Some((name, range)), None) => {
                self.withheld = true;
                passing.copy(&lines_again(&event, data, range, name));
            }
        }
        Ok(())
    }

    /// Makes a template of a chunk of plain output, unless the stream has none to repeat.
    fn learn(&mut self, frame: &Frame<'_>, event: &Event<'_>, chunk: &Chunk) {
        let plain = chunk.output && chunk.usage.is_none() && !chunk.finish_reason && event.name.is_none();
        if !plain || event.id.is_some() || self.misses >= MOST_MISSES {
            return;
        }
        self.misses += 1;
        let same_name = |range: &std::ops::Range<usize>| {
            event.data.as_deref().and_then(|data| data.get(range.clone())) == self.model.as_deref()
        };
        let chunk_without_model;
        let chunk = match &chunk.model {
            Some(range) if same_name(range) => {
                chunk_without_model = Chunk { model: None, ..chunk.clone() };
                &chunk_without_model
            }
            _ => chunk,
        };
        self.template = event.data_at.and_then(|at| Template::of(frame.bytes, at, chunk));
    }
}

/// An event whose JSON stood on several lines, with another model name.
fn lines_again(event: &Event<'_>, data: &[u8], range: std::ops::Range<usize>, name: &[u8]) -> Vec<u8> {
    let before = data.get(..range.start).unwrap_or_default();
    let json = [before, name, data.get(range.end..).unwrap_or_default()].concat();
    let mut frame = Vec::with_capacity(json.len() + 64);
    let fields = [(&b"event: "[..], event.name), (b"id: ", event.id)];
    for (field, value) in fields.into_iter().filter_map(|(field, value)| Some((field, value?))) {
        frame.extend_from_slice(&[field, value, b"\n"].concat());
    }
    for line in json.split(|byte| *byte == b'\n') {
        frame.extend_from_slice(&[b"data: ", line, b"\n"].concat());
    }
    frame.push(b'\n');
    frame
}

/// The event that LiteLLM writes when a stream fails on its way. No `[DONE]` follows.
pub fn error_event(error: &Error, compat: Compat) -> Bytes {
    let envelope = serde_json::json!({"error": {
        "message": error.message,
        "type": null,
        "param": null,
        "code": error.status(compat).to_string(),
    }});
    format!("data: {envelope}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const CHUNK: &str = r#"{"id":"c","model":"gpt-4o-2024","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#;
    const USAGE: &str =
        r#"{"id":"c","model":"gpt-4o-2024","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    const END: &str = r#"{"model":"gpt-4o-2024","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

    fn events(data: &[&str]) -> String {
        data.iter().map(|data| format!("data: {data}\n\n")).collect()
    }

    /// What a client gets, in how many pieces, and how the stream ended.
    fn run(bytes: &str, rules: TapRules) -> (String, usize, Result<StreamEnd, StreamError>) {
        let mut tap = Tap::new(rules);
        let mut out = Vec::new();
        let fed = tap.feed(Bytes::copy_from_slice(bytes.as_bytes()), &mut out);
        let end = fed.and_then(|_| tap.finish(&mut out));
        (String::from_utf8(out.concat()).unwrap(), out.len(), end)
    }

    #[test]
    fn bytes_pass_as_they_came() {
        let bytes = format!(": hello\n\n{}data:\n\nevent: ping\n\n", events(&[CHUNK, CHUNK, END, USAGE, "[DONE]"]));
        let bytes =
            bytes.replace("data: [DONE]\n\ndata:\n\nevent: ping\n\n", "data:\n\nevent: ping\n\ndata: [DONE]\n\n");
        let (out, pieces, end) = run(&bytes, TapRules::default());
        assert_eq!((out.as_str(), pieces), (bytes.as_str(), 1));
        let end = end.unwrap();
        assert!(end.complete() && end.done && end.finish_reason_seen && end.useful && !end.cut);
        assert_eq!((end.events, end.usage.unwrap().total_tokens), (4, 3));
    }

    #[test]
    fn the_model_is_rewritten_and_the_usage_withheld() {
        let rules = TapRules { group_model: Some("my \"gpt\"".to_owned()), withhold_usage: true };
        let spread = "event: x\ndata: {\"model\":\ndata: \"a\"}\n\n";
        let bytes = events(&[CHUNK, CHUNK, CHUNK, END, USAGE]) + spread + &events(&["[DONE]", CHUNK]);
        let expected = events(&[CHUNK, CHUNK, CHUNK, END]) + spread + &events(&["[DONE]"]);
        let expected = expected.replace("\"gpt-4o-2024\"", r#""my \"gpt\"""#).replace("\"a\"", r#""my \"gpt\"""#);
        let (out, pieces, end) = run(&bytes, rules);
        assert_eq!((out, pieces), (expected, 1));
        assert_eq!(end.unwrap().usage.unwrap().completion_tokens, 2);
    }

    #[test]
    fn only_the_usage_chunk_is_withheld() {
        let rules = || TapRules { group_model: None, withhold_usage: true };
        let check = |data: &str, passes: bool| {
            let bytes = events(&[data]);
            assert_eq!(run(&bytes, rules()).0, if passes { bytes } else { String::new() }, "{data}");
        };
        check(USAGE, false);
        check(r#"{"choices":[{"index":0,"delta":{}}],"usage":{"total_tokens":1}}"#, false);
        check(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":1}}"#, true);
        check(r#"{"choices":[{"delta":{"role":"assistant","content":""}}],"usage":{"total_tokens":1}}"#, true);
        check(r#"{"choices":[],"usage":null}"#, true);
        check(r#"{"choices":[{"text":""}],"usage":{"total_tokens":1}}"#, true);
    }

    #[test]
    fn what_is_useful_commits() {
        let check = |delta: &str, useful: bool| {
            let bytes = events(&[&format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#)]);
            assert_eq!(run(&bytes, TapRules::default()).2.unwrap().useful, useful, "{delta}");
        };
        check(r#"{"role":"assistant","content":""}"#, false);
        check(r#"{"content":null,"tool_calls":[]}"#, false);
        check(r#"{"content":"a"}"#, true);
        check(r#"{"reasoning_content":"a"}"#, true);
        check(r#"{"refusal":"a"}"#, true);
        check(r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#, true);
        assert!(run(&events(&[END]), TapRules::default()).2.unwrap().useful);
        assert!(run(&events(&[r#"{"choices":[{"text":"a"}]}"#]), TapRules::default()).2.unwrap().useful);
        assert!(!run(": ping\n\n", TapRules::default()).2.unwrap().useful);
    }

    #[test]
    fn nothing_passes_for_a_chunk_that_is_none() {
        let check = |bad: &str, expected: fn(&StreamError) -> bool| {
            let (out, _, end) = run(&(events(&[CHUNK]) + bad), TapRules::default());
            assert_eq!(out, events(&[CHUNK]), "what came before passes");
            assert!(expected(&end.unwrap_err()), "{bad}");
        };
        let garbled = |error: &StreamError| matches!(error, StreamError::Garbled(_));
        check("data: <html>\n\n", garbled);
        check("data: {\"choices\":[}\n\n", garbled);
        check("data: null\n\n", garbled);
        let provider = |error: &StreamError| matches!(error, StreamError::Provider(error) if error.message == "busy");
        check("data: {\"error\":{\"message\":\"busy\",\"code\":429}}\n\n", provider);
        check("event: error\ndata: {\"message\":\"busy\"}\n\n", provider);
    }

    #[test]
    fn a_cut_stream_is_known_for_one() {
        let end = |bytes: &str| run(bytes, TapRules::default()).2.unwrap();
        assert!(!end(&events(&[CHUNK])).complete());
        assert!(end(&events(&[CHUNK, END])).complete());
        let cut = end(&(events(&[CHUNK, END]) + "data: {\"cho"));
        assert!(cut.cut && !cut.complete());
        let (out, _, unfinished) = run(&(events(&[END]) + "data: [DONE]"), TapRules::default());
        assert_eq!(out, events(&[END, "[DONE]"]));
        assert!(unfinished.unwrap().done);
    }

    #[test]
    fn a_failure_on_the_way_has_litellms_shape() {
        let event = error_event(&Error::new(Kind::BrokenStream, "gone"), Compat::V1_106);
        assert_eq!(event, "data: {\"error\":{\"message\":\"gone\",\"type\":null,\"param\":null,\"code\":\"500\"}}\n\n");
    }
}
