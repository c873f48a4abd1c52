//! The management API at the real binary: what it changes holds for the next call.

use serde_json::{Value, json};

use crate::support::openai::config;
use crate::support::{Gateway, KEY, Reply, Request, Response, Upstream};

fn answer() -> Reply {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
    Reply::json(
        200,
        &json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice],
                "usage": {"prompt_tokens": 30, "completion_tokens": 30, "total_tokens": 60}}),
    )
}

async fn start(upstream: &Upstream) -> Gateway {
    let entry = |name: &str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: openai/{name}, api_base: \"{}\", api_key: sk-up, \
             input_cost_per_token: 0.01, output_cost_per_token: 0.01}}}}\n",
            upstream.url()
        )
    };
    Gateway::start(&config(&[entry("gpt-4o"), entry("gpt-4o-mini")], "")).await
}

async fn manage(gateway: &Gateway, path: &str, body: Value) -> Value {
    let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

async fn chat(gateway: &Gateway, key: &str, model: &str) -> Response {
    let body = json!({"model": model, "max_tokens": 30, "messages": [{"role": "user", "content": "hi"}]});
    gateway.call(&Request::chat(&body).key(key)).await
}

#[tokio::test]
async fn a_keys_life() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream).await;
    let made =
        manage(&gateway, "/key/generate", json!({"models": ["gpt-4o"], "max_budget": 10, "key_alias": "a"})).await;
    let key = made["key"].as_str().unwrap();
    let first = chat(&gateway, key, "gpt-4o").await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.header("x-litellm-response-cost"), Some("0.6"));
    let info = gateway.call(&Request::get("/key/info").key(key)).await.json();
    assert_eq!(info["info"]["spend"], 0.6, "what is spent is seen at once");

    assert_eq!(chat(&gateway, key, "gpt-4o-mini").await.status, 403);
    manage(&gateway, "/key/update", json!({"key": key, "models": ["gpt-4o", "gpt-4o-mini"], "max_budget": 0.5})).await;
    let over = chat(&gateway, key, "gpt-4o-mini").await;
    assert_eq!(over.json()["error"]["type"], "budget_exceeded", "{}", over.text());
    assert!(over.text().contains("Current cost: 0.6, Max budget: 0.5"), "{}", over.text());
    manage(&gateway, "/key/update", json!({"key": key, "max_budget": 50})).await;
    assert_eq!(chat(&gateway, key, "gpt-4o-mini").await.status, 200);

    manage(&gateway, "/key/block", json!({"key": key})).await;
    assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 401);
    manage(&gateway, "/key/unblock", json!({"key": key})).await;
    assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 200);

    let renewed = manage(&gateway, &format!("/key/{key}/regenerate"), json!({})).await;
    let renewed = renewed["key"].as_str().unwrap();
    assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 401);
    let again = chat(&gateway, renewed, "gpt-4o").await;
    assert_eq!(again.status, 200, "{}", again.text());

    manage(&gateway, "/key/delete", json!({"keys": [renewed]})).await;
    assert_eq!(chat(&gateway, renewed, "gpt-4o").await.json()["error"]["type"], "token_not_found_in_db");
    for secret in [key, renewed] {
        assert!(!gateway.output().contains(secret), "a key is in the log");
    }
}

#[tokio::test]
async fn only_who_may_manages() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream).await;
    let made = manage(&gateway, "/key/generate", json!({})).await;
    let key = made["key"].as_str().unwrap();
    for (path, body) in [
        ("/key/generate", json!({})),
        ("/key/generate", json!({"user_id": "somebody", "allowed_routes": ["*"]})),
        ("/key/update", json!({"key": made["token"], "max_budget": 1_000})),
        ("/key/delete", json!({"keys": [made["token"]]})),
    ] {
        let refused = gateway.call(&Request::post(path, &body).key(key)).await;
        assert!([401, 403].contains(&refused.status), "{path} {body}: {} {}", refused.status, refused.text());
        let stranger = gateway.call(&Request::post(path, &body).without_key()).await;
        assert_eq!(stranger.status, 401, "{path}");
    }
    let wrong = gateway.call(&Request::post("/key/generate", &json!("no object")).key(KEY)).await;
    assert!([400, 422].contains(&wrong.status), "{}", wrong.text());
    assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 200);
}

