//! Access groups: those of the file, and those that are made here.

use http::Method;
use serde_json::{Value, json};

use super::models::{load, model, world};
use super::teams::user;
use super::world::master;
use crate::admin::Requester;

#[tokio::test]
async fn a_group_stands_for_its_models() {
    let world = world().await;
    let mut beta = model("c", "3", json!({}));
    beta["model_info"]["access_groups"] = json!(["of-file"]);
    for body in [model("a", "1", json!({})), model("b", "2", json!({})), beta] {
        world.post("/model/new", body).await.good();
    }
    load(&world).await;
    let made = world.post("/access_group/new", json!({"access_group": "g", "model_names": ["a", "b"]})).await.good();
    assert_eq!(made, json!({"access_group": "g", "model_names": ["a", "b"], "models_updated": 2}));
    let listed = world.get("/access_group/list").await.good();
    assert_eq!(listed["access_groups"].as_array().unwrap().len(), 2);
    let seen = async |groups: &[&str]| -> Vec<Value> {
        let models = groups.iter().map(|group| (*group).to_owned()).collect();
        let key = Requester { models, user_id: None, ..user("") };
        let info = world.ask(&key, Method::GET, "/model/info", None).await.good();
        info["data"].as_array().unwrap().iter().map(|it| it["model_name"].clone()).collect()
    };
    assert_eq!(seen(&["g"]).await, [json!("a"), json!("b")]);
    assert_eq!(seen(&["of-file"]).await, [json!("c")]);

    let put = async |path: &str, body: Value| world.ask(&master(), Method::PUT, path, Some(body)).await;
    put("/access_group/g/update", json!({"model_names": ["b"]})).await.good();
    assert_eq!(seen(&["g"]).await, [json!("b")]);
    let info = world.get("/access_group/g/info").await.good();
    assert_eq!(info, json!({"access_group": "g", "model_names": ["b"], "deployment_count": 1}));
    for (name, body, status) in [
        ("g", json!({"model_names": ["none"]}), 400),
        ("g", json!({"model_names": []}), 400),
        ("none", json!({"model_names": ["a"]}), 404),
        ("of-file", json!({"model_names": ["a"]}), 400),
    ] {
        assert_eq!(put(&format!("/access_group/{name}/update"), body.clone()).await.status, status, "{name} {body}");
    }
    for (name, status) in [("g", 409), ("of-file", 409), ("", 400), ("a/b", 400), ("*", 400)] {
        let body = json!({"access_group": name, "model_names": ["a"]});
        assert_eq!(world.post("/access_group/new", body).await.status, status, "{name}");
    }
    let delete =
        async |name: &str| world.ask(&master(), Method::DELETE, &format!("/access_group/{name}/delete"), None).await;
    assert_eq!(delete("g").await.good()["message"], json!("Access group 'g' deleted successfully"));
    assert_eq!(seen(&["g"]).await, [] as [Value; 0]);
    assert_eq!((delete("g").await.status, delete("of-file").await.status), (404, 400));
}
