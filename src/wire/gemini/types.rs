//! The JSON of `generateContent`: <https://ai.google.dev/api/generate-content>, at Vertex
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>.
//!
//! Google reads every member in two spellings, `functionCall` and `function_call`, and so is read here whatever clients
//! send. Answers are written in the first; requests to providers in the mix of both that LiteLLM sends ([`Spelling`]).

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::model::Json;

/// Bytes in place: base64 text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Blob {
    #[serde(alias = "mimeType")]
    pub mime_type: Option<String>,
    pub data: String,
    #[serde(alias = "displayName")]
    pub display_name: Option<String>,
}

/// A file by its address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FileData {
    #[serde(alias = "mimeType")]
    pub mime_type: Option<String>,
    #[serde(alias = "fileUri")]
    pub file_uri: String,
    #[serde(alias = "displayName")]
    pub display_name: Option<String>,
}

/// The model asks for a tool.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FunctionCall {
    pub id: Option<String>,
    pub name: String,
    pub args: Option<Json>,
}

/// What a tool said: an object, and media.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FunctionResponse {
    pub id: Option<String>,
    pub name: String,
    pub response: Option<Json>,
    pub parts: Option<Vec<Part>>,
}

/// A piece of a turn, of any kind.
#[derive(Clone, Debug, Default)]
pub struct Part {
    pub text: Option<String>,
    pub thought: bool,
    pub signature: Option<String>,
    pub inline_data: Option<Blob>,
    pub file_data: Option<FileData>,
    pub function_call: Option<FunctionCall>,
    pub function_response: Option<FunctionResponse>,
    /// Members that only Gemini has a word for (`executableCode`, `videoMetadata` …).
    pub other: Vec<(String, Json)>,
}

impl Part {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
        let mut part = Part::default();
        while let Some(Name(name)) = map.next_key()? {
            match &*name {
                "text" => part.text = map.next_value()?,
                "thought" => part.thought = map.next_value::<Option<bool>>()?.unwrap_or_default(),
                "thoughtSignature" | "thought_signature" => part.signature = map.next_value()?,
                "inlineData" | "inline_data" => part.inline_data = map.next_value()?,
                "fileData" | "file_data" => part.file_data = map.next_value()?,
                "functionCall" | "function_call" => part.function_call = map.next_value()?,
                "functionResponse" | "function_response" => part.function_response = map.next_value()?,
                _ => {
                    let value: Option<Json> = map.next_value()?;
                    part.other.extend(value.map(|value| (name.into_owned(), value)));
                }
            }
        }
        Ok(part)
    }
}

/// How the names of a part's members are written.
#[derive(Debug)]
pub struct Spelling {
    inline_data: &'static str,
    file_data: &'static str,
    function_call: &'static str,
    function_response: &'static str,
    mime_type: &'static str,
    file_uri: &'static str,
    display_name: &'static str,
}

/// In answers to clients: as the API documents it.
pub const CAMEL: Spelling = Spelling {
    inline_data: "inlineData",
    file_data: "fileData",
    function_call: "functionCall",
    function_response: "functionResponse",
    mime_type: "mimeType",
    file_uri: "fileUri",
    display_name: "displayName",
};

/// In requests to providers: as LiteLLM sends it.
pub const SNAKE: Spelling = Spelling {
    inline_data: "inline_data",
    file_data: "file_data",
    function_call: "function_call",
    function_response: "function_response",
    mime_type: "mime_type",
    file_uri: "file_uri",
    display_name: "display_name",
};

/// Something that is to be written in one spelling.
#[derive(Debug)]
pub struct Spelt<'a, T>(pub &'a T, pub &'static Spelling);

