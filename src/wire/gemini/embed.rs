//! Embeddings: AI Studio `:batchEmbedContents` (<https://ai.google.dev/api/embeddings>), Vertex `:predict`
//! (<https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::media;
use super::request::camel;
use super::types::{Blob, CAMEL, Part, Spelt};
use crate::error::{Error, Kind};
use crate::wire::model::{EmbeddingInput, EmbeddingReply, EmbeddingRequest, Json, MediaKind};
use crate::wire::usage::Usage;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// AI Studio.
    Studio,
    /// Vertex AI.
    Vertex,
}

/// What the vectors are for, in others' words and in Google's.
const TASKS: [(&str, &str); 6] = [
    ("search_document", "RETRIEVAL_DOCUMENT"),
    ("document", "RETRIEVAL_DOCUMENT"),
    ("passage", "RETRIEVAL_DOCUMENT"),
    ("search_query", "RETRIEVAL_QUERY"),
    ("query", "RETRIEVAL_QUERY"),
    ("similarity", "SEMANTIC_SIMILARITY"),
];

fn task(word: &str) -> String {
    let known = TASKS.iter().find(|(theirs, _)| *theirs == word).map(|(_, googles)| (*googles).to_owned());
    known.unwrap_or_else(|| word.to_ascii_uppercase())
}

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<One<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    model: &'a str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Spelt<'a, Part>; 1],
}

#[derive(Serialize)]
struct Predict<'a> {
    instances: Vec<Instance<'a>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    parameters: Map<String, Value>,
}

#[derive(Serialize)]
struct Instance<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a Json>,
}

/// Writes the body.
///
/// # Errors
/// [`Kind::InvalidParameter`]: token ids, or at Vertex an image, which Gemini does not embed.
pub fn encode_request(request: EmbeddingRequest, api: Api) -> Result<Vec<u8>, Error> {
    let extra = |name: &str| request.extra.iter().find(|(known, _)| camel(known) == name).map(|(_, value)| value);
    let said: Option<String> = extra("taskType").and_then(|word| serde_json::from_str(word.text()).ok());
    let task_type = said.or_else(|| request.input_type.as_deref().map(task));
    let task_type = task_type.as_deref();
    let title = extra("title");
    let body = match api {
        Api::Studio => {
            let model = format!("models/{}", request.model.trim_start_matches("models/"));
            let parts = request.inputs.iter().map(part).collect::<Result<Vec<Part>, Error>>()?;
            let one = |part| One {
                model: &model,
                content: Content { parts: [Spelt(part, &CAMEL)] },
                task_type,
                title,
                output_dimensionality: request.dimensions,
            };
            serde_json::to_vec(&Batch { requests: parts.iter().map(one).collect() })
        }
        Api::Vertex => {
            let mut parameters = Map::new();
            parameters.extend(request.dimensions.map(|length| ("outputDimensionality".to_owned(), length.into())));
            let cut = extra("autoTruncate").map(Json::value);
            parameters.extend(cut.map(|cut| ("autoTruncate".to_owned(), cut)));
            let instances = request
                .inputs
                .iter()
                .map(|input| instance(input, task_type, title))
                .collect::<Result<Vec<_>, Error>>()?;
            serde_json::to_vec(&Predict { instances, parameters })
        }
    };
    body.map_err(|error| Error::new(Kind::Internal, "Internal error").detail(error.to_string()))
}

fn wrong_input() -> Error {
    let message = "Invalid parameter: 'input': this provider embeds text only.";
    Error::new(Kind::InvalidParameter, message).param("input")
}

fn instance<'a>(
    input: &'a EmbeddingInput,
    task_type: Option<&'a str>,
    title: Option<&'a Json>,
) -> Result<Instance<'a>, Error> {
    match input {
        EmbeddingInput::Text(content) => Ok(Instance { content, task_type, title }),
        EmbeddingInput::Tokens(_) | EmbeddingInput::Image(_) => Err(wrong_input()),
    }
}

fn part(input: &EmbeddingInput) -> Result<Part, Error> {
    match input {
        EmbeddingInput::Text(text) => Ok(Part::text(text)),
        EmbeddingInput::Image(url) => Ok(image(url)),
        EmbeddingInput::Tokens(_) => Err(wrong_input()),
    }
}

