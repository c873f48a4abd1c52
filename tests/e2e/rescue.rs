//! Streams that break after their beginning was delivered, and go on as if nothing had happened.

use serde_json::{Value, json};

use crate::support::openai::{ask_stream, chunk, config, deployment, stream, usage_chunk};
use crate::support::{Gateway, Received, Reply, Request, Response, Step, Upstream};

/// How a stream breaks after its first words.
fn accidents() -> [Step; 3] {
    [Step::Cut, Step::Reset, Step::chunk("data: {\"choices\":[{\"del\n\n")]
}

fn words_then(words: &[&str], accident: Step) -> Reply {
    Reply::stream(words.iter().map(|word| Step::event(chunk(word))).chain([accident]))
}

/// Group `a` falls back to group `b`.
async fn two(first: &Upstream, second: String, more: &str) -> Gateway {
    let entries = [deployment("a", first, ""), second];
    let settings = format!("router_settings: {{num_retries: 0, fallbacks: [{{a: [b]}}]}}\n{more}");
    Gateway::start(&config(&entries, &settings)).await
}

fn claude(name: &str, upstream: &Upstream) -> String {
    format!(
        "  - {{model_name: {name}, litellm_params: {{model: anthropic/claude-sonnet-4-5, api_base: \"{}\", api_key: sk-upstream}}}}\n",
        upstream.root()
    )
}

fn anthropic(kind: &str, mut event: Value) -> Step {
    event["type"] = kind.into();
    Step::chunk(format!("event: {kind}\ndata: {event}\n\n"))
}

fn anthropic_words(words: &[&str]) -> Vec<Step> {
    let message = json!({"id": "msg_up", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 20, "output_tokens": 1}});
    let start = anthropic("message_start", json!({ "message": message }));
    let block = anthropic("content_block_start", json!({"index": 0, "content_block": {"type": "text", "text": ""}}));
    let delta = |word: &&str| {
        anthropic("content_block_delta", json!({"index": 0, "delta": {"type": "text_delta", "text": word}}))
    };
    [start, block].into_iter().chain(words.iter().map(delta)).collect()
}

