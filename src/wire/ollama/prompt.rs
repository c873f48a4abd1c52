//! A conversation written out for `/api/generate`, with the template of LiteLLM's provider `ollama`:
//!
//! ```text
//! ### System:
//! be kind
//!
//! ### User:
//! hi
//!
//! ### Assistant:
//! hello
//! {"name": "get_tool", "arguments": {"x": 1}}
//!
//! ### User:
//! the tool's result
//! ```
//!
//! Turns of the same speaker share a section, a line each; results of tools are turns of the user; empty sections are left
//! out. Tools are described after each system message, or where there is none in a system section at the end.

use std::borrow::Cow;

use super::images::{Seen, seen};
use super::python::{Spelling, write};
use super::request::arguments;
use super::types::Tool;
use crate::error::Error;
use crate::wire::model::{Message, Part, Role};

/// What a model is told that has no tools of its own, in LiteLLM's words.
const INSTRUCTION: &str = "To call a function, reply with JSON ONLY in this format {\"name\": \"function_name\", \
                           \"arguments\":{\"argument_name\": \"argument_value\"}}. Once a function result answers the \
                           request, reply to the user in plain text instead of calling a function again. The following \
                           functions are available to you:";

/// A conversation as one text, and the images in it.
#[derive(Debug, Default)]
pub(super) struct Prompt<'a> {
    pub text: String,
    pub images: Vec<Cow<'a, str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    System,
    User,
    Assistant,
}

