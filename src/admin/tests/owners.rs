//! What users who are no admins do with keys: their own, their team's, and nobody else's.

use http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World, key_of, somebody};
use crate::admin::Requester;
use crate::auth::Role;
use crate::store::{Kind, Object};

/// Ann and Ben with a key each, and a team that Ann leads and Ben and Cid work in; Ben's key is limited.
async fn world() -> World {
    let world = World::new().await;
    world.put(key_of("ann", "sk-of-ann", json!({}))).await;
    let limits = json!({"models": ["gpt-4o"], "max_budget": 10.0, "rpm_limit": 5});
    world.put(key_of("ben", "sk-of-ben", limits)).await;
    let members = json!([
        {"user_id": "ann", "role": "admin"}, {"user_id": "ben", "role": "user"}, {"user_id": "cid", "role": "user"},
    ]);
    let team = json!({
        "team_id": "t", "members_with_roles": members, "models": ["gpt-4o", "claude"], "rpm_limit": 50,
        "team_member_permissions": ["/key/info"],
    });
    world.put(Object::new(Kind::Team, "t", team.as_object().unwrap().clone())).await;
    world
}

fn user(name: &str) -> Requester {
    somebody(Role::InternalUser, name)
}

async fn post(world: &World, who: &str, path: &str, body: Value) -> Answer {
    world.ask(&user(who), Method::POST, path, Some(body)).await
}

#[tokio::test]
async fn a_key_of_ones_own_is_ones_own() {
    let world = world().await;
    let made = post(&world, "ann", "/key/generate", json!({"key_alias": "second"})).await.good();
    assert_eq!((&made["user_id"], &made["created_by"]), (&json!("ann"), &json!("ann")));
    let body = |max: u32| json!({"key": made["key"], "max_budget": max});
    post(&world, "ann", "/key/update", body(3)).await.good();
    post(&world, "ann", "/key/update", body(30)).await.good();
    assert_eq!(post(&world, "ben", "/key/update", body(3)).await.status, 403);
    assert_eq!(post(&world, "ben", "/key/delete", json!({"keys": [made["key"]]})).await.status, 403);
    post(&world, "ann", "/key/delete", json!({"keys": [made["key"]]})).await.good();
}

#[tokio::test]
async fn nobody_makes_keys_for_others() {
    let world = world().await;
    for body in [
        json!({"user_id": "ben"}),
        json!({"organization_id": "o"}),
        json!({"team_id": "t", "user_id": "zoe"}),
        json!({"spend": -1}),
        json!({"permissions": {"get_spend_routes": true}}),
        json!({"metadata": {"disable_global_guardrails": true}}),
        json!({"metadata": {"on_budget_exceeded": "warn"}}),
        json!({"router_settings": {}}),
        json!({"access_group_ids": ["g"]}),
    ] {
        let answer = post(&world, "ann", "/key/generate", body.clone()).await;
        assert_eq!(answer.status, 403, "{body}: {}", answer.body);
    }
    assert_eq!(post(&world, "ann", "/key/generate", json!({"team_id": "unknown"})).await.status, 400);
}

#[tokio::test]
async fn a_limited_key_makes_limited_keys() {
    let world = world().await;
    let made = post(&world, "ben", "/key/generate", json!({})).await.good();
    assert_eq!(
        (&made["models"], &made["max_budget"], &made["rpm_limit"]),
        (&json!(["gpt-4o"]), &json!(10.0), &json!(5))
    );
    let narrower = post(&world, "ben", "/key/generate", json!({"max_budget": 1, "rpm_limit": 0})).await.good();
    assert_eq!((&narrower["max_budget"], &narrower["rpm_limit"]), (&json!(1.0), &json!(0)));
    for body in [
        json!({"models": ["claude"]}),
        json!({"models": ["all-proxy-models"]}),
        json!({"max_budget": 11}),
        json!({"max_budget": 10, "budget_duration": "1d"}),
        json!({"rpm_limit": 6}),
        json!({"aliases": {"gpt-4o": "claude"}}),
    ] {
        let answer = post(&world, "ben", "/key/generate", body.clone()).await;
        assert_eq!(answer.status, 403, "{body}: {}", answer.body);
    }
    // Neither by making a key first and changing it then.
    let body = json!({"key": made["key"], "max_budget": null});
    assert_eq!(post(&world, "ben", "/key/update", body).await.good()["max_budget"], json!(10.0));
    let body = json!({"key": made["key"], "models": ["claude"]});
    assert_eq!(post(&world, "ben", "/key/update", body).await.status, 403);
}

