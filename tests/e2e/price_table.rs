//! The operator's own price table: from a file, from an address, read anew, and refused where it is none.

use std::path::Path;

use serde_json::{Value, json};
use tollgate::admin::models::cost_map::{LAST_RUN, RELOADED};
use tollgate::secret::Secret;
use tollgate::store::{Change, Kind, Location, Store};

use crate::support::openai::{UPSTREAM_MODEL, ask, config, deployment, hello};
use crate::support::servers::Server;
use crate::support::{Gateway, KEY, Launch, Reply, Request, Upstream, eventually_async, finish};

/// What an answer costs at a dollar for each token of input.
const DOLLARS: f64 = 11.0;

/// A table of one model, whose input costs so many dollars a token.
fn table(dollars: u32) -> Value {
    let model = json!({"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": dollars});
    json!({UPSTREAM_MODEL: model})
}

fn write(path: &Path, table: &Value) {
    std::fs::write(path, table.to_string()).unwrap();
}

fn naming(upstream: &Upstream, place: &str, more: &str) -> String {
    let sections = format!("litellm_settings: {{num_retries: 0, model_cost_map_url: \"{place}\"}}\n{more}");
    config(&[deployment("gpt", upstream, "")], &sections)
}

async fn cost(gateway: &Gateway) -> f64 {
    let response = gateway.call(&Request::chat(&ask("gpt"))).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.header("x-litellm-response-cost").unwrap().parse().unwrap()
}

async fn get(gateway: &Gateway, path: &str) -> Value {
    let response = gateway.call(&Request::get(path).key(KEY)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

/// Status and body.
async fn reload(gateway: &Gateway, key: &str) -> (u16, Value) {
    let response = gateway.call(&Request::post("/reload/model_cost_map", &json!({})).key(key)).await;
    (response.status, response.json())
}

#[tokio::test]
async fn a_file_stands_in_the_place_of_the_built_in_table_and_is_read_anew() {
    let (upstream, folder) = (Upstream::start([hello()]).await, tempfile::tempdir().unwrap());
    let path = folder.path().join("prices.json");
    write(&path, &table(1));
    let gateway = Gateway::start(&naming(&upstream, path.to_str().unwrap(), "")).await;
    assert_eq!(cost(&gateway).await, DOLLARS);
    let source = json!({"source": "file", "url": path.to_str(), "is_env_forced": false, "fallback_reason": null,
        "model_count": 1});
    assert_eq!(get(&gateway, "/model/cost_map/source").await, source);
    assert_eq!(get(&gateway, "/get/litellm_model_cost_map").await, table(1));
    // This one is for anybody, and nothing else is. What an operator pays is nobody's business.
    let public = gateway.call(&Request::get("/public/litellm_model_cost_map").without_key()).await;
    assert!(public.status == 200 && public.json()["gpt-4o"].is_object(), "{}", public.status);
    assert!(public.json().get(UPSTREAM_MODEL).is_none_or(|model| *model != table(1)[UPSTREAM_MODEL]));
    for path in ["/get/litellm_model_cost_map", "/model/cost_map/source", "/public/litellm_model_cost_map/"] {
        let refused = gateway.call(&Request::get(path).without_key()).await;
        assert!([401, 404].contains(&refused.status), "{path}: {}", refused.text());
    }
    let estimate = json!({"model": UPSTREAM_MODEL, "input_tokens": 3, "output_tokens": 0});
    let estimated = gateway.call(&Request::post("/cost/estimate", &estimate).key(KEY)).await.json();
    assert_eq!(estimated["cost_per_request"], json!(3.0), "{estimated}");

    write(&path, &table(2));
    let (status, told) = reload(&gateway, KEY).await;
    assert_eq!((status, &told["status"], &told["models_count"]), (200, &json!("success"), &json!(1)), "{told}");
    assert_eq!(told["message"], "Price data reloaded successfully! 1 models updated.");
    assert_eq!(cost(&gateway).await, 2.0 * DOLLARS);
    let info = get(&gateway, "/model/info").await;
    assert_eq!(info["data"][0]["model_info"]["input_cost_per_token"], json!(2.0), "{info}");

    // What is no table leaves everything as it was.
    std::fs::write(&path, "{\"half\": ").unwrap();
    let (status, told) = reload(&gateway, KEY).await;
    assert_eq!(status, 500);
    assert!(told["error"]["message"].as_str().unwrap().starts_with("Failed to reload model cost map: "), "{told}");
    assert_eq!(cost(&gateway).await, 2.0 * DOLLARS);
    let source = get(&gateway, "/model/cost_map/source").await;
    assert_eq!((&source["source"], &source["model_count"]), (&json!("file"), &json!(1)));
    assert!(source["fallback_reason"].as_str().unwrap().contains("JSON"), "{source}");

    // Only who may change everything reads it anew.
    let made = gateway.call(&Request::post("/key/generate", &json!({})).key(KEY)).await.json();
    let (status, _) = reload(&gateway, made["key"].as_str().unwrap()).await;
    assert!([401, 403].contains(&status), "{status}");
}

#[test]
fn a_file_that_cannot_be_used_prevents_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, garbled, empty) = ("missing.json", "garbled.json", "empty.json");
    std::fs::write(folder.path().join(garbled), "<html>").unwrap();
    std::fs::write(folder.path().join(empty), "{}").unwrap();
    for name in [missing, garbled, empty] {
        let path = folder.path().join(name);
        let yaml = format!(
            "model_list:\n  - {{model_name: gpt, litellm_params: {{model: openai/gpt-4o, api_key: sk-x}}}}\n\
             litellm_settings: {{model_cost_map_url: \"{}\"}}\n",
            path.display()
        );
        let config = folder.path().join("config.yaml");
        std::fs::write(&config, &yaml).unwrap();
        let config = config.to_str().unwrap();
        for launch in [
            Launch::without_config().arg("check").arg("--config").arg(config),
            Launch::with_config(&yaml).arg("--host").arg("127.0.0.1").arg("--port").arg("0"),
        ] {
            let output = finish(launch);
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!(output.status.code(), Some(78), "{said}");
            assert!(said.contains(name), "{said}");
        }
    }
}

