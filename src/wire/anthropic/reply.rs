//! Whole answers: Claude's for clients of other dialects, and other models' as a Message
//! (<https://platform.claude.com/docs/en/api/messages>).

use serde::Serialize;
use serde_json::value::RawValue;

use super::errors;
use super::request::{JSON_TOOL, parts};
use super::types::{Block, Element, FileSource, MessagesReply, Source as WireSource};
use super::usage::UsageCounters;
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, Stamp};
use crate::wire::model::{
    Choice, Family, Finish, FinishReason, Json, Media, MediaKind, Part, Reply, Source, Text, Thinking, ToolCall,
};

/// Reads Claude's answer. `json_tool`: the request offered [`JSON_TOOL`] ([`super::request::uses_json_tool`]), and a call of it
/// is the answer's text.
///
/// # Errors
/// [`Kind::GarbledAnswer`] for what is no Message; the kind that an error in its place means.
pub fn decode_reply(body: &[u8], _ids: &Ids, json_tool: bool) -> Result<Reply, Error> {
    let reply: MessagesReply<'_> = serde_json::from_slice(body).map_err(|error| garbled(&error.to_string()))?;
    if reply.kind == "error" {
        return Err(errors::in_answer(body));
    }
    let content = reply.content.ok_or_else(|| garbled("no content"))?;
    let mut parts = content.into_iter().zip(0..).map(|(raw, nth)| block(raw, nth)).collect::<Result<Vec<_>, _>>()?;
    let mut finish = finish(reply.stop_reason.as_deref(), reply.stop_sequence.as_deref());
    if json_tool && parts.iter().any(is_json_call) {
        parts.iter_mut().filter(|part| is_json_call(part)).for_each(to_text);
        if !parts.iter().any(|part| matches!(part, Part::ToolCall(_))) {
            finish.reason = stop_after_json(finish.reason);
        }
    }
    let shown =
        parts.iter().map(|part| if let Part::Thinking(thought) = part { thought.text.chars().count() } else { 0 });
    let shown = shown.sum();
    let usage = reply.usage.as_ref();
    Ok(Reply {
        model: reply.model.map(Into::into),
        usage: usage.map(|usage| usage.usage(shown)),
        service_tier: usage.and_then(|usage| usage.service_tier.as_deref().map(str::to_owned)),
        choices: vec![Choice { index: 0, parts, finish, logprobs: None }],
        ..Reply::default()
    })
}

/// An answer's block; a call's `index` is its place among all blocks, as LiteLLM counts.
fn block(raw: &RawValue, nth: u32) -> Result<Part, Error> {
    let mut part = parts::part(raw, "content").map_err(|error| garbled(&error.to_string()))?;
    if let Part::ToolCall(call) = &mut part {
        call.index = Some(nth);
    }
    Ok(part)
}

fn is_json_call(part: &Part) -> bool {
    matches!(part, Part::ToolCall(call) if call.name == JSON_TOOL)
}

fn to_text(part: &mut Part) {
    if let Part::ToolCall(call) = part {
        *part = Part::text(std::mem::take(&mut call.arguments));
    }
}

/// A call of the JSON tool is no call to the client.
pub(super) fn stop_after_json(reason: FinishReason) -> FinishReason {
    if reason == FinishReason::ToolCalls { FinishReason::Stop } else { reason }
}

/// How it ended, in the shared words and in Claude's.
pub(super) fn finish(reason: Option<&str>, stop_sequence: Option<&str>) -> Finish {
    Finish {
        reason: FinishReason::of(reason.unwrap_or_default()),
        native: reason.map(str::to_owned),
        stop_sequence: stop_sequence.map(str::to_owned),
    }
}

pub(super) fn garbled(why: &str) -> Error {
    Error::new(Kind::GarbledAnswer, "The provider's answer is no Message.").detail(why.to_owned())
}