#[tokio::test]
async fn a_model_that_is_added_is_served_at_once_and_its_key_is_sealed() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream).await;
    let params = json!({"model": "openai/gpt-4.1", "api_base": upstream.url(), "api_key": "sk-canary-of-provider"});
    let made = manage(&gateway, "/model/new", json!({"model_name": "added", "litellm_params": params})).await;
    let id = made["model_id"].as_str().or(made["model_info"]["id"].as_str()).unwrap().to_owned();
    let answered = chat(&gateway, KEY, "added").await;
    assert_eq!(answered.status, 200, "{}", answered.text());
    assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-canary-of-provider"));
    assert_eq!(answered.header("x-litellm-model-id"), Some(&*id));
    let info = gateway.call(&Request::get("/model/info").key(KEY)).await;
    assert!(info.text().contains(&id) && !info.text().contains("canary"), "{}", info.text());
    let wrong = json!({"model_name": "x", "litellm_params": {"model": "nobody/x"}});
    assert_eq!(gateway.call(&Request::post("/model/new", &wrong).key(KEY)).await.status, 400);
    assert_eq!(chat(&gateway, KEY, "gpt-4o").await.status, 200, "what was there is there still");
    manage(&gateway, "/model/delete", json!({"id": id})).await;
    assert_eq!(chat(&gateway, KEY, "added").await.status, 400);
    for file in std::fs::read_dir(gateway.data_dir()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(6).any(|piece| piece == b"canary"), "a provider's key is on the disk");
    }
}

#[tokio::test]
async fn a_team_its_members_and_its_budget() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream).await;
    let team =
        manage(&gateway, "/team/new", json!({"team_alias": "readers", "max_budget": 1.0, "models": ["gpt-4o"]})).await;
    let team = team["team_id"].as_str().unwrap().to_owned();
    manage(&gateway, "/user/new", json!({"user_id": "ada", "auto_create_key": false})).await;
    manage(&gateway, "/team/member_add", json!({"team_id": team, "member": {"role": "user", "user_id": "ada"}})).await;
    let made = manage(&gateway, "/key/generate", json!({"team_id": team, "user_id": "ada"})).await;
    let key = made["key"].as_str().unwrap();
    assert_eq!(chat(&gateway, key, "gpt-4o-mini").await.json()["error"]["type"], "team_model_access_denied");
    assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 200);
    let over = chat(&gateway, key, "gpt-4o").await;
    assert_eq!(over.json()["error"]["type"], "budget_exceeded", "{}", over.text());
    let info = gateway.call(&Request::get(&format!("/team/info?team_id={team}")).key(KEY)).await.json();
    assert_eq!(info["team_info"]["spend"], 0.6);
    manage(&gateway, "/team/block", json!({"team_id": team})).await;
    assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 401);
    manage(&gateway, "/team/delete", json!({"team_ids": [team]})).await;
    assert_eq!(chat(&gateway, key, "gpt-4o").await.json()["error"]["type"], "token_not_found_in_db");
}

#[tokio::test]
async fn what_is_made_has_the_defaults_of_the_configuration() {
    let upstream = Upstream::start([answer()]).await;
    let entry = crate::support::openai::deployment("gpt-4o", &upstream, "");
    let settings = "litellm_settings:
  default_key_generate_params: {max_budget: 5, models: [gpt-4o]}
  upperbound_key_generate_params: {max_budget: 100, duration: 30d}
  default_internal_user_params: {user_role: internal_user_viewer, max_budget: 7}
  default_team_params: {rpm_limit: 3}
";
    let gateway = Gateway::start(&config(&[entry], settings)).await;
    let key = manage(&gateway, "/key/generate", json!({})).await;
    assert_eq!((&key["max_budget"], &key["models"]), (&json!(5.0), &json!(["gpt-4o"])));
    assert!(key["expires"].is_string(), "no key lives longer than it may: {key}");
    let dear = gateway.call(&Request::post("/key/generate", &json!({"max_budget": 101})).key(KEY)).await;
    assert_eq!(dear.status, 400, "{}", dear.text());
    assert!(dear.text().contains("max_budget is over max limit set in config"), "{}", dear.text());
    let user = manage(&gateway, "/user/new", json!({"user_id": "ada"})).await;
    assert_eq!((&user["user_role"], &user["max_budget"]), (&json!("internal_user_viewer"), &json!(7.0)));
    let team = manage(&gateway, "/team/new", json!({"team_alias": "readers"})).await;
    assert_eq!(team["rpm_limit"], 3);
}

