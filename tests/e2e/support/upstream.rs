//! An HTTP/1.1 server that answers by script and keeps every request whole, byte for byte.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Reply, Step, eventually};

/// A request as it arrived.
#[derive(Clone)]
pub struct Received {
    /// Which connection it came over, counted from 0.
    pub connection: usize,
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Without its framing.
    pub body: Vec<u8>,
}

impl Received {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type ByRequest = dyn Fn(&Received) -> Reply + Send + Sync;

struct State {
    /// Decides by the request, if there is one; else the script does.
    by_request: Mutex<Option<Arc<ByRequest>>>,
    /// Answers in order; the last one is given again and again.
    script: Mutex<Vec<Reply>>,
    received: Mutex<Vec<Received>>,
    closed: Mutex<HashSet<usize>>,
}

/// A running one. It ends with the runtime of its test.
pub struct Upstream {
    port: u16,
    state: Arc<State>,
}

impl Upstream {
    /// Starts on a free port of the loopback.
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Mutex::new(script.into_iter().collect());
        let state = Arc::new(State {
            by_request: Mutex::default(),
            script,
            received: Mutex::default(),
            closed: Mutex::default(),
        });
        tokio::spawn(accept(listener, state.clone()));
        Self { port, state }
    }

    /// What stands in `api_base`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The same without a path, for providers whose paths differ.
    pub fn root(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `127.0.0.1:PORT`, for looking whether it got out.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Replaces what is left of the script.
    pub fn now_answers(&self, script: impl IntoIterator<Item = Reply>) {
        *self.state.script.lock().unwrap() = script.into_iter().collect();
    }

    /// From now on the request decides.
    pub fn answers_by(&self, decide: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        *self.state.by_request.lock().unwrap() = Some(Arc::new(decide));
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// How many requests so far.
    pub fn count(&self) -> usize {
        self.state.received.lock().unwrap().len()
    }

    /// Takes the last request; there must be one.
    pub fn last(&self) -> Received {
        self.received().pop().expect("the upstream received nothing")
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.state.received.lock().unwrap().clear();
    }

    /// Waits until `count` requests have come.
    pub async fn has_received(&self, count: usize) {
        eventually(&format!("request {count} at the upstream"), || (self.count() >= count).then_some(())).await;
    }

    /// Waits until the gateway has closed the connection with this number.
    pub async fn sees_closed(&self, connection: usize) {
        let is_closed = || self.state.closed.lock().unwrap().contains(&connection).then_some(());
        eventually(&format!("the end of upstream connection {connection}"), is_closed).await;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    for connection in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let state = state.clone();
        tokio::spawn(async move {
            serve(stream, connection, &state).await;
            state.closed.lock().unwrap().insert(connection);
        });
    }
}

/// Answers requests until one of both sides ends the connection.
async fn serve(mut stream: TcpStream, connection: usize, state: &State) {
    let mut unread = Vec::new();
    while let Some(request) = receive(&mut stream, &mut unread, connection).await {
        let number = {
            let mut received = state.received.lock().unwrap();
            received.push(request);
            received.len() - 1
        };
        let decide = state.by_request.lock().unwrap().clone();
        let reply = if let Some(decide) = decide {
            decide(&state.received.lock().unwrap()[number])
        } else {
            let mut script = state.script.lock().unwrap();
            match script.len() {
                0 => Reply::error(500, "no script"),
                1 => script[0].clone(),
                _ => script.remove(0),
            }
        };
        for step in reply.0 {
            let step = match step {
                Step::Echo => echo(&state.received.lock().unwrap()[number]),
                other => other,
            };
            if !take(step, &mut stream).await {
                return;
            }
        }
    }
}

fn echo(request: &Received) -> Step {
    let Reply(mut steps) = Reply::json(200, &super::openai::answer(request.json()["user"].as_str().unwrap()));
    steps.remove(0)
}

/// Whether the connection still stands after this step.
async fn take(step: Step, stream: &mut TcpStream) -> bool {
    match step {
        Step::Write(bytes) => stream.write_all(&bytes).await.is_ok(),
        Step::Wait(gate) => tokio::select! {
            () = gate.pass() => true,
            () = gone(stream) => false,
        },
        Step::Hang => {
            gone(stream).await;
            false
        }
        Step::Cut | Step::Echo => false,
        Step::Reset => {
            stream.set_zero_linger().unwrap();
            false
        }
    }
}

/// Returns when the other side has closed; what it still sends is a second request that nobody may send yet.
async fn gone(stream: &mut TcpStream) {
    let mut early = [0; 1024];
    while stream.read(&mut early).await.is_ok_and(|count| count > 0) {}
}

/// Reads one request with its body; `None` when the connection ends instead.
async fn receive(stream: &mut TcpStream, unread: &mut Vec<u8>, connection: usize) -> Option<Received> {
    let head_end = loop {
        match unread.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(at) => break at,
            None => more(stream, unread).await?,
        }
    };
    let head = String::from_utf8_lossy(&unread[..head_end]).into_owned();
    unread.drain(..head_end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let mut request = Received { connection, method, path, headers, body: Vec::new() };
    request.body = if request.header("transfer-encoding") == Some("chunked") {
        chunks(stream, unread).await?
    } else {
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        exactly(stream, unread, length).await?
    };
    Some(request)
}

async fn chunks(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = loop {
            match unread.windows(2).position(|two| two == b"\r\n") {
                Some(at) => break at,
                None => more(stream, unread).await?,
            }
        };
        let line: Vec<u8> = unread.drain(..line_end + 2).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&line).ok()?.trim(), 16).ok()?;
        let mut chunk = exactly(stream, unread, size + 2).await?;
        chunk.truncate(size);
        body.extend(chunk);
        if size == 0 {
            return Some(body);
        }
    }
}

async fn exactly(stream: &mut TcpStream, unread: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    unread.reserve(length);
    while unread.len() < length {
        more(stream, unread).await?;
    }
    Some(unread.drain(..length).collect())
}

async fn more(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<()> {
    let count = stream.read_buf(unread).await.ok()?;
    (count > 0).then_some(())
}