#[tokio::test]
async fn a_key_that_an_admin_made_only_becomes_narrower() {
    let world = world().await;
    let body = json!({"user_id": "ann", "max_budget": 5, "models": ["gpt-4o"], "model_rpm_limit": {"gpt-4o": 1}});
    let made = world.post("/key/generate", body).await.good();
    for (change, status) in [
        (json!({"key_alias": "mine"}), 200),
        (json!({"max_budget": 4}), 200),
        (json!({"max_budget": 5}), 403),
        (json!({"models": ["claude"]}), 403),
        (json!({"model_rpm_limit": {}}), 403),
        (json!({"metadata": {"model_rpm_limit": {}}}), 403),
        (json!({"metadata": {"on_budget_exceeded": "warn"}}), 403),
        (json!({"duration": "-1"}), 403),
        (json!({"blocked": false}), 403),
        (json!({"team_id": "t"}), 403),
        (json!({"user_id": "ben"}), 403),
    ] {
        let mut body = change.clone();
        body["key"] = made["key"].clone();
        let answer = post(&world, "ann", "/key/update", body).await;
        assert_eq!(answer.status, status, "{change}: {}", answer.body);
    }
    for path in ["/key/block", "/key/unblock"] {
        assert_eq!(post(&world, "ann", path, json!({"key": made["key"]})).await.status, 403);
    }
}

#[tokio::test]
async fn metadata_of_ones_own_leaves_what_limits_the_key() {
    let world = world().await;
    let own = json!({"on_budget_exceeded": "block"});
    let body = json!({"user_id": "ann", "model_rpm_limit": {"gpt-4o": 1}, "guardrails": ["pii"], "metadata": own});
    let made = world.post("/key/generate", body).await.good();
    let body = json!({"key": made["key"], "metadata": {"note": "x"}});
    let updated = post(&world, "ann", "/key/update", body).await.good();
    let expected = json!({
        "note": "x", "model_rpm_limit": {"gpt-4o": 1}, "guardrails": ["pii"], "on_budget_exceeded": "block",
    });
    assert_eq!(updated["metadata"], expected);
}

#[tokio::test]
async fn who_leads_a_team_makes_its_keys() {
    let world = world().await;
    let of_member = post(&world, "ann", "/key/generate", json!({"team_id": "t", "user_id": "ben"})).await.good();
    assert_eq!(of_member["team_id"], "t");
    let body = json!({"team_id": "t", "key_alias": "robot"});
    let robot = post(&world, "ann", "/key/service-account/generate", body).await.good();
    assert_eq!((&robot["user_id"], &robot["metadata"]["service_account_id"]), (&Value::Null, &json!("robot")));
    for body in [json!({"team_id": "t", "models": ["gemini"]}), json!({"team_id": "t", "rpm_limit": 51})] {
        assert_eq!(post(&world, "ann", "/key/generate", body.clone()).await.status, 403, "{body}");
    }
    // A member does only what the team permits.
    assert_eq!(post(&world, "ben", "/key/generate", json!({"team_id": "t", "user_id": "ben"})).await.status, 401);
    post(&world, "ann", "/key/block", json!({"key": robot["key"]})).await.good();
    assert_eq!(post(&world, "cid", "/key/unblock", json!({"key": robot["key"]})).await.status, 403);
    assert_eq!(post(&world, "cid", "/key/delete", json!({"keys": [robot["key"]]})).await.status, 401);
    post(&world, "ann", "/key/delete", json!({"keys": [robot["key"], of_member["key"]]})).await.good();
}

