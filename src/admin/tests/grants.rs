//! Nobody gives more than he has: whatever limits a key, and whichever way another one is made or changed by it.

use http::Method;
use serde_json::{Value, json};

use super::teams::user;
use super::world::{Answer, START, World, key_of};
use crate::admin::limits;
use crate::admin::times::zulu;
use crate::auth::KeyDigest;
use crate::store::{Kind, Object};

const DAY: i64 = 86_400_000;

pub async fn post(world: &World, who: &str, path: &str, body: Value) -> Answer {
    world.ask(&user(who), Method::POST, path, Some(body)).await
}

/// What a key says that was made, as it is stored.
pub async fn stored(world: &World, made: &Value) -> Object {
    let digest = KeyDigest::of(made["key"].as_str().unwrap()).to_string();
    world.store.get(Kind::Key, &digest).await.unwrap().unwrap()
}

/// Lets somebody use a key with what this one, which was made, says.
pub async fn give(world: &World, who: &str, made: &Value) -> Object {
    let id = KeyDigest::of(&format!("sk-of-{who}")).to_string();
    let own = Object { id, version: 0, ..stored(world, made).await };
    world.put(own.clone()).await;
    own
}

pub fn object(kind: Kind, id: &str, doc: &Value) -> Object {
    Object::new(kind, id, doc.as_object().unwrap().clone())
}

#[tokio::test]
async fn whatever_limits_a_key_limits_those_that_it_makes() {
    let budget = |max: f64| json!({"gpt-4o": {"budget_limit": max, "time_period": "1d"}});
    let window = |max: f64| json!([{"budget_duration": "1d", "max_budget": max}]);
    for (name, own, less, more) in [
        ("model_rpm_limit", json!({"gpt-4o": 5}), json!({"gpt-4o": 4}), json!({"gpt-4o": 6})),
        ("model_tpm_limit", json!({"gpt-4o": 5}), json!({"gpt-4o": 4}), json!({"gpt-4o": 6})),
        ("tag_rpm_limit", json!({"x": 5}), json!({"x": 4}), json!({"x": 6})),
        ("tag_tpm_limit", json!({"x": 5}), json!({"x": 4}), json!({"x": 6})),
        ("model_max_budget", budget(2.0), budget(1.0), budget(2.5)),
        ("budget_limits", window(2.0), window(1.0), window(2.5)),
        ("tpd_limit", json!(5), json!(4), json!(6)),
    ] {
        let world = World::new().await;
        let given = world.post("/key/generate", json!({"user_id": "ann", name: own})).await.good();
        let rights = limits::rights(&give(&world, "ann", &given).await.doc);
        let made = post(&world, "ann", "/key/generate", json!({})).await.good();
        assert_eq!(limits::rights(&stored(&world, &made).await.doc), rights, "{name}: what is not said");
        let narrower = post(&world, "ann", "/key/generate", json!({name: less})).await.good();
        let told = narrower.get(name).unwrap_or(&narrower["metadata"][name]);
        assert_eq!(*told, less, "{name}");
        let wider = [
            ("/key/generate", json!({name: more})),
            ("/key/update", json!({"key": made["key"], name: more})),
            ("/key/regenerate", json!({"key": made["key"], name: more})),
        ];
        for (path, body) in wider {
            assert_eq!(post(&world, "ann", path, body.clone()).await.status, 403, "{path} {body}");
        }
        // Neither by taking it away.
        let body = json!({"key": made["key"], name: null, "metadata": {}});
        post(&world, "ann", "/key/update", body).await.good();
        assert_eq!(limits::rights(&stored(&world, &made).await.doc), rights, "{name}: taken away");
    }
}

