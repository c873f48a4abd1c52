//! Keys that are in the store: seen by every node, changed at run time, good while the store is away.

use serde_json::{Value, json};
use tollgate::auth::KeyDigest;
use tollgate::secret::Secret;
use tollgate::store::{Change, Kind, Location, Object, Store};

use crate::support::openai::config;
use crate::support::servers::Server;
use crate::support::{Gateway, Reply, Request, Upstream, eventually_async, within};

fn chat(key: &str, model: &str) -> Request {
    let body = json!({"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
    Request::chat(&body).key(key)
}

fn answer() -> Reply {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
    Reply::json(
        200,
        &json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice],
                "usage": {"prompt_tokens": 30, "completion_tokens": 30, "total_tokens": 60}}),
    )
}

async fn node(upstream: &Upstream, server: &Server) -> Gateway {
    node_at(upstream, &server.postgres_url()).await
}

async fn node_at(upstream: &Upstream, url: &str) -> Gateway {
    node_with(upstream, url, "").await
}

async fn node_with(upstream: &Upstream, url: &str, sections: &str) -> Gateway {
    let entry = |name: &str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: openai/{name}, api_base: \"{}\", api_key: sk-up}}}}\n",
            upstream.url()
        )
    };
    let priced = |name: &str, dollars: f64| {
        let price = format!("input_cost_per_token: {dollars}, output_cost_per_token: {dollars}");
        entry(name).replace("api_key: sk-up", &format!("api_key: sk-up, {price}"))
    };
    let models = [entry("gpt-4o"), entry("gpt-4o-mini"), priced("dear", 0.01), priced("free", 0.0)];
    let settings =
        format!("general_settings:\n  master_key: {}\n  database_url: \"{url}\"\n{sections}", crate::support::KEY);
    Gateway::start(&config(&models, &settings)).await
}

fn object(kind: Kind, id: &str, doc: &Value) -> Object {
    let text = |name: &str| doc[name].as_str().map(str::to_owned);
    Object {
        user_id: text("user_id"),
        team_id: text("team_id"),
        ..Object::new(kind, id, doc.as_object().unwrap().clone())
    }
}

async fn put(store: &Store, kind: Kind, id: &str, doc: &Value) {
    let version = store.get(kind, id).await.unwrap().map_or(0, |object| object.version);
    store.commit(&[Change::Put(Object { version, ..object(kind, id, doc) })], 0).await.unwrap();
}