#[tokio::test]
async fn a_member_does_what_the_team_permits() {
    let world = world().await;
    let key = world.post("/key/generate", json!({"team_id": "t", "rpm_limit": 9})).await.good()["key"].clone();
    let calls = [
        ("/key/update", json!({"key": key, "metadata": {"seen": true}, "team_id": "t"})),
        ("/key/regenerate", json!({"key": key})),
        ("/key/generate", json!({"team_id": "t"})),
    ];
    for (path, body) in &calls {
        let refused = post(&world, "cid", path, body.clone()).await;
        let kind = &refused.body["error"]["type"];
        assert_eq!((refused.status, kind), (401, &json!("team_member_permission_error")), "{path}");
        let text = refused.body["error"]["message"].as_str().unwrap();
        assert!(text.starts_with(&format!("Team member does not have permissions for endpoint: {path}.")), "{text}");
    }
    let permit = async |routes: Value| {
        let body = json!({"team_id": "t", "team_member_permissions": routes});
        world.post("/team/permissions_update", body).await.good();
    };
    permit(json!(["/key/update", "/key/generate"])).await;
    post(&world, "cid", calls[0].0, calls[0].1.clone()).await.good();
    // They narrow it, and leave it where it is.
    for body in [json!({"rpm_limit": 10}), json!({"team_id": "u"}), json!({"user_id": "cid"})] {
        let mut said = json!({"key": key});
        said.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        assert_eq!(post(&world, "cid", "/key/update", said).await.status, 403, "{body}");
    }
    let own = post(&world, "cid", "/key/generate", json!({"team_id": "t"})).await.good();
    assert_eq!((&own["user_id"], &own["team_id"]), (&json!("cid"), &json!("t")), "a member's key is their own");
    assert_eq!(post(&world, "cid", "/key/regenerate", calls[1].1.clone()).await.status, 401);
    // Others are no members, whatever the team permits.
    let refused = post(&world, "zoe", "/key/delete", json!({"keys": [key]})).await;
    assert_eq!((refused.status, &refused.body["error"]["param"]), (401, &json!("/key/delete")));
    assert_eq!(post(&world, "zoe", "/key/generate", json!({"team_id": "t"})).await.status, 403);
    permit(json!(["/key/delete"])).await;
    let path = format!("/key/info?key={}", key.as_str().unwrap());
    world.ask(&user("cid"), Method::GET, &path, None).await.good();
    assert_eq!(world.ask(&user("zoe"), Method::GET, &path, None).await.status, 403);
    post(&world, "cid", "/key/delete", json!({"keys": [key]})).await.good();
}

#[tokio::test]
async fn an_organizations_admin_gives_within_it() {
    let world = world().await;
    for (user, role) in [("olga", "org_admin"), ("ann", "internal_user")] {
        let doc = json!({"user_id": user, "organization_id": "o", "user_role": role});
        world.put(Object::new(Kind::OrganizationMember, format!("o:{user}"), doc.as_object().unwrap().clone())).await;
    }
    let team = json!({"team_id": "of-o", "members_with_roles": [{"user_id": "ben", "role": "user"}]});
    let team = Object::new(Kind::Team, "of-o", team.as_object().unwrap().clone());
    world.put(Object { organization_id: Some("o".to_owned()), ..team }).await;
    let asked = [
        (json!({"organization_id": "o", "user_id": "ann"}), 200),
        (json!({"team_id": "of-o", "user_id": "ben"}), 200),
        (json!({"team_id": "of-o"}), 200),
        (json!({"organization_id": "o", "user_id": "zoe"}), 403),
        (json!({"organization_id": "other", "user_id": "ann"}), 403),
        (json!({"team_id": "t", "user_id": "ben"}), 403),
        (json!({"user_id": "ann"}), 403),
    ];
    // By the membership, whatever the role is.
    let olgas = [Role::OrgAdmin, Role::InternalUser].map(|role| somebody(role, "olga"));
    for (olga, (body, status)) in olgas.iter().flat_map(|olga| asked.iter().map(move |one| (olga, one))) {
        let answer = world.ask(olga, Method::POST, "/key/generate", Some(body.clone())).await;
        assert_eq!(answer.status, *status, "{body}: {}", answer.body);
        if *status == 200 {
            assert_eq!(answer.body["organization_id"], "o", "a team's key is its organization's");
            let body = json!({"key": answer.body["key"], "max_budget": 1});
            world.ask(olga, Method::POST, "/key/update", Some(body.clone())).await.good();
            let refused = if answer.body["team_id"].is_null() { 403 } else { 401 };
            assert_eq!(post(&world, "cid", "/key/update", body).await.status, refused);
        }
    }
    for (path, total) in [("/key/list?organization_id=o", 6), ("/key/list?team_id=of-o&include_team_keys=true", 4)] {
        let list = async |who: &str| world.ask(&user(who), Method::GET, path, None).await;
        assert_eq!(list("olga").await.good()["total_count"], json!(total), "{path}");
        assert_eq!(list("ann").await.status, 403, "{path}");
    }
    assert_eq!(world.ask(&user("olga"), Method::GET, "/key/list?organization_id=other", None).await.status, 403);
}

