//! AWS's binary event stream, as the tests write it: made by hand from the specification and not with the gateway's own
//! code, so that a mistake there cannot hide here.
//! <https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html>

use base64::Engine as _;
use serde_json::{Value, json};

/// One event of this type with a JSON payload.
pub fn event(kind: &str, payload: &str) -> Vec<u8> {
    frame(&[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")], payload)
}

/// One exception of this type.
pub fn exception(kind: &str, message: &str) -> Vec<u8> {
    let payload = json!({"message": message}).to_string();
    frame(&[(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")], &payload)
}

/// The payload of an `invoke-with-response-stream` chunk: the model's own event in base64.
pub fn chunk(event: &Value) -> String {
    json!({"bytes": base64::engine::general_purpose::STANDARD.encode(event.to_string()), "p": "abcdef"}).to_string()
}

fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    const STRING: u8 = 7;
    let mut fields = Vec::new();
    for (name, value) in headers {
        fields.push(u8::try_from(name.len()).unwrap());
        fields.extend(name.as_bytes());
        fields.push(STRING);
        fields.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        fields.extend(value.as_bytes());
    }
    // Two lengths, the prelude's checksum, headers, payload, the message's checksum.
    let length = u32::try_from(4 + 4 + 4 + fields.len() + payload.len() + 4).unwrap();
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(u32::try_from(fields.len()).unwrap().to_be_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend(fields);
    bytes.extend(payload.as_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}
