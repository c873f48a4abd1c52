//! The conversation as Converse wants it: instructions apart, turns that alternate, one block for each piece.

use super::media;
use super::model_id::{ModelId, Vendor};
use super::thinking;
use super::types::{Block, Message, ReasoningContent, ReasoningText, ToolResult, ToolUse};
use crate::error::{Error, Kind};
use crate::wire::model::{self, CacheMarker, Part, Role, Thinking, ToolCall};

/// What stands where the API demands words and the client has none; LiteLLM's words.
const PLACEHOLDER: &str = "Please continue.";

const USER: &str = "user";
const ASSISTANT: &str = "assistant";

/// Longest id of a call.
const MAX_ID: usize = 64;

/// Collects blocks.
#[derive(Debug)]
pub struct Conversation<'m> {
    model: &'m ModelId,
    /// `modify_params`
    mend: bool,
    documents: u32,
    /// The instructions.
    pub system: Vec<Block>,
    /// The turns.
    pub messages: Vec<Message>,
}

impl<'m> Conversation<'m> {
    /// Writes a conversation.
    ///
    /// # Errors
    /// [`Kind::InvalidParameter`] where a piece of it cannot be said to Bedrock.
    pub fn write(messages: Vec<model::Message>, model: &'m ModelId, mend: bool) -> Result<Self, Error> {
        let mut conversation = Self { model, mend, documents: 0, system: Vec::new(), messages: Vec::new() };
        for message in messages {
            match message.role {
                Role::System | Role::Developer => conversation.instruct(message.parts),
                Role::User => conversation.turn(USER, message.parts)?,
                Role::Assistant => conversation.turn(ASSISTANT, message.parts)?,
            }
        }
        conversation.finish()?;
        Ok(conversation)
    }

    fn instruct(&mut self, parts: Vec<Part>) {
        for part in parts {
            let Part::Text(text) = part else { continue };
            if !text.text.is_empty() {
                self.system.push(Block { text: Some(text.text), ..Block::default() });
            }
            if !self.system.is_empty() {
                self.system.extend(self.cache_point(text.cache.as_ref()));
            }
        }
    }

    fn turn(&mut self, role: &str, parts: Vec<Part>) -> Result<(), Error> {
        let mut content = Vec::with_capacity(parts.len());
        for part in parts {
            self.part(part, &mut content)?;
        }
        // Blank words are refused.
        let says = |block: &Block| !is_blank_text(block) && block.cache_point.is_none();
        if content.iter().any(says) {
            content.retain(|block| !is_blank_text(block));
            let before = content.iter().position(says).unwrap_or_default();
            content.drain(..before);
        } else if self.mend && !content.is_empty() {
            content.retain(|block| block.cache_point.is_some());
            content.insert(0, Block { text: Some(PLACEHOLDER.to_owned()), ..Block::default() });
        } else if role == ASSISTANT {
            content.clear();
        }
        if content.is_empty() {
            return Ok(());
        }
        match self.messages.last_mut().filter(|last| last.role == role) {
            Some(last) => last.content.append(&mut content),
            None => self.messages.push(Message { role: role.to_owned(), content }),
        }
        Ok(())
    }

    fn part(&mut self, part: Part, content: &mut Vec<Block>) -> Result<(), Error> {
        let (block, cache) = match part {
            Part::Text(text) => (Block { text: Some(text.text), ..Block::default() }, text.cache),
            Part::Refusal(text) => (Block { text: Some(text), ..Block::default() }, None),
            Part::Media(mut file) => {
                let cache = file.cache.take();
                (media::block(file, &mut self.documents)?, cache)
            }
            Part::ToolCall(mut call) => {
                let cache = call.cache.take();
                (Block { tool_use: Some(self.tool_use(call)?), ..Block::default() }, cache)
            }
            Part::ToolResult(mut result) => {
                let cache = result.cache.take();
                (Block { tool_result: Some(self.tool_result(result)?), ..Block::default() }, cache)
            }
            Part::Thinking(thought) => match self.thought(thought) {
                Some(thought) => (Block { reasoning_content: Some(thought), ..Block::default() }, None),
                None => return Ok(()),
            },
            Part::Native { .. } => return Ok(()),
        };
        content.push(block);
        content.extend(self.cache_point(cache.as_ref()));
        Ok(())
    }