/// How it ended, in Claude's words.
pub(super) fn stop_reason(finish: &Finish, has_calls: bool) -> &str {
    const WORDS: [&str; 7] = [
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
    ];
    if let Some(word) = finish.native.as_deref().filter(|word| WORDS.contains(word)) {
        return word;
    }
    match finish.reason {
        // Some providers say "stop" where tools are asked for; a client would not run them.
        FinishReason::Stop if has_calls => "tool_use",
        FinishReason::Stop if finish.stop_sequence.is_some() => "stop_sequence",
        FinishReason::Stop => "end_turn",
        FinishReason::Length => "max_tokens",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::ContentFilter => "refusal",
        FinishReason::Pause => "pause_turn",
    }
}

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Element<'a>>,
    stop_reason: &'a str,
    stop_sequence: Option<&'a str>,
    stop_details: Option<()>,
    usage: UsageCounters<'static>,
}

/// Writes an answer for a client. The dialect has room for one choice: the first.
pub fn encode_reply(reply: Reply, stamp: &Stamp) -> Vec<u8> {
    let id = reply.id.unwrap_or_else(|| format!("chatcmpl-{}", stamp.ids.uuid(0)));
    let choice = reply.choices.into_iter().next().unwrap_or_default();
    let has_calls = choice.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let thinks = choice.parts.iter().any(|part| matches!(part, Part::Thinking(_)));
    let message = Message {
        id: &id,
        kind: "message",
        role: "assistant",
        model: &stamp.model,
        content: choice.parts.iter().filter_map(shown).collect(),
        stop_reason: stop_reason(&choice.finish, has_calls),
        stop_sequence: choice.finish.stop_sequence.as_deref(),
        stop_details: None,
        usage: UsageCounters::of(&reply.usage.unwrap_or_default(), reply.service_tier.as_deref(), thinks),
    };
    serde_json::to_vec(&message).unwrap_or_default()
}

/// A part as a client sees it. `None`: the dialect has no word for it, or it says nothing.
pub(super) fn shown(part: &Part) -> Option<Element<'_>> {
    let block = |block: Block<'static>| Some(Element::Block(Box::new(block)));
    Some(Element::Block(Box::new(match part {
        Part::Text(text) if text.text.is_empty() => return None,
        Part::Text(text) => said(text),
        Part::Refusal(text) => Block { kind: "text".into(), text: Some(text.as_str().into()), ..Block::default() },
        Part::Thinking(thought) => return thinking(thought).map(|block| Element::Block(Box::new(block))),
        Part::ToolCall(call) => return block(tool_use(call)),
        Part::Media(media) => return block(picture(media)?),
        Part::Native { family: Family::Anthropic, value } => return Some(Element::Json(value)),
        Part::Native { .. } | Part::ToolResult(_) => return None,
    })))
}

fn said(text: &Text) -> Block<'_> {
    let own = text.citations.iter().filter(|(family, _)| *family == Family::Anthropic);
    let own: Vec<&str> = own.map(|(_, citation)| citation.text()).collect();
    let citations = if own.is_empty() { None } else { Json::parse(&format!("[{}]", own.join(","))) };
    Block {
        kind: "text".into(),
        text: Some(text.text.as_str().into()),
        citations: citations.map(std::borrow::Cow::Owned),
        ..Block::default()
    }
}

/// A thought with its seal. One of which nothing may be read is redacted; one that is not sealed has an empty signature,
/// for the member is required.
pub(super) fn thinking(thought: &Thinking) -> Option<Block<'_>> {
    let seal = thought.seal_for(Family::Anthropic);
    let is_data = thought.sealed.is_some() && thought.signature.is_none();
    if is_data && (thought.text.is_empty() || thought.family == Some(Family::Anthropic)) {
        return Some(Block { kind: "redacted_thinking".into(), data: seal.map(Into::into), ..Block::default() });
    }
    if thought.text.is_empty() && seal.is_none() {
        return None;
    }
    Some(Block {
        kind: "thinking".into(),
        thinking: Some(thought.text.as_str().into()),
        signature: Some(seal.unwrap_or_default().into()),
        ..Block::default()
    })
}

/// Arguments that are no object (free text of a custom tool, an answer that was cut) are put into one.
fn tool_use(call: &ToolCall) -> Block<'static> {
    let input = if call.custom { None } else { call.arguments_json() };
    let input = input.or_else(|| Json::of(&serde_json::json!({"input": call.arguments})));
    Block {
        kind: "tool_use".into(),
        id: Some(call.id_with_signature().into()),
        name: Some(call.name.clone().into()),
        input: input.map(std::borrow::Cow::Owned),
        ..Block::default()
    }
}

