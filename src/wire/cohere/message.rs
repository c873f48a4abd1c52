//! A conversation in Cohere's words (<https://docs.cohere.com/reference/chat>, `messages`).
//!
//! Each result of a tool is a message of its own; images that a tool returned follow as a message of the user, because
//! Cohere lets tools return text and documents only. The model's thoughts go back as thinking parts to models that
//! think (`command-a-reasoning-…`), and as `tool_plan` to those that only plan their calls.

use std::borrow::Cow;

use super::types::{Content, Document, DocumentData, Function, ImageUrl, Message, Part, ToolCall};
use crate::error::{Error, Kind};
use crate::wire::model::{self, Family, Json, Media, MediaKind, Role, Source, Thinking, ToolResult};

/// The messages of a request to `model`.
pub(super) fn messages<'a>(messages: &'a [model::Message], model: &str) -> Result<Vec<Message<'a>>, Error> {
    let mut all = Vec::with_capacity(messages.len());
    for message in messages {
        match message.role {
            Role::System | Role::Developer => all.push(spoken("system", &message.parts)?),
            Role::User => user(message, &mut all)?,
            Role::Assistant => all.push(assistant(message, model.contains("reasoning"))?),
        }
    }
    Ok(all)
}

fn spoken<'a>(role: &'static str, parts: impl IntoIterator<Item = &'a model::Part>) -> Result<Message<'a>, Error> {
    let mut spoken = Vec::new();
    for part in parts {
        spoken.extend(said(part)?);
    }
    Ok(Message { role, content: Some(content(spoken)), ..Message::default() })
}

/// One text is a string, everything else a list.
fn content(mut parts: Vec<Part<'_>>) -> Content<'_> {
    match (parts.len(), parts.pop()) {
        (0, _) | (_, None) => Content::Text(""),
        (1, Some(Part::Text { text })) => Content::Text(text),
        (_, Some(last)) => {
            parts.push(last);
            Content::Parts(parts)
        }
    }
}

/// Results of tools as messages of their own, the rest between them as messages of the user.
fn user<'a>(message: &'a model::Message, all: &mut Vec<Message<'a>>) -> Result<(), Error> {
    let before = all.len();
    let mut rest: Vec<&model::Part> = Vec::new();
    for part in &message.parts {
        let model::Part::ToolResult(result) = part else {
            rest.push(part);
            continue;
        };
        let is_image = |part: &&model::Part| matches!(part, model::Part::Media(Media { kind: MediaKind::Image, .. }));
        if rest.iter().any(|part| !is_image(part)) {
            all.push(spoken("user", rest.drain(..))?);
        }
        rest.extend(result.content.iter().filter(is_image));
        all.push(tool(result)?);
    }
    if !rest.is_empty() || all.len() == before {
        all.push(spoken("user", rest)?);
    }
    Ok(())
}

fn tool(result: &ToolResult) -> Result<Message<'_>, Error> {
    let mut parts = Vec::new();
    for part in &result.content {
        match part {
            model::Part::Media(Media { kind: MediaKind::Image, .. }) => {}
            model::Part::Media(Media { kind: MediaKind::Document, source: Source::Text(text), name, .. }) => {
                let data = DocumentData { title: name.as_deref(), text };
                parts.push(Part::Document { document: Document { data } });
            }
            part => parts.extend(said(part)?),
        }
    }
    Ok(Message { role: "tool", tool_call_id: Some(&result.id), content: Some(content(parts)), ..Message::default() })
}

fn assistant(message: &model::Message, thinks: bool) -> Result<Message<'_>, Error> {
    let mut parts = Vec::new();
    let mut plan: Cow<'_, str> = Cow::default();
    let mut tool_calls = Vec::new();
    for part in &message.parts {
        match part {
            model::Part::ToolCall(call) => tool_calls.push(tool_call(call)?),
            model::Part::Thinking(thought) => match readable(thought) {
                Some(thinking) if thinks => parts.push(Part::Thinking { thinking }),
                Some(thinking) if plan.is_empty() => plan = Cow::Borrowed(thinking),
                Some(thinking) => plan.to_mut().push_str(thinking),
                None => {}
            },
            part => parts.extend(said(part)?),
        }
    }
    let content = (tool_calls.is_empty() || !parts.is_empty()).then(|| content(parts));
    let tool_plan = Some(plan).filter(|plan| !plan.is_empty() && !tool_calls.is_empty());
    Ok(Message { role: "assistant", content, tool_plan, tool_calls, ..Message::default() })
}

/// A thought that may go back: Cohere's own, or one that nobody sealed.
fn readable(thought: &Thinking) -> Option<&str> {
    let sealed = thought.signature.is_some() || thought.sealed.is_some();
    let own = thought.family == Some(Family::Cohere);
    Some(thought.text.as_str()).filter(|text| !text.is_empty() && (own || !sealed))
}

fn tool_call(call: &model::ToolCall) -> Result<ToolCall<'_>, Error> {
    let arguments: Cow<'_, str> = match call.arguments_json() {
        Some(_) if call.arguments.trim().is_empty() => "{}".into(),
        Some(_) => call.arguments.as_str().into(),
        None if call.custom => serde_json::json!({ "input": call.arguments }).to_string().into(),
        None => {
            let message = format!("messages: the arguments of the call of tool '{}' are no JSON object.", call.name);
            return Err(unsayable(message));
        }
    };
    let function = Function { name: Some(call.name.as_str().into()), arguments: Some(arguments) };
    Ok(ToolCall { id: Some(call.id.as_str().into()), kind: Some("function".into()), function })
}

/// A part in Cohere's words; none for what Cohere has no place for and nobody misses.
fn said(part: &model::Part) -> Result<Option<Part<'_>>, Error> {
    Ok(match part {
        model::Part::Text(text) => Some(Part::Text { text: &text.text }),
        model::Part::Refusal(text) => Some(Part::Text { text }),
        model::Part::Media(media) => Some(seen(media)?),
        model::Part::Native { family: Family::Cohere, value } => Some(Part::Raw(value)),
        model::Part::Native { family: Family::OpenAi, value } if is_document(value) => Some(Part::Raw(value)),
        model::Part::ToolResult(result) => Some(Part::Text { text: text_of(result) }),
        model::Part::Native { .. } | model::Part::ToolCall(_) | model::Part::Thinking(_) => None,
    })
}

/// A result that stands where none belongs keeps its first words.
fn text_of(result: &ToolResult) -> &str {
    let mut texts = result.content.iter().filter_map(|part| match part {
        model::Part::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    texts.next().unwrap_or_default()
}

/// Clients of OpenAI's dialect write Cohere's documents into `content` as Cohere has them.
fn is_document(value: &Json) -> bool {
    value.value().get("document").is_some()
}

fn seen(media: &Media) -> Result<Part<'_>, Error> {
    let url: Cow<'_, str> = match (media.kind, &media.source) {
        (MediaKind::Image, Source::Url(url)) => url.as_str().into(),
        (MediaKind::Image, Source::Base64(data)) => {
            format!("data:{};base64,{data}", media.media_type.as_deref().unwrap_or("image/png")).into()
        }
        (MediaKind::Document, Source::Text(text)) => return Ok(Part::Text { text }),
        _ => return Err(unsayable("messages: Cohere takes text, images by URL or data, and text documents only.")),
    };
    Ok(Part::ImageUrl { image_url: ImageUrl { url, detail: media.detail.as_deref() } })
}

fn unsayable(message: impl Into<String>) -> Error {
    Error::new(Kind::InvalidParameter, message).param("messages")
}
