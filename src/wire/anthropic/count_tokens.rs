//! `/v1/messages/count_tokens` (<https://platform.claude.com/docs/en/api/messages-count-tokens>). Hosts of Claude are asked
//! with the client's own body ([`super::pass`]); for all other models the number is estimated here.

use std::borrow::Cow;

use crate::wire::media::{DATA_BYTES, PART_TOKENS};
use crate::wire::model::{ChatRequest, Media, MediaKind, Part, Source, ToolKind};

/// English text in all current tokenisers: about four characters a token. Scripts beyond Latin take about one token a
/// character, which is why they are counted apart.
const CHARACTERS: u64 = 4;
/// What stands around each message: role and separators.
const PER_MESSAGE: u64 = 4;
/// What stands around each tool's definition.
const PER_TOOL: u64 = 12;

/// The answer to the client. An estimate says that it is one, as LiteLLM's does.
pub fn encode_answer(tokens: u64, is_estimate: bool) -> Vec<u8> {
    let source = if is_estimate { r#","litellm_count_source":"local_estimate""# } else { "" };
    format!(r#"{{"input_tokens":{tokens}{source}}}"#).into_bytes()
}

/// How many tokens a request is, about: characters by their script, a constant for what a message, a tool or an image
/// costs. Off by some ten percent for prose, more for code and data; never zero.
pub fn estimate(request: &ChatRequest) -> u64 {
    let messages: u64 = request.messages.iter().map(|message| PER_MESSAGE + parts(&message.parts)).sum();
    let tools: u64 = request.tools.iter().map(|tool| PER_TOOL + tool_tokens(&tool.kind)).sum();
    (messages + tools).max(1)
}

/// Tokens of so many characters of Latin text.
pub fn tokens_of_characters(characters: usize) -> u64 {
    (characters as u64).div_ceil(CHARACTERS)
}

fn parts(parts: &[Part]) -> u64 {
    parts.iter().map(part).sum()
}

fn part(part: &Part) -> u64 {
    match part {
        Part::Text(said) => text(&said.text),
        Part::Refusal(said) => text(said),
        Part::Thinking(thought) => text(&thought.text),
        Part::ToolCall(call) => PER_MESSAGE + text(&call.name) + text(&call.arguments),
        Part::ToolResult(result) => PER_MESSAGE + parts(&result.content),
        Part::Native { value, .. } => text(value.text()),
        Part::Media(media) => media.text().map_or_else(|| media_tokens(media), text),
    }
}

/// Tokens of a file that is no text, about.
pub fn media_tokens(media: &Media) -> u64 {
    match (&media.source, media.kind) {
        (Source::Base64(data), MediaKind::Document | MediaKind::Audio | MediaKind::Video) => {
            (data.len() as u64).div_ceil(DATA_BYTES)
        }
        _ => PART_TOKENS,
    }
}

fn tool_tokens(kind: &ToolKind) -> u64 {
    match kind {
        ToolKind::Function { name, description, parameters, .. } => {
            let schema = parameters.as_ref().map_or(Cow::Borrowed(""), |schema| schema.text().into());
            text(name) + text(description.as_deref().unwrap_or_default()) + text(&schema)
        }
        ToolKind::Native { value, .. } => text(value.text()),
    }
}

/// Up to U+024F stands Latin; what is above is a token by itself.
fn text(text: &str) -> u64 {
    let latin = text.chars().filter(|character| *character <= '\u{24f}').count();
    let other = text.chars().count() - latin;
    tokens_of_characters(latin) + other as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::model::{Message, Role};

    #[test]
    fn an_estimate_grows_with_what_is_said() {
        let of = |text: &str| {
            let messages = vec![Message::text(Role::User, text)];
            estimate(&ChatRequest { messages, ..ChatRequest::default() })
        };
        assert_eq!(of(""), PER_MESSAGE);
        assert_eq!(of("hello world!"), PER_MESSAGE + 3);
        assert_eq!(of("東京タワー"), PER_MESSAGE + 5);
        assert_eq!(estimate(&ChatRequest::default()), 1);
    }

    #[test]
    fn an_estimate_says_that_it_is_one() {
        assert_eq!(encode_answer(7, false), br#"{"input_tokens":7}"#);
        assert_eq!(encode_answer(7, true), br#"{"input_tokens":7,"litellm_count_source":"local_estimate"}"#);
    }
}
