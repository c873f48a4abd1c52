//! Pictures: passed on to those who draw, paid by the piece, the pixel or the token, reserved before they are drawn.

use serde_json::{Value, json};

use crate::support::openai::config;
use crate::support::{Gateway, KEY, Received, Reply, Request, Response, Step, Upstream, eventually_async};

/// One entry of `model_list`.
fn entry(name: &str, params: &str, upstream: &Upstream) -> String {
    format!(
        "  - {{model_name: {name}, litellm_params: {{api_base: \"{}\", api_key: sk-up, {params}}}}}\n",
        upstream.url()
    )
}

async fn gateway(upstream: &Upstream, general: &str) -> Gateway {
    let entries = [
        entry("cent", "model: openai/some-painter, output_cost_per_image: 0.01", upstream),
        entry("d3", "model: openai/dall-e-3", upstream),
        entry("d3-hd", "model: openai/dall-e-3, quality: hd, size: 1792x1024", upstream),
        entry("gpt-image-1", "model: openai/gpt-image-1", upstream),
        entry("azure", "model: azure/my-painter, api_version: 2025-04-01-preview", upstream),
        entry("claude", "model: anthropic/claude-opus-5", upstream),
        "  - {model_name: mocked, litellm_params: {model: openai/dall-e-3, mock_response: \"http://x/y.png\"}}\n"
            .to_owned(),
    ];
    let settings = format!("general_settings: {{master_key: {KEY}{general}}}\nrouter_settings: {{num_retries: 0}}\n");
    Gateway::start(&config(&entries, &settings)).await
}

/// Draws what is asked for: `n` pictures, or as many as the prompt says.
fn painter(received: &Received) -> Reply {
    let body = received.json();
    let said = body["prompt"].as_str().and_then(|prompt| prompt.parse().ok());
    let count = said.or(body["n"].as_u64()).unwrap_or(1) as usize;
    let mut answer = json!({"created": 7, "data": vec![json!({"url": "http://x/y.png"}); count]});
    if body["model"].as_str() == Some("gpt-image-1") {
        answer["usage"] = json!({"input_tokens": 10, "output_tokens": 272, "total_tokens": 282,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}});
    }
    Reply::json(200, &answer)
}

async fn upstream() -> Upstream {
    let upstream = Upstream::start([]).await;
    upstream.answers_by(painter);
    upstream
}

fn draw(body: &Value) -> Request {
    Request::post("/v1/images/generations", body)
}

async fn new_key(gateway: &Gateway, members: &Value) -> String {
    let response = gateway.call(&Request::post("/key/generate", members)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["key"].as_str().unwrap().to_owned()
}

fn cost(response: &Response) -> f64 {
    assert_eq!(response.status, 200, "{}", response.text());
    response.header("x-litellm-response-cost").unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_request_goes_out_with_the_providers_model_and_the_answer_comes_as_it_is() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream, "").await;
    let body = json!({"model": "d3", "prompt": "an otter", "n": 2, "size": "1024x1024", "metadata": {"tags": ["t"]},
        "some_new_parameter": true});
    for path in ["/v1/images/generations", "/images/generations", "/openai/deployments/d3/images/generations"] {
        let response = gateway.call(&Request::post(path, &body)).await;
        assert_eq!(response.json()["data"], json!([{"url": "http://x/y.png"}, {"url": "http://x/y.png"}]), "{path}");
        assert_eq!(upstream.last().path, "/v1/images/generations");
        let sent = upstream.last().json();
        let expected = json!({"model": "dall-e-3", "prompt": "an otter", "n": 2, "size": "1024x1024",
            "some_new_parameter": true});
        assert_eq!(sent, expected, "{path}");
    }
    let response = gateway.call(&draw(&json!({"model": "azure", "prompt": "x"}))).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let path = "/v1/openai/deployments/my-painter/images/generations?api-version=2025-04-01-preview";
    assert_eq!(upstream.last().path, path);
    assert_eq!(upstream.last().header("api-key"), Some("sk-up"));
}

#[tokio::test]
async fn what_cannot_be_drawn_is_refused_in_openais_envelope() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream, "").await;
    for (body, status, words) in [
        (json!({"model": "d3"}), 400, "/image/generations: Missing required parameter: 'prompt'."),
        (json!({"model": "d3", "prompt": "x", "n": 0}), 400, "Invalid 'n'"),
        (json!({"model": "d3", "prompt": "x", "n": "two"}), 400, "Invalid type for 'n'"),
        (json!({"prompt": "x"}), 400, "You passed in model=None"),
        (json!({"model": "nobody", "prompt": "x"}), 400, "model=nobody"),
        (json!({"model": "claude", "prompt": "x"}), 422, "provider anthropic does not serve image generations"),
    ] {
        let response = gateway.call(&draw(&body)).await;
        let message = response.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(response.status, status, "{body}: {message}");
        assert!(message.contains(words), "{body}: {message}");
    }
    assert_eq!(upstream.count(), 0);
    upstream.answers_by(|_| Reply::error(400, "Your prompt was refused."));
    let response = gateway.call(&draw(&json!({"model": "d3", "prompt": "x"}))).await;
    assert_eq!(response.status, 400);
    assert!(response.text().contains("Your prompt was refused."), "{}", response.text());
}

