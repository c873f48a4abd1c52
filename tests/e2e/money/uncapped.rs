//! Requests that cap nothing: let in as long as anything is left of each budget, however little, and none after.

use super::*;

/// Output tokens of each answer, whatever is asked for.
fn ten_tokens(_: &Received) -> Reply {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 5, "completion_tokens": TOKENS, "total_tokens": 15});
    Reply::json(
        200,
        &json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}),
    )
}

fn uncapped(key: &str) -> Request {
    Request::chat(&json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]})).key(key)
}

async fn free_upstream() -> Upstream {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(ten_tokens);
    upstream
}

/// The first call of a key with so little is answered, the second refused, and what the first cost is all that is spent.
async fn only_the_first(gateway: &Gateway, key: &str, what: &str) {
    let first = gateway.call(&uncapped(key)).await;
    assert_eq!(first.status, 200, "{what}: {}", first.text());
    let second = gateway.call(&uncapped(key)).await;
    assert!(is_refused(&second, "budget_exceeded"), "{what}: {} {}", second.status, second.text());
    assert!(second.text().contains("Budget has been exceeded!"), "{what}: {}", second.text());
    let is_told = async || ((shown(gateway, key).await - 0.01).abs() < 1e-9).then_some(());
    eventually_async("the cent to be told", is_told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_call_on_a_crumb_is_answered() {
    let upstream = free_upstream().await;
    let gateway = gateway(&upstream, None, None).await;
    for crumb in [1e-7, 5e-10, 1e-12] {
        let key = new_key(&gateway, &json!({"max_budget": crumb})).await;
        // A call that says how much it may cost is held to it.
        assert!(is_refused(&gateway.call(&cent(&key)).await, "budget_exceeded"));
        only_the_first(&gateway, &key, &crumb.to_string()).await;
    }
    let windows =
        json!([{"budget_duration": "1d", "max_budget": 2e-7}, {"budget_duration": "30d", "max_budget": 1e-7}]);
    let key = new_key(&gateway, &json!({"max_budget": 3e-7, "budget_limits": windows})).await;
    only_the_first(&gateway, &key, "three budgets of one key").await;
    let team = gateway.call(&Request::post("/team/new", &json!({"max_budget": 1e-9}))).await.json();
    let key = new_key(&gateway, &json!({"team_id": team["team_id"], "max_budget": 1e-6})).await;
    only_the_first(&gateway, &key, "key and team").await;
    let key = new_key(&gateway, &json!({"max_budget": 0})).await;
    assert!(is_refused(&gateway.call(&uncapped(&key)).await, "budget_exceeded"), "nothing is not a crumb");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_each_takes_what_is_left_and_none_comes_after() {
    let upstream = free_upstream().await;
    let gateway = gateway(&upstream, None, None).await;
    let key = new_key(&gateway, &json!({"max_budget": 1e-7})).await;
    let calls = (0..20).map(|_| uncapped(&key)).collect::<Vec<_>>();
    let answers = futures::future::join_all(calls.iter().map(|call| gateway.call(call))).await;
    let accepted = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(answers.iter().all(|answer| answer.status == 200 || is_refused(answer, "budget_exceeded")));
    // The first of them takes all that is left.
    assert_eq!(accepted, 1);
    assert!(is_refused(&gateway.call(&uncapped(&key)).await, "budget_exceeded"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_call_on_a_shared_crumb_is_answered() {
    let (upstream, database, redis) = (free_upstream().await, Server::postgres().await, Server::redis().await);
    let first = gateway(&upstream, Some(&database), Some(&redis)).await;
    let second = gateway(&upstream, Some(&database), Some(&redis)).await;
    for gateway in [&first, &second] {
        gateway.metric_is("tollgate_nodes", 2.0).await;
    }
    for crumb in [1e-7, 5e-10] {
        let key = new_key(&first, &json!({"max_budget": crumb})).await;
        only_the_first(&first, &key, &crumb.to_string()).await;
        let is_heard = async || is_refused(&second.call(&uncapped(&key)).await, "budget_exceeded").then_some(());
        eventually_async("the other gateway to hear of it", is_heard).await;
    }
}
