//! A key that a team's admin made for one of its members does not make the admin that member.

use serde_json::{Value, json};

use crate::support::openai::config;
use crate::support::{Gateway, KEY, Request, Response};

async fn post(gateway: &Gateway, key: &str, path: &str, body: Value) -> Response {
    gateway.call(&Request::post(path, &body).key(key)).await
}

async fn made(gateway: &Gateway, key: &str, body: Value) -> String {
    let response = post(gateway, key, "/key/generate", body).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["key"].as_str().unwrap().to_owned()
}

/// Two users, and a team of the one in which the other is.
async fn ann_leads_ben() -> Gateway {
    let entry = "  - {model_name: a, litellm_params: {model: openai/a, api_key: sk-up}}\n".to_owned();
    let gateway = Gateway::start(&config(&[entry], "")).await;
    for user in ["ann", "ben"] {
        let user = json!({"user_id": user, "auto_create_key": false, "user_role": "internal_user"});
        assert_eq!(post(&gateway, KEY, "/user/new", user).await.status, 200);
    }
    let members = json!([{"user_id": "ann", "role": "admin"}, {"user_id": "ben", "role": "user"}]);
    let team = post(&gateway, KEY, "/team/new", json!({"team_id": "t", "members_with_roles": members})).await;
    assert_eq!(team.status, 200, "{}", team.text());
    gateway
}

#[tokio::test]
async fn by_a_lent_key_nobody_has_what_its_user_has_elsewhere() {
    let gateway = ann_leads_ben().await;
    let of_ann = made(&gateway, KEY, json!({"user_id": "ann"})).await;
    let of_ben = made(&gateway, KEY, json!({"user_id": "ben"})).await;
    let lent = made(&gateway, &of_ann, json!({"user_id": "ben", "team_id": "t"})).await;
    let personal = json!({"user_id": "ben"});
    assert_eq!(post(&gateway, &lent, "/key/generate", personal.clone()).await.status, 403);
    assert_eq!(post(&gateway, &of_ben, "/key/generate", personal).await.status, 200);
    // Nor what he becomes later.
    let raised = post(&gateway, KEY, "/user/update", json!({"user_id": "ben", "user_role": "proxy_admin"})).await;
    assert_eq!(raised.status, 200, "{}", raised.text());
    let budget = json!({"budget_id": "b", "max_budget": 1});
    let refused = post(&gateway, &lent, "/budget/new", budget.clone()).await;
    assert!([401, 403].contains(&refused.status), "{}: {}", refused.status, refused.text());
    assert_eq!(post(&gateway, &of_ben, "/budget/new", budget).await.status, 200);
}

/// Which plain text somebody has is what counts, not what the other one's key says by now.
#[tokio::test]
async fn a_replaced_key_is_lent_as_before_while_it_still_works() {
    let gateway = ann_leads_ben().await;
    let of_ann = made(&gateway, KEY, json!({"user_id": "ann"})).await;
    let lent = made(&gateway, &of_ann, json!({"user_id": "ben", "team_id": "t"})).await;
    let replaced = post(&gateway, KEY, "/key/regenerate", json!({"key": lent, "grace_period": "24h"})).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text());
    let new = replaced.json()["key"].as_str().unwrap().to_owned();
    assert_ne!(new, lent);
    let info = json!({"user_id": "ben", "key_alias": "mine"});
    let refused = post(&gateway, &lent, "/key/generate", info.clone()).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    // The new one was handed out by a proxy admin.
    let child = post(&gateway, &new, "/key/generate", info).await;
    assert_eq!(child.status, 200, "{}", child.text());
}

#[tokio::test]
async fn what_a_replaced_key_makes_ends_with_it() {
    let gateway = ann_leads_ben().await;
    let old = made(&gateway, KEY, json!({"user_id": "ben"})).await;
    let replaced = post(&gateway, KEY, "/key/regenerate", json!({"key": old, "grace_period": "1h"})).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text());
    let child = post(&gateway, &old, "/key/generate", json!({"user_id": "ben"})).await;
    assert_eq!(child.status, 200, "{}", child.text());
    assert!(child.json()["expires"].is_string(), "{}", child.text());
    let new = replaced.json()["key"].as_str().unwrap().to_owned();
    let child = post(&gateway, &new, "/key/generate", json!({"user_id": "ben"})).await;
    assert!(child.json()["expires"].is_null(), "{}", child.text());
}
