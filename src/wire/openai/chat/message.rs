//! From the wire: a conversation's messages, and the message of an answer.
//!
//! A `tool` message is the user's in the model. The model's own turn is thoughts, words, calls, in this order: OpenAI's
//! dialect does not say how they were mixed.

use std::borrow::Cow;

use super::media::{self, cache_marker};
use super::types::{self, CallFields, Content, ContentPart, MessageFields, ThinkingBlock};
use crate::wire::model::{
    CacheMarker, Family, Json, Media, MediaKind, Message, Part, Role, Source, Text, Thinking, ToolCall, ToolResult,
    split_tool_id,
};

/// What is wrong with a message, in words that hold nothing of it.
pub type Fault = Cow<'static, str>;

/// What earlier messages said that later ones refer to.
#[derive(Debug, Default)]
pub struct Conversation {
    /// Ids of calls of custom tools.
    customs: Vec<String>,
    /// Calls before there were tools had no ids: how many there were.
    functions: u32,
}

impl Conversation {
    /// The next message.
    ///
    /// # Errors
    /// It is none of OpenAI's.
    pub fn read(&mut self, mut wire: types::Message) -> Result<Message, Fault> {
        let cache = wire.cache_control.take().map(cache_marker);
        let name = wire.name.take();
        let mut message = match wire.role.as_deref() {
            Some("system") => Message::new(Role::System, content(wire.content.take())?),
            Some("developer") => Message::new(Role::Developer, content(wire.content.take())?),
            Some("user") => Message::new(Role::User, content(wire.content.take())?),
            Some("assistant") => Message::new(Role::Assistant, self.assistant(&mut wire)?),
            Some("tool") => {
                let mut result = self.result(&mut wire)?;
                (result.name, result.cache) = (name, cache);
                return Ok(Message::new(Role::User, vec![Part::ToolResult(result)]));
            }
            Some("function") => {
                let id = self.function_id();
                let content = content(wire.content.take())?;
                let result = ToolResult { id, name, content, cache, ..ToolResult::default() };
                return Ok(Message::new(Role::User, vec![Part::ToolResult(result)]));
            }
            Some(_) => return Err("has a role that is none of OpenAI's".into()),
            None => return Err("needs a 'role'".into()),
        };
        message.name = name;
        message.extra = wire.extra;
        if let Some(audio) = wire.audio.filter(|_| message.role == Role::Assistant) {
            message.extra.push(("audio".to_owned(), audio));
        }
        if let Some(marker) = cache {
            mark_last(&mut message.parts, marker);
        }
        Ok(message)
    }

    fn assistant(&mut self, wire: &mut types::Message) -> Result<Vec<Part>, Fault> {
        let function = wire.function_call.take();
        let mut parts = said(wire)?;
        if let Some(function) = function {
            self.functions += 1;
            let id = Some(self.function_id());
            parts.push(Part::ToolCall(tool_call(types::ToolCall { id, function: Some(function), ..no_call() })?));
        }
        for part in &parts {
            match part {
                Part::ToolCall(call) if call.id.is_empty() => return Err("has a call without 'id'".into()),
                Part::ToolCall(call) if call.custom => self.customs.push(call.id.clone()),
                _ => {}
            }
        }
        Ok(parts)
    }

    fn function_id(&self) -> String {
        format!("call_function_{}", self.functions)
    }

    fn result(&self, wire: &mut types::Message) -> Result<ToolResult, Fault> {
        let id = wire.tool_call_id.take().ok_or("needs a 'tool_call_id'")?;
        let (id, _) = split_tool_id(&id);
        Ok(ToolResult {
            id: id.to_owned(),
            content: content(wire.content.take())?,
            custom: self.customs.iter().any(|custom| custom == id),
            ..ToolResult::default()
        })
    }
}

fn no_call() -> types::ToolCall {
    types::ToolCall::default()
}