#[tokio::test]
async fn an_address_that_is_away_leaves_the_built_in_table_until_it_is_asked_again() {
    let upstream = Upstream::start([hello()]).await;
    let place = Upstream::start([Reply::text(503, "text/plain", "away"), Reply::json(200, &table(1))]).await;
    let launch = Launch::with_config(&config(&[deployment("gpt", &upstream, "")], ""));
    let url = format!("{}/prices.json?token=tokens-are-secret", place.root());
    let gateway = launch.env("LITELLM_MODEL_COST_MAP_URL", &url).env("MODEL_COST_MAP_MIN_MODEL_COUNT", "1");
    let gateway = gateway.env("MODEL_COST_MAP_MAX_SHRINK_RATIO", "0").start().await;
    let built_in = cost(&gateway).await;
    assert!(built_in > 0.0 && built_in < 0.01, "{built_in}");
    let source = get(&gateway, "/model/cost_map/source").await;
    assert_eq!(source["source"], "local");
    assert!(source["fallback_reason"].as_str().unwrap().contains("503"), "{source}");

    assert_eq!(reload(&gateway, KEY).await.0, 200);
    assert_eq!(cost(&gateway).await, DOLLARS);
    let source = get(&gateway, "/model/cost_map/source").await;
    assert_eq!((&source["source"], &source["fallback_reason"]), (&json!("remote"), &Value::Null));
    assert_eq!(source["url"], format!("{}/prices.json", place.root()));
    assert_eq!(place.last().path, "/prices.json?token=tokens-are-secret");
    let said = gateway.output() + &source.to_string();
    assert!(!said.contains("tokens-are-secret"), "{said}");

    // A part of a table is not taken.
    place.now_answers([Reply::json(200, &json!({}))]);
    assert_eq!(reload(&gateway, KEY).await.0, 500);
    assert_eq!(cost(&gateway).await, DOLLARS);
}

#[tokio::test]
async fn a_table_that_is_too_small_is_not_taken_from_an_address() {
    let upstream = Upstream::start([hello()]).await;
    let place = Upstream::start([Reply::json(200, &table(1))]).await;
    let named = naming(&upstream, &format!("{}/prices.json", place.root()), "");
    let gateway = Gateway::start(&named).await;
    assert!(cost(&gateway).await < 0.01);
    let source = get(&gateway, "/model/cost_map/source").await;
    assert!(source["fallback_reason"].as_str().unwrap().contains("too small"), "{source}");
    // The operator wants none of it: nobody is asked.
    drop(gateway);
    place.forget();
    let local = Launch::with_config(&named).env("LITELLM_LOCAL_MODEL_COST_MAP", "True").start().await;
    let source = get(&local, "/model/cost_map/source").await;
    assert_eq!((&source["source"], &source["is_env_forced"]), (&json!("local"), &json!(true)));
    assert_eq!(reload(&local, KEY).await.0, 200);
    assert_eq!(place.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_read_theirs_anew() {
    let (upstream, database) = (Upstream::start([hello()]).await, Server::postgres().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.json");
    write(&path, &table(1));
    let settings = format!("general_settings: {{master_key: {KEY}, database_url: \"{}\"}}\n", database.postgres_url());
    let config = naming(&upstream, path.to_str().unwrap(), &settings);
    let (first, second) = (Gateway::start(&config).await, Gateway::start(&config).await);
    assert_eq!((cost(&first).await, cost(&second).await), (DOLLARS, DOLLARS));
    write(&path, &table(3));
    assert_eq!(reload(&first, KEY).await.0, 200);
    assert_eq!(cost(&first).await, 3.0 * DOLLARS);
    eventually_async("the other node to read the table", async || (cost(&second).await == 3.0 * DOLLARS).then_some(()))
        .await;

    // By a schedule that is due: one of them finds it, and both read.
    let schedule = Request::post("/schedule/model_cost_map_reload?hours=1", &json!({})).key(KEY);
    assert_eq!(first.call(&schedule).await.status, 200);
    assert_eq!(get(&second, "/schedule/model_cost_map_reload/status").await["interval_hours"], 1);
    write(&path, &table(5));
    let store = Store::at(&Location::Postgres(Secret::new(database.postgres_url())), 1).unwrap();
    let mut setting = store.get(Kind::Setting, RELOADED).await.unwrap().unwrap();
    for name in [LAST_RUN, "scheduled_at"] {
        setting.doc.insert(name.to_owned(), json!("2026-01-01T00:00:00Z"));
    }
    store.commit(&[Change::Put(setting)], 1).await.unwrap();
    for node in [&first, &second] {
        eventually_async("the schedule", async || (cost(node).await == 5.0 * DOLLARS).then_some(())).await;
    }
    let status = get(&second, "/schedule/model_cost_map_reload/status").await;
    assert_ne!(status["last_run"], "2026-01-01T00:00:00Z", "{status}");
}
