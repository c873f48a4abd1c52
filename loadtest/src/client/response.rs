//! Takes one HTTP/1.1 response out of a connection's buffer; the bytes may arrive split anywhere.

use bytes::{Buf, BytesMut};

use crate::http1::{BodyDecoder, MAX_HEAD, MAX_HEADERS, Malformed};

/// What the head said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
    /// Whether the body is a stream of server-sent events.
    pub event_stream: bool,
}

/// A response on its way in.
#[derive(Debug, Default)]
pub struct Response {
    head: Option<(Head, BodyDecoder)>,
}

impl Response {
    /// The head, once it is complete.
    pub fn head(&self) -> Option<Head> {
        self.head.map(|(head, _)| head)
    }

    /// Whether the response is complete.
    pub fn is_done(&self) -> bool {
        self.head.is_some_and(|(_, body)| body.is_done())
    }

    /// Whether the end of the connection ends this response properly.
    pub fn ends_with_connection(&self) -> bool {
        self.head.is_some_and(|(_, body)| body.ends_with_connection())
    }

    /// Takes all it can from `buf` and hands body bytes to `sink`.
    pub fn advance(&mut self, buf: &mut BytesMut, sink: &mut impl FnMut(&[u8])) -> Result<(), Malformed> {
        while self.head.is_none() {
            let Some((length, head, body)) = parse_head(buf)? else {
                return if buf.len() > MAX_HEAD { Err(Malformed("head too large")) } else { Ok(()) };
            };
            buf.advance(length);
            if head.status >= 200 {
                self.head = Some((head, body));
            }
        }
        match &mut self.head {
            Some((_, body)) => body.advance(buf, sink),
            None => Ok(()),
        }
    }
}

fn parse_head(buf: &[u8]) -> Result<Option<(usize, Head, BodyDecoder)>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(buf).map_err(|_| Malformed("response head"))? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(length) => length,
    };
    let status = response.code.unwrap_or_default();
    let mut head = Head { status, keep_alive: response.version == Some(1), event_stream: false };
    let (mut sized, mut chunked) = (None, false);
    for field in response.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let length = std::str::from_utf8(field.value).ok().and_then(|text| text.trim().parse::<u64>().ok());
            sized = Some(length.ok_or(Malformed("content-length"))?);
        } else if is("transfer-encoding") {
            chunked = field.value.eq_ignore_ascii_case(b"chunked");
        } else if is("connection") {
            head.keep_alive = field.value.eq_ignore_ascii_case(b"keep-alive")
                || (head.keep_alive && !field.value.eq_ignore_ascii_case(b"close"));
        } else if is("content-type") {
            head.event_stream = field.value.starts_with(b"text/event-stream");
        }
    }
    let body = match sized {
        _ if status == 204 || status == 304 => BodyDecoder::sized(0),
        _ if chunked => BodyDecoder::chunked(),
        Some(length) => BodyDecoder::sized(length),
        None => BodyDecoder::until_close(),
    };
    Ok(Some((length, head, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `wire` split at every position, and byte by byte.
    fn check(wire: &[u8], status: u16, keep_alive: bool, body: &[u8]) {
        let splits = (0..=wire.len()).map(|at| vec![&wire[..at], &wire[at..]]);
        for pieces in splits.chain([wire.chunks(1).collect()]) {
            let (mut response, mut buf, mut seen) = (Response::default(), BytesMut::new(), Vec::new());
            for piece in pieces {
                buf.extend_from_slice(piece);
                response.advance(&mut buf, &mut |bytes| seen.extend_from_slice(bytes)).unwrap();
            }
            let head = response.head().unwrap();
            assert_eq!((head.status, head.keep_alive, &seen[..]), (status, keep_alive, body));
            assert!(response.ends_with_connection());
            assert!(buf.is_empty());
        }
    }

    #[test]
    fn every_split_gives_the_same_response() {
        check(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, true, b"hello");
        check(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
            200,
            true,
            b"hello!",
        );
        check(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 X\r\ncontent-length: 2\r\n\r\n{}", 429, true, b"{}");
        check(b"HTTP/1.1 204 No Content\r\n\r\n", 204, true, b"");
        check(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall", 200, false, b"all");
        check(b"HTTP/1.0 200 OK\r\n\r\nall", 200, false, b"all");
    }

    #[test]
    fn garbage_is_refused() {
        for wire in [&b"\x16\x03\x01\xff\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"] {
            let mut buf = BytesMut::from(wire);
            assert!(Response::default().advance(&mut buf, &mut |_| ()).is_err());
        }
    }
}
