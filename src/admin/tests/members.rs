//! Members of teams.

use http::Method;
use serde_json::{Value, json};

use super::teams::{new_team, user};
use super::world::{World, key_of};
use crate::admin::Settings;
use crate::error::Compat;
use crate::store::{Filter, Kind, Object};

async fn member(world: &World, user_id: &str) -> Option<Object> {
    world.store.get(Kind::TeamMember, &format!("blue:{user_id}")).await.unwrap()
}

async fn roster(world: &World) -> Vec<String> {
    let info = world.get("/team/info?team_id=blue").await.good();
    let members = info["team_info"]["members_with_roles"].as_array().unwrap().clone();
    members.iter().map(|member| member["user_id"].as_str().unwrap().to_owned()).collect()
}

/// Each commit makes those that were decided before it wrong, and each gets its turn all the same.
#[tokio::test]
async fn however_many_come_at_once_all_are_taken() {
    const COMERS: usize = 40;
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue"})).await;
    let before = roster(&world).await.len();
    let comers = (0..COMERS).map(|number| {
        let member = json!({"role": "user", "user_id": format!("user-{number}")});
        world.post("/team/member_add", json!({"team_id": "blue", "member": member}))
    });
    for added in futures::future::join_all(comers).await {
        added.good();
    }
    assert_eq!(roster(&world).await.len(), before + COMERS);
}

#[tokio::test]
async fn members_are_named_by_id_or_by_address() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue"})).await;
    world
        .post("/user/new", json!({"user_id": "ann", "user_email": "ann@x.org", "auto_create_key": false}))
        .await
        .good();
    let by_address = json!({"team_id": "blue", "member": {"role": "user", "user_email": "ann@x.org"}});
    let answer = world.post("/team/member_add", by_address.clone()).await.good();
    assert_eq!(answer["updated_users"][0]["user_id"], json!("ann"));
    assert_eq!(answer["updated_users"][0]["teams"], json!(["blue"]));
    let again = world.post("/team/member_add", by_address).await;
    assert_eq!(again.status, 400, "{}", again.body);
    assert!(again.body.to_string().contains("already in team"));

    let new = json!([{"role": "user", "user_email": "new@x.org"}, {"role": "admin", "user_id": "ben"}]);
    let answer = world.post("/team/member_add", json!({"team_id": "blue", "member": new})).await.good();
    let made = answer["members_with_roles"].as_array().unwrap();
    let new = made.iter().find(|member| member["user_email"] == "new@x.org").unwrap()["user_id"].as_str().unwrap();
    let stored = world.store.get(Kind::User, new).await.unwrap().unwrap();
    assert_eq!((&stored.doc["user_role"], &stored.doc["teams"]), (&json!("internal_user"), &json!(["blue"])));
    assert_eq!(roster(&world).await.len(), 4);

    world.post("/team/member_delete", json!({"team_id": "blue", "user_email": "new@x.org"})).await.good();
    assert_eq!(world.store.get(Kind::User, new).await.unwrap().unwrap().doc["teams"], json!([]));
    assert_eq!((roster(&world).await.len(), member(&world, new).await), (3, None));
}

#[tokio::test]
async fn one_person_under_two_names_is_one_member() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue"})).await;
    world
        .post("/user/new", json!({"user_id": "ann", "user_email": "ann@x.org", "auto_create_key": false}))
        .await
        .good();
    let both = json!([{"role": "user", "user_id": "ann"}, {"role": "admin", "user_email": "ann@x.org"}]);
    world.post("/team/member_add", json!({"team_id": "blue", "member": both})).await.good();
    assert_eq!(roster(&world).await, ["default_user_id", "ann"]);
}

