//! Routes, rights and errors, whatever the resource.

use http::Method;
use serde_json::json;

use super::world::{World, key_of, master, somebody};
use crate::admin::Requester;
use crate::auth::{KeyDigest, Role};
use crate::limiter;
use crate::pricing::Money;

#[tokio::test]
async fn what_is_not_in_the_table_is_not_served() {
    let world = World::new().await;
    let unknown = world.get("/key/infos").await;
    assert_eq!((unknown.status, unknown.body), (404, json!({"detail": "Not Found"})));
    let method = world.post("/key/info", json!({})).await;
    assert_eq!((method.status, method.body), (405, json!({"detail": "Method Not Allowed"})));
    // Nothing is folded or decoded before the path is matched.
    for path in ["/KEY/info", "/key//info", "/key/info/", "/key/x/../info", "/%6Bey/info"] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_key_is_shown_to_those_whom_it_concerns() {
    let world = World::new().await;
    world.put(key_of("ann", "sk-of-ann", json!({"key_alias": "a", "models": ["gpt-4o"]}))).await;
    let digest = KeyDigest::of("sk-of-ann").to_string();
    let spent = Money::from_dollars("0.25").unwrap();
    world.desk.spent.lock().unwrap().insert((limiter::Kind::Key, digest.clone()), spent);

    let ann = somebody(Role::InternalUser, "ann");
    let ben = somebody(Role::InternalUser, "ben");
    let viewer = somebody(Role::ProxyAdminViewer, "eve");
    let path = format!("/key/info?key={digest}");
    for (requester, status) in [(&master(), 200), (&viewer, 200), (&ann, 200), (&ben, 403)] {
        let answer = world.ask(requester, Method::GET, &path, None).await;
        assert_eq!(answer.status, status, "{} {}", requester.role_name(), answer.body);
    }
    let own = world.ask(&ann, Method::GET, "/key/info", None).await.good();
    assert_eq!(own["key"], json!(digest));
    assert_eq!((&own["info"]["key_alias"], &own["info"]["spend"]), (&json!("a"), &json!(0.25)));
    assert_eq!(own["info"]["token"], json!(null), "never the digest beside what it unlocks");
    assert_eq!(world.get("/key/info?key=sk-of-ann").await.good()["key"], json!("sk-of-ann"));

    let unknown = world.get("/key/info?key=sk-unknown").await;
    let error = json!({"error": {
        "message": "Key not found in database", "type": "not_found_error", "param": "key", "code": "404",
    }});
    assert_eq!((unknown.status, unknown.body), (404, error));
}

#[tokio::test]
async fn a_key_calls_its_allowed_routes_only() {
    let world = World::new().await;
    world.put(key_of("ann", "sk-of-ann", json!({}))).await;
    let with = |routes: &[&str]| Requester {
        allowed_routes: routes.iter().map(|route| (*route).to_owned()).collect(),
        ..somebody(Role::InternalUser, "ann")
    };
    for (routes, status) in [
        (&["llm_api_routes"][..], 403),
        (&["info_routes"], 200),
        (&["management_routes"], 200),
        (&["/key/info"], 200),
        (&["/key/*"], 200),
        (&["/user/*", "/v1/chat/completions"], 403),
    ] {
        let answer = world.ask(&with(routes), Method::GET, "/key/info", None).await;
        assert_eq!(answer.status, status, "{routes:?}: {}", answer.body);
    }
    let refused = world.ask(&with(&["llm_api_routes"]), Method::GET, "/key/info", None).await;
    let text = "Virtual key is not allowed to call this route. Only allowed to call routes: ['llm_api_routes']. \
                Tried to call route: /key/info";
    assert_eq!(refused.body, json!({"detail": text}));
}

#[tokio::test]
async fn times_are_those_of_the_clock() {
    let world = World::of(crate::error::Compat::V1_80).await;
    let first = world.post("/key/generate", json!({"duration": "30s"})).await.good();
    world.pass(1_000);
    let second = world.post("/key/generate", json!({"duration": "30s"})).await.good();
    assert_ne!(first["expires"], second["expires"]);
}
