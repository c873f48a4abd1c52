//! `budget_limits`, and limits of models, wherever there is a budget: taken, shown, refused, and no more than who gives has.

use http::Method;
use serde_json::{Value, json};

use super::world::{World, key_of, somebody};
use crate::auth::Role;
use crate::error::Compat;
use crate::store::{Kind, Object};

fn windows(max: f64) -> Value {
    json!([{"budget_duration": "1d", "max_budget": max}, {"budget_duration": "30d", "max_budget": 10.0 * max}])
}

#[tokio::test]
async fn they_are_kept_and_shown_and_taken_away() {
    for compat in [Compat::V1_80, Compat::V1_106] {
        let world = World::of(compat).await;
        world.post("/team/new", json!({"team_id": "t"})).await.good();
        for (made, body, shown) in [
            ("/user/new", json!({"user_id": "u"}), "/user/info?user_id=u"),
            ("/customer/new", json!({"user_id": "c"}), "/customer/info?end_user_id=c"),
            ("/project/new", json!({"project_id": "p", "team_id": "t"}), "/project/info?project_id=p"),
            (
                "/organization/new",
                json!({"organization_id": "o", "organization_alias": "o"}),
                "/organization/info?organization_id=o",
            ),
        ] {
            let limits = async |path: &str, value: Value| {
                let mut body = body.clone();
                body["budget_limits"] = value;
                let method = if path == "/organization/update" { Method::PATCH } else { Method::POST };
                world.ask(&super::world::master(), method, path, Some(body)).await
            };
            let found = async || {
                let shown = world.get(shown).await.good();
                let of_user = shown["user_info"].get("budget_limits").cloned();
                of_user.or_else(|| shown["litellm_budget_table"].get("budget_limits").cloned())
            };
            let update = made.replace("/new", "/update");
            limits(made, windows(1.0)).await.good();
            assert_eq!(found().await, Some(windows(1.0)), "{made}");
            for wrong in [
                json!([{"max_budget": 1}]),
                json!([{"budget_duration": "1d"}]),
                json!([{"budget_duration": "often", "max_budget": 1}]),
                json!([{"budget_duration": "1d", "max_budget": -1}]),
                json!([{"budget_duration": "1d", "max_budget": "much"}]),
                json!(["1d"]),
                json!([{"budget_duration": "1d", "max_budget": 1}, {"budget_duration": "1d", "max_budget": 2}]),
            ] {
                assert_eq!(limits(&update, wrong.clone()).await.status, 400, "{update} {wrong}");
            }
            limits(&update, windows(2.0)).await.good();
            assert_eq!(found().await, Some(windows(2.0)), "{update}");
            limits(&update, Value::Null).await.good();
            assert_eq!(found().await, None, "LiteLLM's answer has no such member: {update}");
        }
    }
}

#[tokio::test]
async fn a_stored_budget_has_them_and_a_members_too() {
    let world = World::new().await;
    let made = world.post("/budget/new", json!({"budget_id": "b", "budget_limits": windows(1.0)})).await.good();
    assert_eq!(made["budget_limits"], windows(1.0));
    world.post("/budget/update", json!({"budget_id": "b", "max_budget": 5})).await.good();
    let told = world.post("/budget/info", json!({"budgets": ["b"]})).await.good();
    assert_eq!((&told[0]["budget_limits"], &told[0]["max_budget"]), (&windows(1.0), &json!(5.0)));
    world.post("/tag/new", json!({"name": "x", "budget_id": "b"})).await.good();
    let tags = world.get("/tag/list").await.good();
    assert_eq!(tags[0]["litellm_budget_table"]["budget_limits"], windows(1.0));

    let members = json!([{"role": "user", "user_id": "ada"}]);
    world.post("/team/new", json!({"team_id": "t", "members_with_roles": members})).await.good();
    let update = async |mut body: Value| {
        body["team_id"] = json!("t");
        body["user_id"] = json!("ada");
        world.post("/team/member_update", body).await
    };
    update(json!({"budget_limits": windows(1.0), "model_rpm_limit": {"gpt": 3}})).await.good();
    update(json!({"model_max_budget": {"gpt": {"budget_limit": 1, "time_period": "1d"}}})).await.good();
    let member = async || world.get("/team/info?team_id=t").await.good()["team_memberships"][0].clone();
    let shown = member().await;
    assert_eq!(shown["litellm_budget_table"]["budget_limits"], windows(1.0));
    assert_eq!(shown["litellm_budget_table"]["model_max_budget"]["gpt"]["budget_limit"], json!(1));
    assert_eq!(shown["model_rpm_limit"], json!({"gpt": 3}), "what is not said stays");
    update(json!({"model_rpm_limit": null})).await.good();
    assert_eq!(member().await.get("model_rpm_limit"), None);
    assert_eq!(update(json!({"budget_limits": [{}]})).await.status, 400);
    assert_eq!(update(json!({"model_rpm_limit": {"gpt": "many"}})).await.status, 422);
}

