//! Organizations, and what their admins may.

use http::Method;
use serde_json::{Value, json};

use super::teams::user;
use super::world::{World, key_of, somebody};
use crate::auth::{KeyDigest, Role};
use crate::store::{Filter, Kind, Object};

async fn world() -> World {
    let world = World::new().await;
    let body = json!({
        "organization_id": "acme", "organization_alias": "Acme", "models": ["gpt-4o", "openai/*"], "max_budget": 10,
        "rpm_limit": 100, "model_rpm_limit": {"gpt-4o": 3},
    });
    world.post("/organization/new", body).await.good();
    world.post("/organization/new", json!({"organization_id": "other", "organization_alias": "Other"})).await.good();
    let member = json!([{"role": "org_admin", "user_id": "ola"}, {"role": "internal_user", "user_id": "ann"}]);
    let body = json!({"organization_id": "acme", "member": member, "max_budget_in_organization": 2});
    let told = world.post("/organization/member_add", body).await.good();
    assert_eq!(told["updated_organization_memberships"].as_array().unwrap().len(), 2);
    assert_eq!(told["updated_organization_memberships"][0]["litellm_budget_table"]["max_budget"], json!(2.0));
    world
}

#[tokio::test]
async fn organizations_come_change_and_go() {
    let world = world().await;
    let info = world.get("/organization/info?organization_id=acme").await.good();
    assert_eq!((&info["organization_alias"], info["members"].as_array().unwrap().len()), (&json!("Acme"), 2));
    assert_eq!(info["litellm_budget_table"]["max_budget"], json!(10.0));
    assert_eq!(info["metadata"]["model_rpm_limit"], json!({"gpt-4o": 3}));
    let other = world.get("/organization/info?organization_id=other").await.good();
    assert!(other["budget_id"].is_string(), "there is none without a budget");

    let body = json!({"organization_id": "acme", "max_budget": 20, "organization_alias": "New"});
    let changed = world.ask(&super::world::master(), Method::PATCH, "/organization/update", Some(body)).await.good();
    assert_eq!((&changed["organization_alias"], &changed["budget_id"]), (&json!("New"), &info["budget_id"]));
    assert_eq!(changed["litellm_budget_table"]["rpm_limit"], json!(100));

    world.post("/team/new", json!({"team_id": "blue", "organization_id": "acme"})).await.good();
    world.put(Object { team_id: Some("blue".to_owned()), ..key_of("ann", "sk-team", json!({})) }).await;
    world.put(Object { organization_id: Some("acme".to_owned()), ..key_of("ann", "sk-org", json!({})) }).await;
    let body = json!({"organization_ids": ["acme"]});
    let gone = world.ask(&super::world::master(), Method::DELETE, "/organization/delete", Some(body)).await.good();
    assert_eq!(gone[0]["organization_id"], json!("acme"));
    for kind in [Kind::Team, Kind::Key, Kind::OrganizationMember, Kind::TeamMember] {
        assert_eq!(world.store.count(kind, &Filter::default()).await.unwrap(), 0, "{kind:?}");
    }
    assert_eq!(world.store.count(Kind::Budget, &Filter::default()).await.unwrap(), 1, "the one of the other");
    assert_eq!(world.get("/organization/info?organization_id=acme").await.status, 404);
}

#[tokio::test]
async fn a_team_has_no_more_than_its_organization() {
    let world = world().await;
    for (body, status) in [
        (json!({"models": ["gpt-4o", "openai/o3"], "max_budget": 10, "rpm_limit": 100}), 200),
        (json!({"models": ["all-org-models"]}), 200),
        (json!({"models": ["claude"]}), 400),
        (json!({"models": ["all-proxy-models"]}), 400),
        (json!({"max_budget": 10.5}), 400),
        (json!({"rpm_limit": 101}), 400),
    ] {
        let mut body = body;
        body["organization_id"] = json!("acme");
        assert_eq!(world.post("/team/new", body.clone()).await.status, status, "{body}");
    }
    world.post("/team/new", json!({"team_id": "blue", "organization_id": "acme"})).await.good();
    let update = json!({"team_id": "blue", "max_budget": 11});
    assert_eq!(world.post("/team/update", update).await.status, 400);
    let models = json!({"team_id": "blue", "models": ["claude"]});
    assert_eq!(world.post("/team/model/add", models).await.status, 400);
}

