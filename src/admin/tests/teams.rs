//! Teams: who may make, change and end them, and what ends with them.

use http::Method;
use serde_json::{Value, json};

use super::world::{World, key_of, master, somebody};
use crate::admin::{Requester, Settings};
use crate::auth::Role;
use crate::error::Compat;
use crate::limiter;
use crate::pricing::Money;
use crate::store::{Filter, Kind, Object};

pub async fn new_team(world: &World, body: Value) -> String {
    world.post("/team/new", body).await.good()["team_id"].as_str().unwrap().to_owned()
}

pub fn user(user_id: &str) -> Requester {
    somebody(Role::InternalUser, user_id)
}

#[tokio::test]
async fn a_team_ends_with_all_that_is_its() {
    let world = World::new().await;
    let team_id = new_team(
        &world,
        json!({
            "team_id": "blue", "members_with_roles": [{"role": "user", "user_id": "ann"}], "team_member_budget": 5,
        }),
    )
    .await;
    world
        .post("/team/new", json!({"team_id": "red", "members_with_roles": [{"role": "user", "user_id": "ann"}]}))
        .await
        .good();
    for (key, team) in [("sk-blue", "blue"), ("sk-red", "red")] {
        world.put(Object { team_id: Some(team.to_owned()), ..key_of("ann", key, json!({})) }).await;
    }
    world.post("/project/new", json!({"team_id": "blue", "project_id": "p"})).await.good();
    world
        .post("/team/member_update", json!({"team_id": "blue", "user_id": "ann", "max_budget_in_team": 1}))
        .await
        .good();
    let budgets = world.store.count(Kind::Budget, &Filter::default()).await.unwrap();
    assert_eq!(budgets, 3, "of the team's members, of ann, of the project");

    let gone = world.post("/team/delete", json!({"team_ids": [team_id]})).await.good();
    assert_eq!(gone, json!({"deleted_teams": ["blue"]}));
    let of = |team| Filter { team_id: Some(team), ..Filter::default() };
    for kind in [Kind::Key, Kind::TeamMember, Kind::Project] {
        assert_eq!(world.store.count(kind, &of("blue")).await.unwrap(), 0, "{kind:?}");
    }
    assert_eq!(world.store.count(Kind::Key, &of("red")).await.unwrap(), 1);
    assert_eq!(world.store.count(Kind::TeamMember, &of("red")).await.unwrap(), 2);
    assert_eq!(world.store.count(Kind::Budget, &Filter::default()).await.unwrap(), 0);
    let ann = world.store.get(Kind::User, "ann").await.unwrap().unwrap();
    assert_eq!(ann.doc["teams"], json!(["red"]));
    assert_eq!(world.get("/team/info?team_id=blue").await.status, 404);
    let told = world.desk.changed.lock().unwrap().clone();
    for object in [(Kind::Team, "blue"), (Kind::TeamMember, "blue:ann"), (Kind::Project, "p")] {
        assert!(told.iter().filter(|it| **it == (object.0, object.1.to_owned())).count() > 1, "{object:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    for (compat, exists) in [(Compat::V1_80, 400), (Compat::V1_106, 409)] {
        let world = World::of(compat).await;
        world.post("/team/new", json!({"team_id": "blue"})).await.good();
        for (path, body, status, word) in [
            ("/team/new", json!({"team_id": "blue"}), exists, "already exists"),
            ("/team/new", json!({"team_id": "a:b"}), 400, "':'"),
            ("/team/new", json!({"max_budget": -1}), 400, "cannot be negative"),
            ("/team/new", json!({"budget_duration": "soon"}), 400, "budget_duration"),
            ("/team/new", json!({"organization_id": "none"}), 404, "Organization not found"),
            ("/team/new", json!({"members_with_roles": [{"role": "owner", "user_id": "a"}]}), 422, "'admin' or 'user'"),
            ("/team/new", json!({"team_member_permissions": ["/everything"]}), 400, "/everything"),
            ("/team/update", json!({"team_id": "none"}), 404, "Team not found"),
            ("/team/update", json!({}), 422, "Field required"),
            ("/team/update", json!({"team_id": "blue", "rpm_limit": -3}), 400, "cannot be negative"),
            ("/team/delete", json!({"team_ids": ["blue", "none"]}), 404, "Team not found"),
            ("/team/block", json!({"team_id": "none"}), 404, "Team not found"),
            ("/team/model/add", json!({"team_id": "none", "models": []}), 404, "Team not found"),
            (
                "/team/member_add",
                json!({"team_id": "none", "member": {"role": "user", "user_id": "a"}}),
                404,
                "not found",
            ),
        ] {
            let answer = world.post(path, body.clone()).await;
            assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
            assert!(answer.body.to_string().contains(word), "{path} {body}: {}", answer.body);
        }
        let unknown = world.get("/team/info?team_id=none").await;
        assert_eq!((unknown.status, &unknown.body["error"]["code"]), (404, &json!("404")));
        assert!(world.get("/team/info?team_id=blue").await.good().is_object(), "nothing was deleted");
    }
}

#[tokio::test]
async fn an_update_changes_what_it_says_and_nothing_else() {
    let world = World::new().await;
    let body = json!({
        "team_alias": "a", "models": ["gpt-4o"], "max_budget": 10, "budget_duration": "7d", "metadata": {"x": 1},
        "tags": ["t"], "model_rpm_limit": {"gpt-4o": 3}, "model_aliases": {"cheap": "gpt-4o"}, "team_member_budget": 2,
    });
    let before = world.post("/team/new", body).await.good();
    let id = before["team_id"].as_str().unwrap();
    assert_eq!(before["metadata"]["tags"], json!(["t"]));
    assert_eq!(before["metadata"]["model_rpm_limit"], json!({"gpt-4o": 3}));
    assert_eq!(before["litellm_model_table"]["model_aliases"], json!({"cheap": "gpt-4o"}));
    let budget = before["metadata"]["team_member_budget_id"].clone();

    world.pass(5_000);
    let same = world.post("/team/update", json!({"team_id": id, "team_alias": "b"})).await.good();
    for (name, value) in same["data"].as_object().unwrap() {
        match name.as_str() {
            "team_alias" => assert_eq!(*value, json!("b")),
            "updated_at" => assert_ne!(*value, before["updated_at"]),
            name => assert_eq!(*value, before[name], "{name}"),
        }
    }
    let body = json!({
        "team_id": id, "budget_duration": null, "max_budget": null, "metadata": {"y": 2, "team_member_budget_id": "other"},
        "team_member_budget": 3,
    });
    let after = world.post("/team/update", body).await.good()["data"].clone();
    assert_eq!((&after["max_budget"], &after["budget_reset_at"]), (&json!(null), &json!(null)));
    assert_eq!(after["metadata"], json!({"y": 2, "team_member_budget_id": budget}), "only the gateway says which");
    let info = world.get(&format!("/team/info?team_id={id}")).await.good();
    assert_eq!(info["team_info"]["team_member_budget_table"]["max_budget"], json!(3.0));
}

#[tokio::test]
async fn a_team_is_seen_by_those_whom_it_concerns() {
    let world = World::new().await;
    let members = json!([{"role": "admin", "user_id": "lea"}, {"role": "user", "user_id": "ann"}]);
    new_team(&world, json!({"team_id": "blue", "members_with_roles": members})).await;
    new_team(&world, json!({"team_id": "red"})).await;
    for owner in ["ann", "lea"] {
        let key = Object { team_id: Some("blue".to_owned()), ..key_of(owner, &format!("sk-{owner}"), json!({})) };
        world.put(key).await;
    }
    let team_key = Requester { user_id: None, team_id: Some("blue".to_owned()), ..user("") };
    let viewer = somebody(Role::ProxyAdminViewer, "eve");
    for (requester, name, status, keys) in [
        (master(), "master", 200, 2),
        (viewer.clone(), "viewer", 200, 2),
        (user("lea"), "team admin", 200, 2),
        (user("ann"), "member", 200, 1),
        (team_key.clone(), "key of the team", 200, 2),
        (user("ben"), "stranger", 403, 0),
        (somebody(Role::Customer, "ann"), "customer", 401, 0),
    ] {
        let answer = world.ask(&requester, Method::GET, "/team/info?team_id=blue", None).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        assert_eq!(answer.body["keys"].as_array().map_or(0, Vec::len), keys, "{name}");
        assert!(!answer.body.to_string().contains("\"token\""), "{name}");
    }
    for (requester, teams) in [(master(), 2), (viewer, 2), (user("ann"), 1), (team_key, 1), (user("ben"), 0)] {
        let all = world.ask(&requester, Method::GET, "/team/list", None).await.good();
        assert_eq!(all.as_array().unwrap().len(), teams);
        let paged = world.ask(&requester, Method::GET, "/v2/team/list", None).await.good();
        assert_eq!((paged["teams"].as_array().unwrap().len(), &paged["total"]), (teams, &json!(teams)));
    }
    let others = world.ask(&user("ann"), Method::GET, "/team/list?user_id=lea", None).await;
    assert_eq!(others.status, 403);
    let named = world.get("/team/list?user_id=ann").await.good();
    assert_eq!((named[0]["team_id"].clone(), named.as_array().unwrap().len()), (json!("blue"), 1));
}

#[tokio::test]
async fn teams_come_in_pages() {
    let world = World::new().await;
    for number in 0..25 {
        new_team(&world, json!({"team_id": format!("t{number:02}"), "team_alias": format!("100%_{number}")})).await;
        world.pass(1);
    }
    let page = |query: &str| format!("/v2/team/list?{query}");
    let first = world.get(&page("page=1&page_size=10")).await.good();
    assert_eq!((&first["total"], &first["total_pages"], &first["page"]), (&json!(25), &json!(3), &json!(1)));
    assert_eq!(first["teams"][0]["team_id"], json!("t24"), "newest first");
    let last = world.get(&page("page=3&page_size=10&sort_by=team_id")).await.good();
    assert_eq!(last["teams"].as_array().unwrap().len(), 5);
    assert_eq!(last["teams"][4]["team_id"], json!("t24"));
    assert_eq!(world.get(&page("page=9")).await.good()["teams"], json!([]));
    assert_eq!(world.get(&page("search=%25_7")).await.good()["total"], json!(1), "a % means itself");
    for wrong in ["page=0", "page_size=0", "page_size=101", "page=x"] {
        assert_eq!(world.get(&page(wrong)).await.status, 422, "{wrong}");
    }
}

#[tokio::test]
async fn the_admin_of_a_team_arranges_it_and_does_not_grow_it() {
    let world = World::new().await;
    let members = json!([{"role": "admin", "user_id": "lea"}, {"role": "user", "user_id": "ann"}]);
    let body =
        json!({"team_id": "blue", "members_with_roles": members, "max_budget": 10, "models": ["gpt-4o", "claude"]});
    new_team(&world, body).await;
    let post =
        async |who: &str, path: &str, body: Value| world.ask(&user(who), Method::POST, path, Some(body)).await.status;
    for (path, body, expected) in [
        ("/team/update", json!({"team_id": "blue", "team_alias": "b"}), [200, 403]),
        ("/team/update", json!({"team_id": "blue", "max_budget": 9}), [200, 403]),
        ("/team/update", json!({"team_id": "blue", "max_budget": 11}), [403, 403]),
        ("/team/update", json!({"team_id": "blue", "models": ["claude"]}), [200, 403]),
        ("/team/update", json!({"team_id": "blue", "models": []}), [403, 403]),
        ("/team/update", json!({"team_id": "blue", "blocked": true}), [403, 403]),
        ("/team/model/add", json!({"team_id": "blue", "models": ["o3"]}), [403, 403]),
        ("/team/block", json!({"team_id": "blue"}), [403, 403]),
        ("/team/delete", json!({"team_ids": ["blue"]}), [403, 403]),
        ("/team/new", json!({"team_id": "green"}), [403, 403]),
        (
            "/team/permissions_update",
            json!({"team_id": "blue", "team_member_permissions": ["/key/generate"]}),
            [200, 403],
        ),
        ("/team/member_add", json!({"team_id": "blue", "member": {"role": "user", "user_id": "ben"}}), [200, 403]),
        ("/team/member_update", json!({"team_id": "blue", "user_id": "ann", "role": "admin"}), [200, 200]),
    ] {
        let found = [post("lea", path, body.clone()).await, post("ann", path, body.clone()).await];
        assert_eq!(found, expected, "{path} {body}");
    }
}

#[tokio::test]
async fn a_blocked_team_is_blocked_until_it_is_not() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue"})).await;
    let blocked = world.post("/team/block", json!({"team_id": "blue"})).await.good();
    assert_eq!(blocked["blocked"], json!(true));
    assert_eq!(world.store.get(Kind::Team, "blue").await.unwrap().unwrap().doc["blocked"], json!(true));
    let unblocked = world.post("/team/unblock", json!({"team_id": "blue"})).await.good();
    assert_eq!(unblocked["blocked"], json!(false));
}

