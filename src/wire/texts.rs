//! The texts of a request and of an answer, for whoever counts their tokens where the provider did not.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::anthropic::Hosting;
use super::anthropic::count_tokens::media_tokens;
use super::codec::Ids;
use super::dialects::{ClientDialect, ProviderDialect};
use super::model::{ChatRequest, Part, Role, Tool, ToolKind};
use super::openai::request::Request;
use super::{anthropic, gemini, openai, responses, tap};

/// What a model gets to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Turns of a conversation; none where there is only text, as in embeddings.
    pub messages: u64,
    /// What stands in them: roles, names, words, tools.
    pub texts: Vec<String>,
    /// Tokens of what is no text: images, sound, token ids.
    pub other_tokens: u64,
}

/// A string of an answer that is longer than this without a space in its beginning is base64 and no text.
const LONGEST_WORD: usize = 1024;

impl Prompt {
    /// Of a client's request in words. A request that our decoder does not understand is told by its length alone, with
    /// `bytes_a_token`.
    pub fn of_request(dialect: ClientDialect, request: &Request, bytes_a_token: u64) -> Self {
        if dialect == ClientDialect::Completions {
            return Self::of_input(request, "prompt");
        }
        match dialect.decode_request(request) {
            Ok(chat) => Self::of_chat(&chat),
            Err(_) => {
                Self { messages: 1, texts: Vec::new(), other_tokens: request.unquoted_bytes().div_ceil(bytes_a_token) }
            }
        }
    }

    /// Of a conversation.
    pub fn of_chat(chat: &ChatRequest) -> Self {
        let mut prompt = Self { messages: chat.messages.len() as u64, ..Self::default() };
        for message in &chat.messages {
            prompt.say(role(message.role));
            message.name.iter().for_each(|name| prompt.say(name));
            prompt.parts(&message.parts);
        }
        chat.tools.iter().for_each(|tool| prompt.tool(tool));
        prompt
    }

    /// Of a member that is a text, a list of texts, or token ids in one list or several: `prompt`, `input`.
    pub fn of_input(request: &Request, name: &str) -> Self {
        let object = request.object();
        let input = object.get(name).and_then(|input| serde_json::from_slice(object.raw(input)).ok());
        let mut prompt = Self::default();
        prompt.input(input.unwrap_or_default());
        prompt
    }

