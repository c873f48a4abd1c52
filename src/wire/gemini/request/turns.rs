//! A conversation as a provider of Gemini wants it: turns of user and model, results of tools in turns of their own,
//! nothing empty.

use std::collections::HashMap;

use serde::ser::{SerializeStruct, Serializer};

use super::contents::NO_SIGNATURE;
use crate::error::{Error, Kind};
use crate::wire::codec::Profile;
use crate::wire::gemini::types::{FunctionCall, FunctionResponse, Part as Wire, SNAKE, spelt};
use crate::wire::gemini::{media, models};
use crate::wire::model::{ChatRequest, Family, Json, Media, Message, Part, Role, Text, Thinking, ToolCall, ToolResult};

/// One turn.
#[derive(Debug, Default)]
pub struct Turn {
    role: &'static str,
    parts: Vec<Wire>,
    /// Of results only.
    results: bool,
}

impl serde::Serialize for Turn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut turn = serializer.serialize_struct("Turn", 2)?;
        turn.serialize_field("role", self.role)?;
        turn.serialize_field("parts", &spelt(&self.parts, &SNAKE))?;
        turn.end()
    }
}

/// The instructions, one part for each message of them, and the turns.
#[derive(Debug, Default)]
pub struct Turns {
    /// What the operator says.
    pub instructions: Vec<String>,
    /// What was said.
    pub turns: Vec<Turn>,
}

/// Takes the messages out of a request.
///
/// # Errors
/// [`Kind::InvalidParameter`]: a call's arguments are no object.
pub fn turns(chat: &mut ChatRequest, profile: &Profile<'_>) -> Result<Turns, Error> {
    let messages = std::mem::take(&mut chat.messages);
    let mut writer = Writer {
        names: names(&messages),
        third: models::is_3_or_newer(profile.base_model),
        // Vertex refuses them.
        ids: models::is_3_or_newer(profile.base_model) && profile.provider == "gemini",
        turns: Vec::new(),
    };
    let mut instructions = Vec::new();
    for message in messages {
        match message.role {
            Role::System | Role::Developer => instructions.extend(words(message)),
            Role::User => writer.user(message),
            Role::Assistant => writer.model(message)?,
        }
    }
    let mut turns = writer.turns;
    if turns.is_empty() {
        // Google refuses a request without contents; these two are what LiteLLM says then.
        let blank = if instructions.is_empty() { " " } else { "." };
        turns.push(Turn { role: "user", parts: vec![Wire::text(blank)], results: false });
    }
    for turn in turns.iter_mut().filter(|turn| turn.role == "user" && !turn.results) {
        if !turn.parts.iter().any(|part| part.text.is_some()) {
            turn.parts.push(Wire::text(" "));
        }
    }
    Ok(Turns { instructions, turns })
}

fn names(messages: &[Message]) -> HashMap<String, String> {
    let calls = messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::ToolCall(call) => Some((call.id.clone(), call.name.clone())),
        _ => None,
    });
    calls.collect()
}

fn words(message: Message) -> impl Iterator<Item = String> {
    message.parts.into_iter().filter_map(|part| match part {
        Part::Text(text) if !text.text.is_empty() => Some(text.text),
        _ => None,
    })
}

struct Writer {
    names: HashMap<String, String>,
    third: bool,
    ids: bool,
    turns: Vec<Turn>,
}

impl Writer {
    /// Goes on with a turn, or begins one.
    fn add(&mut self, role: &'static str, results: bool, parts: impl IntoIterator<Item = Wire>) {
        for part in parts {
            match self.turns.last_mut() {
                Some(turn) if turn.role == role && turn.results == results => turn.parts.push(part),
                _ => self.turns.push(Turn { role, parts: vec![part], results }),
            }
        }
    }

