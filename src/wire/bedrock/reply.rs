//! A whole answer of Converse.
//!
//! API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax>

use serde_json::{Map, Value};

use super::citation;
use super::tools::JSON_TOOL;
use super::types::{Block, ConverseResponse, File, TokenUsage, ToolUse};
use crate::error::{Error, Kind};
use crate::wire::codec::Ids;
use crate::wire::model::{
    Choice, Family, Finish, FinishReason, Json, Media, MediaKind, Part, Reply, Source, Text, Thinking, ToolCall,
};
use crate::wire::usage::Usage;

/// What the provider runs itself: no business of the client's.
pub const SERVER_TOOL: &str = "server_tool_use";

/// Reads an answer. `forced_json` is what [`super::request::forces_json`] said of the request. Bedrock gives every call an
/// id, so none is made.
///
/// # Errors
/// [`Kind::GarbledAnswer`]: it is none.
pub fn decode_reply(body: &[u8], _ids: &Ids, forced_json: bool) -> Result<Reply, Error> {
    let response: ConverseResponse = serde_json::from_slice(body).map_err(|error| garbled(&error))?;
    let blocks = response.output.message.unwrap_or_default().content;
    let mut parts = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.into_iter().enumerate() {
        part(block, u32::try_from(index).ok(), &mut parts);
    }
    let stop_sequence = response.additional_model_response_fields.and_then(|fields| fields.stop_sequence);
    let mut finish = finish(response.stop_reason, stop_sequence);
    if forced_json {
        answer_by_tool(&mut parts, &mut finish);
    }
    let thought = parts.iter().any(|part| matches!(part, Part::Thinking(_)));
    Ok(Reply {
        choices: vec![Choice { index: 0, parts, finish, logprobs: None }],
        usage: response.usage.map(|tokens| usage(&tokens, thought)),
        service_tier: response.service_tier.map(|tier| tier.kind),
        extra: trace(response.trace.as_ref()),
        ..Reply::default()
    })
}

fn part(block: Block, index: Option<u32>, parts: &mut Vec<Part>) {
    if let Some(text) = block.text {
        parts.push(Part::text(text));
    } else if let Some(ToolUse { tool_use_id, name, input, kind }) = block.tool_use {
        if kind.as_deref() != Some(SERVER_TOOL) {
            let arguments = input.text().to_owned();
            parts.push(Part::ToolCall(ToolCall { id: tool_use_id, name, arguments, index, ..ToolCall::default() }));
        }
    } else if let Some(reasoning) = block.reasoning_content {
        let family = Some(Family::Anthropic);
        let text = reasoning.reasoning_text.unwrap_or_default();
        let (signature, sealed) = (text.signature, reasoning.redacted_content);
        parts.push(Part::Thinking(Thinking { text: text.text, signature, sealed, family, ..Thinking::default() }));
    } else if let Some(cited) = block.citations_content {
        let text = cited.content.iter().map(|content| content.text.as_str()).collect();
        let citations = cited.citations.into_iter().filter_map(citation::to_anthropic);
        let citations = citations.map(|citation| (Family::Anthropic, citation)).collect();
        parts.push(Part::Text(Text { text, citations, ..Text::default() }));
    } else if let Some(image) = block.image {
        parts.extend(media(MediaKind::Image, "image", image));
    } else if let Some(video) = block.video {
        parts.extend(media(MediaKind::Video, "video", video));
    } else if let Some(audio) = block.audio {
        parts.extend(media(MediaKind::Audio, "audio", audio));
    }
}

fn media(kind: MediaKind, family: &str, file: File) -> Option<Part> {
    let in_s3 = file.source.s3_location.map(|location| Source::Url(location.uri));
    let source = file.source.bytes.map(Source::Base64).or(in_s3)?;
    let media_type = file.format.map(|format| format!("{family}/{format}"));
    Some(Part::Media(Media { kind, source, media_type, name: file.name, detail: None, cache: None, extra: None }))
}

