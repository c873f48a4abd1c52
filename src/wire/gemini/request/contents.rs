//! A conversation as clients of Gemini hold it.
//!
//! Their calls and results often have no ids and pair by name and order; here each pair gets an id that is the same at
//! each turn of the conversation. They gather a stream's pieces as they came, so pieces are put together again: thoughts
//! up to the seal that ends them, words up to something else.

use super::{read, wrong};
use crate::error::Error;
use crate::wire::codec::Ids;
use crate::wire::gemini::types::{FunctionCall, FunctionResponse, Part as Wire};
use crate::wire::gemini::{answer, media, seal};
use crate::wire::model::{Json, Media, Message, Part, Role, Text, ToolCall, ToolResult};

const PARAM: &str = "contents";

/// Signatures that say "there is none": Google documents the first, LiteLLM sends the second.
pub const NO_SIGNATURE: [&str; 2] =
    ["skip_thought_signature_validator", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="];

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Content {
    role: Option<String>,
    parts: Option<Json>,
}

/// `contents`: a list of turns, one turn, parts, or words.
///
/// # Errors
/// [`crate::error::Kind::InvalidParameter`]: it is none of these.
pub fn contents(raw: &str) -> Result<Vec<Message>, Error> {
    let mut pairs = Pairs::default();
    let mut messages: Vec<Message> = Vec::new();
    for turn in elements(raw)? {
        let (role, parts) = turn_of(&turn)?;
        // A stream's events are turns of the model to the SDK that gathers them.
        let goes_on = messages.last().is_some_and(|last| role == Role::Assistant && last.role == role);
        let open = messages.pop_if(|_| goes_on);
        let mut message = open.unwrap_or_else(|| Message::new(role, Vec::new()));
        for part in parts {
            add(&mut message, part, &mut pairs);
        }
        if !message.parts.is_empty() {
            messages.push(message);
        }
    }
    Ok(messages)
}

/// `systemInstruction`: as one of `contents`, in words.
pub fn instruction(raw: &str) -> Result<Option<Message>, Error> {
    let mut message = Message::new(Role::System, Vec::new());
    for element in elements(raw)? {
        for part in turn_of(&element)?.1 {
            message.parts.extend(part.text.filter(|text| !text.is_empty()).map(Part::text));
        }
    }
    Ok(Some(message).filter(|message| !message.parts.is_empty()))
}

/// The elements of a list; anything else is a list of one.
fn elements(raw: &str) -> Result<Vec<Json>, Error> {
    if raw.trim_start().starts_with('[') {
        return read(raw, PARAM);
    }
    Ok(vec![read(raw, PARAM)?])
}

fn turn_of(json: &Json) -> Result<(Role, Vec<Wire>), Error> {
    let text = json.text();
    if !json.is_object() {
        return Ok((Role::User, vec![part_of(json)?]));
    }
    let content: Content = read(text, PARAM)?;
    let role = match content.role.as_deref() {
        Some("model" | "assistant") => Role::Assistant,
        Some("system") => Role::System,
        _ => Role::User,
    };
    let parts = match content.parts {
        Some(parts) => elements(parts.text())?.iter().map(part_of).collect::<Result<_, _>>()?,
        None if content.role.is_some() => Vec::new(),
        None => vec![part_of(json)?],
    };
    Ok((role, parts))
}

fn part_of(json: &Json) -> Result<Wire, Error> {
    match json.text().chars().next() {
        Some('"') => Ok(Wire::text(read::<String>(json.text(), PARAM)?)),
        Some('{') => read(json.text(), PARAM),
        _ => Err(wrong(PARAM, &"a part must be an object or a string")),
    }
}

fn add(message: &mut Message, part: Wire, pairs: &mut Pairs) {
    let signature = part.signature.filter(|signature| !NO_SIGNATURE.contains(&signature.as_str()));
    let answers = message.role == Role::Assistant;
    if let Some(call) = part.function_call {
        message.parts.push(Part::ToolCall(pairs.call(call, signature)));
    } else if let Some(result) = part.function_response {
        message.parts.push(Part::ToolResult(pairs.result(result)));
    } else if let Some(blob) = part.inline_data {
        add_media(message, media::of_blob(blob, part.other));
    } else if let Some(file) = part.file_data {
        add_media(message, media::of_file(file, part.other));
    } else if let Some(text) =
        part.text.or_else(|| signature.as_ref().map(|_| String::new()).filter(|_| part.other.is_empty()))
    {
        match message.parts.last_mut().filter(|_| answers) {
            Some(Part::Thinking(open)) if part.thought && open.signature.is_none() && open.sealed.is_none() => {
                let whole = std::mem::take(&mut open.text) + &text;
                *open = seal::inwards(whole, signature);
            }
            _ if part.thought => message.parts.push(Part::Thinking(seal::inwards(text, signature))),
            Some(Part::Text(open)) if open.signature.is_none() => {
                open.text.push_str(&text);
                open.signature = signature;
            }
            _ if text.is_empty() && answers && signature.is_none() => {}
            _ => message.parts.push(Part::Text(Text { signature, ..Text::plain(text) })),
        }
    } else if !part.other.is_empty() {
        let whole = Wire { signature, thought: part.thought, other: part.other, ..Wire::default() };
        message.parts.extend(answer::native(&whole));
    }
}

/// What stands behind a tool's result is what the tool gave besides: Gemini's agents have no other place for it.
fn add_media(message: &mut Message, media: Media) {
    match message.parts.last_mut() {
        Some(Part::ToolResult(result)) => result.content.push(Part::Media(media)),
        _ => message.parts.push(Part::Media(media)),
    }
}

/// Calls and who answered them.
#[derive(Default)]
struct Pairs {
    calls: Vec<Asked>,
    made: u32,
}

struct Asked {
    name: String,
    id: String,
    /// The client gave it.
    named: bool,
    answered: bool,
}

impl Pairs {
    /// Ids that depend on the place in the conversation only.
    fn make(&mut self) -> String {
        let id = Ids::default().tool_call(self.made);
        self.made += 1;
        id
    }

    fn call(&mut self, call: FunctionCall, signature: Option<String>) -> ToolCall {
        let given = call.id.filter(|id| !id.is_empty());
        let named = given.is_some();
        let id = given.unwrap_or_else(|| self.make());
        self.calls.push(Asked { name: call.name.clone(), id: id.clone(), named, answered: false });
        let arguments = call.args.map(|args| args.text().to_owned()).unwrap_or_default();
        ToolCall { id, name: call.name, arguments, signature, ..ToolCall::default() }
    }

    fn result(&mut self, result: FunctionResponse) -> ToolResult {
        let given = result.id.filter(|id| !id.is_empty());
        let id = match given {
            Some(id) if self.calls.iter().any(|call| call.id == id) => id,
            // An id that no call has: the call has none, or is no longer in the conversation.
            Some(id) => self.waiting(&result.name, false).unwrap_or(id),
            None => self.waiting(&result.name, true).unwrap_or_else(|| self.make()),
        };
        if let Some(call) = self.calls.iter_mut().find(|call| call.id == id) {
            call.answered = true;
        }
        let text = result.response.as_ref().map(said).unwrap_or_default();
        let failed = result.response.is_some_and(|response| is_failure(&response));
        let mut content = vec![Part::text(text)];
        for part in result.parts.into_iter().flatten() {
            content.extend(part.inline_data.map(|blob| Part::Media(media::of_blob(blob, Vec::new()))));
            content.extend(part.file_data.map(|file| Part::Media(media::of_file(file, Vec::new()))));
        }
        let name = Some(result.name).filter(|name| !name.is_empty());
        ToolResult { id, name, content, is_error: failed.then_some(true), ..ToolResult::default() }
    }

    /// The first call of this name without an answer.
    fn waiting(&self, name: &str, also_named: bool) -> Option<String> {
        let fits = |call: &&Asked| call.name == name && !call.answered && (also_named || !call.named);
        self.calls.iter().find(fits).map(|call| call.id.clone())
    }
}

/// Google's SDKs wrap a text as the only member of an object, because a response must be one; elsewhere it is a text again.
fn said(response: &Json) -> String {
    let members: Option<super::Members> = serde_json::from_str(response.text()).ok();
    let wrapped = members.and_then(|members| match members.0.as_slice() {
        [(name, value)] if WRAPPERS.contains(&name.as_str()) => serde_json::from_str::<String>(value.text()).ok(),
        _ => None,
    });
    wrapped.unwrap_or_else(|| response.text().to_owned())
}

/// Names of that member: the Python SDK's, the documentation's, LiteLLM's, and that of a failure.
const WRAPPERS: [&str; 4] = ["result", "output", "content", "error"];

/// Google's convention: a failure is the only member `error`.
fn is_failure(response: &Json) -> bool {
    let members: Option<super::Members> = serde_json::from_str(response.text()).ok();
    members.is_some_and(|members| matches!(members.0.as_slice(), [(name, _)] if name == "error"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::model::Family;

    fn parts(raw: &str) -> Vec<Part> {
        contents(raw).unwrap().into_iter().flat_map(|message| message.parts).collect()
    }

    #[test]
    fn all_that_the_sdks_call_contents_is_read() {
        let hi = vec![Message::text(Role::User, "hi")];
        for raw in [
            r#""hi""#,
            r#"["hi"]"#,
            r#"{"text":"hi"}"#,
            r#"[{"text":"hi"}]"#,
            r#"{"parts":{"text":"hi"}}"#,
            r#"[{"role":"user","parts":["hi"]}]"#,
            r#"[{"role":null,"parts":[{"text":"hi","thought":null}]}]"#,
        ] {
            assert_eq!(contents(raw).unwrap(), hi, "{raw}");
        }
        for raw in ["5", "[[]]", r#"[{"parts":[5]}]"#, r#"[{"parts":[{"text":5}]}]"#] {
            assert!(contents(raw).is_err(), "{raw}");
        }
        assert_eq!(instruction(r#"{"parts":[{"text":"sys"}]}"#).unwrap(), Some(Message::text(Role::System, "sys")));
        assert_eq!(instruction("\"\"").unwrap(), None);
    }

    #[test]
    fn calls_and_results_pair() {
        let ids = |raw: &str| -> Vec<String> {
            let id = |part| match part {
                Part::ToolCall(call) => Some(call.id),
                Part::ToolResult(result) => Some(result.id),
                _ => None,
            };
            parts(raw).into_iter().filter_map(id).collect()
        };
        let made = |n| Ids::default().tool_call(n);
        let by_order = r#"[{"role":"model","parts":[{"functionCall":{"name":"a"}},{"function_call":{"name":"b"}},
            {"functionCall":{"name":"a"}}]},{"role":"user","parts":[{"functionResponse":{"name":"b"}},
            {"functionResponse":{"name":"a"}},{"function_response":{"name":"a","id":"unknown"}}]}]"#;
        assert_eq!(ids(by_order), [made(0), made(1), made(2), made(1), made(0), made(2)]);
        let by_id = r#"[{"role":"model","parts":[{"functionCall":{"name":"a","id":"1"}},{"functionCall":{"name":"a","id":"2"}}]},
            {"role":"user","parts":[{"functionResponse":{"name":"a","id":"2"}},{"functionResponse":{"name":"a"}}]}]"#;
        assert_eq!(ids(by_id), ["1", "2", "2", "1"]);
        assert_eq!(ids(r#"[{"parts":[{"functionResponse":{"name":"gone","id":"9"}}]}]"#), ["9"]);
    }

    #[test]
    fn a_streams_pieces_are_put_together() {
        let turn = |part: &str| format!(r#"{{"role":"model","parts":[{part}]}}"#);
        let turns = [r#"{"text":"h","thought":true}"#, r#"{"text":"a"}"#, r#"{"text":"b"}"#].map(turn).join(",");
        let thought = Part::Thinking(seal::inwards("h".into(), None));
        let whole = Message::new(Role::Assistant, vec![thought, Part::text("ab")]);
        assert_eq!(contents(&format!("[{turns}]")).unwrap(), [whole]);
        let raw = r#"[{"role":"model","parts":[{"text":"h","thought":true},{"text":"m","thought":true},
            {"text":"","thought":true,"thoughtSignature":"c2ln"},{"text":"next","thought":true},{"text":"a"},
            {"text":"b"},{"text":"","thoughtSignature":"dGV4dA=="},{"executableCode":{"code":"1"}}]}]"#;
        let thought =
            |text: &str, seal: Option<&str>| Part::Thinking(seal::inwards(text.into(), seal.map(str::to_owned)));
        let text = Text { signature: Some("dGV4dA==".into()), ..Text::plain("ab") };
        let code = Json::parse(r#"{"executableCode":{"code":"1"}}"#).unwrap();
        let native = Part::Native { family: Family::Gemini, value: code };
        assert_eq!(parts(raw), [thought("hm", Some("c2ln")), thought("next", None), Part::Text(text), native]);
    }

    #[test]
    fn a_failure_is_known() {
        let raw = r#"[{"parts":[{"functionResponse":{"name":"a","response":{"error":"no"}}}]}]"#;
        let [Part::ToolResult(result)] = &parts(raw)[..] else { panic!() };
        assert_eq!((result.is_error, &result.content), (Some(true), &vec![Part::text("no")]));
    }

    #[test]
    fn a_wrapped_text_is_a_text_again() {
        for (response, text) in [
            (r#"{"result": "21 °C"}"#, "21 °C"),
            (r#"{"output":"a\nb"}"#, "a\nb"),
            (r#"{"result": 21}"#, r#"{"result": 21}"#),
            (r#"{"result":"a","unit":"b"}"#, r#"{"result":"a","unit":"b"}"#),
        ] {
            let raw = format!(r#"[{{"parts":[{{"functionResponse":{{"name":"a","response":{response}}}}}]}}]"#);
            let [Part::ToolResult(result)] = &parts(&raw)[..] else { panic!() };
            assert_eq!(result.content, [Part::text(text)], "{response}");
        }
    }
}
