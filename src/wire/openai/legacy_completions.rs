//! `/completions` on a provider that has only `/chat/completions`, as LiteLLM bridges it: the prompt becomes one user
//! message, the answer becomes a `text_completion`.
//!
//! All other members are carried through, but for those that chat has not or means otherwise: `echo`, `best_of`,
//! `suffix`, `logprobs` (a number there, a boolean here). LiteLLM reports zero usage in streams; the true one is kept.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::request::Request;
use crate::error::{Error, Kind};
use crate::wire::peek::{Member, ValueKind, elements_at};
use crate::wire::splice::Splice;
use crate::wire::sse::{Decoder, Event, TooLong};

/// Members that a chat request does not have, or has with another meaning.
const NOT_IN_CHAT: [&[u8]; 4] = [b"echo", b"best_of", b"suffix", b"logprobs"];

/// The chat body for a completions body. `MissingParameter` without a prompt; `InvalidParameter` when the prompt is
/// not one text: token ids and several prompts have no counterpart in chat.
pub fn to_chat(request: &Request) -> Result<Bytes, Error> {
    let object = request.object();
    let missing = || Error::new(Kind::MissingParameter, "Missing required parameter: 'prompt'.").param("prompt");
    let prompt = object.get("prompt").ok_or_else(missing)?;
    let text = match prompt.kind {
        ValueKind::String => Some(prompt.value.clone()),
        ValueKind::Array => {
            let mut elements = elements_at(object.body(), prompt.value.start);
            let first = elements.next().filter(|(_, kind)| *kind == ValueKind::String);
            first.map(|(range, _)| range).filter(|_| elements.next().is_none())
        }
        _ => None,
    };
    let text = text.and_then(|range| object.body().get(range)).ok_or_else(|| {
        let message = "Invalid parameter: 'prompt' must be one text for a chat model.";
        Error::new(Kind::InvalidParameter, message).param("prompt")
    })?;
    let messages = [br#""messages":[{"role":"user","content":"#, text, b"}]"].concat();
    let mut splice = Splice::new(request.body().clone());
    splice.replace(prompt.key.start..prompt.value.end, messages);
    splice.edit_members(&object, |member: &Member| NOT_IN_CHAT.contains(&member.name(object.body())), Vec::new());
    let spliced = splice.finish();
    let spliced =
        spliced.map_err(|error| Error::new(Kind::Internal, "Internal error").detail(format!("splice: {error:?}")))?;
    Ok(spliced.to_bytes())
}

/// A `chat.completion` as `text_completion`. `None`: it is no JSON object.
pub fn answer(chat: &[u8]) -> Option<Bytes> {
    let Ok(Value::Object(chat)) = serde_json::from_slice(chat) else { return None };
    Some(Value::Object(converted(chat, "message")).to_string().into())
}

/// A chat stream on its way to a client of `/completions`.
#[derive(Debug, Default)]
pub struct StreamBridge {
    decoder: Decoder,
}

impl StreamBridge {
    /// Takes what the tap has passed and appends `text_completion` chunks, one for each chat chunk that says something.
    /// Events without JSON pass as they are.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<Bytes>) -> Result<(), TooLong> {
        let mut frames = self.decoder.feed(chunk);
        while let Some(frame) = frames.advance() {
            let frame = frame?;
            let event = Event::parse(frame.bytes);
            match serde_json::from_slice(event.data.as_deref().unwrap_or_default()) {
                Ok(Value::Object(chat)) if chat.contains_key("choices") => out.extend(event_of(chat)),
                _ => out.push(Bytes::copy_from_slice(frame.bytes)),
            }
        }
        Ok(())
    }
}

fn event_of(chat: Map<String, Value>) -> Option<Bytes> {
    let completion = converted(chat, "delta");
    let choices = completion.get("choices").and_then(Value::as_array);
    let says = |choice: &Value| {
        choice.get("text").is_some_and(|text| text != "") || choice.get("finish_reason").is_some_and(Value::is_string)
    };
    let silent = !choices.is_some_and(|choices| choices.iter().any(says));
    if silent && !completion.get("usage").is_some_and(Value::is_object) {
        return None;
    }
    Some(format!("data: {}\n\n", Value::Object(completion)).into())
}

