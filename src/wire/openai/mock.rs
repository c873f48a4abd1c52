//! Answers of `mock_response`: what a provider would have said, without one.
//!
//! Shapes and counters are LiteLLM's: ten prompt tokens and twenty of output, whatever the text. Where LiteLLM's
//! stream cuts the text every three bytes, this one cuts it behind words.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::{Error, Kind};
use crate::wire::usage::Usage;

/// `usage` of every mocked answer.
const USAGE: Usage = Usage::of_tokens(10, 20);

/// Length of a mocked embedding: OpenAI's usual one.
const DIMENSIONS: usize = 1536;

/// The categories of OpenAI's moderation model.
const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// What an answer needs from outside.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Unique; the dialect's prefix (`chatcmpl-` …) is put before it.
    pub id: &'a str,
    /// Unix time in seconds.
    pub created: u64,
    /// The name the client used.
    pub model: &'a str,
}

/// The counters of a mocked answer, for the bill.
pub fn usage() -> Usage {
    USAGE
}

/// A `mock_response`: the text to answer, or the error that LiteLLM raises for it.
pub fn interpret(mock_response: &str) -> Result<&str, Error> {
    let (kind, message) = match mock_response {
        "litellm.RateLimitError" => (Kind::RateLimited, "litellm.RateLimitError: this is a mock rate limit error"),
        "litellm.InternalServerError" => {
            (Kind::InternalServer, "litellm.InternalServerError: this is a mock internal server error")
        }
        "litellm.ContextWindowExceededError" => (
            Kind::ContextWindow,
            "litellm.ContextWindowExceededError: litellm.BadRequestError: this is a mock context window exceeded error",
        ),
        "litellm.ContentPolicyViolationError" => (
            Kind::ContentPolicy,
            "litellm.ContentPolicyViolationError: litellm.BadRequestError: this is a mock content policy error",
        ),
        text => match text.strip_prefix("Exception: ") {
            Some(_) if text.contains("content_filter_policy") => (Kind::ContentPolicy, text),
            Some(_) => (Kind::InternalServer, text),
            None => return Ok(text),
        },
    };
    Err(Error::new(kind, message))
}

/// A chat completion.
pub fn chat(stamp: Stamp<'_>, text: &str) -> Bytes {
    let choice = json!({"finish_reason": "stop", "index": 0, "message": {"content": text, "role": "assistant"}});
    body(stamp, "chatcmpl", "chat.completion", json!([choice]), Some(USAGE))
}

/// A chat completion as events, one an item: role and first words, words, end, usage if asked for, `[DONE]`.
pub fn chat_stream(stamp: Stamp<'_>, text: &str, include_usage: bool) -> Vec<Bytes> {
    let delta = |(at, content): (usize, &str)| match at {
        0 => json!({"index": 0, "delta": {"role": "assistant", "content": content}}),
        _ => json!({"index": 0, "delta": {"content": content}}),
    };
    let end = json!({"finish_reason": "stop", "index": 0, "delta": {}});
    let choices = words(text).enumerate().map(delta).chain([end]);
    stream(stamp, "chatcmpl", "chat.completion.chunk", choices, include_usage)
}

/// A legacy completion.
pub fn completion(stamp: Stamp<'_>, text: &str) -> Bytes {
    let choice = json!({"finish_reason": "stop", "index": 0, "text": text, "logprobs": null});
    body(stamp, "cmpl", "text_completion", json!([choice]), Some(USAGE))
}

/// A legacy completion as events, one an item.
pub fn completion_stream(stamp: Stamp<'_>, text: &str, include_usage: bool) -> Vec<Bytes> {
    let choice =
        |text: &str, end: Option<&str>| json!({"finish_reason": end, "index": 0, "text": text, "logprobs": null});
    let choices = words(text).map(|word| choice(word, None)).chain([choice("", Some("stop"))]);
    stream(stamp, "cmpl", "text_completion", choices, include_usage)
}

/// One vector for each of `inputs`, always the same: the given one, else zeros.
pub fn embeddings(stamp: Stamp<'_>, inputs: usize, vector: Option<Vec<f64>>) -> Bytes {
    let vector = vector.unwrap_or_else(|| vec![0.0; DIMENSIONS]);
    let data: Vec<Value> =
        (0..inputs).map(|index| json!({"object": "embedding", "index": index, "embedding": vector})).collect();
    let usage = Usage { completion_tokens: 0, total_tokens: USAGE.prompt_tokens, ..USAGE };
    json!({"object": "list", "data": data, "model": stamp.model, "usage": usage.to_json()}).to_string().into()
}

