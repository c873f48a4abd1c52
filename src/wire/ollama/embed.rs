//! Ollama's embeddings (<https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings>).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::errors;
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, Profile};
use crate::wire::members::Members;
use crate::wire::model::{EmbeddingInput, EmbeddingReply, EmbeddingRequest, Json};
use crate::wire::usage::Usage;

/// Ollama's own parameters: taken from any client as they are.
const OWN: [&str; 2] = ["truncate", "keep_alive"];

/// Options that matter to embeddings.
const OPTIONS: [&str; 5] = ["num_ctx", "num_batch", "num_gpu", "num_thread", "main_gpu"];

/// The body of `POST /api/embed`.
///
/// # Errors
/// [`Kind::InvalidParameter`] for inputs that are no text.
pub fn encode_request(request: EmbeddingRequest, _: &Profile<'_>) -> Result<Vec<u8>, Error> {
    let input: Vec<&str> = request.inputs.iter().map(text).collect::<Result<_, _>>()?;
    let mut body = Members::default();
    body.put("model", &request.model);
    body.put("input", &input);
    body.put_some("dimensions", request.dimensions.as_ref());
    let mut options: BTreeMap<&str, &Json> = BTreeMap::new();
    let mut further: BTreeMap<String, Json> = BTreeMap::new();
    for (name, value) in &request.extra {
        match name.as_str() {
            name if OWN.contains(&name) => body.put(name, value),
            name if OPTIONS.contains(&name) => drop(options.insert(name, value)),
            "options" => further = serde_json::from_str(value.text()).unwrap_or_default(),
            _ => {}
        }
    }
    for (name, value) in &further {
        options.entry(name).or_insert(value);
    }
    if !options.is_empty() {
        body.put("options", &options);
    }
    Ok(body.finish().into_bytes())
}

fn text(input: &EmbeddingInput) -> Result<&str, Error> {
    match input {
        EmbeddingInput::Text(text) => Ok(text),
        _ => Err(Error::new(Kind::InvalidParameter, "input: Ollama embeds texts only.").param("input")),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    embeddings: Option<Vec<Json>>,
    /// `/api/embeddings`, the older path, gives one.
    embedding: Option<Json>,
    prompt_eval_count: Option<u64>,
    error: Option<Json>,
}

/// Reads the answer.
///
/// # Errors
/// [`Kind::GarbledAnswer`], and what Ollama reports as `error`.
pub fn decode_reply(body: &[u8], _: &Ids) -> Result<EmbeddingReply, Error> {
    let garbled = || Error::new(Kind::GarbledAnswer, "The provider sent an unreadable answer.");
    let answer: Answer = serde_json::from_slice(body).map_err(|error| garbled().detail(error.to_string()))?;
    if answer.error.is_some() {
        return Err(errors::in_answer(body));
    }
    let vectors = answer.embeddings.or_else(|| answer.embedding.map(|vector| vec![vector])).ok_or_else(garbled)?;
    Ok(EmbeddingReply { vectors, usage: answer.prompt_eval_count.map(|count| Usage::of_tokens(count, 0)) })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PROFILE: Profile<'static> =
        Profile { provider: "ollama", drop_params: false, modify_params: false, base_model: "nomic-embed-text" };

    #[test]
    fn texts_go_and_vectors_come() {
        let json = |text: &str| Json::parse(text).unwrap();
        let mut request = EmbeddingRequest {
            model: "e".into(),
            inputs: vec![EmbeddingInput::Text("a".into()), EmbeddingInput::Text("b".into())],
            dimensions: Some(8),
            extra: vec![
                ("keep_alive".into(), json("\"5m\"")),
                ("num_ctx".into(), json("512")),
                ("options".into(), json(r#"{"num_ctx":1,"num_gpu":2}"#)),
                ("unknown".into(), json("1")),
            ],
            ..EmbeddingRequest::default()
        };
        let body: Value = serde_json::from_slice(&encode_request(request.clone(), &PROFILE).unwrap()).unwrap();
        let options = json!({"num_ctx": 512, "num_gpu": 2});
        let expected = json!({
            "model": "e", "input": ["a", "b"], "dimensions": 8, "keep_alive": "5m", "options": options,
        });
        assert_eq!(body, expected);
        request.inputs = vec![EmbeddingInput::Image("data:image/png;base64,AA".into())];
        assert_eq!(encode_request(request, &PROFILE).unwrap_err().param, Some("input"));

        let check = |body: &str, vectors: &[&str], usage: Option<Usage>| {
            let reply = decode_reply(body.as_bytes(), &Ids(1)).unwrap();
            let texts: Vec<&str> = reply.vectors.iter().map(Json::text).collect();
            assert_eq!((texts.as_slice(), reply.usage), (vectors, usage), "{body}");
        };
        let body = r#"{"model":"e","embeddings":[[0.10],[2]],"prompt_eval_count":4}"#;
        check(body, &["[0.10]", "[2]"], Some(Usage::of_tokens(4, 0)));
        check(r#"{"embedding":[1]}"#, &["[1]"], None);
        let error = |body: &str| decode_reply(body.as_bytes(), &Ids(1)).unwrap_err().kind;
        assert_eq!(error(r#"{"error":"model not found"}"#), Kind::NotFound);
        assert_eq!(error("{}"), Kind::GarbledAnswer);
    }
}