/// What the model said, in a conversation or in an answer; not its sound. A call may lack its id.
pub fn said(wire: &mut types::Message) -> Result<Vec<Part>, Fault> {
    let mut parts = thoughts(wire);
    parts.extend(content(wire.content.take())?);
    let fields = wire.provider_specific_fields.take();
    let fields: MessageFields = fields.and_then(|json| serde_json::from_str(json.text()).ok()).unwrap_or_default();
    if let Some(text) = parts.iter_mut().rev().find_map(as_text) {
        text.signature = fields.thought_signatures.and_then(|mut signatures| signatures.pop());
        let annotations = wire.annotations.take().unwrap_or_default();
        text.citations = annotations.into_iter().map(|annotation| (Family::OpenAi, annotation)).collect();
    }
    parts.extend(wire.refusal.take().filter(|refusal| !refusal.is_empty()).map(Part::Refusal));
    for image in wire.images.take().unwrap_or_default() {
        parts.push(part(image)?);
    }
    for call in wire.tool_calls.take().unwrap_or_default() {
        parts.push(Part::ToolCall(tool_call(call)?));
    }
    Ok(parts)
}

fn as_text(part: &mut Part) -> Option<&mut Text> {
    match part {
        Part::Text(text) => Some(text),
        _ => None,
    }
}

/// `thinking_blocks`, else the reasoning in plain words.
fn thoughts(wire: &mut types::Message) -> Vec<Part> {
    let blocks = wire.thinking_blocks.take().unwrap_or_default();
    if blocks.is_empty() {
        let plain = wire.reasoning_content.take().or_else(|| wire.reasoning.take());
        let plain = plain.filter(|text| !text.is_empty());
        return plain.map(|text| Part::Thinking(unsealed(text))).into_iter().collect();
    }
    let mut thoughts = Vec::new();
    let mut unfinished = String::new();
    for block in blocks {
        if block.kind == "redacted_thinking" {
            flush(&mut unfinished, &mut thoughts);
            thoughts.push(Part::Thinking(thought(block)));
            continue;
        }
        unfinished.push_str(block.thinking.as_deref().unwrap_or_default());
        // Who gathers a stream's blocks without joining them hands back pieces; the seal is on the last one.
        if block.signature.as_deref().is_some_and(|signature| !signature.is_empty()) {
            let thinking = Some(std::mem::take(&mut unfinished));
            thoughts.push(Part::Thinking(thought(ThinkingBlock { thinking, ..block })));
        }
    }
    flush(&mut unfinished, &mut thoughts);
    thoughts
}

fn flush(unfinished: &mut String, thoughts: &mut Vec<Part>) {
    if !unfinished.is_empty() {
        thoughts.push(Part::Thinking(unsealed(std::mem::take(unfinished))));
    }
}

fn unsealed(text: String) -> Thinking {
    Thinking { text, ..Thinking::default() }
}

/// One of `thinking_blocks`. A seal without a mark is Anthropic's: the blocks are Anthropic's, as LiteLLM shows them.
pub fn thought(block: ThinkingBlock) -> Thinking {
    let seal = |seal: Option<String>| seal.filter(|seal| !seal.is_empty());
    let is_data = block.kind == "redacted_thinking";
    let seal = if is_data { seal(block.data) } else { seal(block.signature) };
    match seal {
        Some(_) => Thinking::unsealed(block.thinking.unwrap_or_default(), seal, Family::Anthropic, is_data),
        None => unsealed(block.thinking.unwrap_or_default()),
    }
}

/// `content`, null included.
pub fn content(content: Option<Content>) -> Result<Vec<Part>, Fault> {
    match content {
        None => Ok(Vec::new()),
        Some(Content::Text(text)) => Ok(vec![Part::text(text)]),
        Some(Content::Parts(parts)) => parts.into_iter().map(part).collect(),
    }
}

