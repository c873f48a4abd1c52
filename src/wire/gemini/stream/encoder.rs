//! A client's stream: server-sent events with `alt=sse`, else one JSON array that is written element by element.
//!
//! Words leave at once. A call leaves when its arguments are complete, for Gemini has no word for a part of them; a seal,
//! when what it seals is. The ends of all choices and the usage come in the last event.

use crate::error::{Compat, Envelope, Error};
use crate::wire::codec::{Stamp, StreamEncoder};
use crate::wire::gemini::reply::{Shown, ShownAnswer, ShownCandidate, shown};
use crate::wire::gemini::usage;
use crate::wire::model::{Delta, Family, FinishReason, Json, Part, StreamEvent, Text, Thinking, ToolCall};
use crate::wire::usage::Usage;

/// One stream.
#[derive(Debug)]
pub struct Encoder {
    array: bool,
    /// An event has been written.
    begun: bool,
    /// Calls whose arguments are on their way, in order.
    calls: Vec<(u32, ToolCall)>,
    /// The seal that is on its way, and what it seals.
    seal: Option<Seal>,
    /// The last words were thoughts.
    thinking: bool,
    /// Thoughts have been shown.
    thinks: bool,
    ends: Vec<(u32, FinishReason)>,
    usage: Option<Usage>,
}

#[derive(Debug)]
struct Seal {
    choice: u32,
    family: Family,
    text: String,
    of_thought: bool,
}

/// Around an event that holds nothing but words.
const HEAD: &[u8] = br#"{"candidates":[{"content":{"parts":[{"text":"#;
const THOUGHT: &[u8] = br#","thought":true"#;
const TAIL: &[u8] = br#"}],"role":"model"},"index":"#;
const END: &[u8] = br#","safetyRatings":[]}]}"#;

