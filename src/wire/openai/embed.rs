//! Embeddings for a client who speaks OpenAI: <https://platform.openai.com/docs/api-reference/embeddings>.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use super::chat::request::missing;
use super::request::Request;
use super::upstream::is_ours;
use crate::error::{Error, Kind};
use crate::wire::codec::Stamp;
use crate::wire::model::{EmbeddingInput, EmbeddingReply, EmbeddingRequest, Json};
use crate::wire::peek::{Member, Object, ValueKind};
use crate::wire::usage::Usage;

/// Reads a client's request.
///
/// # Errors
/// [`Kind::MissingParameter`] without `input`; [`Kind::InvalidParameter`], with the parameter's name, where a value is not
/// of the type that OpenAI documents.
pub fn decode_request(request: &Request) -> Result<EmbeddingRequest, Error> {
    let object = request.object();
    let input = object.get("input").filter(|input| input.kind != ValueKind::Null).ok_or_else(|| missing("input"))?;
    let mut it = EmbeddingRequest {
        model: request.model.clone().unwrap_or_default(),
        inputs: inputs(&object, input).ok_or_else(|| {
            wrong("input", "a string, a list of strings, a list of token ids or a list of such lists, and not empty")
        })?,
        user: request.user.clone(),
        ..EmbeddingRequest::default()
    };
    for member in object.members().iter().filter(|member| member.kind != ValueKind::Null) {
        let text = || object.text(member).map(Cow::into_owned);
        match member.name(object.body()) {
            b"model" | b"input" | b"user" | b"stream" => {}
            b"dimensions" => {
                let said = object.as_u64("dimensions").ok_or_else(|| wrong("dimensions", "a whole number"))?;
                it.dimensions = Some(said);
            }
            b"encoding_format" => match text().as_deref() {
                Some("base64") => it.base64 = true,
                Some("float") => {}
                _ => return Err(wrong("encoding_format", "float or base64")),
            },
            // Cohere's word, and Vertex's.
            b"input_type" | b"task_type" => it.input_type = text(),
            name if is_ours(name) => {}
            name => {
                let raw = std::str::from_utf8(object.raw(member)).ok().and_then(Json::parse);
                it.extra.extend(raw.map(|value| (String::from_utf8_lossy(name).into_owned(), value)));
            }
        }
    }
    Ok(it)
}

fn inputs(object: &Object<'_>, input: &Member) -> Option<Vec<EmbeddingInput>> {
    let raw = object.raw(input);
    if input.kind == ValueKind::String {
        return Some(vec![of_text(object.text(input)?.into_owned())]);
    }
    let texts = || serde_json::from_slice::<Vec<String>>(raw).ok();
    let tokens = || serde_json::from_slice::<Vec<u32>>(raw).ok();
    let lists = || serde_json::from_slice::<Vec<Vec<u32>>>(raw).ok();
    let inputs: Vec<EmbeddingInput> = if let Some(texts) = texts() {
        texts.into_iter().map(of_text).collect()
    } else if let Some(tokens) = tokens() {
        vec![EmbeddingInput::Tokens(tokens)]
    } else {
        lists()?.into_iter().map(EmbeddingInput::Tokens).collect()
    };
    Some(inputs).filter(|inputs| !inputs.is_empty())
}

/// Models that embed images get them as `data:` URLs among the texts.
fn of_text(text: String) -> EmbeddingInput {
    match text.starts_with("data:image/") {
        true => EmbeddingInput::Image(text),
        false => EmbeddingInput::Text(text),
    }
}

fn wrong(name: &'static str, wanted: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("Invalid parameter: '{name}' must be {wanted}.")).param(name)
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Json,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: Value,
}

