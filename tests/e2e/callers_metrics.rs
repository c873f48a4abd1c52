//! What `/metrics` says of keys, teams, users and organizations: LiteLLM's labels of each request, and how budgets stand.

use serde_json::{Value, json};

use crate::support::openai::config;
use crate::support::{Gateway, KEY, Reply, Request, Upstream, eventually_async};

/// Sixty tokens at a cent.
const COST: f64 = 0.6;

async fn start() -> Gateway {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 30, "completion_tokens": 30, "total_tokens": 60});
    let answer = json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage});
    let upstream = Upstream::start([Reply::json(200, &answer)]).await;
    let entry = format!(
        "  - {{model_name: gpt-4o, litellm_params: {{model: openai/gpt-4o, api_base: \"{}\", api_key: sk-up, \
         input_cost_per_token: 0.01, output_cost_per_token: 0.01}}}}\n",
        upstream.url()
    );
    Gateway::start(&config(&[entry], "")).await
}

async fn manage(gateway: &Gateway, path: &str, body: Value) -> Value {
    let response = gateway.call(&Request::post(path, &body).key(KEY)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

async fn chat(gateway: &Gateway, key: &str) {
    let body = json!({"model": "gpt-4o", "max_tokens": 30, "messages": [{"role": "user", "content": "hi"}]});
    let answer = gateway.call(&Request::chat(&body).key(key)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn requests_are_counted_for_whom_they_were() {
    let gateway = start().await;
    manage(&gateway, "/team/new", json!({"team_id": "red", "team_alias": "Red"})).await;
    manage(&gateway, "/user/new", json!({"user_id": "ada", "user_email": "ada@x.org", "auto_create_key": false})).await;
    let said = json!({"team_id": "red", "user_id": "ada", "key_alias": "first"});
    let made = manage(&gateway, "/key/generate", said).await;
    let (key, token) = (made["key"].as_str().unwrap(), made["token"].as_str().unwrap());
    chat(&gateway, key).await;
    let labels = |alias: &str| {
        format!(
            "{{api_key_alias=\"{alias}\",api_provider=\"openai\",end_user=\"None\",exception_class=\"None\",exception_status=\"None\",\
             hashed_api_key=\"{token}\",model_id="
        )
    };
    let counted = async |name: &str, alias: &str| -> Option<String> {
        let (page, begin) = (gateway.metrics().await, format!("{name}{}", labels(alias)));
        page.lines().find(|line| line.starts_with(&begin)).map(str::to_owned)
    };
    for (name, value) in [
        ("litellm_proxy_total_requests_metric_total", "1"),
        ("litellm_requests_metric_total", "1"),
        ("litellm_input_tokens_metric_total", "30"),
        ("litellm_output_tokens_metric_total", "30"),
        ("litellm_spend_metric_total", "0.6"),
    ] {
        let line = eventually_async(name, async || counted(name, "first").await).await;
        assert!(line.ends_with(&format!(" {value}")), "{line}");
        for label in ["team=\"red\"", "team_alias=\"Red\"", "user=\"ada\"", "user_email=\"ada@x.org\""] {
            assert!(line.contains(label), "{line}");
        }
    }
    // Under its new name it is another line.
    manage(&gateway, "/key/update", json!({"key": key, "key_alias": "second"})).await;
    chat(&gateway, key).await;
    let what = "litellm_requests_metric_total";
    let line = eventually_async(what, async || counted(what, "second").await).await;
    assert!(line.ends_with(" 1"), "{line}");
}

#[tokio::test]
async fn it_is_seen_what_is_left_of_budgets() {
    let gateway = start().await;
    let budget = json!({"max_budget": 10, "budget_duration": "7d"});
    let with = |more: Value| {
        let mut body = budget.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    manage(&gateway, "/organization/new", with(json!({"organization_id": "org", "organization_alias": "Org"}))).await;
    let team = json!({"team_id": "red", "team_alias": "Red", "organization_id": "org", "max_budget": 8});
    manage(&gateway, "/team/new", with(team)).await;
    manage(&gateway, "/user/new", with(json!({"user_id": "ada", "auto_create_key": false}))).await;
    let of_team = with(json!({"team_id": "red", "key_alias": "k", "model_rpm_limit": {"gpt-4o": 3}}));
    let of_team = manage(&gateway, "/key/generate", of_team).await;
    let own = manage(&gateway, "/key/generate", json!({"user_id": "ada"})).await;
    for made in [&of_team, &own] {
        chat(&gateway, made["key"].as_str().unwrap()).await;
    }
    let token = of_team["token"].as_str().unwrap();
    let of_key = format!("{{api_key_alias=\"k\",hashed_api_key=\"{token}\"}}");
    let of_org = "{org_alias=\"Org\",org_id=\"org\"}";
    for (name, value) in [
        (format!("litellm_remaining_api_key_budget_metric{of_key}"), 10.0 - COST),
        (format!("litellm_api_key_max_budget_metric{of_key}"), 10.0),
        ("litellm_remaining_team_budget_metric{team=\"red\",team_alias=\"Red\"}".to_owned(), 8.0 - COST),
        ("litellm_remaining_user_budget_metric{user=\"ada\"}".to_owned(), 10.0 - COST),
        (format!("litellm_remaining_org_budget_metric{of_org}"), 10.0 - COST),
        (format!("litellm_org_max_budget_metric{of_org}"), 10.0),
        ("tollgate_budgets_not_shown".to_owned(), 0.0),
    ] {
        gateway.metric_is(&name, value).await;
    }
    let hours = gateway.metric("litellm_team_budget_remaining_hours_metric{team=\"red\",team_alias=\"Red\"}").await;
    assert!(hours.is_some_and(|hours| hours > 0.0 && hours <= 168.0), "{hours:?}");
    let of_model = of_key.replace('}', ",model=\"gpt-4o\"}");
    gateway.metric_is(&format!("litellm_remaining_api_key_requests_for_model{of_model}"), 2.0).await;
    // A key without a maximum has nothing that is left.
    let others = format!("hashed_api_key=\"{}\"}}", own["token"].as_str().unwrap());
    assert!(!gateway.metrics().await.contains(&others));
}
