//! Which deployment a strategy, the request's needs and its past lead to.

mod tags;

use serde_json::{Value, json};

use crate::support::openai::{UPSTREAM_MODEL, answer, ask, config, deployment, hello};
use crate::support::{Gateway, Reply, Request, Response, Upstream};

/// Two upstreams, each one deployment of the group `gpt`: what is said in `litellm_params` and in `model_info`.
async fn pair(first: (&str, &str), second: (&str, &str), settings: &str) -> (Upstream, Upstream, Gateway) {
    let (one, two) = (Upstream::start([hello()]).await, Upstream::start([hello()]).await);
    let entries = [entry(&one, first), entry(&two, second)];
    let gateway = Gateway::start(&config(&entries, settings)).await;
    (one, two, gateway)
}

fn entry(upstream: &Upstream, (params, info): (&str, &str)) -> String {
    let comma = if params.is_empty() { "" } else { ", " };
    format!(
        "  - {{model_name: gpt, litellm_params: {{model: openai/{UPSTREAM_MODEL}, api_base: \"{}\", \
         api_key: sk-upstream{comma}{params}}}, model_info: {{{info}}}}}\n",
        upstream.url()
    )
}

fn by(strategy: &str) -> String {
    format!("router_settings: {{routing_strategy: {strategy}, num_retries: 0}}")
}

async fn call(gateway: &Gateway, body: &Value) -> Response {
    gateway.call(&Request::chat(body)).await
}

async fn call_many(gateway: &Gateway, body: &Value, count: usize) {
    for _ in 0..count {
        let response = call(gateway, body).await;
        assert_eq!(response.status, 200, "{}", response.text());
    }
}

fn message(response: &Response) -> String {
    response.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn round_robin_gives_exact_shares() {
    let settings = by("weighted_round_robin");
    let (one, two, gateway) = pair(("weight: 3", ""), ("weight: 1", ""), &settings).await;
    call_many(&gateway, &ask("gpt"), 20).await;
    assert_eq!((one.count(), two.count()), (15, 5));
}

#[tokio::test]
async fn round_robin_goes_over_the_groups_of_a_tutorial() {
    let (us, eu) = (Upstream::start([hello()]).await, Upstream::start([hello()]).await);
    let entries = [deployment("gpt-4-us", &us, ""), deployment("gpt-4-eu", &eu, "")];
    let settings = "router: {type: weighted_round_robin, weights: {gpt-4-us: 0.6, gpt-4-eu: 0.4}}";
    let gateway = Gateway::start(&config(&entries, settings)).await;
    call_many(&gateway, &ask(UPSTREAM_MODEL), 10).await;
    assert_eq!((us.count(), eu.count()), (6, 4));
}

#[tokio::test]
async fn a_group_of_groups_is_chosen_from_by_the_strategy_and_fails_over() {
    let (dear, cheap) = (Upstream::start([hello()]).await, Upstream::start([hello()]).await);
    let entries = [
        deployment("dear", &dear, "input_cost_per_token: 0.00001"),
        deployment("cheap", &cheap, "input_cost_per_token: 0.000001"),
    ];
    let settings = "router_settings: {routing_strategy: least-cost, model_group_alias: {both: [dear, cheap]}}";
    let gateway = Gateway::start(&config(&entries, settings)).await;
    call_many(&gateway, &ask("both"), 10).await;
    assert_eq!((dear.count(), cheap.count()), (0, 10));
    cheap.now_answers([Reply::error(500, "broken")]);
    assert_eq!(call(&gateway, &ask("both")).await.status, 200);
    assert_eq!(dear.count(), 1);
}

#[tokio::test]
async fn the_cheapest_is_chosen() {
    // What is said in the file, in a tutorial's metadata, or known of the model.
    let cases = [
        ("input_cost_per_token: 0.00002", "input_cost_per_token: 0.00001"),
        ("metadata: {cost: 0.03}", "metadata: {cost: 0.0005}"),
        ("input_cost_per_token: 0.1", ""),
    ];
    for (dear, cheap) in cases {
        let (one, two, gateway) = pair((dear, ""), (cheap, ""), &by("cost-based-routing")).await;
        call_many(&gateway, &ask("gpt"), 10).await;
        assert_eq!((one.count(), two.count()), (0, 10), "{dear:?} against {cheap:?}");
    }
}

#[tokio::test]
async fn nobody_gets_more_than_its_limit() {
    for strategy in ["usage-based-routing", "usage-based-routing-v2", "cost-based-routing", "latency-based-routing"] {
        // A new minute in between would begin at zero: then once more.
        for round in 0.. {
            let (one, two, gateway) = pair(("rpm: 2", ""), ("rpm: 1", ""), &by(strategy)).await;
            let before = minute();
            call_many(&gateway, &ask("gpt"), 3).await;
            let response = call(&gateway, &ask("gpt")).await;
            if before != minute() && round < 2 {
                continue;
            }
            assert_eq!((one.count(), two.count(), response.status), (2, 1, 429), "{strategy}");
            assert!(message(&response).contains("No deployments available for selected model"), "{}", response.text());
            let pause: u64 = response.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&pause), "{pause}");
            break;
        }
    }
}

