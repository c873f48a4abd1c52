//! LiteLLM's recorded answers to the reports of spend: the same status and the same members of the same types. What they
//! tell of are each one's own calls.

use http::Method;
use serde_json::Value;

use super::golden::cases;
use super::golden_models::views;
use super::spend::call;
use super::world::{World, master};
use crate::error::Compat;

/// Objects whose members are names of models, keys or days.
const MAPS: [&str; 8] = [
    "models",
    "model_groups",
    "providers",
    "endpoints",
    "entities",
    "api_keys",
    "api_key_breakdown",
    "additional_usage_values",
];
/// What not every call and not every key has; the first is never measured.
const MISSING: [&str; 5] =
    ["litellm_overhead_time_ms", "user_api_key_alias", "user_api_key_team_id", "user_api_key_team_alias", "user_id"];
/// What is the same whatever was called before.
const SAME: [&str; 3] = ["utils/token_counter", "cost/estimate", "spend/calculate"];

fn check(place: &str, ours: &Value, theirs: &Value) {
    let last = place.rsplit('.').next().unwrap_or_default();
    match (ours, theirs) {
        (_, Value::Null) => {}
        (Value::Null, _) => assert!(MISSING.contains(&last), "{place} is null for {theirs}"),
        (Value::Object(our_map), Value::Object(their_map)) if MAPS.contains(&last) => {
            for (name, theirs) in their_map {
                let ours = our_map.get(name).or_else(|| our_map.values().next());
                check(&format!("{place}.*"), ours.unwrap_or_else(|| panic!("{place} is empty")), theirs);
            }
        }
        (Value::Object(our_map), Value::Object(their_map)) => {
            // A health check has no usage.
            if !(last == "usage_object" && their_map.is_empty()) {
                let names = |map: &serde_json::Map<String, Value>| {
                    let mut names: Vec<String> = map.keys().cloned().collect();
                    names.sort_unstable();
                    names
                };
                assert_eq!(names(our_map), names(their_map), "{place}");
            }
            for (name, theirs) in their_map {
                check(&format!("{place}.{name}"), &our_map[name], theirs);
            }
        }
        (Value::Array(our_list), Value::Array(their_list)) => {
            if let Some(theirs) = their_list.first() {
                check(place, our_list.first().unwrap_or_else(|| panic!("{place} is empty")), theirs);
            }
        }
        (ours, theirs) => {
            let sort = |value: &Value| (value.is_string(), value.is_number(), value.is_boolean());
            assert_eq!(sort(ours), sort(theirs), "{place}: {ours} for {theirs}");
        }
    }
}

#[tokio::test]
async fn reports_look_like_litellms() {
    for (release, compat) in [("1.106.2", Compat::V1_106), ("1.80.10", Compat::V1_80)] {
        let world = World::of(compat).await;
        *world.desk.models.lock().unwrap() = views();
        call(&world).await;
        let cases = cases(&format!("spend-{release}"));
        assert_eq!(cases.len(), 8, "{release}");
        for case in &cases {
            let (name, request) = (case["name"].as_str().unwrap(), &case["request"]);
            let method: Method = request["method"].as_str().unwrap().parse().unwrap();
            let path = request["path"].as_str().unwrap().replace(' ', "%20");
            let body = Some(request["body"].clone()).filter(|body| !body.is_null());
            let answer = world.ask(&master(), method, &path, body).await;
            let place = format!("{release} {name}");
            assert_eq!(u64::from(answer.status), case["status"].as_u64().unwrap(), "{place}: {}", answer.body);
            check(&place, &answer.body, &case["answer"]);
            if SAME.contains(&name) {
                assert_eq!(answer.body, case["answer"], "{place}");
            }
        }
    }
}
