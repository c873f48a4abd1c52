//! What the configuration file declares beside models: people, keys and credentials, and how the management API tells of
//! them.

use serde_json::{Value, json};
use tollgate::auth::KeyDigest;

use crate::support::openai::{answer, ask, config, deployment};
use crate::support::{Gateway, KEY, Reply, Request, Response, Upstream, eventually_async};

/// 18 tokens a call: 0.18 dollars.
const PRICES: &str = "input_cost_per_token: 0.01, output_cost_per_token: 0.01";

const PEOPLE: &str = "
users: [{user_id: ada}, {user_id: bob, teams: [red]}, {user_id: eve}]
teams:
  - team_id: red
    team_alias: Red
    members: [{user_id: ada, role: admin, max_budget_in_team: 50}]
    team_member_budget: 0.6
key_settings:
  - {api_key: sk-key-of-ada, key_alias: ada-key, team_id: red, user_id: ada}
  - {api_key: sk-key-of-bob, key_alias: bob-key, team_id: red, user_id: bob}
  - {api_key: sk-key-of-eve, user_id: eve}
";

async fn upstream() -> Upstream {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(|_| Reply::json(200, &answer("Hi")));
    upstream
}

async fn get(gateway: &Gateway, key: &str, path: &str) -> Response {
    gateway.call(&Request::get(path).key(key)).await
}

async fn good(gateway: &Gateway, key: &str, path: &str) -> Value {
    let response = get(gateway, key, path).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

#[tokio::test]
async fn people_of_the_file_are_seen_and_limited_and_not_changed() {
    let upstream = upstream().await;
    let mut body = ask("gpt");
    body["max_tokens"] = json!(30);
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, PRICES)], PEOPLE)).await;
    let call = async |key: &str| gateway.call(&Request::chat(&body).key(key)).await;
    // Bob has the team's 0.6 dollars for each member, Ada 50 of her own.
    for (key, status) in
        [("sk-key-of-bob", 200), ("sk-key-of-bob", 422), ("sk-key-of-ada", 200), ("sk-key-of-ada", 200)]
    {
        let response = call(key).await;
        assert_eq!(response.status, status, "{key}: {}", response.text());
    }
    let bob = KeyDigest::of("sk-key-of-bob").to_string();
    let info = good(&gateway, KEY, &format!("/key/info?key={bob}")).await;
    assert_eq!((&info["info"]["key_alias"], &info["info"]["spend"]), (&json!("bob-key"), &json!(0.18)));
    let team = good(&gateway, "sk-key-of-ada", "/team/info?team_id=red").await;
    assert_eq!((&team["team_info"]["spend"], team["keys"].as_array().unwrap().len()), (&json!(0.54), 2));
    assert_eq!(get(&gateway, "sk-key-of-eve", "/team/info?team_id=red").await.status, 403);
    assert_eq!(good(&gateway, KEY, "/key/list").await["total_count"], 3);
    assert_eq!(good(&gateway, "sk-key-of-bob", "/key/list").await["keys"], json!([bob]));
    let of_bob = good(&gateway, "sk-key-of-bob", "/user/info").await;
    assert_eq!(of_bob["teams"][0]["team_alias"], "Red");

    // Who leads the team makes keys for it.
    let make = Request::post("/key/generate", &json!({"team_id": "red", "user_id": "bob"}));
    let made = gateway.call(&make.clone().key("sk-key-of-ada")).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(call(made.json()["key"].as_str().unwrap()).await.status, 422, "Bob's money is spent");
    assert_eq!(gateway.call(&make.key("sk-key-of-eve")).await.status, 403);

    let change = Request::post("/key/update", &json!({"key": bob, "max_budget": 100})).key(KEY);
    let refused = gateway.call(&change).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("is declared in the configuration file"), "{}", refused.text());

    eventually_async("the report to name the key", async || {
        let keys = good(&gateway, KEY, "/global/spend/keys?limit=5").await;
        keys.as_array()?.iter().find(|key| key["key_alias"] == "ada-key").map(drop)
    })
    .await;
    assert!(!gateway.output().contains("sk-key-of"), "a key is in the log");
}