/// The schema's tool was called: its input is the answer, and the words around it are not.
fn answer_by_tool(parts: &mut Vec<Part>, finish: &mut Finish) {
    let is_answer = |part: &Part| matches!(part, Part::ToolCall(call) if call.name == JSON_TOOL);
    if !parts.iter().any(is_answer) {
        return;
    }
    parts.retain(|part| !matches!(part, Part::Text(_)));
    for part in parts.iter_mut() {
        if let Part::ToolCall(call) = part
            && call.name == JSON_TOOL
        {
            *part = Part::text(std::mem::take(&mut call.arguments));
        }
    }
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    if !calls && finish.reason == FinishReason::ToolCalls {
        finish.reason = FinishReason::Stop;
    }
}

/// How it ended.
pub fn finish(stop_reason: Option<String>, stop_sequence: Option<String>) -> Finish {
    let reason = stop_reason.as_deref().map_or(FinishReason::Stop, FinishReason::of);
    Finish { reason, native: stop_reason, stop_sequence }
}

/// The counters as LiteLLM tells them, and a total that is the sum. Bedrock does not tell thoughts from words: of an
/// answer that has none (`thought`), all output was words.
pub fn usage(tokens: &TokenUsage, thought: bool) -> Usage {
    let read = tokens.cache_read_input_tokens.unwrap_or_default();
    let written = tokens.cache_write_input_tokens.unwrap_or_default();
    let prompt = tokens.input_tokens.saturating_add(read).saturating_add(written);
    let for_an_hour = tokens.cache_details.iter().filter(|detail| detail.ttl == "1h").map(|detail| detail.input_tokens);
    Usage {
        cached_tokens: Some(read),
        cache_creation_tokens: Some(written),
        cache_creation_1h_tokens: for_an_hour.reduce(u64::saturating_add),
        prompt_text_tokens: Some(tokens.input_tokens),
        reasoning_tokens: (!thought).then_some(0),
        completion_text_tokens: (!thought).then_some(tokens.output_tokens),
        tells_cache_reads: true,
        ..Usage::of_tokens(prompt, tokens.output_tokens)
    }
}

/// A guardrail's report, where clients of LiteLLM look for it.
pub fn trace(trace: Option<&Json>) -> Map<String, Value> {
    trace.map(|trace| ("trace".to_owned(), trace.value())).into_iter().collect()
}

