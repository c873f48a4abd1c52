//! Bodies that parsers read differently: each is refused, or the upstream gets the model that the router saw, once, and
//! the rest of the body as it came.

use serde_json::Value;

use crate::support::openai::{UPSTREAM_MODEL, config, deployment, hello};
use crate::support::{Gateway, Request, Upstream};

/// The group `gpt` is allowed, `other` is a second group that must never be reached by trickery.
async fn start() -> (Upstream, Upstream, Gateway) {
    let upstream = Upstream::start([hello()]).await;
    let other = Upstream::start([hello()]).await;
    let gateway =
        Gateway::start(&config(&[deployment("gpt", &upstream, ""), deployment("other", &other, "")], "")).await;
    (upstream, other, gateway)
}

fn chat(bytes: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", "/v1/chat/completions", bytes.into())
}

#[tokio::test]
async fn what_is_no_json_or_says_two_things_is_refused() {
    let (upstream, other, gateway) = start().await;
    let deep = format!("{{\"model\":\"gpt\",\"messages\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let refused: Vec<Vec<u8>> = [
        r#"{"model":"gpt","messages":[],"model":"other"}"#,
        r#"{"model":"other","messages":[],"model":"gpt"}"#,
        r#"{"model":"gpt","messages":[],"mod\u0065l":"other"}"#,
        r#"{"model":"gpt","messages":[],"stream":false,"stream":true}"#,
        r#"{"model":"gpt","messages":[]"#,
        r#"{"model":"gpt","messages":[]}}"#,
        r#"{"model":"gpt","messages":[]} {}"#,
        r#"{"model":"gpt","messages":[01]}"#,
        r#"{"model":"gpt","messages":[.5]}"#,
        r#"{"model":"gpt","messages":[NaN]}"#,
        r#"{"model":"gpt","messages":['a']}"#,
        r#"{"model":"gpt","messages":[1e999]}"#,
        r#"{"model":"\ud800","messages":[]}"#,
        r#"{"model":"gpt","messages":[] /* other */}"#,
        r#"{"model":["gpt"],"messages":[]}"#,
        r#"{"model":null,"messages":[]}"#,
        r#"{"Model":"gpt","messages":[]}"#,
        r#"[{"model":"gpt","messages":[]}]"#,
        r#""gpt""#,
        "{\"model\":\"gpt\",\"messages\":[\"\u{0}\"]}",
        "{\"model\":\"gpt\",\"messages\":[\"\n\"]}",
        &deep,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into_iter()
    .chain([b"{\"model\":\"gpt\",\"messages\":[\"\xff\"]}".to_vec(), b"\xff\xfe{\0}\0".to_vec()])
    .collect();
    for body in refused {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let response = gateway.call(&chat(body)).await;
        assert_eq!(response.status, 400, "{shown}: {}", response.text());
    }
    assert_eq!((upstream.count(), other.count()), (0, 0));
}

#[tokio::test]
async fn what_is_strange_but_json_arrives_as_it_came() {
    let (upstream, other, gateway) = start().await;
    let many = format!("[{}1]", "1,".repeat(100_000));
    let long_key = format!("{{\"{}\":1}}", "k".repeat(1_000_000));
    let deep_enough = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let values = [
        // What JavaScript sends when it cuts an emoji in half.
        r#"["\ud800","\udc00\ud800"]"#,
        "-0.0",
        "1.0000000000000000000000000000000000001",
        "123456789012345678901234567890",
        r#"{"model":"other"}"#,
        r#"{"":{"model":"other","stream":true}}"#,
        r#""}, \"model\": \"other\"""#,
        r#""\\""#,
        "  [ ]\t\r\n ",
        r#"{"a":1,"a":2}"#,
        &many,
        &long_key,
        &deep_enough,
    ];
    for value in values {
        let body = format!(r#"{{ "note":{value}, "messages":[], "model" : "gpt" ,"z":{value}}}"#);
        let response = gateway.call(&chat(body.clone())).await;
        let shown = &body[..body.len().min(120)];
        assert_eq!(response.status, 200, "{shown}: {}", response.text());
        let expected = body.replacen("\"model\" : \"gpt\"", &format!("\"model\" : \"{UPSTREAM_MODEL}\""), 1);
        assert!(upstream.last().body == expected.as_bytes(), "{shown} was changed");
    }
    assert_eq!(other.count(), 0);
}

#[tokio::test]
async fn an_escaped_model_name_is_the_same_name() {
    let (upstream, _other, gateway) = start().await;
    for (name, asked) in [("model", r"\u0067pt"), (r"mod\u0065l", "gpt")] {
        let response = gateway.call(&chat(format!(r#"{{"{name}":"{asked}","messages":[]}}"#))).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let sent: Value = serde_json::from_slice(&upstream.last().body).unwrap();
        assert_eq!(sent["model"], UPSTREAM_MODEL);
    }
}
