//! `tollgate import`: a LiteLLM proxy's database, taken over into both stores.

mod litellm;

use std::process::Output;

use serde_json::{Value, json};
use tollgate::auth::KeyDigest;

use crate::support::openai::{answer, ask, config, deployment};
use crate::support::servers::Server;
use crate::support::{Gateway, KEY, Launch, Reply, Request, Response, Upstream, eventually_async, finish};

/// What LiteLLM has encrypted with.
const SALT: &str = "sk-salt";
/// So little that nothing else than what was spent before can be too much.
const PRICE: &str = "input_cost_per_token: 0, output_cost_per_token: 0.0001";

fn yaml(upstream: &Upstream, store: Option<&str>) -> String {
    let database = store.map_or_else(String::new, |url| format!("  database_url: \"{url}\"\n"));
    config(&[deployment("gpt", upstream, PRICE)], &format!("general_settings:\n  master_key: {KEY}\n{database}"))
}

async fn upstream() -> Upstream {
    Upstream::start([Reply::json(200, &answer("Hi"))]).await
}

fn launch(yaml: &str) -> Launch {
    Launch::with_config(yaml).env("LITELLM_SALT_KEY", SALT)
}

/// Runs the command over this data directory.
fn import(yaml: &str, from: &str, data_dir: &std::path::Path, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, yaml).unwrap();
    let launch = Launch::without_config().env("LITELLM_SALT_KEY", SALT).env("LITELLM_DATABASE_URL", from);
    let launch = launch.arg("import").arg("--config").arg(file.to_str().unwrap());
    let launch = launch.arg("--data-dir").arg(data_dir.to_str().unwrap());
    finish(more.iter().fold(launch, |launch, argument| launch.arg(argument)))
}

/// What a good run has printed.
#[track_caller]
fn good(output: &Output) -> String {
    let printed = String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(!printed.contains("canary") && !printed.contains("sk-plain"), "a secret: {printed}");
    printed
}

