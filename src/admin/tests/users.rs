//! Users.

use http::Method;
use serde_json::{Value, json};

use super::world::{World, somebody};
use crate::admin::Settings;
use crate::auth::{KeyDigest, Role};
use crate::limiter;
use crate::pricing::Money;
use crate::store::{Filter, Kind, Object, Page};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn a_user_comes_with_a_key() {
    let world = World::new().await;
    let body = json!({
        "user_id": "ann", "user_email": "ann@x.com", "max_budget": 5, "models": ["gpt-4o"], "aliases": {"a": "b"},
        "duration": "1d", "budget_duration": "1mo",
    });
    let made = world.post("/user/new", body).await.good();
    assert_eq!(
        (&made["user_id"], &made["max_budget"], &made["models"]),
        (&json!("ann"), &json!(5.0), &json!(["gpt-4o"]))
    );
    let digest = KeyDigest::of(text(&made["key"])).to_string();
    let key = world.store.get(Kind::Key, &digest).await.unwrap().unwrap();
    assert_eq!((key.user_id.as_deref(), key.doc.get("max_budget")), (Some("ann"), None), "the budget is the user's");
    assert_eq!((&key.doc["models"], &key.doc["aliases"]), (&json!(["gpt-4o"]), &json!({"a": "b"})));
    let user = world.store.get(Kind::User, "ann").await.unwrap().unwrap();
    assert_eq!((user.alias.as_deref(), user.user_id.as_deref()), (Some("ann@x.com"), Some("ann")));
    assert_eq!(user.doc["budget_reset_at"], "2026-12-01T00:00:00Z");
}

#[tokio::test]
async fn a_users_first_key_brings_them_into_its_team() {
    let world = World::new().await;
    world.post("/team/new", json!({"team_id": "blue"})).await.good();
    let made = world.post("/user/new", json!({"user_id": "ann", "team_id": "blue"})).await.good();
    assert_eq!(made["team_id"], json!("blue"));
    let team = world.get("/team/info?team_id=blue").await.good();
    let members = team["team_info"]["members_with_roles"].as_array().unwrap();
    assert!(members.iter().any(|member| member["user_id"] == "ann" && member["role"] == "user"), "{members:?}");
    let user = world.get("/user/info?user_id=ann").await.good();
    assert_eq!(user["teams"][0]["team_id"], json!("blue"));
    // One that is not there is no reason to refuse, as with LiteLLM.
    world.post("/user/new", json!({"user_id": "ben", "team_id": "none"})).await.good();
}

#[tokio::test]
async fn a_user_has_the_team_that_is_said_of_them() {
    let world = World::new().await;
    world.post("/user/new", json!({"user_id": "ann"})).await.good();
    let told = world.post("/user/update", json!({"user_id": "ann", "team_id": "1234"})).await.good();
    assert_eq!(told["data"]["team_id"], "1234");
}

#[tokio::test]
async fn a_text_with_a_nul_is_refused() {
    let world = World::new().await;
    for (path, body) in [
        ("/user/new", json!({"user_id": "a\0b"})),
        ("/key/generate", json!({"key_alias": "a\0b"})),
        ("/key/generate", json!({"models": ["a\0b"]})),
    ] {
        let refused = world.post(path, body).await;
        assert_eq!((refused.status, &refused.body["detail"][0]["type"]), (422, &json!("value_error")), "{path}");
    }
    assert_eq!(world.get("/key/list?key_alias=a%00b").await.status, 422);
}

#[tokio::test]
async fn ids_are_made_and_never_taken_twice() {
    let world = World::new().await;
    let first = world.post("/user/new", json!({"auto_create_key": false, "user_email": "a@x.com"})).await.good();
    assert!(text(&first["user_id"]).parse::<uuid::Uuid>().is_ok());
    assert_eq!(first["key"], "");
    assert_eq!(world.store.count(Kind::Key, &Filter::default()).await.unwrap(), 0);
    let same = world.post("/user/new", json!({"user_id": first["user_id"]})).await;
    assert_eq!(same.status, 409);
    assert!(text(&same.body["error"]["message"]).contains("already exists"));
    assert_eq!(world.post("/user/new", json!({"user_email": "a@x.com"})).await.status, 409);
    assert_eq!(world.post("/user/new", json!({"user_role": "king"})).await.status, 422);
    let admin = world.post("/user/new", json!({"user_role": "admin"})).await.good();
    assert_eq!(admin["user_role"], "proxy_admin");
}