fn garbled(error: &serde_json::Error) -> Error {
    Error::new(Kind::GarbledAnswer, "The provider sent an answer that does not parse.").detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(body: &str, forced_json: bool) -> Reply {
        decode_reply(body.as_bytes(), &Ids(1), forced_json).unwrap()
    }

    fn parts(content: &str, forced_json: bool) -> (Vec<Part>, FinishReason) {
        let body =
            format!(r#"{{"output":{{"message":{{"role":"assistant","content":{content}}}}},"stopReason":"tool_use"}}"#);
        let mut reply = decode(&body, forced_json);
        let choice = reply.choices.remove(0);
        (choice.parts, choice.finish.reason)
    }

    fn call(name: &str, index: u32) -> Part {
        let (id, arguments) = ("t1".to_owned(), r#"{"x": 1}"#.to_owned());
        Part::ToolCall(ToolCall { id, name: name.to_owned(), arguments, index: Some(index), ..ToolCall::default() })
    }

    #[test]
    fn every_block_becomes_a_part() {
        let (read, finish) = parts(
            r#"[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"c2ln"}}},
                {"reasoningContent":{"redactedContent":"c2Vj"}},{"text":"calling"},
                {"toolUse":{"toolUseId":"t0","name":"nova_grounding","type":"server_tool_use","input":{}}},
                {"toolResult":{"toolUseId":"t0","content":[{"text":"found"}]}},
                {"citationsContent":{"content":[{"text":"as said"}],
                    "citations":[{"sourceContent":[{"text":"s"}],"location":{"web":{"url":"u"}}}]}},
                {"image":{"format":"png","source":{"bytes":"aGk="}}},
                {"toolUse":{"toolUseId":"t1","name":"f","input":{"x": 1}}},{"somethingNew":{}}]"#,
            false,
        );
        let thought = |text: &str, signature: Option<&str>, sealed: Option<&str>| {
            Part::Thinking(Thinking {
                text: text.to_owned(),
                signature: signature.map(str::to_owned),
                sealed: sealed.map(str::to_owned),
                family: Some(Family::Anthropic),
                ..Thinking::default()
            })
        };
        let citation = r#"{"type":"web_search_result_location","cited_text":"s","url":"u"}"#;
        let cited =
            Text { citations: vec![(Family::Anthropic, Json::parse(citation).unwrap())], ..Text::plain("as said") };
        let image = Media {
            kind: MediaKind::Image,
            source: Source::Base64("aGk=".into()),
            media_type: Some("image/png".into()),
            name: None,
            detail: None,
            cache: None,
            extra: None,
        };
        let expected = vec![
            thought("hm", Some("c2ln"), None),
            thought("", None, Some("c2Vj")),
            Part::text("calling"),
            Part::Text(cited),
            Part::Media(image),
            call("f", 7),
        ];
        assert_eq!((read, finish), (expected, FinishReason::ToolCalls));
    }

    #[test]
    fn the_schemas_tool_is_the_answer() {
        let tool = |name: &str| format!(r#"{{"toolUse":{{"toolUseId":"t1","name":"{name}","input":{{"x": 1}}}}}}"#);
        let (json, other) = (tool(JSON_TOOL), tool("f"));
        let answer = Part::text(r#"{"x": 1}"#);
        let check = |content: String, forced: bool, expected: (Vec<Part>, FinishReason)| {
            assert_eq!(parts(&content, forced), expected, "{content}");
        };
        check(format!(r#"[{{"text":"here:"}},{json}]"#), true, (vec![answer.clone()], FinishReason::Stop));
        check(format!("[{json},{other}]"), true, (vec![answer, call("f", 1)], FinishReason::ToolCalls));
        check(format!("[{json}]"), false, (vec![call(JSON_TOOL, 0)], FinishReason::ToolCalls));
        check(r#"[{"text":"no"}]"#.to_owned(), true, (vec![Part::text("no")], FinishReason::ToolCalls));
    }

    #[test]
    fn counters_add_up() {
        let reply = decode(
            r#"{"output":{},"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"END"},
                "serviceTier":{"type":"flex"},"trace":{"guardrail":{}},
                "usage":{"inputTokens":11,"outputTokens":7,"totalTokens":18,"cacheReadInputTokens":4,
                    "cacheWriteInputTokens":3,"cacheDetails":[{"ttl":"1h","inputTokens":2},{"ttl":"5m","inputTokens":1}]}}"#,
            false,
        );
        let usage = reply.usage.unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (18, 7, 25));
        assert_eq!((usage.cached_tokens, usage.cache_creation_tokens), (Some(4), Some(3)));
        assert_eq!((usage.cache_creation_1h_tokens, usage.prompt_text_tokens), (Some(2), Some(11)));
        assert_eq!((usage.reasoning_tokens, usage.completion_text_tokens), (Some(0), Some(7)));
        // As LiteLLM tells them, but for the total: its 18 leaves the output out.
        let observed = r#"{"completion_tokens":7,"prompt_tokens":18,"total_tokens":25,
            "completion_tokens_details":{"reasoning_tokens":0,"text_tokens":7},
            "prompt_tokens_details":{"cache_write_tokens":3,"cached_tokens":4,"text_tokens":11,"cache_creation_tokens":3},
            "cache_creation_input_tokens":3,"cache_read_input_tokens":4}"#;
        assert_eq!(usage.to_json(), serde_json::from_str::<Value>(observed).unwrap());
        assert_eq!(reply.service_tier.as_deref(), Some("flex"));
        assert!(reply.extra.contains_key("trace"));
        let finish = &reply.choices[0].finish;
        assert_eq!((finish.reason, finish.stop_sequence.as_deref()), (FinishReason::Stop, Some("END")));
        for garbage in ["", "{}", "[]", r#"{"output":{"message":{"content":1}}}"#] {
            let error = decode_reply(garbage.as_bytes(), &Ids(1), false).unwrap_err();
            assert_eq!(error.kind, Kind::GarbledAnswer, "{garbage}");
        }
    }
}
