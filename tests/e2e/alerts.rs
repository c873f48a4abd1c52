//! Budgets that are crossed: the operator is told, once, by one of the nodes.

use serde_json::{Value, json};

use crate::support::openai::config;
use crate::support::servers::Server;
use crate::support::{Gateway, Launch, Reply, Request, Upstream, eventually_async};

/// Answers calls that cost a cent each.
async fn upstream() -> Upstream {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 15});
    let body = json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage});
    Upstream::start([Reply::json(200, &body)]).await
}

async fn node(upstream: &Upstream, database: &Server, slack: &Upstream, webhook: &Upstream) -> Gateway {
    let model = format!(
        "  - {{model_name: m, litellm_params: {{model: openai/m, api_base: \"{}\", api_key: sk-up, \
         input_cost_per_token: 0, output_cost_per_token: 0.001}}}}\n",
        upstream.url()
    );
    let settings = format!(
        "general_settings: {{master_key: {}, database_url: \"{}\", alerting: [slack, webhook]}}\n",
        crate::support::KEY,
        database.postgres_url(),
    );
    let launch = Launch::with_config(&config(&[model], &settings));
    let launch = launch.env("SLACK_WEBHOOK_URL", &format!("{}/services/canary-secret", slack.root()));
    launch.env("WEBHOOK_URL", &format!("{}/hook?token=canary-secret", webhook.root())).start().await
}

async fn spend(gateway: &Gateway, key: &str, cents: usize) {
    for _ in 0..cents {
        let messages = [json!({"role": "user", "content": "hi"})];
        let body = json!({"model": "m", "max_tokens": 10, "messages": messages});
        let response = gateway.call(&Request::chat(&body).key(key)).await;
        assert_eq!(response.status, 200, "{}", response.text());
    }
}

fn events(webhook: &Upstream) -> Vec<Value> {
    webhook.received().iter().map(|received| received.json()).collect()
}

#[tokio::test]
async fn a_crossed_budget_is_told_once() {
    let (upstream, database) = (upstream().await, Server::postgres().await);
    // The first try is refused for a reason that passes.
    let ok = Reply::json(200, &json!({}));
    let (slack, webhook) = (Upstream::start([ok.clone()]).await, Upstream::start([Reply::error(503, "x"), ok]).await);
    let one = node(&upstream, &database, &slack, &webhook).await;
    let two = node(&upstream, &database, &slack, &webhook).await;
    let body = json!({"key_alias": "ours", "max_budget": 0.06, "soft_budget": 0.02, "team_id": "red"});
    one.call(&Request::post("/team/new", &json!({"team_id": "red", "team_alias": "Reds"}))).await;
    let made = one.call(&Request::post("/key/generate", &body)).await.json();
    let key = made["key"].as_str().unwrap();

    // Both know of the key, and hear of what the other has spent.
    spend(&two, key, 1).await;
    spend(&one, key, 1).await;
    webhook.has_received(2).await;
    slack.has_received(1).await;
    let [first, again] = &events(&webhook)[..] else { panic!("{:?}", events(&webhook)) };
    assert_eq!(first, again, "the same once more");
    assert_eq!((&first["event"], &first["event_group"]), (&json!("soft_budget_crossed"), &json!("key")));
    assert_eq!((&first["token"], &first["key_alias"]), (&made["token"], &json!("ours")));
    assert_eq!((&first["soft_budget"], &first["max_budget"]), (&json!(0.02), &json!(0.06)));
    assert_eq!((&first["team_id"], &first["user_id"]), (&json!("red"), &Value::Null));
    let text = slack.last().json()["text"].as_str().unwrap().to_owned();
    assert!(text.contains("Soft Budget Crossed") && text.contains("key_alias: ours"), "{text}");

    webhook.forget();
    spend(&one, key, 4).await;
    webhook.has_received(1).await;
    slack.has_received(2).await;
    let crossed = webhook.last().json();
    assert_eq!((&crossed["event"], &crossed["spend"]), (&json!("budget_crossed"), &json!(0.06)));
    assert!(crossed["event_message"].as_str().unwrap().starts_with("Key Budget: Budget Crossed"), "{crossed}");

    // What is set back may be crossed again, and then is told again: once more for each limit.
    let path = format!("/key/{key}/reset_spend");
    assert_eq!(one.call(&Request::post(&path, &json!({"reset_to": 0}))).await.status, 200);
    webhook.forget();
    eventually_async("the budget to be free", async || {
        let messages = [json!({"role": "user", "content": "hi"})];
        let body = json!({"model": "m", "max_tokens": 10, "messages": messages});
        (two.call(&Request::chat(&body).key(key)).await.status == 200).then_some(())
    })
    .await;
    spend(&one, key, 1).await;
    webhook.has_received(1).await;
    assert_eq!(webhook.last().json()["event"], "soft_budget_crossed");
    for gateway in [&one, &two] {
        assert!(!gateway.output().contains("canary-secret"), "{}", gateway.output());
    }
    let sent = async |gateway: &Gateway| gateway.metric("tollgate_alerts_sent_total").await.unwrap();
    slack.has_received(3).await;
    eventually_async("all to be counted", async || (sent(&one).await + sent(&two).await >= 6.0).then_some(())).await;
    assert_eq!((webhook.count(), slack.count()), (1, 3));
}
