//! The bytes of answers, right ones and wrong ones.

use crate::mock::call::Endpoint;
use crate::mock::openai;
use crate::mock::settings::Settings;

/// Tokens of a whole answer.
pub const TOKENS: usize = 10;

fn answer() -> Settings {
    Settings { tokens: TOKENS, ..Settings::default() }
}

/// A head with these fields.
pub fn head(status: &str, fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}\r\n").into_bytes()
}

/// A whole JSON answer with a status and fields of its own.
pub fn sized(status: &str, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    [head(status, &format!("{fields}content-length: {length}\r\n")), body.into()].concat()
}

/// A body without framing, up to the end of the connection.
pub fn unsized_body(status: &str, fields: &str, body: &str) -> Vec<u8> {
    [head(status, &format!("{fields}connection: close\r\n")), body.into()].concat()
}

/// The field of a JSON answer.
pub const JSON: &str = "content-type: application/json\r\n";
/// The fields of a stream.
pub const SSE: &str = "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n";

/// The body of a whole JSON answer.
pub fn json() -> String {
    openai::chat("m", &answer()).to_string()
}

/// Events of these tokens.
pub fn tokens(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|i| openai::token_event(Endpoint::Chat, "m", &answer(), i, true)).collect()
}

/// All that follows the last token.
pub fn finish() -> String {
    openai::end_events(Endpoint::Chat, "m", &answer(), true)
}

/// A whole stream.
pub fn events() -> String {
    tokens(0..TOKENS) + &finish()
}

/// One HTTP chunk.
pub fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

/// The head of a stream and a first chunk.
pub fn stream(data: &str) -> Vec<u8> {
    [head("200 OK", SSE), chunk(data)].concat()
}

/// The end of a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The same bytes as gzip (RFC 1952), stored without compression.
pub fn gzip(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let data = data.get(..usize::from(length)).unwrap_or(data);
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(&crc32(data).to_le_bytes());
    out.extend_from_slice(&u32::from(length).to_le_bytes());
    out
}

fn crc32(data: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !data.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// Settings and GOAWAY of HTTP/2 (RFC 9113, sections 6.5 and 6.8).
pub const GOAWAY: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\x0b";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
