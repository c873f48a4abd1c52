//! Limits of each level hold for all who are under it: a team's for its members, a user's for keys of teams too, a budget's
//! for whoever names it.

use serde_json::{Value, json};

use crate::support::openai::{answer, config, deployment};
use crate::support::{Gateway, KEY, Reply, Request, Response, Upstream, eventually_async};

mod throttled;
mod windows;

/// A call costs seven tenths of a dollar.
const PRICES: &str = "input_cost_per_token: 0, output_cost_per_token: 0.1";
/// Enough for one call, and not for two.
const ONE_CALL: f64 = 0.8;

async fn start(upstream: &Upstream) -> Gateway {
    let entries = ["gpt", "other"].map(|name| deployment(name, upstream, PRICES));
    Gateway::start(&config(&entries, "")).await
}

async fn upstream() -> Upstream {
    Upstream::start([Reply::json(200, &answer("Hi"))]).await
}

async fn manage(gateway: &Gateway, path: &str, body: Value) -> Value {
    let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

async fn new_key(gateway: &Gateway, body: Value) -> String {
    manage(gateway, "/key/generate", body).await["key"].as_str().unwrap().to_owned()
}

async fn call(gateway: &Gateway, key: &str, model: &str) -> Response {
    let body = json!({"model": model, "max_tokens": 7, "messages": [{"role": "user", "content": "hi"}]});
    gateway.call(&Request::chat(&body).key(key)).await
}

async fn passes(gateway: &Gateway, key: &str, model: &str) {
    let response = call(gateway, key, model).await;
    assert_eq!(response.status, 200, "{}", response.text());
}

async fn is_over(gateway: &Gateway, key: &str, model: &str) {
    let response = call(gateway, key, model).await;
    assert!(response.text().contains("budget_exceeded"), "{} {}", response.status, response.text());
}

#[tokio::test]
async fn members_have_the_budget_that_their_team_has_for_members() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let members = json!([{"role": "user", "user_id": "ada"}, {"role": "user", "user_id": "ben"}]);
    let team = json!({"team_id": "t", "team_member_budget": ONE_CALL, "members_with_roles": members});
    manage(&gateway, "/team/new", team).await;
    let ada = new_key(&gateway, json!({"team_id": "t", "user_id": "ada"})).await;
    let ben = new_key(&gateway, json!({"team_id": "t", "user_id": "ben"})).await;
    for key in [&ada, &ben] {
        passes(&gateway, key, "gpt").await;
        is_over(&gateway, key, "gpt").await;
    }
    // A member's own budget comes first.
    let own = json!({"team_id": "t", "user_id": "ada", "max_budget_in_team": 100});
    manage(&gateway, "/team/member_update", own).await;
    passes(&gateway, &ada, "gpt").await;
    is_over(&gateway, &ben, "gpt").await;
    manage(&gateway, "/team/update", json!({"team_id": "t", "team_member_budget": 2.0 * ONE_CALL})).await;
    passes(&gateway, &ben, "gpt").await;
}

/// Who has other limits of their own, and no money, has the team's: what it is now, not what it was.
#[tokio::test]
async fn members_without_money_of_their_own_follow_their_team() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let members = json!([{"role": "user", "user_id": "ada"}, {"role": "user", "user_id": "ben"}]);
    let team = json!({"team_id": "t", "team_member_budget": 100, "members_with_roles": members});
    manage(&gateway, "/team/new", team).await;
    for own in [json!({"user_id": "ada", "tpm_limit": 1_000_000}), json!({"user_id": "ben", "max_budget_in_team": 100})]
    {
        let mut own = own;
        own["team_id"] = json!("t");
        manage(&gateway, "/team/member_update", own).await;
    }
    let ada = new_key(&gateway, json!({"team_id": "t", "user_id": "ada"})).await;
    let ben = new_key(&gateway, json!({"team_id": "t", "user_id": "ben"})).await;
    for key in [&ada, &ben] {
        passes(&gateway, key, "gpt").await;
    }
    manage(&gateway, "/team/update", json!({"team_id": "t", "team_member_budget": ONE_CALL})).await;
    is_over(&gateway, &ada, "gpt").await;
    passes(&gateway, &ben, "gpt").await;
}

#[tokio::test]
async fn amounts_may_be_texts_as_litellms_documentation_writes_them() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let limit = json!({"gpt": {"budget_limit": ONE_CALL.to_string(), "time_period": "1d"}});
    let key = new_key(&gateway, json!({"model_max_budget": limit})).await;
    passes(&gateway, &key, "gpt").await;
    is_over(&gateway, &key, "gpt").await;
    passes(&gateway, &key, "other").await;
}

/// Who is led to a cheaper model is held to what that one may be used.
#[tokio::test]
async fn a_cheaper_model_has_limits_of_its_own() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let limits = json!({"max_budget": ONE_CALL, "metadata": {"on_budget_exceeded": "other"},
        "model_rpm_limit": {"other": 1}});
    let key = new_key(&gateway, limits).await;
    let mut groups = Vec::new();
    for _ in 0..2 {
        let response = call(&gateway, &key, "gpt").await;
        assert_eq!(response.status, 200, "{}", response.text());
        groups.push(response.header("x-litellm-model-group").unwrap_or_default().to_owned());
    }
    assert_eq!(groups, ["gpt", "other"]);
    let refused = call(&gateway, &key, "gpt").await;
    assert!(refused.status == 429 && refused.text().contains("model_per_key"), "{}", refused.text());
}