    fn input(&mut self, input: Value) {
        match input {
            Value::String(text) if text.starts_with("data:") => {}
            Value::String(text) => self.texts.push(text),
            Value::Number(_) => self.other_tokens += 1,
            Value::Array(inputs) => inputs.into_iter().for_each(|input| self.input(input)),
            Value::Object(mut part) => self.input(part.remove("text").unwrap_or_default()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn say(&mut self, text: &str) {
        if !text.is_empty() {
            self.texts.push(text.to_owned());
        }
    }

    fn parts(&mut self, parts: &[Part]) {
        parts.iter().for_each(|part| self.part(part));
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text(said) => self.say(&said.text),
            Part::Refusal(said) => self.say(said),
            Part::Thinking(thought) => self.say(&thought.text),
            Part::ToolCall(call) => {
                self.say(&call.name);
                self.say(&call.arguments);
            }
            Part::ToolResult(result) => self.parts(&result.content),
            Part::Native { value, .. } => self.say(value.text()),
            Part::Media(media) => match media.text() {
                Some(text) => self.say(text),
                None => self.other_tokens += media_tokens(media),
            },
        }
    }

    fn tool(&mut self, tool: &Tool) {
        match &tool.kind {
            ToolKind::Function { name, description, parameters, .. } => {
                self.say(name);
                self.say(description.as_deref().unwrap_or_default());
                self.say(parameters.as_ref().map_or("", |schema| schema.text()));
            }
            ToolKind::Native { value, .. } => self.say(value.text()),
        }
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// What these parts say.
pub fn of_parts(parts: &[Part]) -> Vec<String> {
    let mut said = Prompt::default();
    said.parts(parts);
    said.texts
}

/// What a whole answer in the client's dialect says; it may stand there as the events of a stream. `None`: it cannot be read.
pub fn of_answer(dialect: ClientDialect, body: &Bytes) -> Option<Vec<String>> {
    if body.first() != Some(&b'{') {
        return of_events(dialect, body.clone());
    }
    let same = match dialect {
        ClientDialect::Completions => return of_completion(body),
        ClientDialect::ChatCompletions => ProviderDialect::ChatCompletions,
        ClientDialect::Responses => ProviderDialect::Responses,
        ClientDialect::Messages => ProviderDialect::Messages(Hosting::Own),
        ClientDialect::GenerateContent { .. } => ProviderDialect::GenerateContent,
    };
    let reply = same.decode_reply(body, Ids::default(), false).ok()?;
    Some(reply.choices.iter().flat_map(|choice| of_parts(&choice.parts)).collect())
}

fn of_events(dialect: ClientDialect, body: Bytes) -> Option<Vec<String>> {
    fn heard<R: tap::Reader>(mut tap: tap::Tap<R>, body: Bytes) -> Option<Vec<String>> {
        tap.feed(body, &mut Vec::new()).ok()?;
        Some(tap.said().texts())
    }
    match dialect {
        ClientDialect::ChatCompletions | ClientDialect::Completions => {
            heard(openai::stream::Tap::new(openai::stream::TapRules::default()), body)
        }
        ClientDialect::Messages => heard(anthropic::pass::Tap::new(anthropic::pass::TapRules::default()), body),
        ClientDialect::Responses => heard(responses::pass::Tap::new(responses::pass::TapRules::default()), body),
        ClientDialect::GenerateContent { .. } => {
            let mut tap = gemini::pass::Tap::new();
            tap.feed(body, &mut Vec::new()).ok()?;
            Some(tap.said().texts())
        }
    }
}

#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    choices: Vec<CompletionChoice<'a>>,
}

#[derive(Deserialize)]
struct CompletionChoice<'a> {
    #[serde(borrow, default)]
    text: Cow<'a, str>,
}

fn of_completion(body: &[u8]) -> Option<Vec<String>> {
    let completion: Completion<'_> = serde_json::from_slice(body).ok()?;
    Some(completion.choices.into_iter().map(|choice| choice.text.into_owned()).collect())
}

/// How much of an answer is text and its frame, without base64: a look at the quotes and no more, for whoever has no time to
/// read it. A request knows it of itself ([`Request::unquoted_bytes`]).
pub fn text_bytes(json: &[u8]) -> u64 {
    let is_data = |piece: &[u8]| {
        piece.get(..LONGEST_WORD).is_some_and(|start| piece.len() > LONGEST_WORD && !start.contains(&b' '))
    };
    let mut start = 0;
    let mut sum = 0;
    for end in memchr::memchr_iter(b'"', json).chain([json.len()]) {
        let piece = json.get(start..end).unwrap_or_default();
        if !is_data(piece) {
            sum += piece.len() as u64;
        }
        start = end + 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Stamp;
    use crate::wire::model::{Choice, Reply};
    use crate::wire::translation::events_of;

    fn request(body: &str) -> Request {
        Request::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    #[test]
    fn every_dialect_says_the_same() {
        let words = ["system", "Be brief.", "user", "Hi"];
        for (dialect, body) in [
            (
                ClientDialect::ChatCompletions,
                r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]}"#,
            ),
            (
                ClientDialect::Messages,
                r#"{"model":"m","max_tokens":5,"system":"Be brief.","messages":[{"role":"user","content":"Hi"}]}"#,
            ),
            (ClientDialect::Responses, r#"{"model":"m","instructions":"Be brief.","input":"Hi"}"#),
            (
                ClientDialect::GenerateContent { array: false },
                r#"{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#,
            ),
        ] {
            let prompt = Prompt::of_request(dialect, &request(body), 4);
            assert_eq!((prompt.messages, prompt.texts.as_slice()), (2, &words.map(str::to_owned)[..]), "{dialect:?}");
        }
    }

    #[test]
    fn tools_images_and_results_count() {
        let body = r#"{"model":"m","messages":[
            {"role":"user","name":"Ann","content":[{"type":"text","text":"Look"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},
            {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},
            {"role":"tool","tool_call_id":"c","content":"seen"}],
            "tools":[{"type":"function","function":{"name":"f","description":"Does.","parameters":{"type":"object"}}}]}"#;
        let prompt = Prompt::of_request(ClientDialect::ChatCompletions, &request(body), 4);
        let texts = ["user", "Ann", "Look", "assistant", "f", "{\"x\":1}", "user", "seen", "f", "Does."];
        assert_eq!(prompt.texts.iter().take(10).collect::<Vec<_>>(), texts);
        assert_eq!((prompt.texts.len(), prompt.messages), (11, 3));
        assert!(prompt.other_tokens > 0);
        let bad = Prompt::of_request(ClientDialect::ChatCompletions, &request(r#"{"messages":"no list"}"#), 4);
        assert_eq!((bad.texts.len(), bad.other_tokens), (0, 5));
    }

    #[test]
    fn inputs_are_texts_and_token_ids() {
        let of = |input: &str| {
            let prompt = Prompt::of_input(&request(&format!("{{\"input\":{input}}}")), "input");
            (prompt.texts.concat(), prompt.other_tokens, prompt.messages)
        };
        assert_eq!(of(r#""a b""#), ("a b".to_owned(), 0, 0));
        assert_eq!(of(r#"["a","b",{"type":"text","text":"c"}]"#), ("abc".to_owned(), 0, 0));
        assert_eq!(of("[[1,2],[3]]"), (String::new(), 3, 0));
        assert_eq!(of(r#""data:image/png;base64,AAAA""#), (String::new(), 0, 0));
        let legacy = request(r#"{"model":"m","prompt":["a","b"]}"#);
        assert_eq!(Prompt::of_request(ClientDialect::Completions, &legacy, 4).texts, ["a", "b"]);
    }

    #[test]
    fn answers_are_read_in_the_clients_dialect() {
        for (dialect, body, said) in [
            (
                ClientDialect::ChatCompletions,
                r#"{"choices":[{"message":{"role":"assistant","reasoning_content":"hm","content":"Hi",
                    "tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}}]}"#,
                "hm|Hi|f|{}",
            ),
            (ClientDialect::Completions, r#"{"choices":[{"text":"Hi"},{"text":"Ho"}]}"#, "Hi|Ho"),
            (
                ClientDialect::Messages,
                r#"{"content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Hi"}]}"#,
                "hm|Hi",
            ),
            (
                ClientDialect::GenerateContent { array: false },
                r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}]}"#,
                "Hi",
            ),
            (
                ClientDialect::Responses,
                r#"{"id":"r","status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}]}"#,
                "Hi",
            ),
        ] {
            let body = Bytes::from_static(body.as_bytes());
            assert_eq!(of_answer(dialect, &body).unwrap().join("|"), said, "{dialect:?}");
        }
        let no_answer = Bytes::from_static(b"{\"choices\":5}");
        assert_eq!(of_answer(ClientDialect::Completions, &no_answer), None);
    }

    #[test]
    fn an_answer_of_events_is_heard() {
        let choice = Choice { parts: vec![Part::text("Hi"), Part::text(" you")], ..Choice::default() };
        let reply = Reply { choices: vec![choice], ..Reply::default() };
        for dialect in [
            ClientDialect::ChatCompletions,
            ClientDialect::Completions,
            ClientDialect::Messages,
            ClientDialect::Responses,
            ClientDialect::GenerateContent { array: false },
            ClientDialect::GenerateContent { array: true },
        ] {
            let mut encoder = dialect.encoder(Stamp::default());
            let mut body = Vec::new();
            events_of(reply.clone()).into_iter().for_each(|event| encoder.event(event, &mut body));
            encoder.finish(&mut body);
            assert_eq!(of_answer(dialect, &body.into()).unwrap().concat(), "Hi you", "{dialect:?}");
        }
    }

    #[test]
    fn base64_is_no_text() {
        let image = "A".repeat(5_000);
        let words = "many words ".repeat(500);
        assert_eq!(text_bytes(format!(r#"{{"a":"{image}"}}"#).as_bytes()), 4);
        assert!(text_bytes(format!(r#"{{"a":"{words}"}}"#).as_bytes()) > 5_000);
    }
}
