//! Clients of Gemini at providers of Gemini: bytes pass as they came, and are only looked at.
//!
//! The model stands in the path, so nothing is written over; LiteLLM's own members are taken out of the request.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::objects::{Objects, is_json};
use super::types::UsageMetadata;
use super::{request, usage};
use crate::error::{Error, Kind};
use crate::wire::model::Json;
use crate::wire::openai::errors;
use crate::wire::openai::request::Request;
use crate::wire::openai::response::Answer;
use crate::wire::peek::{PeekError, peek_answer};
use crate::wire::said::{Said, Voice};
use crate::wire::splice::{Splice, Spliced};
use crate::wire::sse::{self, Event, Place, TooLong};
use crate::wire::tap::{Progress, StreamEnd, StreamError};

/// The body for a deployment.
///
/// # Errors
/// A mistake of ours ([`Kind::Internal`]), whatever the client sent.
pub fn for_upstream(request: &Request) -> Result<Spliced, Error> {
    let object = request.object();
    let mut splice = Splice::new(request.body().clone());
    let is_control = |name: &[u8]| std::str::from_utf8(name).is_ok_and(request::is_control);
    splice.edit_members(&object, |member| is_control(member.name(object.body())), Vec::new());
    splice.finish().map_err(|error| Error::new(Kind::Internal, "Internal error").detail(format!("splice: {error:?}")))
}

/// What is looked at in an answer, or in an event of a stream.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Seen<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<SeenCandidate<'a>>>,
    prompt_feedback: Option<Json>,
    usage_metadata: Option<UsageMetadata>,
    error: Option<Json>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SeenCandidate<'a> {
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<SeenContent<'a>>,
    finish_reason: Option<Json>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SeenContent<'a> {
    #[serde(borrow)]
    parts: Option<Vec<SeenPart<'a>>>,
}

/// A part; its strings as they stand in the event.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SeenPart<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thought: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SeenCall<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

impl SeenPart<'_> {
    fn say(&self, place: u32, number: u32, said: &mut Said) {
        let voice =
            if self.thought.is_some_and(|it| it.get() == "true") { Voice::thought(place) } else { Voice::text(place) };
        said.say(voice, inside(self.text));
        let call = self.function_call.and_then(|call| serde_json::from_str::<SeenCall<'_>>(call.get()).ok());
        if let Some(call) = call {
            said.say(Voice::name(place, number), inside(call.name));
            said.say(Voice::json(place, number), call.args.map(|args| args.get().as_bytes()).unwrap_or_default());
        }
    }
}

/// What stands between the quotes of a string; nothing of what is none.
fn inside(value: Option<&RawValue>) -> &[u8] {
    let text = value.map(|value| value.get().as_bytes()).unwrap_or_default();
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or_default()
}

impl Seen<'_> {
    /// Google blocked the prompt: that is an end too.
    fn blocked(&self) -> bool {
        self.prompt_feedback.as_ref().is_some_and(|feedback| feedback.text().contains("\"blockReason\""))
    }
}

/// Reads the answer of `generateContent`. An error: this is no JSON object and must not pass for an answer.
///
/// # Errors
/// Why it is none.
pub fn answer(body: Bytes) -> Result<Answer, PeekError> {
    peek_answer(&body)?;
    let seen: Seen<'_> = serde_json::from_slice(&body).unwrap_or_default();
    let usage = seen.usage_metadata.map(|counters| usage::read(&counters, None));
    let failed = seen.error.is_some() && seen.candidates.is_none();
    let error = failed.then(|| errors::read(&body));
    Ok(Answer { body, usage, error })
}

/// A stream on its way.
#[derive(Debug, Default)]
pub struct Tap {
    framing: Framing,
    so_far: StreamEnd,
    said: Said,
    /// The upstream's bytes are inside of an event.
    cut: bool,
}

#[derive(Debug, Default)]
enum Framing {
    /// Only white space has come.
    #[default]
    Unknown,
    Sse(sse::Decoder),
    Json(Objects),
}

impl Tap {
    /// A stream that begins.
    pub fn new() -> Self {
        Self { said: Said::escaped(), ..Self::default() }
    }

