//! Several windows of a budget (`budget_limits`), and limits of models, wherever there is a budget.

use super::*;

/// One call a day, many a month.
fn windows() -> Value {
    json!([{"budget_duration": "1d", "max_budget": ONE_CALL}, {"budget_duration": "30d", "max_budget": 100}])
}

async fn call_with(gateway: &Gateway, key: &str, model: &str, more: &Value) -> Response {
    let mut body = json!({"model": model, "max_tokens": 7, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    gateway.call(&Request::chat(&body).key(key)).await
}

async fn pass_with(gateway: &Gateway, key: &str, model: &str, more: &Value) {
    let response = call_with(gateway, key, model, more).await;
    assert_eq!(response.status, 200, "{model} {more}: {}", response.text());
}

async fn over_with(gateway: &Gateway, key: &str, model: &str, more: &Value) {
    let response = call_with(gateway, key, model, more).await;
    assert!(response.text().contains("budget_exceeded"), "{model} {more}: {} {}", response.status, response.text());
}

async fn limited_with(gateway: &Gateway, key: &str, more: &Value, whose: &str) {
    let response = call_with(gateway, key, "gpt", more).await;
    let text = response.text();
    assert!(response.status == 429 && text.contains(&format!("Rate limit exceeded for {whose}: ")), "{text}");
}

#[tokio::test]
async fn windows_hold_at_every_level() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let member = json!([{"role": "user", "user_id": "ben"}]);
    for (path, body) in [
        ("/user/new", json!({"user_id": "ada", "budget_limits": windows(), "auto_create_key": false})),
        ("/organization/new", json!({"organization_id": "o", "organization_alias": "o", "budget_limits": windows()})),
        ("/team/new", json!({"team_id": "limited", "budget_limits": windows()})),
        ("/team/new", json!({"team_id": "t", "members_with_roles": member})),
        ("/team/member_update", json!({"team_id": "t", "user_id": "ben", "budget_limits": windows()})),
        ("/project/new", json!({"project_id": "p", "team_id": "t", "budget_limits": windows()})),
        ("/budget/new", json!({"budget_id": "b", "budget_limits": windows()})),
    ] {
        manage(&gateway, path, body).await;
    }
    for body in [
        json!({"user_id": "ada"}),
        json!({"organization_id": "o"}),
        json!({"team_id": "limited"}),
        json!({"team_id": "t", "user_id": "ben"}),
        json!({"team_id": "t", "project_id": "p"}),
        json!({"budget_id": "b"}),
    ] {
        let key = new_key(&gateway, body.clone()).await;
        pass_with(&gateway, &key, "gpt", &json!({})).await;
        over_with(&gateway, &key, "other", &json!({})).await;
    }
}

#[tokio::test]
async fn windows_of_end_users_and_tags_hold_and_change_at_once() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let wide = json!([{"budget_duration": "1d", "max_budget": 100}]);
    for (path, body) in [
        ("/budget/new", json!({"budget_id": "b", "budget_limits": windows()})),
        ("/customer/new", json!({"user_id": "own", "budget_limits": windows()})),
        ("/customer/new", json!({"user_id": "shared", "budget_id": "b"})),
        ("/tag/new", json!({"name": "own", "budget_limits": windows()})),
    ] {
        manage(&gateway, path, body).await;
    }
    let key = new_key(&gateway, json!({})).await;
    let cases = [
        (json!({"user": "own"}), "/customer/update", json!({"user_id": "own", "budget_limits": wide})),
        (json!({"user": "shared"}), "/budget/update", json!({"budget_id": "b", "budget_limits": wide})),
        (json!({"metadata": {"tags": ["own"]}}), "/tag/update", json!({"name": "own", "budget_limits": null})),
    ];
    for (more, path, update) in cases {
        pass_with(&gateway, &key, "gpt", &more).await;
        over_with(&gateway, &key, "gpt", &more).await;
        pass_with(&gateway, &key, "gpt", &json!({})).await;
        manage(&gateway, path, update).await;
        pass_with(&gateway, &key, "gpt", &more).await;
    }
}

