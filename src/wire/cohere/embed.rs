//! Cohere's embeddings (<https://docs.cohere.com/reference/embed>).

use serde::{Deserialize, Serialize};

use super::reply::garbled;
use super::types::whole;
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, Profile};
use crate::wire::members::Members;
use crate::wire::model::{EmbeddingInput, EmbeddingReply, EmbeddingRequest, Json};
use crate::wire::usage::Usage;

/// What vectors are for when nobody says it, as LiteLLM has it.
const INPUT_TYPE: &str = "search_document";

/// The same for images alone.
const IMAGE_INPUT_TYPE: &str = "image";

/// Cohere's own parameters: taken from any client as they are.
const OWN: [&str; 3] = ["truncate", "max_tokens", "priority"];

/// The body of `POST /v2/embed`. Texts alone go as `texts`, images alone as `images`, a mixture as `inputs`.
///
/// # Errors
/// [`Kind::InvalidParameter`] for token ids, which only OpenAI's own models understand.
pub fn encode_request(request: EmbeddingRequest, _: &Profile<'_>) -> Result<Vec<u8>, Error> {
    let mut texts = Vec::new();
    let mut images = Vec::new();
    for input in &request.inputs {
        match input {
            EmbeddingInput::Text(text) => texts.push(text.as_str()),
            EmbeddingInput::Image(url) => images.push(url.as_str()),
            EmbeddingInput::Tokens(_) => {
                let message = "input: Cohere embeds texts and images, not token ids.";
                return Err(Error::new(Kind::InvalidParameter, message).param("input"));
            }
        }
    }
    let mut body = Members::default();
    body.put("model", &request.model);
    if !texts.is_empty() && !images.is_empty() {
        body.put_list("inputs", &request.inputs.iter().map(input).collect::<Vec<_>>());
    } else {
        body.put_list("texts", &texts);
        body.put_list("images", &images);
    }
    let default = if texts.is_empty() && !images.is_empty() { IMAGE_INPUT_TYPE } else { INPUT_TYPE };
    body.put("input_type", &request.input_type.as_deref().unwrap_or(default));
    // Base64, if the client wants it, is written by the gateway: only numbers are the same for all dialects.
    match request.extra.iter().find(|(name, _)| name == "embedding_types") {
        Some((name, types)) => body.put(name, types),
        None => body.put("embedding_types", &["float"]),
    }
    body.put_some("output_dimension", request.dimensions.as_ref());
    for (name, value) in request.extra.iter().filter(|(name, _)| OWN.contains(&name.as_str())) {
        body.put(name, value);
    }
    Ok(body.finish().into_bytes())
}

#[derive(Debug, Serialize)]
struct Input<'a> {
    content: [Content<'a>; 1],
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: Url<'a> },
}

#[derive(Debug, Serialize)]
struct Url<'a> {
    url: &'a str,
}

fn input(input: &EmbeddingInput) -> Input<'_> {
    let content = match input {
        EmbeddingInput::Text(text) => Content::Text { text },
        EmbeddingInput::Image(url) => Content::ImageUrl { image_url: Url { url } },
        EmbeddingInput::Tokens(_) => Content::Text { text: "" },
    };
    Input { content: [content] }
}

#[derive(Debug, Deserialize)]
struct Answer {
    embeddings: Json,
    #[serde(default)]
    meta: Option<Meta>,
}

/// The vectors by the type that was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ByType {
    float: Option<Vec<Json>>,
    int8: Option<Vec<Json>>,
    uint8: Option<Vec<Json>>,
    binary: Option<Vec<Json>>,
    ubinary: Option<Vec<Json>>,
    base64: Option<Vec<Json>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    billed_units: Option<Units>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Units {
    input_tokens: Option<f64>,
    image_tokens: Option<f64>,
    images: Option<f64>,
}

