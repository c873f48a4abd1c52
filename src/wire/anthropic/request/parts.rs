//! Content blocks as parts: what a client sends, and what Claude answers.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::decode::wrong;
use crate::error::Error;
use crate::wire::anthropic::types::{Block, Content, FileSource, Source as WireSource};
use crate::wire::model::{
    Family, Json, Media, MediaKind, Part, Source, Text, Thinking, ToolCall, ToolResult, split_tool_id,
};

/// The members of an object whose values nobody reads.
pub struct Members(pub Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A string or a list of blocks. `param` is the request's member that holds it.
///
/// # Errors
/// It is neither, or a block is not of its kind.
pub fn content(raw: &RawValue, param: &'static str) -> Result<Vec<Part>, Error> {
    let text = raw.get();
    let refuse = |error: serde_json::Error| wrong(param).detail(error.to_string());
    if text.starts_with('"') {
        return Ok(vec![Part::text(serde_json::from_str::<String>(text).map_err(refuse)?)]);
    }
    let blocks: Vec<&RawValue> = serde_json::from_str(text).map_err(refuse)?;
    blocks.into_iter().map(|block| part(block, param)).collect()
}

/// One block. What only Anthropic has a word for comes as [`Part::Native`].
///
/// # Errors
/// A member is not of its type.
pub fn part(raw: &RawValue, param: &'static str) -> Result<Part, Error> {
    let block: Block<'_> = serde_json::from_str(raw.get()).map_err(|error| wrong(param).detail(error.to_string()))?;
    let known = match block.kind.as_ref() {
        "text" => block.text.is_some(),
        "image" | "document" => true,
        "tool_use" => block.id.is_some() && block.name.is_some(),
        "tool_result" => block.tool_use_id.is_some(),
        "thinking" => block.thinking.is_some(),
        "redacted_thinking" => block.data.is_some(),
        "" => return Err(wrong(param)),
        _ => false,
    };
    let native = || Some(Part::Native { family: Family::Anthropic, value: Json::parse(raw.get())? });
    let part = if known { understood(block, param)? } else { None };
    part.or_else(native).ok_or_else(|| wrong(param))
}

/// `None`: it says something that the model has no field for.
fn understood(block: Block<'_>, param: &'static str) -> Result<Option<Part>, Error> {
    let cache = block.cache_control.as_ref().map(|control| control.marker());
    let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    Ok(Some(match block.kind.as_ref() {
        "text" => Part::Text(Text {
            text: owned(block.text).unwrap_or_default(),
            cache,
            citations: citations(block.citations.as_deref()),
            signature: None,
        }),
        "image" => return Ok(media(block, MediaKind::Image)),
        "document" => return Ok(media(block, MediaKind::Document)),
        "tool_use" => {
            let id = block.id.unwrap_or_default();
            let (id, signature) = split_tool_id(&id);
            Part::ToolCall(ToolCall {
                id: id.to_owned(),
                name: owned(block.name).unwrap_or_default(),
                arguments: block.input.map(|input| input.text().to_owned()).unwrap_or_default(),
                signature: signature.map(str::to_owned),
                cache,
                ..ToolCall::default()
            })
        }
        "tool_result" => {
            let id = block.tool_use_id.unwrap_or_default();
            let content = match block.content {
                Some(Content::Raw(raw)) => content(raw, param)?,
                _ => Vec::new(),
            };
            let id = split_tool_id(&id).0.to_owned();
            Part::ToolResult(ToolResult { id, content, is_error: block.is_error, cache, ..ToolResult::default() })
        }
        "thinking" => {
            let seal = owned(block.signature).filter(|seal| !seal.is_empty());
            let text = owned(block.thinking).unwrap_or_default();
            Part::Thinking(Thinking::unsealed(text, seal, Family::Anthropic, false))
        }
        _ => Part::Thinking(Thinking::unsealed(String::new(), owned(block.data), Family::Anthropic, true)),
    }))
}

fn citations(list: Option<&Json>) -> Vec<(Family, Json)> {
    let all: Vec<Json> = list.and_then(|list| serde_json::from_str(list.text()).ok()).unwrap_or_default();
    all.into_iter().map(|citation| (Family::Anthropic, citation)).collect()
}

fn media(block: Block<'_>, kind: MediaKind) -> Option<Part> {
    let Some(WireSource::Raw(source)) = block.source else { return None };
    let source: FileSource<'_> = serde_json::from_str(source.get()).ok()?;
    let bytes = match source.kind.as_ref() {
        "base64" => Source::Base64(source.data?.into_owned()),
        // An image in words is none: nobody but Anthropic is to judge it.
        "text" if kind == MediaKind::Document => Source::Text(source.data?.into_owned()),
        "url" => Source::Url(source.url?.into_owned()),
        "file" => Source::FileId(source.file_id?.into_owned()),
        _ => return None,
    };
    // A PDF by URL: the source has no media type, the block's kind says it.
    let media_type = source.media_type.map(Cow::into_owned);
    let mut extra = serde_json::Map::new();
    let texts =
        [("context", block.context.map(RawValue::get)), ("citations", block.citations.as_deref().map(Json::text))];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| serde_json::from_str(text).ok()) {
            extra.insert(name.to_owned(), value);
        }
    }
    let extra = if extra.is_empty() { None } else { Json::of(&extra) };
    Some(Part::Media(Media {
        kind,
        source: bytes,
        media_type,
        name: block.title.map(Cow::into_owned),
        detail: None,
        cache: block.cache_control.as_ref().map(|control| control.marker()),
        extra: extra.map(|extra| (Family::Anthropic, extra)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_document_is_in_words() {
        let of = |kind: &str| {
            let text = format!(r#"{{"type":"{kind}","source":{{"type":"text","media_type":"image/png","data":"w"}}}}"#);
            part(&RawValue::from_string(text).unwrap(), "messages").unwrap()
        };
        assert!(matches!(of("image"), Part::Native { family: Family::Anthropic, .. }));
        assert!(matches!(of("document"), Part::Media(Media { source: Source::Text(_), .. })));
    }
}