/// A moderation that flags nothing.
pub fn moderation(stamp: Stamp<'_>) -> Bytes {
    let all = |value: Value| -> Value {
        CATEGORIES.iter().map(|name| (name.to_string(), value.clone())).collect::<serde_json::Map<_, _>>().into()
    };
    let result = json!({"flagged": false, "categories": all(false.into()), "category_scores": all(0.0.into())});
    json!({"id": format!("modr-{}", stamp.id), "model": stamp.model, "results": [result]}).to_string().into()
}

fn body(stamp: Stamp<'_>, prefix: &str, object: &str, choices: Value, usage: Option<Usage>) -> Bytes {
    let mut body = json!({
        "id": format!("{prefix}-{}", stamp.id),
        "created": stamp.created,
        "model": stamp.model,
        "object": object,
        "choices": choices,
    });
    if let Some((members, usage)) = body.as_object_mut().zip(usage) {
        members.insert("usage".to_owned(), usage.to_json());
    }
    body.to_string().into()
}

fn stream(
    stamp: Stamp<'_>,
    prefix: &str,
    object: &str,
    choices: impl Iterator<Item = Value>,
    include_usage: bool,
) -> Vec<Bytes> {
    let event = |json: Bytes| Bytes::from([b"data: ", &json[..], b"\n\n"].concat());
    let usage = include_usage.then(|| body(stamp, prefix, object, json!([]), Some(USAGE)));
    choices
        .map(|choice| body(stamp, prefix, object, json!([choice]), None))
        .chain(usage)
        .map(event)
        .chain([Bytes::from_static(b"data: [DONE]\n\n")])
        .collect()
}

/// The text cut behind each space; at least one piece, so that even an empty answer has its first event.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let empty = text.is_empty().then_some("");
    empty.into_iter().chain(text.split_inclusive(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::openai::response;
    use crate::wire::openai::stream::{Tap, TapRules};

    const STAMP: Stamp<'_> = Stamp { id: "1", created: 7, model: "demo" };

    #[test]
    fn bodies_are_answers() {
        for (body, id) in [(chat(STAMP, "Hi"), "chatcmpl-1"), (completion(STAMP, "Hi"), "cmpl-1")] {
            let answer = response::read(body.clone(), None).unwrap();
            assert_eq!(answer.usage, Some(USAGE));
            let json: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((json["id"].as_str(), json["created"].as_u64()), (Some(id), Some(7)));
        }
        let json: Value = serde_json::from_slice(&embeddings(STAMP, 2, None)).unwrap();
        assert_eq!(json["data"][1]["embedding"].as_array().unwrap().len(), DIMENSIONS);
        assert_eq!(json["usage"]["total_tokens"], 10);
        let json: Value = serde_json::from_slice(&embeddings(STAMP, 1, Some(vec![0.5, -1.0]))).unwrap();
        assert_eq!(json["data"][0]["embedding"], serde_json::json!([0.5, -1.0]));
        let json: Value = serde_json::from_slice(&moderation(STAMP)).unwrap();
        assert_eq!(json["results"][0]["categories"]["hate"], false);
    }

    #[test]
    fn streams_are_streams() {
        let check = |events: Vec<Bytes>, count: u64, usage: Option<Usage>| {
            let mut tap = Tap::new(TapRules::default());
            let mut out = Vec::new();
            for event in &events {
                tap.feed(event.clone(), &mut out).unwrap();
            }
            let end = tap.finish(&mut out).unwrap();
            assert_eq!(out, events);
            assert!(end.complete() && end.done && end.useful && end.finish_reason_seen);
            assert_eq!((end.events, end.usage), (count, usage));
        };
        check(chat_stream(STAMP, "Hello from mock", false), 4, None);
        check(chat_stream(STAMP, "Hello from mock", true), 5, Some(USAGE));
        check(chat_stream(STAMP, "", false), 2, None);
        check(completion_stream(STAMP, "Hello from mock", true), 5, Some(USAGE));
    }

    #[test]
    fn some_texts_are_errors() {
        let kind = |text| interpret(text).map_err(|error| error.kind);
        assert_eq!(kind("Hi"), Ok("Hi"));
        assert_eq!(kind("litellm.RateLimitError"), Err(Kind::RateLimited));
        assert_eq!(kind("litellm.InternalServerError"), Err(Kind::InternalServer));
        assert_eq!(kind("litellm.ContextWindowExceededError"), Err(Kind::ContextWindow));
        assert_eq!(kind("Exception: mock_streaming_error"), Err(Kind::InternalServer));
        assert_eq!(kind("Exception: content_filter_policy"), Err(Kind::ContentPolicy));
    }
}
