//! The wire format of `/v2/chat`: what requests and answers share, and what only answers have
//! (<https://docs.cohere.com/reference/chat>).

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::wire::model::Json;
use crate::wire::usage::Usage as Counters;

/// A message of a request.
#[derive(Debug, Default, Serialize)]
pub(super) struct Message<'a> {
    pub role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_plan: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall<'a>>,
}

/// Text, or text among other things.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Part<'a>>),
}

/// A part of a message.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    Text {
        text: &'a str,
    },
    Thinking {
        thinking: &'a str,
    },
    ImageUrl {
        image_url: ImageUrl<'a>,
    },
    Document {
        document: Document<'a>,
    },
    /// In Cohere's own words already.
    #[serde(untagged)]
    Raw(&'a Json),
}

#[derive(Debug, Serialize)]
pub(super) struct ImageUrl<'a> {
    pub url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    pub data: DocumentData<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct DocumentData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    pub text: &'a str,
}

/// The model asks for a tool; the same in both directions.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall<'a> {
    pub id: Option<Cow<'a, str>>,
    #[serde(rename = "type")]
    pub kind: Option<Cow<'a, str>>,
    pub function: Function<'a>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    pub name: Option<Cow<'a, str>>,
    /// JSON as text.
    pub arguments: Option<Cow<'a, str>>,
}

/// A whole answer.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    #[serde(default)]
    pub finish_reason: Option<String>,
    pub message: ReplyMessage,
    #[serde(default)]
    pub usage: Option<Usage>,
}

/// The message of an answer, and what an event adds to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReplyMessage {
    #[serde(deserialize_with = "one_or_more")]
    pub content: Vec<ReplyPart>,
    pub tool_plan: Option<String>,
    #[serde(deserialize_with = "one_or_more")]
    pub tool_calls: Vec<ToolCall<'static>>,
    pub citations: Option<Json>,
}

/// A part of an answer. Its `type` is told by what it has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReplyPart {
    pub text: Option<String>,
    pub thinking: Option<String>,
}

/// An event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    #[serde(rename = "type")]
    pub kind: EventKind,
    pub index: Option<u32>,
    pub delta: Option<Delta>,
    /// An error's words; in an event that is none, whatever it is.
    pub message: Option<Json>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EventKind {
    MessageStart,
    ContentStart,
    ContentDelta,
    ContentEnd,
    ToolPlanDelta,
    ToolCallStart,
    ToolCallDelta,
    ToolCallEnd,
    CitationStart,
    CitationEnd,
    MessageEnd,
    #[default]
    #[serde(other)]
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    pub message: Option<ReplyMessage>,
    pub finish_reason: Option<String>,
    pub usage: Option<Usage>,
    /// Why the generation failed.
    pub error: Option<String>,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    /// What was read and written.
    pub tokens: Option<Tokens>,
    /// What is paid for: without Cohere's own preamble.
    pub billed_units: Option<Tokens>,
    /// Input from the prompt cache.
    pub cached_tokens: Option<f64>,
}

/// Cohere writes counts as `9` and as `9.0`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tokens {
    pub input_tokens: Option<f64>,
    pub output_tokens: Option<f64>,
}

impl Usage {
    /// In the words of all dialects: what the model read and wrote, and where that is not said, what is paid for.
    pub fn counters(self) -> Option<Counters> {
        let tokens = self.tokens.or(self.billed_units)?;
        let cached_tokens = self.cached_tokens.map(whole);
        let told = Counters::of_counters(tokens.input_tokens.map(whole), tokens.output_tokens.map(whole))?;
        Some(Counters { cached_tokens, tells_cache_reads: cached_tokens.is_some(), ..told })
    }
}

/// A count; nonsense counts nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
pub(super) fn whole(count: f64) -> u64 {
    count as u64
}

/// One object where an event brings one, a list where an answer has several; also none, and a bare text for a part.
fn one_or_more<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + OfText,
{
    struct Items<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de> + Default + OfText> Visitor<'de> for Items<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object or a list of objects")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(T::of_text(text).into_iter().collect())
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(|item| vec![item])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element()? {
                items.push(item);
            }
            Ok(items)
        }
    }

    deserializer.deserialize_any(Items(PhantomData))
}

/// What a bare text stands for in the place of an object.
trait OfText: Sized {
    fn of_text(text: &str) -> Option<Self>;
}

impl OfText for ReplyPart {
    fn of_text(text: &str) -> Option<Self> {
        Some(Self { text: Some(text.to_owned()), thinking: None })
    }
}

impl OfText for ToolCall<'_> {
    fn of_text(_: &str) -> Option<Self> {
        None
    }
}