/// Writes a conversation out.
pub(super) fn prompt<'a>(messages: &'a [Message], tools: &[Tool<'_>]) -> Result<Prompt<'a>, Error> {
    let description = describe(tools);
    let mut prompt = Prompt::default();
    let mut sections: Vec<(Speaker, String)> = Vec::new();
    let mut say = |speaker: Speaker, text: &str| match sections.last_mut().filter(|(last, _)| *last == speaker) {
        _ if text.is_empty() => {}
        Some((_, section)) => {
            if !section.ends_with('\n') {
                section.push('\n');
            }
            section.push_str(text);
        }
        None => sections.push((speaker, text.to_owned())),
    };
    let mut described = description.is_empty();
    for message in messages {
        let lines = lines(&message.parts, &mut prompt.images)?;
        match message.role {
            Role::System | Role::Developer if description.is_empty() => say(Speaker::System, &lines.join("\n")),
            Role::System | Role::Developer => {
                described = true;
                say(Speaker::System, &[lines.join("\n"), description.clone()].join(" "));
            }
            Role::User => lines.iter().for_each(|line| say(Speaker::User, line)),
            Role::Assistant => lines.iter().for_each(|line| say(Speaker::Assistant, line)),
        }
    }
    if !described {
        say(Speaker::System, &description);
    }
    for (speaker, text) in sections {
        let heading = match speaker {
            Speaker::System => "### System:\n",
            Speaker::User => "### User:\n",
            Speaker::Assistant => "### Assistant:\n",
        };
        prompt.text.extend([heading, &text, "\n\n"]);
    }
    Ok(prompt)
}

/// The instruction, and each tool as Python shows it.
fn describe(tools: &[Tool<'_>]) -> String {
    let mut text = String::new();
    for tool in tools {
        text.push_str(if text.is_empty() { INSTRUCTION } else { "" });
        text.push('\n');
        write(&serde_json::to_value(tool).unwrap_or_default(), Spelling::Repr, &mut text);
        text.push('\n');
    }
    text
}

/// The texts of a message, a call as JSON.
fn lines<'a>(parts: &'a [Part], images: &mut Vec<Cow<'a, str>>) -> Result<Vec<Cow<'a, str>>, Error> {
    let mut all: Vec<Cow<'a, str>> = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => all.push(text.text.as_str().into()),
            Part::Refusal(text) => all.push(text.as_str().into()),
            Part::Media(media) => match seen(media)? {
                Seen::Text(text) => all.push(text.into()),
                Seen::Image(data) => images.push(data),
            },
            Part::ToolResult(result) => all.extend(lines(&result.content, images)?),
            Part::ToolCall(call) => {
                let mut text = String::new();
                let value = serde_json::json!({ "name": call.name, "arguments": arguments(call)?.value() });
                write(&value, Spelling::Dumps, &mut text);
                all.push(text.into());
            }
            Part::Thinking(_) | Part::Native { .. } => {}
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::model::{Json, Media, MediaKind, Source, ToolCall, ToolResult};
    use crate::wire::ollama::types::Function;

    fn call(x: u8) -> Part {
        let name = "get_tool".to_owned();
        Part::ToolCall(ToolCall { name, arguments: format!("{{\"x\":{x}}}"), ..ToolCall::default() })
    }

    fn result(content: Vec<Part>) -> Part {
        Part::ToolResult(ToolResult { content, ..ToolResult::default() })
    }

    fn written(messages: &[Message], tools: &[Tool<'_>]) -> String {
        prompt(messages, tools).unwrap().text
    }

    #[test]
    fn sections_change_with_the_speaker() {
        let user = |text: &str| Message::text(Role::User, text);
        let system = |text: &str| Message::text(Role::System, text);
        let check = |messages: &[Message], expected: &str| assert_eq!(written(messages, &[]), expected);
        check(&[user("hi")], "### User:\nhi\n\n");
        check(&[system("sys"), user("hi")], "### System:\nsys\n\n### User:\nhi\n\n");
        check(&[system("a"), system("b"), user("hi")], "### System:\na\nb\n\n### User:\nhi\n\n");
        check(&[user("a"), user(""), user("b")], "### User:\na\nb\n\n");
        check(
            &[user("a"), Message::new(Role::Assistant, vec![Part::text("so"), call(1)]), user("b")],
            "### User:\na\n\n### Assistant:\nso\n{\"name\": \"get_tool\", \"arguments\": {\"x\": 1}}\n\n### User:\nb\n\n",
        );
        check(&[], "");
    }

    #[test]
    fn tools_are_described_as_litellm_describes_them() {
        let schema = r#"{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}"#;
        let schema = Json::parse(schema).unwrap();
        let (name, description) = ("get_tool", Some("d"));
        let function = Function { name, description, parameters: Some(&schema), strict: Some(true) };
        let tools = [Tool { kind: "function", function }];
        let shown = "{'type': 'function', 'function': {'name': 'get_tool', 'description': 'd', 'parameters': {'type': \
                     'object', 'properties': {'x': {'type': 'integer'}}, 'required': ['x']}, 'strict': True}}";
        let turns = vec![
            Message::text(Role::User, "use tool"),
            Message::new(Role::Assistant, vec![call(1), call(2)]),
            Message::new(Role::User, vec![result(vec![Part::text("res1")]), result(vec![Part::text("res2")])]),
            Message::text(Role::User, "now a tool again"),
        ];
        let said = "### User:\nuse tool\n\n### Assistant:\n{\"name\": \"get_tool\", \"arguments\": {\"x\": 1}}\n\
                    {\"name\": \"get_tool\", \"arguments\": {\"x\": 2}}\n\n\
                    ### User:\nres1\nres2\nnow a tool again\n\n";
        let mut with_system = vec![Message::text(Role::System, "sys A"), Message::text(Role::System, "sys B")];
        with_system.extend(turns.clone());
        assert_eq!(
            written(&with_system, &tools),
            format!("### System:\nsys A {INSTRUCTION}\n{shown}\nsys B {INSTRUCTION}\n{shown}\n\n\n{said}"),
        );
        assert_eq!(written(&turns, &tools), format!("{said}### System:\n{INSTRUCTION}\n{shown}\n\n\n"));
    }

    #[test]
    fn images_stand_beside_the_text() {
        let (media_type, name, detail, cache, extra) = (None, None, None, None, None);
        let source = Source::Base64("AA".into());
        let image = Part::Media(Media { kind: MediaKind::Image, source, media_type, name, detail, cache, extra });
        let messages = [Message::new(Role::User, vec![image.clone(), Part::text("look"), result(vec![image])])];
        let prompt = prompt(&messages, &[]).unwrap();
        assert_eq!((prompt.text.as_str(), prompt.images.len()), ("### User:\nlook\n\n", 2));
    }
}
