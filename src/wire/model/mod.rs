//! The superset model: what any dialect can say, said once.
//!
//! A client's request is decoded into a [`ChatRequest`] and encoded for the provider; the provider's answer is decoded
//! into a [`Reply`], or event by event into [`StreamEvent`]s, and encoded for the client. So N dialects need N codecs.
//! Equal dialects never pass through here: their bytes are spliced and tapped.
//!
//! Three rules keep it lossless:
//! - JSON that nobody needs to understand (arguments of tools, schemas, citations) stays text: [`Json`].
//! - What only one dialect has a word for is kept as [`Part::Native`] or in `extra` with the name of that dialect, and
//!   comes out again where the target speaks it.
//! - "Not said" is `None`, which is not zero and not the default.

mod collect;
mod embedding;
mod event;
mod json;
mod message;
mod params;
mod reply;
mod request;
mod seal;

pub use collect::Collector;
pub use embedding::{EmbeddingInput, EmbeddingReply, EmbeddingRequest};
pub use event::{Delta, StreamEvent};
pub use json::Json;
pub use message::{CacheMarker, Media, MediaKind, Message, Part, Role, Source, Text, Thinking, ToolCall, ToolResult};
pub use params::{Param, refuse_or_drop};
pub use reply::{Choice, Finish, FinishReason, Reply};
pub use request::{ChatRequest, Effort, Family, Reasoning, ResponseFormat, Sampling, Tool, ToolChoice, ToolKind};
pub use seal::split_tool_id;
