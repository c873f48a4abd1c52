//! What a scripted upstream does with a request: an answer, a stream with pauses and accidents in it, or none at all.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A point at which an upstream waits until the test lets it go on.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A closed one.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everybody pass, from now on.
    pub fn open(&self) {
        self.0.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Waits for [`Gate::open`].
    pub async fn pass(&self) {
        drop(self.0.acquire().await);
    }
}

/// One thing that an upstream does.
#[derive(Clone)]
pub enum Step {
    /// Writes bytes as they are.
    Write(Vec<u8>),
    /// Writes a chat answer that says the request's `user`.
    Echo,
    /// Waits for the test.
    Wait(Gate),
    /// Closes the connection in the middle of whatever it was.
    Cut,
    /// Closes it with a reset.
    Reset,
    /// Does nothing more until the other side goes away.
    Hang,
}

impl Step {
    /// One chunk of a chunked body.
    pub fn chunk(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        Self::Write([format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
    }

    /// One server-sent event, in a chunk of its own.
    pub fn event(data: impl std::fmt::Display) -> Self {
        Self::chunk(format!("data: {data}\n\n"))
    }

    /// The regular end of a chunked body.
    pub fn end() -> Self {
        Self::Write(b"0\r\n\r\n".to_vec())
    }
}

/// The script for one request.
#[derive(Clone)]
pub struct Reply(pub Vec<Step>);

impl Reply {
    /// A whole answer with a JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    /// A whole answer.
    pub fn text(status: u16, content_type: &str, body: &str) -> Self {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} Scripted\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n");
        Self(vec![Step::Write(format!("{head}\r\n{body}").into_bytes())])
    }

    /// A failure in OpenAI's envelope.
    pub fn error(status: u16, message: &str) -> Self {
        let error = serde_json::json!({"message": message, "type": "scripted", "param": null, "code": null});
        Self::json(status, &serde_json::json!({"error": error}))
    }

    /// An event stream of these steps; [`Step::end`] is not added.
    pub fn stream(steps: impl IntoIterator<Item = Step>) -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        Self(std::iter::once(Step::Write(head.into())).chain(steps).collect())
    }

    /// A whole event stream, its bytes cut into chunks of `size` whatever the events are.
    pub fn stream_in_pieces(transcript: &str, size: usize) -> Self {
        Self::stream(transcript.as_bytes().chunks(size).map(Step::chunk).chain([Step::end()]))
    }

    /// Exactly these steps.
    pub fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }

    /// The same, once the test opens the gate.
    pub fn after(mut self, gate: &Gate) -> Self {
        self.0.insert(0, Step::Wait(gate.clone()));
        self
    }

    /// One more header, for an answer that starts with its head.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(Step::Write(bytes)) = self.0.first_mut() {
            let line_end = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
            bytes.splice(line_end..line_end, format!("{name}: {value}\r\n").into_bytes());
        }
        self
    }
}
