//! An answer, event by event.

use serde_json::{Map, Value};

use super::{Family, Finish, Json, Part};
use crate::wire::usage::Usage;

/// One step of a streamed answer. Decoders emit them as soon as the upstream's event is complete; encoders keep what state
/// their dialect needs (which block is open, which item has which number).
///
/// Order, per choice: `Start`, deltas and parts in the order of the answer, `Finish`; `Usage` may come anywhere and the
/// last one counts; `End` when the provider has said that nothing follows.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamEvent {
    /// The answer begins. Comes once, first.
    Start {
        /// As [`super::Reply::id`].
        id: Option<String>,
        /// The provider's own name of the model.
        model: Option<String>,
        /// As [`super::Reply::created`].
        created: Option<u64>,
        /// As [`super::Reply::system_fingerprint`], `service_tier`: members that an OpenAI client sees on each chunk.
        extra: Map<String, Value>,
    },
    /// A choice goes on.
    Delta {
        /// Which choice.
        choice: u32,
        /// With what.
        delta: Delta,
    },
    /// The part that was being written is complete: what follows is a new one, even of the same kind. Dialects without
    /// blocks never say so.
    PartEnd {
        /// Which choice.
        choice: u32,
    },
    /// A choice has ended.
    Finish {
        /// Which choice.
        choice: u32,
        /// How.
        finish: Finish,
    },
    /// What it cost so far, or at last.
    Usage(Usage),
    /// Further members for clients of OpenAI's dialect, as [`super::Reply::extra`].
    Extra(Map<String, Value>),
    /// The provider's end marker: only now is the answer whole.
    End,
}

/// What a choice goes on with.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// Words.
    Text(String),
    /// Thoughts.
    Thinking(String),
    /// The seal of the thought, or of the text or call, that is being written; may come in pieces.
    Signature {
        /// Whose seal.
        family: Family,
        /// The seal, or the next piece of it.
        text: String,
    },
    /// A tool is asked for. `index` counts the calls of this answer from 0.
    ToolCall {
        /// Which call.
        index: u32,
        /// Pairs it with its result.
        id: String,
        /// Which tool.
        name: String,
        /// Gemini's seal of the call.
        signature: Option<String>,
        /// OpenAI's custom tool: the arguments are text.
        custom: bool,
    },
    /// The next piece of a call's arguments (JSON text).
    Arguments {
        /// Which call.
        index: u32,
        /// The piece, maybe empty.
        text: String,
    },
    /// A refusal's words.
    Refusal(String),
    /// A source of the text that is being written.
    Citation {
        /// Whose words.
        family: Family,
        /// The citation.
        value: Json,
    },
    /// OpenAI's `logprobs` of the words of the same chunk.
    Logprobs(Json),
    /// A part that comes whole: sealed thinking, an image, a part in one family's words.
    Part(Part),
}
