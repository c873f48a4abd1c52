//! The same calls over HTTP/2 without TLS.

use h2::client;
use tokio::net::TcpStream;

use super::{Request, Response, within};

/// Sends one request over a new connection with prior knowledge of HTTP/2.
pub async fn call(port: u16, request: &Request) -> Response {
    within("an answer over HTTP/2", exchange(port, request)).await
}

async fn exchange(port: u16, request: &Request) -> Response {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut head = http::Request::builder().method(request.method.as_str());
    head = head.uri(format!("http://gateway.test{}", request.path));
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    let mut sender = sender.ready().await.unwrap();
    let (response, body) = sender.send_request(head.body(()).unwrap(), request.body.is_empty()).unwrap();
    if !request.body.is_empty() {
        send_body(body, request.body.clone().into()).await;
    }
    let (head, mut body) = response.await.unwrap().into_parts();
    let headers = head.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let mut answer = Response { status: head.status.as_u16(), headers, body: Vec::new(), complete: true };
    while let Some(piece) = body.data().await {
        let Ok(piece) = piece else {
            answer.complete = false;
            break;
        };
        body.flow_control().release_capacity(piece.len()).unwrap();
        answer.body.extend(piece);
    }
    driver.abort();
    answer
}

/// Sends as much at a time as the other side's window allows.
async fn send_body(mut body: h2::SendStream<bytes::Bytes>, mut rest: bytes::Bytes) {
    while !rest.is_empty() {
        body.reserve_capacity(rest.len());
        let Some(Ok(room)) = std::future::poll_fn(|context| body.poll_capacity(context)).await else {
            return; // The answer came before the end of the body.
        };
        let piece = rest.split_to(room.min(rest.len()));
        if body.send_data(piece, rest.is_empty()).is_err() {
            return;
        }
    }
}
