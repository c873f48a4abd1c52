//! Calls recorded on a LiteLLM proxy: the same request must reach the provider, and the same answer the client.
//!
//! The comparison is one of meaning. What is overlooked, and why:
//! - `null` and absent, empty objects and absent: the two say the same, and LiteLLM's own releases differ in them;
//! - `stream: false` upstream: the default; LiteLLM adds it for some providers only;
//! - `provider_specific_fields`: LiteLLM's internal carrier of fields that the OpenAI answer has anyway;
//! - `usage.cost`: LiteLLM's price of the call, which stands in a header too;
//! - `choices` of the chunk that tells the usage: OpenAI sends `[]`, LiteLLM makes an empty choice of it;
//! - the order of keys.

use serde_json::{Value, json};

use crate::support::openai::config;
use crate::support::{Gateway, Launch, Reply, Request, Step, Upstream};

const CASES: &str = include_str!("../fixtures/golden/openai_chat.json");

/// The models of the recording.
async fn start(upstream: &Upstream) -> Gateway {
    let url = upstream.url();
    let entries = [
        format!(
            "  - {{model_name: gpt-4o, litellm_params: {{model: openai/gpt-4o, api_base: \"{url}\", api_key: os.environ/KEY}}}}\n"
        ),
        format!(
            "  - {{model_name: vllm-llama, litellm_params: {{model: hosted_vllm/meta-llama/Llama-3.2-1B, api_base: \"{url}\"}}}}\n"
        ),
    ];
    Launch::with_config(&config(&entries, "")).env("KEY", "sk-openai-mock").start().await
}

#[tokio::test]
async fn recorded_calls_go_through_as_they_did() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    assert!(cases.len() >= 16);
    let upstream = Upstream::start([Reply::error(500, "no script")]).await;
    let gateway = start(&upstream).await;
    let mut differences = Vec::new();
    for case in &cases {
        upstream.now_answers([provider_answer(case)]);
        let request = Request::post(case["request"]["path"].as_str().unwrap(), &case["request"]["body"]);
        let response = gateway.call(&request).await;
        let received = upstream.received().pop();
        upstream.forget();
        let sent = received.map(|received| {
            json!({"path": received.path, "authorization": received.header("authorization"), "body": meaning(received.json())})
        });
        let pairs = [
            ("status", json!(response.status), case["status"].clone()),
            ("request upstream", json!(sent), meaning(case["upstream"].clone())),
            ("answer", parsed(&response.text()), parsed(case["answer"].as_str().unwrap())),
        ];
        for (what, got, recorded) in pairs.into_iter().filter(|(_, got, recorded)| got != recorded) {
            differences.push(format!("{} {what}:\n  got      {got}\n  recorded {recorded}", case["name"]));
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// What the provider must have answered, from what LiteLLM made of it.
fn provider_answer(case: &Value) -> Reply {
    let model = &case["upstream"]["body"]["model"];
    let answer = case["answer"].as_str().unwrap();
    if case["upstream"]["body"]["stream"] != true {
        let is_bridged = case["upstream"]["path"] != case["request"]["path"];
        let mut body: Value = serde_json::from_str(answer).unwrap();
        if is_bridged {
            let message = json!({"role": "assistant", "content": body["choices"][0]["text"].take()});
            body["choices"][0]["message"] = message;
            body["object"] = json!("chat.completion");
        }
        return Reply::json(200, &as_provider(body, model));
    }
    let chunks = answer.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    let chunks = chunks.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let mut chunks: Vec<Value> = chunks.map(|chunk| as_provider(chunk, model)).collect();
    if chunks.iter().all(|chunk| chunk.get("usage").is_none()) {
        let mut usage = chunks[0].clone();
        usage["choices"] = json!([]);
        usage["usage"] = json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18});
        chunks.push(usage);
    }
    let events = chunks.iter().map(Step::event);
    Reply::stream(events.chain([Step::event("[DONE]"), Step::end()]))
}

fn as_provider(mut body: Value, model: &Value) -> Value {
    body["model"] = model.clone();
    overlook(&mut body);
    if body.get("usage").is_some() && body.get("choices").is_none() {
        body["choices"] = json!([]);
    }
    body
}

/// A body or a whole event stream, without what is overlooked.
fn parsed(answer: &str) -> Value {
    if !answer.starts_with("data: ") {
        return meaning(serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error} in {answer}")));
    }
    let events = answer.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    events.map(|data| serde_json::from_str(data).map_or_else(|_| json!(data), meaning)).collect()
}

fn meaning(mut value: Value) -> Value {
    overlook(&mut value);
    value
}

fn overlook(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let tells_usage = fields.get("usage").is_some_and(Value::is_object);
            let is_chunk = fields.get("object").is_some_and(|object| object == "chat.completion.chunk");
            for name in ["provider_specific_fields", "cost"] {
                fields.remove(name);
            }
            if tells_usage && is_chunk {
                fields.remove("choices");
            }
            if fields.get("stream") == Some(&Value::Bool(false)) {
                fields.remove("stream");
            }
            fields.values_mut().for_each(overlook);
            // A choice's empty delta stands for the end of its text, so it stays.
            fields.retain(|name, field| !field.is_null() && (name == "delta" || *field != json!({})));
        }
        Value::Array(items) => items.iter_mut().for_each(overlook),
        _ => {}
    }
}
