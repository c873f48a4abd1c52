//! Messages as a provider's items (<https://platform.openai.com/docs/api-reference/responses/create#responses-create-input>).

use serde::{Serialize, Serializer};

use super::super::media;
use super::super::types::{CallItem, ContentPart, MessageItem, OutputItem, ReasoningItem, TextOr, Word, Words};
use crate::error::Error;
use crate::wire::model::{Family, Json, Message, Part, Role, Text, Thinking, ToolCall, ToolResult};

/// An item to be sent.
#[derive(Debug)]
pub enum Input {
    Message(MessageItem),
    Call(CallItem),
    Output(OutputItem),
    Reasoning(ReasoningItem),
    Native(Json),
}

impl Serialize for Input {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Input::Message(item) => item.serialize(serializer),
            Input::Call(item) => item.serialize(serializer),
            Input::Output(item) => item.serialize(serializer),
            Input::Reasoning(item) => item.serialize(serializer),
            Input::Native(json) => json.serialize(serializer),
        }
    }
}

/// Takes the system messages that lead the conversation: they have a place of their own, joined by line feeds as LiteLLM
/// does. Later ones stay where they stand.
pub fn instructions(messages: &mut Vec<Message>) -> Option<String> {
    let words = |message: &Message| {
        let texts: Option<Vec<String>> = message.parts.iter().map(|part| plain(part).map(str::to_owned)).collect();
        texts.filter(|_| message.role == Role::System).map(|texts| texts.join("\n"))
    };
    let leading: Vec<String> = messages.iter().map_while(words).collect();
    messages.drain(..leading.len());
    let joined = leading.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    (!joined.is_empty()).then_some(joined)
}

fn plain(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) => Some(&text.text),
        _ => None,
    }
}

/// The items of a conversation, in its order.
///
/// # Errors
/// A part is in a form that the provider does not take.
pub fn items(messages: Vec<Message>) -> Result<Vec<Input>, Error> {
    let mut items = Items { all: Vec::new(), content: Vec::new(), role: Role::User };
    for message in messages {
        items.role = message.role;
        for part in message.parts {
            items.part(part)?;
        }
        items.close();
    }
    Ok(items.all)
}

struct Items {
    all: Vec<Input>,
    /// The message that is being written.
    content: Vec<ContentPart>,
    role: Role,
}

impl Items {
    fn part(&mut self, part: Part) -> Result<(), Error> {
        match part {
            Part::Text(text) => self.content.push(words(text, self.role)),
            Part::Refusal(refusal) => {
                let kind = Word::from("refusal");
                self.content.push(ContentPart { kind, refusal: Some(refusal), ..ContentPart::default() });
            }
            // The API takes no picture for the model's own.
            Part::Media(_) if self.role == Role::Assistant => {}
            Part::Media(media) => self.content.push(media::part(media)?),
            Part::ToolCall(call) => self.item(Input::Call(self::call(call))),
            Part::ToolResult(result) => {
                let item = output(result)?;
                self.item(Input::Output(item));
            }
            Part::Thinking(thinking) => {
                if let Some(item) = reasoning(thinking) {
                    self.item(Input::Reasoning(item));
                }
            }
            Part::Native { family: Family::OpenAi, value } => self.item(Input::Native(value)),
            Part::Native { .. } => {}
        }
        Ok(())
    }

    fn item(&mut self, item: Input) {
        self.close();
        self.all.push(item);
    }

    fn close(&mut self) {
        if self.content.is_empty() {
            return;
        }
        let role = match self.role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let content = Some(TextOr::List(std::mem::take(&mut self.content)));
        let (kind, role) = ("message".into(), role.into());
        self.all.push(Input::Message(MessageItem { kind, id: None, status: None, role, content }));
    }
}

fn words(text: Text, role: Role) -> ContentPart {
    let kind = if role == Role::Assistant { "output_text" } else { "input_text" }.into();
    let own = text.citations.into_iter().filter(|(family, _)| *family == Family::OpenAi);
    let annotations: Vec<Json> = own.map(|(_, json)| json).collect();
    let annotations = (role == Role::Assistant && !annotations.is_empty()).then_some(annotations);
    ContentPart { kind, text: Some(text.text), annotations, ..ContentPart::default() }
}

fn call(call: ToolCall) -> CallItem {
    let arguments = if call.arguments.trim().is_empty() && !call.custom { "{}".to_owned() } else { call.arguments };
    let (kind, arguments, input) = match call.custom {
        true => ("custom_tool_call", None, Some(arguments)),
        false => ("function_call", Some(arguments), None),
    };
    CallItem { kind: kind.into(), id: call.item_id, call_id: call.id, name: call.name, arguments, input, status: None }
}

/// Text alone is a string; with anything else it is a list of parts.
fn output(result: ToolResult) -> Result<OutputItem, Error> {
    let texts: Option<Vec<&str>> = result.content.iter().map(plain).collect();
    let output = match texts {
        Some(texts) => TextOr::Text(texts.join("\n")),
        None => TextOr::List(output_parts(result.content)?),
    };
    let kind = if result.custom { "custom_tool_call_output" } else { "function_call_output" }.into();
    Ok(OutputItem { kind, call_id: result.id, output: Some(output) })
}

fn output_parts(content: Vec<Part>) -> Result<Vec<ContentPart>, Error> {
    let mut parts = Vec::with_capacity(content.len());
    for part in content {
        match part {
            Part::Text(text) => parts.push(words(text, Role::User)),
            Part::Media(media) => parts.push(media::part(media)?),
            _ => {}
        }
    }
    Ok(parts)
}

/// A thought goes back only to who sealed it, or who keeps it under its id.
fn reasoning(thinking: Thinking) -> Option<ReasoningItem> {
    if thinking.family != Some(Family::OpenAi) {
        return None;
    }
    let seal = thinking.sealed.or(thinking.signature);
    let (id, encrypted_content) = match seal {
        Some(seal) => match seal.split_once(ID_AND_SEAL) {
            Some((id, seal)) => (Some(id.to_owned()), Some(seal.to_owned())),
            None => (thinking.id, Some(seal)),
        },
        None => (Some(thinking.id?), None),
    };
    let words = |kind: &'static str| vec![Words { kind: kind.into(), text: thinking.text.clone() }];
    let (summary, content) = match () {
        () if thinking.text.is_empty() => (Vec::new(), None),
        () if thinking.summary || encrypted_content.is_some() => (words("summary_text"), None),
        () => (Vec::new(), Some(words("reasoning_text"))),
    };
    Some(ReasoningItem {
        kind: "reasoning".into(),
        id,
        summary: Some(summary),
        content,
        encrypted_content,
        status: None,
    })
}

/// Between a reasoning item's id and its seal, where a stream has one place for both.
pub const ID_AND_SEAL: char = '#';