fn anthropic_end() -> [Step; 4] {
    [
        anthropic("content_block_stop", json!({"index": 0})),
        anthropic(
            "message_delta",
            json!({"delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 9}}),
        ),
        anthropic("message_stop", json!({})),
        Step::end(),
    ]
}

/// Goes on after the words that are put before its answer; `None`: there are none.
fn prefill(request: &Received) -> Option<String> {
    let last = request.json()["messages"].as_array()?.last()?.clone();
    let content = &last["content"];
    let text = content.as_str().or_else(|| content[0]["text"].as_str())?;
    (last["role"] == "assistant").then(|| text.to_owned())
}

fn assert_whole(response: &Response, text: &str) {
    assert_eq!((response.status, response.streamed_text().as_str()), (200, text), "{}", response.text());
    assert!(response.text().ends_with("data: [DONE]\n\n"), "{}", response.text());
    assert!(!response.text().contains("\"error\""), "{}", response.text());
    let events = response.events();
    let chunks: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
    for chunk in &chunks {
        assert_eq!((chunk["id"].as_str(), chunk["model"].as_str()), (Some("chatcmpl-up"), Some("a")), "{chunk}");
    }
    let finishes = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"].is_string()).count();
    assert!(finishes <= 1, "{}", response.text());
}

#[tokio::test]
async fn an_answer_that_begins_again_with_the_same_words_goes_on_after_them() {
    for accident in accidents() {
        let first = Upstream::start([words_then(&["one", " two"], accident)]).await;
        let second = Upstream::start([stream(&["one two th", "ree", " four"])]).await;
        let gateway = two(&first, deployment("b", &second, ""), "").await;
        let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
        assert_whole(&response, "one two three four");
        assert_eq!((first.count(), second.count()), (1, 1));
        assert!(prefill(&second.last()).is_none(), "nobody knows whether this model goes on after a prefill");
        let metrics = gateway.metrics().await;
        assert!(metrics.contains("tollgate_streams_rescued_total 1"), "{metrics}");
    }
}

#[tokio::test]
async fn an_answer_with_other_words_is_an_error_and_no_mixture() {
    let first = Upstream::start([words_then(&["one", " two"], Step::Cut)]).await;
    let second = Upstream::start([stream(&["one or ", "another"])]).await;
    let gateway = two(&first, deployment("b", &second, ""), "").await;
    let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
    assert_eq!(response.streamed_text(), "one two");
    assert!(!response.text().contains("[DONE]"));
    let last: Value = serde_json::from_str(response.events().last().unwrap()).unwrap();
    assert!(last["error"]["message"].as_str().unwrap().contains("cut"), "the break is told: {last}");
}

#[tokio::test]
async fn a_model_that_can_goes_on_after_the_delivered_words() {
    let first = Upstream::start([words_then(&["one", " two "], Step::Cut)]).await;
    let second = Upstream::start([]).await;
    second.answers_by(|request| {
        let Some(text) = prefill(request) else { return Reply::error(500, "no prefill") };
        assert_eq!(text, "one two", "Anthropic refuses white space at the end");
        Reply::stream(anthropic_words(&[" three", " four"]).into_iter().chain(anthropic_end()))
    });
    let gateway = two(&first, claude("b", &second), "").await;
    let mut request = ask_stream("a");
    request["stream_options"] = json!({"include_usage": true});
    let response = gateway.call(&Request::chat(&request)).await;
    assert_whole(&response, "one two three four");
    let usage = response
        .events()
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok())
        .find_map(|chunk| chunk["usage"].is_object().then(|| chunk["usage"].clone()));
    let usage = usage.expect("the usage was asked for");
    assert!(usage["completion_tokens"].as_u64() > Some(9), "the delivered words count as output: {usage}");
}

#[tokio::test]
async fn who_refuses_the_prefill_is_asked_from_the_start() {
    let first = Upstream::start([words_then(&["one", " two"], Step::Cut)]).await;
    let second = Upstream::start([]).await;
    second.answers_by(|request| match prefill(request) {
        Some(_) => Reply::json(
            400,
            &json!({"type": "error", "error": {"type": "invalid_request_error", "message": "this model does not support assistant message prefill"}}),
        ),
        None => Reply::stream(anthropic_words(&["one two", " three"]).into_iter().chain(anthropic_end())),
    });
    let gateway = two(&first, claude("b", &second), "").await;
    assert_whole(&gateway.call(&Request::chat(&ask_stream("a"))).await, "one two three");
    assert_eq!(second.count(), 2);
    // It never masks the break itself.
    second.answers_by(|_| Reply::error(400, "this model does not support assistant message prefill"));
    let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
    assert!(!response.text().contains("prefill") && !response.text().contains("[DONE]"), "{}", response.text());
    assert!(response.events().last().unwrap().contains("\"error\""));
}

/// Anthropic's clients get one message with one block, whoever wrote its parts.
#[tokio::test]
async fn a_message_goes_on_in_the_block_in_which_it_broke() {
    let first =
        Upstream::start([Reply::stream(anthropic_words(&["one", " two"]).into_iter().chain([Step::Cut]))]).await;
    let second = Upstream::start([]).await;
    second.answers_by(|request| {
        assert_eq!(prefill(request).as_deref(), Some("one two"));
        Reply::stream(anthropic_words(&[" three"]).into_iter().chain(anthropic_end()))
    });
    let settings = "router_settings: {num_retries: 0, fallbacks: [{a: [b]}]}";
    let gateway = Gateway::start(&config(&[claude("a", &first), claude("b", &second)], settings)).await;
    let body =
        json!({"model": "a", "max_tokens": 99, "stream": true, "messages": [{"role": "user", "content": "count"}]});
    let response = gateway.call(&Request::post("/v1/messages", &body)).await;
    let text = response.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let delta = "content_block_delta";
    let expected = [
        "message_start",
        "content_block_start",
        delta,
        delta,
        delta,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected, "{}", response.text());
    assert!(events.iter().filter_map(|event| event["index"].as_u64()).all(|index| index == 0));
    let text: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, "one two three");
}

#[tokio::test]
async fn a_tool_call_in_flight_is_not_stitched() {
    let call = json!({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0,
        "delta": {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a"}}]},
        "finish_reason": null}]});
    let first = Upstream::start([Reply::stream([Step::event(call), Step::Cut])]).await;
    let second = Upstream::start([stream(&["one"])]).await;
    let gateway = two(&first, deployment("b", &second, ""), "").await;
    let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
    assert!(!response.text().contains("[DONE]") && response.events().last().unwrap().contains("\"error\""));
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn silence_counts_as_a_break_where_somebody_else_can_go_on() {
    let first = Upstream::start([words_then(&["one", " two"], Step::Hang)]).await;
    let second = Upstream::start([stream(&["one two three"])]).await;
    let gateway = two(&first, deployment("b", &second, ""), "tollgate: {rescue: {stall: 0.2}}").await;
    assert_whole(&gateway.call(&Request::chat(&ask_stream("a"))).await, "one two three");
}

