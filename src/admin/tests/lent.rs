//! Keys that somebody got in plain text who is neither their user nor a proxy admin: by them nobody becomes another.

use http::Method;
use serde_json::{Value, json};

use super::grants::{give, of_an_organization, post, stored};
use super::teams::user;
use super::world::{World, key_of};
use crate::admin::{Requester, Settings};
use crate::auth::Role;
use crate::store::Object;

#[tokio::test]
async fn nobody_becomes_another_by_making_a_key_for_them() {
    let world = World::new().await;
    for who in ["ann", "ben"] {
        world.post("/user/new", json!({"user_id": who, "auto_create_key": false})).await.good();
    }
    let roles = |ann: &str, ben: &str| json!([{"user_id": "ann", "role": ann}, {"user_id": "ben", "role": ben}]);
    world.post("/team/new", json!({"team_id": "t", "members_with_roles": roles("admin", "user")})).await.good();
    world.post("/team/new", json!({"team_id": "bens", "members_with_roles": roles("user", "admin")})).await.good();
    world.put(key_of("ann", "sk-of-ann", json!({}))).await;
    let personal = world.post("/key/generate", json!({"user_id": "ben"})).await.good()["key"].clone();
    let of_ben = crate::admin::Requester { team_id: Some("t".to_owned()), ..user("ben") };
    let beyond = [
        ("/key/generate", json!({})),
        ("/key/generate", json!({"team_id": "bens", "user_id": "ben"})),
        ("/key/update", json!({"key": personal, "key_alias": "mine"})),
        ("/team/member_update", json!({"team_id": "bens", "user_id": "ann", "role": "admin"})),
        ("/user/update", json!({"user_id": "ben", "user_alias": "x"})),
        ("/key/regenerate", json!({"key": personal})),
    ];
    let own = json!({"team_id": "t", "user_id": "ben"});
    // By Ann it is lent, and Ben's own affairs are out of its reach; by a proxy admin it is Ben's.
    let lent = post(&world, "ann", "/key/generate", own.clone()).await.good();
    let lent = give(&world, "ben", &lent).await.id;
    for (path, body) in &beyond {
        let refused = world.ask(&of_ben, Method::POST, path, Some(body.clone())).await;
        assert_eq!(refused.status, 403, "{path} {body}: {}", refused.body);
    }
    let narrower = json!({"key": lent, "rpm_limit": 1});
    world.ask(&of_ben, Method::POST, "/key/update", Some(narrower)).await.good();
    world.post("/key/delete", json!({"keys": [lent]})).await.good();
    give(&world, "ben", &world.post("/key/generate", own).await.good()).await;
    for (path, body) in &beyond {
        world.ask(&of_ben, Method::POST, path, Some(body.clone())).await.good();
    }
}

async fn is_lent(world: &World, made: &Value) -> bool {
    stored(world, made).await.doc.contains_key("lent")
}

/// A team in which Ann leads and Ben works.
async fn of_a_team() -> World {
    let world = World::new().await;
    let members = json!([{"user_id": "ann", "role": "admin"}, {"user_id": "ben", "role": "user"}]);
    let body = json!({"team_id": "t", "members_with_roles": members, "team_member_permissions": ["/key/generate"]});
    world.post("/team/new", body).await.good();
    for who in ["ann", "ben"] {
        world.put(key_of(who, &format!("sk-of-{who}"), json!({}))).await;
    }
    world
}

#[tokio::test]
async fn a_key_is_lent_to_whom_its_plain_text_is_handed() {
    let world = of_a_team().await;
    let of_ben = json!({"team_id": "t", "user_id": "ben"});
    for (who, body, expected) in [
        ("ann", of_ben.clone(), true),
        ("ann", json!({"team_id": "t"}), true),
        ("ann", json!({"team_id": "t", "user_id": "ann"}), false),
        ("ben", of_ben.clone(), false),
        ("ben", json!({}), false),
    ] {
        let made = post(&world, who, "/key/generate", body.clone()).await.good();
        assert_eq!(is_lent(&world, &made).await, expected, "{who} {body}");
        assert_eq!(made.get("lent"), None);
    }
    let made = post(&world, "ann", "/key/service-account/generate", json!({"team_id": "t"})).await.good();
    assert!(is_lent(&world, &made).await, "a user may be given to it later");
    // Ben's own, made by himself or by a proxy admin, in the hands of who leads his team; and back in his.
    for maker in [None, Some("ben")] {
        let made = match maker {
            Some(who) => post(&world, who, "/key/generate", of_ben.clone()).await.good(),
            None => world.post("/key/generate", of_ben.clone()).await.good(),
        };
        assert!(!is_lent(&world, &made).await);
        let again = post(&world, "ann", "/key/regenerate", json!({"key": made["key"]})).await.good();
        assert!(is_lent(&world, &again).await, "{maker:?}");
        // Nobody says of it that it is not, and no change takes it away.
        let body = json!({"key": again["key"], "lent": false, "key_alias": null});
        for told in [
            post(&world, "ann", "/key/update", body.clone()).await.good(),
            world.post("/key/update", body).await.good(),
            world.get(&format!("/key/info?key={}", again["key"].as_str().unwrap())).await.good()["info"].clone(),
        ] {
            assert_eq!(told.get("lent"), None);
            assert!(is_lent(&world, &again).await);
        }
        let own = post(&world, "ben", "/key/regenerate", json!({"key": again["key"]})).await.good();
        assert!(!is_lent(&world, &own).await, "{maker:?}");
    }
}