/// Reads the answer: vectors of the first type that is there.
///
/// # Errors
/// [`Kind::GarbledAnswer`]
pub fn decode_reply(body: &[u8], _: &Ids) -> Result<EmbeddingReply, Error> {
    let answer: Answer = serde_json::from_slice(body).map_err(garbled)?;
    let vectors = if answer.embeddings.is_object() {
        let by_type: ByType = serde_json::from_str(answer.embeddings.text()).map_err(garbled)?;
        let integers = by_type.int8.or(by_type.uint8).or(by_type.binary).or(by_type.ubinary);
        by_type.float.or(integers).or(by_type.base64).unwrap_or_default()
    } else {
        serde_json::from_str(answer.embeddings.text()).map_err(garbled)?
    };
    Ok(EmbeddingReply { vectors, usage: answer.meta.and_then(|meta| meta.billed_units).and_then(usage) })
}

/// Images count as LiteLLM counts them: as tokens, one each where Cohere does not say more.
fn usage(units: Units) -> Option<Usage> {
    let text = units.input_tokens.map(whole);
    let images = units.image_tokens.or(units.images).map(whole).filter(|count| *count > 0);
    text.or(images)?;
    Some(Usage {
        prompt_text_tokens: text,
        prompt_image_tokens: images,
        ..Usage::of_tokens(text.unwrap_or_default().saturating_add(images.unwrap_or_default()), 0)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PROFILE: Profile<'static> =
        Profile { provider: "cohere", drop_params: false, modify_params: false, base_model: "embed-v4.0" };

    fn encoded(request: EmbeddingRequest) -> Value {
        serde_json::from_slice(&encode_request(request, &PROFILE).unwrap()).unwrap()
    }

    #[test]
    fn texts_images_and_both() {
        let text = || EmbeddingInput::Text("a".into());
        let image = || EmbeddingInput::Image("data:image/png;base64,AA".into());
        let of = |inputs| EmbeddingRequest { model: "e".into(), inputs, ..EmbeddingRequest::default() };
        let float = json!(["float"]);
        assert_eq!(
            encoded(of(vec![text()])),
            json!({"model": "e", "texts": ["a"], "input_type": "search_document", "embedding_types": float})
        );
        assert_eq!(encoded(of(vec![image()]))["input_type"], "image");
        let mixed = EmbeddingRequest {
            dimensions: Some(256),
            input_type: Some("search_query".into()),
            extra: vec![("truncate".into(), Json::parse("\"END\"").unwrap())],
            ..of(vec![text(), image()])
        };
        assert_eq!(
            encoded(mixed),
            json!({
                "model": "e",
                "inputs": [
                    {"content": [{"type": "text", "text": "a"}]},
                    {"content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
                ],
                "input_type": "search_query", "embedding_types": float, "output_dimension": 256, "truncate": "END",
            })
        );
        let refused = encode_request(of(vec![EmbeddingInput::Tokens(vec![1])]), &PROFILE).unwrap_err();
        assert_eq!((refused.kind, refused.param), (Kind::InvalidParameter, Some("input")));
    }

    #[test]
    fn vectors_are_kept_verbatim() {
        let check = |body: &str, vectors: &[&str], usage: Option<Usage>| {
            let reply = decode_reply(body.as_bytes(), &Ids(1)).unwrap();
            let texts: Vec<&str> = reply.vectors.iter().map(Json::text).collect();
            assert_eq!((texts.as_slice(), reply.usage), (vectors, usage), "{body}");
        };
        let usage = Usage { prompt_text_tokens: Some(3), prompt_image_tokens: Some(2), ..Usage::of_tokens(5, 0) };
        check(
            r#"{"id":"1","embeddings":{"float":[[0.10, 1e-3],[2]]},"meta":{"billed_units":{"input_tokens":3,"images":2}}}"#,
            &["[0.10, 1e-3]", "[2]"],
            Some(usage),
        );
        check(r#"{"embeddings":{"int8":[[1]]}}"#, &["[1]"], None);
        check(r#"{"embeddings":[[1]]}"#, &["[1]"], None);
        assert_eq!(decode_reply(b"{}", &Ids(1)).unwrap_err().kind, Kind::GarbledAnswer);
    }
}
