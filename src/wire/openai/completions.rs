//! Legacy completions on the superset model, for models that only chat: the prompt becomes the one message of the user,
//! the words of the answer become a `text_completion`: <https://platform.openai.com/docs/api-reference/completions>.

use serde::Serialize;
use serde_json::Value;

use super::chat::reply::{Body, Head};
use super::chat::request::{decode_members, missing};
use super::chat::stream::{Frames, string};
use super::request::Request;
use super::stream::error_event;
use crate::error::{Compat, Error, Kind};
use crate::wire::codec::{Stamp, StreamEncoder};
use crate::wire::model::{ChatRequest, Delta, Message, Part, Reply, Role, StreamEvent};
use crate::wire::peek::ValueKind;

/// Members that a chat request does not have, or has with another meaning.
const NOT_IN_CHAT: [&str; 4] = ["echo", "best_of", "suffix", "logprobs"];

/// Reads a client's request.
///
/// # Errors
/// [`Kind::MissingParameter`] without a prompt; [`Kind::InvalidParameter`] when the prompt is not one text, since token
/// ids and several prompts have no counterpart in chat, and as for chat.
pub fn decode_request(request: &Request) -> Result<ChatRequest, Error> {
    let object = request.object();
    let prompt = object.get("prompt").ok_or_else(|| missing("prompt"))?;
    let one = match prompt.kind {
        ValueKind::String => object.text(prompt).map(std::borrow::Cow::into_owned),
        ValueKind::Array => {
            let texts: Option<Vec<String>> = serde_json::from_slice(object.raw(prompt)).ok();
            texts.filter(|texts| texts.len() == 1).and_then(|mut texts| texts.pop())
        }
        _ => None,
    };
    let text = one.ok_or_else(|| {
        let message = "Invalid parameter: 'prompt' must be one text for a chat model.";
        Error::new(Kind::InvalidParameter, message).param("prompt")
    })?;
    let without: Vec<&str> = NOT_IN_CHAT.into_iter().chain(["prompt", "messages"]).collect();
    let mut chat = decode_members(request, &without)?;
    chat.messages = vec![Message::text(Role::User, text)];
    Ok(chat)
}

#[derive(Serialize)]
struct Choice {
    finish_reason: &'static str,
    index: u32,
    text: String,
    logprobs: Option<Value>,
}

/// The answer for a client: its words only.
pub fn encode_reply(mut reply: Reply, stamp: &Stamp) -> Vec<u8> {
    // A member that this older answer has only where it is told among the counters.
    reply.service_tier = reply.service_tier.filter(|_| reply.usage.is_some_and(|usage| usage.tells_cache_reads));
    let head = Head::of(&reply, stamp, "text_completion");
    let words = |part: &Part| match part {
        Part::Text(text) => Some(text.text.clone()),
        _ => None,
    };
    let choice = |choice: &crate::wire::model::Choice| Choice {
        finish_reason: choice.finish.reason.openai(),
        index: choice.index,
        text: choice.parts.iter().filter_map(words).collect(),
        logprobs: None,
    };
    let choices: Vec<Choice> = reply.choices.iter().map(choice).collect();
    // Of types that are JSON: it cannot fail.
    serde_json::to_vec(&Body { head, choices }).unwrap_or_default()
}

/// A stream of `text_completion` chunks for a client.
#[derive(Debug)]
pub struct Encoder {
    frames: Frames,
}

impl Encoder {
    /// A stream that begins.
    pub fn new(stamp: Stamp) -> Self {
        Self { frames: Frames::new(stamp, "text_completion") }
    }

    fn choice(&mut self, choice: u32, text: &str, finish: Option<&'static str>, out: &mut Vec<u8>) {
        self.frames.open(out);
        out.extend_from_slice(b"{\"finish_reason\":");
        match finish {
            Some(reason) => string(out, reason),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"index\":");
        out.extend_from_slice(choice.to_string().as_bytes());
        out.extend_from_slice(b",\"text\":");
        string(out, text);
        out.extend_from_slice(b",\"logprobs\":null}");
        Frames::close(out);
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Start { id, created, extra, model: _ } => self.frames.start(id, created, &extra),
            StreamEvent::Delta { choice, delta: Delta::Text(text) } if !text.is_empty() => {
                self.choice(choice, &text, None, out)
            }
            StreamEvent::Delta { choice, delta: Delta::Part(Part::Text(text)) } => {
                self.choice(choice, &text.text, None, out);
            }
            StreamEvent::Finish { choice, finish } => self.choice(choice, "", Some(finish.reason.openai()), out),
            StreamEvent::Usage(usage) => self.frames.usage(usage),
            StreamEvent::Delta { .. } | StreamEvent::PartEnd { .. } | StreamEvent::Extra(_) | StreamEvent::End => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.frames.finish(out);
    }