#[tokio::test]
async fn models_are_added_and_taken_away() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue", "models": ["gpt-4o"]})).await;
    let models = async |path: &str, models: Value| world.post(path, json!({"team_id": "blue", "models": models})).await;
    let added = models("/team/model/add", json!(["openai/*", "gpt-4o", "all-team-models"])).await.good();
    assert_eq!(added["models"], json!(["gpt-4o", "openai/*", "all-team-models"]));
    let left = models("/team/model/delete", json!(["openai/*", "all-team-models", "none"])).await.good();
    assert_eq!(left["models"], json!(["gpt-4o"]));
    let last = models("/team/model/delete", json!(["gpt-4o"])).await;
    assert_eq!(last.status, 400, "an empty list would allow everything");
    world.post("/team/update", json!({"team_id": "blue", "models": ["no-default-models"]})).await.good();
}

#[tokio::test]
async fn permissions_are_listed_and_changed() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue"})).await;
    let listed = world.get("/team/permissions_list?team_id=blue").await.good();
    assert_eq!(listed["team_member_permissions"], json!(["/key/info"]));
    assert!(listed["all_available_permissions"].as_array().unwrap().contains(&json!("/key/generate")));
    let body = json!({"team_id": "blue", "team_member_permissions": ["/key/generate"]});
    let changed = world.post("/team/permissions_update", body).await.good();
    assert_eq!(changed["team_member_permissions"], json!(["/key/generate"]));
    let unknown = json!({"team_id": "blue", "team_member_permissions": ["/team/delete"]});
    assert_eq!(world.post("/team/permissions_update", unknown).await.status, 400);
}

