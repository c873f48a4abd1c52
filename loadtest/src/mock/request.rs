//! Reads one HTTP/1.1 request from a connection, whole, into memory.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::http1::{BodyDecoder, MAX_HEAD, MAX_HEADERS, Malformed};

/// Largest request body that is accepted, in bytes.
pub const MAX_BODY: usize = 256 * 1024 * 1024;

/// What is reserved for a read when nothing is known about what comes, in bytes.
const READ_SIZE: usize = 16 * 1024;

/// One request as it arrived.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Start line and header fields as they arrived.
    pub head: Bytes,
    /// The body without its framing.
    pub body: Bytes,
    /// Whether the client wants to go on with this connection.
    pub keep_alive: bool,
    /// `x-mock-KEY: value` as `(KEY, value)`.
    pub settings: Vec<(String, String)>,
}

impl Request {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// The next request, or `None` when the client closed between two requests.
///
/// # Errors
/// A connection that breaks inside a request, or [`Malformed`] as `InvalidData`.
pub async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    buf: &mut BytesMut,
) -> io::Result<Option<Request>> {
    let head = loop {
        if let Some(head) = parse_head(buf).map_err(invalid)? {
            break head;
        }
        if buf.len() > MAX_HEAD {
            return Err(invalid(Malformed("head too large")));
        }
        buf.reserve(READ_SIZE);
        if stream.read_buf(buf).await? == 0 {
            return if buf.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    let raw = Bytes::copy_from_slice(buf.get(..head.length).unwrap_or_default());
    buf.advance(head.length);
    if head.expects_continue {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = match head.body {
        Framing::Sized(length) => read_sized(stream, buf, length).await?,
        Framing::Chunked => read_chunked(stream, buf).await?,
    };
    let Head { method, target, keep_alive, settings, .. } = head;
    Ok(Some(Request { method, target, head: raw, body, keep_alive, settings }))
}

fn invalid(error: Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

struct Head {
    length: usize,
    method: String,
    target: String,
    keep_alive: bool,
    expects_continue: bool,
    body: Framing,
    settings: Vec<(String, String)>,
}

enum Framing {
    Sized(usize),
    Chunked,
}

fn parse_head(buf: &[u8]) -> Result<Option<Head>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(buf).map_err(|_| Malformed("request head"))? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(length) => length,
    };
    let mut head = Head {
        length,
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        keep_alive: request.version == Some(1),
        expects_continue: false,
        body: Framing::Sized(0),
        settings: Vec::new(),
    };
    for field in request.headers.iter() {
        let text = std::str::from_utf8(field.value).unwrap_or_default();
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let length = text.trim().parse().ok().filter(|length| *length <= MAX_BODY);
            head.body = Framing::Sized(length.ok_or(Malformed("content-length"))?);
        } else if is("transfer-encoding") {
            head.body = Framing::Chunked;
        } else if is("connection") {
            head.keep_alive = !text.eq_ignore_ascii_case("close");
        } else if is("expect") {
            head.expects_continue = true;
        } else if let Some(key) = field.name.to_ascii_lowercase().strip_prefix("x-mock-") {
            head.settings.push((key.replace('-', "_"), text.to_owned()));
        }
    }
    Ok(Some(head))
}

async fn read_sized<S: AsyncRead + Unpin>(stream: &mut S, buf: &mut BytesMut, length: usize) -> io::Result<Bytes> {
    buf.reserve(length.saturating_sub(buf.len()));
    while buf.len() < length {
        if stream.read_buf(buf).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buf.split_to(length).freeze())
}

async fn read_chunked<S: AsyncRead + Unpin>(stream: &mut S, buf: &mut BytesMut) -> io::Result<Bytes> {
    let (mut decoder, mut body) = (BodyDecoder::chunked(), Vec::new());
    loop {
        decoder.advance(buf, &mut |bytes| body.extend_from_slice(bytes)).map_err(invalid)?;
        if decoder.is_done() {
            return Ok(body.into());
        }
        if body.len() > MAX_BODY {
            return Err(invalid(Malformed("body too large")));
        }
        buf.reserve(READ_SIZE);
        if stream.read_buf(buf).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All requests of a connection that sends `wire` and closes.
    async fn read_all(wire: &[u8]) -> io::Result<Vec<Request>> {
        let (mut client, mut server) = tokio::io::duplex(7);
        let wire = wire.to_vec();
        let sender = tokio::spawn(async move {
            let _ = client.write_all(&wire).await;
            let _ = client.shutdown().await;
        });
        let (mut buf, mut requests) = (BytesMut::new(), Vec::new());
        while let Some(request) = read(&mut server, &mut buf).await? {
            requests.push(request);
        }
        sender.await.map_err(io::Error::other)?;
        Ok(requests)
    }

    #[tokio::test]
    async fn sized_chunked_and_empty_bodies_on_one_connection() {
        let wire = b"POST /a?b=c HTTP/1.1\r\nContent-Length: 5\r\nX-Mock-Retry-After: 2\r\n\r\nhello\
            POST /b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n\
            GET /c HTTP/1.1\r\nconnection: close\r\n\r\n";
        let requests = read_all(wire).await.unwrap();
        let bodies: Vec<_> = requests.iter().map(|it| (it.path(), &it.body[..], it.keep_alive)).collect();
        assert_eq!(bodies, [("/a", &b"hello"[..], true), ("/b", b"abcde", true), ("/c", b"", false)]);
        assert_eq!(requests[0].settings, [("retry_after".to_owned(), "2".to_owned())]);
    }

    #[tokio::test]
    async fn a_broken_request_is_an_error() {
        for wire in
            ["GET", "POST /a HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc", "POST /a HTTP/1.1\r\ncontent-length: x\r\n\r\n"]
        {
            assert!(read_all(wire.as_bytes()).await.is_err(), "{wire}");
        }
    }
}
