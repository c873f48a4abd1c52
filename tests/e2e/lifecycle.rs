//! Starting and stopping: what is told to people, scripts and systemd, and that a stop breaks nothing off.

use std::os::unix::net::UnixDatagram;

use crate::support::openai::{answer, ask, ask_stream, chunk, config, deployment, hello, one_model};
use crate::support::{DEADLINE, Gate, Gateway, Launch, Reply, Request, Step, Upstream, finish};

#[tokio::test]
async fn one_line_says_where_it_listens_and_what_it_serves() {
    let upstream = Upstream::start([hello()]).await;
    let entries =
        [deployment("gpt", &upstream, ""), deployment("gpt", &upstream, "rpm: 1"), deployment("b", &upstream, "")];
    let gateway = Gateway::start(&config(&entries, "")).await;
    let line = gateway.line_with(&["listening on"]).await;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(line, format!("tollgate {version} listening on http://127.0.0.1:{} serving 2 models", gateway.port));
}

#[tokio::test]
async fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let next = || {
        let mut text = [0; 256];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let upstream = Upstream::start([hello()]).await;
    let launch = Launch::with_config(&one_model(&upstream)).env("NOTIFY_SOCKET", path.to_str().unwrap());
    let mut gateway = launch.start().await;
    assert!(next().contains("READY=1"));
    assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 200);
    gateway.terminate();
    assert!(next().contains("STOPPING=1"));
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way() {
    let gate = Gate::new();
    let stream = Reply::stream([
        Step::event(chunk("first")),
        Step::Wait(gate.clone()),
        Step::event(chunk(" last")),
        Step::event("[DONE]"),
        Step::end(),
    ]);
    let whole = Reply::json(200, &answer("Hello")).after(&gate);
    let upstream = Upstream::start([stream, whole]).await;
    let mut gateway = Gateway::start(&one_model(&upstream)).await;
    let (mut streamed, mut waiting) = (gateway.connect().await, gateway.connect().await);
    streamed.send(&Request::chat(&ask_stream("gpt"))).await;
    upstream.has_received(1).await;
    waiting.send(&Request::chat(&ask("gpt"))).await;
    upstream.has_received(2).await;
    gateway.terminate();
    gateway.line_with(&["draining"]).await;
    let readiness = gateway.call(&Request::get("/health/readiness")).await;
    assert_eq!(readiness.status, 503, "the balancer is told to go elsewhere");
    gate.open();
    let response = streamed.response().await;
    assert_eq!((response.streamed_text().as_str(), response.complete), ("first last", true));
    assert_eq!(waiting.response().await.status, 200);
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn lines_of_the_last_requests_are_not_lost() {
    let upstream = Upstream::start([hello()]).await;
    let mut gateway = Gateway::start(&one_model(&upstream)).await;
    gateway.call(&Request::chat(&ask("gpt")).header("x-litellm-call-id", "the-very-last")).await;
    gateway.terminate();
    gateway.ended().await;
    gateway.line_with(&["the-very-last"]).await;
}

#[tokio::test]
async fn a_taken_port_is_said_and_not_waited_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let upstream = Upstream::start([hello()]).await;
    let launch = Launch::with_config(&one_model(&upstream)).arg("--host").arg("127.0.0.1").arg("--port").arg(&port);
    let output = finish(launch);
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!output.status.success() && printed.contains(&port), "{printed}");
}

#[tokio::test]
async fn the_environment_can_say_what_arguments_say() {
    let upstream = Upstream::start([hello()]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("elsewhere.yaml");
    std::fs::write(&file, one_model(&upstream)).unwrap();
    let gateway = Launch::without_config().env("CONFIG_FILE_PATH", file.to_str().unwrap()).start().await;
    assert_eq!(gateway.call(&Request::chat(&ask("gpt"))).await.status, 200);
}
