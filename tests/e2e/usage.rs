//! What a call is billed: what the provider counted; where it counted nothing, what a tokenizer counts of what was asked and
//! of what arrived.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::openai::{ask, ask_stream, chunk};
use crate::support::providers::{events_of, halted};
use crate::support::{Client, Gateway, Reply, Request, Step, Upstream, within};

/// Prices that keep input and output apart in one sum.
const INPUT: f64 = 0.0001;
const OUTPUT: f64 = 1.0;
const KEY: &str = "sk-usage-key-1";

/// One model `m` at prices of our own, and a key that may call it once at a time. `params` as in `litellm_params`.
async fn gateway(params: &str) -> Gateway {
    let yaml = format!(
        "model_list:\n  - {{model_name: m, litellm_params: {{{params}, input_cost_per_token: {INPUT}, \
         cache_read_input_token_cost: {INPUT}, cache_creation_input_token_cost: {INPUT}, \
         output_cost_per_token: {OUTPUT}, output_cost_per_reasoning_token: {OUTPUT}}}}}\n\
         general_settings: {{master_key: {}}}\n\
         router_settings: {{num_retries: 0, disable_cooldowns: true}}\n\
         litellm_settings: {{drop_params: true}}\n\
         key_settings:\n  - {{api_key: {KEY}, max_budget: 1000000, max_parallel_requests: 1}}\n",
        crate::support::KEY
    );
    Gateway::start(&yaml).await
}

fn openai_at(upstream: &Upstream) -> String {
    format!("model: openai/gpt-4o, api_base: \"{}\", api_key: sk-up", upstream.url())
}

/// OpenAI's tokens of these texts, each by itself; `percent` for models that cut finer.
fn tokens<'a>(texts: impl IntoIterator<Item = &'a str>, percent: usize) -> usize {
    let table = tiktoken_rs::o200k_base_singleton();
    let count: usize = texts.into_iter().map(|text| table.count(text, &HashSet::new()).unwrap()).sum();
    (count * percent).div_ceil(100)
}

/// The prompt "hi" of one user's message.
fn prompt(percent: usize) -> usize {
    tokens(["user", "hi"], percent) + 3 + 3
}

fn dollars(prompt: usize, output: usize) -> f64 {
    prompt as f64 * INPUT + output as f64 * OUTPUT
}