#[tokio::test]
async fn the_admin_of_an_organization_rules_there_and_nowhere_else() {
    let world = world().await;
    world.post("/team/new", json!({"team_id": "foreign", "organization_id": "other"})).await.good();
    let ask = async |who: &str, method: Method, path: &str, body: Value| {
        world.ask(&user(who), method, path, Some(body)).await.status
    };
    let post = Method::POST;
    let member = json!({"role": "internal_user", "user_id": "ben"});
    for (method, path, body, of_admin, of_member) in [
        (&post, "/team/new", json!({"team_id": "blue", "organization_id": "acme"}), 200, 403),
        (&post, "/team/new", json!({"organization_id": "other"}), 401, 401),
        (&post, "/team/new", json!({}), 403, 403),
        (&post, "/team/update", json!({"team_id": "blue", "max_budget": 9}), 200, 403),
        (&post, "/team/update", json!({"team_id": "blue", "organization_id": "other"}), 403, 403),
        (&post, "/team/update", json!({"team_id": "blue", "organization_id": null}), 403, 403),
        (&post, "/team/update", json!({"team_id": "foreign", "team_alias": "x"}), 403, 403),
        (&post, "/team/block", json!({"team_id": "foreign"}), 403, 403),
        (&post, "/organization/member_add", json!({"organization_id": "acme", "member": member}), 200, 403),
        (&post, "/organization/member_add", json!({"organization_id": "other", "member": member}), 403, 403),
        (
            &Method::PATCH,
            "/organization/member_update",
            json!({"organization_id": "acme", "user_id": "ben", "role": "internal_user_viewer"}),
            200,
            403,
        ),
        (&Method::PATCH, "/organization/update", json!({"organization_id": "acme", "max_budget": 99}), 401, 401),
        (&Method::DELETE, "/organization/delete", json!({"organization_ids": ["acme"]}), 401, 401),
        (&post, "/team/delete", json!({"team_ids": ["blue"]}), 200, 404),
    ] {
        let found = (
            ask("ola", method.clone(), path, body.clone()).await,
            ask("ann", method.clone(), path, body.clone()).await,
        );
        assert_eq!(found, (of_admin, of_member), "{path} {body}");
    }
    let body = json!({"organization_id": "acme", "member": {"role": "proxy_admin", "user_id": "x"}});
    assert_eq!(ask("ola", post.clone(), "/organization/member_add", body).await, 422);
}

#[tokio::test]
async fn the_admin_of_an_organization_makes_its_users() {
    let world = world().await;
    world.post("/team/new", json!({"team_id": "blue", "organization_id": "acme"})).await.good();
    world.post("/team/new", json!({"team_id": "foreign", "organization_id": "other"})).await.good();
    let limited = json!({"models": ["gpt-4o"]});
    world.put(key_of("ola", "sk-of-ola", limited)).await;
    let ask =
        async |who: &str, body: &Value| world.ask(&user(who), Method::POST, "/user/new", Some(body.clone())).await;
    let body = json!({"user_id": "new", "organization_id": "acme", "team_id": "blue"});
    let made = ask("ola", &body).await.good();
    assert_eq!(made["models"], json!(["gpt-4o"]), "no more than the key that is used");
    let digest = KeyDigest::of(made["key"].as_str().unwrap()).to_string();
    let key = world.store.get(Kind::Key, &digest).await.unwrap().unwrap();
    assert_eq!(key.organization_id.as_deref(), Some("acme"));
    let member = world.store.get(Kind::OrganizationMember, "acme:new").await.unwrap().unwrap();
    assert_eq!(member.doc["user_role"], "internal_user");
    for (who, body, status) in [
        ("ann", json!({"organization_id": "acme"}), 401),
        ("ola", json!({"organization_id": "other"}), 401),
        ("ola", json!({"organization_id": "nowhere", "auto_create_key": false}), 401),
        ("ola", json!({"organization_id": "acme", "organizations": ["other"]}), 401),
        ("ola", json!({}), 400),
        ("ola", json!({"organization_id": "acme", "user_role": "proxy_admin"}), 403),
        ("ola", json!({"organization_id": "acme", "teams": ["foreign"]}), 403),
        ("ola", json!({"organization_id": "acme", "models": ["o3"]}), 403),
        ("ola", json!({"organization_id": "acme", "budget_id": "x"}), 403),
    ] {
        assert_eq!(ask(who, &body).await.status, status, "{who} {body}");
    }
    let refused = ask("ola", &json!({"organization_id": "other"})).await;
    let text = refused.body["error"]["message"].as_str().unwrap();
    assert!(text.contains("You are not a member of the organization specified in the request body. Passed"), "{text}");
    assert_eq!(world.store.count(Kind::OrganizationMember, &Filter::default()).await.unwrap(), 3);
}

#[tokio::test]
async fn who_is_made_an_admin_with_their_organization_leads_it() {
    let world = world().await;
    let body = json!({"user_id": "oli", "organization_id": "other", "user_role": "org_admin"});
    world.post("/user/new", body).await.good();
    let body = json!({"team_id": "red", "organization_id": "other"});
    world.ask(&user("oli"), Method::POST, "/team/new", Some(body)).await.good();
}

#[tokio::test]
async fn members_see_their_organizations() {
    let world = world().await;
    for (who, count) in [("ann", 1), ("ola", 1), ("ben", 0)] {
        let listed = world.ask(&user(who), Method::GET, "/organization/list", None).await.good();
        assert_eq!(listed.as_array().unwrap().len(), count, "{who}");
    }
    assert_eq!(world.get("/organization/list").await.good().as_array().unwrap().len(), 2);
    assert_eq!(world.get("/organization/list?org_alias=acm").await.good().as_array().unwrap().len(), 1);
    let info = "/organization/info?organization_id=acme";
    assert_eq!(world.ask(&user("ann"), Method::GET, info, None).await.status, 200);
    assert_eq!(world.ask(&user("ben"), Method::GET, info, None).await.status, 403);
    assert_eq!(world.ask(&somebody(Role::ProxyAdminViewer, "eve"), Method::GET, info, None).await.status, 200);
    let body = json!({"organization_id": "acme", "user_id": "ann"});
    let path = "/organization/member_delete";
    world.ask(&super::world::master(), Method::DELETE, path, Some(body.clone())).await.good();
    assert_eq!(world.ask(&super::world::master(), Method::DELETE, path, Some(body)).await.status, 404);
    assert_eq!(world.ask(&user("ann"), Method::GET, info, None).await.status, 403);
}