fn image(url: &str) -> Part {
    let bytes = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    if let Some((mime_type, data)) = bytes {
        let blob = Blob { mime_type: Some(mime_type.to_owned()), data: data.to_owned(), display_name: None };
        return Part { inline_data: Some(blob), ..Part::default() };
    }
    let file = super::types::FileData { file_uri: url.to_owned(), ..Default::default() };
    let media = media::of_file(file, Vec::new());
    media::to_part(crate::wire::model::Media { kind: MediaKind::Image, ..media })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    embeddings: Option<Vec<Vector>>,
    embedding: Option<Vector>,
    predictions: Option<Vec<Prediction>>,
    usage_metadata: Option<super::types::UsageMetadata>,
}

#[derive(Deserialize)]
struct Prediction {
    embeddings: Vector,
}

#[derive(Deserialize)]
struct Vector {
    values: Json,
    statistics: Option<Statistics>,
}

#[derive(Deserialize)]
struct Statistics {
    token_count: Option<f64>,
}

/// Reads a provider's answer, of either kind.
///
/// # Errors
/// [`Kind::GarbledAnswer`]: it is none.
pub fn decode_reply(body: &[u8]) -> Result<EmbeddingReply, Error> {
    let garbled =
        |detail: String| Error::new(Kind::GarbledAnswer, "The provider sent an unreadable answer.").detail(detail);
    let answer: Answer = serde_json::from_slice(body).map_err(|error| garbled(error.to_string()))?;
    let of_vertex = |all: Vec<Prediction>| all.into_iter().map(|one| one.embeddings).collect::<Vec<_>>();
    let vectors = answer.embeddings.or(answer.embedding.map(|one| vec![one])).or(answer.predictions.map(of_vertex));
    let vectors = vectors.ok_or_else(|| garbled("no vectors".to_owned()))?;
    let counts: Vec<f64> = vectors.iter().filter_map(|vector| vector.statistics.as_ref()?.token_count).collect();
    let counted = (!counts.is_empty()).then(|| counts.iter().sum::<f64>() as u64);
    let told = answer.usage_metadata.and_then(|counters| counters.prompt_token_count);
    Ok(EmbeddingReply {
        vectors: vectors.into_iter().map(|vector| vector.values).collect(),
        usage: counted.or(told).map(|tokens| Usage::of_tokens(tokens, 0)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> EmbeddingRequest {
        EmbeddingRequest {
            model: "gemini-embedding-001".into(),
            inputs: vec![EmbeddingInput::Text("a".into()), EmbeddingInput::Text("b".into())],
            dimensions: Some(3),
            input_type: Some("search_query".into()),
            ..EmbeddingRequest::default()
        }
    }

    fn encoded(request: EmbeddingRequest, api: Api) -> Value {
        serde_json::from_slice(&encode_request(request, api).unwrap()).unwrap()
    }

    #[test]
    fn each_api_has_its_own_body() {
        let one = |text: &str| {
            json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]},
                "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 3})
        };
        assert_eq!(encoded(request(), Api::Studio), json!({"requests": [one("a"), one("b")]}));
        let task = "RETRIEVAL_QUERY";
        assert_eq!(
            encoded(request(), Api::Vertex),
            json!({"instances": [{"content": "a", "task_type": task}, {"content": "b", "task_type": task}],
                "parameters": {"outputDimensionality": 3}})
        );
        let image = EmbeddingInput::Image("data:image/png;base64,AA==".into());
        let body = encoded(EmbeddingRequest { inputs: vec![image.clone()], ..request() }, Api::Studio);
        assert_eq!(body["requests"][0]["content"]["parts"][0]["inlineData"]["data"], "AA==");
        for (input, api) in [(image, Api::Vertex), (EmbeddingInput::Tokens(vec![1]), Api::Studio)] {
            let refused = encode_request(EmbeddingRequest { inputs: vec![input], ..request() }, api).unwrap_err();
            assert_eq!((refused.kind, refused.param), (Kind::InvalidParameter, Some("input")));
        }
    }

    #[test]
    fn vectors_are_kept_verbatim() {
        let check = |body: &str, tokens: Option<u64>| {
            let reply = decode_reply(body.as_bytes()).unwrap();
            assert_eq!(reply.vectors, [Json::parse("[0.10, 1e-3]").unwrap()]);
            assert_eq!(reply.usage.map(|usage| (usage.prompt_tokens, usage.total_tokens)), tokens.map(|n| (n, n)));
        };
        check(r#"{"embeddings":[{"values":[0.10, 1e-3]}]}"#, None);
        check(r#"{"embedding":{"values":[0.10, 1e-3]},"usageMetadata":{"promptTokenCount":4}}"#, Some(4));
        check(
            r#"{"predictions":[{"embeddings":{"values":[0.10, 1e-3],"statistics":{"truncated":false,"token_count":4.0}}}]}"#,
            Some(4),
        );
        assert!(decode_reply(b"{}").is_err());
    }
}