fn minute() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 60
}

#[tokio::test]
async fn the_least_used_is_chosen() {
    let (one, two, gateway) = pair(("", ""), ("", ""), &by("usage-based-routing-v2")).await;
    let mut heavy = answer("Hello");
    heavy["usage"]["total_tokens"] = json!(1_000_000);
    one.now_answers([Reply::json(200, &heavy)]);
    call_many(&gateway, &ask("gpt"), 30).await;
    // One finds out; one more if a new minute begins.
    assert!(one.count() <= 2 && two.count() >= 28, "{} and {}", one.count(), two.count());
}

#[tokio::test]
async fn tokens_have_limits_too() {
    let settings = by("usage-based-routing-v2");
    let (one, two, gateway) = pair(("tpm: 20", ""), ("tpm: 1000000", ""), &settings).await;
    let mut long = ask("gpt");
    long["messages"][0]["content"] = "many words ".repeat(100).into();
    call_many(&gateway, &long, 5).await;
    assert_eq!((one.count(), two.count()), (0, 5));
}

#[tokio::test]
async fn who_says_that_nothing_is_left_is_left_alone() {
    let families = [
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "6m0s"),
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", "120s"),
        ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset", "2999-01-01T00:00:00Z"),
    ];
    for strategy in ["simple-shuffle", "rate-limit-aware", "least-busy"] {
        for (remaining, reset, until) in families {
            let (one, two, gateway) = pair(("", ""), ("", ""), &by(strategy)).await;
            one.now_answers([hello().header(remaining, "0").header(reset, until)]);
            two.now_answers([hello().header(remaining, "900")]);
            call_many(&gateway, &ask("gpt"), 30).await;
            assert!(one.count() <= 1 && two.count() >= 29, "{strategy} {remaining}: {}", one.count());
        }
    }
}

#[tokio::test]
async fn a_prompt_goes_where_it_fits() {
    let settings = "router_settings: {enable_pre_call_checks: true, num_retries: 0}";
    let (small, large, gateway) = pair(("", "max_input_tokens: 100"), ("", "max_input_tokens: 10000"), settings).await;
    let prompt = |words: usize| {
        let mut body = ask("gpt");
        body["messages"][0]["content"] = "word ".repeat(words).into();
        body
    };
    call_many(&gateway, &prompt(1_000), 10).await;
    assert_eq!((small.count(), large.count()), (0, 10));
    let response = call(&gateway, &prompt(20_000)).await;
    assert_eq!(response.status, 400);
    let text = message(&response);
    assert!(text.starts_with("litellm.ContextWindowExceededError: "), "{text}");
    assert!(
        text.contains("Context Window exceeded for given call") && text.contains("Max Input Tokens=10000"),
        "{text}"
    );
    assert_eq!(small.count() + large.count(), 10);
    // A picture is no text.
    let mut picture = ask("gpt");
    let data = format!("data:image/png;base64,{}", "A".repeat(200_000));
    picture["messages"][0]["content"] = json!([{"type": "image_url", "image_url": {"url": data}}]);
    call_many(&gateway, &picture, 1).await;
}

