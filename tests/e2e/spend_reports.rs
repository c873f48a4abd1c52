//! What calls did cost is the same in every report, to the last digit, and after a crash.

use serde_json::{Value, json};
use tollgate::admin::spend::dates::date;
use tollgate::clock::unix_millis;
use tollgate::pricing::Money;

use crate::support::openai::{config, deployment};
use crate::support::{Gateway, KEY, Reply, Request, Upstream, eventually_async};

/// A price that no float has exactly.
const PRICES: &str = "input_cost_per_token: 0.00000123, output_cost_per_token: 0.00000457";

async fn start(upstream: &Upstream) -> Gateway {
    let mock = format!(
        "  - {{model_name: mock, litellm_params: {{model: openai/gpt-4o, mock_response: \"I am a mock\", {PRICES}}}}}\n"
    );
    let broken = deployment("broken", upstream, PRICES);
    Gateway::start(&config(&[mock, broken], "litellm_settings: {num_retries: 0, max_budget: 1000}\n")).await
}

async fn manage(gateway: &Gateway, path: &str, body: Value) -> Value {
    let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

async fn get(gateway: &Gateway, key: &str, path: &str) -> Value {
    let response = gateway.call(&Request::get(path).key(key)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

/// Somebody's key, and what its calls did cost.
struct Payer {
    key: String,
    token: String,
    spent: Money,
    /// `litellm_call_id`, the answer's id and the cost of the last one.
    last: (String, String, Money),
}

impl Payer {
    async fn of(gateway: &Gateway, user: &str, body: Value) -> Self {
        manage(gateway, "/user/new", json!({"user_id": user, "auto_create_key": false})).await;
        let made = manage(gateway, "/key/generate", body).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { key: text("key"), token: text("token"), spent: Money::ZERO, last: Default::default() }
    }

    async fn call(&mut self, gateway: &Gateway, prompt: &str, tags: &[&str]) {
        let messages = json!([{"role": "user", "content": prompt}]);
        let body = json!({"model": "mock", "messages": messages, "metadata": {"tags": tags}});
        let response = gateway.call(&Request::chat(&body).key(&self.key)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let header = |name: &str| response.header(name).unwrap().to_owned();
        let cost = Money::from_dollars(&header("x-litellm-response-cost")).unwrap();
        assert!(cost > Money::ZERO);
        self.spent = self.spent.saturating_add(cost);
        self.last = (header("x-litellm-call-id"), response.json()["id"].as_str().unwrap().to_owned(), cost);
    }

    async fn fail(&self, gateway: &Gateway) {
        let body = json!({"model": "broken", "messages": [{"role": "user", "content": "hi"}]});
        assert_eq!(gateway.call(&Request::chat(&body).key(&self.key)).await.status, 500);
    }
}

/// From yesterday to tomorrow, should the day end meanwhile.
fn days() -> String {
    let today = unix_millis() / 86_400_000;
    format!("start_date={}&end_date={}", date(today - 1), date(today + 1))
}

async fn moved(gateway: &Gateway, calls: usize) {
    eventually_async("all calls in the store", async || {
        let logs = get(gateway, KEY, "/spend/logs?summarize=false").await;
        (logs.as_array().unwrap().len() == calls).then_some(())
    })
    .await;
}

/// A member summed over lines.
fn sum(lines: &Value, member: &str) -> Money {
    let of = |line: &Value| Money::from_dollars_f64(line[member].as_f64().unwrap_or_default()).unwrap();
    lines.as_array().unwrap().iter().map(of).sum()
}

#[tokio::test]
async fn every_report_tells_the_same() {
    let upstream = Upstream::start([Reply::error(500, "broken")]).await;
    let gateway = start(&upstream).await;
    manage(&gateway, "/team/new", json!({"team_id": "blue", "team_alias": "the blue ones"})).await;
    let mut ann = Payer::of(&gateway, "ann", json!({"user_id": "ann", "team_id": "blue", "key_alias": "of ann"})).await;
    let mut ben = Payer::of(&gateway, "ben", json!({"user_id": "ben"})).await;
    ann.call(&gateway, "one", &["search"]).await;
    ann.call(&gateway, "two words", &["search", "night"]).await;
    let searched = ann.spent;
    ann.call(&gateway, "and three words", &[]).await;
    ann.fail(&gateway).await;
    ben.call(&gateway, "four", &[]).await;
    ben.call(&gateway, "five", &[]).await;

    // Nobody has moved the last of it yet, perhaps.
    let gateway = gateway.crashed_and_started().await;
    moved(&gateway, 6).await;
    let both = ann.spent.saturating_add(ben.spent).dollars();
    let before = reports(&gateway, &ann, &ben).await;
    let [logs, by_day, global, daily, keys, tags, teams, activity] = before.as_slice() else { panic!("{before:?}") };
    assert_eq!(sum(logs, "spend").dollars(), both);
    assert_eq!(sum(by_day, "spend").dollars(), both);
    let users = by_day.as_array().unwrap().iter().find(|day| day["spend"] == both).unwrap()["users"].clone();
    assert_eq!(users, json!({"ann": ann.spent.dollars(), "ben": ben.spent.dollars()}));
    assert_eq!(*global, json!({"spend": both, "max_budget": 1000.0}));
    assert_eq!(
        (&daily["metadata"]["total_spend"], &daily["metadata"]["total_failed_requests"]),
        (&json!(both), &json!(1))
    );
    assert_eq!(sum(keys, "spend").dollars(), both);
    assert_eq!(
        (&tags[0]["individual_request_tag"], &tags[0]["total_spend"]),
        (&json!("search"), &json!(searched.dollars()))
    );
    assert_eq!(
        teams["total_spend_per_team"][0],
        json!({"team_id": "the blue ones", "total_spend": ann.spent.dollars()})
    );
    assert_eq!(activity["sum_api_requests"], 6);

    for payer in [&ann, &ben] {
        assert_eq!(get(&gateway, &payer.key, "/key/info").await["info"]["spend"], payer.spent.dollars());
        let listed = keys.as_array().unwrap().iter().find(|key| key["token"] == *payer.token).unwrap();
        assert_eq!(listed["spend"], payer.spent.dollars());
        let (call_id, answer_id, cost) = &payer.last;
        for id in [call_id, answer_id] {
            let found = get(&gateway, KEY, &format!("/spend/logs?request_id={id}")).await;
            assert_eq!(found.as_array().unwrap().len(), 1, "{id}");
            let told = |name: &str| found[0][name].clone();
            assert_eq!((told("request_id"), told("litellm_call_id")), (json!(answer_id), json!(call_id)));
            assert_eq!((told("spend"), told("api_key")), (json!(cost.dollars()), json!(payer.token)));
        }
        let own = get(&gateway, &payer.key, &format!("/user/daily/activity?{}", days())).await;
        assert_eq!(own["metadata"]["total_spend"], payer.spent.dollars(), "of one's own");
    }
    let (others, _, _) = &ben.last;
    assert_eq!(get(&gateway, &ann.key, &format!("/spend/logs?request_id={others}")).await, json!([]));
    assert_eq!(gateway.call(&Request::get("/global/spend").key(&ann.key)).await.status, 401);

    let gateway = gateway.crashed_and_started().await;
    assert_eq!(reports(&gateway, &ann, &ben).await, before);
}

/// All reports; each key has called this node before.
async fn reports(gateway: &Gateway, ann: &Payer, ben: &Payer) -> Vec<Value> {
    for payer in [ann, ben] {
        get(gateway, &payer.key, "/key/info").await;
    }
    let days = days();
    let mut told = Vec::new();
    for path in [
        "/spend/logs?summarize=false",
        &format!("/spend/logs?{days}"),
        "/global/spend",
        &format!("/user/daily/activity?{days}"),
        "/spend/keys",
        "/spend/tags",
        "/global/spend/teams",
        &format!("/global/activity?{days}"),
    ] {
        told.push(get(gateway, KEY, path).await);
    }
    told
}

#[tokio::test]
async fn a_row_says_what_the_client_has_said_of_its_call() {
    let upstream = Upstream::start([Reply::error(500, "broken")]).await;
    let gateway = start(&upstream).await;
    let long = json!({"text": "x".repeat(2_048)}).to_string();
    let in_body = json!({"spend_logs_metadata": {"job": 7, "of": ["body"]}});
    let mut expected = Vec::new();
    for (headers, metadata, said, session) in [
        (vec![], json!({}), Value::Null, None),
        (vec![("x-litellm-trace-id", "chain")], in_body.clone(), in_body["spend_logs_metadata"].clone(), Some("chain")),
        (vec![("x-litellm-spend-logs-metadata", r#"{"job": 8}"#)], in_body, json!({"job": 8}), None),
        (vec![("x-litellm-spend-logs-metadata", &*long)], json!({"session_id": "s"}), Value::Null, Some("s")),
    ] {
        let body = json!({"model": "mock", "messages": [{"role": "user", "content": "hi"}], "metadata": metadata});
        let request = Request::chat(&body).key(KEY);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let response = gateway.call(&request).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let id = response.header("x-litellm-call-id").unwrap().to_owned();
        expected.push((id.clone(), said, session.map_or(id, str::to_owned)));
    }
    moved(&gateway, expected.len()).await;
    for (id, said, session) in expected {
        let row = get(&gateway, KEY, &format!("/spend/logs?request_id={id}")).await[0].clone();
        assert_eq!((&row["metadata"]["spend_logs_metadata"], &row["session_id"]), (&said, &json!(session)), "{row}");
    }
}

#[tokio::test]
async fn spend_starts_anew_for_keys_and_teams() {
    let upstream = Upstream::start([Reply::error(500, "broken")]).await;
    let gateway = start(&upstream).await;
    manage(&gateway, "/team/new", json!({"team_id": "blue", "max_budget": 1.0})).await;
    let body = json!({"user_id": "ann", "team_id": "blue", "max_budget": 2.0});
    let mut ann = Payer::of(&gateway, "ann", body).await;
    ann.call(&gateway, "one", &[]).await;
    moved(&gateway, 1).await;
    manage(&gateway, "/global/spend/reset", json!({})).await;
    let spent = async |gateway: &Gateway| {
        let key = get(gateway, &ann.key, "/key/info").await["info"]["spend"].clone();
        (key, get(gateway, KEY, "/team/info?team_id=blue").await["team_info"]["spend"].clone())
    };
    assert_eq!(spent(&gateway).await, (json!(0.0), json!(0.0)));
    assert_eq!(get(&gateway, KEY, "/global/spend").await["spend"], ann.spent.dollars(), "reports remember");
    let gateway = gateway.crashed_and_started().await;
    assert_eq!(spent(&gateway).await, (json!(0.0), json!(0.0)), "and so does the store");
    let token = ann.token.clone();
    let of_key = async |token: &str| {
        let info = get(&gateway, KEY, &format!("/key/info?key={token}")).await["info"].clone();
        (info["spend"].clone(), info["total_spend"].clone())
    };
    assert_eq!(
        of_key(&token).await,
        (json!(0.0), json!(ann.spent.dollars())),
        "nothing sets back what was spent at all"
    );
    ann.call(&gateway, "two", &[]).await;
    assert_eq!(of_key(&token).await.0, ann.last.2.dollars());
    moved(&gateway, 2).await;
    let both = (json!(ann.last.2.dollars()), json!(ann.spent.dollars()));
    assert_eq!(of_key(&token).await, both);
    let new = manage(&gateway, "/key/regenerate", json!({"key": token})).await;
    assert_eq!(of_key(new["token"].as_str().unwrap()).await, both, "its successor's too");
    let listed = get(&gateway, KEY, "/key/list?return_full_object=true").await;
    assert_eq!(listed["keys"][0]["total_spend"], both.1);
}

#[tokio::test]
async fn an_end_user_is_known_by_their_calls() {
    let upstream = Upstream::start([Reply::error(500, "broken")]).await;
    let gateway = start(&upstream).await;
    let mut spent = Money::ZERO;
    for place in [
        json!({"user": "ishaan3"}),
        json!({"safety_identifier": "ishaan3"}),
        json!({"litellm_metadata": {"user": "ishaan3"}}),
    ] {
        let mut body = json!({"model": "mock", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        let response = gateway.call(&Request::chat(&body)).await;
        let cost = response.header("x-litellm-response-cost").unwrap();
        spent = spent.saturating_add(Money::from_dollars(cost).unwrap());
    }
    let info = eventually_async("the end user with all three calls", async || {
        let response = gateway.call(&Request::get("/customer/info?end_user_id=ishaan3").key(KEY)).await;
        let info = (response.status == 200).then(|| response.json())?;
        (sum(&json!([info]), "spend") == spent).then_some(info)
    })
    .await;
    assert_eq!((&info["user_id"], &info["blocked"]), (&json!("ishaan3"), &json!(false)));
    let unknown = gateway.call(&Request::get("/customer/info?end_user_id=nobody").key(KEY)).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text());
}
