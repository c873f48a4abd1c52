//! An answer of `/api/chat` or `/api/generate` (<https://github.com/ollama/ollama/blob/main/docs/api.md>).

use super::errors;
use super::text::{Reader, Word};
use super::types::Answer;
use crate::error::{Error, Kind};
use crate::wire::codec::Ids;
use crate::wire::model::{Choice, Family, Json, Part, Reply, Thinking};

/// Reads the answer to a request that was not for a stream.
///
/// # Errors
/// [`Kind::GarbledAnswer`], and what Ollama reports as `error`.
pub fn decode_reply(body: &[u8], ids: &Ids) -> Result<Reply, Error> {
    decode(body, Reader::new(*ids, false))
}

/// The same for a prompt that describes tools: an answer that is a call, or several, in JSON is a call.
///
/// # Errors
/// As [`decode_reply`].
pub fn decode_prompted_reply(body: &[u8], ids: &Ids) -> Result<Reply, Error> {
    decode(body, Reader::new(*ids, true))
}

fn decode(body: &[u8], mut reader: Reader) -> Result<Reply, Error> {
    let mut answer = parse(body)?;
    if answer.message.is_none() && answer.response.is_none() {
        return Err(Error::new(Kind::GarbledAnswer, "The provider sent an answer without a message."));
    }
    // Whole answers are done, also those of servers that do not say so.
    answer.done = true;
    let mut parts: Vec<Part> = Vec::new();
    for word in reader.read(&mut answer) {
        match word {
            Word::Thought(text) => {
                parts.push(Part::Thinking(Thinking { text, family: Some(Family::Ollama), ..Thinking::default() }));
            }
            Word::Said(text) => parts.push(Part::text(text)),
            Word::Call(call) => parts.push(Part::ToolCall(call)),
        }
    }
    let usage = answer.usage();
    let logprobs = answer.logprobs.as_ref().and_then(logprobs);
    let finish = reader.finish(answer.done_reason);
    let choices = vec![Choice { index: 0, parts, finish, logprobs }];
    Ok(Reply { model: answer.model, choices, usage, ..Reply::default() })
}

/// Reads an answer or a line of one.
pub(super) fn parse(body: &[u8]) -> Result<Answer, Error> {
    let garbled = |error: serde_json::Error| {
        Error::new(Kind::GarbledAnswer, "The provider sent an unreadable answer.").detail(error.to_string())
    };
    let answer: Answer = serde_json::from_slice(body).map_err(garbled)?;
    match answer.error {
        Some(_) => Err(errors::in_answer(body)),
        None => Ok(answer),
    }
}

/// Ollama has OpenAI's list, without the object around it.
pub(super) fn logprobs(list: &Json) -> Option<Json> {
    Json::parse(&format!("{{\"content\":{}}}", list.text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::model::{FinishReason, ToolCall};
    use crate::wire::usage::Usage;

    fn thought(text: &str) -> Part {
        Part::Thinking(Thinking { text: text.into(), family: Some(Family::Ollama), ..Thinking::default() })
    }

    fn call(id: String, arguments: &str) -> Part {
        Part::ToolCall(ToolCall { id, name: "f".into(), arguments: arguments.into(), ..ToolCall::default() })
    }

    #[track_caller]
    fn check(reply: Result<Reply, Error>, parts: &[Part], reason: FinishReason) -> Reply {
        let reply = reply.unwrap();
        assert_eq!(reply.choices[0].parts, parts);
        assert_eq!(reply.choices[0].finish.reason, reason);
        reply
    }

    #[test]
    fn chat_and_generate_are_read_alike() {
        let counts = r#""done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":7"#;
        for body in [
            format!(r#"{{"model":"m","message":{{"role":"assistant","thinking":"hm","content":"so"}},{counts}}}"#),
            format!(r#"{{"model":"m","response":"so","thinking":"hm",{counts}}}"#),
            format!(r#"{{"model":"m","response":"<think>hm</think>so",{counts}}}"#),
        ] {
            let parts = [thought("hm"), Part::text("so")];
            let reply = check(decode_reply(body.as_bytes(), &Ids(1)), &parts, FinishReason::Stop);
            assert_eq!((reply.usage, reply.model.as_deref()), (Some(Usage::of_tokens(11, 7)), Some("m")), "{body}");
        }
        let cut = br#"{"message":{"content":"so"},"done_reason":"length","logprobs":[{"token":"so"}]}"#;
        let reply = check(decode_reply(cut, &Ids(1)), &[Part::text("so")], FinishReason::Length);
        let logprobs = reply.choices[0].logprobs.as_ref().map(Json::text);
        assert_eq!((logprobs, reply.usage), (Some(r#"{"content":[{"token":"so"}]}"#), None));
    }

    #[test]
    fn calls_are_asked_natively_or_as_text() {
        let ids = Ids(1);
        let native = br#"{"message":{"content":"","tool_calls":[
            {"function":{"name":"f","arguments":{"x": 1}}},
            {"id":"own","function":{"name":"f","arguments":"{\"x\": 2}"}},
            {"function":{"name":"f"}}]},"done":true,"done_reason":"stop"}"#;
        let parts = [call(ids.uuid(0), "{\"x\": 1}"), call("own".into(), "{\"x\": 2}"), call(ids.uuid(2), "")];
        check(decode_reply(native, &ids), &parts, FinishReason::ToolCalls);
        let text = "{\"name\": \"f\", \"arguments\": {\"x\": 1}}";
        let prompted = serde_json::json!({"response": text, "done": true}).to_string();
        let asked = call(format!("call_{}", ids.uuid(0)), "{\"x\": 1}");
        check(decode_prompted_reply(prompted.as_bytes(), &ids), &[asked], FinishReason::ToolCalls);
        check(decode_reply(prompted.as_bytes(), &ids), &[Part::text(text)], FinishReason::Stop);
        let plain = br#"{"response":"Hello","done":true}"#;
        check(decode_prompted_reply(plain, &ids), &[Part::text("Hello")], FinishReason::Stop);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for (body, kind) in [
            ("<html>", Kind::GarbledAnswer),
            ("{}", Kind::GarbledAnswer),
            (r#"{"error":"model 'x' not found"}"#, Kind::NotFound),
        ] {
            assert_eq!(decode_reply(body.as_bytes(), &Ids(1)).unwrap_err().kind, kind, "{body}");
        }
    }
}