#[tokio::test]
async fn limits_in_metadata_are_limits() {
    let world = World::new().await;
    let own = json!({"metadata": {"model_rpm_limit": {"gpt-4o": 5}}});
    world.put(key_of("ann", "sk-of-ann", own)).await;
    for (said, status) in [
        (json!({"metadata": {"model_rpm_limit": {"gpt-4o": 6}}}), 403),
        (json!({"model_rpm_limit": {"gpt-4o": -1}}), 400),
        // Such numbers would limit nothing.
        (json!({"metadata": {"model_rpm_limit": {"gpt-4o": 5, "claude": -1}}}), 200),
        (json!({"metadata": {"model_rpm_limit": {"gpt-4o": "5"}}}), 200),
    ] {
        let answer = post(&world, "ann", "/key/generate", said.clone()).await;
        assert_eq!(answer.status, status, "{said}: {}", answer.body);
        if status == 200 {
            assert_eq!(answer.body["metadata"]["model_rpm_limit"], json!({"gpt-4o": 5}), "{said}");
        }
    }
}

#[tokio::test]
async fn nobody_is_promised_more_of_a_model_than_his_user_or_team_has() {
    let world = World::new().await;
    let limits = json!({"metadata": {"model_rpm_limit": {"gpt-4o": 5}}});
    world.put(object(Kind::User, "ann", &limits)).await;
    let mut team = limits.clone();
    team["members_with_roles"] = json!([{"user_id": "ann", "role": "admin"}]);
    world.put(object(Kind::Team, "t", &team)).await;
    world.put(key_of("ann", "sk-of-ann", json!({}))).await;
    for receiver in [json!({}), json!({"team_id": "t"})] {
        for (count, status) in [(None, 200), (Some(5), 200), (Some(6), 403)] {
            let mut body = receiver.clone();
            body["model_rpm_limit"] = json!(count.map(|count| json!({"gpt-4o": count})));
            let answer = post(&world, "ann", "/key/generate", body.clone()).await;
            assert_eq!(answer.status, status, "{body}: {}", answer.body);
            // Theirs holds for the key's calls, and is not copied.
            let expected = json!(count.map(|count| json!({"gpt-4o": count})));
            assert_eq!(answer.body["model_rpm_limit"], if status == 200 { expected } else { Value::Null });
        }
    }
}

#[tokio::test]
async fn amounts_that_an_import_stored_as_texts_count() {
    let world = World::new().await;
    let windows = json!([{"time_period": "1d", "budget_limit": "2.5"}]);
    let own = json!({"max_budget": "10.5", "budget_limits": windows});
    world.put(key_of("ann", "sk-of-ann", own)).await;
    let made = post(&world, "ann", "/key/generate", json!({})).await.good();
    assert_eq!(made["max_budget"], json!(10.5));
    assert_eq!(made["budget_limits"], json!([{"budget_duration": "1d", "max_budget": 2.5}]));
    for more in [json!({"max_budget": 11}), json!({"budget_limits": [{"budget_duration": "1d", "max_budget": 3}]})] {
        assert_eq!(post(&world, "ann", "/key/generate", more.clone()).await.status, 403, "{more}");
    }
    let members = json!([{"user_id": "ann", "role": "admin"}]);
    world.put(object(Kind::Team, "t", &json!({"max_budget": "10.5", "members_with_roles": members}))).await;
    for (max, status) in [(11.0, 403), (10.0, 200)] {
        let body = json!({"team_id": "t", "max_budget": max});
        assert_eq!(post(&world, "ann", "/team/update", body).await.status, status, "{max}");
    }
}

