//! Where a request's tags lead, and its client's name.

use super::*;

#[tokio::test]
async fn tags_choose_the_deployment() {
    let settings = "router_settings: {enable_tag_filtering: true}";
    let (free, paid, gateway) = pair(("tags: [free]", ""), ("tags: [paid, default]", ""), settings).await;
    let tagged = |place: &str, tags: Value| {
        let mut body = ask("gpt");
        match place {
            "body" => body["tags"] = tags,
            _ => body["metadata"] = json!({"tags": tags}),
        }
        body
    };
    for place in ["body", "metadata"] {
        call_many(&gateway, &tagged(place, json!(["free"])), 5).await;
    }
    assert_eq!((free.count(), paid.count()), (10, 0));
    for _ in 0..5 {
        let request = Request::chat(&ask("gpt")).header("x-litellm-tags", "free, other");
        assert_eq!(gateway.call(&request).await.status, 200);
    }
    assert_eq!((free.count(), paid.count()), (15, 0));
    call_many(&gateway, &ask("gpt"), 5).await;
    call_many(&gateway, &tagged("body", json!(["unknown"])), 5).await;
    assert_eq!((free.count(), paid.count()), (15, 10));
    assert!(paid.last().json().get("tags").is_none(), "tags are ours");
}

#[tokio::test]
async fn a_tag_that_nobody_has_is_not_allowed() {
    let settings = "router_settings: {enable_tag_filtering: true}";
    let (one, two, gateway) = pair(("tags: [free]", ""), ("tags: [paid]", ""), settings).await;
    let mut body = ask("gpt");
    body["tags"] = json!(["a", "b"]);
    let response = call(&gateway, &body).await;
    assert_eq!(response.status, 401, "{}", response.text());
    let expected = "Not allowed to access model due to tags configuration. Passed model=gpt and tags=['a', 'b']";
    assert_eq!(message(&response), expected);
    assert_eq!(one.count() + two.count(), 0);
    // All of them, where that is asked for.
    let settings = "router_settings: {enable_tag_filtering: true, tag_filtering_match_any: false}";
    let (both, one, gateway) = pair(("tags: [a, b]", ""), ("tags: [a]", ""), settings).await;
    call_many(&gateway, &body, 10).await;
    assert_eq!((both.count(), one.count()), (10, 0));
}

#[tokio::test]
async fn tags_are_demanded_and_banned_and_clients_known() {
    let settings = "router_settings: {enable_tag_filtering: true, tag_routing_prefix: \"route:\"}";
    let first = ("tags: [high, eu]", "allow_fail_open: true");
    let (one, two, gateway) = pair(first, ("tags: [high, us]", ""), settings).await;
    for (tags, expected) in [("&high,!us", (1, 0)), ("high,!eu", (0, 1)), ("route:&us", (0, 1)), ("route:!us", (1, 0))]
    {
        let request = Request::chat(&ask("gpt")).header("x-litellm-tags", tags);
        assert_eq!(gateway.call(&request).await.status, 200, "{tags}");
        assert_eq!((one.count(), two.count()), expected, "{tags}");
        one.forget();
        two.forget();
    }
    // The group may give up what its caller asks for, not what a key says.
    let key = gateway.call(&Request::post("/key/generate", &json!({"metadata": {"tags": ["&eu"]}}))).await;
    let key = key.json()["key"].as_str().unwrap().to_owned();
    let request = Request::chat(&ask("gpt")).header("x-litellm-tags", "!eu");
    for _ in 0..5 {
        assert_eq!(
            gateway.call(&Request::chat(&ask("gpt")).header("x-litellm-tags", "!eu").key(&key)).await.status,
            200
        );
    }
    assert_eq!((one.count(), two.count()), (5, 0));
    assert_eq!(gateway.call(&request).await.status, 200);
    assert_eq!((one.count(), two.count()), (5, 1));

    let settings = "router_settings: {enable_tag_filtering: true}";
    let (code, rest, gateway) =
        pair(("tag_regex: [\"^User-Agent: code\\\\/\"]", ""), ("tags: [default]", ""), settings).await;
    for agent in ["code/1.2", "code/3", "curl/8.5"] {
        let request = Request::chat(&ask("gpt")).header("user-agent", agent);
        assert_eq!(gateway.call(&request).await.status, 200, "{agent}");
    }
    assert_eq!((code.count(), rest.count()), (2, 1));
}
