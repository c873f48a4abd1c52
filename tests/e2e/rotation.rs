//! Keys that become new ones by themselves.

use serde_json::json;

use crate::support::openai::config;
use crate::support::{Launch, Request, eventually_async};

#[tokio::test]
async fn a_key_that_is_due_is_replaced_and_works_on_for_its_grace_period() {
    let settings = format!("general_settings: {{master_key: {}}}\n", crate::support::KEY);
    let launch = Launch::with_config(&config(&[], &settings)).env("LITELLM_KEY_ROTATION_ENABLED", "true");
    let launch = launch.env("LITELLM_KEY_ROTATION_CHECK_INTERVAL_SECONDS", "1");
    let gateway = launch.env("LITELLM_KEY_ROTATION_GRACE_PERIOD", "1h").start().await;
    let body = json!({"key_alias": "ours", "auto_rotate": true, "rotation_interval": "1s", "user_id": "ann"});
    let made = gateway.call(&Request::post("/key/generate", &body)).await.json();
    let key = made["key"].as_str().unwrap();
    let successor = eventually_async("another key of this name", async || {
        let list = Request::get("/key/list?key_alias=ours&return_full_object=true");
        let listed = gateway.call(&list).await.json();
        let row = listed["keys"].as_array()?.iter().find(|row| row["token"] != made["token"])?.clone();
        Some(row)
    })
    .await;
    assert!(successor["rotation_count"].as_i64().unwrap() >= 1, "{successor}");
    let info = gateway.call(&Request::get("/key/info").key(key)).await;
    assert_eq!(info.status, 200, "the old one works: {}", info.text());
    // Its owner gets the plain text of a new one.
    eventually_async("a new plain text", async || {
        let list = Request::get("/key/list?key_alias=ours&return_full_object=true");
        let token = gateway.call(&list).await.json()["keys"][0]["token"].clone();
        // Another rotation may be faster.
        let new = gateway.call(&Request::post("/key/regenerate", &json!({"key": token, "auto_rotate": false}))).await;
        let plain = new.json()["key"].as_str()?.to_owned();
        (gateway.call(&Request::get("/key/info").key(&plain)).await.status == 200).then_some(())
    })
    .await;
}