/// `said`: the member of a choice in which a chat answer has its text.
fn converted(mut chat: Map<String, Value>, said: &str) -> Map<String, Value> {
    let choices = chat.get_mut("choices").map(Value::take);
    let convert = |choice: &Value| {
        let text = choice.get(said).and_then(|message| message.get("content")).and_then(Value::as_str);
        json!({
            "finish_reason": choice.get("finish_reason"),
            "index": choice.get("index").cloned().unwrap_or(json!(0)),
            "text": text.unwrap_or_default(),
            "logprobs": null,
        })
    };
    let choices = choices.as_ref().and_then(Value::as_array).map(|choices| choices.iter().map(convert).collect());
    chat.insert("object".to_owned(), json!("text_completion"));
    chat.insert("choices".to_owned(), Value::Array(choices.unwrap_or_default()));
    chat.remove("service_tier");
    chat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat_of(body: &'static str) -> Result<String, Kind> {
        let request = Request::parse(Bytes::from_static(body.as_bytes())).unwrap();
        to_chat(&request).map(|body| String::from_utf8(body.to_vec()).unwrap()).map_err(|error| error.kind)
    }

    #[test]
    fn the_prompt_becomes_a_message() {
        let body = r#"{"model":"gpt-4o", "prompt":"h\"i","max_tokens":5,"echo":true}"#;
        let chat = r#"{"model":"gpt-4o", "messages":[{"role":"user","content":"h\"i"}],"max_tokens":5}"#;
        assert_eq!(chat_of(body).as_deref(), Ok(chat));
        assert_eq!(chat_of(r#"{"prompt":["a"]}"#).unwrap(), r#"{"messages":[{"role":"user","content":"a"}]}"#);
        assert_eq!(chat_of(r#"{"prompt":["a","b"]}"#), Err(Kind::InvalidParameter));
        assert_eq!(chat_of(r#"{"prompt":[1,2]}"#), Err(Kind::InvalidParameter));
        assert_eq!(chat_of(r#"{"prompt":null}"#), Err(Kind::InvalidParameter));
        assert_eq!(chat_of("{}"), Err(Kind::MissingParameter));
    }

    #[test]
    fn the_answer_becomes_a_text_completion() {
        let chat =
            br#"{"id":"chatcmpl-mock","object":"chat.completion","created":1,"model":"gpt-4o","service_tier":"x",
            "choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],
            "usage":{"total_tokens":18}}"#;
        let json: Value = serde_json::from_slice(&answer(chat).unwrap()).unwrap();
        let expected = json!({"id":"chatcmpl-mock","object":"text_completion","created":1,"model":"gpt-4o",
            "choices":[{"finish_reason":"stop","index":0,"text":"Hello","logprobs":null}],"usage":{"total_tokens":18}});
        assert_eq!(json, expected);
        assert!(answer(b"<html>").is_none());
    }

    #[test]
    fn a_stream_keeps_its_usage() {
        let mut bridge = StreamBridge::default();
        let mut out = Vec::new();
        let chat = [
            r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"id":"c","choices":[],"usage":{"total_tokens":3}}"#,
            "[DONE]",
        ];
        for data in chat {
            bridge.feed(format!("data: {data}\n\n").as_bytes(), &mut out).unwrap();
        }
        let texts: Vec<&str> = out.iter().map(|event| std::str::from_utf8(event).unwrap()).collect();
        assert_eq!(texts.len(), 4, "{texts:?}");
        assert!(texts[0].contains(r#""text":"Hi""#) && texts[0].contains(r#""object":"text_completion""#));
        assert!(texts[1].contains(r#""finish_reason":"stop""#));
        assert!(texts[2].contains(r#""usage":{"total_tokens":3}"#));
        assert_eq!(texts[3], "data: [DONE]\n\n");
    }
}
