//! An answer of Cohere's chat (<https://docs.cohere.com/reference/chat>).

use super::errors;
use super::types::{self, ReplyPart, ToolCall};
use crate::error::{Error, Kind};
use crate::wire::codec::Ids;
use crate::wire::model::{self, Choice, Family, Finish, FinishReason, Json, Part, Reply, Text, Thinking};

/// Reads the answer to a request that was not for a stream. Cohere's id is not shown to clients.
///
/// # Errors
/// [`Kind::GarbledAnswer`], and what Cohere reports as `finish_reason: ERROR`: a part of an answer is none.
pub fn decode_reply(body: &[u8], ids: &Ids) -> Result<Reply, Error> {
    let reply: types::Reply = serde_json::from_slice(body).map_err(garbled)?;
    let reason = reply.finish_reason.unwrap_or_default();
    if let Some(error) = errors::of_finish(&reason, None) {
        return Err(error);
    }
    let mut parts: Vec<Part> = reply.message.content.into_iter().flat_map(said).collect();
    cite(&mut parts, reply.message.citations.as_ref());
    // The plan leads to the calls; in a stream it comes just before them too.
    parts.extend(reply.message.tool_plan.and_then(thought));
    let calls = reply.message.tool_calls.into_iter().zip(0..);
    parts.extend(calls.map(|(call, index)| Part::ToolCall(tool_call(call, index, ids))));
    let finish = finish(reason, parts.iter().any(|part| matches!(part, Part::ToolCall(_))));
    Ok(Reply {
        choices: vec![Choice { parts, finish, ..Choice::default() }],
        usage: reply.usage.and_then(types::Usage::counters),
        ..Reply::default()
    })
}

/// An answer that does not parse.
pub(super) fn garbled(error: serde_json::Error) -> Error {
    Error::new(Kind::GarbledAnswer, "The provider sent an unreadable answer.").detail(error.to_string())
}

fn thought(text: String) -> Option<Part> {
    let thought = Thinking { text, family: Some(Family::Cohere), ..Thinking::default() };
    (!thought.text.is_empty()).then_some(Part::Thinking(thought))
}

fn said(part: ReplyPart) -> impl Iterator<Item = Part> {
    let text = part.text.filter(|text| !text.is_empty()).map(Part::text);
    part.thinking.and_then(thought).into_iter().chain(text)
}

/// A tool call as it stands in an answer or begins in a stream.
pub(super) fn tool_call(call: ToolCall<'_>, index: u32, ids: &Ids) -> model::ToolCall {
    let id = call.id.filter(|id| !id.is_empty());
    model::ToolCall {
        id: id.map_or_else(|| ids.tool_call(index), |id| id.into_owned()),
        name: call.function.name.unwrap_or_default().into_owned(),
        arguments: call.function.arguments.unwrap_or_default().into_owned(),
        index: Some(index),
        ..model::ToolCall::default()
    }
}

/// Whoever calls tools has finished with tool calls, whatever Cohere says, unless the answer was cut.
pub(super) fn finish(native: String, has_calls: bool) -> Finish {
    let reason = match native.as_str() {
        "ERROR_LIMIT" => FinishReason::Length,
        word => FinishReason::of(word),
    };
    let reason = if has_calls && reason == FinishReason::Stop { FinishReason::ToolCalls } else { reason };
    Finish { reason, native: Some(native).filter(|word| !word.is_empty()), stop_sequence: None }
}

/// Hangs the citations on the texts that they are about.
fn cite(parts: &mut [Part], citations: Option<&Json>) {
    let Some(list) = citations.and_then(|json| serde_json::from_str::<Option<Vec<Json>>>(json.text()).ok()?) else {
        return;
    };
    for citation in list {
        let place = citation.value().get("content_index").and_then(serde_json::Value::as_u64);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let texts = || (0..).zip(parts.iter()).filter(|(_, part)| matches!(part, Part::Text(_))).map(|(at, _)| at);
        let at = place.and_then(|place| texts().find(|at| *at == place)).or_else(|| texts().next());
        if let Some(Part::Text(Text { citations, .. })) = at.and_then(|at: usize| parts.get_mut(at)) {
            citations.extend(sources(citation));
        }
    }
}

