//! `countTokens`: <https://ai.google.dev/api/tokens>.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::request;
use crate::error::{Error, Kind};
use crate::wire::codec::Profile;
use crate::wire::model::ChatRequest;
use crate::wire::openai::request::Request;

/// Reads a client's question: `contents`, or all of a request that would be sent, in `generateContentRequest`.
///
/// # Errors
/// As [`request::decode_request`].
pub fn decode_request(question: &Request, model: &str) -> Result<ChatRequest, Error> {
    let whole = ["generateContentRequest", "generate_content_request"].iter().find_map(|name| {
        let object = question.object();
        let raw = object.raw(object.get(name)?);
        (raw.first() == Some(&b'{')).then(|| question.body().slice_ref(raw))
    });
    match whole {
        Some(body) => request::decode_request(&Request::parse(body)?, model, false),
        None => request::decode_request(question, model, false),
    }
}

/// The answer for a client.
pub fn encode_reply(tokens: u64) -> Vec<u8> {
    format!("{{\"totalTokens\":{tokens}}}").into_bytes()
}

/// What is counted at Vertex, which refuses the other members of a request.
const COUNTED: [&str; 3] = ["contents", "system_instruction", "tools"];

/// Asks a provider. AI Studio counts more than the conversation only in a whole request that names its model.
///
/// # Errors
/// As [`request::encode_request`].
pub fn encode_request(chat: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    let model = format!("models/{}", chat.model.trim_start_matches("models/"));
    let body = request::encode_request(chat, profile)?;
    let unwritable = |error: serde_json::Error| Error::new(Kind::Internal, "Internal error").detail(error.to_string());
    let mut body: Map<String, Value> = serde_json::from_slice(&body).map_err(unwritable)?;
    if profile.provider == "gemini" && COUNTED.iter().skip(1).any(|name| body.contains_key(*name)) {
        body.insert("model".to_owned(), model.into());
        return serde_json::to_vec(&json!({ "generateContentRequest": body })).map_err(unwritable);
    }
    body.retain(|name, _| COUNTED.contains(&name.as_str()));
    serde_json::to_vec(&body).map_err(unwritable)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    total_tokens: u64,
}

/// Reads a provider's answer.
///
/// # Errors
/// [`Kind::GarbledAnswer`]: it is none.
pub fn decode_reply(body: &[u8]) -> Result<u64, Error> {
    let counted: Counted = serde_json::from_slice(body).map_err(|error| {
        Error::new(Kind::GarbledAnswer, "The provider sent an unreadable answer.").detail(error.to_string())
    })?;
    Ok(counted.total_tokens)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::model::{Message, Role};

    #[test]
    fn a_question_is_read_in_both_forms() {
        let hi = vec![Message::text(Role::User, "hi")];
        for body in [
            r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#,
            r#"{"generateContentRequest":{"model":"models/x","contents":[{"parts":[{"text":"hi"}]}]}}"#,
        ] {
            let request = Request::parse(Bytes::from_static(body.as_bytes())).unwrap();
            let chat = decode_request(&request, "m").unwrap();
            assert_eq!((chat.model.as_str(), &chat.messages), ("m", &hi), "{body}");
        }
    }

    #[test]
    fn a_provider_is_asked_and_answers() {
        let check = |provider, system: bool, expected: Value| {
            let mut messages = vec![Message::text(Role::User, "hi")];
            messages.extend(system.then(|| Message::text(Role::System, "s")));
            let mut chat = ChatRequest { model: "m".into(), messages, ..ChatRequest::default() };
            chat.sampling.max_tokens = Some(5);
            let profile =
                Profile { provider, drop_params: false, modify_params: false, base_model: "gemini-2.5-flash" };
            let body: Value = serde_json::from_slice(&encode_request(chat, &profile).unwrap()).unwrap();
            assert_eq!(body, expected);
        };
        let contents = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
        let instruction = json!({"parts": [{"text": "s"}]});
        check("gemini", false, json!({ "contents": contents }));
        check("vertex_ai", true, json!({"contents": contents, "system_instruction": instruction}));
        check(
            "gemini",
            true,
            json!({"generateContentRequest": {"model": "models/m", "contents": contents,
            "system_instruction": instruction, "generationConfig": {"max_output_tokens": 5}}}),
        );
        assert_eq!(decode_reply(&encode_reply(7)).unwrap(), 7);
        assert!(decode_reply(b"{}").is_err());
    }
}