    fn cache_point(&self, marker: Option<&CacheMarker>) -> Option<Block> {
        self.model.cache_point(marker).map(|point| Block { cache_point: Some(point), ..Block::default() })
    }

    fn tool_use(&self, call: ToolCall) -> Result<ToolUse, Error> {
        let Some(input) = call.arguments_json() else {
            let message = format!(
                "Invalid parameter: 'messages': the arguments of the tool call '{}' are not a JSON object.",
                call.name
            );
            return Err(Error::new(Kind::InvalidParameter, message).param("messages"));
        };
        Ok(ToolUse { tool_use_id: self.tool_id(&call.id), name: call.name, input, kind: None })
    }

    fn tool_result(&mut self, result: model::ToolResult) -> Result<ToolResult, Error> {
        let mut content = Vec::with_capacity(result.content.len());
        for part in result.content {
            match part {
                Part::Text(text) => content.push(Block { text: Some(text.text), ..Block::default() }),
                Part::Media(file) => content.push(media::block(file, &mut self.documents)?),
                _ => {}
            }
        }
        if content.len() > 1 {
            content.retain(|block| !is_blank_text(block));
        }
        if content.is_empty() {
            content.push(Block { text: Some(String::new()), ..Block::default() });
        }
        let tells_errors = matches!(self.model.vendor, Vendor::Anthropic | Vendor::Amazon | Vendor::Unknown);
        let status = (result.is_error == Some(true) && tells_errors).then(|| "error".to_owned());
        Ok(ToolResult { tool_use_id: self.tool_id(&result.id), content, status })
    }

    /// A call's id as the API allows it; the same for the call and its result.
    fn tool_id(&self, id: &str) -> String {
        // Other vendors' models make ids with dots and colons, and want them back.
        let is_strict = self.model.vendor == Vendor::Anthropic;
        let is_allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-') || (matches!(c, '.' | ':') && !is_strict);
        let clean: String = id.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
        if clean.is_empty() {
            return "_".to_owned();
        }
        if clean.len() <= MAX_ID {
            return clean;
        }
        let kept: String = clean.chars().take(MAX_ID - 9).collect();
        format!("{kept}-{:08x}", crc32fast::hash(id.as_bytes()))
    }

    fn thought(&self, thought: Thinking) -> Option<ReasoningContent> {
        if !self.model.wants_thoughts() || !thinking::is_claudes(&thought) {
            return None;
        }
        if thought.signature.is_some() {
            let reasoning_text = Some(ReasoningText { text: thought.text, signature: thought.signature });
            return Some(ReasoningContent { reasoning_text, redacted_content: None });
        }
        Some(ReasoningContent { reasoning_text: None, redacted_content: thought.sealed })
    }

    /// What the API demands of the whole.
    fn finish(&mut self) -> Result<(), Error> {
        let starts_with_user = self.messages.first().is_some_and(|first| first.role == USER);
        if !starts_with_user && self.mend {
            let content = vec![Block { text: Some(PLACEHOLDER.to_owned()), ..Block::default() }];
            self.messages.insert(0, Message { role: USER.to_owned(), content });
        }
        if self.messages.is_empty() {
            let message =
                "Invalid parameter: 'messages': Bedrock requires at least one message besides the instructions.";
            return Err(Error::new(Kind::InvalidParameter, message).param("messages"));
        }
        // Claude refuses to go on from words that end with white space.
        if let Some(last) = self.messages.last_mut().filter(|last| last.role == ASSISTANT)
            && let Some(text) = last.content.last_mut().and_then(|block| block.text.as_mut())
        {
            text.truncate(text.trim_end().len());
        }
        Ok(())
    }
}

fn is_blank_text(block: &Block) -> bool {
    block.text.as_ref().is_some_and(|text| text.trim().is_empty())
}