#[tokio::test]
async fn models_have_limits_for_members_end_users_and_tags() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let money = || json!({"gpt": {"budget_limit": ONE_CALL, "time_period": "1d"}});
    // Without a duration it is for ever.
    let ever = json!({"gpt": {"budget_limit": ONE_CALL}});
    let members = json!([{"role": "user", "user_id": "ada"}, {"role": "user", "user_id": "ben"}]);
    let requests = || json!({"gpt": 1});
    for (path, body) in [
        ("/budget/new", json!({"budget_id": "b", "model_max_budget": ever})),
        ("/team/new", json!({"team_id": "t", "members_with_roles": members})),
        ("/team/member_update", json!({"team_id": "t", "user_id": "ada", "model_max_budget": money()})),
        ("/team/member_update", json!({"team_id": "t", "user_id": "ben", "model_rpm_limit": requests()})),
        ("/customer/new", json!({"user_id": "rich", "budget_id": "b"})),
        ("/customer/new", json!({"user_id": "fast", "model_rpm_limit": requests()})),
        ("/tag/new", json!({"name": "rich", "model_max_budget": money()})),
        ("/tag/new", json!({"name": "fast", "model_tpm_limit": requests()})),
    ] {
        manage(&gateway, path, body).await;
    }
    let ada = new_key(&gateway, json!({"team_id": "t", "user_id": "ada"})).await;
    let ben = new_key(&gateway, json!({"team_id": "t", "user_id": "ben"})).await;
    let any = new_key(&gateway, json!({})).await;
    let tag = |name: &str| json!({"metadata": {"tags": [name]}});
    for (key, more) in [(&ada, json!({})), (&any, json!({"user": "rich"})), (&any, tag("rich"))] {
        pass_with(&gateway, key, "gpt", &more).await;
        over_with(&gateway, key, "gpt", &more).await;
        pass_with(&gateway, key, "other", &more).await;
    }
    for (key, more, whose) in [
        (&ben, json!({}), "model_per_team_member"),
        (&any, json!({"user": "fast"}), "model_per_end_user"),
        (&any, tag("fast"), "model_per_tag"),
    ] {
        pass_with(&gateway, key, "gpt", &more).await;
        limited_with(&gateway, key, &more, whose).await;
        pass_with(&gateway, key, "other", &more).await;
    }
    // The limit that is taken away limits no more, the others stay.
    let update = json!({"team_id": "t", "user_id": "ben", "model_rpm_limit": null, "rpm_limit": 100});
    manage(&gateway, "/team/member_update", update).await;
    pass_with(&gateway, &ben, "gpt", &json!({})).await;
    manage(&gateway, "/customer/update", json!({"user_id": "fast", "model_rpm_limit": {"other": 1}})).await;
    pass_with(&gateway, &any, "gpt", &json!({"user": "fast"})).await;
}

#[tokio::test]
async fn a_key_limits_requests_by_their_tags() {
    let upstream = upstream().await;
    let gateway = start(&upstream).await;
    let limits = json!({"tag_rpm_limit": {"a": 1}, "tag_tpm_limit": {"b": 1}});
    let key = new_key(&gateway, limits).await;
    let other = new_key(&gateway, json!({"metadata": {"tag_rpm_limit": {"a": 1}}})).await;
    let tag = |name: &str| json!({"metadata": {"tags": [name]}});
    for (key, name) in [(&key, "a"), (&key, "b"), (&other, "a")] {
        pass_with(&gateway, key, "gpt", &tag(name)).await;
        limited_with(&gateway, key, &tag(name), "tag_per_key").await;
        pass_with(&gateway, key, "gpt", &tag("c")).await;
    }
    pass_with(&gateway, &other, "gpt", &tag("b")).await;
}

#[tokio::test]
async fn tokens_of_a_day_are_limited_and_not_forgotten() {
    let upstream = upstream().await;
    let mut gateway = start(&upstream).await;
    for (path, body) in [
        ("/team/new", json!({"team_id": "t", "tpd_limit": 20})),
        ("/budget/new", json!({"budget_id": "b", "tpd_limit": 20})),
        ("/customer/new", json!({"user_id": "c", "tpd_limit": 20})),
    ] {
        manage(&gateway, path, body).await;
    }
    let mut limited = Vec::new();
    for (body, more, whose) in [
        (json!({"tpd_limit": 20}), json!({}), "api_key"),
        (json!({"team_id": "t"}), json!({}), "team"),
        (json!({"budget_id": "b"}), json!({}), "api_key"),
        (json!({}), json!({"user": "c"}), "end_user"),
    ] {
        let key = new_key(&gateway, body).await;
        let first = call_with(&gateway, &key, "gpt", &more).await;
        assert_eq!(first.status, 200, "{whose}: {}", first.text());
        let line = |what: &str| first.header(&format!("x-ratelimit-{whose}-{what}-tokens_per_day"));
        let left: u64 = line("remaining").unwrap().parse().unwrap();
        assert!(line("limit") == Some("20") && left < 20, "{left}");
        limited_with(&gateway, &key, &more, whose).await;
        let text = call_with(&gateway, &key, "gpt", &more).await.text();
        assert!(text.contains("Limit type: tokens_per_day. Current limit: 20, Remaining: "), "{text}");
        limited.push((key, more, whose));
    }
    // Tokens are no money that a reset gives back, here or in the database.
    manage(&gateway, "/global/spend/reset", json!({})).await;
    for (key, more, whose) in &limited {
        limited_with(&gateway, key, more, whose).await;
    }
    gateway.kill();
    gateway.start_again().await;
    for (key, more, whose) in &limited {
        limited_with(&gateway, key, more, whose).await;
    }
    manage(&gateway, "/key/update", json!({"key": limited[0].0, "tpd_limit": 1000})).await;
    pass_with(&gateway, &limited[0].0, "gpt", &json!({})).await;
}
