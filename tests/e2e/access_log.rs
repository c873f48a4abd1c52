//! One line per request, with what an operator needs and nothing that he must not see.

use serde_json::{Value, json};

use crate::support::openai::{UPSTREAM_MODEL, answer, ask, ask_stream, config, deployment, stream};
use crate::support::{Gateway, Reply, Request, Upstream};

async fn start(format: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start([Reply::json(200, &answer("Hello"))]).await;
    let settings = format!("router_settings: {{num_retries: 1}}\ntollgate: {{log_format: {format}}}");
    let entries = [deployment("gpt", &upstream, "").replace("}}", "}, model_info: {id: dep-1}}")];
    let gateway = Gateway::start(&config(&entries, &settings)).await;
    (upstream, gateway)
}

/// The line of the call with this id.
async fn line_of(gateway: &Gateway, call_id: &str) -> Value {
    serde_json::from_str(&gateway.line_with(&[call_id, "\"status\""]).await).unwrap()
}

#[tokio::test]
async fn a_line_says_what_became_of_the_request() {
    let (upstream, gateway) = start("json").await;
    let request = Request::chat(&ask("gpt")).header("x-litellm-call-id", "call-whole");
    let response = gateway.call(&request).await;
    let line = line_of(&gateway, "call-whole").await;
    let expected = json!({"route": "/v1/chat/completions", "model": "gpt", "deployment": "dep-1", "attempts": 1, "status": 200,
        "prompt_tokens": 11, "completion_tokens": 7, "bytes_in": request.body.len(), "bytes_out": response.body.len()});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field} in {line}");
    }
    assert!(line["total_ms"].as_f64().unwrap() > 0.0);
    // The first characters of the SHA-256 of the master key.
    assert_eq!(line["key_hash"], crate::support::key_digest()[..8]);

    upstream.now_answers([Reply::error(500, "broken"), stream(&["Hel", "lo"])]);
    gateway.call(&Request::chat(&ask_stream("gpt")).header("x-litellm-call-id", "call-stream")).await;
    let line = line_of(&gateway, "call-stream").await;
    assert_eq!(
        (&line["attempts"], &line["status"], &line["completion_tokens"]),
        (&json!(2), &json!(200), &json!(7)),
        "{line}"
    );
    assert!(line["first_token_ms"].as_f64().unwrap() <= line["total_ms"].as_f64().unwrap(), "{line}");
}

#[tokio::test]
async fn a_refused_request_has_its_line_too() {
    let (_upstream, gateway) = start("json").await;
    let cases = [
        ("call-nokey", Request::chat(&ask("gpt")).without_key(), 401),
        ("call-unknown", Request::chat(&ask("zzz")), 400),
        ("call-json", Request::new("POST", "/v1/chat/completions", b"{".to_vec()), 400),
        ("call-path", Request::get("/nothing"), 404),
    ];
    for (call_id, request, status) in cases {
        gateway.call(&request.header("x-litellm-call-id", call_id)).await;
        let line = line_of(&gateway, call_id).await;
        assert_eq!((&line["status"], &line["attempts"]), (&json!(status), &json!(0)), "{line}");
    }
}

#[tokio::test]
async fn there_is_one_line_for_each_request() {
    let (_upstream, gateway) = start("json").await;
    let mut client = gateway.connect().await;
    for number in 0..50 {
        client.send(&Request::chat(&ask("gpt")).header("x-litellm-call-id", &format!("many-{number}."))).await;
        client.response().await;
    }
    for number in 0..50 {
        line_of(&gateway, &format!("many-{number}.")).await;
    }
    assert_eq!(gateway.output().matches("many-").count(), 50);
}

#[tokio::test]
async fn a_client_cannot_forge_a_line() {
    for format in ["json", "text"] {
        let (_upstream, gateway) = start(format).await;
        let forged = "x\n{\"status\":200,\"call_id\":\"forged\"}\nstatus=200 forged";
        gateway.call(&Request::chat(&ask(forged)).header("x-litellm-call-id", "call-forger")).await;
        gateway.line_with(&["call-forger"]).await;
        assert!(!gateway.output().lines().any(|line| line.starts_with("{\"status\"") || line.starts_with("status=")));
    }
}

#[tokio::test]
async fn people_can_read_it_as_text() {
    let (_upstream, gateway) = start("text").await;
    gateway.call(&Request::chat(&ask("gpt")).header("x-litellm-call-id", "call-text")).await;
    let line = gateway.line_with(&["call-text"]).await;
    for part in ["status=200", "gpt", "dep-1", "attempts=1", "11/7"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(!line.contains(UPSTREAM_MODEL) && !line.contains("Hello"));
}