    /// Takes the provider's next bytes and appends to `out` what may go to the client now. On an error `out` has what came
    /// before it.
    ///
    /// # Errors
    /// The stream must not go on.
    pub fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<Progress, StreamError> {
        if matches!(self.framing, Framing::Unknown) {
            self.framing = match is_json(&chunk) {
                None => Framing::Unknown,
                Some(true) => Framing::Json(Objects::default()),
                Some(false) => Framing::Sse(sse::Decoder::default()),
            };
        }
        let (so_far, said) = (&mut self.so_far, &mut self.said);
        match &mut self.framing {
            Framing::Unknown => out.push(chunk),
            Framing::Sse(decoder) => pass_events(decoder, so_far, said, &chunk, out)?,
            Framing::Json(objects) => {
                let mut passed = Vec::new();
                let result = objects.feed(&chunk, |all, object| {
                    let (between, object) = all.split_at_checked(all.len() - object.len()).unwrap_or((all, object));
                    passed.extend_from_slice(between);
                    read(object, so_far, said)?;
                    passed.extend_from_slice(object);
                    Ok::<(), StreamError>(())
                });
                if result.is_ok() {
                    passed.extend(objects.between());
                }
                if !passed.is_empty() {
                    out.push(passed.into());
                }
                self.cut = objects.is_cut();
                result?;
            }
        }
        Ok(Progress { useful: so_far.useful, done: so_far.done })
    }

    /// The upstream has closed. An event that lacks only its blank line is completed and passed.
    ///
    /// # Errors
    /// As [`Tap::feed`].
    pub fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<StreamEnd, StreamError> {
        self.so_far.cut = self.cut;
        if let Framing::Sse(decoder) = &self.framing {
            let rest = decoder.rest();
            let event = Event::parse(rest);
            let data = event.data.as_deref().unwrap_or_default();
            if serde_json::from_slice::<Seen<'_>>(data).is_ok() {
                read(data, &mut self.so_far, &mut self.said)?;
                let line_end: &[u8] = if rest.ends_with(b"\n") || rest.ends_with(b"\r") { b"\n" } else { b"\n\n" };
                out.push([rest, line_end].concat().into());
            } else {
                self.so_far.cut = !data.is_empty();
            }
        }
        Ok(self.so_far)
    }

    /// What is known by now: for a stream that ends in an error or whose client has gone.
    pub fn so_far(&self) -> StreamEnd {
        self.so_far
    }

    /// What was said by now, for who has to count its tokens.
    pub fn said(&mut self) -> &mut Said {
        &mut self.said
    }
}

fn pass_events(
    decoder: &mut sse::Decoder,
    so_far: &mut StreamEnd,
    said: &mut Said,
    chunk: &Bytes,
    out: &mut Vec<Bytes>,
) -> Result<(), StreamError> {
    let mut run = 0..0;
    let mut frames = decoder.feed(chunk);
    let mut result = Ok(());
    while let Some(frame) = frames.advance() {
        result = frame.map_err(|TooLong| StreamError::TooLong).and_then(|frame| {
            let event = Event::parse(frame.bytes);
            if let Some(data) = event.data.as_deref().filter(|data| !data.is_empty() && *data != b"[DONE]") {
                read(data, so_far, said)?;
            }
            match frame.place {
                // Frames of one chunk follow each other without a gap.
                Place::Chunk(range) if run.is_empty() => run = range,
                Place::Chunk(range) => run.end = range.end,
                Place::Held => out.push(Bytes::copy_from_slice(frame.bytes)),
            }
            Ok(())
        });
        if result.is_err() {
            break;
        }
    }
    if !run.is_empty() {
        out.push(chunk.slice(run));
    }
    result
}