#[tokio::test]
async fn a_member_has_a_budget_in_the_team() {
    for compat in [Compat::V1_106, Compat::V1_80] {
        let world = World::of(compat).await;
        new_team(&world, json!({"team_id": "blue"})).await;
        let body = json!({"team_id": "blue", "member": {"role": "user", "user_id": "ann"}, "max_budget_in_team": 0.5});
        let answer = world.post("/team/member_add", body).await.good();
        let membership = &answer["updated_team_memberships"][0];
        assert_eq!(membership["litellm_budget_table"]["max_budget"], json!(0.5), "{answer}");
        let first = member(&world, "ann").await.unwrap().doc["budget_id"].clone();

        let body = json!({"team_id": "blue", "user_id": "ann", "max_budget_in_team": 1e-7, "rpm_limit": 3});
        let told = world.post("/team/member_update", body).await.good();
        assert_eq!((&told["max_budget_in_team"], &told["rpm_limit"]), (&json!(1e-7), &json!(3)));
        assert_eq!(member(&world, "ann").await.unwrap().doc["budget_id"], first, "the same one, changed");
        let info = world.get("/team/info?team_id=blue").await.good();
        let shown = info["team_memberships"].as_array().unwrap();
        let shown = shown.iter().find(|member| member["user_id"] == "ann").unwrap();
        assert_eq!(shown["litellm_budget_table"]["max_budget"], json!(1e-7));
        assert_eq!(shown["litellm_budget_table"]["rpm_limit"], json!(3));
        let nobody = json!({"team_id": "blue", "user_id": "ben", "max_budget_in_team": 1});
        assert_eq!(world.post("/team/member_update", nobody).await.status, 400);
        let negative = json!({"team_id": "blue", "user_id": "ann", "max_budget_in_team": -1});
        assert_eq!(world.post("/team/member_update", negative).await.status, 400);
    }
}

#[tokio::test]
async fn what_a_budget_of_ones_own_leaves_open_follows_the_team() {
    let world = World::new().await;
    let members = json!([{"role": "user", "user_id": "ann"}]);
    let usual =
        json!({"team_id": "blue", "members_with_roles": members, "team_member_budget": 2, "team_member_rpm_limit": 5});
    new_team(&world, usual).await;
    let update = async |mut body: Value| {
        body.as_object_mut().unwrap().extend(json!({"team_id": "blue", "user_id": "ann"}).as_object().unwrap().clone());
        world.post("/team/member_update", body).await.good();
    };
    update(json!({"model_rpm_limit": {"gpt": 3}})).await;
    assert_eq!(member(&world, "ann").await.unwrap().doc["budget_id"], Value::Null, "the team's is not theirs");
    update(json!({"allowed_models": ["gpt"]})).await;
    let ben = json!({"team_id": "blue", "member": {"role": "user", "user_id": "ben"}, "max_budget_in_team": 1});
    world.post("/team/member_add", ben).await.good();
    let info = world.get("/team/info?team_id=blue").await.good();
    let usual = info["team_info"]["metadata"]["team_member_budget_id"].clone();
    for (user, said) in [("ann", json!([null, ["gpt"]])), ("ben", json!([1.0, null]))] {
        let id = member(&world, user).await.unwrap().doc["budget_id"].clone();
        let own = world.store.get(Kind::Budget, id.as_str().unwrap()).await.unwrap().unwrap().doc;
        let of = |name: &str| own.get(name).cloned().unwrap_or_default();
        assert_eq!((json!([of("max_budget"), of("allowed_models")]), of("rpm_limit")), (said, Value::Null), "{user}");
        assert_ne!(id, usual);
    }
    assert_eq!(info["team_info"]["team_member_budget_table"]["max_budget"], json!(2.0), "the others' stays");
    let limits = async |user: &str| {
        let info = world.get("/team/info?team_id=blue").await.good();
        let mut shown = info["team_memberships"].as_array().unwrap().iter();
        let shown = &shown.find(|member| member["user_id"] == user).unwrap()["litellm_budget_table"];
        (shown["max_budget"].as_f64(), shown["rpm_limit"].as_u64(), shown["budget_duration"].clone())
    };
    assert_eq!(
        (limits("ann").await, limits("ben").await),
        ((Some(2.0), Some(5), json!(null)), (Some(1.0), Some(5), json!(null)))
    );
    let change = json!({"team_id": "blue", "team_member_budget": 3, "team_member_rpm_limit": 7, "team_member_budget_duration": "1d"});
    world.post("/team/update", change).await.good();
    assert_eq!(
        (limits("ann").await, limits("ben").await),
        ((Some(3.0), Some(7), json!("1d")), (Some(1.0), Some(7), json!(null))),
        "an amount of one's own does not become a daily one"
    );
    update(json!({"max_budget_in_team": 4})).await;
    assert_eq!(limits("ann").await.0, Some(4.0));
    update(json!({"max_budget_in_team": null})).await;
    assert_eq!(limits("ann").await.0, Some(3.0), "what is taken back is the team's to say");
}

