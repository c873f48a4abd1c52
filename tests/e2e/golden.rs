//! Calls recorded on a LiteLLM proxy: the same request must reach the provider, and the same answer the client.
//!
//! A case is a file of `tests/fixtures/golden/chat/<model>/`; its README says what is in one. `support::meaning` says
//! what a comparison overlooks, [`EXCEPTIONS`] where LiteLLM is wrong. `GOLDEN=claude/tools` in the environment runs the
//! cases whose names begin so.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::meaning::{differences, events, meaning, stream_meaning};
use crate::support::providers::{self, Cut};
use crate::support::{Gateway, Received, Request, Response, Upstream};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden/chat");

/// Where LiteLLM is wrong: cases, the place in the case's file, what is right (JSON; `null` is absent), and why.
const EXCEPTIONS: &[(&[&str], &str, &str, &str)] = &[
    (
        &[
            "bedrock-claude/basic",
            "bedrock-claude/tools_conv",
            "bedrock-claude/json_schema",
            "bedrock-claude/image",
            "bedrock-claude/completions",
            "bedrock-claude/responses",
        ],
        "/answer/usage/total_tokens",
        "25",
        "LiteLLM hands on a total that does not count cached input; its own stream says 25",
    ),
    (&["bedrock-claude/genai"], "/answer/usageMetadata/totalTokenCount", "25", "the same total"),
    (
        &["cohere/tools_conv"],
        "/answer/choices/0/finish_reason",
        "\"tool_calls\"",
        "Cohere says TOOL_CALL; with `stop` an agent's loop would end",
    ),
    (
        &["cohere/json_schema"],
        "/upstream/body/response_format",
        r#"{"type":"json_object","schema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],
            "additionalProperties":false}}"#,
        "Cohere can answer by a schema; LiteLLM drops it",
    ),
    (
        &["gpt-4o/genai", "azure-gpt/genai", "vllm-llama/genai", "claude/genai", "bedrock-claude/genai"],
        "/answer/usageMetadata/cachedContentTokenCount",
        "4",
        "Gemini's dialect has a word for cached input, and LiteLLM loses it",
    ),
    (&["gemini/genai"], "/upstream/body/model", "null", "the path says it; the client's bytes go through as they are"),
    (
        &["gemini/tools_conv_stream"],
        "/stream",
        r#"[
            {"data":{"id":"g1","object":"chat.completion.chunk","model":"gemini","choices":[{"index":0,"delta":{
                "role":"assistant","tool_calls":[{"index":0,"id":"<id>","type":"function","function":{"name":"get_tool",
                "arguments":""}}]}}]}},
            {"data":{"id":"g1","object":"chat.completion.chunk","model":"gemini","choices":[{"index":0,"delta":{
                "tool_calls":[{"index":0,"function":{"arguments":"{\"x\": 1}"}}]}}]}},
            {"data":{"id":"g1","object":"chat.completion.chunk","model":"gemini","choices":[{"index":0,"delta":{},
                "finish_reason":"tool_calls"}],"vertex_ai_citation_metadata":[],"vertex_ai_grounding_metadata":[],
                "vertex_ai_url_context_metadata":[],"vertex_ai_safety_results":[],"vertex_ai_safety_ratings":[]}},
            {"data":"[DONE]"}]"#,
        "a call's name and arguments come in two chunks, as OpenAI streams them; LiteLLM puts both into one",
    ),
    (
        &["gpt-4o/completions", "azure-gpt/completions"],
        "/answer/system_fingerprint",
        "\"fp_mock\"",
        "a text completion has the member, and LiteLLM loses it on its bridge to chat",
    ),
];

#[tokio::test]
async fn recorded_calls_go_through_as_they_did() {
    let wanted = std::env::var("GOLDEN").unwrap_or_default();
    let cases: Vec<(String, Value)> = cases().into_iter().filter(|(name, _)| name.starts_with(&wanted)).collect();
    assert!(!cases.is_empty(), "no case begins with {wanted}");
    let upstream = Upstream::start([]).await;
    let gateway = providers::gateway(&upstream).await;
    let mut report = Vec::new();
    for (name, case) in &cases {
        let found = check(case, &gateway, &upstream).await;
        if !found.is_empty() {
            report.push(format!("{name}\n    {}", found.join("\n    ")));
        }
    }
    // Its output would hide the report.
    drop(gateway);
    assert!(report.is_empty(), "{} of {} cases differ:\n{}", report.len(), cases.len(), report.join("\n"));
}