/// A call has 18 tokens, 0.18 dollars, and sets aside more.
#[tokio::test]
async fn what_the_file_says_of_keys_holds_as_of_stored_ones() {
    let upstream = upstream().await;
    let mut body = ask("gpt");
    body["max_tokens"] = json!(1);
    let people = "
teams: [{team_id: red, metadata: {tags: [of-team]}}]
key_settings:
  - {api_key: sk-is-over, expires: 2020-01-31}
  - {api_key: sk-lasts, expires: '2099-01-31T00:00:00Z', key_alias: lasts, team_id: red, metadata: {tags: [of-key]}}
  - {api_key: sk-of-a-day, budget_limits: [{budget_duration: 1d, max_budget: 0.01}]}
  - {api_key: sk-few-tokens, tpd_limit: 1}
";
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, PRICES)], people)).await;
    for (key, status, word) in [
        ("sk-is-over", 401, "xpired"),
        ("sk-lasts", 200, ""),
        ("sk-of-a-day", 422, "budget_exceeded"),
        ("sk-few-tokens", 200, ""),
        ("sk-few-tokens", 429, "tokens_per_day"),
    ] {
        let response = gateway.call(&Request::chat(&body).key(key)).await;
        assert_eq!(response.status, status, "{key}: {}", response.text());
        assert!(response.text().contains(word), "{key}: {}", response.text());
    }
    eventually_async("the tags to be told", async || {
        let tags = good(&gateway, KEY, "/global/spend/all_tag_names").await.to_string();
        (tags.contains("of-key") && tags.contains("of-team")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn credentials_of_the_file_are_held_by_models_of_the_file_and_added_ones() {
    let upstream = upstream().await;
    let url = upstream.url();
    let entry = "  - {model_name: held, litellm_params: {model: openai/m, litellm_credential_name: house}}\n";
    let credentials = format!(
        "credential_list:\n  - {{credential_name: house, credential_values: {{api_key: sk-of-house, api_base: \"{url}\"}}, \
         credential_info: {{custom_llm_provider: openai}}}}\n"
    );
    let gateway = Gateway::start(&config(&[entry.to_owned()], &credentials)).await;
    let params = json!({"model": "openai/m", "litellm_credential_name": "house"});
    let added = Request::post("/model/new", &json!({"model_name": "added", "litellm_params": params})).key(KEY);
    let told = gateway.call(&added).await;
    assert_eq!(told.status, 200, "{}", told.text());
    for model in ["held", "added"] {
        let response = gateway.call(&Request::chat(&ask(model)).key(KEY)).await;
        assert_eq!(response.status, 200, "{model}: {}", response.text());
        assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-of-house"), "{model}");
    }
    let shown = good(&gateway, KEY, "/credentials").await;
    let expected = json!({
        "credential_name": "house", "credential_values": {"api_key": "********", "api_base": "********"},
        "credential_info": {"custom_llm_provider": "openai"},
    });
    assert_eq!(shown["credentials"], json!([expected]));
    let models = get(&gateway, KEY, "/model/info").await.text();
    assert!(!models.contains("sk-of-house") && !gateway.output().contains("sk-of-house"));
    let gone = gateway.call(&Request::new("DELETE", "/credentials/house", Vec::new()).key(KEY)).await;
    assert_eq!(gone.status, 400, "{}", gone.text());
    let none = json!({"model": "openai/m", "litellm_credential_name": "nobody's"});
    let added = Request::post("/model/new", &json!({"model_name": "x", "litellm_params": none})).key(KEY);
    assert_eq!(gateway.call(&added).await.status, 400);
}

#[tokio::test]
async fn a_stored_tag_leads_to_the_models_that_it_names() {
    let (one, two) = (upstream().await, upstream().await);
    let entry = |upstream: &Upstream, id: &str| {
        deployment("gpt", upstream, "").replace("}}", &format!("}}, model_info: {{id: {id}}}}}"))
    };
    let settings = "router_settings: {enable_tag_filtering: true}";
    let gateway = Gateway::start(&config(&[entry(&one, "one"), entry(&two, "two")], settings)).await;
    let manage = async |path: &str, body: Value| {
        let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
    };
    let mut body = ask("gpt");
    body["tags"] = json!(["paid"]);
    for (path, models, expected) in [("/tag/new", ["two"], (0, 8)), ("/tag/update", ["one"], (8, 0))] {
        manage(path, json!({"name": "paid", "models": models})).await;
        for _ in 0..8 {
            let response = gateway.call(&Request::chat(&body).key(KEY)).await;
            assert_eq!(response.status, 200, "{}", response.text());
        }
        assert_eq!((one.count(), two.count()), expected, "{path}");
        one.forget();
        two.forget();
    }
}

#[tokio::test]
async fn access_groups_and_budgets_say_which_models_may_be_called() {
    let upstream = upstream().await;
    let entries = ["a", "b", "c"].map(|name| deployment(name, &upstream, ""));
    let gateway = Gateway::start(&config(&entries, "")).await;
    let manage = async |path: &str, body: Value| {
        let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    };
    let statuses = async |key: &Value| {
        let mut statuses = Vec::new();
        for model in ["a", "b", "c"] {
            let request = Request::chat(&ask(model)).key(key["key"].as_str().unwrap());
            statuses.push(gateway.call(&request).await.status);
        }
        statuses
    };
    manage("/access_group/new", json!({"access_group": "g", "model_names": ["b"]})).await;
    let key = manage("/key/generate", json!({"models": ["a"], "access_group_ids": ["g"]})).await;
    assert_eq!(statuses(&key).await, [200, 200, 403]);
    let shown = good(&gateway, key["key"].as_str().unwrap(), "/model/info").await;
    let shown: Vec<&Value> = shown["data"].as_array().unwrap().iter().map(|model| &model["model_name"]).collect();
    assert_eq!(shown, ["a", "b"]);
    manage("/budget/new", json!({"budget_id": "narrow", "allowed_models": ["a"]})).await;
    let key = manage("/key/generate", json!({"budget_id": "narrow"})).await;
    assert_eq!(statuses(&key).await, [200, 403, 403]);
    manage("/budget/update", json!({"budget_id": "narrow", "allowed_models": ["a", "c"]})).await;
    assert_eq!(statuses(&key).await, [200, 403, 200]);
    let member = json!([{"user_id": "ann", "role": "user"}]);
    manage("/team/new", json!({"team_id": "t", "members_with_roles": member})).await;
    let key = manage("/key/generate", json!({"team_id": "t", "user_id": "ann"})).await;
    assert_eq!(statuses(&key).await, [200, 200, 200]);
    manage("/team/member_update", json!({"team_id": "t", "user_id": "ann", "allowed_models": ["b"]})).await;
    assert_eq!(statuses(&key).await, [403, 200, 403]);
}
