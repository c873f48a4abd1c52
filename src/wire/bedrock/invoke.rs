//! Claude by InvokeModel: the body of `/v1/messages` goes as it is, and the answer is Anthropic's own.
//!
//! Streamed, each event of Anthropic's comes base64-coded in a message of AWS's event stream. [`Deframer`] turns these
//! back into the server-sent events that Anthropic itself would have sent, so that Anthropic's decoder and tap read on.
//!
//! API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html>

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{errors, event_stream};
use crate::error::{Error, Kind};

/// A message's payload; `p` beside it is padding against eavesdroppers who count bytes.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    name: Cow<'a, str>,
}

/// What Anthropic sends at the end; Bedrock adds its metrics, which Anthropic's clients do not know.
const MESSAGE_STOP: &[u8] = br#"{"type":"message_stop"}"#;

/// AWS's event stream in, Anthropic's events out.
#[derive(Debug, Default)]
pub struct Deframer {
    messages: event_stream::Decoder,
    json: Vec<u8>,
}

impl Deframer {
    /// Takes the next bytes and appends the events that are complete by now.
    ///
    /// # Errors
    /// The provider reported an error, or sent what is no event. `out` has what came before.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut messages = self.messages.feed(piece);
        while let Some(message) = messages.advance() {
            let message = message.map_err(|malformed| garbled(&malformed))?;
            if let Some(error) = errors::of_stream(&message) {
                return Err(error);
            }
            if message.header(":event-type").is_some_and(|name| name != "chunk") {
                continue;
            }
            let chunk: Chunk<'_> = serde_json::from_slice(message.payload).map_err(|error| garbled(&error))?;
            self.json.clear();
            STANDARD.decode_vec(chunk.bytes.as_bytes(), &mut self.json).map_err(|error| garbled(&error))?;
            write_event(&self.json, out)?;
        }
        Ok(())
    }

    /// The upstream has closed.
    ///
    /// # Errors
    /// [`Kind::BrokenStream`] when it closed inside of a message. Whether the answer was whole, the events say.
    pub fn end(&self) -> Result<(), Error> {
        if self.messages.is_inside_message() {
            return Err(Error::new(Kind::BrokenStream, "The provider closed the stream in the middle of an event."));
        }
        Ok(())
    }
}

fn write_event(json: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let event: Event<'_> = serde_json::from_slice(json).map_err(|error| garbled(&error))?;
    if event.name.contains(['\n', '\r']) {
        return Err(garbled(&"line break in an event's type"));
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.name.as_bytes());
    let json = if event.name == "message_stop" { MESSAGE_STOP } else { json };
    // Line breaks can only stand between the JSON's tokens.
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\n\n");
    Ok(())
}

fn garbled(why: &impl std::fmt::Display) -> Error {
    Error::new(Kind::GarbledAnswer, "The provider sent an event that does not parse.").detail(why.to_string())
}

/// Appends one of Anthropic's events as InvokeModelWithResponseStream frames it. For tests and mocks.
pub fn write(event: &str, out: &mut Vec<u8>) {
    let payload = format!(r#"{{"bytes":"{}","p":"abcdefgh"}}"#, STANDARD.encode(event));
    let headers = [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
    event_stream::write(&headers, payload.as_bytes(), out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out, and the error.
    fn deframed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, Option<Kind>) {
        let mut deframer = Deframer::default();
        let mut out = Vec::new();
        let mut error = None;
        for piece in pieces {
            error = deframer.feed(piece, &mut out).err();
            if error.is_some() {
                break;
            }
        }
        let error = error.or_else(|| deframer.end().err());
        (String::from_utf8(out).unwrap(), error.map(|error| error.kind))
    }

    fn framed(events: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        events.iter().for_each(|event| write(event, &mut out));
        out
    }

    #[test]
    fn events_come_out_as_anthropic_sends_them() {
        let bytes = framed(&[
            r#"{"type":"message_start","message":{"id":"msg_1"}}"#,
            "{\n\"type\": \"ping\"}",
            r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}"#,
        ]);
        let expected = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}\n\n\
                        event: ping\ndata: {\ndata: \"type\": \"ping\"}\n\n\
                        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        assert_eq!(deframed([&bytes[..]]), (expected.to_owned(), None));
        assert_eq!(deframed([&bytes[..bytes.len() - 1]]).1, Some(Kind::BrokenStream));
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        let check = |headers: &[(&str, &str)], payload: &str, kind: Kind| {
            let mut bytes = framed(&[r#"{"type":"ping"}"#]);
            event_stream::write(headers, payload.as_bytes(), &mut bytes);
            let expected = ("event: ping\ndata: {\"type\":\"ping\"}\n\n".to_owned(), Some(kind));
            assert_eq!(deframed([&bytes[..]]), expected, "{payload}");
        };
        let throttled = [(":message-type", "exception"), (":exception-type", "throttlingException")];
        check(&throttled, r#"{"message":"slow"}"#, Kind::RateLimited);
        let chunk = [(":event-type", "chunk"), (":message-type", "event")];
        for payload in ["", "{}", r#"{"bytes":"*"}"#, r#"{"bytes":"e30="}"#, r#"{"bytes":"bm8="}"#] {
            check(&chunk, payload, Kind::GarbledAnswer);
        }
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same(
            events in prop::collection::vec("[a-z]{1,9}", 0..4),
            size in 1_usize..90,
            spoil in prop::option::of((any::<prop::sample::Index>(), 1_u8..=255)),
        ) {
            let events: Vec<String> = events.iter().map(|name| format!(r#"{{"type":"{name}"}}"#)).collect();
            let mut bytes = framed(&events.iter().map(String::as_str).collect::<Vec<_>>());
            if let Some((at, bits)) = spoil.filter(|_| !bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            let whole = deframed([&bytes[..]]);
            prop_assert_eq!(&whole, &deframed(bytes.chunks(size)));
            prop_assert_eq!(&whole, &deframed(bytes.chunks(1)));
        }
    }
}
