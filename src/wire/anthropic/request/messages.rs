//! The conversation as Anthropic wants it: instructions apart, turns of the two speakers in alternation, the results of
//! tools first in theirs, no empty text, and no blank at the end of what the assistant is to continue.

use std::borrow::Cow;

use base64::Engine as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, Kind};
use crate::wire::anthropic::types::{Block, CacheControl, Content, Element, FileSource, Source as WireSource, Turn};
use crate::wire::codec::Profile;
use crate::wire::model::{
    ChatRequest, Family, Json, Media, MediaKind, Message, Part, Role, Source, Text, Thinking, ToolCall, ToolResult,
};

/// What stands for a message that says nothing, where the gateway may mend (`modify_params`). LiteLLM's words.
const EMPTY_MESSAGE: &str = "[System: Empty message content sanitised to satisfy protocol]";
/// What stands before an assistant that speaks first. LiteLLM's.
const FIRST_MESSAGE: &str = ".";

/// Instructions and turns.
#[derive(Debug, Default)]
pub struct Conversation<'a> {
    pub system: Vec<Element<'a>>,
    pub turns: Vec<Turn<'a>>,
}

/// Sorts a request's messages.
///
/// # Errors
/// [`Kind::InvalidParameter`] for arguments that are no JSON object, and for sound and video.
pub fn conversation<'a>(request: &'a ChatRequest, profile: &Profile<'_>) -> Result<Conversation<'a>, Error> {
    let mut all = Conversation::default();
    for message in &request.messages {
        match message.role {
            Role::System | Role::Developer => all.system.extend(elements(message, profile)?),
            Role::User => add(&mut all.turns, "user", message, profile)?,
            Role::Assistant => add(&mut all.turns, "assistant", message, profile)?,
        }
    }
    for turn in all.turns.iter_mut().filter(|turn| turn.role == "user") {
        if let Content::Blocks(blocks) = &mut turn.content {
            blocks.sort_by_key(|block| !matches!(block, Element::Block(block) if block.kind == "tool_result"));
        }
    }
    strip_last(&mut all.turns);
    if profile.modify_params && all.turns.first().is_none_or(|turn| turn.role != "user") {
        all.turns.insert(0, Turn { role: "user".into(), content: Content::Blocks(vec![text_block(FIRST_MESSAGE)]) });
    }
    Ok(all)
}

fn add<'a>(
    turns: &mut Vec<Turn<'a>>,
    role: &'static str,
    message: &'a Message,
    profile: &Profile<'_>,
) -> Result<(), Error> {
    let mut blocks = elements(message, profile)?;
    if blocks.is_empty() {
        // A thought that may not be sent is no reason to speak in its place.
        let is_blank = message.parts.iter().all(|part| matches!(part, Part::Text(_)));
        if !profile.modify_params || !is_blank {
            return Ok(());
        }
        blocks.push(text_block(EMPTY_MESSAGE));
    }
    match turns.last_mut() {
        Some(Turn { role: last, content: Content::Blocks(said) }) if *last == role => said.append(&mut blocks),
        _ => turns.push(Turn { role: role.into(), content: Content::Blocks(blocks) }),
    }
    Ok(())
}

/// Anthropic refuses a last assistant turn that ends with white space.
fn strip_last(turns: &mut Vec<Turn<'_>>) {
    let Some(Turn { role, content: Content::Blocks(blocks) }) = turns.last_mut() else { return };
    if role != "assistant" {
        return;
    }
    blocks.retain_mut(|block| match block {
        Element::Block(block) if block.kind == "text" => {
            let stripped = match block.text.take().unwrap_or_default() {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim_end()),
                Cow::Owned(text) => Cow::Owned(text.trim_end().to_owned()),
            };
            let says_something = !stripped.is_empty();
            block.text = Some(stripped);
            says_something
        }
        _ => true,
    });
    if blocks.is_empty() {
        turns.pop();
    }
}

fn elements<'a>(message: &'a Message, profile: &Profile<'_>) -> Result<Vec<Element<'a>>, Error> {
    message.parts.iter().filter_map(|part| element(part, message.role, profile).transpose()).collect()
}

/// `None`: Anthropic has no word for it, or it says nothing.
fn element<'a>(part: &'a Part, role: Role, profile: &Profile<'_>) -> Result<Option<Element<'a>>, Error> {
    let is_system = matches!(role, Role::System | Role::Developer);
    Ok(match part {
        Part::Text(text) if text.text.is_empty() => None,
        Part::Text(text) => Some(said(text)),
        _ if is_system => None,
        Part::Refusal(text) if text.is_empty() => None,
        Part::Refusal(text) => Some(text_block(text)),
        Part::Media(media) => file(media, profile)?,
        Part::ToolCall(call) => Some(tool_use(call)?),
        Part::ToolResult(result) => Some(tool_result(result, profile)?),
        Part::Thinking(thought) => thinking(thought),
        Part::Native { family: Family::Anthropic, value } => Some(Element::Json(value)),
        Part::Native { .. } => None,
    })
}

fn block<'a>(kind: &'static str, rest: Block<'a>) -> Element<'a> {
    Element::Block(Box::new(Block { kind: kind.into(), ..rest }))
}

fn text_block(text: &str) -> Element<'_> {
    block("text", Block { text: Some(text.into()), ..Block::default() })
}

