//! LiteLLM's shapes, as recorded from a LiteLLM proxy of each release.

use serde_json::{Value, json};

use super::daily::{DailyQuery, Entity};
use super::estimate::{EstimateQuery, estimate};
use super::global::{EndUsersQuery, GlobalQuery};
use super::logs::{LogsQuery, PagedQuery};
use super::report::ReportQuery;
use super::tags::TagsQuery;
use super::*;
use crate::pricing::{Money, Prices};
use crate::store::journal::{Charge, Journal, Key, Lanes, Limits, Record};
use crate::store::spend::{Mover, Settings};
use crate::store::{Change, Location, Object, Store};

/// 2026-11-20T22:27:22.590Z
const NOON: u64 = 1_795_213_642_590;
const DAY_MS: u64 = 86_400_000;

fn golden(compat: Compat) -> Value {
    let text = match compat {
        Compat::V1_80 => include_str!("../../../tests/fixtures/golden/management/spend-1.80.10.json"),
        Compat::V1_106 => include_str!("../../../tests/fixtures/golden/management/spend-1.106.2.json"),
    };
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    let case = |case: &Value| (case["name"].as_str().unwrap().to_owned(), case["answer"].clone());
    Value::Object(cases.iter().map(case).collect())
}

/// LiteLLM has a value of these in one list and `null` in another; a key that is gone has no user.
const NULLABLE: [&str; 2] = ["/litellm_overhead_time_ms", "/metadata/user_id"];

