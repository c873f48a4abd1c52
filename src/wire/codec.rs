//! What a dialect's codec looks like. Each dialect has its own folder with the parts of this list that it needs, under
//! these names:
//!
//! | file | for clients who speak it | for providers who speak it |
//! |---|---|---|
//! | `request.rs` | `decode_request(&Request) -> Result<ChatRequest, Error>` | `encode_request(ChatRequest, &Profile) -> Result<Vec<u8>, Error>` |
//! | `reply.rs` | `encode_reply(Reply, &Stamp) -> Vec<u8>` | `decode_reply(&[u8], &Ids) -> Result<Reply, Error>` |
//! | `stream.rs` | `Encoder` ([`StreamEncoder`]) | `Decoder` ([`StreamDecoder`]) |
//! | `errors.rs` | | `read(status, &[u8]) -> (Kind, String)` |
//! | `embed.rs` | `decode_request`, `encode_reply` | `encode_request`, `decode_reply` |
//! | `pass.rs` | equal dialects: request rules, answer, stream tap | |
//! | `types.rs` | serde structs of the wire format, used in both directions | |
//!
//! Errors of decoders: a client's mistake is [`Kind::InvalidParameter`] or [`Kind::MissingParameter`] that names the
//! parameter; a provider's answer that does not parse is [`Kind::GarbledAnswer`]; an error that a provider reports
//! inside a stream has the kind that the provider's words mean.

use bytes::Bytes;

use super::model::StreamEvent;
use crate::error::{Compat, Error};

/// What an encoder must know of the deployment that is called.
#[derive(Clone, Copy, Debug)]
pub struct Profile<'a> {
    /// LiteLLM's name of the provider, for messages.
    pub provider: &'a str,
    /// `drop_params`: leave out what the provider lacks instead of refusing it.
    pub drop_params: bool,
    /// `modify_params`: mend what the provider would refuse (a dummy tool where tools were used and none is defined, a
    /// placeholder for an empty text).
    pub modify_params: bool,
    /// `model_info.base_model`, else the model: what the model can do is told by its name.
    pub base_model: &'a str,
}

/// The gateway's own facts about one answer, for dialects that want them in it.
#[derive(Clone, Debug, Default)]
pub struct Stamp {
    /// Source of ids.
    pub ids: Ids,
    /// Seconds since 1970.
    pub created: u64,
    /// The name that the client used.
    pub model: String,
    /// The client wants the usage of a stream.
    pub include_usage: bool,
    /// The client's request, for dialects whose answers repeat it (Responses).
    pub body: Bytes,
    /// Provider and deployment, for dialects whose ids tell where the answer is kept (Responses).
    pub origin: Origin,
}

/// Who holds an answer.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// LiteLLM's name of the provider.
    pub provider: &'static str,
    /// `model_info.id` of the deployment.
    pub model_id: String,
}

/// Ids that are unique per call and the same at each look: made of the call's own random number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids(pub u128);

impl Ids {
    /// The `nth` id of this call in UUID spelling.
    pub fn uuid(self, nth: u32) -> String {
        let mut text = String::with_capacity(36);
        for (at, byte) in self.0.wrapping_add(u128::from(nth)).to_be_bytes().into_iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
        }
        text
    }

    /// The id of the `nth` tool call, where the provider gives none: `call_` and 28 hex digits, as LiteLLM makes them.
    pub fn tool_call(self, nth: u32) -> String {
        format!("call_{:028x}", self.0.wrapping_add(u128::from(nth)) & ((1 << 112) - 1))
    }
}

/// Reads a provider's stream. Any chunking of the same bytes gives the same events.
pub trait StreamDecoder: Send {
    /// Takes the next bytes and appends the events that are complete by now.
    ///
    /// # Errors
    /// The stream must not go on: the provider reported an error, or sent what is no event. `events` has what came
    /// before.
    fn feed(&mut self, piece: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error>;

    /// The upstream has closed; appends what was still held.
    ///
    /// # Errors
    /// [`crate::error::Kind::BrokenStream`] when the provider had not said that the answer is whole.
    fn end(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Error>;
}

/// Writes a client's stream.
pub trait StreamEncoder: Send {
    /// Appends what the client gets for an event; nothing for what its dialect has no word for.
    fn event(&mut self, event: StreamEvent, out: &mut Vec<u8>);

    /// Appends the proper end of the stream. Comes once, after the last event, and only if the answer is whole.
    fn finish(&mut self, out: &mut Vec<u8>);

    /// Appends the end of a stream that broke: an error event, and nothing that looks like a proper end.
    fn fail(&mut self, error: &Error, compat: Compat, out: &mut Vec<u8>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_spelt_as_litellms() {
        let ids = Ids(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd);
        assert_eq!(ids.uuid(0), "01234567-89ab-4cde-8f01-23456789abcd");
        assert_eq!(ids.tool_call(0).len(), "call_".len() + 28);
        assert_ne!(ids.tool_call(0), ids.tool_call(1));
    }
}