fn said(text: &Text) -> Element<'_> {
    let own: Vec<&str> =
        text.citations.iter().filter(|(family, _)| *family == Family::Anthropic).map(|(_, json)| json.text()).collect();
    let citations = if own.is_empty() { None } else { Json::parse(&format!("[{}]", own.join(","))) };
    block(
        "text",
        Block {
            text: Some(text.text.as_str().into()),
            citations: citations.map(Cow::Owned),
            cache_control: text.cache.as_ref().map(CacheControl::of),
            ..Block::default()
        },
    )
}

fn tool_use(call: &ToolCall) -> Result<Element<'_>, Error> {
    let input =
        if call.custom { Json::of(&serde_json::json!({"input": call.arguments})) } else { call.arguments_json() };
    let input = input.ok_or_else(|| {
        let message = format!("messages: the arguments of the call of tool '{}' are no JSON object", call.name);
        Error::new(Kind::InvalidParameter, message).param("messages")
    })?;
    Ok(block(
        "tool_use",
        Block {
            id: Some(tool_id(&call.id)),
            name: Some(call.name.as_str().into()),
            input: Some(Cow::Owned(input)),
            cache_control: call.cache.as_ref().map(CacheControl::of),
            ..Block::default()
        },
    ))
}

/// Anthropic takes letters, digits, `_` and `-`; other providers make ids of anything.
fn tool_id(id: &str) -> Cow<'_, str> {
    let good = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if id.chars().all(good) {
        return id.into();
    }
    id.chars().map(|character| if good(character) { character } else { '_' }).collect::<String>().into()
}

fn tool_result<'a>(result: &'a ToolResult, profile: &Profile<'_>) -> Result<Element<'a>, Error> {
    let content = match result.content.as_slice() {
        [] => None,
        [Part::Text(Text { text, cache: None, citations, .. })] if citations.is_empty() => {
            Some(Content::Text(text.as_str().into()))
        }
        parts => {
            let blocks = parts.iter().filter_map(|part| element(part, Role::User, profile).transpose());
            Some(Content::Blocks(blocks.collect::<Result<_, _>>()?))
        }
    };
    Ok(block(
        "tool_result",
        Block {
            tool_use_id: Some(tool_id(&result.id)),
            content,
            is_error: result.is_error,
            cache_control: result.cache.as_ref().map(CacheControl::of),
            ..Block::default()
        },
    ))
}

/// Without Anthropic's own seal a thought is refused, so it is left out.
fn thinking(thought: &Thinking) -> Option<Element<'_>> {
    if thought.family.is_some_and(|family| family != Family::Anthropic) {
        return None;
    }
    match (&thought.signature, &thought.sealed) {
        (Some(signature), _) => Some(block(
            "thinking",
            Block {
                thinking: Some(thought.text.as_str().into()),
                signature: Some(signature.as_str().into()),
                ..Block::default()
            },
        )),
        (None, Some(sealed)) => {
            Some(block("redacted_thinking", Block { data: Some(sealed.as_str().into()), ..Block::default() }))
        }
        (None, None) => None,
    }
}

/// Members of a document that only Anthropic knows.
#[derive(Default, Deserialize)]
struct DocumentMembers<'a> {
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
    #[serde(default)]
    citations: Option<Json>,
}

fn file<'a>(media: &'a Media, profile: &Profile<'_>) -> Result<Option<Element<'a>>, Error> {
    let kind = match media.kind {
        MediaKind::Image => "image",
        MediaKind::Document => "document",
        MediaKind::Audio | MediaKind::Video if profile.drop_params => return Ok(None),
        MediaKind::Audio | MediaKind::Video => {
            let message = format!("messages: {} takes no audio and no video", profile.provider);
            return Err(Error::new(Kind::InvalidParameter, message).param("messages"));
        }
    };
    let members = match &media.extra {
        Some((Family::Anthropic, json)) => serde_json::from_str(json.text()).unwrap_or_default(),
        _ => DocumentMembers::default(),
    };
    let is_document = media.kind == MediaKind::Document;
    Ok(Some(block(
        kind,
        Block {
            source: Some(WireSource::File(source(media))),
            title: media.name.as_deref().filter(|_| is_document).map(Cow::Borrowed),
            context: members.context,
            citations: members.citations.map(Cow::Owned),
            cache_control: media.cache.as_ref().map(CacheControl::of),
            ..Block::default()
        },
    )))
}

fn source(media: &Media) -> FileSource<'_> {
    let media_type = media.media_type.as_deref();
    match &media.source {
        Source::Base64(data) => {
            let is_text = media.kind == MediaKind::Document && media_type.is_some_and(|kind| kind.starts_with("text/"));
            let decoded = base64::engine::general_purpose::STANDARD.decode(data).ok().filter(|_| is_text);
            if let Some(decoded) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
                return plain(decoded.into());
            }
            let default = if media.kind == MediaKind::Image { "image/jpeg" } else { "application/pdf" };
            FileSource {
                kind: "base64".into(),
                media_type: Some(media_type.unwrap_or(default).into()),
                data: Some(data.as_str().into()),
                ..FileSource::default()
            }
        }
        Source::Url(url) => FileSource { kind: "url".into(), url: Some(url.as_str().into()), ..FileSource::default() },
        Source::FileId(id) => {
            FileSource { kind: "file".into(), file_id: Some(id.as_str().into()), ..FileSource::default() }
        }
        Source::Text(document) => plain(document.as_str().into()),
    }
}

fn plain(document: Cow<'_, str>) -> FileSource<'_> {
    FileSource {
        kind: "text".into(),
        media_type: Some("text/plain".into()),
        data: Some(document),
        ..FileSource::default()
    }
}
