//! Items as parts of the superset's messages: what a client sends and what a provider answers.

use super::media;
use super::types::{CallItem, ContentPart, MessageItem, OutputItem, ReasoningItem, Tagged, TextOr, Words};
use crate::wire::model::{CacheMarker, Family, Json, Part, Role, Text, Thinking, ToolCall, ToolResult, split_tool_id};

/// An item, read.
#[derive(Debug, PartialEq)]
pub enum Item {
    /// A message that is not the model's.
    Message(Role, Vec<Part>),
    /// What the model said, did or thought.
    Assistant(Vec<Part>),
    /// What a tool said.
    Result(Part),
}

/// Reads an item.
///
/// # Errors
/// Why it is none that we know how to read, for the client's eyes.
pub fn read(json: Json) -> Result<Item, String> {
    let tag: Tagged = parse(&json)?;
    match tag.kind.as_deref() {
        Some("message") => message(parse(&json)?),
        None if tag.role.is_some() => message(parse(&json)?),
        Some("function_call" | "custom_tool_call") => Ok(Item::Assistant(vec![call(parse(&json)?)])),
        Some("function_call_output" | "custom_tool_call_output") => result(parse(&json)?).map(Item::Result),
        Some("reasoning") => Ok(Item::Assistant(vec![Part::Thinking(reasoning(parse(&json)?))])),
        Some(kind) => {
            let from_client = kind.ends_with("_output") || kind == "mcp_approval_response";
            let part = Part::Native { family: Family::OpenAi, value: json };
            Ok(if from_client { Item::Result(part) } else { Item::Assistant(vec![part]) })
        }
        None => Err("an item has neither 'type' nor 'role'".to_owned()),
    }
}

/// Reads a part of JSON into its struct.
///
/// # Errors
/// Why not, for the client's eyes.
pub fn parse<T: serde::de::DeserializeOwned>(json: &Json) -> Result<T, String> {
    serde_json::from_str(json.text()).map_err(|error| error.to_string())
}

fn message(item: MessageItem) -> Result<Item, String> {
    let role = match item.role.as_ref() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => return Err(format!("unknown role '{other}'")),
    };
    let parts = content(item.content)?;
    Ok(if role == Role::Assistant { Item::Assistant(parts) } else { Item::Message(role, parts) })
}

fn content(content: Option<TextOr<ContentPart>>) -> Result<Vec<Part>, String> {
    match content {
        None => Ok(Vec::new()),
        Some(TextOr::Text(text)) => Ok(vec![Part::text(text)]),
        Some(TextOr::List(parts)) => parts
            .into_iter()
            .map(|part| {
                let kind = part.kind.clone();
                content_part(part).ok_or_else(|| format!("a part of type '{kind}' is unknown or empty"))
            })
            .collect(),
    }
}

/// A part of a message. `None`: it is of an unknown kind, or has not what its kind must have.
fn content_part(part: ContentPart) -> Option<Part> {
    match part.kind.as_ref() {
        "input_text" | "output_text" | "text" => Some(Part::Text(Text {
            text: part.text?,
            cache: part.cache_control.map(CacheMarker::from),
            citations: part.annotations.unwrap_or_default().into_iter().map(|json| (Family::OpenAi, json)).collect(),
            signature: None,
        })),
        "refusal" => part.refusal.map(Part::Refusal),
        "input_image" | "image_url" => media::image(part).map(Part::Media),
        "input_file" => media::file(part).map(Part::Media),
        "input_audio" => media::audio(part).map(Part::Media),
        _ => None,
    }
}

fn call(item: CallItem) -> Part {
    let custom = item.kind == "custom_tool_call";
    let (id, signature) = split_tool_id(&item.call_id);
    Part::ToolCall(ToolCall {
        id: id.to_owned(),
        name: item.name,
        arguments: if custom { item.input } else { item.arguments }.unwrap_or_default(),
        custom,
        signature: signature.map(str::to_owned),
        item_id: item.id,
        ..ToolCall::default()
    })
}

fn result(item: OutputItem) -> Result<Part, String> {
    let custom = item.kind == "custom_tool_call_output";
    let content = content(item.output)?;
    let id = split_tool_id(&item.call_id).0.to_owned();
    Ok(Part::ToolResult(ToolResult { id, content, custom, ..ToolResult::default() }))
}

/// The readable text is the summary, else the reasoning itself; the seal opens in the family that made it.
pub fn reasoning(item: ReasoningItem) -> Thinking {
    let summary = joined(item.summary);
    let of_summary = !summary.is_empty();
    let text = if of_summary { summary } else { joined(item.content) };
    let thinking = Thinking::unsealed(text, item.encrypted_content, Family::OpenAi, true);
    if thinking.family == Some(Family::OpenAi) {
        return Thinking { id: item.id.or(thinking.id), summary: of_summary, ..thinking };
    }
    thinking
}

/// Between the paragraphs of a summary.
pub const PARAGRAPH: &str = "\n\n";

fn joined(words: Option<Vec<Words>>) -> String {
    let texts: Vec<String> = words.unwrap_or_default().into_iter().map(|words| words.text).collect();
    texts.join(PARAGRAPH)
}

/// The parts of a provider's item; what is new to us in a message is passed over.
///
/// # Errors
/// The item is no item.
pub fn read_output(json: Json) -> Result<Vec<Part>, String> {
    let tag: Tagged = parse(&json)?;
    if tag.kind.as_deref() == Some("message") {
        let item: MessageItem = parse(&json)?;
        return Ok(match item.content {
            Some(TextOr::Text(text)) => vec![Part::text(text)],
            Some(TextOr::List(parts)) => parts.into_iter().filter_map(content_part).collect(),
            None => Vec::new(),
        });
    }
    Ok(match read(json)? {
        Item::Assistant(parts) | Item::Message(_, parts) => parts,
        Item::Result(part) => vec![part],
    })
}