#[tokio::test]
async fn models_of_customers_and_tags_have_limits() {
    let world = World::new().await;
    let limits = json!({"model_rpm_limit": {"gpt": 1}, "model_tpm_limit": {"gpt": 2}});
    let with = |mut body: Value| {
        body.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        body
    };
    world.post("/customer/new", with(json!({"user_id": "c"}))).await.good();
    world.post("/tag/new", with(json!({"name": "x"}))).await.good();
    let customer = world.get("/customer/info?end_user_id=c").await.good();
    let tag = world.get("/tag/list").await.good()[0].clone();
    for shown in [customer, tag] {
        assert_eq!((&shown["model_rpm_limit"], &shown["model_tpm_limit"]), (&json!({"gpt": 1}), &json!({"gpt": 2})));
    }
    world.post("/customer/update", json!({"user_id": "c", "model_rpm_limit": null})).await.good();
    let customer = world.get("/customer/info?end_user_id=c").await.good();
    assert_eq!((customer.get("model_rpm_limit"), &customer["model_tpm_limit"]), (None, &json!({"gpt": 2})));
}

#[tokio::test]
async fn a_team_with_windows_that_are_none_is_refused() {
    let world = World::new().await;
    for body in [json!({"budget_limits": [{"max_budget": 1}]}), json!({"model_max_budget": {"gpt": {}}})] {
        assert_eq!(world.post("/team/new", body.clone()).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn nobody_gives_more_than_they_have_of_a_window() {
    let world = World::new().await;
    world.put(key_of("ann", "sk-of-ann", json!({"budget_limits": windows(2.0)}))).await;
    let ann = somebody(Role::InternalUser, "ann");
    let generate = async |limits: Value| {
        let body = json!({"budget_limits": limits});
        world.ask(&ann, Method::POST, "/key/generate", Some(body)).await
    };
    assert_eq!(generate(Value::Null).await.good()["budget_limits"], windows(2.0), "what is not said is what Ann has");
    let refused = generate(json!([{"budget_duration": "24h", "max_budget": 3}])).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let narrowed = generate(json!([{"budget_duration": "1d", "max_budget": 1}])).await.good();
    let expected =
        json!([{"budget_duration": "1d", "max_budget": 1.0}, {"budget_duration": "30d", "max_budget": 20.0}]);
    assert_eq!(narrowed["budget_limits"], expected);
    let body = json!({"key": narrowed["key"], "budget_limits": windows(9.0)});
    assert_eq!(world.ask(&ann, Method::POST, "/key/update", Some(body)).await.status, 403);

    // A project of a team, by the team's admin.
    let members = json!([{"user_id": "ann", "role": "admin"}]);
    let team = json!({"team_id": "t", "members_with_roles": members, "budget_limits": windows(2.0)});
    world.put(Object::new(Kind::Team, "t", team.as_object().unwrap().clone())).await;
    for (max, status) in [(3.0, 400), (2.0, 200)] {
        let body = json!({"team_id": "t", "budget_limits": windows(max)});
        let made = world.ask(&ann, Method::POST, "/project/new", Some(body)).await;
        assert_eq!(made.status, status, "{}", made.body);
    }
}
