//! What providers and deployments may cost, whoever calls.

use futures::future::join_all;

use super::*;

const DOLLAR: i64 = 100 * CENT;

/// One deployment at the upstream, of which a call of [`TOKENS`] costs a cent; more members of `litellm_params`.
fn entry(name: &str, upstream: &Upstream, extra: &str) -> String {
    format!(
        "  - {{model_name: {name}, litellm_params: {{model: openai/m, api_base: \"{}\", api_key: sk-up, \
         input_cost_per_token: 0, output_cost_per_token: 0.001{extra}}}, model_info: {{id: {name}-{}}}}}\n",
        upstream.url(),
        extra.len(),
    )
}

async fn serve(entries: &[String], router: &str, more: &str) -> Gateway {
    let settings = format!(
        "general_settings: {{master_key: {}}}\nrouter_settings: {{num_retries: 0, disable_cooldowns: true, {router}}}\n{more}",
        crate::support::KEY
    );
    Gateway::start(&config(entries, &settings)).await
}

fn ask(model: &str, words: &str, stream: bool) -> Request {
    let messages = [json!({"role": "user", "content": words})];
    Request::chat(&json!({"model": model, "max_tokens": TOKENS, "stream": stream, "messages": messages}))
}

fn message(response: &Response) -> String {
    response.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

/// What `/provider/budgets` says.
async fn provider(gateway: &Gateway, name: &str) -> Value {
    gateway.call(&Request::get("/provider/budgets")).await.json()["providers"][name].clone()
}

/// Calls that all begin at once: how many were answered. Who was not hears that the budget is crossed.
async fn answered(gateways: &[&Gateway], count: usize) -> usize {
    let calls = (0..count).map(|number| async move {
        let response = gateways[number % gateways.len()].call(&ask("m", "hi", number % 3 == 0)).await;
        if response.status != 200 {
            assert!([429, 503].contains(&response.status), "{}", response.text());
            assert!(gateways.len() > 1 || message(&response).starts_with("No deployments available - crossed budget"));
        }
        response.status
    });
    join_all(calls).await.into_iter().filter(|status| *status == 200).count()
}

const OPENAI_DOLLAR: &str = "provider_budget_config: {openai: {budget_limit: 1.0, time_period: 30d}}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_providers_dollar_is_spent_to_the_cent_and_stays_spent() {
    let upstream = upstream().await;
    let settings = format!("routing_strategy: provider-budget-routing, {OPENAI_DOLLAR}");
    let mut gateway = serve(&[entry("m", &upstream, ""), entry("m", &upstream, ", weight: 3")], &settings, "").await;
    assert_eq!(answered(&[&gateway], 300).await, 100);
    assert_eq!(upstream.count(), 100, "nobody is asked without money");
    let refused = gateway.call(&ask("m", "hi", false)).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (429, &json!("429")), "{}", refused.text());
    assert_eq!(
        message(&refused).lines().next().unwrap(),
        "No deployments available - crossed budget: Exceeded budget for provider openai: 1.0 >= 1.0"
    );
    let shown = provider(&gateway, "openai").await;
    assert_eq!(
        (&shown["budget_limit"], &shown["time_period"], &shown["spend"]),
        (&json!(1.0), &json!("30d"), &json!(1.0))
    );
    assert!(shown["budget_reset_at"].as_str().unwrap().ends_with("T00:00:00+00:00"), "{shown}");
    gateway.metric_is("litellm_provider_remaining_budget_metric{api_provider=\"openai\"}", 0.0).await;
    // It outlives a kill.
    gateway.kill();
    gateway.start_again().await;
    assert_eq!(answered(&[&gateway], 5).await, 0);
    assert_eq!(provider(&gateway, "openai").await["spend"], json!(1.0));
    let store = store_of(&gateway, None);
    let counters = store.counters_of(&[("provider", "openai")]).await.unwrap();
    assert_eq!(counters.iter().map(|counter| counter.spent).collect::<Vec<_>>(), [DOLLAR]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_broke_or_was_left_holds_nothing() {
    let upstream = upstream().await;
    let gateway = serve(&[entry("m", &upstream, "")], OPENAI_DOLLAR, "").await;
    let calls = (0..90).map(|number| {
        let gateway = &gateway;
        async move {
            let request = match number % 3 {
                0 => ask("m", "fails", false),
                1 => ask("m", "breaks", true),
                _ => ask("m", "hi", true),
            };
            let mut client = gateway.connect().await;
            client.send(&request).await;
            if number % 4 != 0 {
                drop(client.response_or_end().await);
            }
        }
    });
    join_all(calls).await;
    let store = store_of(&gateway, None);
    let rest = |tokens: u64| {
        Request::chat(&json!({"model": "m", "max_tokens": tokens, "messages": [{"role": "user", "content": "hi"}]}))
    };
    // What is spent is what the books say, once all is counted; the rest is there, and no more.
    eventually_async("the rest to be admitted", async || {
        let page = LogPage { order: LogOrder::Started, ascending: true, offset: 0, limit: 1_000 };
        let booked = sum(&store.spend_logs(&LogFilter::default(), page).await.unwrap());
        let left = u64::try_from((DOLLAR - booked) / TOKEN).unwrap();
        let is_known = booked > 0 && gateway.call(&rest(left + 1)).await.status == 429;
        (is_known && gateway.call(&rest(left)).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(provider(&gateway, "openai").await["spend"], json!(1.0));
    assert_eq!(gateway.call(&rest(1)).await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_money_left_takes_over() {
    let (dear, cheap, other) = (upstream().await, upstream().await, upstream().await);
    let entries = [
        entry("m", &dear, ", max_budget: 0.03, budget_duration: 1mo"),
        entry("m", &cheap, ", order: 2, max_budget: 0.02, budget_duration: 1mo"),
        entry("n", &other, ""),
    ];
    let gateway = serve(&entries, "fallbacks: [{m: [n]}], max_fallbacks: 5", "").await;
    for _ in 0..9 {
        assert_eq!(gateway.call(&ask("m", "hi", false)).await.status, 200);
    }
    assert_eq!((dear.count(), cheap.count(), other.count()), (3, 2, 4));
    let alone = Request::chat(&json!({"model": "m", "max_tokens": TOKENS, "disable_fallbacks": true,
        "messages": [{"role": "user", "content": "hi"}]}));
    let refused = gateway.call(&alone).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    let told = message(&refused);
    let expected = "Exceeded budget for deployment model_name: m, litellm_params.model: openai/m, model_id: m-";
    assert_eq!(told.matches(expected).count(), 2, "{told}");
    assert!(told.contains(": 0.03 >= 0.03\n") && told.contains(": 0.02 >= 0.02\n"), "{told}");
    // What does not fit any more does not stop what fits.
    let gateway = serve(&[entry("m", &dear, ", max_budget: 0.015")], "", "").await;
    assert_eq!(gateway.call(&ask("m", "hi", false)).await.status, 200);
    assert_eq!(gateway.call(&ask("m", "hi", false)).await.status, 429);
    assert_eq!(gateway.call(&call(crate::support::KEY, TOKENS / 2, "hi", false)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_of_a_broken_answer_is_paid_by_its_own_deployment() {
    let (first, second) = (upstream().await, Upstream::start([]).await);
    let mut counted = usage_chunk();
    counted["usage"] = json!({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12});
    let words = [chunk("some words"), chunk(" and more"), counted].map(Step::event);
    second.now_answers([Reply::stream(words.into_iter().chain([Step::event("[DONE]"), Step::end()]))]);
    let entries = [
        entry("m", &first, ", order: 1, max_budget: 1.0"),
        entry("m", &second, ", order: 2, budget_duration: 1mo, max_budget: 1.0"),
    ];
    let gateway = serve(&entries, OPENAI_DOLLAR, "").await;
    let answer = gateway.call(&ask("m", "breaks", true)).await;
    assert!(answer.text().ends_with("[DONE]\n\n"), "{}", answer.text());
    let store = store_of(&gateway, None);
    let rows = eventually_async("both parts in the books", async || {
        let page = LogPage { order: LogOrder::Started, ascending: true, offset: 0, limit: 10 };
        let rows = store.spend_logs(&LogFilter::default(), page).await.unwrap();
        (rows.len() == 2).then_some(rows)
    })
    .await;
    for row in &rows {
        let counters = store.counters_of(&[("deployment", &row.model_id)]).await.unwrap();
        let spent: Vec<i64> = counters.iter().map(|counter| counter.spent).collect();
        assert_eq!(spent, [row.cost], "{}", row.model_id);
        assert!(row.cost > 0);
    }
    let shown = provider(&gateway, "openai").await["spend"].as_f64().unwrap();
    assert!((shown - sum(&rows) as f64 / 1e12).abs() < 1e-9, "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_of_a_broken_answer_is_of_the_model_that_gave_it() {
    let (first, second) = (upstream().await, Upstream::start([]).await);
    let entries = [entry("m", &first, ""), entry("n", &second, "")];
    let gateway = serve(&entries, "fallbacks: [{m: [n]}]", "").await;
    let store = store_of(&gateway, None);
    let words = [chunk("some words"), chunk(" and more"), usage_chunk()].map(Step::event);
    let goes_on = Reply::stream(words.into_iter().chain([Step::event("[DONE]"), Step::end()]));
    let all = [("m", "m-0"), ("n", "n-0"), ("m", "m-0")];
    for (reply, is_whole, expected) in [(goes_on, true, &all[..2]), (Reply::error(500, "scripted"), false, &all[..])] {
        second.now_answers([reply]);
        let answer = gateway.call(&ask("m", "breaks", true)).await;
        assert_eq!(answer.text().ends_with("[DONE]\n\n"), is_whole, "{}", answer.text());
        let rows = eventually_async("all parts in the books", async || {
            let page = LogPage { order: LogOrder::Started, ascending: true, offset: 0, limit: 10 };
            let rows = store.spend_logs(&LogFilter::default(), page).await.unwrap();
            (rows.len() == expected.len()).then_some(rows)
        })
        .await;
        let mut found: Vec<(&str, &str)> = rows.iter().map(|row| (&*row.model_group, &*row.model_id)).collect();
        let mut expected = expected.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_is_added_later_has_its_budget() {
    let upstream = upstream().await;
    let mut gateway = serve(&[entry("n", &upstream, "")], "", "").await;
    let model = json!({"model_name": "m", "model_info": {"id": "added"}, "litellm_params": {"model": "openai/m",
        "api_base": upstream.url(), "api_key": "sk-up", "input_cost_per_token": 0, "output_cost_per_token": 0.001,
        "max_budget": 0.02, "budget_duration": "30d"}});
    assert_eq!(gateway.call(&Request::post("/model/new", &model)).await.status, 200);
    assert_eq!(answered(&[&gateway], 6).await, 2);
    gateway.kill();
    gateway.start_again().await;
    assert_eq!(answered(&[&gateway], 3).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tags_budget_is_the_routers() {
    let upstream = upstream().await;
    let tags = "litellm_settings: {tag_budget_config: {\"product:chat\": {max_budget: 0.02, budget_duration: 1d}}}\n";
    let gateway = serve(&[entry("m", &upstream, "")], "", tags).await;
    let tagged = |tag: &str| ask("m", "hi", false).header("x-litellm-tags", tag);
    for _ in 0..2 {
        assert_eq!(gateway.call(&tagged("product:chat")).await.status, 200);
    }
    let refused = gateway.call(&tagged("other,product:chat")).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(
        message(&refused),
        "No deployments available - crossed budget: Exceeded budget for tag='product:chat', tag_spend=0.02, tag_budget_limit=0.02\n"
    );
    assert_eq!(gateway.call(&tagged("other")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_share_a_providers_dollar() {
    let (upstream, database, redis) = (upstream().await, Server::postgres().await, Server::redis().await);
    let settings = format!(
        "general_settings: {{master_key: {}, database_url: \"{}\", redis_url: \"{}\"}}\n\
         router_settings: {{num_retries: 0, disable_cooldowns: true, {OPENAI_DOLLAR}}}\n",
        crate::support::KEY,
        database.postgres_url(),
        redis.redis_url(),
    );
    let text = config(&[entry("m", &upstream, "")], &settings);
    let (first, second) = (Gateway::start(&text).await, Gateway::start(&text).await);
    for gateway in [&first, &second] {
        gateway.metric_is("tollgate_nodes", 2.0).await;
    }
    let accepted = answered(&[&first, &second], 300).await;
    assert!(accepted <= 100, "{accepted}");
    // What one of them has borrowed and not used comes back, but for less than a call's price that each may hold while
    // it is asked for more.
    let all = eventually_async("the dollar to be spent", async || {
        let status = first.call(&ask("m", "hi", false)).await.status;
        let _second = second.call(&ask("m", "hi", false)).await.status;
        assert!(upstream.count() <= 100, "{}", upstream.count());
        (upstream.count() >= 98 && status == 429).then_some(upstream.count())
    })
    .await;
    assert!((98..=100).contains(&all), "{all}");
}

/// Nobody knows what is left while Redis is away: that is no budget that was crossed, and who has none goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_nobody_says_that_a_budget_is_crossed() {
    let (upstream, mut redis) = (upstream().await, Server::redis().await);
    let settings = format!(
        "general_settings: {{master_key: {}, redis_url: \"{}\"}}\n\
         router_settings: {{num_retries: 0, disable_cooldowns: true, {OPENAI_DOLLAR}}}\n",
        crate::support::KEY,
        redis.redis_url(),
    );
    let free = entry("n", &upstream, ", order: 22").replace("openai/m", "groq/m");
    let entries = [entry("m", &upstream, ""), entry("n", &upstream, ", order: 1"), free];
    let gateway = Gateway::start(&config(&entries, &settings)).await;
    gateway.metric_is("tollgate_redis_up", 1.0).await;
    assert_eq!(gateway.call(&ask("m", "hi", false)).await.status, 200);
    let most = |model: &str| {
        let messages = [json!({"role": "user", "content": "hi"})];
        Request::chat(&json!({"model": model, "max_tokens": 90 * TOKENS, "messages": messages}))
    };
    // It hangs, then it is known to be away, then it is gone.
    redis.signal("STOP");
    for is_gone in [false, false, false, true] {
        if is_gone {
            // A kill ends who is stopped, too. Were it woken first, it would answer what it was asked meanwhile.
            redis.stop();
        }
        let refused = gateway.call(&most("m")).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(!message(&refused).contains("crossed budget"), "{}", refused.text());
        assert_eq!(gateway.call(&most("n")).await.status, 200);
    }
}