/// Plays one case, streams in two cuts, and says what differs.
async fn check(case: &Value, gateway: &Gateway, upstream: &Upstream) -> Vec<String> {
    let request = Request::post(case["request"]["path"].as_str().unwrap(), &case["request"]["body"]);
    let provider = case["provider"].as_str().unwrap();
    let mut found = Vec::new();
    for cut in [Cut::Events, Cut::Bytes(7)] {
        upstream.now_answers([providers::reply(provider, cut)]);
        let response = gateway.call(&request).await;
        let sent = upstream.received();
        upstream.forget();
        if json!(response.status) != case["status"] {
            return vec![format!("status {}: {}", response.status, response.text())];
        }
        found.extend(differences(&outcome(&response, &sent), &expected(case)));
        if !found.is_empty() || case["stream"].is_null() {
            break;
        }
    }
    found
}

/// What happened, in the form of a case.
fn outcome(response: &Response, sent: &[Received]) -> Value {
    let mut outcome = json!({"status": response.status});
    match response.header("content-type") {
        Some(kind) if kind.starts_with("text/event-stream") => {
            outcome["stream"] = stream_meaning(events(&response.text()));
        }
        _ => {
            outcome["answer"] =
                meaning(serde_json::from_slice(&response.body).unwrap_or_else(|_| json!(response.text())))
        }
    }
    if let [sent] = sent {
        let body = serde_json::from_slice(&sent.body).unwrap_or_default();
        outcome["upstream"] = json!({"path": sent.path, "headers": auth_headers(sent), "body": meaning(body)});
    } else {
        outcome["upstream"] = json!(format!("{} requests", sent.len()));
    }
    outcome
}

fn expected(case: &Value) -> Value {
    let mut expected = json!({"status": case["status"], "upstream": case["upstream"]});
    expected["upstream"]["body"] = meaning(case["upstream"]["body"].clone());
    match case["stream"].as_array() {
        Some(events) => expected["stream"] = stream_meaning(events.clone()),
        None => expected["answer"] = meaning(case["answer"].clone()),
    }
    expected
}

/// The headers that open the door, and those that Anthropic decides by. A signature is good for one moment only, so what
/// is left of one is who signed what.
fn auth_headers(sent: &Received) -> Value {
    const NAMES: [&str; 6] =
        ["authorization", "x-api-key", "api-key", "x-goog-api-key", "anthropic-version", "anthropic-beta"];
    let present = NAMES.iter().filter_map(|name| sent.header(name).map(|value| (*name, value)));
    let is_signed = sent.header("x-amz-date").is_some();
    present
        .filter(|(name, _)| !is_signed || *name == "authorization")
        .map(|(name, value)| (name.to_owned(), json!(if is_signed { unsigned(value) } else { value.to_owned() })))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// `AWS4-HMAC-SHA256 Credential=KEY/DATE/region/service/aws4_request, SignedHeaders=…, Signature=…` without the date and
/// the signature.
fn unsigned(authorization: &str) -> String {
    let (rest, _) = authorization.split_once(", Signature=").unwrap_or((authorization, ""));
    rest.split('/')
        .filter(|part| !(part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit())))
        .collect::<Vec<_>>()
        .join("/")
}

/// All cases by name, as they must come out.
fn cases() -> Vec<(String, Value)> {
    let mut cases = Vec::new();
    for model in names(Path::new(FOLDER)) {
        for file in names(&Path::new(FOLDER).join(&model)) {
            let text = std::fs::read_to_string(Path::new(FOLDER).join(&model).join(&file)).unwrap();
            let mut case: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{model}/{file}: {error}"));
            if let Some(signed) = case["upstream"]["headers"]["authorization"].as_str() {
                case["upstream"]["headers"]["authorization"] = json!(unsigned(signed));
            }
            cases.push((format!("{model}/{}", file.trim_end_matches(".json")), case));
        }
    }
    for (wrong, place, right, reason) in EXCEPTIONS {
        for name in *wrong {
            let (_, case) =
                cases.iter_mut().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no case {name}"));
            let right: Value = serde_json::from_str(right).unwrap();
            let (parent, member) = place.rsplit_once('/').unwrap();
            let parent = case.pointer_mut(parent).unwrap_or_else(|| panic!("{name} has no {place}"));
            assert_ne!(parent[member], right, "{name} says so itself, the exception is stale: {reason}");
            match (member.parse::<usize>(), parent.is_array()) {
                (Ok(index), true) => parent[index] = right,
                _ => parent[member] = right,
            }
        }
    }
    cases
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