#[tokio::test]
async fn the_configurations_words_on_new_users_count() {
    let default_user = json!({"user_role": "internal_user", "max_budget": 2});
    let settings = Settings { default_user: default_user.as_object().unwrap().clone(), ..Settings::default() };
    let world = World::with(settings).await;
    let made = world.post("/user/new", json!({})).await.good();
    assert_eq!((&made["user_role"], &made["max_budget"]), (&json!("internal_user"), &json!(2.0)));
    let admin = world.post("/user/new", json!({"user_role": "proxy_admin"})).await.good();
    assert_eq!(admin["max_budget"], Value::Null);
}

#[tokio::test]
async fn users_see_themselves() {
    let world = World::new().await;
    for user in ["ann", "ben"] {
        world.post("/user/new", json!({"user_id": user})).await.good();
    }
    let ask = async |role, user: &str, path: &str| world.ask(&somebody(role, user), Method::GET, path, None).await;
    let own = ask(Role::InternalUser, "ann", "/user/info").await.good();
    assert_eq!((&own["user_id"], own["keys"].as_array().unwrap().len()), (&json!("ann"), 1));
    assert_eq!(ask(Role::InternalUser, "ann", "/user/info?user_id=ann").await.status, 200);
    assert_eq!(ask(Role::InternalUser, "ann", "/user/info?user_id=ben").await.status, 403);
    assert_eq!(ask(Role::InternalUserViewer, "ann", "/user/info?user_id=ben").await.status, 403);
    assert_eq!(ask(Role::ProxyAdminViewer, "eve", "/user/info?user_id=ben").await.status, 200);
    assert_eq!(world.get("/user/info?user_id=nobody").await.status, 404);
    assert_eq!(world.get("/user/info").await.good()["keys"].as_array().unwrap().len(), 2);
    assert_eq!(ask(Role::InternalUser, "ann", "/user/list").await.status, 401);
    for role in [Role::InternalUser, Role::OrgAdmin, Role::Team] {
        let nobody = crate::admin::Requester { user_id: None, ..somebody(role, "ann") };
        let answer = world.ask(&nobody, Method::GET, "/user/info", None).await;
        assert_eq!(answer.status, 403, "{role:?} without a user: {}", answer.body);
    }
}

#[tokio::test]
async fn an_organizations_admin_sees_its_members() {
    let world = World::new().await;
    for (user, role) in [("olga", "org_admin"), ("ann", "internal_user")] {
        let doc = json!({"user_id": user, "organization_id": "o", "user_role": role});
        let membership = Object {
            user_id: Some(user.to_owned()),
            organization_id: Some("o".to_owned()),
            ..Object::new(Kind::OrganizationMember, format!("o:{user}"), doc.as_object().unwrap().clone())
        };
        world.put(membership).await;
    }
    for user in ["olga", "ann", "ben"] {
        world.post("/user/new", json!({"user_id": user})).await.good();
    }
    // By the membership, whatever the role is.
    for olga in [somebody(Role::OrgAdmin, "olga"), somebody(Role::InternalUser, "olga")] {
        let list = world.ask(&olga, Method::GET, "/user/list", None).await.good();
        assert_eq!(list["total"], 2);
        let other = world.ask(&olga, Method::GET, "/user/list?user_ids=ben", None).await.good();
        assert_eq!(other["users"], json!([]));
        assert_eq!(world.ask(&olga, Method::GET, "/user/info?user_id=ann", None).await.status, 200);
        assert_eq!(world.ask(&olga, Method::GET, "/user/info?user_id=ben", None).await.status, 403);
    }
    let fake = somebody(Role::OrgAdmin, "ann");
    assert_eq!(world.ask(&fake, Method::GET, "/user/list", None).await.good()["total"], 0);
    for requester in [somebody(Role::InternalUser, "ann"), somebody(Role::InternalUserViewer, "olga")] {
        assert_eq!(world.ask(&requester, Method::GET, "/user/list", None).await.status, 401, "{requester:?}");
    }
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let world = World::new().await;
    for (number, role) in [(0, "internal_user"), (1, "proxy_admin"), (2, "internal_user")] {
        world.pass(1_000);
        let body =
            json!({"user_id": format!("u{number}"), "user_email": format!("u{number}@x.com"), "user_role": role});
        world.post("/user/new", body).await.good();
    }
    let ids = |list: &Value| -> Vec<String> {
        list["users"].as_array().unwrap().iter().map(|user| text(&user["user_id"]).to_owned()).collect()
    };
    let page = world.get("/user/list?page=2&page_size=2").await.good();
    assert_eq!((ids(&page), &page["total"], &page["total_pages"]), (vec!["u0".to_owned()], &json!(3), &json!(2)));
    let role = world.get("/user/get_users?role=internal_user").await.good();
    assert_eq!((ids(&role), &role["total"]), (vec!["u2".to_owned(), "u0".to_owned()], &json!(2)));
    assert_eq!(ids(&world.get("/user/list?user_ids=u1,u9").await.good()), ["u1"]);
    assert_eq!(ids(&world.get("/user/list?user_email=u2%40").await.good()), ["u2"]);
    assert_eq!(world.get("/user/list?page_size=0").await.status, 422);
}