impl Encoder {
    /// A stream that begins. `array`: the client did not ask for server-sent events.
    pub fn new(_stamp: &Stamp, array: bool) -> Self {
        Self {
            array,
            begun: false,
            calls: Vec::new(),
            seal: None,
            thinking: false,
            thinks: false,
            ends: Vec::new(),
            usage: None,
        }
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        let begun = std::mem::replace(&mut self.begun, true);
        out.extend_from_slice(match (self.array, begun) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b"\n,",
        });
    }

    fn close(&self, out: &mut Vec<u8>) {
        if !self.array {
            out.extend_from_slice(b"\n\n");
        }
    }

    fn words(&mut self, choice: u32, text: &str, thought: bool, out: &mut Vec<u8>) {
        self.thinking = thought;
        self.thinks |= thought;
        self.open(out);
        out.extend_from_slice(HEAD);
        json(text, out);
        out.extend_from_slice(if thought { THOUGHT } else { b"" });
        out.extend_from_slice(TAIL);
        json(&choice, out);
        out.extend_from_slice(END);
        self.close(out);
    }

    fn candidates(&mut self, candidates: Vec<ShownCandidate>, last: bool, out: &mut Vec<u8>) {
        self.open(out);
        let usage_metadata = last.then(|| usage::shown(self.usage, self.thinks));
        json(&ShownAnswer { candidates, usage_metadata }, out);
        self.close(out);
    }

    fn part(&mut self, choice: u32, part: Part, out: &mut Vec<u8>) {
        let parts: Vec<Shown> = shown(part).into_iter().collect();
        if !parts.is_empty() {
            self.candidates(vec![ShownCandidate::new(choice, parts, None, None)], false, out);
        }
    }

    /// Something else begins: the seal is whole.
    fn end_seal(&mut self, out: &mut Vec<u8>) {
        let Some(Seal { choice, family, text, of_thought }) = self.seal.take() else { return };
        let part = match of_thought {
            true => Part::Thinking(Thinking { signature: Some(text), family: Some(family), ..Thinking::default() }),
            // Only Gemini seals words.
            false => Part::Text(Text { signature: Some(text), ..Text::default() }),
        };
        self.thinking = false;
        self.part(choice, part, out);
    }

    /// Hands out calls from the first on; `all`: also such as look unfinished.
    fn end_calls(&mut self, choice: Option<u32>, all: bool, out: &mut Vec<u8>) {
        let whole = |call: &ToolCall| !call.custom && Json::parse(&call.arguments).is_some_and(|args| args.is_object());
        while let Some(at) = self.calls.iter().position(|(of, _)| choice.is_none_or(|choice| choice == *of)) {
            if !all && !self.calls.get(at).is_some_and(|(_, call)| whole(call)) {
                return;
            }
            let (of, call) = self.calls.remove(at);
            self.part(of, Part::ToolCall(call), out);
        }
    }

    fn delta(&mut self, choice: u32, delta: Delta, out: &mut Vec<u8>) {
        if !matches!(delta, Delta::Signature { .. }) {
            self.end_seal(out);
        }
        if matches!(
            delta,
            Delta::Text(_) | Delta::Thinking(_) | Delta::Refusal(_) | Delta::Part(_) | Delta::ToolCall { .. }
        ) {
            self.end_calls(Some(choice), false, out);
        }
        match delta {
            Delta::Text(text) | Delta::Refusal(text) => self.words(choice, &text, false, out),
            Delta::Thinking(text) => self.words(choice, &text, true, out),
            Delta::Signature { family, text } => self.sealed(choice, family, text),
            Delta::ToolCall { index, id, name, signature, custom } => {
                let call = ToolCall { id, name, signature, custom, index: Some(index), ..ToolCall::default() };
                self.calls.push((choice, call));
            }
            Delta::Arguments { index, text } => {
                let of = |(of, call): &&mut (u32, ToolCall)| *of == choice && call.index == Some(index);
                if let Some((_, call)) = self.calls.iter_mut().find(of) {
                    call.arguments.push_str(&text);
                }
            }
            Delta::Logprobs(logprobs) => {
                let candidate = ShownCandidate::new(choice, Vec::new(), None, Some(&logprobs));
                self.candidates(vec![candidate], false, out);
            }
            Delta::Part(part) => self.part(choice, part, out),
            Delta::Citation { .. } => {}
        }
    }

    /// A seal, or its next piece: of the call that is on its way, or of the last words.
    fn sealed(&mut self, choice: u32, family: Family, text: String) {
        if let Some(seal) = self.seal.as_mut().filter(|seal| seal.choice == choice && seal.family == family) {
            seal.text.push_str(&text);
        } else if let Some((_, call)) =
            self.calls.last_mut().filter(|(of, _)| *of == choice && family == Family::Gemini)
        {
            call.signature.get_or_insert_default().push_str(&text);
        } else if self.thinking || family == Family::Gemini {
            self.seal = Some(Seal { choice, family, text, of_thought: self.thinking });
        } else {
            // A thought of which nothing may be read but its seal.
            self.seal = Some(Seal { choice, family, text, of_thought: true });
        }
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Delta { choice, delta } => self.delta(choice, delta, out),
            StreamEvent::PartEnd { choice } => {
                self.end_seal(out);
                self.end_calls(Some(choice), true, out);
            }
            StreamEvent::Finish { choice, finish } => {
                self.end_seal(out);
                self.end_calls(Some(choice), true, out);
                self.ends.push((choice, finish.reason));
            }
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            StreamEvent::Start { .. } | StreamEvent::Extra(_) | StreamEvent::End => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.end_seal(out);
        self.end_calls(None, true, out);
        let mut ends = std::mem::take(&mut self.ends);
        if ends.is_empty() {
            ends.push((0, FinishReason::Stop));
        }
        let end = |(choice, reason)| ShownCandidate::new(choice, Vec::new(), Some(reason), None);
        self.candidates(ends.into_iter().map(end).collect(), true, out);
        if self.array {
            out.extend_from_slice(b"\n]");
        }
    }

    /// The array stays open: nobody takes it for whole.
    fn fail(&mut self, error: &Error, compat: Compat, out: &mut Vec<u8>) {
        self.open(out);
        json(&Envelope::Google.value(error, compat), out);
        self.close(out);
    }
}

/// Writes into memory, and types that are JSON: it cannot fail.
fn json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "{written:?}");
}
