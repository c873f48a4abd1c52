//! Event streams: what is added and withheld, when events leave, what a break looks like, and that nobody computes for
//! a client who has gone.

use serde_json::{Value, json};

use crate::support::openai::{ask_stream, chunk, one_model, stream, transcript, usage};
use crate::support::{Gate, Gateway, Reply, Request, Response, Step, Upstream};

async fn start(reply: Reply) -> (Upstream, Gateway) {
    let upstream = Upstream::start([reply]).await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    (upstream, gateway)
}

fn ask_with_usage() -> Value {
    let mut body = ask_stream("gpt");
    body["stream_options"] = json!({"include_usage": true});
    body
}

fn usage_chunks(response: &Response) -> Vec<Value> {
    let chunks = response.events().into_iter().filter_map(|data| serde_json::from_str::<Value>(&data).ok());
    chunks.filter(|chunk| chunk["usage"].is_object()).collect()
}

#[tokio::test]
async fn usage_is_asked_for_always_and_passed_on_only_to_who_asked() {
    let (upstream, gateway) = start(stream(&["Hel", "lo"])).await;
    for (body, expected) in [(ask_stream("gpt"), 0), (ask_with_usage(), 1)] {
        let response = gateway.call(&Request::chat(&body)).await;
        assert_eq!(response.status, 200);
        assert_eq!(upstream.last().json()["stream_options"], json!({"include_usage": true}), "{body}");
        assert_eq!(response.streamed_text(), "Hello");
        assert_eq!(response.events().last().unwrap(), "[DONE]");
        let chunks = usage_chunks(&response);
        assert_eq!(chunks.len(), expected, "{body}");
        assert!(chunks.iter().all(|chunk| chunk["usage"]["total_tokens"] == usage()["total_tokens"]));
    }
}

#[tokio::test]
async fn the_client_reads_the_name_that_it_asked_for() {
    let (upstream, gateway) = start(stream(&["Hel", "lo"])).await;
    let response = gateway.call(&Request::chat(&ask_with_usage())).await;
    for data in response.events().iter().filter(|data| *data != "[DONE]") {
        assert_eq!(serde_json::from_str::<Value>(data).unwrap()["model"], "gpt", "{data}");
    }
    assert_eq!(upstream.last().json()["model"], crate::support::openai::UPSTREAM_MODEL);
}

#[tokio::test]
async fn the_head_is_that_of_an_event_stream() {
    let (_upstream, gateway) = start(stream(&["Hello"])).await;
    let response = gateway.call(&Request::chat(&ask_stream("gpt"))).await;
    assert!(response.header("content-type").unwrap().starts_with("text/event-stream"));
    assert_eq!(response.header("cache-control"), Some("no-cache"));
    assert_eq!(response.header("x-accel-buffering"), Some("no"));
    assert_eq!(response.header("x-litellm-model-group"), Some("gpt"));
    assert_eq!(response.header("content-length"), None);
}

#[tokio::test]
async fn any_chunking_of_the_upstream_reads_the_same() {
    let pieces = ["Grüße", " aus", " 日本", " \u{1f600}", " \\\"data: ", "[DONE]"];
    let whole = transcript(&pieces);
    let (upstream, gateway) = start(Reply::stream_in_pieces(&whole, whole.len())).await;
    let expected = gateway.call(&Request::chat(&ask_stream("gpt"))).await.events();
    for size in [1, 2, 3, 7, 64, 1000] {
        for transcript in [whole.clone(), whole.replace('\n', "\r\n"), whole.replace("\n\n", "\n\n: comment\n\n")] {
            upstream.now_answers([Reply::stream_in_pieces(&transcript, size)]);
            let response = gateway.call(&Request::chat(&ask_stream("gpt"))).await;
            assert_eq!(response.streamed_text(), pieces.concat(), "chunks of {size}");
            if !transcript.contains('\r') {
                assert_eq!(response.events(), expected, "chunks of {size}");
            }
        }
    }
}

#[tokio::test]
async fn an_event_leaves_before_the_next_one_is_there() {
    let gates: Vec<Gate> = (0..3).map(|_| Gate::new()).collect();
    let steps = gates
        .iter()
        .enumerate()
        .flat_map(|(number, gate)| [Step::event(chunk(&number.to_string())), Step::Wait(gate.clone())]);
    let (_upstream, gateway) = start(Reply::stream(steps.chain([Step::event("[DONE]"), Step::end()]))).await;
    let mut client = gateway.connect().await;
    client.send(&Request::chat(&ask_stream("gpt"))).await;
    client.start_of_stream().await;
    for (number, gate) in gates.iter().enumerate() {
        let event: Value = serde_json::from_str(&client.event().await.unwrap()).unwrap();
        assert_eq!(event["choices"][0]["delta"]["content"], number.to_string());
        gate.open();
    }
    assert_eq!(client.event().await.unwrap(), "[DONE]");
}

#[tokio::test]
async fn a_broken_stream_ends_with_an_error_and_without_done() {
    for accident in [Step::Cut, Step::Reset, Step::end()] {
        let is_regular_end = matches!(accident, Step::Write(_));
        let (upstream, gateway) = start(Reply::stream([Step::event(chunk("half")), accident])).await;
        let response = gateway.call(&Request::chat(&ask_stream("gpt"))).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.streamed_text(), "half");
        let last: Value = serde_json::from_str(response.events().last().unwrap()).unwrap();
        // An upstream that only forgot its [DONE] did answer; whether that is an error is the gateway's choice.
        if !is_regular_end {
            assert_eq!(last["error"]["code"], "500", "{last}");
            assert!(last["error"]["message"].is_string());
            assert!(!response.text().contains("[DONE]"));
            assert_eq!(upstream.count(), 1, "what the client has seen a part of is not tried again");
        }
    }
}

#[tokio::test]
async fn an_error_before_the_first_event_is_a_plain_answer() {
    let error = json!({"error": {"message": "told in the stream", "type": "server_error", "code": 500}});
    let (_upstream, gateway) = start(Reply::stream([Step::Cut])).await;
    assert_eq!(gateway.call(&Request::chat(&ask_stream("gpt"))).await.status, 500);
    let (_upstream, gateway) = start(Reply::stream([Step::event(error), Step::end()])).await;
    let response = gateway.call(&Request::chat(&ask_stream("gpt"))).await;
    assert_eq!(response.status, 500, "{}", response.text());
    assert!(response.json()["error"]["message"].as_str().unwrap().contains("told in the stream"));
}

#[tokio::test]
async fn a_client_that_goes_takes_the_upstreams_work_with_it() {
    let never = Gate::new();
    let silent = Reply::steps([Step::Hang]);
    let halfway = Reply::stream([Step::event(chunk("first")), Step::Wait(never)]);
    for (reply, reads_first) in [(silent, false), (halfway, true)] {
        for body in [ask_stream("gpt"), json!({"model": "gpt", "messages": []})] {
            let (upstream, gateway) = start(reply.clone()).await;
            let mut client = gateway.connect().await;
            client.send(&Request::chat(&body)).await;
            upstream.has_received(1).await;
            if reads_first && body["stream"] == true {
                client.start_of_stream().await;
                client.event().await.unwrap();
            }
            drop(client);
            upstream.sees_closed(0).await;
        }
    }
}