/// The provider before a model's name is no way around the model's budget.
#[tokio::test]
async fn a_models_budget_holds_whoever_offers_the_model() {
    let upstream = upstream().await;
    let entries = ["gpt", "openai/gpt", "openai/other"].map(|name| deployment(name, &upstream, PRICES));
    let gateway = Gateway::start(&config(&entries, "")).await;
    let limit = |dollars: f64| json!({"budget_limit": dollars, "time_period": "1d"});
    let key = new_key(&gateway, json!({"model_max_budget": {"gpt": limit(ONE_CALL)}})).await;
    passes(&gateway, &key, "openai/gpt").await;
    is_over(&gateway, &key, "openai/gpt").await;
    is_over(&gateway, &key, "gpt").await;
    passes(&gateway, &key, "openai/other").await;
    // One that has a budget of its own has no other.
    let limits = json!({"gpt": limit(ONE_CALL), "openai/gpt": limit(2.0 * ONE_CALL)});
    let key = new_key(&gateway, json!({"model_max_budget": limits})).await;
    for _ in 0..2 {
        passes(&gateway, &key, "openai/gpt").await;
    }
    is_over(&gateway, &key, "openai/gpt").await;
    passes(&gateway, &key, "gpt").await;
}

#[tokio::test]
async fn what_could_not_be_read_is_not_stored() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    manage(&gateway, "/team/new", json!({"team_id": "t", "max_budget": ONE_CALL})).await;
    let key = new_key(&gateway, json!({"team_id": "t"})).await;
    passes(&gateway, &key, "gpt").await;
    for (path, body) in [
        ("/team/update", json!({"team_id": "t", "model_aliases": {"x": 1}})),
        ("/team/update", json!({"team_id": "t", "model_max_budget": {"gpt": 5}})),
        ("/key/update", json!({"key": key, "aliases": {"x": 1}})),
        ("/budget/new", json!({"budget_id": "b", "max_budget": 1, "model_max_budget": {"gpt": 5}})),
        ("/user/new", json!({"user_id": "u", "model_max_budget": {"gpt": {"budget_limit": "much"}}})),
    ] {
        let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
        assert!([400, 422].contains(&response.status), "{path} {body}: {} {}", response.status, response.text());
    }
    is_over(&gateway, &key, "gpt").await;
}

#[tokio::test]
async fn a_users_requests_are_limited_with_keys_of_teams_too() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    manage(&gateway, "/user/new", json!({"user_id": "ada", "rpm_limit": 1, "max_budget": 0.1})).await;
    manage(&gateway, "/team/new", json!({"team_id": "t"})).await;
    let key = new_key(&gateway, json!({"team_id": "t", "user_id": "ada"})).await;
    // The user's money stops no key of a team, as with LiteLLM.
    passes(&gateway, &key, "gpt").await;
    let second = call(&gateway, &key, "gpt").await;
    assert_eq!(second.status, 429, "{}", second.text());
}

#[tokio::test]
async fn a_models_budget_holds_at_every_level() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let limit = || json!({"gpt": {"budget_limit": ONE_CALL, "time_period": "1d"}});
    manage(&gateway, "/user/new", json!({"user_id": "ada", "model_max_budget": limit()})).await;
    manage(&gateway, "/budget/new", json!({"budget_id": "b", "model_max_budget": limit()})).await;
    manage(&gateway, "/team/new", json!({"team_id": "t", "model_max_budget": limit()})).await;
    for body in [json!({"user_id": "ada"}), json!({"budget_id": "b"}), json!({"team_id": "t"})] {
        let key = new_key(&gateway, body.clone()).await;
        let second = new_key(&gateway, body.clone()).await;
        passes(&gateway, &key, "gpt").await;
        is_over(&gateway, &key, "gpt").await;
        passes(&gateway, &key, "other").await;
        // Of a budget that keys name each key has its own counter.
        if body.get("budget_id").is_none() {
            is_over(&gateway, &second, "gpt").await;
        }
    }
}

#[tokio::test]
async fn a_keys_budget_may_be_higher_for_a_while() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let key = new_key(&gateway, json!({"max_budget": ONE_CALL})).await;
    passes(&gateway, &key, "gpt").await;
    is_over(&gateway, &key, "gpt").await;
    let update =
        |more: f64, until: &str| json!({"key": key, "temp_budget_increase": more, "temp_budget_expiry": until});
    manage(&gateway, "/key/update", update(0.7, "10d")).await;
    let response = call(&gateway, &key, "gpt").await;
    assert_eq!((response.status, response.header("x-litellm-key-max-budget")), (200, Some("1.5")));
    is_over(&gateway, &key, "gpt").await;
    // It ends by itself.
    manage(&gateway, "/key/update", update(100.0, "2s")).await;
    passes(&gateway, &key, "gpt").await;
    let ended = async || call(&gateway, &key, "gpt").await.text().contains("budget_exceeded").then_some(());
    eventually_async("the increase to end", ended).await;
    for wrong in [json!({"temp_budget_increase": 1}), json!({"temp_budget_increase": 1, "temp_budget_expiry": "soon"})]
    {
        let mut body = wrong.clone();
        body["key"] = json!(key);
        let response = gateway.call(&Request::post("/key/update", &body).key(KEY)).await;
        assert_eq!(response.status, 400, "{wrong}: {}", response.text());
    }
}
