//! Pictures that a model is shown: what is set aside for them, and what they count where no provider says it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::openai::config;
use crate::support::{Gateway, Reply, Request, Upstream, eventually_async};

const KEY: &str = "sk-pictures-1";
/// Dollars a token of input.
const PRICE: f64 = 0.001;
/// Of a picture of 1024 x 1024 pixels, by OpenAI's rules for this model.
const PICTURE: f64 = 25_501.0;
/// Of one of 512 x 512 pixels.
const SMALL: f64 = 8_500.0;

fn answer(usage: &Value) -> Reply {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
    Reply::json(
        200,
        &json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}),
    )
}

#[tokio::test]
async fn a_picture_that_no_provider_counts_counts_as_its_model_sees_it() {
    let upstream = Upstream::start([answer(&Value::Null)]).await;
    let entry = format!(
        "  - {{model_name: m, litellm_params: {{model: openai/gpt-4o-mini, api_base: \"{}\", api_key: sk-up, \
         input_cost_per_token: {PRICE}, output_cost_per_token: 0}}}}\n",
        upstream.url()
    );
    let keys = format!("key_settings:\n  - {{api_key: {KEY}, max_budget: 1000000}}\n");
    let gateway = Gateway::start(&config(&[entry], &keys)).await;
    let picture = json!({"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}});
    let ask = |content: &[&Value]| json!({"model": "m", "messages": [{"role": "user", "content": content}]});
    let shown = gateway.call(&Request::chat(&ask(&[&picture])).key(KEY)).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    upstream.now_answers([answer(&json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}))]);
    let words = json!({"type": "text", "text": "hi"});
    let spent = eventually_async("the picture to be counted", async || {
        let response = gateway.call(&Request::chat(&ask(&[&words])).key(KEY)).await;
        let spent: f64 = response.header("x-litellm-key-spend")?.parse().ok()?;
        (spent > 0.0).then_some(spent)
    });
    let spent = spent.await;
    let expected = PICTURE * PRICE..(PICTURE + 100.0) * PRICE;
    assert!(expected.contains(&spent), "{spent}");
}

/// The beginning of a PNG of this width and height; nobody here looks further.
fn png(side: u32) -> String {
    let side = side.to_be_bytes();
    let file = [
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
        &side[..],
        &side,
        &[8, 2, 0, 0, 0],
        &[0; 4],
        b"\0\0\0\x02IDAT\0\0\0\0\0\0",
    ]
    .concat();
    format!("data:image/png;base64,{}", STANDARD.encode(file))
}

#[tokio::test]
async fn a_picture_in_the_request_counts_by_its_size() {
    let upstream = Upstream::start([answer(&Value::Null)]).await;
    let entry = format!(
        "  - {{model_name: m, litellm_params: {{model: openai/gpt-4o-mini, api_base: \"{}\", api_key: sk-up, \
         input_cost_per_token: {PRICE}, output_cost_per_token: 0}}}}\n",
        upstream.url()
    );
    let keys = format!("key_settings:\n  - {{api_key: {KEY}, max_budget: {}}}\n", (2.0 * SMALL - 100.0) * PRICE);
    let gateway = Gateway::start(&config(&[entry], &keys)).await;
    let ask = async |url: &str| {
        let picture = json!({"type": "image_url", "image_url": {"url": url}});
        let body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": [picture]}]});
        gateway.call(&Request::chat(&body).key(KEY)).await
    };
    for larger in ["https://example.com/cat.png".to_owned(), png(1024)] {
        let refused = ask(&larger).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
    }
    let shown = ask(&png(512)).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    // No provider counted it, and it was no more than what was set aside: there is nothing left for a second one.
    let refused = ask(&png(512)).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let spent = eventually_async("the picture to be counted", async || {
        let info = gateway.call(&Request::get("/key/info").key(KEY)).await.json();
        info["info"]["spend"].as_f64().filter(|spent| *spent > 0.0)
    });
    let spent = spent.await;
    assert!((SMALL * PRICE..(SMALL + 100.0) * PRICE).contains(&spent), "{spent}");
}
