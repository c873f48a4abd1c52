//! The message of an answer in OpenAI's words and LiteLLM's: what is shown of thoughts, seals, images, sound and sources.

use serde_json::Value;

use super::media::url_of;
use super::turns::arguments;
use super::types::{
    Arguments, CallFields, Content, ContentPart, Custom, Function, Link, Members, Message, MessageFields,
    ThinkingBlock, ToolCall,
};
use crate::wire::codec::Ids;
use crate::wire::model::{self, Family, Json, Media, MediaKind, Part, Source, Text, Thinking};

/// The parts of an answer that are gathered in one place of the message each.
#[derive(Default)]
struct Gathered {
    text: Option<String>,
    reasoning: String,
    blocks: Vec<ThinkingBlock>,
    sealed: bool,
    by_anthropic: bool,
    refusal: Option<String>,
    calls: Vec<ToolCall>,
    images: Vec<ContentPart>,
    audio: Option<Json>,
    annotations: Vec<Json>,
    citations: Vec<Vec<Value>>,
    signatures: Vec<String>,
}

/// The message that shows these parts.
pub fn message(parts: Vec<Part>, ids: Ids) -> Message {
    let mut it = Gathered::default();
    for part in parts {
        match part {
            Part::Text(text) => it.text(text),
            Part::Thinking(thought) => it.thought(&thought),
            Part::ToolCall(call) => it.calls.push(tool_call(call)),
            Part::Refusal(text) => it.refusal.get_or_insert_default().push_str(&text),
            Part::Media(media) => match media.kind {
                MediaKind::Image => it.images.push(image(media, it.images.len())),
                MediaKind::Audio => it.audio = audio(media, ids),
                MediaKind::Video | MediaKind::Document => {}
            },
            Part::ToolResult(_) | Part::Native { .. } => {}
        }
    }
    it.message()
}

impl Gathered {
    fn text(&mut self, text: Text) {
        let mut others = Vec::new();
        for (family, citation) in text.citations {
            match family {
                Family::OpenAi => self.annotations.push(citation),
                _ => others.push(with_supported_text(&citation, &text.text)),
            }
        }
        if !others.is_empty() {
            self.citations.push(others);
        }
        self.signatures.extend(text.signature);
        self.text.get_or_insert_default().push_str(&text.text);
    }

    fn thought(&mut self, thought: &Thinking) {
        self.reasoning.push_str(&thought.text);
        let block = block(thought);
        self.sealed |= block.signature.is_some() || block.data.is_some();
        self.by_anthropic |= thought.family == Some(Family::Anthropic);
        self.blocks.push(block);
    }

    fn message(self) -> Message {
        // Thoughts that nobody sealed need no blocks: the plain words are all there is to hand back.
        let blocks = some(self.blocks).filter(|_| self.sealed);
        let fields = MessageFields {
            citations: some(self.citations),
            thinking_blocks: blocks.clone().filter(|_| self.by_anthropic),
            thought_signatures: some(self.signatures),
        };
        Message {
            content: self.text.map(Content::Text),
            role: Some("assistant".into()),
            tool_calls: some(self.calls),
            refusal: self.refusal,
            reasoning_content: Some(self.reasoning).filter(|text| !text.is_empty()),
            thinking_blocks: blocks,
            images: some(self.images),
            audio: self.audio,
            annotations: some(self.annotations),
            provider_specific_fields: Json::of(&fields).filter(|_| fields != MessageFields::default()),
            ..Message::default()
        }
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

/// A citation with the text it supports, as LiteLLM shows Anthropic's.
fn with_supported_text(citation: &Json, text: &str) -> Value {
    let mut value = citation.value();
    if let Some(members) = value.as_object_mut() {
        members.entry("supported_text").or_insert_with(|| text.into());
    }
    value
}

/// A thought with its seal.
pub fn block(thought: &Thinking) -> ThinkingBlock {
    let seal = thought.seal_for(Family::Anthropic);
    if thought.text.is_empty() && thought.sealed.is_some() {
        return ThinkingBlock { kind: "redacted_thinking".into(), data: seal, ..ThinkingBlock::default() };
    }
    ThinkingBlock {
        kind: "thinking".into(),
        thinking: Some(thought.text.clone()),
        signature: seal,
        ..ThinkingBlock::default()
    }
}

/// A call; Gemini's signature stands in LiteLLM's place for it and, for clients that hand back only what OpenAI knows,
/// on the id.
pub fn tool_call(call: model::ToolCall) -> ToolCall {
    let id = Some(call.id_with_signature());
    let fields = call.signature.map(|signature| CallFields { thought_signature: Some(signature) });
    let wire = ToolCall { index: call.index, id, provider_specific_fields: fields, ..ToolCall::default() };
    if call.custom {
        let custom = Custom { name: Some(call.name), input: Some(call.arguments) };
        return ToolCall { kind: Some("custom".into()), custom: Some(custom), ..wire };
    }
    let arguments = Some(Arguments(arguments(call.arguments)));
    let function = Function { name: Some(call.name), arguments, ..Function::default() };
    ToolCall { kind: Some("function".into()), function: Some(function), ..wire }
}

/// An image that the model made, as LiteLLM shows it.
pub fn image(image: Media, number: usize) -> ContentPart {
    let url = url_of(image.source, image.media_type.as_deref().unwrap_or("image/png"));
    let link = Link { url, detail: image.detail, format: None };
    ContentPart { image_url: Some(link), index: number.try_into().ok(), ..ContentPart::of("image_url") }
}

/// Sound that the model made: OpenAI's own members where it is OpenAI's, else those that its clients need.
pub fn audio(media: Media, ids: Ids) -> Option<Json> {
    let Source::Base64(data) = media.source else { return None };
    let own = media.extra.filter(|(family, _)| *family == Family::OpenAi);
    let own = own.and_then(|(_, members)| serde_json::from_str::<Members>(members.text()).ok());
    let mut members = own.unwrap_or_default();
    if !members.0.iter().any(|(name, _)| name == "id") {
        members.0.extend(Json::of(&format!("audio_{}", ids.uuid(0))).map(|id| ("id".to_owned(), id)));
    }
    members.0.extend(Json::of(&data).map(|data| ("data".to_owned(), data)));
    if !members.0.iter().any(|(name, _)| name == "transcript") {
        members.0.extend(Json::of(&"").map(|none| ("transcript".to_owned(), none)));
    }
    Json::of(&members)
}

/// The parts of a provider's message; calls without an id get one.
pub fn parts(mut wire: Message, ids: Ids, calls: &mut u32) -> Result<Vec<Part>, super::message::Fault> {
    let mut parts = super::message::said(&mut wire)?;
    if let Some(function) = wire.function_call.take() {
        let call = super::message::tool_call(ToolCall { function: Some(function), ..ToolCall::default() })?;
        parts.push(Part::ToolCall(call));
    }
    parts.extend(wire.audio.as_ref().and_then(super::message::spoken));
    for part in &mut parts {
        if let Part::ToolCall(call) = part {
            if call.id.is_empty() {
                call.id = ids.tool_call(*calls);
            }
            *calls += 1;
        }
    }
    Ok(parts)
}