fn part(mut part: ContentPart) -> Result<Part, Fault> {
    let cache = part.cache_control.take().map(cache_marker);
    let link = |kind, link: Option<types::Link>, lack: &'static str| match link {
        Some(link) => Ok(media::of_link(kind, link)),
        None => Err(Fault::from(lack)),
    };
    let media = match part.kind.as_deref() {
        Some("text" | "input_text" | "output_text") | None => {
            let text = part.text.ok_or("has a text part without 'text'")?;
            return Ok(Part::Text(Text { text, cache, ..Text::default() }));
        }
        Some("refusal") => return Ok(Part::Refusal(part.refusal.ok_or("has a refusal part without 'refusal'")?)),
        Some("thinking" | "redacted_thinking") => return Ok(Part::Thinking(thinking_part(part))),
        Some("image_url") => link(MediaKind::Image, part.image_url, "has an image_url part without 'image_url'")?,
        Some("video_url") => link(MediaKind::Video, part.video_url, "has a video_url part without 'video_url'")?,
        Some("audio_url") => link(MediaKind::Audio, part.audio_url, "has an audio_url part without 'audio_url'")?,
        Some("input_audio") => {
            media::of_audio(part.input_audio.ok_or("has an input_audio part without 'input_audio'")?)
        }
        Some("file") => {
            part.file.and_then(media::of_file).ok_or("has a file part without 'file_data' and 'file_id'")?
        }
        Some(_) => {
            // Anthropic's blocks that LiteLLM lets through have a source; no other dialect's parts are known to come.
            let family = match part.extra.iter().any(|(name, _)| name == "source") {
                true => Family::Anthropic,
                false => Family::OpenAi,
            };
            part.cache_control = cache.map(media::cache_control);
            let value = Json::of(&part).ok_or("has a part that cannot be read")?;
            return Ok(Part::Native { family, value });
        }
    };
    Ok(Part::Media(Media { cache, ..media }))
}

/// A thought among the parts: Anthropic's block, or Mistral's, whose text is a list of texts.
fn thinking_part(part: ContentPart) -> Thinking {
    let text = |json: &Json| match serde_json::from_str::<Content>(json.text()) {
        Ok(Content::Text(text)) => Some(text),
        Ok(Content::Parts(parts)) => Some(parts.into_iter().filter_map(|part| part.text).collect()),
        Err(_) => None,
    };
    let data = part.extra.iter().find(|(name, _)| name == "data");
    thought(ThinkingBlock {
        kind: part.kind.unwrap_or_default(),
        thinking: part.thinking.as_ref().and_then(text),
        signature: part.signature,
        data: data.and_then(|(_, data)| serde_json::from_str(data.text()).ok()),
        index: None,
    })
}

/// A call; without an id it gets an empty one.
pub fn tool_call(call: types::ToolCall) -> Result<ToolCall, Fault> {
    let id = call.id.unwrap_or_default();
    let (id, on_id) = split_tool_id(&id);
    let signature = |fields: Option<CallFields>| fields.and_then(|fields| fields.thought_signature);
    let mut signed = signature(call.provider_specific_fields);
    signed = signed.or_else(|| signature(call.extra_content.and_then(|extra| extra.google)));
    let cache = call.cache_control.map(cache_marker);
    let index = call.index;
    let (name, arguments, custom) = match (call.function, call.custom) {
        (Some(function), _) => {
            signed = signed.or_else(|| signature(function.provider_specific_fields));
            (function.name, function.arguments.map(|arguments| arguments.0), false)
        }
        (None, Some(custom)) => (custom.name, custom.input, true),
        (None, None) => return Err("has a call without 'function'".into()),
    };
    Ok(ToolCall {
        name: name.ok_or("has a call without the function's 'name'")?,
        arguments: arguments.unwrap_or_default(),
        custom,
        signature: signed.or_else(|| on_id.map(str::to_owned)),
        index,
        cache,
        item_id: None,
        id: id.to_owned(),
    })
}

/// A marker on a message ends the cache behind its last part that can bear one.
fn mark_last(parts: &mut [Part], marker: CacheMarker) {
    let place = parts.iter_mut().rev().find_map(|part| match part {
        Part::Text(text) => Some(&mut text.cache),
        Part::Media(media) => Some(&mut media.cache),
        Part::ToolCall(call) => Some(&mut call.cache),
        Part::ToolResult(result) => Some(&mut result.cache),
        Part::Thinking(_) | Part::Refusal(_) | Part::Native { .. } => None,
    });
    if let Some(place) = place {
        place.get_or_insert(marker);
    }
}

/// Sound of an answer: `{id, data, transcript, expires_at}`.
pub fn spoken(audio: &Json) -> Option<Part> {
    let mut members: types::Members = serde_json::from_str(audio.text()).ok()?;
    let data = members.take_text("data")?;
    let extra = Json::of(&members).map(|rest| (Family::OpenAi, rest));
    Some(Part::Media(Media { extra, ..media::media(MediaKind::Audio, Source::Base64(data), None) }))
}