#[tokio::test]
async fn an_update_changes_what_the_caller_may() {
    let world = World::new().await;
    world.post("/user/new", json!({"user_id": "ann", "user_email": "a@x.com", "max_budget": 1})).await.good();
    let updated =
        world.post("/user/update", json!({"user_email": "a@x.com", "max_budget": 2, "spend": 0.5})).await.good();
    assert_eq!((&updated["user_id"], &updated["data"]["max_budget"]), (&json!("ann"), &json!(2.0)));
    assert_eq!(updated["data"]["spend"], json!(0.5));
    let ann = somebody(Role::InternalUser, "ann");
    for (body, status) in [
        (json!({"user_id": "ann", "user_alias": "Ann"}), 200),
        (json!({"user_id": "ann", "max_budget": 3}), 403),
        (json!({"user_id": "ann", "user_role": "proxy_admin"}), 403),
        (json!({"user_id": "ben", "user_alias": "Ben"}), 403),
        (json!({"user_alias": "Ben"}), 400),
    ] {
        let answer = world.ask(&ann, Method::POST, "/user/update", Some(body.clone())).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_proxys_budget_is_a_user() {
    let world = World::new().await;
    world.post("/user/update", json!({"user_id": "litellm-proxy-budget", "spend": 0})).await.good();
    let spent = Money::from_dollars("0.75").unwrap();
    world.desk.spent.lock().unwrap().insert((limiter::Kind::Global, String::new()), spent);
    let info = world.get("/user/info?user_id=litellm-proxy-budget").await.good();
    assert_eq!(info["user_info"]["spend"], json!(0.75));
}

#[tokio::test]
async fn who_goes_takes_all_along() {
    let world = World::new().await;
    let team = json!({"team_id": "t", "team_alias": "T", "members_with_roles": []});
    let team = Object::new(Kind::Team, "t", team.as_object().unwrap().clone());
    world.put(Object { alias: Some("T".to_owned()), ..team }).await;
    world.post("/user/new", json!({"user_id": "ann", "teams": ["t"]})).await.good();
    let info = world.get("/user/info?user_id=ann").await.good();
    assert_eq!((&info["user_info"]["teams"], &info["teams"][0]["team_id"]), (&json!(["t"]), &json!("t")));
    let team = world.store.get(Kind::Team, "t").await.unwrap().unwrap();
    assert_eq!(team.doc["members_with_roles"][0]["user_id"], "ann");
    assert_eq!(world.post("/user/new", json!({"teams": ["unknown"]})).await.status, 404);

    assert_eq!(world.post("/user/delete", json!({"user_ids": ["ann", "nobody"]})).await.status, 404);
    assert_eq!(world.post("/user/delete", json!({"user_ids": ["ann"]})).await.good(), json!(1));
    for kind in [Kind::User, Kind::Key, Kind::TeamMember] {
        assert!(world.store.list(kind, &Filter::default(), Page::ALL).await.unwrap().is_empty(), "{kind:?}");
    }
    let team = world.store.get(Kind::Team, "t").await.unwrap().unwrap();
    assert_eq!(team.doc["members_with_roles"], json!([]));
}

#[tokio::test]
async fn the_audit_log_tells_who_did_what() {
    let world = World::new().await;
    world.post("/user/new", json!({"user_id": "ann"})).await.good();
    world.pass(1_000);
    world.post("/user/update", json!({"user_id": "ann", "max_budget": 1})).await.good();
    let log = world.get("/audit?table_name=LiteLLM_UserTable&page_size=1").await.good();
    assert_eq!((&log["total"], &log["total_pages"]), (&json!(2), &json!(2)));
    let line = &log["audit_logs"][0];
    assert_eq!((&line["action"], &line["object_id"]), (&json!("updated"), &json!("ann")));
    assert_eq!(
        (&line["before_value"]["max_budget"], &line["updated_values"]["max_budget"]),
        (&Value::Null, &json!(1.0))
    );
    let one = world.get(&format!("/audit/{}", text(&line["id"]))).await.good();
    assert_eq!(&one, line);
    assert_eq!(world.get("/audit/unknown").await.status, 404);
    assert_eq!(world.get("/audit?start_date=2026-11-21").await.good()["total"], 0);
    assert_eq!(world.get("/audit?start_date=yesterday").await.status, 400);
    let roles = world.get("/user/available_roles").await.good();
    assert!(roles["internal_user"]["ui_label"].is_string());
}
