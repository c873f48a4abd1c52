//! LiteLLM's recorded answers to `key/*` and `user/*`: the same calls, the same members in the same order, of the same
//! types and with the same values, but for keys, ids, digests and times, of which only the form is compared.

use http::Method;
use serde_json::{Value, json};

use super::world::{World, master};
use crate::error::Compat;

/// Members that are new each time.
const OURS: [&str; 12] = [
    "key",
    "token",
    "token_id",
    "key_name",
    "keys",
    "expires",
    "created_at",
    "updated_at",
    "settings_updated_at",
    "total_count",
    "total",
    "total_pages",
];

pub fn cases(release: &str) -> Vec<Value> {
    let file = format!("{}/tests/fixtures/golden/management/{release}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Letters by their sort, so that keys, digests, ids and times have forms that can be compared.
fn form(text: &str) -> String {
    let is_time = text.contains(':');
    let sort = |letter: char| match letter {
        'T' | 'Z' | ':' | '+' | '.' if is_time => letter,
        letter if letter.is_ascii_alphanumeric() || letter == '-' || letter == '_' => 'x',
        letter => letter,
    };
    text.chars().map(sort).collect()
}

pub fn compare(place: &str, name: &str, ours: &Value, theirs: &Value) {
    match (ours, theirs) {
        (Value::Object(our_map), Value::Object(their_map)) => {
            let names = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(our_map), names(their_map), "{place}");
            for (name, theirs) in their_map {
                compare(&format!("{place}.{name}"), name, &our_map[name], theirs);
            }
        }
        // A list may be longer there: the recorder had other keys.
        (Value::Array(our_list), Value::Array(their_list)) => {
            assert_eq!(our_list.is_empty(), their_list.is_empty(), "{place}");
            for (index, (ours, theirs)) in our_list.iter().zip(their_list).enumerate() {
                compare(&format!("{place}[{index}]"), name, ours, theirs);
            }
        }
        (Value::String(our_text), Value::String(their_text)) if OURS.contains(&name) || is_uuid(their_text) => {
            // LiteLLM drops the fraction of a whole second.
            let fraction = |text: &str| form(text).replace(".xxxxxx", "");
            assert_eq!(fraction(our_text), fraction(their_text), "{place}: {our_text} for {their_text}");
        }
        (Value::Number(ours), Value::Number(_)) if OURS.contains(&name) => assert!(ours.is_u64(), "{place}"),
        _ => assert_eq!(ours, theirs, "{place}"),
    }
}

fn is_uuid(text: &str) -> bool {
    text.parse::<uuid::Uuid>().is_ok()
}

async fn replay(release: &str, compat: Compat) {
    let world = World::of(compat).await;
    // The recorder's keys and users by ours.
    let mut names: Vec<(String, String)> = Vec::new();
    let mut played = 0;
    for case in cases(release) {
        let name = case["name"].as_str().unwrap();
        if !name.starts_with("key/") && !name.starts_with("user/") {
            continue;
        }
        let mut request = case["request"].to_string();
        for (theirs, ours) in &names {
            request = request.replace(theirs.as_str(), ours);
        }
        let request: Value = serde_json::from_str(&request).unwrap();
        if name == "user/list" {
            // The recorder changed the user before, outside of the recording.
            let user = &names.iter().find(|(theirs, _)| is_uuid(theirs)).unwrap().1;
            world.post("/user/update", json!({"user_id": user, "max_budget": 7})).await.good();
        }
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let body = Some(request["body"].clone()).filter(|body| !body.is_null());
        let answer = world.ask(&master(), method, request["path"].as_str().unwrap(), body).await;
        assert_eq!(u64::from(answer.status), case["status"].as_u64().unwrap(), "{name}: {}", answer.body);
        compare(name, "", &answer.body, &case["answer"]);
        for member in ["key", "user_id"] {
            if let (Some(theirs), Some(ours)) = (case["answer"][member].as_str(), answer.body[member].as_str()) {
                names.push((theirs.to_owned(), ours.to_owned()));
            }
        }
        played += 1;
        world.pass(700);
    }
    assert_eq!(played, 9, "{release}");
}

#[tokio::test]
async fn keys_and_users_look_like_litellms() {
    replay("1.106.2", Compat::V1_106).await;
}

#[tokio::test]
async fn keys_and_users_look_like_an_older_litellms() {
    replay("1.80.10", Compat::V1_80).await;
}

#[test]
fn forms_tell_times_from_each_other() {
    assert_ne!(form("2026-12-01T00:00:00Z"), form("2026-12-01T00:00:00+00:00"));
    assert_eq!(form("sk-ilGee7DFRS6PMcKTcLgGdQ").len(), form("sk-_n8Hqep5mPYeqshtMWA5Uw").len());
}