#[tokio::test]
async fn spend_is_that_of_this_moment() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue", "members_with_roles": [{"role": "user", "user_id": "ann"}]})).await;
    let spent = |scope, id: &str, dollars| {
        let money = Money::from_dollars(dollars).unwrap();
        world.desk.spent.lock().unwrap().insert((scope, id.to_owned()), money);
    };
    spent(limiter::Kind::Team, "blue", "1.5");
    spent(limiter::Kind::TeamMember, "blue:ann", "0.5");
    let info = world.get("/team/info?team_id=blue").await.good();
    assert_eq!(info["team_info"]["spend"], json!(1.5));
    let ann = info["team_memberships"].as_array().unwrap().iter().find(|it| it["user_id"] == "ann").unwrap();
    assert_eq!(ann["spend"], json!(0.5));
}

#[tokio::test]
async fn new_teams_have_the_defaults_of_the_file() {
    let default_team = json!({"max_budget": 3.0, "budget_duration": "30d", "models": ["gpt-4o"], "nonsense": 1});
    let settings = Settings { default_team: default_team.as_object().unwrap().clone(), ..Settings::default() };
    let world = World::with(settings).await;
    let team = world.post("/team/new", json!({"models": ["claude"]})).await.good();
    assert_eq!((&team["max_budget"], &team["models"]), (&json!(3.0), &json!(["claude"])));
    assert_eq!(team["budget_reset_at"], json!("2026-12-01T00:00:00Z"));
}

#[tokio::test]
async fn many_changes_at_once_lose_none() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue"})).await;
    let add = |number: u32| {
        let member = json!({"role": "user", "user_id": format!("u{number}")});
        world.post("/team/member_add", json!({"team_id": "blue", "member": member}))
    };
    let answers = futures::future::join_all((0..6).map(add)).await;
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 503), "{answers:?}");
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    let info = world.get("/team/info?team_id=blue").await.good();
    assert_eq!(info["team_info"]["members_with_roles"].as_array().unwrap().len(), 1 + done);
    assert!(done >= 1);
}
