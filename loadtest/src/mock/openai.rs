//! OpenAI's JSON shapes: answers, stream events and errors, always the same for the same request, so that a test can
//! compare what a gateway delivers with what the mock sent.
//!
//! Token number i is the text `w{i} `; a JSON answer is the concatenation of the tokens that a stream would bring.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::settings::Settings;

/// The time at which every answer claims to have been made (Unix seconds).
const CREATED: u64 = 1_700_000_000;

/// The operations that the mock answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    Moderations,
}

impl Endpoint {
    /// The operation of a POST to `path`, whatever stands before it.
    pub fn of(path: &str) -> Option<Self> {
        [
            ("/chat/completions", Self::Chat),
            ("/completions", Self::Completions),
            ("/embeddings", Self::Embeddings),
            ("/moderations", Self::Moderations),
        ]
        .into_iter()
        .find_map(|(suffix, endpoint)| path.ends_with(suffix).then_some(endpoint))
    }
}

/// What the mock reads of a request body.
#[derive(Debug, Default, Deserialize)]
pub struct Peek<'a> {
    #[serde(borrow, default)]
    pub model: Cow<'a, str>,
    pub stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

impl Peek<'_> {
    /// Whether the stream shall end with a usage chunk.
    pub fn include_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false)
    }

    /// Whether the answer shall be a stream.
    pub fn is_stream(&self) -> bool {
        self.stream.unwrap_or(false)
    }
}

/// The text of token number `i`.
pub fn token(i: usize) -> String {
    format!("w{i} ")
}

/// A whole answer. `input` is the request body, of which embeddings and moderations count the inputs.
pub fn answer(endpoint: Endpoint, model: &str, settings: &Settings, input: &[u8]) -> Value {
    let text: String = (0..settings.tokens).map(token).collect();
    let usage = usage(settings);
    match endpoint {
        Endpoint::Chat => json!({
            "id": "chatcmpl-mock", "object": "chat.completion", "created": CREATED, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null},
                "logprobs": null, "finish_reason": "stop"}],
            "usage": usage, "system_fingerprint": "fp_mock",
        }),
        Endpoint::Completions => json!({
            "id": "cmpl-mock", "object": "text_completion", "created": CREATED, "model": model,
            "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": "stop"}],
            "usage": usage,
        }),
        Endpoint::Embeddings => {
            let vector = [0.5, -0.25, 0.125, -0.0625];
            let item = |index| json!({"object": "embedding", "index": index, "embedding": vector});
            json!({
                "object": "list", "model": model, "data": (0..n_inputs(input)).map(item).collect::<Vec<_>>(),
                "usage": {"prompt_tokens": settings.prompt, "total_tokens": settings.prompt},
            })
        }
        Endpoint::Moderations => {
            let result = json!({"flagged": false, "categories": {"violence": false, "hate": false},
                "category_scores": {"violence": 0.01, "hate": 0.01}});
            json!({"id": "modr-mock", "model": model, "results": vec![result; n_inputs(input)]})
        }
    }
}

/// How many inputs an embeddings or moderations request holds: a string or an array of token numbers is one.
fn n_inputs(body: &[u8]) -> usize {
    #[derive(Deserialize)]
    struct Inputs {
        input: Value,
    }
    match serde_json::from_slice(body) {
        Ok(Inputs { input: Value::Array(items) }) if !items.iter().all(Value::is_number) => items.len(),
        _ => 1,
    }
}

fn usage(settings: &Settings) -> Value {
    json!({"prompt_tokens": settings.prompt, "completion_tokens": settings.tokens,
        "total_tokens": settings.prompt + settings.tokens})
}

