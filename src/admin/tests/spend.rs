//! Who sees whose spend.

use std::collections::HashSet;
use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value, json};

use super::world::{START, World, key_of, master, somebody};
use crate::admin::Requester;
use crate::auth::{KeyDigest, Role};
use crate::limiter;
use crate::pricing::Money;
use crate::store::journal::{Key, Lanes, Limits, Record};
use crate::store::spend::{Mover, Settings};
use crate::store::{Kind, Object};

/// All days that there are.
const DAYS: &str = "start_date=2026-11-01&end_date=2026-12-31";

/// A call: whose, by which key, of which team and organization, and its cost in dollars.
type Spent = (&'static str, &'static str, &'static str, &'static str, &'static str);

const CALLS: [Spent; 6] = [
    ("ann", "sk-of-ann", "red", "", "0.1"),
    ("ann", "sk-of-ann", "red", "", "0.2"),
    ("ben", "sk-of-ben", "red", "org", "0.7"),
    ("ben", "sk-of-ben", "blue", "org", "1.1"),
    ("", "sk-of-nobody", "red", "", "2.3"),
    ("", "", "", "", "5"),
];

fn append(lanes: &Lanes, number: usize, (user, key, team, organization, dollars): Spent) {
    let (call_id, request_id) = (format!("call-{number}"), format!("chatcmpl-{number}"));
    let owner = if key.is_empty() { "master" } else { key };
    let record = Record {
        call_id: &call_id,
        request_id: &request_id,
        started_ms: START.unsigned_abs(),
        ended_ms: START.unsigned_abs() + 10,
        key: if key.is_empty() { Key::Master } else { Key::Digest(KeyDigest::of(key).bytes()) },
        user,
        team,
        organization,
        end_user: owner,
        session_id: "talk",
        completion_tokens: 3,
        cache_read_tokens: 2,
        model_group: "gpt",
        model: owner,
        provider: "some-provider",
        call_type: "acompletion",
        status: 200,
        total_tokens: 7,
        cost: Money::from_dollars(dollars).unwrap().pico(),
        tags: vec![owner],
        ..Record::default()
    };
    lanes.own().journal.append(&record).unwrap();
}

/// Makes these calls in the store.
pub async fn call(world: &World) {
    let place = tempfile::tempdir().unwrap();
    let lanes = Arc::new(Lanes::open(place.path(), Limits::default()).unwrap());
    CALLS.iter().enumerate().for_each(|(number, call)| append(&lanes, number, *call));
    Mover::new(world.store.clone(), lanes, Settings::default()).drain().await.unwrap();
}

/// What was spent by Ann, who leads the red team, by Ben, who is in it, by a key of nobody, and by the master key.
async fn world() -> World {
    let world = World::new().await;
    call(&world).await;
    for user in ["ann", "ben"] {
        world.put(key_of(user, &format!("sk-of-{user}"), json!({"key_alias": format!("of-{user}")}))).await;
        world.post("/user/new", json!({"user_id": user, "auto_create_key": false})).await.good();
    }
    let doc = Map::from_iter([("key_alias".to_owned(), json!("of-nobody"))]);
    world.put(Object::new(Kind::Key, KeyDigest::of("sk-of-nobody").to_string(), doc)).await;
    let member = |user: &str, role: &str| json!({"user_id": user, "role": role});
    let members = [member("ann", "admin"), member("ben", "user")];
    world.post("/team/new", json!({"team_id": "red", "members_with_roles": members})).await.good();
    world.post("/team/new", json!({"team_id": "blue", "members_with_roles": [member("cat", "user")]})).await.good();
    world.put(Object::new(Kind::Organization, "org", Map::new())).await;
    let doc = Map::from_iter([("user_role".to_owned(), json!("org_admin"))]);
    let oda = Object {
        user_id: Some("oda".to_owned()),
        organization_id: Some("org".to_owned()),
        ..Object::new(Kind::OrganizationMember, "org:oda", doc)
    };
    world.put(oda).await;
    world
}

/// A key that no user has.
fn key_of_nobody() -> Requester {
    Requester { user_id: None, ..somebody(Role::InternalUser, "nobody") }
}

/// The paths with which everybody sees their own.
fn own_paths() -> Vec<(Method, String)> {
    let get = [
        "/spend/logs".to_owned(),
        format!("/spend/logs?{DAYS}"),
        format!("/spend/logs/v2?{DAYS}"),
        format!("/spend/logs/ui?{DAYS}"),
        "/spend/logs/session/ui?session_id=talk".to_owned(),
        "/spend/keys".to_owned(),
        "/spend/users".to_owned(),
        "/spend/tags".to_owned(),
        "/global/spend/keys".to_owned(),
        "/global/spend/models".to_owned(),
        format!("/global/spend/provider?{DAYS}"),
        format!("/global/spend/tags?{DAYS}"),
        format!("/global/activity?{DAYS}"),
        format!("/global/activity/model?{DAYS}"),
        format!("/user/daily/activity?{DAYS}"),
        format!("/user/daily/activity/aggregated?{DAYS}"),
        format!("/team/daily/activity?{DAYS}"),
    ];
    let mut paths: Vec<(Method, String)> = get.into_iter().map(|path| (Method::GET, path)).collect();
    paths.push((Method::POST, "/global/spend/end_users".to_owned()));
    paths
}

fn told(body: &Value) -> String {
    // A key is told by its digest.
    let names = ["sk-of-ann", "sk-of-ben", "sk-of-nobody"];
    names.iter().fold(body.to_string(), |text, key| text.replace(&KeyDigest::of(key).to_string(), key))
}

#[tokio::test]
async fn everybody_sees_their_own_and_nobody_anothers() {
    let world = world().await;
    let others = |own: &str| {
        let all = ["ann", "ben", "nobody", "master"];
        let others = all.into_iter().filter(|name| *name != own);
        others.map(|name| format!("of-{name}")).chain([]).collect::<Vec<String>>()
    };
    for (requester, own) in [
        (somebody(Role::InternalUser, "ann"), "ann"),
        (somebody(Role::InternalUserViewer, "ben"), "ben"),
        (somebody(Role::OrgAdmin, "ben"), "ben"),
        (somebody(Role::InternalUser, "oda"), "oda"),
        (key_of_nobody(), "nobody"),
    ] {
        for (method, path) in own_paths() {
            // Who leads a team sees all of it.
            if own == "ann" && path.starts_with("/team/") {
                continue;
            }
            let body = (method == Method::POST).then(|| json!({}));
            let answer = world.ask(&requester, method, &path, body).await;
            let text = told(&answer.body);
            for other in others(own) {
                assert!(!text.contains(&other), "{own} sees {other} at {path}: {text}");
            }
            let sums = ["5.0", "9.4", "\"sum_api_requests\":6"];
            assert!(!sums.iter().any(|sum| text.contains(sum)), "{own} sees the sum of all at {path}: {text}");
            let is_shown = own == "oda" || path.starts_with("/spend/users") || path.starts_with("/team/");
            assert_eq!(answer.status, 200, "{own} {path} {text}");
            assert!(is_shown || text.contains(own) || path.contains("activity") || path.contains("provider"), "{text}");
        }
        for path in ["user_id=eve", "api_key=sk-of-eve", "request_id=call-5", "team_id=blue"] {
            let path = format!("/spend/logs/v2?{DAYS}&{path}");
            let answer = world.ask(&requester, Method::GET, &path, None).await.good();
            let is_own_in_blue = own == "ben" && path.ends_with("blue");
            assert_eq!(answer["total"], json!(u8::from(is_own_in_blue)), "{own} {path}");
        }
        assert_eq!(world.ask(&requester, Method::GET, "/spend/logs?request_id=call-5", None).await.good(), json!([]));
    }
}

#[tokio::test]
async fn sums_of_ones_own() {
    let world = world().await;
    let ann = somebody(Role::InternalUser, "ann");
    let of = async |requester: &Requester, path: &str| {
        world.ask(requester, Method::GET, &format!("{path}?{DAYS}"), None).await.good()
    };
    let day = of(&ann, "/spend/logs").await[0].take();
    assert_eq!((&day["spend"], &day["users"]), (&json!(0.3), &json!({"ann": 0.3})), "to the last digit");
    assert_eq!(of(&ann, "/global/activity").await["sum_api_requests"], 2);
    assert_eq!(of(&ann, "/user/daily/activity").await["metadata"]["total_spend"], 0.3);
    assert_eq!(of(&key_of_nobody(), "/user/daily/activity").await["metadata"]["total_spend"], 2.3);
    assert_eq!(of(&key_of_nobody(), "/global/spend/provider").await[0]["spend"], 2.3);
    for seer in [master(), somebody(Role::ProxyAdminViewer, "eve")] {
        assert_eq!(of(&seer, "/user/daily/activity").await["metadata"]["total_spend"], 9.4);
        assert_eq!(of(&seer, "/spend/tags").await.as_array().unwrap().len(), 4);
        assert_eq!(of(&seer, "/global/spend").await, json!({"spend": 9.4, "max_budget": 0.0}));
    }
    let other = world.ask(&ann, Method::GET, &format!("/user/daily/activity?{DAYS}&user_id=ben"), None).await;
    assert_eq!(other.status, 403, "{}", other.body);
}

#[tokio::test]
async fn teams_and_organizations_are_seen_by_who_leads_them() {
    let world = world().await;
    let ask = async |requester: &Requester, path: &str| {
        let answer = world.ask(requester, Method::GET, path, None).await;
        (answer.status, answer.body["metadata"]["total_spend"].clone())
    };
    let (ann, ben) = (somebody(Role::InternalUser, "ann"), somebody(Role::InternalUser, "ben"));
    let teams = format!("/team/daily/activity?{DAYS}");
    for query in ["", "&team_ids=red"] {
        assert_eq!(ask(&ann, &format!("{teams}{query}")).await, (200, json!(3.3)), "all of the team {query}");
    }
    assert_eq!(ask(&ben, &format!("{teams}&team_ids=red")).await, (200, json!(0.7)), "of a member their own part");
    assert_eq!(
        ask(&somebody(Role::InternalUserViewer, "ann"), &teams).await,
        (200, json!(0.3)),
        "a viewer leads nobody"
    );
    for (requester, query) in
        [(&ann, "blue"), (&ann, "red,blue"), (&ben, "blue"), (&ben, "none"), (&key_of_nobody(), "red")]
    {
        assert_eq!(ask(requester, &format!("{teams}&team_ids={query}")).await.0, 403, "{query}");
    }
    let in_red = Requester { team_id: Some("red".to_owned()), ..key_of_nobody() };
    assert_eq!(ask(&in_red, &format!("{teams}&team_ids=red")).await, (200, json!(2.3)));
    let logs = |team: &str| format!("/spend/logs/v2?{DAYS}&team_id={team}");
    let total = async |requester: &Requester, team: &str| {
        world.ask(requester, Method::GET, &logs(team), None).await.good()["total"].clone()
    };
    assert_eq!((total(&ann, "red").await, total(&ben, "red").await), (json!(4), json!(1)));

    let organizations = format!("/organization/daily/activity?{DAYS}");
    let oda = somebody(Role::OrgAdmin, "oda");
    // By the membership, whatever the role is.
    for oda in [&oda, &somebody(Role::InternalUser, "oda")] {
        for query in ["", "&organization_ids=org"] {
            assert_eq!(ask(oda, &format!("{organizations}{query}")).await, (200, json!(1.8)), "{query}");
        }
        assert_eq!(ask(oda, &format!("{organizations}&organization_ids=other")).await.0, 403);
    }
    assert_eq!(ask(&somebody(Role::OrgAdmin, "ann"), &organizations).await.0, 403);
    assert_eq!(ask(&ann, &organizations).await.0, 401);
    for path in ["/customer/daily/activity", "/end_user/daily/activity", "/tag/daily/activity"] {
        assert_eq!(ask(&oda, &format!("{path}?{DAYS}")).await.0, 401);
        assert_eq!(ask(&master(), &format!("{path}?{DAYS}")).await, (200, json!(9.4)), "{path}");
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told() {
    let world = world().await;
    for (path, status, word) in [
        ("/spend/logs/v2", 400, "start_date and end_date"),
        ("/spend/logs/v2?start_date=2026-11-01&end_date=tomorrow", 400, "end_date must be a date"),
        ("/spend/logs/v2?start_date=2026-11-01&end_date=2026-11-02&page=0", 422, "greater than or equal to 1"),
        ("/spend/logs/v2?start_date=2026-11-01&end_date=2026-11-02&page=99999999999", 422, "less than or equal"),
        ("/spend/logs/v2?start_date=2026-11-01&end_date=2026-11-02&page=one", 422, "valid integer"),
        ("/spend/logs/v2?start_date=2026-11-01&end_date=2026-11-02&min_spend=much", 422, "valid number"),
        ("/spend/logs/v2?start_date=2026-11-01&end_date=2026-11-02&sort_by=api_key", 400, "sort_by must be"),
        ("/spend/logs?summarize=perhaps", 422, "valid boolean"),
        ("/spend/logs/session/ui", 422, "session_id"),
        ("/global/activity/cache_hits", 400, "start_date and end_date"),
        ("/spend/tags?start_date=2026-11-01", 400, "start_date and end_date"),
        ("/global/activity", 400, "start_date and end_date"),
        ("/global/activity/exceptions?start_date=2026-11-01&end_date=2026-11-02", 400, "model_group"),
        ("/global/spend/models?limit=-1", 422, "greater than or equal to 1"),
        ("/global/spend/provider", 400, "start_date and end_date"),
        ("/global/spend/report?start_date=2026-11-01&end_date=2026-11-02&group_by=moon", 400, "group_by"),
        ("/user/daily/activity", 400, "start_date and end_date"),
        ("/user/daily/activity?start_date=2026-11-01&end_date=2026-11-02&page_size=x", 422, "valid integer"),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, status, "{path} {}", answer.body);
        assert!(answer.body.to_string().contains(word), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_report_has_two_names() {
    let world = world().await;
    let named = async |path: &str| world.get(&format!("{path}?{DAYS}&group_by=team")).await.good();
    let report = named("/global/spend/report").await;
    assert_ne!(report, json!([]));
    assert_eq!(named("/spend/report").await, report);
    assert_eq!(world.ask(&somebody(Role::InternalUser, "ann"), Method::GET, "/spend/report", None).await.status, 401);
}

#[tokio::test]
async fn keys_and_users_by_what_they_spent() {
    let world = world().await;
    for (scope, name, dollars) in [
        (limiter::Kind::Key, KeyDigest::of("sk-of-ann").to_string(), "0.3"),
        (limiter::Kind::Key, KeyDigest::of("sk-of-ben").to_string(), "1.8"),
        (limiter::Kind::User, "ben".to_owned(), "1.8"),
        (limiter::Kind::Team, "red".to_owned(), "3.3"),
    ] {
        world.desk.spent.lock().unwrap().insert((scope, name), Money::from_dollars(dollars).unwrap());
    }
    let keys = world.get("/spend/keys").await.good();
    assert_eq!((&keys[0]["key_alias"], &keys[0]["spend"]), (&json!("of-ben"), &json!(1.8)));
    assert_eq!((&keys[1]["token"], &keys[1]["spend"]), (&json!(KeyDigest::of("sk-of-ann").to_string()), &json!(0.3)));
    let users = world.get("/spend/users").await.good();
    assert_eq!((&users[0]["user_id"], &users[0]["spend"]), (&json!("ben"), &json!(1.8)));
    assert_eq!(world.get("/spend/users?user_id=ann").await.good().as_array().unwrap().len(), 1);

    let admin = somebody(Role::ProxyAdmin, "root");
    let refused = world.ask(&admin, Method::POST, "/global/spend/reset", None).await;
    assert_eq!(refused.status, 401);
    let text = refused.body["error"]["message"].as_str().unwrap();
    assert!(text.contains("Tried to access route=/global/spend/reset, which is only for MASTER KEY"), "{text}");
    world.post("/global/spend/reset", json!({})).await.good();
    assert_eq!(world.get("/spend/keys").await.good()[0]["spend"], 0.0);
    assert_eq!(world.get("/team/info?team_id=red").await.good()["team_info"]["spend"], 0.0);
    assert_eq!(world.get("/spend/users").await.good()[0]["spend"], 1.8, "of users it stays");
    let lines = world.get("/audit?action=reset_spend").await.good();
    assert_eq!(lines["total"], 2);
}

/// All of one moment, so that only their ids tell the pages apart.
#[tokio::test]
async fn a_long_list_has_every_call_once() {
    const CALLS: usize = 2_300;
    let world = World::new().await;
    let place = tempfile::tempdir().unwrap();
    let lanes = Arc::new(Lanes::open(place.path(), Limits::default()).unwrap());
    (0..CALLS).for_each(|number| append(&lanes, number, ("ann", "sk-of-ann", "red", "", "0.1")));
    Mover::new(world.store.clone(), lanes, Settings::default()).drain().await.unwrap();
    let found = world.get("/spend/logs").await.good();
    let ids: HashSet<&str> = found.as_array().unwrap().iter().map(|row| row["request_id"].as_str().unwrap()).collect();
    assert_eq!((found.as_array().unwrap().len(), ids.len()), (CALLS, CALLS));
}

#[tokio::test]
async fn a_session_is_shown_in_its_order_and_to_whom_it_belongs() {
    let world = world().await;
    let path = "/spend/logs/session/ui?session_id=talk";
    let of = async |requester: &Requester, path: &str| {
        let shown = world.ask(requester, Method::GET, path, None).await.good();
        let ids: Vec<String> =
            shown["data"].as_array().unwrap().iter().map(|row| row["request_id"].to_string()).collect();
        (shown["total"].as_u64().unwrap(), shown["total_pages"].as_u64().unwrap(), ids)
    };
    let (total, pages, ids) = of(&master(), path).await;
    assert_eq!((total, pages, ids.len()), (6, 1, 6));
    let (_, pages, second) = of(&master(), &format!("{path}&page=2&page_size=4")).await;
    assert_eq!((pages, &second[..]), (2, &ids[4..]));
    assert_eq!(of(&somebody(Role::InternalUser, "ann"), path).await.0, 2);
    assert_eq!(of(&master(), "/spend/logs/session/ui?session_id=other").await, (0, 0, Vec::new()));
}

#[tokio::test]
async fn caches_are_told_by_alias() {
    let world = World::new().await;
    call(&world).await;
    let ann = Object { alias: Some("of ann".to_owned()), ..key_of("ann", "sk-of-ann", json!({"key_alias": "of ann"})) };
    world.put(ann).await;
    let told = world.get(&format!("/global/activity/cache_hits?{DAYS}")).await.good();
    let line = |api_key: &str, model: &str, calls: u32| {
        json!({"api_key": api_key, "call_type": "acompletion", "model": model, "total_rows": calls,
            "cache_hit_true_rows": 0, "failed_rows": 0, "cached_completion_tokens": 0,
            "generated_completion_tokens": 3 * calls, "cache_read_input_tokens": 2 * calls,
            "cache_creation_input_tokens": 0})
    };
    let unnamed = |model, calls| line("Unnamed Key", model, calls);
    let expected = json!([
        unnamed("master", 1),
        unnamed("sk-of-ben", 2),
        unnamed("sk-of-nobody", 1),
        line("of ann", "sk-of-ann", 2)
    ]);
    assert_eq!(told, expected);
    assert_eq!(
        world.get("/global/activity/cache_hits?start_date=2027-01-01&end_date=2027-01-02").await.good(),
        json!([])
    );
}
