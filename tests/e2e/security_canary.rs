//! No secret and no prompt leaves by a side door: planted ones are looked for in everything that the gateway prints at
//! its most talkative, shows on its pages, and tells its clients and upstreams.

use serde_json::json;

use crate::support::openai::{chunk, config, hello};
use crate::support::{Gateway, KEY, Launch, Reply, Request, Response, Step, Upstream};

/// Where it is planted, and the text to look for.
const SECRETS: &[(&str, &str)] = &[
    ("provider key in the file", "sk-canary-provider-file"),
    ("provider key from the environment", "sk-canary-provider-env"),
    ("provider key of a failing deployment", "sk-canary-provider-ill"),
    ("header value of the configuration", "canary-extra-header"),
    ("database password", "canary-database-password"),
    ("redis password", "canary-redis-password"),
    ("unknown key of a client", "sk-canary-client-unknown"),
    ("malformed key of a client", "canary-client-malformed"),
    ("cookie of a client", "canary-client-cookie"),
];

/// What may go to the upstream or to the client who sent it, and nowhere else.
const TEXTS: &[(&str, &str)] = &[
    ("prompt", "canary-prompt-of-a-person"),
    ("answer", "canary-answer-of-a-model"),
    ("metadata of a request", "canary-metadata-value"),
];

async fn start(well: &Upstream, ill: &Upstream) -> Gateway {
    let entries = [
        format!(
            "  - {{model_name: file, litellm_params: {{model: openai/m, api_base: \"{}\", api_key: sk-canary-provider-file, \
             extra_headers: {{x-extra: canary-extra-header}}}}}}\n",
            well.url()
        ),
        format!(
            "  - {{model_name: env, litellm_params: {{model: openai/m, api_base: \"{}\", api_key: os.environ/CANARY}}}}\n",
            well.url()
        ),
        format!(
            "  - {{model_name: ill, litellm_params: {{model: openai/m, api_base: \"{}\", api_key: sk-canary-provider-ill}}}}\n",
            ill.url()
        ),
    ];
    let settings = format!(
        "general_settings:\n  master_key: {KEY}\n  database_url: \"postgresql://u:canary-database-password@127.0.0.1:1/x\"\n\
         router_settings: {{num_retries: 1, redis_host: 127.0.0.1, redis_password: canary-redis-password}}\n"
    );
    let launch = Launch::with_config(&config(&entries, &settings)).env("CANARY", "sk-canary-provider-env");
    launch.env("TOLLGATE_LOG", "trace").env("RUST_BACKTRACE", "1").start().await
}

fn requests() -> Vec<Request> {
    let chat = |model: &str, stream: bool| {
        let body = json!({"model": model, "stream": stream, "metadata": {"note": "canary-metadata-value"},
            "messages": [{"role": "user", "content": "canary-prompt-of-a-person"}]});
        Request::chat(&body).header("cookie", "session=canary-client-cookie")
    };
    let mut requests = vec![
        chat("file", false).key("sk-canary-client-unknown"),
        chat("file", false).key("canary-client-malformed"),
        chat("file", false).without_key().header("x-api-key", "sk-canary-client-unknown"),
        chat("nobody-knows-it", false),
        Request::new("POST", "/v1/chat/completions", b"{\"messages\": \"canary-prompt-of-a-person\"".to_vec()),
    ];
    requests.extend(["file", "env", "ill"].into_iter().flat_map(|model| [chat(model, false), chat(model, true)]));
    let pages =
        ["/health", "/health/readiness", "/v1/models", "/v1/models/file", "/routes", "/metrics", "/", "/nothing"];
    requests.extend(pages.map(Request::get));
    requests
}

fn look_in(place: &str, text: &str, canaries: &[(&str, &str)]) {
    for (what, canary) in canaries {
        if let Some(at) = text.find(canary) {
            let before = text[..at].char_indices().rev().nth(200).map_or(0, |(start, _)| start);
            panic!("the {what} stands in {place}: …{}", &text[before..at + canary.len()]);
        }
    }
}

fn shown(response: &Response) -> String {
    format!("{:?}\n{}", response.headers, response.text())
}

#[tokio::test]
async fn no_output_holds_a_canary() {
    // Seen by the gateway in answers, events and failures alike.
    let answers = [
        hello(),
        Reply::json(
            200,
            &json!({"choices": [{"message": {"role": "assistant", "content": "canary-answer-of-a-model"}}]}),
        ),
        Reply::stream([Step::event(chunk("canary-answer-of-a-model")), Step::Cut]),
        Reply::stream([Step::event(chunk("canary-answer-of-a-model")), Step::event("[DONE]"), Step::end()]),
    ];
    let well = Upstream::start(answers).await;
    let ill = Upstream::start([Reply::error(500, "broken")]).await;
    let gateway = start(&well, &ill).await;
    for request in requests() {
        let response = gateway.call(&request).await;
        look_in(&format!("the answer to {} {}", request.method, request.path), &shown(&response), SECRETS);
        look_in("an answer", &shown(&response), &[("master key", KEY)]);
    }
    for received in well.received().into_iter().chain(ill.received()) {
        let text = format!("{:?}\n{}", received.headers, String::from_utf8_lossy(&received.body));
        let of_clients: Vec<_> = SECRETS.iter().copied().filter(|(what, _)| what.contains("client")).collect();
        look_in("a request to an upstream", &text, &of_clients);
        look_in("a request to an upstream", &text, &[("master key", KEY), ("metadata", "canary-metadata-value")]);
    }
    // A request whose line is there means that the lines before it are.
    gateway.call(&Request::get("/routes").header("x-litellm-call-id", "the-last-call")).await;
    gateway.line_with(&["the-last-call"]).await;
    let printed = gateway.output();
    look_in("the log", &printed, SECRETS);
    look_in("the log", &printed, TEXTS);
    look_in("the log", &printed, &[("master key", KEY)]);
    look_in("the metrics", &gateway.metrics().await, TEXTS);
}

#[tokio::test]
async fn an_upstream_cannot_hand_a_key_to_the_client() {
    let echo = "Incorrect API key provided: sk-canary-provider-ill. You can find your key in the settings.";
    let well = Upstream::start([hello()]).await;
    let ill = Upstream::start([Reply::error(401, echo).header("x-echo", "Bearer sk-canary-provider-ill")]).await;
    let gateway = start(&well, &ill).await;
    for stream in [false, true] {
        let body = json!({"model": "ill", "stream": stream, "messages": []});
        let response = gateway.call(&Request::chat(&body)).await;
        assert!(response.status >= 400);
        look_in("the answer", &shown(&response), SECRETS);
    }
}

#[tokio::test]
async fn a_client_cannot_choose_where_a_key_goes() {
    let well = Upstream::start([hello()]).await;
    let stranger = Upstream::start([hello()]).await;
    let gateway = start(&well, &well).await;
    let url = stranger.url();
    for name in ["api_base", "base_url", "api_key", "custom_llm_provider", "extra_headers", "user_config", "model_list"]
    {
        let mut body = json!({"model": "file", "messages": [], "metadata": {name: url}});
        body[name] = json!(url);
        let request = Request::post(&format!("/v1/chat/completions?{name}={url}"), &body);
        gateway.call(&request.header("x-api-base", &url).header("x-litellm-api-base", &url)).await;
    }
    assert_eq!(stranger.count(), 0);
    for received in well.received() {
        assert_eq!(received.header("authorization"), Some("Bearer sk-canary-provider-file"));
        assert_eq!(received.header("x-extra"), Some("canary-extra-header"));
    }
}
