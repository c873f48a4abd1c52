//! OpenAI's JSON shapes: answers, stream events and errors, always the same for the same request, so that a test can
//! compare what a gateway delivers with what the mock sent.
//!
//! Token number i is the text `w{i} ` unless the settings say another word; a JSON answer is the concatenation of the tokens that a stream would bring.

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Endpoint;
use super::settings::Settings;

/// The time at which every answer claims to have been made (Unix seconds).
const CREATED: u64 = 1_700_000_000;

/// A whole chat answer.
pub fn chat(model: &str, settings: &Settings) -> Value {
    json!({
        "id": "chatcmpl-mock", "object": "chat.completion", "created": CREATED, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": settings.text(), "refusal": null},
            "logprobs": null, "finish_reason": "stop"}],
        "usage": usage(settings), "system_fingerprint": "fp_mock",
    })
}

/// A whole legacy completion.
pub fn completion(model: &str, settings: &Settings) -> Value {
    json!({
        "id": "cmpl-mock", "object": "text_completion", "created": CREATED, "model": model,
        "choices": [{"index": 0, "text": settings.text(), "logprobs": null, "finish_reason": "stop"}],
        "usage": usage(settings),
    })
}

/// A vector for each input of the request body `input`.
pub fn embeddings(model: &str, settings: &Settings, input: &[u8]) -> Value {
    let vector = [0.5, -0.25, 0.125, -0.0625];
    let item = |index| json!({"object": "embedding", "index": index, "embedding": vector});
    json!({
        "object": "list", "model": model, "data": (0..n_inputs(input)).map(item).collect::<Vec<_>>(),
        "usage": {"prompt_tokens": settings.prompt, "total_tokens": settings.prompt},
    })
}

/// A verdict for each input of the request body `input`.
pub fn moderations(model: &str, input: &[u8]) -> Value {
    let result = json!({"flagged": false, "categories": {"violence": false, "hate": false},
        "category_scores": {"violence": 0.01, "hate": 0.01}});
    json!({"id": "modr-mock", "model": model, "results": vec![result; n_inputs(input)]})
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
    let tokens = settings.tokens.saturating_sub(settings.from);
    json!({"prompt_tokens": settings.prompt, "completion_tokens": tokens, "total_tokens": settings.prompt + tokens})
}

/// The SSE event of token number `i`.
pub fn token_event(endpoint: Endpoint, model: &str, settings: &Settings, i: usize, include_usage: bool) -> String {
    let token = settings.token(i);
    let choice = match endpoint {
        Endpoint::Completions => json!({"index": 0, "text": token, "logprobs": null, "finish_reason": null}),
        _ if i == settings.from => {
            json!({"index": 0, "delta": {"role": "assistant", "content": token}, "finish_reason": null})
        }
        _ => json!({"index": 0, "delta": {"content": token}, "finish_reason": null}),
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
        for (endpoint, answer, whole, part) in [
            (Endpoint::Chat, chat("m", &settings), "/choices/0/message/content", "/choices/0/delta/content"),
            (Endpoint::Completions, completion("m", &settings), "/choices/0/text", "/choices/0/text"),
        ] {
            let events: String = (0..3).map(|i| token_event(endpoint, "m", &settings, i, true)).collect::<String>()
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
}