/// Takes note of an event.
fn read(json: &[u8], so_far: &mut StreamEnd, said: &mut Said) -> Result<(), StreamError> {
    let Ok(seen) = serde_json::from_slice::<Seen<'_>>(json) else {
        // Said with the place where it went wrong, if the scanner sees it too.
        let error = peek_answer(json).err().unwrap_or(PeekError { reason: "not an answer", offset: 0 });
        return Err(StreamError::Garbled(error));
    };
    if seen.error.is_some() {
        return Err(StreamError::Provider(errors::read(json)));
    }
    so_far.events += 1;
    so_far.finish_reason_seen |= seen.blocked();
    so_far.useful |= seen.blocked();
    for (place, candidate) in (0..).zip(seen.candidates.into_iter().flatten()) {
        let ended = candidate.finish_reason.is_some();
        let place = candidate.index.and_then(|index| index.get().parse().ok()).unwrap_or(place);
        let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
        (0..).zip(&parts).for_each(|(number, part)| part.say(place, number, said));
        so_far.finish_reason_seen |= ended;
        so_far.useful |= ended || !parts.is_empty();
    }
    if let Some(counters) = &seen.usage_metadata {
        so_far.usage = Some(usage::read(counters, None));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: &str = r#"{"candidates":[{"content":{"parts":[{"text":"a}\"{"}],"role":"model"},"index":0}]}"#;
    const END: &str = r#"{"candidates":[{"content":{"role":"model"},"finishReason":"STOP"}],
        "usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}}"#;
    const ERROR: &str = r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}"#;

    fn sse(events: &[&str]) -> String {
        events.iter().map(|event| format!("data: {}\r\n\r\n", event.replace('\n', ""))).collect()
    }

    fn run(bytes: &str, size: usize) -> (String, Result<StreamEnd, StreamError>) {
        let mut tap = Tap::new();
        let mut out = Vec::new();
        let mut result = Ok(());
        for piece in bytes.as_bytes().chunks(size) {
            result = tap.feed(Bytes::copy_from_slice(piece), &mut out).map(|_| ());
            if result.is_err() {
                break;
            }
        }
        let end = result.and_then(|()| tap.finish(&mut out));
        (String::from_utf8(out.concat()).unwrap(), end)
    }

    #[test]
    fn control_members_stay_here() {
        let body =
            r#"{"contents":[{"parts":[]}], "metadata":{"a":1},"generationConfig":{"metadata":1},"num_retries":2}"#;
        let request = Request::parse(Bytes::from_static(body.as_bytes())).unwrap();
        let spliced = for_upstream(&request).unwrap().to_bytes();
        assert_eq!(spliced, r#"{"contents":[{"parts":[]}], "generationConfig":{"metadata":1}}"#);
    }

    #[test]
    fn an_answer_passes_and_is_counted() {
        let answer = |body: &'static str| answer(Bytes::from_static(body.as_bytes()));
        let good = answer(END).unwrap();
        assert_eq!((good.body.as_ref(), good.usage), (END.as_bytes(), answer(END).unwrap().usage));
        assert_eq!(good.usage.unwrap().total_tokens, 5);
        assert_eq!(answer(ERROR).unwrap().error.unwrap().message, "quota");
        assert!(answer("<html>").is_err());
    }

    #[test]
    fn streams_pass_as_they_came() {
        let array = format!("[{WORDS}\n,\r\n{END}\n]\n");
        for bytes in [sse(&[WORDS, END]), array, format!(": ping\n\n{}", sse(&[END])), format!("\n\n{}", sse(&[END]))] {
            let (out, end) = run(&bytes, bytes.len());
            let end = end.unwrap();
            assert_eq!(out, bytes);
            assert!(end.complete() && end.useful && end.usage.unwrap().total_tokens == 5, "{bytes}");
        }
        let blocked = sse(&[r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#]);
        assert!(run(&blocked, 7).1.unwrap().complete());
    }

    #[test]
    fn a_broken_stream_is_known_for_one() {
        assert!(!run(&sse(&[WORDS]), 9).1.unwrap().complete());
        assert!(!run(&format!("[{WORDS}"), 9).1.unwrap().complete());
        let cut = run(&format!("[{END},{{\"a\""), 9).1.unwrap();
        assert!(cut.cut && !cut.complete());
        assert!(!run(&(sse(&[END]) + "data: {\"a"), 9).1.unwrap().complete());
        let unfinished = run(sse(&[WORDS, END]).trim_end(), 9);
        assert!(unfinished.1.unwrap().complete() && unfinished.0.ends_with("\n\n"));
        for bytes in [sse(&[WORDS, ERROR]), format!("[{WORDS},{ERROR}]")] {
            let (out, end) = run(&bytes, 1000);
            assert!(out.contains("model") && !out.contains("quota"), "{out}");
            assert!(matches!(end.unwrap_err(), StreamError::Provider(error) if error.message == "quota"));
        }
        assert!(matches!(run("data: <html>\n\n", 100).1.unwrap_err(), StreamError::Garbled(_)));
    }

    proptest! {
        #[test]
        fn any_chunking_passes_the_same(
            events in prop::collection::vec(prop::sample::select(vec![WORDS, END, ERROR, "{\"é\":1}"]), 0..5),
            array in any::<bool>(),
            size in 1_usize..40,
        ) {
            let bytes = if array { format!("[{}]", events.join("\n,")) } else { sse(&events) };
            let (whole, split) = (run(&bytes, bytes.len().max(1)), run(&bytes, size));
            prop_assert_eq!(whole, split);
        }
    }
}
