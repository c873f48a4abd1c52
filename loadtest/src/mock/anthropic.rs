//! Anthropic's JSON shapes (<https://docs.anthropic.com/en/api/messages>), the counterpart of [`super::openai`]: the same
//! settings give the same tokens, the same counts and as many writes, so that a gateway which translates can be compared
//! with one that passes on.

use serde_json::{Value, json};

use super::settings::Settings;

/// A whole answer.
pub fn answer(model: &str, settings: &Settings) -> Value {
    message(
        model,
        json!([{"type": "text", "text": settings.text()}]),
        json!("end_turn"),
        settings.prompt,
        settings.tokens.saturating_sub(settings.from),
    )
}

fn message(model: &str, content: Value, stop_reason: Value, prompt: usize, tokens: usize) -> Value {
    json!({
        "id": "msg_mock", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": {"input_tokens": prompt,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": tokens},
    })
}

/// The events before the first token.
pub fn start_events(model: &str, settings: &Settings) -> String {
    let message = message(model, json!([]), Value::Null, settings.prompt, 1);
    event(&json!({"type": "message_start", "message": message}))
        + &event(&json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}))
}

/// The SSE event of token number `i`.
pub fn token_event(settings: &Settings, i: usize) -> String {
    let delta = json!({"type": "text_delta", "text": settings.token(i)});
    event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}))
}

/// The events behind the last token: stop reason, usage, the end.
pub fn end_events(settings: &Settings) -> String {
    let delta = json!({"stop_reason": "end_turn", "stop_sequence": null});
    let usage = json!({"output_tokens": settings.tokens.saturating_sub(settings.from)});
    let mut events = event(&json!({"type": "content_block_stop", "index": 0}))
        + &event(&json!({"type": "message_delta", "delta": delta, "usage": usage}));
    if !settings.no_done {
        events += &event(&json!({"type": "message_stop"}));
    }
    events
}

/// Each event is named by the type of its data.
fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data.get("type").and_then(Value::as_str).unwrap_or_default())
}

/// The error envelope, with the `type` that Anthropic gives to such a status.
pub fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_says_what_the_json_answer_says() {
        let settings = Settings { tokens: 3, ..Settings::default() };
        let answer = answer("m", &settings);
        let events: String = start_events("m", &settings)
            + &(0..3).map(|i| token_event(&settings, i)).collect::<String>()
            + &end_events(&settings);
        let parsed: Vec<(&str, Value)> = (events.split_terminator("\n\n"))
            .map(|event| event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap())
            .map(|(name, data)| (name, serde_json::from_str(data).unwrap()))
            .collect();
        assert!(parsed.iter().all(|(name, data)| data["type"] == *name));
        let text: String = parsed.iter().filter_map(|(_, data)| data.pointer("/delta/text")?.as_str()).collect();
        assert_eq!(answer["content"], json!([{"type": "text", "text": text}]));
        assert_eq!(parsed.first().unwrap().1["message"]["usage"]["input_tokens"], answer["usage"]["input_tokens"]);
        let (_, counts) = parsed.iter().find(|(name, _)| *name == "message_delta").unwrap();
        assert_eq!(counts["usage"]["output_tokens"], answer["usage"]["output_tokens"]);
        assert_eq!(counts["delta"]["stop_reason"], answer["stop_reason"]);
        assert_eq!(parsed.last().unwrap().0, "message_stop");
    }
}
