//! Who said what: a conversation's messages and their parts.

use super::{Family, Json};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The operator's instructions; may stand anywhere in the list. Dialects with a place of their own for them get them
    /// there, in order.
    System,
    /// OpenAI's newer word for the operator. A dialect that lacks it says `system`.
    Developer,
    /// The client, and the results of its tools.
    User,
    /// The model.
    Assistant,
}

/// One turn. Decoders keep the client's grouping; encoders merge or split as their dialect demands, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks. A tool's result is a [`Part::ToolResult`] of the user.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// OpenAI's `name` of a participant.
    pub name: Option<String>,
    /// Members of the message that only [`Message::family`] knows, as `(name, value)`.
    pub extra: Vec<(String, Json)>,
}

/// A piece of a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words.
    Text(Text),
    /// An image, sound, video or document.
    Media(Media),
    /// The model asks for a tool.
    ToolCall(ToolCall),
    /// What a tool said.
    ToolResult(ToolResult),
    /// The model's reasoning, to be handed back as it came.
    Thinking(Thinking),
    /// The model declines (OpenAI's `refusal`).
    Refusal(String),
    /// What only one family has a word for (a server tool's result, a reference to an upstream item …): the part in its
    /// own JSON. Encoders of that family write it out again; all others leave it out.
    Native {
        /// Whose word it is.
        family: Family,
        /// The whole part.
        value: Json,
    },
}

/// Words, and what is attached to them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// Plain text.
    pub text: String,
    /// The prompt cache may end here.
    pub cache: Option<CacheMarker>,
    /// Sources of the words, each in the JSON of the family that gave them (Anthropic `citations[]`, OpenAI
    /// `annotations[]`).
    pub citations: Vec<(Family, Json)>,
    /// Gemini's `thoughtSignature` on a text part.
    pub signature: Option<String>,
}

/// Anthropic's `cache_control`, Bedrock's `cachePoint`: the prefix up to here may be cached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CacheMarker {
    /// `5m` or `1h`; unsaid is the provider's default.
    pub ttl: Option<String>,
}

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// `image/*`
    Image,
    /// `audio/*`
    Audio,
    /// `video/*`
    Video,
    /// PDF, plain text and other files.
    Document,
}

/// An image, sound, video or document.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where its bytes are.
    pub source: Source,
    /// `image/png` …; unsaid where a URL stands and nobody told.
    pub media_type: Option<String>,
    /// File name or title.
    pub name: Option<String>,
    /// OpenAI's `detail`: `low`, `high`, `auto`.
    pub detail: Option<String>,
    /// The prompt cache may end here.
    pub cache: Option<CacheMarker>,
    /// Further members, in the JSON of the family that has them (Anthropic's `context`, `citations` of a document;
    /// Gemini's `videoMetadata`), as an object of those members.
    pub extra: Option<(Family, Json)>,
}

impl Media {
    /// The text of a document that is given as such.
    pub fn text(&self) -> Option<&str> {
        match &self.source {
            Source::Text(text) => Some(text),
            Source::Base64(_) | Source::Url(_) | Source::FileId(_) => None,
        }
    }
}

/// Where the bytes of a [`Media`] are.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Base64 text, padding and alphabet as they came.
    Base64(String),
    /// `https://…`, `gs://…`, `s3://…`
    Url(String),
    /// The provider's name of an uploaded file.
    FileId(String),
    /// A document given as plain text (Anthropic's `text` source).
    Text(String),
}

/// The model asks for a tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolCall {
    /// Pairs it with its result.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// JSON text of the arguments, verbatim; from a broken client or a cut answer it may not be JSON, and it may be empty
    /// for "none". [`ToolCall::arguments_json`] is what encoders want.
    pub arguments: String,
    /// OpenAI's custom tools get free text in `arguments` instead of JSON.
    pub custom: bool,
    /// Gemini's `thoughtSignature` of the call, to be handed back.
    pub signature: Option<String>,
    /// In an answer: the number that LiteLLM shows as `index` (the block's place in Anthropic and Bedrock answers, the
    /// call's place in Gemini's and Cohere's, none elsewhere).
    pub index: Option<u32>,
    /// The prompt cache may end here.
    pub cache: Option<CacheMarker>,
    /// An id of the item itself besides the call's (Responses `id` beside `call_id`).
    pub item_id: Option<String>,
}

impl ToolCall {
    /// The arguments as an object: `{}` for none. `None`: they are no JSON object.
    pub fn arguments_json(&self) -> Option<Json> {
        if self.arguments.trim().is_empty() {
            return Some(Json::empty_object());
        }
        Json::parse(self.arguments.trim()).filter(Json::is_object)
    }
}

/// What a tool said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolResult {
    /// The call it answers.
    pub id: String,
    /// The tool's name, where the dialect says it. Others look it up in the conversation
    /// ([`super::ChatRequest::tool_name`]).
    pub name: Option<String>,
    /// Text, images, documents. One plain text is what most dialects write as a string.
    pub content: Vec<Part>,
    /// Anthropic's `is_error`, Bedrock's `status: error`.
    pub is_error: Option<bool>,
    /// It answers a custom tool (OpenAI).
    pub custom: bool,
    /// The prompt cache may end here.
    pub cache: Option<CacheMarker>,
}

/// The model's reasoning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thinking {
    /// What may be read of it; empty where all is sealed.
    pub text: String,
    /// The provider's seal (Anthropic and Bedrock `signature`, Gemini `thoughtSignature`): without it the thought is
    /// refused when it is handed back.
    pub signature: Option<String>,
    /// Sealed content: Anthropic's and Bedrock's `redacted_thinking.data`, OpenAI's `encrypted_content`.
    pub sealed: Option<String>,
    /// OpenAI's id of the reasoning item.
    pub id: Option<String>,
    /// Who sealed it: nobody else can open it, so encoders of another family leave seals out (and a thought that has
    /// nothing readable with them).
    pub family: Option<Family>,
    /// The text is a summary of the reasoning, not the reasoning itself (Responses `summary`).
    pub summary: bool,
}

impl Text {
    /// Plain text, nothing attached.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl Part {
    /// Plain text, nothing attached.
    pub fn text(text: impl Into<String>) -> Self {
        Part::Text(Text::plain(text))
    }
}

impl Message {
    /// A message of these parts.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, name: None, extra: Vec::new() }
    }

    /// A message of one plain text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self::new(role, vec![Part::text(text)])
    }

    /// Its words, joined; `None` when it holds anything else, or a marker that a plain string could not carry.
    pub fn as_plain_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(Text { text, cache: None, signature: None, citations })] if citations.is_empty() => Some(text),
            _ => None,
        }
    }
}