#[tokio::test]
async fn an_access_group_stands_for_its_models() {
    let upstream = Upstream::start([answer()]).await;
    let entry = |name: &str, info: &str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: openai/{name}, api_base: \"{}\", api_key: sk-up}}{info}}}\n",
            upstream.url()
        )
    };
    let of_file = ", model_info: {access_groups: [beta]}";
    let models = [entry("new", of_file), entry("gpt-4o", ""), entry("gpt-4o-mini", "")];
    let gateway = Gateway::start(&config(&models, "")).await;
    let made = manage(&gateway, "/key/generate", json!({"models": ["beta", "small"]})).await;
    let key = made["key"].as_str().unwrap();
    assert_eq!(chat(&gateway, key, "new").await.status, 200, "by the file's group");
    assert_eq!(chat(&gateway, key, "gpt-4o-mini").await.status, 403);
    manage(&gateway, "/access_group/new", json!({"access_group": "small", "model_names": ["gpt-4o-mini"]})).await;
    assert_eq!(chat(&gateway, key, "gpt-4o-mini").await.status, 200, "by the group that was made");
    assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 403);
    let listed = gateway.call(&Request::get("/v1/models").key(key)).await.json();
    let names: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["new", "gpt-4o-mini"]);
}

#[tokio::test]
async fn an_access_group_is_assigned_to_keys_and_teams() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream).await;
    let made = manage(&gateway, "/key/generate", json!({"models": ["none"]})).await;
    let (key, token) = (made["key"].as_str().unwrap(), &made["token"]);
    manage(&gateway, "/team/new", json!({"team_id": "t", "models": ["none"]})).await;
    let of_team = manage(&gateway, "/key/generate", json!({"team_id": "t"})).await;
    let of_team = of_team["key"].as_str().unwrap();
    for key in [key, of_team] {
        assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 403);
    }
    let body = json!({"access_group_name": "g", "access_model_names": ["gpt-4o"], "assigned_key_ids": [token]});
    let group = gateway.call(&Request::post("/v1/access_group", &body).key(KEY)).await;
    assert_eq!(group.status, 201, "{}", group.text());
    let path = format!("/v1/access_group/{}", group.json()["access_group_id"].as_str().unwrap());
    assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 200, "at once");
    assert_eq!(chat(&gateway, of_team, "gpt-4o").await.status, 403);
    let body = json!({"assigned_key_ids": [], "assigned_team_ids": ["t"]});
    let moved = gateway.call(&Request::new("PUT", &path, body.to_string().into())).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 403);
    assert_eq!(chat(&gateway, of_team, "gpt-4o").await.status, 200);
    let ended = gateway.call(&Request::new("DELETE", &path, Vec::new())).await;
    assert_eq!((ended.status, ended.text().as_str()), (204, ""));
    assert_eq!(chat(&gateway, of_team, "gpt-4o").await.status, 403);
}

#[tokio::test]
async fn a_key_that_was_replaced_counts_as_the_new_one() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream).await;
    let made = manage(&gateway, "/key/generate", json!({"max_budget": 1.3})).await;
    let old = made["key"].as_str().unwrap();
    assert_eq!(chat(&gateway, old, "gpt-4o").await.status, 200);
    let renewed = manage(&gateway, &format!("/key/{old}/regenerate"), json!({"grace_period": "1h"})).await;
    let new = renewed["key"].as_str().unwrap();
    let graced = chat(&gateway, old, "gpt-4o").await;
    assert_eq!(graced.status, 200, "{}", graced.text());
    let info = gateway.call(&Request::get("/key/info").key(new)).await.json();
    assert_eq!(info["info"]["spend"], 1.2, "both keys spend from one budget");
    for key in [old, new] {
        assert_eq!(chat(&gateway, key, "gpt-4o").await.json()["error"]["type"], "budget_exceeded");
    }
    manage(&gateway, "/key/delete", json!({"keys": [new]})).await;
    for key in [old, new] {
        assert_eq!(chat(&gateway, key, "gpt-4o").await.status, 401, "with the new one the old one ends");
    }
}

#[tokio::test]
async fn a_blocked_customer_is_refused() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream).await;
    let body =
        json!({"model": "gpt-4o", "max_tokens": 9, "user": "eve", "messages": [{"role": "user", "content": "hi"}]});
    let ask = async || gateway.call(&Request::chat(&body).key(KEY)).await;
    manage(&gateway, "/customer/new", json!({"user_id": "eve"})).await;
    assert_eq!(ask().await.status, 200);
    manage(&gateway, "/customer/block", json!({"user_ids": ["eve"]})).await;
    let refused = ask().await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("User blocked from making LLM API Calls"), "{}", refused.text());
    manage(&gateway, "/customer/unblock", json!({"user_ids": ["eve"]})).await;
    assert_eq!(ask().await.status, 200);
}