#[tokio::test]
async fn text_that_is_held_back_is_tried_again_unseen() {
    let first = Upstream::start([words_then(&["something", " else"], Step::Cut)]).await;
    let second = Upstream::start([stream(&["one", " two"])]).await;
    let gateway = two(&first, deployment("b", &second, ""), "tollgate: {rescue: {hold_bytes: 100}}").await;
    let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
    assert_eq!(response.streamed_text(), "one two");
    assert!(response.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let first = Upstream::start([words_then(&["one"], Step::Cut)]).await;
    let second = Upstream::start([stream(&["one two"])]).await;
    let gateway = two(&first, deployment("b", &second, ""), "tollgate: {rescue: {streams: false}}").await;
    let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
    assert_eq!((response.streamed_text().as_str(), second.count()), ("one", 0));
    assert!(response.events().last().unwrap().contains("\"error\""));
}

/// Streams that begin well and break open their deployment's breaker, whether somebody takes over or not.
#[tokio::test]
async fn streams_that_break_after_their_beginning_count() {
    let stalls = (true, Step::Hang, ", stall: 0.1");
    for (rescue, accident, more) in [(true, Step::Cut, ""), (false, Step::Cut, ""), stalls] {
        let breaks = Upstream::start([words_then(&["one"], accident)]).await;
        let good = Upstream::start([stream(&["one two"])]).await;
        let entries = [deployment("a", &breaks, "order: 1"), deployment("a", &good, "order: 2")];
        let settings = format!(
            "router_settings: {{num_retries: 0, cooldown_time: 60}}\ntollgate: {{rescue: {{streams: {rescue}{more}}}}}"
        );
        let gateway = Gateway::start(&config(&entries, &settings)).await;
        for asked in 1..=3 {
            let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
            assert_eq!(response.streamed_text(), if rescue { "one two" } else { "one" });
            assert_eq!(breaks.count(), asked);
        }
        let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
        assert_eq!((response.streamed_text().as_str(), breaks.count()), ("one two", 3), "it is left alone");
    }
}

#[tokio::test]
async fn a_stream_that_comes_to_its_end_ends_the_row_of_broken_ones() {
    let cut = || words_then(&["one"], Step::Cut);
    let good = || stream(&["one"]);
    let first = Upstream::start([cut(), cut(), good(), cut(), cut(), good()]).await;
    let second = Upstream::start([good()]).await;
    let entries = [deployment("a", &first, "order: 1"), deployment("a", &second, "order: 2")];
    let gateway = Gateway::start(&config(&entries, "tollgate: {rescue: {streams: false}}")).await;
    for asked in 1..=5 {
        gateway.call(&Request::chat(&ask_stream("a"))).await;
        assert_eq!((first.count(), second.count()), (asked, 0));
    }
}

/// All is said, and only the end marker does not come.
#[tokio::test]
async fn a_stream_that_has_said_all_is_not_waited_for() {
    let finish = json!({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let steps = [Step::event(chunk("one")), Step::event(finish), Step::event(usage_chunk()), Step::Hang];
    let first = Upstream::start([Reply::stream(steps)]).await;
    let gateway = Gateway::start(&config(&[deployment("a", &first, "")], "")).await;
    let response = gateway.call(&Request::chat(&ask_stream("a"))).await;
    assert_eq!(response.streamed_text(), "one");
    assert!(response.text().ends_with("data: [DONE]\n\n"), "{}", response.text());
}

/// What was answered is billed once, whoever takes over; where nobody does, nothing is billed twice.
#[tokio::test]
async fn each_part_of_a_broken_answer_is_billed_once() {
    let logged = async |second: Reply, counted_here: usize| {
        let first = Upstream::start([words_then(&["one", " two"], Step::Cut)]).await;
        let second = Upstream::start([second]).await;
        let gateway = two(&first, deployment("b", &second, ""), "").await;
        gateway.call(&Request::chat(&ask_stream("a"))).await;
        // What no provider has counted is counted afterwards.
        let counted = format!("tollgate_usage_estimated_total {counted_here}\n");
        crate::support::eventually_async("the count", async || {
            gateway.metrics().await.contains(&counted).then_some(())
        })
        .await;
        // A call after it: when its row is there, so are those before.
        let probe = json!({"model": "a", "messages": [], "mock_response": "probe"});
        gateway.call(&Request::chat(&probe)).await;
        crate::support::eventually_async("the spend log", async || {
            let rows = gateway.call(&Request::get("/spend/logs?limit=100")).await.json();
            let rows: Vec<Value> = rows.as_array()?.clone();
            let tokens = |row: &Value| row["completion_tokens"].as_u64().unwrap_or_default();
            // The probe's answer has a fixed usage; all rows come in the order in which the calls ended.
            let probes = rows.iter().filter(|row| row["completion_tokens"] == 20).count();
            (probes == 1)
                .then(|| rows.iter().filter(|row| row["completion_tokens"] != 20).map(tokens).collect::<Vec<_>>())
        })
        .await
    };
    let parts = logged(stream(&["one two", " three"]), 0).await;
    assert_eq!(parts.len(), 2, "both parts: {parts:?}");
    assert!(parts.contains(&7) && parts.iter().all(|tokens| *tokens > 0), "as told, and as delivered: {parts:?}");
    let alone = logged(Reply::error(500, "away too"), 1).await;
    assert_eq!(alone.len(), 1, "nobody took over: {alone:?}");
    assert!(alone[0] > 0);
}
