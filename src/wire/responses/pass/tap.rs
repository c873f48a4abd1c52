//! The tap: a Responses stream on its way to a Responses client. Frames pass as they came, but events that hold the whole
//! Response get its names rewritten.
//!
//! An error that comes before any output is [`StreamError::Provider`] and nobody has seen it, so that another deployment
//! can be tried. A later one passes, because the client's own dialect is the provider's, and is remembered as
//! [`Tap::failure`]: such a stream is not complete, and needs no second error event.

use bytes::Bytes;

use super::{edited, edits};
use crate::wire::codec::Origin;
use crate::wire::openai::errors::{self, ProviderError};
use crate::wire::passing::Passing;
use crate::wire::peek::{Object, ValueKind, peek_answer};
use crate::wire::said::{Said, Voice};
use crate::wire::sse::{Event, Frame};
use crate::wire::tap::{self, StreamEnd, StreamError};
use crate::wire::usage::Usage;

/// What the tap changes.
#[derive(Clone, Debug, Default)]
pub struct TapRules {
    /// The name (plain text) to write over the provider's `model`. `None`: leave it.
    pub shown_model: Option<String>,
    /// Who holds the answer.
    pub origin: Origin,
}

/// One stream.
pub type Tap = tap::Tap<Reader>;

impl Tap {
    /// A stream that begins.
    pub fn new(rules: TapRules) -> Self {
        Tap::of(Reader { rules, withheld: false, failure: None, so_far: StreamEnd::default(), said: Said::escaped() })
    }

    /// The error that the provider reported and that the client has been told.
    pub fn failure(&self) -> Option<&ProviderError> {
        self.reader().failure.as_ref()
    }
}

/// What is looked at in the events of the Responses API.
#[derive(Debug)]
pub struct Reader {
    rules: TapRules,
    /// The last frame did not pass as it came: its late line feed does not pass at all.
    withheld: bool,
    failure: Option<ProviderError>,
    so_far: StreamEnd,
    said: Said,
}

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
        let data = event.data.as_deref().unwrap_or_default();
        if data.is_empty() || data == b"[DONE]" {
            passing.keep(frame);
            return Ok(());
        }
        let object = peek_answer(data).map_err(StreamError::Garbled)?;
        let response = object.nested("response").transpose().map_err(StreamError::Garbled)?;
        if !self.read(&object, response.as_ref(), &event)? {
            self.withheld = true;
            return Ok(());
        }
        let rules = &self.rules;
        let edits = response.map(|response| edits(&response, rules.shown_model.as_deref(), &rules.origin));
        let Some(edits) = edits.filter(|edits| !edits.is_empty()) else {
            passing.keep(frame);
            return Ok(());
        };
        self.withheld = true;
        let json = edited(Bytes::copy_from_slice(data), edits).map_err(StreamError::Garbled)?;
        passing.copy(&frame_of(&event, &json));
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

impl Reader {
    /// Whether the event passes.
    fn read(
        &mut self,
        object: &Object<'_>,
        response: Option<&Object<'_>>,
        event: &Event<'_>,
    ) -> Result<bool, StreamError> {
        let kind = object.as_str("type").unwrap_or_default();
        let has_error = object.get("error").is_some_and(|error| error.kind != ValueKind::Null);
        let fails = matches!(kind.as_ref(), "error" | "response.failed" | "response.cancelled")
            || (has_error && kind.is_empty())
            || event.name == Some(b"error");
        if fails {
            let reported = reported(object, response);
            if !self.so_far.useful {
                return Err(StreamError::Provider(reported));
            }
            self.failure.get_or_insert(reported);
            return Ok(true);
        }
        if self.failure.is_some() {
            return Ok(false);
        }
        self.so_far.events += 1;
        self.listen(&kind, object);
        let ends = matches!(kind.as_ref(), "response.completed" | "response.incomplete");
        // The model has begun: a reasoning item may take a minute until its first word.
        self.so_far.useful |= ends || kind.ends_with(".delta") || kind == "response.output_item.added";
        self.so_far.done = ends;
        self.so_far.finish_reason_seen = ends;
        let usage = response.and_then(|response| Usage::parse(response.raw(response.get("usage")?)));
        self.so_far.usage = usage.or(self.so_far.usage);
        Ok(true)
    }

    /// Takes note of an event's words.
    fn listen(&mut self, kind: &str, object: &Object<'_>) {
        let place = object.as_u64("output_index").and_then(|index| index.try_into().ok()).unwrap_or_default();
        let said = match kind {
            "response.output_text.delta" => Voice::text(place),
            "response.refusal.delta" => Voice::refusal(place),
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => Voice::thought(place),
            "response.function_call_arguments.delta"
            | "response.custom_tool_call_input.delta"
            | "response.mcp_call_arguments.delta" => Voice::arguments(place, 0),
            "response.output_item.added" => {
                let item = object.nested("item").and_then(Result::ok);
                if let Some(name) = item.as_ref().and_then(|item| inside(item, "name")) {
                    self.said.say(Voice::name(place, 0), name);
                }
                return;
            }
            _ => return,
        };
        self.said.say(said, inside(object, "delta").unwrap_or_default());
    }
}