#[tokio::test]
async fn pictures_cost_what_price_lists_say() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream, "").await;
    for (body, dollars) in [
        (json!({"model": "cent", "prompt": "x", "n": 3}), 0.03),
        (json!({"model": "cent", "prompt": "2", "n": 3}), 0.02), // fewer came
        (json!({"model": "d3", "prompt": "x"}), 0.04),
        (json!({"model": "d3", "prompt": "x", "quality": "hd", "size": "1024x1792"}), 0.12),
        (json!({"model": "d3-hd", "prompt": "x"}), 0.12),
        (json!({"model": "gpt-image-1", "prompt": "x", "quality": "low"}), 10.0 * 5e-6 + 272.0 * 4e-5),
        (json!({"model": "mocked", "prompt": "x", "n": 2}), 0.08),
    ] {
        let is = cost(&gateway.call(&draw(&body)).await);
        assert!((is - dollars).abs() <= dollars / 1000.0, "{body}: {is} and not {dollars}");
    }
}

#[tokio::test]
async fn the_key_pays_and_the_log_says_what_for() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream, "").await;
    let key = new_key(&gateway, &json!({"models": ["cent"]})).await;
    let response = gateway.call(&draw(&json!({"model": "cent", "prompt": "x", "n": 2})).key(&key)).await;
    let id = response.header("x-litellm-call-id").unwrap().to_owned();
    assert!((cost(&response) - 0.02).abs() < 1e-12);
    let row = eventually_async("the row", async || {
        let rows = gateway.call(&Request::get(&format!("/spend/logs?request_id={id}"))).await.json();
        rows.get(0).cloned()
    })
    .await;
    assert_eq!((&row["call_type"], &row["spend"]), (&json!("aimage_generation"), &json!(0.02)), "{row}");
    assert_eq!((&row["model"], &row["total_tokens"]), (&json!("some-painter"), &json!(0)));
    let info = eventually_async("the key's spend", async || {
        let info = gateway.call(&Request::get("/key/info").key(&key)).await.json();
        info["info"]["spend"].as_f64().filter(|spend| *spend > 0.0)
    })
    .await;
    assert!((info - 0.02).abs() < 1e-12, "{info}");
    let refused = gateway.call(&draw(&json!({"model": "d3", "prompt": "x"})).key(&key)).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
}

#[tokio::test]
async fn no_more_is_drawn_than_there_is_money_for() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream, "").await;
    let key = new_key(&gateway, &json!({"max_budget": 0.1})).await;
    let too_many = gateway.call(&draw(&json!({"model": "cent", "prompt": "x", "n": 11})).key(&key)).await;
    assert_eq!(too_many.status, 422, "{}", too_many.text());
    let request = draw(&json!({"model": "cent", "prompt": "x", "n": 2})).key(&key);
    let calls = (0..40).map(|_| gateway.call(&request));
    let statuses: Vec<u16> = futures::future::join_all(calls).await.iter().map(|response| response.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(upstream.count(), 5);
    let info = eventually_async("all of it", async || {
        let info = gateway.call(&Request::get("/key/info").key(&key)).await.json();
        info["info"]["spend"].as_f64().filter(|spend| *spend > 0.099)
    })
    .await;
    assert!((info - 0.1).abs() < 1e-9, "{info}");
}

#[tokio::test]
async fn who_names_no_model_gets_the_servers() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream, ", image_generation_model: cent, completion_model: claude").await;
    for body in [json!({"prompt": "x"}), json!({"prompt": "x", "model": "d3"})] {
        let response = gateway.call(&draw(&body)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(upstream.last().json()["model"], "some-painter", "{body}");
    }
    let named = Request::post("/openai/deployments/d3/images/generations", &json!({"prompt": "x"}));
    assert_eq!(gateway.call(&named).await.status, 200);
    assert_eq!(upstream.last().json()["model"], "dall-e-3");
}

fn event(kind: &str, more: &Value) -> Step {
    let mut data = json!({"type": kind, "b64_json": "QUJD", "created_at": 7, "size": "1024x1024", "quality": "low"});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Step::chunk(format!("event: {kind}\ndata: {data}\n\n"))
}

fn sketch() -> Step {
    event("image_generation.partial_image", &json!({"partial_image_index": 0}))
}

fn finished() -> Step {
    let usage = json!({"input_tokens": 10, "output_tokens": 372, "total_tokens": 382});
    event("image_generation.completed", &json!({"usage": usage}))
}

#[tokio::test]
async fn a_stream_of_pictures_passes_and_is_paid() {
    let upstream = Upstream::start([]).await;
    let gateway = gateway(&upstream, "").await;
    let key = new_key(&gateway, &json!({})).await;
    let spent = async |at_least: f64| {
        eventually_async("the spend", async || {
            let info = gateway.call(&Request::get("/key/info").key(&key)).await.json();
            info["info"]["spend"].as_f64().filter(|spend| *spend > at_least)
        })
        .await
    };
    let request = draw(&json!({"model": "gpt-image-1", "prompt": "x", "stream": true, "partial_images": 1})).key(&key);
    upstream.now_answers([Reply::stream([sketch(), finished(), Step::end()])]);
    let response = gateway.call(&request).await;
    let names: Vec<_> =
        response.text().lines().filter_map(|line| line.strip_prefix("event: ").map(str::to_owned)).collect();
    assert_eq!(names, ["image_generation.partial_image", "image_generation.completed"], "{}", response.text());
    assert!(!response.text().contains("[DONE]"));
    assert_eq!(upstream.last().json().get("stream_options"), None, "pictures know no options");
    let whole = 10.0 * 5e-6 + 372.0 * 4e-5;
    let first = spent(0.0).await;
    assert!((first - whole).abs() < 1e-9, "{first}");

    upstream.now_answers([Reply::stream([sketch(), Step::Cut])]);
    let broken = gateway.call(&request).await.text();
    assert!(broken.contains("\"error\""), "{broken}");
    let both = spent(first).await;
    assert!((both - first - 372.0 * 4e-5).abs() < 1e-9, "a picture that was shown is paid: {both}");
}
