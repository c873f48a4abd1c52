//! A client on a bare socket, so that a test decides about every byte, and sees where an answer breaks off.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{KEY, within};

/// A request to send.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Sent in chunks of this size, without a Content-Length.
    chunk: Option<usize>,
}

impl Request {
    /// Without a body, with the master key.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path, Vec::new())
    }

    /// With a JSON body and the master key.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path, body.to_string().into_bytes())
    }

    /// A chat call.
    pub fn chat(body: &Value) -> Self {
        Self::post("/v1/chat/completions", body)
    }

    /// With the master key; a body is JSON.
    pub fn new(method: &str, path: &str, body: Vec<u8>) -> Self {
        let mut request =
            Self { method: method.into(), path: path.into(), headers: Vec::new(), body, chunk: None }.key(KEY);
        if method == "POST" {
            request = request.header("content-type", "application/json");
        }
        request
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Another bearer key.
    pub fn key(self, key: &str) -> Self {
        self.without_key().header("authorization", &format!("Bearer {key}"))
    }

    /// No key at all.
    pub fn without_key(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "authorization");
        self
    }

    /// Sent in chunks of `size` bytes.
    pub fn chunked(mut self, size: usize) -> Self {
        self.chunk = Some(size);
        self
    }

    /// As it goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: gateway.test\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.chunk {
            Some(size) => {
                let mut bytes = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
                for chunk in self.body.chunks(size) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
                bytes
            }
            None if self.method == "GET" => format!("{head}\r\n").into_bytes(),
            None => [format!("{head}content-length: {}\r\n\r\n", self.body.len()).as_bytes(), &self.body].concat(),
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether it came to the end that its framing promised.
    pub complete: bool,
}

impl Response {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The data of all server-sent events, whichever line ends they have.
    pub fn events(&self) -> Vec<String> {
        self.text()
            .replace("\r\n", "\n")
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "))
            .map(str::to_owned)
            .collect()
    }

    /// The text that a chat stream spells.
    pub fn streamed_text(&self) -> String {
        let chunks = self.events().into_iter().filter_map(|data| serde_json::from_str::<Value>(&data).ok());
        chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
    }
}

/// What an answer of the gateway may carry; looked at on every answer of every test, so that nothing of an upstream or
/// of a library slips out unseen.
fn assert_known(header: &str) {
    const NAMES: &[&str] = &[
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "request-id",
        "retry-after",
        "transfer-encoding",
        "x-accel-buffering",
        "x-tollgate-route",
    ];
    const PREFIXES: &[&str] = &["llm_provider-", "x-litellm-", "x-ratelimit-"];
    let is_known = NAMES.contains(&header) || PREFIXES.iter().any(|prefix| header.starts_with(prefix));
    assert!(is_known, "the gateway answers with the header {header}");
}

/// How much of a body is still to come.
enum Framing {
    Sized(usize),
    Chunked,
    UntilClose,
}

/// One connection to the gateway.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to the loopback.
    pub async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a request. That the other side stops reading is no failure here: its answer tells.
    pub async fn send(&mut self, request: &Request) {
        self.send_raw(&request.to_bytes()).await;
    }

    /// Sends bytes.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.can_send(bytes).await;
    }

    /// Sends bytes; whether the other side took them.
    pub async fn can_send(&mut self, bytes: &[u8]) -> bool {
        within("the gateway to read", self.stream.write_all(bytes)).await.is_ok()
    }

    /// Reads an answer to its end.
    pub async fn response(&mut self) -> Response {
        let (mut response, framing) = self.head().await;
        within("the end of the answer", async {
            response.complete = match framing {
                Framing::Sized(length) => {
                    response.body.resize(length, 0);
                    self.stream.read_exact(&mut response.body).await.is_ok()
                }
                Framing::UntilClose => self.stream.read_to_end(&mut response.body).await.is_ok(),
                Framing::Chunked => {
                    while let Some(chunk) = self.chunk().await {
                        if chunk.is_empty() {
                            return response.complete = true;
                        }
                        response.body.extend(chunk);
                    }
                    false
                }
            }
        })
        .await;
        response
    }

    /// The status of the next head alone: an interim one, or a refusal whose body is left unread.
    pub async fn interim(&mut self) -> u16 {
        within("an interim answer", self.read_head()).await.status
    }

    /// Reads the head of a streamed answer, whose events are read with [`Client::event`].
    pub async fn start_of_stream(&mut self) -> Response {
        let (response, framing) = self.head().await;
        assert!(matches!(framing, Framing::Chunked), "not a chunked stream: {response:?}");
        response
    }

    /// The data of the next event, from chunks that hold whole events.
    pub async fn event(&mut self) -> Option<String> {
        let chunk = within("an event", self.chunk()).await?;
        let text = String::from_utf8(chunk).unwrap();
        text.strip_prefix("data: ").map(|data| data.trim_end().to_owned())
    }

    /// The next piece of a streamed answer, whatever events are in it.
    pub async fn piece(&mut self) -> Option<String> {
        self.chunk().await.map(|chunk| String::from_utf8(chunk).unwrap())
    }

    /// Everything until the gateway closes the connection.
    pub async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        drop(within("the end of the connection", self.stream.read_to_end(&mut rest)).await);
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// The body of one more answer, or nothing if the connection ends instead.
    pub async fn rest_or_response(&mut self) -> String {
        self.response_or_end().await.map(|response| response.text()).unwrap_or_default()
    }

    /// An answer, or nothing if the connection ends before there is any.
    pub async fn response_or_end(&mut self) -> Option<Response> {
        let goes_on = within("an answer or the end", self.stream.fill_buf()).await.is_ok_and(|bytes| !bytes.is_empty());
        if goes_on { Some(self.response().await) } else { None }
    }

    /// Says that nothing more will be sent.
    pub async fn finish_sending(&mut self) {
        drop(self.stream.shutdown().await);
    }

    async fn head(&mut self) -> (Response, Framing) {
        let mut response = within("an answer", self.read_head()).await;
        while response.status == 100 {
            response = within("an answer after 100", self.read_head()).await;
        }
        let framing = match (response.header("transfer-encoding"), response.header("content-length")) {
            (Some(_), None) => Framing::Chunked,
            (None, Some(length)) => Framing::Sized(length.parse().unwrap()),
            (None, None) if response.status == 204 => Framing::Sized(0),
            (None, None) => Framing::UntilClose,
            both => panic!("two framings: {both:?}"),
        };
        (response, framing)
    }

    async fn read_head(&mut self) -> Response {
        let first = self.line().await.expect("the connection ended before an answer");
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not a status line: {first:?}"));
        let mut headers = Vec::new();
        while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        headers.iter().for_each(|(name, _)| assert_known(name));
        Response { status, headers, body: Vec::new(), complete: false }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.stream.read_line(&mut line).await.ok()?;
        (count > 0).then(|| line.trim_end().to_owned())
    }

    /// The next chunk; empty at the regular end, `None` when the stream breaks off.
    async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line().await?, 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).await.ok()?;
        chunk.truncate(size);
        Some(chunk)
    }
}