/// The answer for a client. `base64`: as [`EmbeddingRequest::base64`]; a vector that is no list of numbers stays as it came.
pub fn encode_reply(reply: EmbeddingReply, stamp: &Stamp, base64: bool) -> Vec<u8> {
    let vector = |vector: Json| if base64 { packed(&vector).unwrap_or(vector) } else { vector };
    let data = reply.vectors.into_iter().enumerate();
    let list = List {
        object: "list",
        data: data.map(|(index, it)| Embedding { object: "embedding", index, embedding: vector(it) }).collect(),
        model: &stamp.model,
        usage: reply.usage.map_or_else(|| json!({"prompt_tokens": 0, "total_tokens": 0}), Usage::to_json),
    };
    // Of types that are JSON: it cannot fail.
    serde_json::to_vec(&list).unwrap_or_default()
}

/// Little-endian `f32`s in Base64, as OpenAI packs them.
fn packed(vector: &Json) -> Option<Json> {
    let numbers: Vec<f32> = serde_json::from_str(vector.text()).ok()?;
    let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
    Json::of(&STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn decode(body: &str) -> Result<EmbeddingRequest, Error> {
        decode_request(&Request::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap())
    }

    #[test]
    fn every_form_of_input_is_read() {
        let text = |text: &str| EmbeddingInput::Text(text.to_owned());
        let cases = [
            (r#""a\n""#, vec![text("a\n")]),
            (r#"["a","b"]"#, vec![text("a"), text("b")]),
            ("[1,2]", vec![EmbeddingInput::Tokens(vec![1, 2])]),
            ("[[1],[2,3]]", vec![EmbeddingInput::Tokens(vec![1]), EmbeddingInput::Tokens(vec![2, 3])]),
            (r#"["data:image/png;base64,AA=="]"#, vec![EmbeddingInput::Image("data:image/png;base64,AA==".into())]),
        ];
        for (input, expected) in cases {
            assert_eq!(decode(&format!(r#"{{"input":{input}}}"#)).unwrap().inputs, expected, "{input}");
        }
        for bad in ["5", "[]", r#"["a",1]"#, "[[\"a\"]]", "[-1]", "{}"] {
            let error = decode(&format!(r#"{{"input":{bad}}}"#)).unwrap_err();
            assert_eq!((error.kind, error.param), (Kind::InvalidParameter, Some("input")), "{bad}");
        }
        assert_eq!(decode(r#"{"input":null}"#).unwrap_err().kind, Kind::MissingParameter);
    }

    #[test]
    fn parameters_are_read() {
        let it = decode(
            r#"{"model":"m","input":"a","dimensions":256,"encoding_format":"base64","input_type":"search_query",
                "user":"u","truncate":"END","metadata":{"a":1},"timeout":5}"#,
        )
        .unwrap();
        assert!(it.base64);
        assert_eq!((it.model.as_str(), it.dimensions, it.user.as_deref()), ("m", Some(256), Some("u")));
        assert_eq!((it.input_type.as_deref(), it.extra.len()), (Some("search_query"), 1));
        for bad in [r#""dimensions":"x""#, r#""encoding_format":"hex""#] {
            let error = decode(&format!(r#"{{"input":"a",{bad}}}"#)).unwrap_err();
            assert_eq!(error.kind, Kind::InvalidParameter, "{bad}");
        }
    }

    #[test]
    fn vectors_come_verbatim_or_packed() {
        let reply = || EmbeddingReply {
            vectors: vec![Json::parse("[1.0, -0.5]").unwrap(), Json::parse("[2]").unwrap()],
            usage: Some(Usage::of_tokens(3, 0)),
        };
        let stamp = Stamp { model: "m".into(), ..Stamp::default() };
        let plain = String::from_utf8(encode_reply(reply(), &stamp, false)).unwrap();
        assert!(plain.contains(r#""embedding":[1.0, -0.5]"#), "{plain}");
        let packed: Value = serde_json::from_slice(&encode_reply(reply(), &stamp, true)).unwrap();
        assert_eq!(packed["data"][0]["embedding"], "AACAPwAAAL8=");
        assert_eq!((&packed["data"][1]["index"], &packed["usage"]["total_tokens"]), (&json!(1), &json!(3)));
        assert_eq!((&packed["object"], &packed["model"]), (&json!("list"), &json!("m")));
    }
}
