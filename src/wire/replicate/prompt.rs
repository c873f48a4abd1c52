//! A conversation as one prompt.
//!
//! - Llama 2 chat and Llama 3 instruct get the template that they were trained with
//!   (<https://github.com/meta-llama/llama/blob/main/README.md>,
//!   <https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/>); their own `prompt_template` is then
//!   switched off, or it would be put around ours.
//! - All others get one user's turn as it is, and several turns as lines of `User:` and `Assistant:`; the operator's
//!   instructions stand in `system_prompt`, which nearly all of them have.

use crate::error::{Error, Kind};
use crate::wire::model::{Media, MediaKind, Message, Part, Role, Source};

/// Which template a model wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Template {
    Llama2,
    Llama3,
    Plain,
}

impl Template {
    fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let has = |word| model.contains(word);
        match () {
            () if has("llama-2") && has("chat") => Template::Llama2,
            () if has("llama-3") && has("instruct") => Template::Llama3,
            () => Template::Plain,
        }
    }
}

/// What a model is given of a conversation.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Prompt {
    pub text: String,
    /// Instructions that do not stand in the text.
    pub system: Option<String>,
    /// `prompt_template` is to be switched off.
    pub templated: bool,
    /// URL or `data:` URL.
    pub image: Option<String>,
}

/// A turn: whether the model's, and its words.
struct Turn {
    role: Role,
    text: String,
}

/// Writes a conversation for a model. `system_apart`: the model has a `system_prompt`.
pub(super) fn prompt(model: &str, messages: &[Message], system_apart: bool) -> Result<Prompt, Error> {
    let mut image = None;
    let mut turns: Vec<Turn> = Vec::new();
    for message in messages {
        let role = if message.role == Role::Developer { Role::System } else { message.role };
        let text = words(&message.parts, &mut image)?;
        match turns.last_mut().filter(|last| last.role == role) {
            _ if text.is_empty() => {}
            Some(last) => last.text.extend(["\n\n", text.as_str()]),
            None => turns.push(Turn { role, text }),
        }
    }
    let template = Template::of(model);
    let (text, system) = match template {
        Template::Llama2 => (llama2(&turns), None),
        Template::Llama3 => (llama3(&turns), None),
        Template::Plain => plain(turns, system_apart),
    };
    Ok(Prompt { text, system, templated: template != Template::Plain, image })
}

fn words(parts: &[Part], image: &mut Option<String>) -> Result<String, Error> {
    let mut texts: Vec<String> = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => texts.push(text.text.clone()),
            Part::Refusal(text) => texts.push(text.clone()),
            Part::ToolResult(result) => texts.push(words(&result.content, image)?),
            Part::ToolCall(call) => texts.push(format!("{}({})", call.name, call.arguments)),
            Part::Media(Media { kind: MediaKind::Document, source: Source::Text(text), .. }) => {
                texts.push(text.clone());
            }
            Part::Media(media) => {
                let refused = "messages: Replicate takes text and one image by URL or data.";
                let url = url(media).filter(|_| image.is_none());
                *image = Some(url.ok_or_else(|| Error::new(Kind::InvalidParameter, refused).param("messages"))?);
            }
            Part::Thinking(_) | Part::Native { .. } => {}
        }
    }
    Ok(texts.join("\n"))
}

fn url(media: &Media) -> Option<String> {
    match (media.kind, &media.source) {
        (MediaKind::Image, Source::Url(url)) => Some(url.clone()),
        (MediaKind::Image, Source::Base64(data)) => {
            Some(format!("data:{};base64,{data}", media.media_type.as_deref().unwrap_or("image/png")))
        }
        _ => None,
    }
}

fn llama2(turns: &[Turn]) -> String {
    let mut text = String::new();
    let mut system = String::new();
    for turn in turns {
        match turn.role {
            Role::System | Role::Developer => system = format!("<<SYS>>\n{}\n<</SYS>>\n\n", turn.text),
            Role::User => text.extend(["<s>[INST] ", &std::mem::take(&mut system), &turn.text, " [/INST]"]),
            Role::Assistant => text.extend([" ", &turn.text, " </s>"]),
        }
    }
    if !system.is_empty() {
        text.extend(["<s>[INST] ", &system, "[/INST]"]);
    }
    text
}

fn llama3(turns: &[Turn]) -> String {
    let mut text = "<|begin_of_text|>".to_owned();
    let mut head = |name: &str, words: &str, end: &str| {
        text.extend(["<|start_header_id|>", name, "<|end_header_id|>\n\n", words, end]);
    };
    for turn in turns {
        let name = match turn.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        head(name, &turn.text, "<|eot_id|>");
    }
    head("assistant", "", "");
    text
}

/// The text, and the instructions if they stand apart.
fn plain(turns: Vec<Turn>, system_apart: bool) -> (String, Option<String>) {
    let (system, turns): (Vec<Turn>, Vec<Turn>) = turns.into_iter().partition(|turn| turn.role == Role::System);
    let system: Vec<String> = system.into_iter().map(|turn| turn.text).collect();
    let mut system = Some(system.join("\n\n")).filter(|text| !text.is_empty());
    let mut lines: Vec<String> = Vec::new();
    if !system_apart {
        lines.extend(system.take());
    }
    match turns.as_slice() {
        [Turn { role: Role::User, text }] => lines.push(text.clone()),
        turns => {
            for turn in turns {
                let name = if turn.role == Role::Assistant { "Assistant" } else { "User" };
                lines.push(format!("{name}: {}", turn.text));
            }
            lines.extend((!turns.is_empty()).then(|| "Assistant:".to_owned()));
        }
    }
    (lines.join("\n\n"), system)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> Vec<Message> {
        vec![
            Message::text(Role::System, "sys"),
            Message::text(Role::User, "a"),
            Message::text(Role::Assistant, "b"),
            Message::text(Role::User, "c"),
        ]
    }

    #[test]
    fn every_model_gets_its_template() {
        let check = |model: &str, messages: &[Message], apart: bool, text: &str, system: Option<&str>| {
            let prompt = prompt(model, messages, apart).unwrap();
            assert_eq!((prompt.text.as_str(), prompt.system.as_deref()), (text, system), "{model}");
            assert_eq!(prompt.templated, model.starts_with("meta/"), "{model}");
        };
        check(
            "meta/llama-2-70b-chat",
            &turns(),
            true,
            "<s>[INST] <<SYS>>\nsys\n<</SYS>>\n\na [/INST] b </s><s>[INST] c [/INST]",
            None,
        );
        let head = |name: &str| format!("<|start_header_id|>{name}<|end_header_id|>\n\n");
        let end = "<|eot_id|>";
        let [system, user, assistant] = ["system", "user", "assistant"].map(head);
        let llama3 = format!("<|begin_of_text|>{system}sys{end}{user}a{end}{assistant}b{end}{user}c{end}{assistant}",);
        check("meta/meta-llama-3-70b-instruct", &turns(), true, &llama3, None);
        check("o/other", &turns(), true, "User: a\n\nAssistant: b\n\nUser: c\n\nAssistant:", Some("sys"));
        check("o/other", turns().get(..2).unwrap(), true, "a", Some("sys"));
        check("o/other", turns().get(..2).unwrap(), false, "sys\n\na", None);
        check("o/other", &[], true, "", None);
    }
}