/// Sum of a counter over all its labels.
fn counter(page: &str, name: &str) -> f64 {
    let lines = page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// A stream of at most so many tokens.
fn capped(most: u64) -> Value {
    let mut body = ask_stream("m");
    body["max_tokens"] = most.into();
    body
}

/// Waits until so many calls were billed. Refused ones are not among them.
async fn billed(gateway: &Gateway, calls: usize) {
    let metric = "litellm_llm_api_latency_metric_count";
    reaches(gateway, &format!("the end of call {calls}"), |page| counter(page, metric) >= calls as f64).await;
}

/// Waits until the page of metrics says so.
async fn reaches(gateway: &Gateway, what: &str, is_there: impl Fn(&str) -> bool) {
    let looking = async {
        while !is_there(&gateway.metrics().await) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(what, looking).await;
}

fn estimated(page: &str) -> f64 {
    counter(page, "tollgate_usage_estimated_total")
}

/// What the key has spent, as the answer to its next call tells it.
fn spent(response: &crate::support::Response) -> f64 {
    response.header("x-litellm-key-spend").expect("no spend").parse().unwrap()
}

#[track_caller]
fn assert_spent(is: f64, expected: f64, what: &str) {
    assert!((is - expected).abs() < 1e-9, "{what}: spent {is}, expected {expected}");
}

/// Asks once more, with an answer that the provider counts as nothing, to see what was spent before.
async fn spent_so_far(gateway: &Gateway, upstream: &Upstream) -> f64 {
    upstream.now_answers([Reply::json(200, &whole("", &zeros()))]);
    let response = gateway.call(&Request::chat(&ask("m")).key(KEY)).await;
    assert_eq!(response.status, 200, "the place is free again: {}", response.text());
    spent(&response)
}

fn zeros() -> Value {
    json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
}

fn whole(text: &str, usage: &Value) -> Value {
    json!({"id": "c", "object": "chat.completion", "model": "m", "usage": usage,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})
}

fn end_chunk(usage: Option<Value>) -> Value {
    let mut end = json!({"id": "c", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    if let Some(usage) = usage {
        end["usage"] = usage;
    }
    end
}

const WORDS: [&str; 4] = ["Hello", ", wörld", "!\n\"quoted\"", " \u{1f600} and so on"];

fn stream_without_usage(last: impl IntoIterator<Item = Step>) -> Reply {
    Reply::stream(WORDS.iter().map(|word| Step::event(chunk(word))).chain(last))
}

fn regular_end() -> [Step; 3] {
    [Step::event(end_chunk(None)), Step::event("[DONE]"), Step::end()]
}

#[tokio::test]
async fn what_no_provider_counts_is_counted_here() {
    let upstream = Upstream::start([]).await;
    let gateway = gateway(&openai_at(&upstream)).await;
    let words = WORDS.concat();
    let output = tokens([words.as_str()], 100);
    let legacy = json!({"model": "m", "prompt": "hi there"});
    let vectors = json!({"model": "m", "input": ["hi there", "you"]});
    let embeddings = json!({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]});
    let mut expected = 0.0;
    let cases = [
        ("/v1/chat/completions", ask_stream("m"), stream_without_usage(regular_end()), (prompt(100), output)),
        // Cut by the upstream: what had arrived is billed.
        ("/v1/chat/completions", ask_stream("m"), stream_without_usage([Step::Cut]), (prompt(100), output)),
        ("/v1/chat/completions", ask("m"), Reply::json(200, &whole(&words, &Value::Null)), (prompt(100), output)),
        ("/v1/embeddings", vectors, Reply::json(200, &embeddings), (tokens(["hi there", "you"], 100), 0)),
        (
            "/v1/completions",
            legacy,
            Reply::json(200, &whole(&words, &Value::Null)),
            (tokens(["hi there"], 100), output),
        ),
        // More than was asked for cannot have been the answer.
        ("/v1/chat/completions", capped(2), stream_without_usage(regular_end()), (prompt(100), 2)),
        ("/v1/chat/completions", capped(2), stream_without_usage([Step::Cut]), (prompt(100), 2)),
    ];
    for (number, (path, body, reply, (prompt, output))) in (1..).zip(cases) {
        upstream.now_answers([reply]);
        let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        billed(&gateway, 2 * number - 1).await;
        expected += dollars(prompt, output);
        assert_spent(spent_so_far(&gateway, &upstream).await, expected, &format!("{path} {body}"));
        assert_eq!(estimated(&gateway.metrics().await), f64::from(number as u32));
    }
}

#[tokio::test]
async fn what_a_provider_counts_is_not_counted_again() {
    let upstream = Upstream::start([]).await;
    let gateway = gateway(&openai_at(&upstream)).await;
    let end = |usage| [Step::event(end_chunk(Some(usage))), Step::event("[DONE]"), Step::end()];
    // Nothing is a count too.
    for (body, reply) in [
        (ask("m"), Reply::json(200, &whole("many words", &zeros()))),
        (ask_stream("m"), stream_without_usage(end(zeros()))),
    ] {
        upstream.now_answers([reply]);
        assert_eq!(gateway.call(&Request::chat(&body).key(KEY)).await.status, 200);
        assert_spent(spent_so_far(&gateway, &upstream).await, 0.0, "zeros");
    }
    // What one counter tells stays; the other is counted.
    upstream.now_answers([Reply::json(200, &whole("hello world", &json!({"prompt_tokens": 30})))]);
    assert_eq!(gateway.call(&Request::chat(&ask("m")).key(KEY)).await.status, 200);
    billed(&gateway, 5).await;
    assert_spent(spent_so_far(&gateway, &upstream).await, dollars(30, 2), "half told");
    assert_eq!(estimated(&gateway.metrics().await), 1.0);
}

#[tokio::test]
async fn who_leaves_before_anything_arrives_pays_nothing() {
    let upstream = Upstream::start([Reply::steps([Step::Hang])]).await;
    let gateway = gateway(&openai_at(&upstream)).await;
    for body in [ask("m"), ask_stream("m")] {
        let connection = upstream.count();
        upstream.now_answers([Reply::steps([Step::Hang])]);
        let mut client = gateway.connect().await;
        client.send(&Request::chat(&body).key(KEY)).await;
        upstream.has_received(connection + 1).await;
        drop(client);
        upstream.sees_closed(connection).await;
        upstream.forget();
        // The one who asks is under way too.
        let alone = |page: &str| counter(page, "litellm_in_flight_requests") <= 1.0;
        reaches(&gateway, "the end of the one who left", alone).await;
        assert_spent(spent_so_far(&gateway, &upstream).await, 0.0, "nothing arrived");
    }
}

/// A provider's recorded stream, asked for in a client's dialect.
struct Case {
    file: &'static str,
    params: String,
    path: &'static str,
    body: Value,
    /// What the provider tells at the beginning, or with each event.
    told: (Option<usize>, Option<usize>),
    percent: usize,
}

fn cases(upstream: &Upstream) -> Vec<Case> {
    let root = upstream.root();
    let chat = ("/v1/chat/completions", ask_stream("m"));
    let messages = (
        "/v1/messages",
        json!({"model": "m", "max_tokens": 50, "stream": true,
        "messages": [{"role": "user", "content": "hi"}]}),
    );
    let contents = (
        "/v1beta/models/m:streamGenerateContent?alt=sse",
        json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    );
    let claude = format!("model: anthropic/claude-sonnet-4-20250514, api_base: \"{root}\", api_key: sk-ant");
    let bedrock = format!(
        "model: \"bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0\", aws_access_key_id: AKIDEXAMPLE, \
         aws_secret_access_key: secret, aws_region_name: us-east-1, aws_bedrock_runtime_endpoint: \"{root}\""
    );
    let gemini = format!("model: gemini/gemini-2.5-flash, api_base: \"{root}\", api_key: gm");
    let nothing = (None, None);
    let case = |file, params: &str, (path, body): &(&'static str, Value), told, percent| Case {
        file,
        params: params.to_owned(),
        path,
        body: body.clone(),
        told,
        percent,
    };
    vec![
        case("openai/agent.sse", &openai_at(upstream), &chat, nothing, 100),
        case("anthropic/agent.sse", &claude, &chat, (Some(18), None), 120),
        case("anthropic/agent.sse", &claude, &messages, (Some(18), None), 120),
        case("gemini/agent.sse", &gemini, &chat, (Some(11), Some(7)), 100),
        case("gemini/agent.sse", &gemini, &contents, (Some(11), Some(7)), 100),
        case("bedrock/agent.events.json", &bedrock, &chat, nothing, 120),
        case("bedrock/agent_invoke.events.json", &bedrock, &messages, (Some(18), None), 120),
        case(
            "cohere/agent.sse",
            &format!("model: cohere/command-r-plus, api_base: \"{root}/v2/chat\", api_key: co"),
            &chat,
            nothing,
            100,
        ),
        case("ollama/agent.ndjson", &format!("model: ollama_chat/llama3.2, api_base: \"{root}\""), &chat, nothing, 100),
    ]
}

#[tokio::test]
async fn who_leaves_pays_what_arrived() {
    let upstream = Upstream::start([]).await;
    for case in cases(&upstream) {
        // Bedrock frames its events; what they say is read from the file that they are made of.
        let events = events_of(case.file);
        let gateway = gateway(&case.params).await;
        let (mut expected, mut calls) = (0.0, 0);
        for count in 1..=events.len() {
            let pieces: usize = events.iter().take(count).map(|event| pieces_in(event)).sum();
            let is_over = events.iter().take(count).any(|event| tells_the_end(event));
            if pieces == 0 || is_over {
                continue;
            }
            upstream.forget();
            upstream.now_answers([halted(case.file, &events[..count])]);
            let mut client = gateway.connect().await;
            client.send(&Request::post(case.path, &case.body).key(KEY)).await;
            let what = format!("{} {} after {count} events", case.file, case.path);
            let start = within(&what, client.start_of_stream()).await;
            assert_eq!(start.status, 200, "{what}: the last one's place is free");
            assert_spent(spent(&start), expected, &what);
            let arrived = read_pieces(&mut client, pieces).await;
            let connection = upstream.last().connection;
            drop(client);
            upstream.sees_closed(connection).await;
            calls += 1;
            billed(&gateway, calls).await;
            let output = tokens(arrived.values().map(String::as_str), case.percent);
            expected += dollars(case.told.0.unwrap_or(prompt(case.percent)), case.told.1.unwrap_or(output));
        }
        assert!(calls > 3, "{}: {calls} cuts", case.file);
        let page = gateway.metrics().await;
        let counted = if case.told.1.is_some() { 0 } else { calls };
        assert_eq!(estimated(&page), counted as f64, "{}", case.file);
        assert_eq!(counter(&page, "tollgate_tokenizer_queue_full_total"), 0.0);
    }
}

/// How many pieces of text an upstream's event holds: words, thoughts, names of tools, arguments.
fn pieces_in(event: &[u8]) -> usize {
    json_in(event).iter().map(count_pieces).sum()
}

/// Whether an event ends the answer: from then on the provider has told all, or is about to.
fn tells_the_end(event: &[u8]) -> bool {
    let text = String::from_utf8_lossy(event);
    let ends = ["\"usage\": {\"prompt", "message_delta", "message-end", "\"done\": true", "inputTokens", "[DONE]"];
    ends.iter().any(|end| text.contains(end))
        || json_in(event).iter().any(|event| event["delta"]["stop_reason"].is_string())
}

/// The JSON in an event of any framing, Anthropic's in base64 too.
fn json_in(event: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(event);
    let start = text.find('{').unwrap_or(text.len());
    let mut values = serde_json::Deserializer::from_slice(text[start..].as_bytes()).into_iter::<Value>();
    let value = values.next().and_then(Result::ok).unwrap_or_default();
    match value["bytes"].as_str() {
        Some(base64) => {
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
            vec![serde_json::from_slice(&bytes).unwrap()]
        }
        None => vec![value],
    }
}

fn count_pieces(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(count_pieces).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                (
                    "text" | "thinking" | "content" | "arguments" | "partial_json" | "input" | "name",
                    Value::String(text),
                ) => usize::from(!text.is_empty()),
                ("arguments" | "args", Value::Object(_)) => 1,
                (_, value) => count_pieces(value),
            })
            .sum(),
        _ => 0,
    }
}