/// What LiteLLM shows must be there and of the same type; where it shows `null`, anything.
fn assert_shape(golden: &Value, ours: &Value, at: &str) {
    match (golden, ours) {
        (Value::Null, _) => {}
        (_, Value::Null) if NULLABLE.iter().any(|name| at.ends_with(name)) => {}
        (Value::Object(theirs), Value::Object(ours)) => {
            // Names of models and keys are not compared.
            let is_map = ["/models", "/api_key_breakdown"].iter().any(|map| at.ends_with(map));
            for (name, value) in theirs {
                let any = if is_map { ours.values().next() } else { None };
                let own = ours.get(name).or(any);
                assert_shape(value, own.unwrap_or_else(|| panic!("{at}/{name} is not there")), &format!("{at}/{name}"));
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            if let Some(first) = theirs.first() {
                assert_shape(first, ours.first().unwrap_or_else(|| panic!("{at} is empty")), &format!("{at}/0"));
            }
        }
        (theirs, ours) => {
            let is_same = (theirs.is_string() && ours.is_string())
                || (theirs.is_number() && ours.is_number())
                || (theirs.is_boolean() && ours.is_boolean());
            assert!(is_same, "{at}: {ours} instead of {theirs}");
        }
    }
}

/// Only what LiteLLM shows: names that it does not have are told.
fn extra_names(golden: &Value, ours: &Value) -> Vec<String> {
    let (Some(theirs), Some(ours)) = (golden.as_object(), ours.as_object()) else { return Vec::new() };
    ours.keys().filter(|name| !theirs.contains_key(*name)).cloned().collect()
}

fn append(journal: &Journal, number: u64) {
    let (id, answer) = (format!("call-{number}"), format!("chatcmpl-{number}"));
    let is_failure = number == 9;
    let charges = vec![Charge { scope: "key", id: "07", budget: "", resets_at: 0 }];
    let record = Record {
        call_id: &id,
        request_id: if is_failure { "" } else { &answer },
        started_ms: NOON + number % 2 * DAY_MS,
        ended_ms: NOON + number % 2 * DAY_MS + 54,
        completion_start_ms: if is_failure { 0 } else { NOON + 10 },
        key: if number == 0 { Key::Master } else { Key::Digest([7; 32]) },
        user: "ann",
        team: if number >= 5 { "team-1" } else { "" },
        end_user: "customer",
        model_group: "gpt-4o",
        model: "gpt-4o-2024-08-06",
        model_id: "deployment",
        provider: "some-provider",
        api_base: "https://api.example.com",
        call_type: "acompletion",
        status: if is_failure { Kind::RateLimited.row(Compat::default()).status } else { 200 },
        error_class: if is_failure { "RateLimitError" } else { "" },
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        cache_read_tokens: 4,
        reasoning_tokens: 2,
        cost: 2_500_000_000,
        output_cost: 1_500_000_000,
        tags: vec!["search"],
        requester_ip: "10.0.0.1",
        charges,
        ..Record::default()
    };
    journal.append(&record).unwrap();
}

/// Ten calls of two days, nine by a key with an alias, five by a team with one, which the file declares.
async fn filled(place: &std::path::Path) -> View {
    let store = Store::at(&Location::Sqlite(place.join("tollgate.db").into()), 2).unwrap();
    store.migrate().await.unwrap();
    let mut doc = Map::new();
    doc.insert("key_name".to_owned(), "sk-...last".into());
    let key = Object {
        alias: Some("my key".to_owned()),
        user_id: text("ann"),
        ..Object::new(crate::store::Kind::Key, "07".repeat(32), doc)
    };
    let team =
        Object { alias: Some("my team".to_owned()), ..Object::new(crate::store::Kind::Team, "team-1", Map::new()) };
    store.commit(&[Change::Put(key)], 0).await.unwrap();
    let lanes = std::sync::Arc::new(Lanes::open(&place.join("journal"), Limits::default()).unwrap());
    (0..10).for_each(|number| append(&lanes.own().journal, number));
    Mover::new(store.clone(), lanes, Settings::default()).drain().await.unwrap();
    View::new(store, [std::sync::Arc::new(team)])
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn days() -> (Option<String>, Option<String>) {
    (text("2026-11-20"), text("2026-11-21"))
}

#[tokio::test]
async fn rows_and_sums_have_litellms_shapes() {
    let place = tempfile::tempdir().unwrap();
    let store = filled(place.path()).await;
    for compat in [Compat::V1_80, Compat::V1_106] {
        let golden = golden(compat);
        let reports = Reports { store: &store, compat, now_ms: (NOON + DAY_MS).cast_signed(), sight: &Sight::ALL };
        let check = |path: &str, ours: &Value| assert_shape(&golden[path], ours, path);
        let (start_date, end_date) = days();
        let logs = logs::logs(&reports, &LogsQuery { summarize: Some(false), ..LogsQuery::default() }).await.unwrap();
        check("spend/logs", &logs);
        assert_eq!(logs.as_array().unwrap().len(), 10);
        assert_eq!(extra_names(&golden["spend/logs"][0], &logs[0]), [""; 0]);
        let query = PagedQuery {
            start_date: text("2026-11-20 00:00:00"),
            end_date: text("2026-11-21 23:00:00"),
            page_size: Some(1),
            ..PagedQuery::default()
        };
        let paged = logs::paged(&reports, &query).await.unwrap();
        check("spend/logs/v2", &paged);
        assert_eq!(extra_names(&golden["spend/logs/v2"]["data"][0], &paged["data"][0]), [""; 0]);
        assert_eq!((&paged["total"], &paged["total_pages"]), (&json!(10), &json!(10)));
        check("global/spend", &global::total(&reports, 0.0).await.unwrap());
        let query = activity::ActivityQuery { start_date, end_date, ..Default::default() };
        let activity = activity::all(&reports, &query).await.unwrap();
        check("global/activity", &activity);
        let day = |date: &str| json!({"date": date, "api_requests": 5, "total_tokens": 75});
        let sums =
            json!({"daily_data": [day("Nov 20"), day("Nov 21")], "sum_api_requests": 10, "sum_total_tokens": 150});
        assert_eq!(activity, sums);
        let (start_date, end_date) = days();
        let query = DailyQuery { start_date, end_date, ..DailyQuery::default() };
        let daily = daily::activity(&reports, Entity::User, &query).await.unwrap();
        check("user/daily/activity", &daily);
        assert_eq!(daily["results"][0]["date"], "2026-11-21", "the newest first");
        let metrics = &daily["results"][0]["metrics"];
        assert_eq!(extra_names(&golden["user/daily/activity"]["results"][0]["metrics"], metrics), [""; 0]);
        assert_eq!((&metrics["spend"], &metrics["failed_requests"]), (&json!(0.0125), &json!(1)));
        assert_eq!(daily["metadata"]["total_api_requests"], 10);
        assert_eq!(daily, daily::aggregated(&reports, Entity::User, &query).await.unwrap());
    }
}

#[tokio::test]
async fn a_row_tells_what_happened() {
    let place = tempfile::tempdir().unwrap();
    let store = filled(place.path()).await;
    let reports = Reports { store: &store, compat: Compat::V1_106, now_ms: NOON.cast_signed(), sight: &Sight::ALL };
    let one = |id: &str| LogsQuery { request_id: text(id), ..LogsQuery::default() };
    let row = logs::logs(&reports, &one("chatcmpl-8")).await.unwrap()[0].take();
    let told = |name: &str| row[name].clone();
    assert_eq!((told("request_id"), told("litellm_call_id")), (json!("chatcmpl-8"), json!("call-8")));
    assert_eq!(
        (told("spend"), told("status"), told("api_key")),
        (json!(0.0025), json!("success"), json!("07".repeat(32)))
    );
    assert_eq!(told("startTime"), "2026-11-20T22:27:22.590000Z");
    assert_eq!(told("completionStartTime"), "2026-11-20T22:27:22.600000Z");
    assert_eq!((told("request_duration_ms"), told("request_tags")), (json!(54), json!(["search"])));
    let metadata = told("metadata");
    assert_eq!(
        (&metadata["user_api_key_alias"], &metadata["user_api_key_team_alias"]),
        (&json!("my key"), &json!("my team"))
    );
    assert_eq!(metadata["cost_breakdown"]["input_cost"], 0.001);
    assert_eq!(metadata["usage_object"]["prompt_tokens_details"]["cached_tokens"], 4);
    let failed = logs::logs(&reports, &one("call-9")).await.unwrap()[0].take();
    assert_eq!((&failed["request_id"], &failed["status"]), (&json!("call-9"), &json!("failure")));
    assert_eq!(failed["metadata"]["error_information"]["error_class"], "RateLimitError");
    assert_eq!(logs::logs(&reports, &one("nothing")).await.unwrap(), json!([]));
    let master = LogsQuery { api_key: text("litellm_proxy_master_key"), ..LogsQuery::default() };
    assert_eq!(logs::logs(&reports, &master).await.unwrap()[0]["litellm_call_id"], "call-0");
}

#[tokio::test]
async fn summaries_by_day_model_owner() {
    let place = tempfile::tempdir().unwrap();
    let store = filled(place.path()).await;
    let reports =
        Reports { store: &store, compat: Compat::V1_106, now_ms: (NOON + DAY_MS).cast_signed(), sight: &Sight::ALL };
    let (start_date, _) = days();
    let query = LogsQuery { start_date, end_date: text("2026-11-23"), ..LogsQuery::default() };
    let days_of_spend = logs::logs(&reports, &query).await.unwrap();
    assert_eq!(days_of_spend.as_array().unwrap().len(), 4);
    let second = &days_of_spend[1];
    assert_eq!((&second["startTime"], &second["users"]), (&json!("2026-11-21"), &json!({"ann": 0.0125})));
    assert_eq!((&second["07".repeat(32)], &second["models"]["gpt-4o-2024-08-06"]), (&json!(0.0125), &json!(0.0125)));
    assert_eq!(days_of_spend[3], json!({"users": {}, "models": {}, "spend": 0, "startTime": "2026-11-23"}));

    let (start_date, end_date) = days();
    let query = activity::ActivityQuery { start_date, end_date, model_group: text("gpt-4o") };
    let models = activity::per_model(&reports, &query).await.unwrap();
    assert_eq!((&models[0]["model"], &models[0]["sum_api_requests"]), (&json!("gpt-4o"), &json!(10)));
    assert_eq!(models[0]["daily_data"][0]["date"], "Nov 20");
    let exceptions = activity::exceptions(&reports, &query).await.unwrap();
    let line = json!([{"date": "Nov 21", "num_rate_limit_exceptions": 1}]);
    assert_eq!(exceptions, json!({"daily_data": line, "sum_num_rate_limit_exceptions": 1}));
    let by_deployment = activity::exceptions_per_deployment(&reports, &query).await.unwrap();
    assert_eq!(by_deployment[0]["api_base"], "deployment");

    let (start_date, end_date) = days();
    let query = DailyQuery { start_date, end_date, ..DailyQuery::default() };
    let teams = daily::activity(&reports, Entity::Team, &query).await.unwrap();
    assert_eq!(teams["metadata"]["total_api_requests"], 5, "only of teams");
    let entities = &teams["results"][0]["breakdown"]["entities"]["team-1"];
    assert_eq!(entities["metadata"], json!({"team_alias": "my team"}));
    let tags = DailyQuery { tags: text("search,other"), page_size: Some(1), ..query.clone() };
    let tags = daily::activity(&reports, Entity::Tag, &tags).await.unwrap();
    assert_eq!(tags["metadata"]["has_more"], true);
    let endpoints = tags["results"][0]["breakdown"]["endpoints"].as_object().unwrap();
    assert_eq!(endpoints.keys().collect::<Vec<_>>(), ["/chat/completions"]);
    let none = DailyQuery { api_key: text("sk-none"), ..query };
    let none = daily::activity(&reports, Entity::User, &none).await.unwrap();
    assert_eq!((&none["results"], &none["metadata"]["total_pages"]), (&json!([]), &json!(1)));
    let missing = daily::activity(&reports, Entity::User, &DailyQuery::default()).await.unwrap_err();
    assert_eq!(missing.kind, Kind::InvalidParameter);
}

#[tokio::test]
async fn the_whole_gateways_spend() {
    let place = tempfile::tempdir().unwrap();
    let store = filled(place.path()).await;
    let reports =
        Reports { store: &store, compat: Compat::V1_106, now_ms: (NOON + DAY_MS).cast_signed(), sight: &Sight::ALL };
    let (start_date, end_date) = days();
    let query = GlobalQuery { start_date, end_date, ..GlobalQuery::default() };
    assert_eq!(global::total(&reports, 7.5).await.unwrap(), json!({"spend": 0.025, "max_budget": 7.5}));
    let day = |date: &str| json!({"date": date, "spend": 0.0125});
    assert_eq!(global::per_day(&reports, &query).await.unwrap(), json!([day("2026-11-20"), day("2026-11-21")]));
    let keys = global::keys(&reports, &query).await.unwrap();
    let first =
        json!({"api_key": "07".repeat(32), "key_alias": "my key", "key_name": "sk-...last", "total_spend": 0.0225});
    assert_eq!(keys[0], first);
    assert_eq!(keys[1]["key_alias"], Value::Null);
    let models = global::models(&reports, &query).await.unwrap();
    assert_eq!(models, json!([{"model": "gpt-4o-2024-08-06", "total_spend": 0.025, "total_tokens": 150}]));
    let providers = global::providers(&reports, &query).await.unwrap();
    assert_eq!(providers, json!([{"provider": "some-provider", "spend": 0.025}]));
    let tags = global::tags(&reports, &query).await.unwrap();
    assert_eq!(tags, json!({"spend_per_tag": [{"name": "search", "spend": 0.025, "log_count": 10}]}));
    assert_eq!(global::tag_names(&reports).await.unwrap(), json!({"tag_names": ["search"]}));
    assert_eq!(global::end_user_names(&reports).await.unwrap(), json!({"end_users": ["customer"]}));
    let customers = global::end_users(&reports, &EndUsersQuery::default()).await.unwrap();
    assert_eq!(customers, json!([{"end_user": "customer", "total_count": 10, "total_spend": 0.025}]));
    let teams = global::teams(&reports).await.unwrap();
    assert_eq!(teams["teams"], json!(["Unassigned", "my team"]));
    assert_eq!(teams["daily_spend"][0], json!({"date": "2026-11-20", "Unassigned": 0.0075, "my team": 0.005}));
    assert_eq!(tags::tags(&reports, &TagsQuery::default()).await.unwrap()[0]["individual_request_tag"], "search");
}

#[tokio::test]
async fn reports_by_team_customer_and_key() {
    let place = tempfile::tempdir().unwrap();
    let store = filled(place.path()).await;
    let reports = Reports { store: &store, compat: Compat::V1_106, now_ms: NOON.cast_signed(), sight: &Sight::ALL };
    let by = |group_by: &str| {
        let (start_date, end_date) = days();
        ReportQuery { start_date, end_date, group_by: text(group_by), ..ReportQuery::default() }
    };
    let teams = report::report(&reports, &by("team")).await.unwrap();
    assert_eq!(teams[0]["group_by_day"], "2026-11-20T00:00:00+00:00");
    assert_eq!(teams[0]["teams"][0]["team_name"], "Unassigned Team");
    assert_eq!(
        (&teams[0]["teams"][1]["team_name"], &teams[0]["teams"][1]["total_spend"]),
        (&json!("my team"), &json!(0.005))
    );
    let customers = report::report(&reports, &by("customer")).await.unwrap();
    assert_eq!(customers[1]["customers"][0]["metadata"][0]["total_tokens"], 75);
    let keys = report::report(&reports, &by("api_key")).await.unwrap();
    assert_eq!(
        (&keys[0]["total_cost"], &keys[0]["model_details"][0]["total_input_tokens"]),
        (&json!(0.0225), &json!(90))
    );
    let one = ReportQuery { internal_user_id: text("nobody"), ..by("team") };
    assert_eq!(report::report(&reports, &one).await.unwrap(), json!([]));
    assert_eq!(report::report(&reports, &by("moon")).await.unwrap_err().kind, Kind::InvalidParameter);
}

#[test]
fn an_estimate_is_litellms() {
    let query = EstimateQuery {
        model: "gpt-4o".to_owned(),
        input_tokens: 1000,
        output_tokens: 500,
        ..EstimateQuery::default()
    };
    let price = |text| Money::from_dollars(text).unwrap();
    let prices = Prices::of([
        ("input_cost_per_token", price("2.5e-06")),
        ("output_cost_per_token", price("1e-05")),
        ("cache_read_input_token_cost", price("1.25e-06")),
    ]);
    let golden = &golden(Compat::V1_106)["cost/estimate"];
    assert_eq!(&estimate(&query, &prices, golden["provider"].as_str().unwrap()), golden);
    let many = EstimateQuery { num_requests_per_day: Some(10), ..query };
    assert_eq!(estimate(&many, &prices, "")["daily_cost"], 0.075);
}

#[test]
fn dates_in_every_spelling() {
    let range = |start, end| dates::range(Some(start), Some(end));
    let day = 20_777 * 86_400_000;
    assert_eq!(range("2026-11-20", "2026-11-20").unwrap(), (day, day + 86_400_000));
    assert_eq!(range("2026-11-20 00:00:01", "2026-11-20T00:00:02Z").unwrap(), (day + 1_000, day + 3_000));
    assert_eq!(range("2026-11-20T01:00:00+01:00", "2026-11-20T00:00:00.000Z").unwrap(), (day, day + 1_000));
    for bad in ["", "yesterday", "2026-13-01", "99999999999-01-01", "2026-11-20' OR 1=1"] {
        assert!(range(bad, "2026-11-20").is_err() && range("2026-11-20", bad).is_err(), "{bad}");
    }
    assert!(dates::range(Some("2026-11-20"), None).is_err());
    assert_eq!((dates::date(20_777), dates::month_and_day(20_777)), ("2026-11-20".to_owned(), "Nov 20".to_owned()));
    for beyond in [i64::MIN, i64::MAX] {
        assert_eq!(dates::date(beyond), "");
        assert!(!dates::with_zone(beyond).is_empty());
    }
}