impl Serialize for Spelt<'_, Part> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Spelt(part, names) = self;
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "text", part.text.as_ref())?;
        put(&mut map, names.inline_data, part.inline_data.as_ref().map(|it| Spelt(it, names)))?;
        put(&mut map, names.file_data, part.file_data.as_ref().map(|it| Spelt(it, names)))?;
        put(&mut map, names.function_call, part.function_call.as_ref().map(|it| Spelt(it, names)))?;
        put(&mut map, names.function_response, part.function_response.as_ref().map(|it| Spelt(it, names)))?;
        for (name, value) in &part.other {
            map.serialize_entry(name, value)?;
        }
        put(&mut map, "thought", part.thought.then_some(true))?;
        put(&mut map, "thoughtSignature", part.signature.as_ref())?;
        map.end()
    }
}

impl Serialize for Spelt<'_, Blob> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Spelt(blob, names) = self;
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, names.mime_type, blob.mime_type.as_ref())?;
        map.serialize_entry("data", &blob.data)?;
        put(&mut map, names.display_name, blob.display_name.as_ref())?;
        map.end()
    }
}

impl Serialize for Spelt<'_, FileData> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Spelt(file, names) = self;
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, names.mime_type, file.mime_type.as_ref())?;
        map.serialize_entry(names.file_uri, &file.file_uri)?;
        put(&mut map, names.display_name, file.display_name.as_ref())?;
        map.end()
    }
}

impl Serialize for Spelt<'_, FunctionCall> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let call = self.0;
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "id", call.id.as_ref())?;
        map.serialize_entry("name", &call.name)?;
        put(&mut map, "args", call.args.as_ref())?;
        map.end()
    }
}

impl Serialize for Spelt<'_, FunctionResponse> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Spelt(result, names) = self;
        let mut map = serializer.serialize_map(None)?;
        put(&mut map, "id", result.id.as_ref())?;
        map.serialize_entry("name", &result.name)?;
        put(&mut map, "response", result.response.as_ref())?;
        let parts = result.parts.as_ref().map(|parts| spelt(parts, names));
        put(&mut map, "parts", parts)?;
        map.end()
    }
}

fn put<M: SerializeMap>(map: &mut M, name: &'static str, value: Option<impl Serialize>) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, &value),
        None => Ok(()),
    }
}

/// A list of parts in one spelling.
pub fn spelt<'a>(parts: &'a [Part], names: &'static Spelling) -> Vec<Spelt<'a, Part>> {
    parts.iter().map(|part| Spelt(part, names)).collect()
}

/// An answer, whole or one event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Answer {
    pub candidates: Option<Vec<Candidate>>,
    pub prompt_feedback: Option<PromptFeedback>,
    pub usage_metadata: Option<UsageMetadata>,
    pub model_version: Option<String>,
    pub response_id: Option<String>,
    /// An error in place of an answer.
    pub error: Option<Json>,
}

/// One of the answers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Candidate {
    pub content: Option<Content>,
    pub finish_reason: Option<String>,
    pub index: Option<u32>,
    pub safety_ratings: Option<Json>,
    pub citation_metadata: Option<Json>,
    pub grounding_metadata: Option<Json>,
    pub url_context_metadata: Option<Json>,
    pub logprobs_result: Option<Json>,
}

/// What a candidate says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Content {
    pub parts: Option<Vec<Part>>,
}

/// Why there is no candidate.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PromptFeedback {
    pub block_reason: Option<String>,
}

/// Token counters.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UsageMetadata {
    pub prompt_token_count: Option<u64>,
    pub candidates_token_count: Option<u64>,
    pub total_token_count: Option<u64>,
    pub cached_content_token_count: Option<u64>,
    pub thoughts_token_count: Option<u64>,
    pub tool_use_prompt_token_count: Option<u64>,
    pub prompt_tokens_details: Option<Vec<ModalityCount>>,
    pub cache_tokens_details: Option<Vec<ModalityCount>>,
    pub candidates_tokens_details: Option<Vec<ModalityCount>>,
}

/// Tokens of one kind of content.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ModalityCount {
    pub modality: Option<String>,
    pub token_count: Option<u64>,
}