#[tokio::test]
async fn what_a_lent_key_makes_is_lent() {
    let world = of_a_team().await;
    let of_ben = json!({"team_id": "t", "user_id": "ben"});
    let clean = post(&world, "ben", "/key/generate", of_ben.clone()).await.good();
    let lent = post(&world, "ann", "/key/generate", of_ben.clone()).await.good();
    world.post("/key/delete", json!({"keys": ["sk-of-ben"]})).await.good();
    give(&world, "ben", &lent).await;
    let by_it = Requester { team_id: Some("t".to_owned()), ..user("ben") };
    for (path, body) in [("/key/generate", of_ben), ("/key/regenerate", json!({"key": clean["key"]}))] {
        let made = world.ask(&by_it, Method::POST, path, Some(body)).await.good();
        assert!(is_lent(&world, &made).await, "{path}");
    }
}

#[tokio::test]
async fn the_first_key_of_a_user_is_lent_to_who_makes_them() {
    let world = of_an_organization().await;
    world.put(key_of("ola", "sk-of-ola", json!({"end_user_budget_id": "b"}))).await;
    let body = json!({"user_id": "new", "organization_id": "o"});
    let made = post(&world, "ola", "/user/new", body).await.good();
    let key = stored(&world, &made).await;
    assert_eq!((&key.doc["lent"], &key.doc["end_user_budget_id"]), (&json!(true), &json!("b")));
    assert_eq!(made.get("lent"), None);
    let made = world.post("/user/new", json!({"user_id": "newer"})).await.good();
    assert!(!is_lent(&world, &made).await);
    let master = json!({"user_id": "default_user_id", "organization_id": "o"});
    assert_eq!(post(&world, "ola", "/user/new", master).await.status, 403);
}

#[tokio::test]
async fn a_key_lent_in_an_organization_works_in_its_teams() {
    let world = of_an_organization().await;
    world.post("/team/member_add", json!({"team_id": "t", "member": {"role": "admin", "user_id": "ben"}})).await.good();
    world
        .post("/team/new", json!({"team_id": "bens", "members_with_roles": [{"role": "admin", "user_id": "ben"}]}))
        .await
        .good();
    let lent = json!({"user_id": "ben", "organization_id": "o", "lent": true});
    world.put(Object { organization_id: Some("o".to_owned()), ..key_of("ben", "sk-of-ben", lent) }).await;
    let by_it = Requester { organization_id: Some("o".to_owned()), ..user("ben") };
    for (team, status) in [("t", 200), ("bens", 403)] {
        for (path, body) in [
            ("/key/generate", json!({"team_id": team, "user_id": "ben"})),
            ("/team/update", json!({"team_id": team, "team_alias": "x"})),
        ] {
            let answer = world.ask(&by_it, Method::POST, path, Some(body)).await;
            assert_eq!(answer.status, status, "{path} {team}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn by_a_lent_key_nobody_joins_an_open_team() {
    let default_user = json!({"available_teams": ["open"]}).as_object().unwrap().clone();
    let world = World::with(Settings { default_user, ..Settings::default() }).await;
    world.post("/team/new", json!({"team_id": "open"})).await.good();
    let body = json!({"team_id": "open", "member": {"role": "user", "user_id": "ben"}});
    let join =
        async |who: &Requester| world.ask(who, Method::POST, "/team/member_add", Some(body.clone())).await.status;
    assert_eq!((join(&user("ben").lent()).await, join(&user("ben")).await), (403, 200));
}

#[test]
fn by_a_lent_key_nobody_acts_beyond_where_it_is() {
    let key = |team: Option<&str>, organization: Option<&str>| {
        let (team_id, organization_id) = (team.map(str::to_owned), organization.map(str::to_owned));
        Requester { team_id, organization_id, role: Role::OrgAdmin, ..user("ben") }.lent()
    };
    assert_eq!(key(None, None).role, Role::InternalUser, "what its user may do elsewhere is not its holder's");
    for (own, receiver, acts) in [
        ((Some("t"), Some("o")), (Some("t"), Some("o")), true),
        ((Some("t"), Some("o")), (Some("u"), Some("o")), false),
        ((Some("t"), Some("o")), (None, Some("o")), false),
        ((None, Some("o")), (None, Some("o")), true),
        ((None, Some("o")), (Some("t"), Some("o")), true),
        ((None, Some("o")), (Some("t"), Some("p")), false),
        ((None, Some("o")), (Some("t"), None), false),
        ((None, None), (None, None), false),
        ((None, None), (Some("t"), None), false),
    ] {
        assert_eq!(key(own.0, own.1).acts_in(receiver.0, receiver.1), acts, "{own:?} {receiver:?}");
    }
}