    fn fail(&mut self, error: &Error, compat: Compat, out: &mut Vec<u8>) {
        out.extend_from_slice(&error_event(error, compat));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::wire::codec::Ids;
    use crate::wire::model::{Choice as Answer, Finish};
    use crate::wire::usage::Usage;

    fn decode(body: &'static str) -> Result<ChatRequest, Error> {
        decode_request(&Request::parse(Bytes::from_static(body.as_bytes())).unwrap())
    }

    fn stamp() -> Stamp {
        Stamp { ids: Ids(1), created: 7, model: "claude".into(), include_usage: true, ..Stamp::default() }
    }

    #[test]
    fn the_prompt_is_the_one_message() {
        let chat =
            decode(r#"{"model":"claude","prompt":["h\u0069"],"max_tokens":5,"echo":true,"logprobs":2}"#).unwrap();
        assert_eq!(chat.messages, [Message::text(Role::User, "hi")]);
        assert_eq!((chat.sampling.max_tokens, chat.sampling.logprobs, chat.extra.len()), (Some(5), None, 0));
        let cases = [
            ("{}", Kind::MissingParameter),
            (r#"{"prompt":["a","b"]}"#, Kind::InvalidParameter),
            (r#"{"prompt":[1,2]}"#, Kind::InvalidParameter),
            (r#"{"prompt":null}"#, Kind::InvalidParameter),
            (r#"{"prompt":"a","temperature":"hot"}"#, Kind::InvalidParameter),
        ];
        for (body, kind) in cases {
            assert_eq!(decode(body).unwrap_err().kind, kind, "{body}");
        }
    }

    #[test]
    fn the_answer_is_words() {
        let thought = Part::Thinking(crate::wire::model::Thinking { text: "hm".into(), ..Default::default() });
        let parts = vec![thought, Part::text("Hello "), Part::text("you")];
        let reply = Reply {
            choices: vec![Answer { parts, ..Answer::default() }],
            usage: Some(Usage::of_tokens(18, 7)),
            ..Reply::default()
        };
        let json: Value = serde_json::from_slice(&encode_reply(reply, &stamp())).unwrap();
        let expected = json!({
            "id": "chatcmpl-00000000-0000-0000-0000-000000000001", "object": "text_completion", "created": 7,
            "model": "claude",
            "choices": [{"finish_reason": "stop", "index": 0, "text": "Hello you", "logprobs": null}],
            "usage": {"completion_tokens": 7, "prompt_tokens": 18, "total_tokens": 25},
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_stream_is_words_too() {
        let delta = |delta| StreamEvent::Delta { choice: 0, delta };
        let events = [
            StreamEvent::Start { id: Some("c".into()), model: None, created: None, extra: Default::default() },
            delta(Delta::Thinking("hm".into())),
            delta(Delta::Text("H\"i".into())),
            StreamEvent::Finish { choice: 0, finish: Finish::default() },
            StreamEvent::Usage(Usage::of_tokens(1, 2)),
            StreamEvent::End,
        ];
        let (mut encoder, mut out) = (Encoder::new(stamp()), Vec::new());
        events.into_iter().for_each(|event| encoder.event(event, &mut out));
        encoder.finish(&mut out);
        let head = r#"data: {"id":"c","object":"text_completion","created":7,"model":"claude","choices":["#;
        let expected = [
            r#"{"finish_reason":null,"index":0,"text":"H\"i","logprobs":null}]}"#,
            r#"{"finish_reason":"stop","index":0,"text":"","logprobs":null}]}"#,
            r#"],"usage":{"completion_tokens":2,"prompt_tokens":1,"total_tokens":3}}"#,
        ];
        let expected: String = expected.iter().map(|rest| format!("{head}{rest}\n\n")).collect();
        assert_eq!(String::from_utf8(out).unwrap(), expected + "data: [DONE]\n\n");
    }
}
