//! Money is exact, whatever races, dies or is away. These are the short forms; the long ones are the commands
//! `budget-race`, `kill9` and `stores` of `loadtest`.

mod dearer;
mod kill;
mod outlays;
mod race;
mod reset;
mod shared;
mod uncapped;
mod unwritten;

use std::path::Path;

use serde_json::{Value, json};
use tollgate::auth::KeyDigest;
use tollgate::secret::Secret;
use tollgate::store::spend::Call;
use tollgate::store::spend::query::{LogFilter, LogOrder, LogPage};
use tollgate::store::{Location, Store};

use crate::support::openai::{chunk, config, usage_chunk};
use crate::support::servers::Server;
use crate::support::{Gateway, Received, Reply, Request, Response, Step, Upstream, eventually_async};

/// Pico-dollars of a cent, which is what a call costs.
const CENT: i64 = 10_000_000_000;
/// Output tokens of such a call; its input costs nothing, so what it may cost is what it costs.
const TOKENS: u64 = 10;
/// What one of them costs.
const TOKEN: i64 = CENT / TOKENS as i64;

/// Answers each request with as many tokens as it allows; `fails` and `breaks` are told by its words.
async fn upstream() -> Upstream {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(reply);
    upstream
}

fn reply(received: &Received) -> Reply {
    let body = received.json();
    let usage = json!({"prompt_tokens": 5, "completion_tokens": body["max_tokens"], "total_tokens": 15});
    match (body["messages"][0]["content"].as_str(), body["stream"].as_bool()) {
        (Some("fails"), _) => Reply::error(500, "scripted"),
        (Some("breaks"), _) => Reply::stream([Step::event(chunk("some words")), Step::Cut]),
        (_, Some(true)) => {
            let mut counted = usage_chunk();
            counted["usage"] = usage;
            Reply::stream([Step::event(chunk("Hi")), Step::event(counted), Step::event("[DONE]"), Step::end()])
        }
        _ => {
            let choice =
                json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
            Reply::json(
                200,
                &json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}),
            )
        }
    }
}

/// A gateway in front of it, on SQLite unless there is a database.
async fn gateway(upstream: &Upstream, database: Option<&Server>, redis: Option<&Server>) -> Gateway {
    let model = format!(
        "  - {{model_name: m, litellm_params: {{model: openai/m, api_base: \"{}\", api_key: sk-up, \
         input_cost_per_token: 0, output_cost_per_token: 0.001}}}}\n",
        upstream.url()
    );
    let url = |name: &str, url: Option<String>| url.map(|url| format!(", {name}: \"{url}\"")).unwrap_or_default();
    let settings = format!(
        "general_settings: {{master_key: {}{}}}\nrouter_settings: {{num_retries: 0, disable_cooldowns: true{}}}\n",
        crate::support::KEY,
        url("database_url", database.map(Server::postgres_url)),
        url("redis_url", redis.map(Server::redis_url)),
    );
    let gateway = Gateway::start(&config(&[model], &settings)).await;
    if redis.is_some() {
        gateway.metric_is("tollgate_redis_up", 1.0).await;
    }
    gateway
}

/// A new virtual key with these members.
async fn new_key(gateway: &Gateway, members: &Value) -> String {
    let response = gateway.call(&Request::post("/key/generate", members)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["key"].as_str().unwrap().to_owned()
}

/// A call of so many tokens; the words say what the upstream does.
fn call(key: &str, tokens: u64, words: &str, stream: bool) -> Request {
    let messages = [json!({"role": "user", "content": words})];
    Request::chat(&json!({"model": "m", "max_tokens": tokens, "stream": stream, "messages": messages})).key(key)
}

fn cent(key: &str) -> Request {
    call(key, TOKENS, "hi", false)
}

fn is_refused(response: &Response, kind: &str) -> bool {
    let error = response.json()["error"].clone();
    [&error["type"], &error["code"]].iter().any(|word| *word == kind)
}

/// The database itself.
fn store_of(gateway: &Gateway, database: Option<&Server>) -> Store {
    let file = gateway.data_dir().join("tollgate.db");
    let location = match database {
        Some(server) => Location::Postgres(Secret::new(server.postgres_url())),
        None => Location::Sqlite(Path::new(&file).into()),
    };
    Store::at(&location, 2).unwrap()
}

/// All rows of a key.
async fn rows(store: &Store, key: &str) -> Vec<Call> {
    let digest = KeyDigest::of(key).to_string();
    let filter = LogFilter { api_key: Some(&digest), ..LogFilter::default() };
    // One page: rows that come between two pages would be read twice.
    let page = LogPage { order: LogOrder::Started, ascending: true, offset: 0, limit: 1_000 };
    let found = store.spend_logs(&filter, page).await.unwrap();
    assert!(found.len() < 1_000);
    found
}

/// What the database counts against the budget of a key.
async fn counted(store: &Store, key: &str) -> i64 {
    let digest = KeyDigest::of(key).to_string();
    store.counters_of(&[("key", &digest)]).await.unwrap().iter().map(|counter| counter.spent).sum()
}

fn sum(rows: &[Call]) -> i64 {
    rows.iter().map(|row| row.cost).sum()
}

/// What `/key/info` tells, in dollars.
async fn shown(gateway: &Gateway, key: &str) -> f64 {
    gateway.call(&Request::get(&format!("/key/info?key={key}"))).await.json()["info"]["spend"].as_f64().unwrap()
}
