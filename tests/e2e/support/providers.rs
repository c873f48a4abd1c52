//! What each provider answers in its own dialect: the files of `tests/fixtures/providers`, played over HTTP.
//!
//! The file's ending says how: `.json` is a whole answer, `.sse` and `.ndjson` are streams, `.events.json` is a list of
//! `[type, payload]` that goes out as AWS's binary event stream.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Gateway, Launch, Received, Reply, Step, Upstream, event_stream};

/// How a stream's bytes are cut.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// One event, one chunk.
    Events,
    /// Chunks of this many bytes, wherever the events end.
    Bytes(usize),
}

/// A gateway with the nine models of the recordings.
pub async fn gateway(upstream: &Upstream) -> Gateway {
    let root = upstream.root();
    let model = |name: &str, params: &str| format!("  - {{model_name: {name}, litellm_params: {{model: {params}}}}}\n");
    let yaml = [
        "model_list:\n",
        &model("gpt-4o", &format!("openai/gpt-4o, api_base: \"{root}/v1\", api_key: sk-openai-mock")),
        &model("claude", &format!("anthropic/claude-sonnet-4-20250514, api_base: \"{root}\", api_key: sk-ant-mock")),
        &model("gemini", &format!("gemini/gemini-2.5-flash, api_base: \"{root}\", api_key: gm-mock")),
        &model(
            "bedrock-claude",
            &format!(
                "\"bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0\", aws_access_key_id: AKIDEXAMPLE, \
                 aws_secret_access_key: secret, aws_region_name: us-east-1, aws_bedrock_runtime_endpoint: \"{root}\""
            ),
        ),
        &model("cohere", &format!("cohere/command-r-plus, api_base: \"{root}/v2/chat\", api_key: co-mock")),
        &model("ollama-chat", &format!("ollama_chat/llama3.2, api_base: \"{root}\"")),
        &model("ollama", &format!("ollama/llama3.2, api_base: \"{root}\"")),
        &model(
            "azure-gpt",
            &format!("azure/my-dep, api_base: \"{root}\", api_key: az-mock, api_version: \"2024-10-21\""),
        ),
        &model("vllm-llama", &format!("hosted_vllm/meta-llama/Llama-3.2-1B, api_base: \"{root}/v1\"")),
        "general_settings: {master_key: sk-e2e-master}\n",
        "litellm_settings: {drop_params: true}\n",
        "router_settings: {num_retries: 0, disable_cooldowns: true}\n",
    ];
    Launch::with_config(&yaml.concat()).start().await
}

/// The answer of an agent's turn (a thought where the dialect has them, text, two parallel calls) in the dialect that the
/// request's path speaks.
pub fn agent_reply(request: &Received, cut: Cut) -> Reply {
    match agent_file(request) {
        Some(file) => reply(&file, cut),
        None => Reply::error(404, &request.path),
    }
}

/// How a stream ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// In good order for HTTP, but without the events that say that the answer is whole.
    Ends,
    /// The connection goes.
    Cut,
    /// With the dialect's error event, where it has one.
    Error,
}

/// The same answer, streamed and broken off.
pub fn broken_agent_reply(request: &Received, how: Break) -> Reply {
    let Some(file) = agent_file(request) else { return Reply::error(404, &request.path) };
    let mut events = events(&file, &read(&file)).expect("only streams break");
    // The events that say that the answer is whole stand last: how many, the dialect says.
    let ending = match file.split('/').next() {
        Some("openai") if !file.contains("responses") => 3,
        Some("anthropic" | "bedrock") => 2,
        _ => 1,
    };
    events.truncate(events.len() - ending);
    if how == Break::Error {
        events.push(error_event(&file));
    }
    let Reply(mut steps) = stream(content_type(&file), &events, Cut::Events);
    if how == Break::Cut {
        steps.pop();
        steps.push(Step::Cut);
    }
    Reply(steps)
}

/// What the error events of [`broken_agent_reply`] say.
pub const BROKEN: &str = "the provider gave up";

/// The events of the stream in this file, `anthropic/agent.sse`, as they go over the wire.
pub fn events_of(file: &str) -> Vec<Vec<u8>> {
    events(file, &read(file)).expect("only streams have events")
}