/// Read, imported, there already, passed over.
fn counts(printed: &str, what: &str) -> [u64; 4] {
    let line = printed.lines().find(|line| line.starts_with(&format!("{what} ")));
    let numbers = line.unwrap_or_else(|| panic!("no {what} in {printed}")).trim_start_matches(what).split_whitespace();
    numbers.map(|number| number.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap()
}

async fn call(gateway: &Gateway, key: &str, model: &str) -> Response {
    gateway.call(&Request::chat(&ask(model)).key(key)).await
}

async fn get(gateway: &Gateway, path: &str) -> Value {
    let response = gateway.call(&Request::get(path)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

async fn refused(gateway: &Gateway, key: &str, word: &str) {
    let response = call(gateway, key, "gpt").await;
    assert_ne!(response.status, 200, "{key}");
    assert!(response.text().contains(word), "{key}: {}", response.text());
}

/// What is imported works, and is shown, as it was.
async fn check(gateway: &Gateway) {
    let works = call(gateway, "sk-spent-some", "gpt").await;
    assert_eq!(works.status, 200, "{}", works.text());
    assert_eq!(call(gateway, "sk-replaced", "gpt").await.status, 200, "in its grace period");
    refused(gateway, "sk-blocked", "blocked").await;
    refused(gateway, "sk-expired", "expired").await;
    refused(gateway, "sk-used-up", "udget").await;
    refused(gateway, "sk-of-poor-team", "udget").await;
    refused(gateway, "sk-of-poor-member", "udget").await;
    refused(gateway, "sk-of-lost-team", "token_not_found_in_db").await;
    refused(gateway, "sk-nobody", "token_not_found_in_db").await;

    let info = get(gateway, "/key/info?key=sk-of-rich-team").await["info"].clone();
    assert_eq!((&info["spend"], &info["max_budget"]), (&json!(1.25), &json!(10.0)));
    assert_eq!(info["total_spend"], json!(7.5));
    let used_up = KeyDigest::of("sk-used-up");
    let info_of_used = get(gateway, &format!("/key/info?key={used_up}")).await["info"].clone();
    assert_eq!((&info_of_used["spend"], &info_of_used["total_spend"]), (&json!(1.0), &json!(1.0)));
    assert_eq!((&info["budget_duration"], &info["rpm_limit"]), (&json!("30d"), &json!(60)));
    assert_eq!(info["budget_reset_at"], "2099-01-01T00:00:00+00:00");
    assert_eq!(
        (&info["team_id"], &info["key_alias"], &info["user_id"]),
        (&json!("rich"), &json!("app"), &json!("ann"))
    );
    assert_eq!((&info["metadata"]["tags"], &info["models"]), (&json!(["prod"]), &json!(["gpt"])));
    assert_eq!(info["created_at"], "2026-01-02T03:04:05.678000+00:00");

    let team = get(gateway, "/team/info?team_id=poor").await;
    let shown = &team["team_info"];
    assert_eq!(
        (&shown["max_budget"], &shown["spend"], &shown["team_alias"]),
        (&json!(2.0), &json!(2.5), &json!("Poor"))
    );
    assert_eq!(shown["members_with_roles"][0]["user_id"], "ann");
    assert_eq!(shown["litellm_model_table"]["model_aliases"], json!({"cheap": "gpt"}));
    assert_eq!(team["team_memberships"].as_array().unwrap().len(), 1, "{team}");
    let rich = get(gateway, "/team/info?team_id=rich").await;
    let listed = rich["team_info"]["members_with_roles"].as_array().unwrap();
    assert_eq!(
        listed.iter().map(|member| &member["user_id"]).collect::<Vec<_>>(),
        ["ann", "ben"],
        "nobody who is lost"
    );
    let members = rich["team_memberships"].clone();
    let of_ben = members.as_array().unwrap().iter().find(|member| member["user_id"] == "ben").unwrap();
    assert_eq!((&of_ben["spend"], &of_ben["litellm_budget_table"]["max_budget"]), (&json!(0.75), &json!(0.5)));

    let user = get(gateway, "/user/info?user_id=ann").await["user_info"].clone();
    assert_eq!(
        (&user["spend"], &user["user_role"], &user["teams"]),
        (&json!(3.5), &json!("internal_user"), &json!(["poor", "rich"]))
    );
    assert_eq!(user["password"], Value::Null);
    let organization = get(gateway, "/organization/info?organization_id=org").await;
    assert_eq!(
        (&organization["spend"], &organization["litellm_budget_table"]["max_budget"]),
        (&json!(9.0), &json!(100.0))
    );
    assert_eq!(organization["members"][0]["user_role"], "org_admin");
    let customer = get(gateway, "/customer/info?end_user_id=customer").await;
    assert_eq!((&customer["spend"], &customer["blocked"]), (&json!(0.25), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_taken_over_while_the_gateway_runs() {
    let (upstream, server) = (upstream().await, Server::postgres().await);
    let from = server.postgres_url();
    litellm::fill(&from, &upstream.url()).await;
    let yaml = yaml(&upstream, None);
    let gateway = launch(&yaml).start().await;

    let planned = good(&import(&yaml, &from, &gateway.data_dir(), &["--dry-run"]));
    assert_eq!(counts(&planned, "keys"), [10, 7, 0, 3], "{planned}");
    assert!(planned.contains("nothing was written"), "{planned}");
    assert_eq!(get(&gateway, "/key/list").await["total_count"], 0);
    assert_eq!(get(&gateway, "/audit").await["total"], 0);

    let printed = good(&import(&yaml, &from, &gateway.data_dir(), &[]));
    let expected = [
        ("budgets", [3, 3, 0, 0]),
        ("organizations", [1, 1, 0, 0]),
        ("users", [3, 2, 0, 1]),
        ("organization members", [121, 121, 0, 0]),
        ("teams", [3, 2, 0, 1]),
        ("team members", [1, 1, 0, 0]),
        ("listed team members", [3, 2, 0, 1]),
        ("customers", [251, 251, 0, 0]),
        ("keys", [10, 7, 0, 3]),
        ("replaced keys", [1, 1, 0, 0]),
        ("credentials", [1, 1, 0, 0]),
        ("models", [2, 1, 0, 1]),
    ];
    for (what, numbers) in expected {
        assert_eq!(counts(&printed, what), numbers, "{what}: {printed}");
    }
    let plain = KeyDigest::of("sk-plain-text").to_string();
    for word in [
        "no table LiteLLM_TagTable",
        &plain,
        "has no SHA-256 in token",
        "its alias is another key's",
        "team lost:team",
        "dashboard",
        "no-model",
        "passed over, listed team members, belongs to what was passed over (user lost): rich:lost",
        "not kept, users, password: ann",
        "not kept, teams, a_column_of_tomorrow: poor, rich",
        "stored, but without effect, customers, default_model: customer",
    ] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    check(&gateway).await;
    // A model of the database, with the credential that it names.
    eventually_async("the model", async || (call(&gateway, KEY, "stored").await.status == 200).then_some(())).await;
    assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-canary"));
    assert_eq!(call(&gateway, "sk-of-rich-team", "stored").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_stays_as_it_is() {
    let (upstream, server) = (upstream().await, Server::postgres().await);
    let from = server.postgres_url();
    litellm::fill(&from, &upstream.url()).await;
    // LiteLLM's own database, as its config.yaml says.
    let yaml = yaml(&upstream, Some(&from));
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let planned = good(&import(&yaml, &from, &data_dir, &["--dry-run"]));
    assert_eq!(counts(&planned, "users"), [3, 2, 0, 1], "{planned}");
    assert!(!data_dir.exists(), "a dry run makes no directory");
    assert!(!litellm::has_table(&from, "objects").await, "and no table");

    good(&import(&yaml, &from, &data_dir, &[]));
    let gateway = launch(&yaml).start().await;
    check(&gateway).await;
    let change = json!({"key": "sk-of-rich-team", "max_budget": 20});
    assert_eq!(gateway.call(&Request::post("/key/update", &change)).await.status, 200);
    let used_up = KeyDigest::of("sk-used-up");
    let reset = Request::post(&format!("/key/{used_up}/reset_spend"), &json!({"reset_to": 0}));
    assert_eq!(gateway.call(&reset).await.status, 200);
    let again = good(&import(&yaml, &from, &data_dir, &[]));
    assert_eq!(counts(&again, "keys"), [10, 0, 7, 3], "{again}");
    assert_eq!(counts(&again, "teams"), [3, 0, 2, 1], "{again}");
    let info = get(&gateway, "/key/info?key=sk-of-rich-team").await["info"].clone();
    assert_eq!((&info["spend"], &info["max_budget"]), (&json!(1.25), &json!(20.0)));
    let info = get(&gateway, &format!("/key/info?key={used_up}")).await["info"].clone();
    assert_eq!((&info["spend"], &info["total_spend"]), (&json!(0.0), &json!(1.0)), "over all windows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_none_is_told_without_its_password() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    for (from, status, word) in [
        ("mysql://u:canary@127.0.0.1/d", 78, "postgres://"),
        ("postgres://u:canary@127.0.0.1:1/d", 69, "LiteLLM's database"),
    ] {
        let output = import(&yaml(&upstream, None), from, folder.path(), &[]);
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{printed}");
        assert!(printed.contains(word) && !printed.contains("canary"), "{printed}");
    }
}