/// The inside of a string.
fn inside<'a>(object: &Object<'a>, name: &str) -> Option<&'a [u8]> {
    let member = object.get(name).filter(|member| member.kind == ValueKind::String)?;
    object.body().get(member.value.start + 1..member.value.end - 1)
}

/// The error of a failed Response, or of an `error` event.
fn reported(object: &Object<'_>, response: Option<&Object<'_>>) -> ProviderError {
    let error = response.and_then(|response| {
        let error = response.get("error").filter(|error| error.kind == ValueKind::Object)?;
        Some(response.raw(error))
    });
    errors::read(error.unwrap_or(object.body()))
}

/// The event with other data.
fn frame_of(event: &Event<'_>, json: &[u8]) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::responses::ids;

    const CREATED: &str = r#"{"type":"response.created","response":{"id":"resp_1","object":"response","model":"gpt"}}"#;
    const DELTA: &str = r#"{"type":"response.output_text.delta","delta":"Hi","model":"x","id":"resp_1"}"#;
    const END: &str = r#"{"type":"response.completed","response":{"id":"resp_1","model":"gpt","previous_response_id":null,"usage":{"input_tokens":1,"output_tokens":2}}}"#;
    const FAILED: &str = r#"{"type":"response.failed","response":{"id":"resp_1","model":"gpt","error":{"code":"rate_limit_exceeded","message":"slow"}}}"#;
    const ERROR: &str = r#"{"type":"error","error":{"code":"rate_limit_exceeded","message":"slow"}}"#;

    fn named(data: &[&str]) -> String {
        data.iter().map(|data| format!("event: x\ndata: {data}\n\n")).collect()
    }

    fn shown(data: &[&str]) -> String {
        let id = ids::encode("openai", "dep", "resp_1");
        let rewritten = |data: &&str| match data.contains("\"response\":") {
            true => data.replace("resp_1", &id).replace("\"gpt\"", "\"mine\""),
            false => (*data).to_owned(),
        };
        let data: Vec<String> = data.iter().map(rewritten).collect();
        named(&data.iter().map(String::as_str).collect::<Vec<_>>())
    }

    type Ran = (String, Result<StreamEnd, StreamError>, Option<ProviderError>);

    fn run(bytes: &str, size: usize) -> Ran {
        let origin = Origin { provider: "openai", model_id: "dep".to_owned() };
        let mut tap = Tap::new(TapRules { shown_model: Some("mine".to_owned()), origin });
        let mut out = Vec::new();
        let mut fed = Ok(());
        for chunk in bytes.as_bytes().chunks(size) {
            fed = fed.and_then(|()| tap.feed(Bytes::copy_from_slice(chunk), &mut out).map(|_| ()));
        }
        let failure = tap.failure().cloned();
        let end = fed.and_then(|()| tap.finish(&mut out));
        (String::from_utf8(out.concat()).unwrap(), end, failure)
    }

    #[test]
    fn names_change_and_nothing_else() {
        let bytes = format!(": hello\n\n{}", named(&[CREATED, DELTA, DELTA, END, DELTA]));
        let expected = format!(": hello\n\n{}", shown(&[CREATED, DELTA, DELTA, END]));
        for size in [1, 7, 100, bytes.len()] {
            let (out, end, failure) = run(&bytes, size);
            assert_eq!(out, expected, "in pieces of {size}");
            let end = end.unwrap();
            assert!(end.complete() && end.done && failure.is_none());
            assert_eq!((end.events, end.usage.unwrap().total_tokens), (4, 3));
        }
        let lines = named(&[&END.replace(",\"previous", ",\ndata: \"previous")]);
        let (out, end, _) = run(&lines, lines.len());
        assert!(
            end.unwrap().complete() && out.contains("\ndata: \"previous_response_id\":null") && !out.contains("resp_1")
        );
    }

    #[test]
    fn a_stream_that_fails_is_not_complete() {
        let (out, end, _) = run(&named(&[CREATED, FAILED]), 9);
        assert_eq!(out, shown(&[CREATED]), "another deployment may be tried");
        let Err(StreamError::Provider(error)) = end else { panic!("{end:?}") };
        assert_eq!(error.message, "slow");

        let (out, end, failure) = run(&named(&[CREATED, DELTA, ERROR, FAILED, DELTA]), 9);
        assert_eq!(out, shown(&[CREATED, DELTA, ERROR, FAILED]));
        assert!(!end.unwrap().complete());
        assert_eq!(failure.unwrap().code.as_deref(), Some("rate_limit_exceeded"));

        let cut = named(&[CREATED, DELTA]);
        assert!(!run(&cut, 9).1.unwrap().complete());
        assert!(run(&(cut.clone() + "data: {\"type\":"), 9).1.unwrap().cut);
        assert!(matches!(run(&(cut + "data: oops\n\n"), 9).1, Err(StreamError::Garbled(_))));
        let unfinished = named(&[CREATED, END]);
        let (out, end, _) = run(unfinished.trim_end(), 9);
        assert_eq!(out, shown(&[CREATED, END]));
        assert!(end.unwrap().complete());
    }
}