/// Claude draws no pictures, but other models do, and a client gets them in the words it uses itself.
fn picture(media: &Media) -> Option<Block<'static>> {
    if media.kind != MediaKind::Image {
        return None;
    }
    let source = match &media.source {
        Source::Base64(data) => FileSource {
            kind: "base64".into(),
            media_type: Some(media.media_type.clone().unwrap_or_else(|| "image/png".to_owned()).into()),
            data: Some(data.clone().into()),
            ..FileSource::default()
        },
        Source::Url(url) => FileSource { kind: "url".into(), url: Some(url.clone().into()), ..FileSource::default() },
        Source::FileId(_) | Source::Text(_) => return None,
    };
    Some(Block { kind: "image".into(), source: Some(WireSource::File(source)), ..Block::default() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::usage::Usage;

    fn decoded(content: Value, reason: &str, json_tool: bool) -> Reply {
        let body = json!({"id": "msg_mock", "type": "message", "role": "assistant", "model": "claude-sonnet-4-20250514",
            "content": content, "stop_reason": reason, "stop_sequence": null,
            "usage": {"input_tokens": 11, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4,
                "output_tokens": 7, "service_tier": "standard"}});
        decode_reply(body.to_string().as_bytes(), &Ids(1), json_tool).unwrap()
    }

    fn encoded(reply: Reply) -> Value {
        let stamp = Stamp { ids: Ids(1), model: "claude".into(), ..Stamp::default() };
        serde_json::from_slice(&encode_reply(reply, &stamp)).unwrap()
    }

    /// As recorded: claude/basic and claude/tools_conv.
    #[test]
    fn an_answer_is_read_as_recorded() {
        let content = json!([{"type": "text", "text": "calling"},
            {"type": "tool_use", "id": "toolu_mock", "name": "get_tool", "input": {"x": 1}}]);
        let reply = decoded(content, "tool_use", false);
        assert_eq!((reply.id.as_deref(), reply.service_tier.as_deref()), (None, Some("standard")));
        let expected = json!({"completion_tokens": 7, "prompt_tokens": 18, "total_tokens": 25,
            "completion_tokens_details": {"reasoning_tokens": 0, "text_tokens": 7},
            "prompt_tokens_details": {"cache_write_tokens": 3, "cached_tokens": 4, "text_tokens": 11,
                "cache_creation_tokens": 3},
            "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4});
        assert_eq!(reply.usage.unwrap().to_json(), expected);
        let choice = &reply.choices[0];
        assert_eq!(choice.finish.reason, FinishReason::ToolCalls);
        let Part::ToolCall(call) = &choice.parts[1] else { panic!() };
        assert_eq!((call.index, call.arguments.as_str()), (Some(1), r#"{"x":1}"#));
    }

    #[test]
    fn the_json_tools_input_is_the_answer() {
        let content = json!([{"type": "tool_use", "id": "t", "name": "json_tool_call", "input": {"a": "b"}}]);
        let choice = decoded(content.clone(), "tool_use", true).choices.remove(0);
        assert_eq!(choice.parts, [Part::text(r#"{"a":"b"}"#)]);
        assert_eq!(choice.finish.reason, FinishReason::Stop);
        let choice = decoded(content, "tool_use", false).choices.remove(0);
        assert!(matches!(choice.parts[..], [Part::ToolCall(_)]));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let check = |body: &str, kind: Kind| {
            assert_eq!(decode_reply(body.as_bytes(), &Ids(1), false).unwrap_err().kind, kind, "{body}");
        };
        check("<html>", Kind::GarbledAnswer);
        check("{}", Kind::GarbledAnswer);
        check(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, Kind::ProviderOverloaded);
    }

    /// As recorded: gemini, cohere, azure-gpt `messages_api`.
    #[test]
    fn an_answer_is_written_as_recorded() {
        let reply = Reply {
            id: Some("g1".into()),
            choices: vec![Choice { parts: vec![Part::text("Hello from mock")], ..Choice::default() }],
            usage: Some(Usage { cached_tokens: Some(4), ..Usage::of_tokens(11, 7) }),
            ..Reply::default()
        };
        let expected = json!({"id": "g1", "type": "message", "role": "assistant", "model": "claude",
            "stop_sequence": null, "stop_details": null, "stop_reason": "end_turn",
            "usage": {"input_tokens": 7, "output_tokens": 7, "cache_read_input_tokens": 4},
            "content": [{"type": "text", "text": "Hello from mock"}]});
        assert_eq!(encoded(reply.clone()), expected);
        let nameless = encoded(Reply { id: None, ..reply });
        assert_eq!(nameless["id"], format!("chatcmpl-{}", Ids(1).uuid(0)));
    }

    #[test]
    fn each_end_has_a_word() {
        let check = |reason, native: Option<&str>, sequence: Option<&str>, has_calls, expected: &str| {
            let finish =
                Finish { reason, native: native.map(str::to_owned), stop_sequence: sequence.map(str::to_owned) };
            assert_eq!(stop_reason(&finish, has_calls), expected);
        };
        check(FinishReason::Stop, Some("STOP"), None, false, "end_turn");
        check(FinishReason::Stop, Some("stop"), None, true, "tool_use");
        check(FinishReason::Stop, None, Some("END"), false, "stop_sequence");
        check(FinishReason::Length, Some("length"), None, false, "max_tokens");
        check(
            FinishReason::Length,
            Some("model_context_window_exceeded"),
            None,
            false,
            "model_context_window_exceeded",
        );
        check(FinishReason::ToolCalls, None, None, true, "tool_use");
        check(FinishReason::ContentFilter, Some("SAFETY"), None, false, "refusal");
        check(FinishReason::Pause, None, None, false, "pause_turn");
    }

    #[test]
    fn what_other_models_say_has_a_block() {
        let content = |part: Part| {
            let choice = Choice { parts: vec![part], ..Choice::default() };
            encoded(Reply { choices: vec![choice], ..Reply::default() })["content"].clone()
        };
        let thought = Thinking { text: "t".into(), ..Thinking::default() };
        let plain = content(Part::Thinking(thought.clone()));
        assert_eq!(plain, json!([{"type": "thinking", "thinking": "t", "signature": ""}]));
        let sealed =
            Thinking { sealed: Some("g".into()), id: Some("rs".into()), family: Some(Family::OpenAi), ..thought };
        let marked = content(Part::Thinking(sealed.clone()));
        assert_eq!(marked, json!([{"type": "thinking", "thinking": "t", "signature": "openai#rs#d#g"}]));
        let silent = content(Part::Thinking(Thinking { text: String::new(), ..sealed }));
        assert_eq!(silent, json!([{"type": "redacted_thinking", "data": "openai#rs#d#g"}]));
        assert_eq!(content(Part::Refusal("no".into())), json!([{"type": "text", "text": "no"}]));
        let broken = ToolCall { id: "c".into(), name: "f".into(), arguments: "{\"x".into(), ..ToolCall::default() };
        let cut = json!([{"type": "tool_use", "id": "c", "name": "f", "input": {"input": "{\"x"}}]);
        assert_eq!(content(Part::ToolCall(broken)), cut);
    }

    proptest! {
        #[test]
        fn decoding_what_was_encoded_changes_nothing(
            kinds in prop::collection::vec(0_usize..5, 0..6), text in "[a-zé\"\\\\]{1,6}", reason in 0_usize..4,
        ) {
            let block = |kind: &usize| match kind {
                0 => json!({"type": "text", "text": text, "citations": [{"type": "char_location"}]}),
                1 => json!({"type": "thinking", "thinking": text, "signature": "EqQB"}),
                2 => json!({"type": "redacted_thinking", "data": "EmwK"}),
                3 => json!({"type": "tool_use", "id": "t", "name": "f", "input": {"x": text, "n": 1.0}}),
                _ => json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": text}}),
            };
            let reason = ["end_turn", "max_tokens", "tool_use", "pause_turn"][reason];
            let once = decoded(kinds.iter().map(block).collect(), reason, false);
            let body = encoded(once.clone()).to_string();
            let twice = decode_reply(body.as_bytes(), &Ids(1), false).unwrap();
            prop_assert_eq!(twice, Reply { model: Some("claude".into()), ..once });
        }
    }
}
