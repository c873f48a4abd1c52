//! Whole answers: <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::answer::{self, Told};
use super::types::{Answer, Blob, CAMEL, Candidate, FunctionCall, Part as Wire, Spelt};
use super::{errors, media, seal, usage};
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, Stamp};
use crate::wire::model::{Choice, Family, FinishReason, Json, Part, Reply, Text, ToolCall};

/// Reads a provider's answer.
///
/// # Errors
/// [`Kind::GarbledAnswer`]: it is none; the error's own kind where the provider answered 200 and meant an error.
pub fn decode_reply(body: &[u8], ids: &Ids) -> Result<Reply, Error> {
    let garbled =
        |detail: String| Error::new(Kind::GarbledAnswer, "The provider sent an unreadable answer.").detail(detail);
    let answer: Answer = serde_json::from_slice(body).map_err(|error| garbled(error.to_string()))?;
    if let Some(error) = answer.error.filter(|_| answer.candidates.is_none()) {
        return Err(errors::in_stream(error.text()));
    }
    let block = answer.prompt_feedback.and_then(|feedback| feedback.block_reason);
    let mut reply = Reply { id: answer.response_id, model: answer.model_version, ..Reply::default() };
    let mut told = Told::default();
    if let Some(reason) = block {
        reply.choices.push(Choice { finish: answer::blocked(reason), ..Choice::default() });
    } else {
        let candidates = answer.candidates.or(answer.usage_metadata.is_some().then(Vec::new));
        let candidates = candidates.ok_or_else(|| garbled("neither candidates nor a reason".to_owned()))?;
        let mut calls = 0;
        for (at, candidate) in (0..).zip(candidates) {
            told.add(&candidate);
            reply.choices.push(choice(at, candidate, *ids, &mut calls));
        }
        if reply.choices.is_empty() {
            reply.choices.push(Choice::default());
        }
    }
    let searches = told.searches();
    reply.usage = answer.usage_metadata.map(|counters| usage::read(&counters, searches));
    reply.extra = told.members();
    Ok(reply)
}

fn choice(at: u32, candidate: Candidate, ids: Ids, calls: &mut u32) -> Choice {
    let before = *calls;
    let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
    let mut parts: Vec<Part> = parts.into_iter().filter_map(|part| answer::part(part, ids, calls)).collect();
    let last_words = parts.iter_mut().rev().find_map(|part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    });
    if let Some((text, grounding)) = last_words.zip(candidate.grounding_metadata) {
        text.citations = answer::annotations(&grounding);
    }
    Choice {
        index: candidate.index.unwrap_or(at),
        parts,
        finish: answer::finish(candidate.finish_reason, *calls > before),
        logprobs: candidate.logprobs_result.as_ref().and_then(answer::logprobs),
    }
}

/// A piece of an answer to a client.
#[derive(Debug)]
pub enum Shown {
    /// In the API's words.
    Part(Box<Wire>),
    /// In Gemini's own JSON already.
    Native(Json),
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Shown::Part(part) => Spelt(&**part, &CAMEL).serialize(serializer),
            Shown::Native(json) => json.serialize(serializer),
        }
    }
}

/// A part for a client. `None`: Gemini has no word for it.
pub fn shown(part: Part) -> Option<Shown> {
    let wire = match part {
        Part::Text(Text { text, signature, .. }) => Wire { signature, ..Wire::text(text) },
        Part::Refusal(text) => Wire::text(text),
        Part::Thinking(thought) => {
            Wire { thought: true, signature: seal::outwards(&thought), ..Wire::text(thought.text) }
        }
        Part::ToolCall(call) => call_part(call),
        Part::Media(media) => {
            let part = media::to_part(media);
            // A client expects bytes, in the standard alphabet.
            Wire { inline_data: part.inline_data.map(|blob| Blob { display_name: None, ..blob }), ..part }
        }
        Part::Native { family: Family::Gemini, value } => return Some(Shown::Native(value)),
        Part::Native { .. } | Part::ToolResult(_) => return None,
    };
    Some(Shown::Part(Box::new(wire)))
}

/// A call for a client. What is no object is put into one: a custom tool's text is, a cut answer's arguments may be.
fn call_part(call: ToolCall) -> Wire {
    let args =
        if call.custom { Json::of(&serde_json::json!({"input": call.arguments})) } else { call.arguments_json() };
    let args = args.or_else(|| Some(Json::empty_object()));
    let id = Some(call.id).filter(|id| !id.is_empty());
    let function_call = Some(FunctionCall { id, name: call.name, args });
    Wire { function_call, signature: call.signature, ..Wire::default() }
}

/// Google's word for an end.
pub fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Pause => "STOP",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContentFilter => "SAFETY",
    }
}

/// What a candidate says.
#[derive(Debug, Serialize)]
pub struct ShownContent {
    parts: Vec<Shown>,
    role: &'static str,
}

/// A candidate for a client.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownCandidate {
    content: ShownContent,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u32,
    safety_ratings: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs_result: Option<Value>,
}

impl ShownCandidate {
    /// A candidate, or a piece of one. Nothing said is an empty text: clients look at the first part.
    pub fn new(index: u32, mut parts: Vec<Shown>, finish: Option<FinishReason>, logprobs: Option<&Json>) -> Self {
        if parts.is_empty() {
            parts.push(Shown::Part(Box::new(Wire::text(""))));
        }
        Self {
            content: ShownContent { parts, role: "model" },
            finish_reason: finish.map(finish_word),
            index,
            safety_ratings: [],
            logprobs_result: logprobs.and_then(answer::logprobs_result),
        }
    }
}

/// An answer, or one event of a stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownAnswer {
    /// The answers, or pieces of them.
    pub candidates: Vec<ShownCandidate>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_metadata: Option<usage::Shown>,
}

/// Writes an answer for a client.
pub fn encode_reply(reply: Reply, _stamp: &Stamp) -> Vec<u8> {
    let thinks = reply.choices.iter().flat_map(|choice| &choice.parts).any(|part| matches!(part, Part::Thinking(_)));
    let candidate = |choice: Choice| {
        let parts = choice.parts.into_iter().filter_map(shown).collect();
        ShownCandidate::new(choice.index, parts, Some(choice.finish.reason), choice.logprobs.as_ref())
    };
    let candidates = reply.choices.into_iter().map(candidate).collect();
    let answer = ShownAnswer { candidates, usage_metadata: Some(usage::shown(reply.usage, thinks)) };
    // Of types that are JSON: it cannot fail.
    serde_json::to_vec(&answer).unwrap_or_default()
}
