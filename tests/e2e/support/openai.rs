//! What OpenAI's clients and servers say to each other, and the configurations that the tests start from.

use serde_json::{Value, json};

use super::{Reply, Step, Upstream};

/// The model's name at the upstream; the group's name is the test's choice.
pub const UPSTREAM_MODEL: &str = "gpt-4o-2024-08-06";

/// A chat request with one short message.
pub fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

/// The same, streamed.
pub fn ask_stream(model: &str) -> Value {
    let mut body = ask(model);
    body["stream"] = true.into();
    body
}

/// The usage of every scripted answer.
pub fn usage() -> Value {
    json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18})
}

/// A whole chat answer.
pub fn answer(text: &str) -> Value {
    json!({"id": "chatcmpl-up", "object": "chat.completion", "created": 1_700_000_000, "model": UPSTREAM_MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": usage()})
}

/// A chunk of a streamed chat answer.
pub fn chunk(text: &str) -> Value {
    json!({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": UPSTREAM_MODEL,
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

/// The last chunk before `[DONE]` where usage was asked for.
pub fn usage_chunk() -> Value {
    json!({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": UPSTREAM_MODEL,
        "choices": [], "usage": usage()})
}

/// A streamed answer of these pieces, with the usage chunk and the regular end.
pub fn stream(pieces: &[&str]) -> Reply {
    let words = pieces.iter().map(|piece| Step::event(chunk(piece)));
    Reply::stream(words.chain([Step::event(usage_chunk()), Step::event("[DONE]"), Step::end()]))
}

/// The bytes of the same stream.
pub fn transcript(pieces: &[&str]) -> String {
    let words = pieces.iter().map(|piece| chunk(piece).to_string());
    let all = words.chain([usage_chunk().to_string(), "[DONE]".to_owned()]);
    all.map(|data| format!("data: {data}\n\n")).collect()
}

/// A whole chat answer as a reply.
pub fn hello() -> Reply {
    Reply::json(200, &answer("Hello"))
}

/// One entry of `model_list` at an upstream, with more `litellm_params` as YAML flow entries (`weight: 3`).
pub fn deployment(name: &str, upstream: &Upstream, extra: &str) -> String {
    let comma = if extra.is_empty() { "" } else { ", " };
    format!(
        "  - {{model_name: {name}, litellm_params: {{model: openai/{UPSTREAM_MODEL}, api_base: \"{}\", \
         api_key: sk-upstream{comma}{extra}}}}}\n",
        upstream.url()
    )
}

/// A configuration with these entries and sections; the master key is there unless `general_settings` is among them.
pub fn config(entries: &[String], sections: &str) -> String {
    let key =
        if sections.contains("general_settings") { "" } else { "general_settings: {master_key: sk-e2e-master}\n" };
    format!("model_list:\n{}{key}{sections}\n", entries.concat())
}

/// One group `gpt` at one upstream.
pub fn one_model(upstream: &Upstream) -> String {
    config(&[deployment("gpt", upstream, "")], "")
}
