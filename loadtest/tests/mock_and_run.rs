//! The mock and the generator against each other, in one process.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as expected")]

use std::net::SocketAddr;
use std::time::Duration;

use loadtest::drive::Report;
use loadtest::mock::settings::Settings;
use loadtest::run::{CallArgs, RunArgs, run};
use loadtest::stats::Summary;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn mock() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(loadtest::mock::serve(listener, Settings::default()));
    address
}

/// 40 requests over 4 connections.
fn args(address: SocketAddr, models: &[&str], stream: bool) -> RunArgs {
    RunArgs {
        url: format!("http://{address}"),
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        key: Some("sk-test".to_owned()),
        call: CallArgs {
            stream,
            include_usage: stream,
            body_size: 3000,
            connections: 4,
            timeout: Duration::from_secs(20),
        },
        rate: None,
        duration: Duration::from_secs(20),
        requests: 40,
        threads: 1,
        json: false,
    }
}

async fn stats(address: SocketAddr) -> Value {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /__stats HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn summary(report: &Report, model: usize) -> Summary {
    let (name, stats) = &report.models[model];
    stats.summary(name, report.elapsed)
}

#[tokio::test]
async fn what_is_sent_arrives_and_is_counted() {
    let address = mock().await;
    let report = run(&args(address, &["a", "b;chunk=7"], false)).await.unwrap();
    for model in 0..2 {
        let summary = summary(&report, model);
        assert_eq!((summary.requests, summary.succeeded, summary.total_ms.count), (20, 20, 20));
        assert_eq!(summary.events, 0);
    }
    let stats = stats(address).await;
    assert_eq!(stats["requests"]["/v1/chat/completions"], 40);
    assert_eq!(stats["connections_accepted"], 5);
    let last = stats["recent"].as_array().unwrap().last().unwrap();
    assert_eq!(last["body_length"], 3000);
    let headers = last["headers"].as_array().unwrap();
    assert!(headers.contains(&serde_json::json!(["authorization", "Bearer sk-test"])));
}

#[tokio::test]
async fn streams_are_counted_by_event() {
    // Three tokens, the finish reason, the usage chunk; however the bytes are split.
    let report = run(&args(mock().await, &["a;tokens=3", "b;tokens=3;chunk=5;first=1;pace=0"], true)).await.unwrap();
    for model in 0..2 {
        let summary = summary(&report, model);
        assert_eq!((summary.succeeded, summary.events), (20, 100), "{}", summary.model);
        assert_eq!(summary.first_byte_ms.count, 20);
    }
}

#[tokio::test]
async fn a_messages_call_is_answered_in_its_dialect() {
    let address = mock().await;
    let check = async |body: &str, expected: &[&str]| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("POST /v1/messages HTTP/1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        for part in expected {
            assert!(answer.contains(part), "{part} in {answer}");
        }
    };
    check(r#"{"model":"m;tokens=2"}"#, &["application/json", r#""text":"w0 w1 ""#, r#""stop_reason":"end_turn""#])
        .await;
    let stream = r#"{"model":"m;tokens=2","stream":true}"#;
    check(stream, &["text/event-stream", "event: message_start\n", r#""text":"w1 ""#, "event: message_stop\n"]).await;
    check(r#"{"model":"m;status=529"}"#, &["HTTP/1.1 529", "overloaded_error"]).await;
    assert_eq!(stats(address).await["requests"]["/v1/messages"], 3);
}

#[tokio::test]
async fn an_open_loop_sends_what_is_due() {
    let mut args = args(mock().await, &["a"], false);
    args.rate = Some(1000.0);
    let report = run(&args).await.unwrap();
    assert_eq!((report.sum(|stats| stats.succeeded), report.unsent), (40, 0));
    assert!(report.elapsed >= Duration::from_millis(39));
}

#[tokio::test]
async fn what_an_open_loop_can_not_send_is_said() {
    let mut args = args(mock().await, &["a;delay=100"], false);
    (args.rate, args.duration, args.requests) = (Some(1000.0), Duration::from_millis(300), u64::MAX);
    let report = run(&args).await.unwrap();
    assert_eq!(report.sum(|stats| stats.succeeded) + report.unsent, 300);
    // Four connections of ten a second: the queue's time is in the latency.
    assert!(report.unsent > 200);
}

#[tokio::test]
async fn faults_are_told_apart() {
    let cases = [
        ("m;status=503", "{503: 40}", "{}"),
        ("m;reset", "{}", "{Reset: 40}"),
        ("m;cut=2", "{200: 40}", "{Closed: 40}"),
        ("m;garbage=0", "{}", "{Malformed: 40}"),
        ("m;no_done", "{200: 40}", "{NoDone: 40}"),
        ("m;fail=10", "{200: 30, 500: 10}", "{}"),
        ("m;typo=1", "{400: 40}", "{}"),
    ];
    let address = mock().await;
    for (model, statuses, errors) in cases {
        let report = run(&args(address, &[model], true)).await.unwrap();
        let summary = summary(&report, 0);
        let seen = (format!("{:?}", summary.statuses), format!("{:?}", summary.errors));
        assert_eq!(seen, (statuses.to_owned(), errors.to_owned()), "{model}");
    }
}

#[tokio::test]
async fn a_silent_upstream_ends_in_a_timeout() {
    let mut args = args(mock().await, &["m;hang"], false);
    (args.call.timeout, args.requests) = (Duration::from_millis(20), 4);
    let report = run(&args).await.unwrap();
    assert_eq!(format!("{:?}", summary(&report, 0).errors), "{Timeout: 4}");
}