#[tokio::test]
async fn a_customers_calls_stay_in_their_region() {
    let upstream = Upstream::start([answer()]).await;
    let entry = |model: &str, region: &str| {
        format!(
            "  - {{model_name: gpt, litellm_params: {{model: openai/{model}, api_base: \"{}\", api_key: k{region}}}}}\n",
            upstream.url()
        )
    };
    let gateway = Gateway::start(&config(&[entry("here", ", region_name: eu"), entry("there", "")], "")).await;
    for (customer, region) in [("eve", "eu"), ("uma", "us")] {
        manage(&gateway, "/customer/new", json!({"user_id": customer, "allowed_model_region": region})).await;
    }
    let ask = async |customer: &str| {
        let body = json!({"model": "gpt", "user": customer, "messages": [{"role": "user", "content": "hi"}]});
        gateway.call(&Request::chat(&body).key(KEY)).await
    };
    for _ in 0..20 {
        let response = ask("eve").await;
        assert_eq!((response.status, response.header("x-litellm-model-region")), (200, Some("eu")));
    }
    assert!(upstream.received().iter().all(|request| request.json()["model"] == "here"));
    let refused = ask("uma").await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("allowed_model_region=us"), "{}", refused.text());
}

#[tokio::test]
async fn a_customers_default_model_stands_in_for_models_outside_of_their_region() {
    let upstream = Upstream::start([answer()]).await;
    let entry = |name: &str, region: &str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: openai/{name}, api_base: \"{}\", api_key: k{region}}}}}\n",
            upstream.url()
        )
    };
    let models =
        [entry("there", ", region_name: us"), entry("here", ", region_name: eu"), entry("also", ", region_name: eu")];
    let gateway = Gateway::start(&config(&models, "")).await;
    for (customer, more) in [
        ("eve", json!({"allowed_model_region": "eu", "default_model": "here"})),
        ("uma", json!({"default_model": "here"})),
        ("lea", json!({"allowed_model_region": "eu"})),
    ] {
        let mut body = json!({"user_id": customer});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        manage(&gateway, "/customer/new", body).await;
    }
    let ask = async |key: &str, customer: &str, model: &str| {
        let body = json!({"model": model, "user": customer, "messages": [{"role": "user", "content": "hi"}]});
        gateway.call(&Request::chat(&body).key(key)).await
    };
    for (customer, model, answered_by) in
        [("eve", "there", "here"), ("eve", "also", "also"), ("uma", "there", "there"), ("nobody", "there", "there")]
    {
        let response = ask(KEY, customer, model).await;
        assert_eq!(response.status, 200, "{customer} {model}: {}", response.text());
        assert_eq!(upstream.last().json()["model"], answered_by, "{customer} {model}");
    }
    for (customer, model) in [("lea", "there"), ("eve", "unknown")] {
        assert_eq!(ask(KEY, customer, model).await.status, 400, "{customer} {model}");
    }
    // A key calls no model by it that it may not call.
    let made = manage(&gateway, "/key/generate", json!({"models": ["there"]})).await;
    let refused = ask(made["key"].as_str().unwrap(), "eve", "there").await;
    assert!(refused.text().contains("allowed_model_region=eu"), "{}", refused.text());
}

#[tokio::test]
async fn a_customers_models_are_the_only_ones_that_are_called_and_listed() {
    let upstream = Upstream::start([answer()]).await;
    let entry = |name: &str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: openai/x, api_base: \"{}\", api_key: k}}}}\n",
            upstream.url()
        )
    };
    let gateway = Gateway::start(&config(&[entry("mine"), entry("other")], "")).await;
    manage(&gateway, "/customer/new", json!({"user_id": "eve", "models": ["mine"]})).await;
    manage(&gateway, "/customer/new", json!({"user_id": "uma"})).await;
    let ask = async |customer: &str, model: &str, fallback: &str| {
        let body = json!({"model": model, "user": customer, "fallbacks": [fallback],
            "messages": [{"role": "user", "content": "hi"}]});
        gateway.call(&Request::chat(&body).key(KEY)).await
    };
    let listed = async |customer: &str| {
        let request = Request::get("/v1/models").key(KEY).header("x-litellm-end-user-id", customer);
        let models = gateway.call(&request).await.json()["data"].clone();
        let names = models.as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(ask("eve", "mine", "mine").await.status, 200);
    for (model, fallback) in [("other", "mine"), ("mine", "other")] {
        let refused = ask("eve", model, fallback).await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        assert_eq!(refused.json()["error"]["type"], "customer_model_access_denied");
    }
    assert_eq!(ask("uma", "other", "mine").await.status, 200);
    assert_eq!(listed("eve").await, ["mine"]);
    assert_eq!(listed("uma").await, ["mine", "other"]);
    assert_eq!(listed("nobody").await, ["mine", "other"]);
}