/// Reads events until so many pieces have arrived, joined by what they belong to.
async fn read_pieces(client: &mut Client, count: usize) -> BTreeMap<String, String> {
    let mut arrived = BTreeMap::new();
    let mut pieces = 0;
    while pieces < count {
        let chunk = within("the next event", client.piece()).await.expect("the stream goes on");
        for line in chunk.lines().filter_map(|line| line.strip_prefix("data: ")) {
            let event: Value = serde_json::from_str(line).unwrap();
            for (voice, text) in spoken(&event).into_iter().filter(|(_, text)| !text.is_empty()) {
                pieces += 1;
                arrived.entry(voice).or_insert_with(String::new).push_str(&text);
            }
        }
    }
    assert_eq!(pieces, count, "{arrived:?}");
    arrived
}

/// The pieces of a client's event, in whichever dialect it is.
fn spoken(event: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut said = Vec::new();
    let delta = &event["choices"][0]["delta"];
    said.push(("text".into(), text(&delta["content"])));
    said.push(("thought".into(), text(&delta["reasoning_content"])));
    for call in delta["tool_calls"].as_array().into_iter().flatten() {
        said.push((format!("name {}", call["index"]), text(&call["function"]["name"])));
        said.push((format!("arguments {}", call["index"]), text(&call["function"]["arguments"])));
    }
    let block = &event["index"];
    said.push((format!("name {block}"), text(&event["content_block"]["name"])));
    for member in ["text", "thinking", "partial_json"] {
        said.push((format!("{member} {block}"), text(&event["delta"][member])));
    }
    for (number, part) in event["candidates"][0]["content"]["parts"].as_array().into_iter().flatten().enumerate() {
        said.push((if part["thought"] == true { "thought" } else { "text" }.into(), text(&part["text"])));
        said.push((format!("name {number}"), text(&part["functionCall"]["name"])));
        let arguments = part["functionCall"]["args"].is_object().then(|| part["functionCall"]["args"].to_string());
        said.push((format!("arguments {number}"), arguments.unwrap_or_default()));
    }
    said
}

#[tokio::test]
async fn what_waits_to_be_counted_is_counted_before_the_end() {
    let upstream = Upstream::start([stream_without_usage(regular_end())]).await;
    let mut gateway = gateway(&openai_at(&upstream)).await;
    // The tables are not read yet, so that these wait when the process is told to stop.
    for _ in 0..3 {
        assert_eq!(gateway.call(&Request::chat(&ask_stream("m")).key(KEY)).await.status, 200);
    }
    gateway.terminate();
    assert!(gateway.ended().await.success());
    let prompt = format!("\"prompt_tokens\":{}", prompt(100));
    let output = format!("\"completion_tokens\":{}", tokens([WORDS.concat().as_str()], 100));
    let log = gateway.output();
    let lines = log.lines().filter(|line| line.contains(&prompt) && line.contains(&output)).count();
    assert_eq!(lines, 3, "{log}");
}