#[tokio::test]
async fn who_can_do_what_is_asked_is_preferred() {
    let blind = "supports_vision: false, supports_function_calling: true";
    let seeing = "capabilities: [vision], supports_function_calling: false";
    for strategy in ["capability-based", "least-busy", "weighted_round_robin"] {
        let (one, two, gateway) = pair(("", blind), ("", seeing), &by(strategy)).await;
        let mut picture = ask("gpt");
        picture["messages"][0]["content"] = json!([{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]);
        call_many(&gateway, &picture, 10).await;
        assert_eq!((one.count(), two.count()), (0, 10), "{strategy}");
        let mut tools = ask("gpt");
        tools["tools"] = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
        call_many(&gateway, &tools, 10).await;
        assert_eq!((one.count(), two.count()), (10, 10), "{strategy}");
    }
}

#[tokio::test]
async fn long_prompts_and_dear_requests_have_their_own_ways() {
    let settings = "router: {type: latency, context_threshold: 1000, cost_threshold: 0.01}";
    let small = ("input_cost_per_token: 0.000001, output_cost_per_token: 0.000001", "max_input_tokens: 8000");
    let large = ("input_cost_per_token: 0.0001, output_cost_per_token: 0.0001", "max_input_tokens: 100000");
    let (one, two, gateway) = pair(small, large, settings).await;
    let mut long = ask("gpt");
    long["messages"][0]["content"] = "word ".repeat(2_000).into();
    call_many(&gateway, &long, 5).await;
    assert_eq!((one.count(), two.count()), (0, 5), "the largest window");
    let mut dear = ask("gpt");
    dear["max_tokens"] = json!(500);
    call_many(&gateway, &dear, 10).await;
    assert_eq!((one.count(), two.count()), (10, 5), "five cents at the one, a twentieth of one at the other");
}

#[tokio::test]
async fn a_session_stays_with_its_deployment() {
    let settings = "router_settings: {optional_pre_call_checks: [session_affinity]}";
    let (one, two, gateway) = pair(("", ""), ("", ""), settings).await;
    let body = |place: &str, id: &str| {
        let mut body = ask("gpt");
        match place {
            "body" => body["litellm_session_id"] = json!(id),
            "metadata" => body["metadata"] = json!({"session_id": id}),
            "user" => body["metadata"] = json!({"user_id": format!("user_x_account__session_{id}")}),
            _ => {}
        }
        body
    };
    for place in ["body", "metadata", "user", "header"] {
        for session in 0..8 {
            one.forget();
            two.forget();
            let id = format!("{place}-{session}");
            let mut request = Request::chat(&body(place, &id));
            if place == "header" {
                request = request.header("x-litellm-session-id", &id);
            }
            for _ in 0..4 {
                assert_eq!(gateway.call(&request).await.status, 200);
            }
            let counts = (one.count(), two.count());
            assert!(counts == (4, 0) || counts == (0, 4), "{place} {session}: {counts:?}");
        }
    }
    one.forget();
    two.forget();
    for session in 0..60 {
        call_many(&gateway, &body("body", &format!("many-{session}")), 1).await;
    }
    assert!(one.count() > 5 && two.count() > 5, "sessions spread: {} and {}", one.count(), two.count());
}

#[tokio::test]
async fn a_session_leaves_a_deployment_that_fails() {
    let settings = "router_settings: {optional_pre_call_checks: [session_affinity], cooldown_time: 60}";
    let (one, two, gateway) = pair(("", ""), ("", ""), settings).await;
    let mut body = ask("gpt");
    body["litellm_session_id"] = json!("s");
    call_many(&gateway, &body, 1).await;
    let (first, second) = if one.count() == 1 { (&one, &two) } else { (&two, &one) };
    first.now_answers([Reply::error(429, "slow down")]);
    call_many(&gateway, &body, 5).await;
    assert_eq!((first.count(), second.count()), (2, 5), "one call finds out, and is answered by the other");
}

#[tokio::test]
async fn a_prompt_goes_where_its_beginning_is_cached() {
    let settings = "router_settings: {optional_pre_call_checks: [prompt_caching]}";
    let (one, two, gateway) = pair(("", ""), ("", ""), settings).await;
    let conversation = |number: usize, turns: usize| {
        let mut body = ask("gpt");
        let system = format!("{number} {}", "rules ".repeat(1_000));
        let mut messages = vec![json!({"role": "system", "content": system}), json!({"role": "user", "content": "hi"})];
        messages.extend((0..turns).map(|turn| json!({"role": "user", "content": format!("turn {turn}")})));
        body["messages"] = messages.into();
        body
    };
    for number in 0..8 {
        one.forget();
        two.forget();
        for turns in 0..4 {
            call_many(&gateway, &conversation(number, turns), 1).await;
        }
        let counts = (one.count(), two.count());
        assert!(counts == (4, 0) || counts == (0, 4), "{number}: {counts:?}");
    }
    let marked = |question: usize| {
        let system = json!([{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]);
        let mut body = ask("gpt");
        body["messages"] = json!([{"role": "system", "content": system},
            {"role": "user", "content": format!("question {question}")}]);
        body
    };
    one.forget();
    two.forget();
    for question in 0..8 {
        call_many(&gateway, &marked(question), 1).await;
    }
    let counts = (one.count(), two.count());
    assert!(counts == (8, 0) || counts == (0, 8), "{counts:?}");
    one.forget();
    two.forget();
    call_many(&gateway, &ask("gpt"), 40).await;
    assert!(one.count() > 3 && two.count() > 3, "short prompts spread");
}

#[tokio::test]
async fn a_keys_affinity_may_be_one_groups_own() {
    let settings = "router_settings: {model_group_affinity_config: {gpt: [deployment_affinity]}}";
    let (one, two, gateway) = pair(("", ""), ("", ""), settings).await;
    call_many(&gateway, &ask("gpt"), 20).await;
    let counts = (one.count(), two.count());
    assert!(counts == (20, 0) || counts == (0, 20), "{counts:?}");
}

#[tokio::test]
async fn confidence_chooses_the_kind_of_deployment() {
    let (local, deep, gateway) = pair(("", "type: local"), ("", "type: deep"), &by("lar1")).await;
    let sure = |confidence: f64| {
        let mut body = ask("gpt");
        body["metadata"] = json!({"lar1": {"confidence": confidence}});
        body
    };
    call_many(&gateway, &sure(0.9), 5).await;
    assert_eq!((local.count(), deep.count()), (0, 5));
    call_many(&gateway, &sure(0.6), 5).await;
    call_many(&gateway, &ask("gpt"), 5).await;
    assert_eq!((local.count(), deep.count()), (10, 5));
}