#[tokio::test]
async fn a_key_calls_the_routes_that_it_names() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream).await;
    let messages = json!([{"role": "user", "content": "hi"}]);
    let body = json!({"model": "gpt-4o", "max_tokens": 5, "mock_response": "Hi", "messages": messages});
    let ask = async |key: &str, path: &str| gateway.call(&Request::post(path, &body).key(key)).await;
    let (short, long) = ("/chat/completions", "/v1/chat/completions");
    let (engine, azure) = ("/engines/gpt-4o/chat/completions", "/openai/deployments/gpt-4o/chat/completions");
    for (entry, allowed, refused) in [
        (short, &[short][..], &[long, engine, azure][..]),
        (long, &[short, long, engine, azure], &["/v1/completions"]),
        (engine, &[engine], &[short, "/engines/gpt-4o-mini/chat/completions"]),
        ("/openai/*", &[azure], &[long]),
        ("openai_routes", &[long, azure], &["/v1/messages"]),
        ("anthropic_routes", &["/v1/messages"], &[long]),
        ("google_routes", &[], &[long, "/v1/messages"]),
    ] {
        let made = manage(&gateway, "/key/generate", json!({"allowed_routes": [entry]})).await;
        let key = made["key"].as_str().unwrap();
        for path in allowed {
            let answered = ask(key, path).await;
            assert_eq!(answered.status, 200, "{entry} {path}: {}", answered.text());
        }
        for path in refused {
            let answered = ask(key, path).await;
            assert_eq!(answered.status, 403, "{entry} {path}: {}", answered.text());
            assert!(answered.text().contains(&format!("Tried to call route: {path}")), "{}", answered.text());
        }
    }
    // What is answered without a model is a route too.
    let made = manage(&gateway, "/key/generate", json!({"allowed_routes": ["/v1/embeddings", "/v1/models"]})).await;
    let key = made["key"].as_str().unwrap();
    for (path, status) in [("/v1/models", 200), ("/v1/models/gpt-4o", 200), ("/v1/responses/resp_1", 403)] {
        let answered = gateway.call(&Request::get(path).key(key)).await;
        assert_eq!(answered.status, status, "{path}: {}", answered.text());
    }
}

#[tokio::test]
async fn what_a_key_or_its_team_wants_said_is_said() {
    let upstream = Upstream::start([answer()]).await;
    let gateway = start(&upstream).await;
    let team = manage(&gateway, "/team/new", json!({"enforced_params": ["user"]})).await;
    let body = json!({"team_id": team["team_id"], "enforced_params": ["metadata.generation_name"], "max_budget": 5});
    let made = manage(&gateway, "/key/generate", body).await;
    let key = made["key"].as_str().unwrap();
    let ask = async |more: Value| {
        let mut body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        gateway.call(&Request::chat(&body).key(key)).await
    };
    for (said, missing) in [
        (json!({}), "metadata"),
        (json!({"user": "u", "metadata": {}}), "[metadata][generation_name]"),
        (json!({"metadata": {"generation_name": "x"}}), "user"),
    ] {
        let refused = ask(said).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let text = format!("BadRequest please pass param={missing} in request body. This is a required param");
        assert!(refused.text().contains(&text), "{}", refused.text());
    }
    assert_eq!(upstream.received().len(), 0);
    let answered = ask(json!({"user": "u", "metadata": {"generation_name": "x"}})).await;
    assert_eq!(answered.status, 200, "{}", answered.text());
    manage(&gateway, "/team/update", json!({"team_id": team["team_id"], "enforced_params": []})).await;
    assert_eq!(ask(json!({"metadata": {"generation_name": "x"}})).await.status, 200);
}