/// The SSE event of token number `i`.
pub fn token_event(endpoint: Endpoint, model: &str, i: usize, include_usage: bool) -> String {
    let choice = match endpoint {
        Endpoint::Completions => json!({"index": 0, "text": token(i), "logprobs": null, "finish_reason": null}),
        _ if i == 0 => json!({"index": 0, "delta": {"role": "assistant", "content": token(i)}, "finish_reason": null}),
        _ => json!({"index": 0, "delta": {"content": token(i)}, "finish_reason": null}),
    };
    event(&chunk(endpoint, model, json!([choice]), include_usage.then_some(Value::Null)))
}

/// The events behind the last token: finish reason, usage if asked for, `[DONE]`.
pub fn end_events(endpoint: Endpoint, model: &str, settings: &Settings, include_usage: bool) -> String {
    let choice = match endpoint {
        Endpoint::Completions => json!({"index": 0, "text": "", "logprobs": null, "finish_reason": "stop"}),
        _ => json!({"index": 0, "delta": {}, "finish_reason": "stop"}),
    };
    let mut events = event(&chunk(endpoint, model, json!([choice]), include_usage.then_some(Value::Null)));
    if include_usage {
        events += &event(&chunk(endpoint, model, json!([]), Some(usage(settings))));
    }
    if !settings.no_done {
        events += "data: [DONE]\n\n";
    }
    events
}

fn chunk(endpoint: Endpoint, model: &str, choices: Value, usage: Option<Value>) -> Value {
    let (id, object) = match endpoint {
        Endpoint::Completions => ("cmpl-mock", "text_completion"),
        _ => ("chatcmpl-mock", "chat.completion.chunk"),
    };
    let mut chunk = json!({"id": id, "object": object, "created": CREATED, "model": model, "choices": choices});
    if let (Some(usage), Some(fields)) = (usage, chunk.as_object_mut()) {
        fields.insert("usage".to_owned(), usage);
    }
    chunk
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// `GET /models`.
pub fn models() -> Value {
    let model = |id: &str| json!({"id": id, "object": "model", "created": CREATED, "owned_by": "mock"});
    json!({"object": "list", "data": [model("bench-upstream"), model("mock")]})
}

/// The error envelope, with the `type` that OpenAI gives to such a status.
pub fn error(status: u16, code: Option<&str>, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_says_what_the_json_answer_says() {
        let settings = Settings { tokens: 3, ..Settings::default() };
        for (endpoint, whole, part) in [
            (Endpoint::Chat, "/choices/0/message/content", "/choices/0/delta/content"),
            (Endpoint::Completions, "/choices/0/text", "/choices/0/text"),
        ] {
            let answer = answer(endpoint, "m", &settings, b"{}");
            let events: String = (0..3).map(|i| token_event(endpoint, "m", i, true)).collect::<String>()
                + &end_events(endpoint, "m", &settings, true);
            let data: Vec<&str> = events.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
            let parsed: Vec<Value> = data.iter().filter_map(|data| serde_json::from_str(data).ok()).collect();
            let text: String = parsed.iter().filter_map(|it| it.pointer(part)?.as_str()).collect();
            assert_eq!(Some(&json!(text)), answer.pointer(whole));
            assert_eq!(data.last(), Some(&"[DONE]"));
            assert_eq!(parsed.last().and_then(|it| it.get("usage")), answer.get("usage"));
            assert_eq!(parsed.len(), 5);
        }
    }

    #[test]
    fn inputs_are_counted() {
        for (body, n) in [(r#"{"input":"a"}"#, 1), (r#"{"input":["a","b"]}"#, 2), (r#"{"input":[1,2,3]}"#, 1)] {
            assert_eq!(n_inputs(body.as_bytes()), n, "{body}");
        }
    }

    #[test]
    fn paths_are_found_behind_any_prefix() {
        assert_eq!(Endpoint::of("/v1/chat/completions"), Some(Endpoint::Chat));
        assert_eq!(Endpoint::of("/openai/deployments/m/completions"), Some(Endpoint::Completions));
        assert_eq!(Endpoint::of("/v1/models"), None);
    }
}