    /// Results first: they must follow their calls at once.
    fn user(&mut self, message: Message) {
        let (results, others): (Vec<Part>, Vec<Part>) =
            message.parts.into_iter().partition(|part| matches!(part, Part::ToolResult(_)));
        for part in results {
            if let Part::ToolResult(result) = part {
                let parts = self.result(result);
                self.add("user", true, parts);
            }
        }
        for part in others {
            let part = self.part(part);
            self.add("user", false, part);
        }
        // Who says nothing still had his turn: what the model said before and after it is not one text.
        if self.turns.last().is_some_and(|turn| turn.role == "model") {
            self.add("user", false, [Wire::text(" ")]);
        }
    }

    fn model(&mut self, message: Message) -> Result<(), Error> {
        for part in message.parts {
            let part = match part {
                Part::ToolCall(call) => Some(self.call(call)?),
                part => self.part(part),
            };
            self.add("model", false, part);
        }
        Ok(())
    }

    fn part(&self, part: Part) -> Option<Wire> {
        match part {
            Part::Text(Text { text, signature, .. }) => {
                let said = !text.is_empty() || signature.is_some();
                said.then(|| Wire { signature, ..Wire::text(text) })
            }
            Part::Refusal(text) => Some(Wire::text(text)).filter(|part| part.text.as_deref() != Some("")),
            Part::Media(media) => Some(self.media(media)),
            Part::Thinking(thought) => own_thought(thought),
            Part::Native { family: Family::Gemini, value } => serde_json::from_str(value.text()).ok(),
            Part::Native { .. } | Part::ToolCall(_) | Part::ToolResult(_) => None,
        }
    }

    /// Newer models are told for each of the media how well to look.
    fn media(&self, media: Media) -> Wire {
        let word = media::resolution(media.detail.as_deref().into_iter()).filter(|_| self.third);
        let mut part = media::to_part(media);
        let level = word.and_then(|word| Json::of(&serde_json::json!({ "level": word })));
        part.other.extend(level.map(|level| ("media_resolution".to_owned(), level)));
        part
    }

    fn call(&self, call: ToolCall) -> Result<Wire, Error> {
        let args = call.arguments_json().ok_or_else(|| {
            let message = "Invalid parameter: 'messages': the arguments of a tool call are not a JSON object.";
            Error::new(Kind::InvalidParameter, message).param("messages")
        })?;
        let [_, none] = NO_SIGNATURE;
        // Newer models refuse a call without a signature; a call that another model made has none.
        let signature = call.signature.or_else(|| self.third.then(|| none.to_owned()));
        let id = Some(call.id).filter(|_| self.ids);
        let function_call = Some(FunctionCall { id, name: call.name, args: Some(args) });
        Ok(Wire { function_call, signature, ..Wire::default() })
    }

    /// The result, and behind it the media that the tool gave.
    fn result(&self, result: ToolResult) -> Vec<Wire> {
        let mut text = String::new();
        let mut seen = Vec::new();
        for part in result.content {
            match part {
                Part::Text(part) => text.push_str(&part.text),
                Part::Media(media) => match media::to_part(media) {
                    Wire { text: Some(words), .. } => text.push_str(&words),
                    part => seen.push(part),
                },
                _ => {}
            }
        }
        let name = self.names.get(&result.id).cloned().or(result.name).unwrap_or_default();
        let object = Json::parse(text.trim()).filter(Json::is_object);
        let member = if result.is_error == Some(true) { "error" } else { "content" };
        let response = object.or_else(|| Json::of(&serde_json::json!({ member: text })));
        let id = Some(result.id).filter(|_| self.ids);
        let function_response = Some(FunctionResponse { id, name, response, parts: None });
        let result = Wire { function_response, ..Wire::default() };
        std::iter::once(result).chain(seen).collect()
    }
}

/// Thoughts that Gemini had itself, and such as nobody sealed. Others' mean nothing to it.
fn own_thought(thought: Thinking) -> Option<Wire> {
    if thought.family.is_some_and(|family| family != Family::Gemini) {
        return None;
    }
    let said = !thought.text.is_empty() || thought.signature.is_some();
    said.then(|| Wire { thought: true, signature: thought.signature, ..Wire::text(thought.text) })
}