/// A citation as it came, and before it what OpenAI's clients are told of it: one `url_citation` for each document, as
/// LiteLLM writes them.
pub(super) fn sources(citation: Json) -> Vec<(Family, Json)> {
    let value = citation.value();
    let number = |name: &str| value.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
    let annotation = |source: &serde_json::Value| {
        let document = source.get("document").filter(|_| source.get("type").is_some_and(|kind| kind == "document"))?;
        let word = |json: &serde_json::Value, name: &str| json.get(name)?.as_str().map(str::to_owned);
        let url = word(source, "url")
            .unwrap_or_else(|| format!("source:{}", word(source, "id").unwrap_or_else(|| "unknown".to_owned())));
        Json::of(&serde_json::json!({
            "type": "url_citation",
            "url_citation": {
                "start_index": number("start"),
                "end_index": number("end"),
                "title": word(document, "title").unwrap_or_default(),
                "url": url,
            },
        }))
    };
    let list = value.get("sources").and_then(serde_json::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut all: Vec<_> = list.iter().filter_map(annotation).map(|json| (Family::OpenAi, json)).collect();
    all.push((Family::Cohere, citation));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::usage::Usage;

    fn decoded(body: &str) -> Reply {
        decode_reply(body.as_bytes(), &Ids(1)).unwrap()
    }

    #[test]
    fn text_is_read_with_its_cost() {
        let reply = decoded(
            r#"{"id":"c1","finish_reason":"COMPLETE","message":{"role":"assistant","content":[
                {"type":"thinking","thinking":"hm"},{"type":"text","text":"Hello"}]},
                "usage":{"billed_units":{"input_tokens":5.0,"output_tokens":7},
                    "tokens":{"input_tokens":11,"output_tokens":7.0},"cached_tokens":4}}"#,
        );
        let choice = &reply.choices[0];
        let thought = Thinking { text: "hm".into(), family: Some(Family::Cohere), ..Thinking::default() };
        assert_eq!(choice.parts, [Part::Thinking(thought), Part::text("Hello")]);
        assert_eq!((choice.finish.reason, choice.finish.native.as_deref()), (FinishReason::Stop, Some("COMPLETE")));
        let usage = Usage { cached_tokens: Some(4), tells_cache_reads: true, ..Usage::of_tokens(11, 7) };
        assert_eq!((reply.usage, reply.id), (Some(usage), None));
    }

    #[test]
    fn a_call_is_a_call_whatever_the_finish_reason_says() {
        let reply = decoded(
            r#"{"finish_reason":"COMPLETE","message":{"tool_plan":"I will.","content":null,"tool_calls":[
                {"id":"call_co","type":"function","function":{"name":"get_tool","arguments":"{\"x\": 1}"}},
                {"type":"function","function":{"name":"b"}}]}}"#,
        );
        let choice = &reply.choices[0];
        let [Part::Thinking(plan), Part::ToolCall(first), Part::ToolCall(second)] = choice.parts.as_slice() else {
            panic!("{:?}", choice.parts);
        };
        assert_eq!((plan.text.as_str(), choice.finish.reason), ("I will.", FinishReason::ToolCalls));
        assert_eq!((first.id.as_str(), first.arguments.as_str(), first.index), ("call_co", r#"{"x": 1}"#, Some(0)));
        assert_eq!((second.id.clone(), second.index), (Ids(1).tool_call(1), Some(1)));
    }

    #[test]
    fn citations_hang_on_their_text() {
        let citation = r#"{"start":0,"end":5,"text":"Hello","content_index":1,"sources":[
            {"type":"document","id":"doc-1","document":{"title":"T"}},{"type":"tool","id":"t"}]}"#;
        let reply = decoded(&format!(
            r#"{{"message":{{"content":[{{"text":"a"}},{{"text":"Hello"}}],"citations":[{citation}]}}}}"#
        ));
        let Some(Part::Text(text)) = reply.choices[0].parts.get(1) else { panic!("no text") };
        let annotation = r#"{"type":"url_citation","url_citation":{"start_index":0,"end_index":5,"title":"T","url":"source:doc-1"}}"#;
        let expected = [annotation, citation].map(|json| Json::parse(json).unwrap().value());
        let citations: Vec<_> = text.citations.iter().map(|(_, json)| json.value()).collect();
        assert_eq!(citations, expected);
        assert_eq!(text.citations[0].0, Family::OpenAi);
    }

    #[test]
    fn every_finish_reason_is_known() {
        let cases = [
            ("COMPLETE", FinishReason::Stop),
            ("STOP_SEQUENCE", FinishReason::Stop),
            ("MAX_TOKENS", FinishReason::Length),
            ("ERROR_LIMIT", FinishReason::Length),
            ("TOOL_CALL", FinishReason::ToolCalls),
            ("ERROR_TOXIC", FinishReason::ContentFilter),
            ("USER_CANCEL", FinishReason::Stop),
        ];
        for (word, reason) in cases {
            assert_eq!(finish(word.to_owned(), false).reason, reason, "{word}");
        }
        assert_eq!(finish("MAX_TOKENS".into(), true).reason, FinishReason::Length);
        let failed = decode_reply(br#"{"finish_reason":"ERROR","message":{"content":[{"text":"ha"}]}}"#, &Ids(1));
        assert_eq!(failed.unwrap_err().kind, Kind::InternalServer);
        assert_eq!(decode_reply(b"<html>", &Ids(1)).unwrap_err().kind, Kind::GarbledAnswer);
    }
}