#[tokio::test]
async fn a_budget_that_a_key_names_bounds_it_and_what_it_gives() {
    let world = World::new().await;
    let of_model = json!({"gpt-4o": {"budget_limit": 1.0, "time_period": "1d"}});
    let budget = json!({"budget_id": "b", "max_budget": 10, "model_max_budget": of_model});
    world.post("/budget/new", budget).await.good();
    let own = world.post("/key/generate", json!({"user_id": "ann", "budget_id": "b"})).await.good();
    give(&world, "ann", &own).await;
    let made = post(&world, "ann", "/key/generate", json!({})).await.good();
    assert_eq!((&made["max_budget"], &made["model_max_budget"]), (&json!(10.0), &of_model));
    // The key's own words come before its budget's.
    for (max, status) in [(1000.0, 403), (9.0, 200)] {
        for path in ["/key/update", "/key/regenerate"] {
            let body = json!({"user_id": "ann", "budget_id": "b"});
            let key = world.post("/key/generate", body).await.good()["key"].clone();
            let answer = post(&world, "ann", path, json!({"key": key, "max_budget": max})).await;
            let status = if path == "/key/regenerate" && status == 200 { answer.status } else { status };
            assert_eq!(answer.status, status, "{path} {max}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_key_outlives_nobody_who_makes_it() {
    let world = World::new().await;
    let own_end = zulu(START + 2 * DAY);
    world.put(key_of("ann", "sk-of-ann", json!({"expires": own_end}))).await;
    let ends = async |made: &Value| stored(&world, made).await.doc["expires"].clone();
    for (duration, end) in [(None, &own_end), (Some("30d"), &own_end), (Some("1d"), &zulu(START + DAY))] {
        let made = post(&world, "ann", "/key/generate", json!({"duration": duration})).await.good();
        assert_eq!(ends(&made).await, json!(end), "{duration:?}");
        let body = json!({"key": made["key"], "duration": "-1"});
        post(&world, "ann", "/key/update", body).await.good();
        assert_eq!(ends(&made).await, json!(own_end), "{duration:?}");
    }
    let endless = world.post("/key/generate", json!({"user_id": "ann"})).await.good();
    assert_eq!(post(&world, "ann", "/key/regenerate", json!({"key": endless["key"]})).await.status, 403);
    // Nor by one that was replaced, and works a little longer than that.
    let next = KeyDigest::of(endless["key"].as_str().unwrap()).to_string();
    let old = json!({"expires": zulu(START + DAY), "rotated_to": next});
    world.put(key_of("ben", "sk-of-ben", old)).await;
    let made = post(&world, "ben", "/key/generate", json!({})).await.good();
    assert_eq!(ends(&made).await, json!(zulu(START + DAY)));
}

#[tokio::test]
async fn parameters_that_a_key_enforces_are_enforced_by_those_that_it_makes() {
    let world = World::new().await;
    world.put(key_of("ann", "sk-of-ann", json!({"metadata": {"enforced_params": ["user"]}}))).await;
    for (said, enforced) in [(json!(null), json!(["user"])), (json!(["metadata"]), json!(["metadata", "user"]))] {
        let made = post(&world, "ann", "/key/generate", json!({"enforced_params": said})).await.good();
        assert_eq!(made["enforced_params"], enforced);
        let body = json!({"key": made["key"], "metadata": {}});
        let updated = post(&world, "ann", "/key/update", body).await.good();
        assert_eq!(updated["metadata"]["enforced_params"], json!(["user"]));
    }
}

#[tokio::test]
async fn who_leaves_a_team_or_a_project_takes_its_limits_along() {
    let world = World::new().await;
    let members = json!([{"user_id": "ann", "role": "admin"}, {"user_id": "ben", "role": "user"}]);
    let body = json!({"team_id": "t", "members_with_roles": members, "models": ["gpt-4o", "claude"], "max_budget": 10,
        "rpm_limit": 7, "metadata": {"model_tpm_limit": {"gpt-4o": 3}}});
    world.post("/team/new", body).await.good();
    let body = json!({"team_id": "t", "project_id": "p", "models": ["gpt-4o"], "max_budget": 4, "rpm_limit": 6});
    world.post("/project/new", body).await.good();
    for mut own in [
        json!({"user_id": "ben", "models": ["all-team-models"], "rpm_limit": 9}),
        json!({"user_id": "ann", "project_id": "p", "max_budget": 5}),
    ] {
        own["team_id"] = json!("t");
        let made = world.post("/key/generate", own.clone()).await.good();
        give(&world, own["user_id"].as_str().unwrap(), &made).await;
    }
    let personal = world.post("/key/generate", json!({"user_id": "ben"})).await.good();

    let made = post(&world, "ben", "/key/generate", json!({})).await.good();
    let told = ["models", "max_budget", "rpm_limit", "model_tpm_limit"].map(|name| made[name].clone());
    assert_eq!(told, [json!(["gpt-4o", "claude"]), json!(10.0), json!(7), json!({"gpt-4o": 3})]);
    for more in [json!({"models": ["o3"]}), json!({"max_budget": 11}), json!({"models": ["all-team-models"]})] {
        assert_eq!(post(&world, "ben", "/key/generate", more.clone()).await.status, 403, "{more}");
    }
    let body = json!({"key": personal["key"]});
    assert_eq!(post(&world, "ben", "/key/regenerate", body).await.status, 403, "a key that may do more");

    for receiver in [json!({}), json!({"team_id": "t"}), json!({"team_id": "t", "user_id": "ben"})] {
        let made = post(&world, "ann", "/key/generate", receiver.clone()).await.good();
        let told = ["models", "max_budget", "rpm_limit"].map(|name| made[name].clone());
        assert_eq!(told, [json!(["gpt-4o"]), json!(4.0), json!(6)], "{receiver}");
    }
    let made = post(&world, "ann", "/key/generate", json!({"team_id": "t"})).await.good();
    assert_eq!(made["model_tpm_limit"], Value::Null, "the team's hold for its key's calls");
}

#[tokio::test]
async fn a_key_leaves_its_organization_as_a_new_one() {
    let world = World::new().await;
    let limited = json!({"max_budget": 1});
    world.put(key_of("ann", "sk-of-ann", limited)).await;
    let own = json!({"created_by": "ann", "organization_id": "o", "max_budget": 100});
    world.put(Object { organization_id: Some("o".to_owned()), ..key_of("ann", "sk-in-o", own) }).await;
    let body = json!({"key": "sk-in-o", "organization_id": null});
    let refused = post(&world, "ann", "/key/update", body.clone()).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let mut body = body;
    body["max_budget"] = json!(1);
    let moved = post(&world, "ann", "/key/update", body).await.good();
    assert_eq!((&moved["organization_id"], &moved["max_budget"]), (&Value::Null, &json!(1.0)));
}

#[tokio::test]
async fn a_pattern_is_not_all_groups_whose_names_fit_it() {
    let world = World::new().await;
    for (group, models) in [("gpt-free", json!(["claude"])), ("gpt-own", json!(["gpt-4o"]))] {
        let doc = json!({"model_names": models});
        world.put(object(Kind::AccessGroup, group, &doc)).await;
    }
    world.put(key_of("ann", "sk-of-ann", json!({"models": ["gpt-*"]}))).await;
    for (model, status) in [("gpt-4o", 200), ("gpt-own", 200), ("gpt-free", 403)] {
        let answer = post(&world, "ann", "/key/generate", json!({"models": [model]})).await;
        assert_eq!(answer.status, status, "{model}: {}", answer.body);
        // Nor for who narrows a key that was made for them, or a team that they lead.
        let key =
            world.post("/key/generate", json!({"user_id": "ann", "models": ["gpt-*"]})).await.good()["key"].clone();
        let answer = post(&world, "ann", "/key/update", json!({"key": key, "models": [model]})).await;
        assert_eq!(answer.status, status, "{model}: {}", answer.body);
        let members = json!([{"user_id": "ann", "role": "admin"}]);
        let team = json!({"team_id": model, "models": ["gpt-*"], "members_with_roles": members});
        world.post("/team/new", team).await.good();
        let answer = post(&world, "ann", "/team/update", json!({"team_id": model, "models": [model]})).await;
        assert_eq!(answer.status, status, "{model}: {}", answer.body);
    }
}

/// An organization of Ola's, with a team to which a proxy admin has given a budget.
pub async fn of_an_organization() -> World {
    let world = World::new().await;
    world.post("/organization/new", json!({"organization_id": "o", "organization_alias": "o"})).await.good();
    let member = json!({"role": "org_admin", "user_id": "ola"});
    world.post("/organization/member_add", json!({"organization_id": "o", "member": member})).await.good();
    let team = json!({"team_id": "t", "organization_id": "o", "max_budget": 10, "models": ["gpt-4o"]});
    world.post("/team/new", team).await.good();
    world
}

#[tokio::test]
async fn the_admin_of_an_organization_does_not_weaken_a_budget() {
    let world = of_an_organization().await;
    let weaker = [
        json!({"metadata": {"on_budget_exceeded": "warn"}}),
        json!({"metadata": {"on_budget_exceeded": "gpt-4o-mini"}}),
        json!({"metadata": {"disable_global_guardrails": true}}),
        json!({"allowed_passthrough_routes": ["/x"]}),
        json!({"router_settings": {"fallbacks": [{"gpt-4o": ["o3"]}]}}),
    ];
    for said in &weaker {
        for (path, mut body) in
            [("/team/update", json!({"team_id": "t"})), ("/team/new", json!({"organization_id": "o"}))]
        {
            body.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
            let refused = post(&world, "ola", path, body.clone()).await;
            assert_eq!(refused.status, 403, "{path} {body}: {}", refused.body);
        }
        let mut body = said.clone();
        body["team_id"] = json!("t");
        world.post("/team/update", body).await.good();
        // What stays as it is is changed by nobody.
        let mut metadata = said.get("metadata").cloned().unwrap_or_else(|| json!({}));
        metadata["note"] = json!("x");
        if said.get("allowed_passthrough_routes").is_none() {
            post(&world, "ola", "/team/update", json!({"team_id": "t", "metadata": metadata})).await.good();
        }
        world.post("/team/update", json!({"team_id": "t", "metadata": {}, "router_settings": null})).await.good();
    }
    let strict = json!({"team_id": "t", "metadata": {"on_budget_exceeded": "block"}});
    world.post("/team/update", strict).await.good();
    // Which is what it is without a word, too.
    let nothing = json!({"disable_global_guardrails": false, "allowed_passthrough_routes": []});
    for metadata in [json!({}), json!({"on_budget_exceeded": "block"}), nothing] {
        post(&world, "ola", "/team/update", json!({"team_id": "t", "metadata": metadata})).await.good();
    }
}

#[tokio::test]
async fn a_limited_key_gives_a_team_its_own_models_only() {
    let world = of_an_organization().await;
    world.put(key_of("ola", "sk-of-ola", json!({"models": ["gpt-*"]}))).await;
    let ola = crate::admin::Requester { models: vec!["gpt-*".to_owned()], ..user("ola") };
    for (path, body, status) in [
        ("/team/update", json!({"team_id": "t", "models": ["gpt-4o", "claude"]}), 403),
        ("/team/update", json!({"team_id": "t", "models": []}), 403),
        ("/team/update", json!({"team_id": "t", "access_group_ids": ["g"]}), 403),
        ("/team/model/add", json!({"team_id": "t", "models": ["claude"]}), 403),
        ("/team/model/add", json!({"team_id": "t", "models": ["gpt-5"]}), 200),
        ("/team/update", json!({"team_id": "t", "max_budget": 3}), 200),
        ("/team/new", json!({"organization_id": "o", "models": ["gpt-5"], "access_group_ids": ["g"]}), 403),
    ] {
        let answer = world.ask(&ola, Method::POST, path, Some(body.clone())).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
    }
    world.post("/team/model/add", json!({"team_id": "t", "models": ["claude"]})).await.good();
    let body = json!({"team_id": "t", "models": ["claude"]});
    world.ask(&ola, Method::POST, "/team/update", Some(body)).await.good();
}
