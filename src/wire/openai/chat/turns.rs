//! The conversation as OpenAI's messages.
//!
//! A message of the user that answers tools becomes one `tool` message for each result. Those must stand right behind
//! the calls and hold nothing but text, so what else the user said, and the images and documents among the results,
//! follow in a message of the user. Thoughts have no place: OpenAI refuses them and its imitators ignore them.

use std::borrow::Cow;

use super::encode::is_openai;
use super::media::{cache_control, to_part};
use super::types::{Arguments, Content, ContentPart, Custom, Function, Message, ToolCall};
use crate::error::{Error, Kind};
use crate::wire::codec::Profile;
use crate::wire::model::{self, CacheMarker, Family, Media, Part, Role, Text, ToolResult};

/// A `tool` message may not be empty where its whole content went into the next message.
const ELSEWHERE: &str = "The result is in the next message.";

/// The messages so far.
pub struct Turns {
    messages: Vec<Message>,
    /// What is to follow the `tool` messages, of which there may come more.
    held: Vec<ContentPart>,
    /// The provider knows markers of the prompt cache.
    keep_cache: bool,
    /// The provider knows the role `developer`.
    knows_developer: bool,
    family: Option<Family>,
}

impl Turns {
    /// The messages of a conversation.
    ///
    /// # Errors
    /// [`Kind::InvalidParameter`] for content that OpenAI has no word for.
    pub fn of(
        messages: Vec<model::Message>,
        family: Option<Family>,
        profile: &Profile<'_>,
    ) -> Result<Vec<Message>, Error> {
        let mut turns = Turns {
            messages: Vec::with_capacity(messages.len()),
            held: Vec::new(),
            keep_cache: matches!(profile.provider, "openrouter" | "litellm_proxy"),
            knows_developer: is_openai(profile.provider),
            family,
        };
        for message in messages {
            turns.take(message).map_err(|fault| {
                Error::new(Kind::InvalidParameter, format!("Invalid parameter: 'messages': {fault}.")).param("messages")
            })?;
        }
        turns.release();
        Ok(turns.messages)
    }

    fn take(&mut self, message: model::Message) -> Result<(), &'static str> {
        let answers = message.parts.iter().any(|part| matches!(part, Part::ToolResult(_)));
        if message.role != Role::User || !answers {
            self.release();
        }
        let extra = if self.family == Some(Family::OpenAi) { message.extra } else { Vec::new() };
        let mut wire = Message { name: message.name, extra, ..Message::default() };
        match message.role {
            Role::Assistant => return self.assistant(wire, message.parts),
            Role::User => return self.user(wire, message.parts, answers),
            Role::Developer if self.knows_developer => wire.role = Some("developer".into()),
            Role::System | Role::Developer => wire.role = Some("system".into()),
        }
        let text = |part| match part {
            Part::Text(text) => Some(self.text(text)),
            _ => None,
        };
        wire.content = Some(content(message.parts.into_iter().filter_map(text).collect()));
        self.messages.push(wire);
        Ok(())
    }

    fn user(&mut self, wire: Message, parts: Vec<Part>, answers: bool) -> Result<(), &'static str> {
        let mut rest = Vec::new();
        for part in parts {
            match part {
                Part::ToolResult(result) => self.result(result)?,
                Part::Text(text) => rest.push(self.text(text)),
                Part::Refusal(text) => rest.push(ContentPart::text(text)),
                Part::Media(media) => rest.push(self.media(media)?),
                Part::ToolCall(_) | Part::Thinking(_) | Part::Native { .. } => {}
            }
        }
        if answers {
            self.held.append(&mut rest);
        } else {
            self.messages.push(Message { role: Some("user".into()), content: Some(content(rest)), ..wire });
        }
        Ok(())
    }

    fn result(&mut self, result: ToolResult) -> Result<(), &'static str> {
        let mut texts = Vec::new();
        let mut others = Vec::new();
        for part in result.content {
            match part {
                Part::Text(text) => texts.push(self.text(text)),
                Part::Media(media) => {
                    let part = self.media(media)?;
                    if part.text.is_some() { texts.push(part) } else { others.push(part) }
                }
                _ => {}
            }
        }
        if texts.is_empty() && !others.is_empty() {
            texts.push(ContentPart::text(ELSEWHERE));
        }
        self.held.append(&mut others);
        self.messages.push(Message {
            role: Some("tool".into()),
            tool_call_id: Some(result.id),
            content: Some(content(texts)),
            cache_control: self.marker(result.cache),
            ..Message::default()
        });
        Ok(())
    }

    fn assistant(&mut self, mut wire: Message, parts: Vec<Part>) -> Result<(), &'static str> {
        let (mut said, mut calls, mut refusal) = (Vec::new(), Vec::new(), None::<String>);
        for part in parts {
            match part {
                Part::Text(text) => said.push(self.text(text)),
                Part::ToolCall(call) => calls.push(self.call(call)),
                Part::Refusal(text) => refusal.get_or_insert_default().push_str(&text),
                // The model may not show images; the user may.
                Part::Media(media) => {
                    let part = self.media(media)?;
                    self.held.push(part);
                }
                Part::ToolResult(_) | Part::Thinking(_) | Part::Native { .. } => {}
            }
        }
        if said.is_empty() && calls.is_empty() && refusal.is_none() && wire.extra.is_empty() {
            return Ok(());
        }
        wire.role = Some("assistant".into());
        wire.content = (!said.is_empty()).then(|| content(said));
        wire.refusal = refusal;
        wire.tool_calls = (!calls.is_empty()).then_some(calls);
        self.messages.push(wire);
        Ok(())
    }

    fn call(&self, call: model::ToolCall) -> ToolCall {
        let cache_control = self.marker(call.cache);
        let kind = Some(Cow::Borrowed(if call.custom { "custom" } else { "function" }));
        let wire = ToolCall { id: Some(call.id), kind, cache_control, ..ToolCall::default() };
        if call.custom {
            let custom = Custom { name: Some(call.name), input: Some(call.arguments) };
            return ToolCall { custom: Some(custom), ..wire };
        }
        let arguments = Some(Arguments(arguments(call.arguments)));
        ToolCall { function: Some(Function { name: Some(call.name), arguments, ..Function::default() }), ..wire }
    }

    fn text(&self, text: Text) -> ContentPart {
        ContentPart { cache_control: self.marker(text.cache), ..ContentPart::text(text.text) }
    }

    fn media(&self, media: Media) -> Result<ContentPart, &'static str> {
        to_part(media, self.keep_cache)
    }

    fn marker(&self, marker: Option<CacheMarker>) -> Option<super::types::CacheControl> {
        marker.filter(|_| self.keep_cache).map(cache_control)
    }

    /// No more results: what was held follows.
    fn release(&mut self) {
        if !self.held.is_empty() {
            let content = Some(content(std::mem::take(&mut self.held)));
            self.messages.push(Message { role: Some("user".into()), content, ..Message::default() });
        }
    }
}

/// The text of no arguments is an object too: clients and providers parse it.
pub fn arguments(text: String) -> String {
    if text.is_empty() { "{}".to_owned() } else { text }
}

/// One plain text is a string, all else a list.
fn content(mut parts: Vec<ContentPart>) -> Content {
    match parts.as_mut_slice() {
        [] => Content::Text(String::new()),
        [ContentPart { text: Some(text), cache_control: None, .. }] => Content::Text(std::mem::take(text)),
        _ => Content::Parts(parts),
    }
}