/// A stream of these events that stands still behind them.
pub fn halted(file: &str, events: &[Vec<u8>]) -> Reply {
    let Reply(mut steps) = stream(content_type(file), events, Cut::Events);
    steps.pop();
    steps.push(Step::Hang);
    Reply(steps)
}

fn error_event(file: &str) -> Vec<u8> {
    let sse = |name: &str, data: Value| format!("{name}data: {data}\n\n").into_bytes();
    let plain = json!({"error": {"message": BROKEN, "type": "server_error", "param": null, "code": "x"}});
    match file.split('/').next().unwrap_or_default() {
        "anthropic" => {
            let error = json!({"type": "overloaded_error", "message": BROKEN});
            sse("event: error\n", json!({"type": "error", "error": error}))
        }
        "bedrock" => event_stream::exception("modelStreamErrorException", BROKEN),
        "gemini" => sse("", json!({"error": {"code": 503, "message": BROKEN, "status": "UNAVAILABLE"}})),
        "ollama" => format!("{}\n", json!({"error": BROKEN})).into_bytes(),
        "cohere" => {
            let delta = json!({"finish_reason": "ERROR", "error": BROKEN});
            sse("event: message-end\n", json!({"type": "message-end", "delta": delta}))
        }
        _ if file.contains("responses") => {
            sse("event: error\n", json!({"type": "error", "code": "server_error", "message": BROKEN, "param": null}))
        }
        _ => sse("", plain),
    }
}

fn agent_file(request: &Received) -> Option<String> {
    let streams = request.json()["stream"] == true
        || ["converse-stream", "response-stream", "streamGenerateContent?alt=sse"]
            .iter()
            .any(|ending| request.path.ends_with(ending));
    let by_path = [
        ("/chat/completions", "openai/agent", ".sse"),
        ("/responses", "openai/agent_responses", ".sse"),
        ("/v1/messages", "anthropic/agent", ".sse"),
        ("enerateContent", "gemini/agent", ".sse"),
        ("/converse", "bedrock/agent", ".events.json"),
        ("/invoke", "bedrock/agent_invoke", ".events.json"),
        ("/v2/chat", "cohere/agent", ".sse"),
        ("/api/chat", "ollama/agent", ".ndjson"),
    ];
    let (_, file, ending) = by_path.iter().find(|(part, ..)| request.path.contains(part))?;
    Some(format!("{file}{}", if streams { ending } else { ".json" }))
}

fn read(file: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/providers")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The answer in this file, `anthropic/messages.sse`.
pub fn reply(file: &str, cut: Cut) -> Reply {
    let text = read(file);
    if let Some(events) = events(file, &text) {
        return stream(content_type(file), &events, cut);
    }
    Reply::text(200, "application/json", text.trim_end())
}

/// A stream of these events' bytes.
fn stream(content_type: &str, events: &[Vec<u8>], cut: Cut) -> Reply {
    let all = events.concat();
    let pieces: Vec<&[u8]> = match cut {
        Cut::Events => events.iter().map(Vec::as_slice).collect(),
        Cut::Bytes(size) => all.chunks(size).collect(),
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n");
    let body = pieces.into_iter().map(Step::chunk).chain([Step::end()]);
    Reply::steps(std::iter::once(Step::Write(head.into_bytes())).chain(body))
}

fn content_type(file: &str) -> &'static str {
    match file.split_once('.').map_or("", |(_, ending)| ending) {
        "sse" => "text/event-stream",
        "ndjson" => "application/x-ndjson",
        "events.json" => "application/vnd.amazon.eventstream",
        _ => "application/json",
    }
}

fn events(file: &str, text: &str) -> Option<Vec<Vec<u8>>> {
    if file.ends_with(".events.json") {
        let events: Vec<(String, Value)> = serde_json::from_str(text).unwrap();
        let bytes = events.iter().map(|(kind, payload)| match kind.as_str() {
            "chunk" => event_stream::event(kind, &event_stream::chunk(payload)),
            _ => event_stream::event(kind, &payload.to_string()),
        });
        return Some(bytes.collect());
    }
    let end = match content_type(file) {
        "text/event-stream" => "\n\n",
        "application/x-ndjson" => "\n",
        _ => return None,
    };
    Some(text.split_inclusive(end).map(|event| event.as_bytes().to_vec()).collect())
}