#[tokio::test]
async fn who_leaves_takes_no_key_along() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue", "members_with_roles": [{"role": "user", "user_id": "ann"}]})).await;
    world.put(Object { team_id: Some("blue".to_owned()), ..key_of("ann", "sk-team", json!({})) }).await;
    world.put(Object { team_id: Some("blue".to_owned()), ..key_of("ben", "sk-ben", json!({})) }).await;
    world.put(key_of("ann", "sk-own", json!({}))).await;
    world.post("/team/member_delete", json!({"team_id": "blue", "user_id": "ann"})).await.good();
    let keys = |user_id| Filter { user_id: Some(user_id), ..Filter::default() };
    let left = world.store.all(Kind::Key, &keys("ann")).await.unwrap();
    assert_eq!(left.iter().map(|key| key.team_id.as_deref()).collect::<Vec<_>>(), [None], "their own one stays");
    assert_eq!(world.store.count(Kind::Key, &keys("ben")).await.unwrap(), 1);
    let again = world.post("/team/member_delete", json!({"team_id": "blue", "user_id": "ann"})).await;
    assert_eq!(again.status, 400);
}

#[tokio::test]
async fn a_member_who_comes_back_has_no_old_budget() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue"})).await;
    let member_add = json!({"team_id": "blue", "member": {"role": "user", "user_id": "ann"}, "max_budget_in_team": 9});
    world.post("/team/member_add", member_add).await.good();
    world.post("/team/member_delete", json!({"team_id": "blue", "user_id": "ann"})).await.good();
    assert_eq!(world.store.count(Kind::Budget, &Filter::default()).await.unwrap(), 0);
    let member_add = json!({"team_id": "blue", "member": {"role": "user", "user_id": "ann"}});
    world.post("/team/member_add", member_add).await.good();
    assert_eq!(member(&world, "ann").await.unwrap().doc["budget_id"], Value::Null);
}

#[tokio::test]
async fn an_open_team_is_joined_by_oneself_only() {
    let default_user = json!({"available_teams": ["blue", "none"]}).as_object().unwrap().clone();
    let world = World::with(Settings { default_user, ..Settings::default() }).await;
    new_team(&world, json!({"team_id": "blue", "team_alias": "b"})).await;
    new_team(&world, json!({"team_id": "red"})).await;
    let ann = user("ann");
    let open = world.ask(&ann, Method::GET, "/team/available", None).await.good();
    assert_eq!((open.as_array().unwrap().len(), &open[0]["team_id"]), (1, &json!("blue")));
    for (team, member, status) in [
        ("red", json!({"role": "user", "user_id": "ann"}), 403),
        ("blue", json!({"role": "admin", "user_id": "ann"}), 403),
        ("blue", json!({"role": "user", "user_id": "ben"}), 403),
        ("blue", json!({"role": "user", "user_id": "ann"}), 200),
    ] {
        let body = json!({"team_id": team, "member": member});
        let answer = world.ask(&ann, Method::POST, "/team/member_add", Some(body)).await;
        assert_eq!(answer.status, status, "{team} {member}: {}", answer.body);
    }
    assert_eq!(world.ask(&ann, Method::GET, "/team/available", None).await.good(), json!([]));
}

#[tokio::test]
async fn many_come_at_once() {
    let world = World::new().await;
    new_team(&world, json!({"team_id": "blue"})).await;
    let members: Vec<Value> = (0..20).map(|number| json!({"role": "user", "user_id": format!("u{number}")})).collect();
    let body = json!({"team_id": "blue", "members": members, "max_budget_in_team": 1});
    let told = world.post("/team/bulk_member_add", body.clone()).await.good();
    assert_eq!((&told["successful_updates"], &told["total_requested"]), (&json!(20), &json!(20)));
    assert_eq!(told["results"][0]["success"], json!(true));
    assert_eq!(told["results"][0]["updated_team_membership"]["litellm_budget_table"]["max_budget"], json!(1.0));
    let again = world.post("/team/bulk_member_add", body).await.good();
    assert_eq!((&again["successful_updates"], &again["failed_updates"]), (&json!(0), &json!(20)));
    let everybody = json!({"team_id": "blue", "all_users": true});
    let refused = world.ask(&user("u1"), Method::POST, "/team/bulk_member_add", Some(everybody)).await;
    assert_eq!(refused.status, 403);
}
