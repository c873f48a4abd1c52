//! A dearer model than the first one takes over: what it may cost is set aside before it is asked.

use super::*;

/// A cheap model whose upstream fails, and one that costs a cent and takes over.
async fn two(upstream: &Upstream) -> Gateway {
    let entry = |name: &str, dollars: f64| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: openai/{name}, api_base: \"{}\", api_key: sk-up, \
             input_cost_per_token: 0, output_cost_per_token: {dollars}}}}}\n",
            upstream.url()
        )
    };
    let settings = format!(
        "general_settings: {{master_key: {}}}\nrouter_settings:\n  num_retries: 0\n  disable_cooldowns: true\n  \
         fallbacks: [{{cheap: [dear]}}]\n",
        crate::support::KEY
    );
    Gateway::start(&config(&[entry("cheap", 1e-9), entry("dear", 0.001)], &settings)).await
}

fn cheap_fails(received: &Received) -> Reply {
    if received.json()["model"] == "cheap" { Reply::error(500, "scripted") } else { reply(received) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_fall_back_at_once_stay_within_the_budget() {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(cheap_fails);
    let gateway = two(&upstream).await;
    let key = new_key(&gateway, &json!({"max_budget": 0.05})).await;
    let request = {
        let messages = [json!({"role": "user", "content": "hi"})];
        Request::chat(&json!({"model": "cheap", "max_tokens": TOKENS, "messages": messages})).key(&key)
    };
    let calls = (0..40).map(|_| gateway.call(&request));
    let answers = futures::future::join_all(calls).await;
    let answered = answers.iter().filter(|response| response.status == 200).count();
    assert!((1..=5).contains(&answered), "{answered} of a cent each for five cents");
    for refused in answers.iter().filter(|response| response.status != 200) {
        let error = refused.text();
        assert!(refused.status == 500 && error.contains("scripted"), "{} {error}", refused.status);
    }
    let store = store_of(&gateway, None);
    let is_there = async || (counted(&store, &key).await == answered as i64 * CENT).then_some(());
    eventually_async("the ledger to say so too", is_there).await;
    // Nothing stays set aside: what is left can be spent.
    for number in answered..5 {
        let response = gateway.call(&request).await;
        assert_eq!(response.status, 200, "{number}: {}", response.text());
    }
    assert_ne!(gateway.call(&request).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_fallback_asks_for_is_what_is_set_aside() {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(cheap_fails);
    let gateway = two(&upstream).await;
    let key = new_key(&gateway, &json!({"max_budget": 0.05})).await;
    let ask = |tokens: u64| {
        let messages = [json!({"role": "user", "content": "hi"})];
        let fallbacks = json!([{"model": "dear", "max_tokens": tokens}]);
        let body = json!({"model": "cheap", "max_tokens": 1, "messages": messages, "fallbacks": fallbacks});
        Request::chat(&body).key(&key)
    };
    let refused = gateway.call(&ask(100)).await;
    assert_eq!(refused.status, 500, "the first model's failure is told: {}", refused.text());
    assert_eq!(shown(&gateway, &key).await, 0.0);
    let answered = gateway.call(&ask(40)).await;
    assert_eq!(answered.status, 200, "{}", answered.text());
}