async fn becomes(gateway: &Gateway, request: &Request, status: u16, kind: Option<&str>) {
    eventually_async("the answer to change", async || {
        let response = gateway.call(request).await;
        let is_so = response.status == status && kind.is_none_or(|kind| response.json()["error"]["type"] == kind);
        is_so.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_by_every_node() {
    let (upstream, server) = (Upstream::start([answer()]).await, Server::postgres().await);
    let nodes = [node(&upstream, &server).await, node(&upstream, &server).await];
    let store = Store::at(&Location::Postgres(Secret::new(server.postgres_url())), 2).unwrap();
    let token = KeyDigest::of("sk-stored-key").to_string();
    let call = chat("sk-stored-key", "gpt-4o");
    for gateway in &nodes {
        let unknown = gateway.call(&call).await;
        assert_eq!((unknown.status, &unknown.json()["error"]["type"]), (401, &json!("token_not_found_in_db")));
    }
    put(&store, Kind::Key, &token, &json!({"key_name": "sk-...-key", "team_id": "t", "models": ["gpt-4o"]})).await;
    for gateway in &nodes {
        becomes(gateway, &call, 200, None).await;
        becomes(gateway, &chat("sk-stored-key", "gpt-4o-mini"), 403, Some("key_model_access_denied")).await;
    }
    // The team comes later than its key.
    put(&store, Kind::Team, "t", &json!({"team_id": "t", "models": ["gpt-4o-mini"]})).await;
    for gateway in &nodes {
        becomes(gateway, &call, 403, Some("team_model_access_denied")).await;
    }
    put(&store, Kind::Team, "t", &json!({"team_id": "t", "models": [], "rpm_limit": 0})).await;
    for gateway in &nodes {
        becomes(gateway, &call, 429, Some("throttling_error")).await;
    }
    put(&store, Kind::Team, "t", &json!({"team_id": "t", "blocked": true})).await;
    for gateway in &nodes {
        becomes(gateway, &call, 401, Some("auth_error")).await;
    }
    store.commit(&[Change::Delete(Kind::Team, "t".to_owned())], 0).await.unwrap();
    put(&store, Kind::Key, &token, &json!({"key_name": "sk-...-key", "expires": "2020-01-01T00:00:00Z"})).await;
    for gateway in &nodes {
        becomes(gateway, &call, 401, Some("expired_key")).await;
    }
    store.commit(&[Change::Delete(Kind::Key, token)], 0).await.unwrap();
    for gateway in &nodes {
        becomes(gateway, &call, 401, Some("token_not_found_in_db")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn known_keys_are_good_while_the_store_is_away() {
    let (upstream, mut server) = (Upstream::start([answer()]).await, Server::postgres().await);
    let gateway = node(&upstream, &server).await;
    let store = Store::at(&Location::Postgres(Secret::new(server.postgres_url())), 2).unwrap();
    for key in ["sk-seen-before", "sk-not-seen-yet"] {
        put(&store, Kind::Key, &KeyDigest::of(key).to_string(), &json!({"max_budget": 10.0})).await;
    }
    becomes(&gateway, &chat("sk-seen-before", "gpt-4o"), 200, None).await;
    let ready = Request::get("/health/readiness");
    assert_eq!(gateway.call(&ready).await.json()["db"], "connected");
    server.stop();
    for _ in 0..20 {
        assert_eq!(gateway.call(&chat("sk-seen-before", "gpt-4o")).await.status, 200);
        assert_eq!(gateway.call(&chat(crate::support::KEY, "gpt-4o")).await.status, 200);
    }
    let unseen = gateway.call(&chat("sk-not-seen-yet", "gpt-4o")).await;
    assert_eq!(unseen.status, 503, "never 401: the key may be good: {}", unseen.text());
    assert!(unseen.header("retry-after").is_some());
    eventually_async("readiness to tell", async || {
        (gateway.call(&ready).await.json()["db"] == "Not connected").then_some(())
    })
    .await;
    server.start().await;
    becomes(&gateway, &chat("sk-not-seen-yet", "gpt-4o"), 200, None).await;
    assert!(!gateway.output().contains("sk-not-seen-yet"), "the key is in the log");
}

/// What everybody has spent is not known either until the database has said it.
#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_own_budget_waits_for_the_store() {
    let (upstream, mut server) = (Upstream::start([answer()]).await, Server::postgres().await);
    server.stop();
    let gateway = node_with(&upstream, &server.postgres_url(), "litellm_settings: {max_budget: 100}\n").await;
    for model in ["gpt-4o", "free"] {
        let refused = gateway.call(&chat(crate::support::KEY, model)).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.text().contains("budget_unavailable"), "{}", refused.text());
    }
    server.start().await;
    becomes(&gateway, &chat(crate::support::KEY, "gpt-4o"), 200, None).await;
}

/// Two nodes on one database and no Redis: what one has spent the other learns a moment later.
#[tokio::test(flavor = "multi_thread")]
async fn known_keys_are_good_for_as_long_as_the_operator_says() {
    let (upstream, mut server) = (Upstream::start([answer()]).await, Server::postgres().await);
    let settings = "tollgate: {keys_without_store: 1s}\n";
    let gateway = node_with(&upstream, &server.postgres_url(), settings).await;
    let made = gateway.call(&Request::post("/key/generate", &json!({})).key(crate::support::KEY)).await.json();
    let key = made["key"].as_str().unwrap();
    becomes(&gateway, &chat(key, "free"), 200, None).await;
    server.stop();
    becomes(&gateway, &chat(key, "free"), 503, None).await;
    assert_eq!(gateway.call(&chat(crate::support::KEY, "free")).await.status, 200, "the master key needs no store");
    server.start().await;
    becomes(&gateway, &chat(key, "free"), 200, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_gone_on_one_node_is_soon_gone_on_the_other() {
    let (upstream, server) = (Upstream::start([answer()]).await, Server::postgres().await);
    let nodes = [node(&upstream, &server).await, node(&upstream, &server).await];
    let store = Store::at(&Location::Postgres(Secret::new(server.postgres_url())), 2).unwrap();
    let token = KeyDigest::of("sk-stored-key").to_string();
    put(&store, Kind::Key, &token, &json!({"key_name": "sk-...-key", "max_budget": 1.0})).await;
    let free = chat("sk-stored-key", "free");
    becomes(&nodes[1], &free, 200, None).await;
    for _ in 0..2 {
        becomes(&nodes[0], &chat("sk-stored-key", "dear"), 200, None).await;
    }
    becomes(&nodes[1], &free, 422, Some("budget_exceeded")).await;
}

/// However many ask for one key: nobody waits for those before him too.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_keeps_nobody_waiting_for_others() {
    let upstream = Upstream::start([answer()]).await;
    // The kernel takes connections, and nobody ever speaks.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://tollgate@{}/postgres", silent.local_addr().unwrap());
    let gateway = node_at(&upstream, &url).await;
    let request = chat("sk-not-seen-yet", "gpt-4o");
    // One after the other they would take longer than the deadline.
    for response in futures::future::join_all((0..10).map(|_| gateway.call(&request))).await {
        assert_eq!(response.status, 503, "{}", response.text());
    }
    assert_eq!(gateway.call(&chat(crate::support::KEY, "gpt-4o")).await.status, 200);
}

/// One after the other, and each key another one: together they would wait longer than the deadline, had each to wait
/// until the database counts as silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_keeps_strangers_waiting_for_a_moment_only() {
    let (upstream, mut server) = (Upstream::start([answer()]).await, Server::postgres().await);
    let gateway = node(&upstream, &server).await;
    server.stop();
    let all = async {
        for number in 0..20 {
            let response = gateway.call(&chat(&format!("sk-stranger-{number}"), "gpt-4o")).await;
            assert_eq!(response.status, 503, "{}", response.text());
        }
    };
    within("twenty refusals", all).await;
    server.start().await;
    becomes(&gateway, &chat("sk-stranger-0", "gpt-4o"), 401, Some("token_not_found_in_db")).await;
}

/// Makes a model that every node is to serve, by this one.
async fn add_model(gateway: &Gateway, upstream: &Upstream, name: &str) {
    let params = json!({"model": "openai/gpt-4.1", "api_base": upstream.url(), "api_key": format!("sk-of-{name}")});
    let body = json!({"model_name": name, "litellm_params": params});
    let made = gateway.call(&Request::post("/model/new", &body).key(crate::support::KEY)).await;
    assert_eq!(made.status, 200, "{}", made.text());
}

/// Waits until this node serves it, with the provider's key that was stored.
async fn serves(gateway: &Gateway, upstream: &Upstream, name: &str) {
    becomes(gateway, &chat(crate::support::KEY, name), 200, None).await;
    assert_eq!(upstream.last().header("authorization"), Some(&*format!("Bearer sk-of-{name}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_one_node_stores_is_opened_by_all() {
    let (upstream, server) = (Upstream::start([answer()]).await, Server::postgres().await);
    let [first, second] = [node(&upstream, &server).await, node(&upstream, &server).await];
    add_model(&first, &upstream, "shared").await;
    serves(&second, &upstream, "shared").await;
    // Nothing of it is in a data directory.
    drop((first, second));
    let third = node(&upstream, &server).await;
    serves(&third, &upstream, "shared").await;
    assert!(!third.data_dir().join("salt.key").exists());

    // With another master key it is not served, and the log says why.
    let yaml = |key: &str| {
        let settings = format!("general_settings: {{{key}database_url: \"{}\"}}\n", server.postgres_url());
        config(&[crate::support::openai::deployment("gpt-4o", &upstream, "")], &settings)
    };
    let changed = Gateway::start(&yaml("master_key: sk-changed-1, ")).await;
    changed.line_with(&["sealed with another key", "master key", "shared"]).await;
    assert_eq!(changed.call(&chat("sk-changed-1", "shared")).await.status, 400);
    assert_eq!(changed.call(&chat("sk-changed-1", "gpt-4o")).await.status, 200);

    // Without any there is the file, and a warning.
    let open = Gateway::start(&yaml("")).await;
    open.line_with(&["NO SALT KEY", "salt.key"]).await;
    assert!(open.data_dir().join("salt.key").exists());
}