#[tokio::test]
async fn nobody_gets_a_key_of_somebody_who_may_do_more() {
    let world = world().await;
    for (organization, user, role) in [
        ("o", "olga", "org_admin"),
        ("o", "root", "internal_user"),
        ("o", "sees", "internal_user"),
        ("o", "odo", "internal_user"),
        ("other", "odo", "org_admin"),
        ("o", "ann", "internal_user"),
    ] {
        let doc = json!({"user_id": user, "organization_id": organization, "user_role": role});
        let id = format!("{organization}:{user}");
        let membership = Object::new(Kind::OrganizationMember, id, doc.as_object().unwrap().clone());
        let (user_id, organization_id) = (Some(user.to_owned()), Some(organization.to_owned()));
        world.put(Object { user_id, organization_id, ..membership }).await;
    }
    for (user, role) in [("root", "proxy_admin"), ("sees", "proxy_admin_viewer"), ("odo", "internal_user")] {
        world.post("/user/new", json!({"user_id": user, "user_role": role, "auto_create_key": false})).await.good();
    }
    for (who, status) in [("root", 403), ("sees", 403), ("odo", 403), ("ann", 200), ("olga", 200)] {
        let body = json!({"organization_id": "o", "user_id": who});
        let answer = post(&world, "olga", "/key/generate", body.clone()).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.body);
        let made = world.post("/key/generate", body).await.good();
        let answer = post(&world, "olga", "/key/regenerate", json!({"key": made["key"]})).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.body);
    }
}

#[tokio::test]
async fn lists_show_ones_own() {
    let world = world().await;
    post(&world, "ann", "/key/generate", json!({"team_id": "t", "user_id": "ben"})).await.good();
    let list = async |who: &str, path: &str| world.ask(&user(who), Method::GET, path, None).await;
    assert_eq!(list("ann", "/key/list").await.good()["total_count"], 1);
    assert_eq!(list("ben", "/key/list").await.good()["total_count"], 2);
    assert_eq!(list("ann", "/key/list?user_id=ben").await.status, 403);
    assert_eq!(list("zoe", "/key/list?team_id=t").await.status, 403);
    assert_eq!(list("ann", "/key/list?team_id=t&include_team_keys=true").await.good()["total_count"], 1);
    assert_eq!(list("ben", "/key/list?team_id=t&include_team_keys=true").await.status, 403);
    assert_eq!(list("ann", "/key/list?organization_id=o").await.status, 403);
    let nobody = Requester { user_id: None, ..user("ann") };
    assert_eq!(world.ask(&nobody, Method::GET, "/key/list", None).await.status, 403);
    assert_eq!(list("ben", "/key/list?key_alias=none").await.good()["keys"], json!([]));
}
