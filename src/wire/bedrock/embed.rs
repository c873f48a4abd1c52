//! Embeddings by InvokeModel: each family of models has a body of its own, and most take one input at a time.
//!
//! APIs: <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-mm.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html>,
//! <https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html>

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::fields::Fields;
use super::media::standard;
use super::model_id::ModelId;
use crate::error::{Error, Kind};
use crate::wire::codec::Profile;
use crate::wire::model::{EmbeddingInput, EmbeddingReply, EmbeddingRequest, Json};
use crate::wire::usage::Usage;

/// Cohere's limit on the texts of one call.
const COHERE_TEXTS: usize = 96;

/// Length of Nova's vectors where none is asked for; the API demands one.
const NOVA_DIMENSIONS: u64 = 3072;

/// Whose body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    TitanV1,
    TitanV2,
    TitanImage,
    Cohere,
    Nova,
}

impl Family {
    fn of(profile: &Profile<'_>) -> Result<Self, Error> {
        let base = ModelId::parse(profile.base_model).base;
        let families = [
            ("amazon.titan-embed-image", Family::TitanImage),
            ("amazon.titan-embed-text-v2", Family::TitanV2),
            ("amazon.titan-embed", Family::TitanV1),
            ("amazon.nova", Family::Nova),
            ("cohere.", Family::Cohere),
        ];
        let known = families.iter().find(|(prefix, _)| base.starts_with(prefix)).map(|(_, family)| *family);
        known.ok_or_else(|| {
            let message =
                format!("Bedrock's model '{base}' is not known to make embeddings. Set `model_info.base_model`.");
            Error::new(Kind::InvalidParameter, message).param("model")
        })
    }
}

/// The bodies of the calls that a request takes, in the order of their inputs; a call may take several inputs.
///
/// # Errors
/// [`Kind::InvalidParameter`] for inputs that the model does not take, [`Kind::UnsupportedParams`] for a length of vectors
/// that it cannot give and that may not be dropped.
pub fn encode_requests(request: &EmbeddingRequest, profile: &Profile<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let family = Family::of(profile)?;
    if family == Family::TitanV1 && request.dimensions.is_some() && !profile.drop_params {
        let message = format!(
            "litellm.UnsupportedParamsError: {} does not support parameters: ['dimensions'], for model={}.",
            profile.provider, request.model,
        );
        return Err(Error::new(Kind::UnsupportedParams, message).param("dimensions"));
    }
    if family == Family::Cohere {
        return cohere(request);
    }
    let bodies = request.inputs.iter().map(|input| one(family, input, request));
    bodies.map(|fields| fields.and_then(|fields| to_body(&fields))).collect()
}

/// A body for a model that takes one input.
fn one(family: Family, input: &EmbeddingInput, request: &EmbeddingRequest) -> Result<Fields, Error> {
    let mut body = Fields::default();
    match (family, input) {
        (Family::Nova, _) => {
            body.set("schemaVersion", &"nova-multimodal-embed-v1");
            body.set("taskType", &"SINGLE_EMBEDDING");
            body.set("singleEmbeddingParams", &nova(input, request)?);
            return Ok(body);
        }
        (_, EmbeddingInput::Text(text)) => body.set("inputText", text),
        (Family::TitanImage, EmbeddingInput::Image(image)) => body.set("inputImage", &data_url(image)?.1),
        _ => return Err(refused(input)),
    }
    match (family, request.dimensions) {
        (Family::TitanV2, Some(dimensions)) => body.set("dimensions", &dimensions),
        (Family::TitanImage, Some(length)) => body.set("embeddingConfig", &json!({"outputEmbeddingLength": length})),
        _ => {}
    }
    request.extra.iter().for_each(|(name, value)| body.set(name, value));
    Ok(body)
}

fn nova(input: &EmbeddingInput, request: &EmbeddingRequest) -> Result<Fields, Error> {
    let mut params = Fields::default();
    params.set("embeddingPurpose", &request.input_type.as_deref().unwrap_or("GENERIC_INDEX"));
    params.set("embeddingDimension", &request.dimensions.unwrap_or(NOVA_DIMENSIONS));
    let at = |uri: &str| json!({"s3Location": {"uri": uri}});
    match input {
        EmbeddingInput::Text(uri) if uri.starts_with("s3://") => {
            params.set("text", &json!({"truncationMode": "END", "source": at(uri)}));
        }
        EmbeddingInput::Text(text) => params.set("text", &json!({"truncationMode": "END", "value": text})),
        EmbeddingInput::Image(uri) if uri.starts_with("s3://") => {
            let (_, ending) = uri.rsplit_once('.').unwrap_or_default();
            params.set("image", &json!({"format": image_format(ending), "source": at(uri)}));
        }
        EmbeddingInput::Image(image) => {
            let (format, bytes) = data_url(image)?;
            params.set("image", &json!({"format": format, "source": {"bytes": bytes}}));
        }
        EmbeddingInput::Tokens(_) => return Err(refused(input)),
    }
    request.extra.iter().for_each(|(name, value)| params.set(name, value));
    Ok(params)
}

fn cohere(request: &EmbeddingRequest) -> Result<Vec<Vec<u8>>, Error> {
    let mut bodies = Vec::new();
    let is_text = |input: &EmbeddingInput| matches!(input, EmbeddingInput::Text(_));
    // Texts and images cannot be mixed, and images go one by one.
    for run in request.inputs.chunk_by(|one, next| is_text(one) && is_text(next)) {
        for inputs in run.chunks(COHERE_TEXTS) {
            let mut body = Fields::default();
            let mut texts = Vec::with_capacity(inputs.len());
            for input in inputs {
                match input {
                    EmbeddingInput::Text(text) => texts.push(text),
                    EmbeddingInput::Image(image) => body.set("images", &[image]),
                    EmbeddingInput::Tokens(_) => return Err(refused(input)),
                }
            }
            let purpose = if texts.is_empty() { "image" } else { "search_document" };
            if !texts.is_empty() {
                body.set("texts", &texts);
            }
            body.set("input_type", &request.input_type.as_deref().unwrap_or(purpose));
            if let Some(dimensions) = request.dimensions {
                body.set("output_dimension", &dimensions);
            }
            if request.base64 {
                body.set("embedding_types", &["float"]);
            }
            request.extra.iter().for_each(|(name, value)| body.set(name, value));
            bodies.push(to_body(&body)?);
        }
    }
    Ok(bodies)
}

/// The format and the data of `data:image/png;base64,…`; data alone are taken for PNG.
fn data_url(image: &str) -> Result<(&'static str, String), Error> {
    if image.starts_with("http:") || image.starts_with("https:") {
        let message = "Invalid parameter: 'input': Bedrock does not fetch images from URLs: send the data (base64).";
        return Err(Error::new(Kind::InvalidParameter, message).param("input"));
    }
    let (head, data) = image.split_once(',').unwrap_or(("", image));
    let media_type = head.strip_prefix("data:").and_then(|head| head.split(';').next()).unwrap_or_default();
    Ok((image_format(media_type.strip_prefix("image/").unwrap_or_default()), standard(data.to_owned())))
}

fn image_format(word: &str) -> &'static str {
    match word {
        "jpeg" | "jpg" => "jpeg",
        "gif" => "gif",
        "webp" => "webp",
        _ => "png",
    }
}

fn refused(input: &EmbeddingInput) -> Error {
    let what = match input {
        EmbeddingInput::Text(_) => "texts",
        EmbeddingInput::Tokens(_) => "token ids",
        EmbeddingInput::Image(_) => "images",
    };
    Error::new(Kind::InvalidParameter, format!("Invalid parameter: 'input': the model takes no {what}.")).param("input")
}

fn to_body(fields: &Fields) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(fields).map_err(|error| Error::new(Kind::Internal, "Internal error").detail(error.to_string()))
}

/// An answer of any of the families: its vectors stand under one of three names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// Titan.
    embedding: Option<Json>,
    /// Cohere: a list, or an object of lists by type. Nova: a list of objects.
    embeddings: Option<Json>,
    /// Titan: the same by type; `embedding` is missing where other types were asked for.
    embeddings_by_type: Option<ByType>,
    input_text_token_count: Option<u64>,
}

/// The first type that is there.
#[derive(Deserialize)]
struct ByType<T = Json> {
    float: Option<T>,
    int8: Option<T>,
    uint8: Option<T>,
    binary: Option<T>,
    ubinary: Option<T>,
}

impl<T> ByType<T> {
    fn first(self) -> Option<T> {
        self.float.or(self.int8).or(self.uint8).or(self.binary).or(self.ubinary)
    }
}

#[derive(Deserialize)]
struct NovaVector {
    embedding: Json,
}

/// Reads the answers to [`encode_requests`], in the same order, each with what its header
/// `x-amzn-bedrock-input-token-count` says.
///
/// # Errors
/// [`Kind::GarbledAnswer`]: one of them is none.
pub fn decode_replies(replies: &[(Bytes, Option<u64>)], profile: &Profile<'_>) -> Result<EmbeddingReply, Error> {
    let family = Family::of(profile)?;
    let mut vectors = Vec::with_capacity(replies.len());
    let mut tokens = None;
    for (body, header) in replies {
        let answer: Answer = serde_json::from_slice(body).map_err(|error| garbled(&error.to_string()))?;
        if let Some(count) = answer.input_text_token_count.or(*header) {
            tokens = Some(count.saturating_add(tokens.unwrap_or_default()));
        }
        let found = found(family, answer).ok_or_else(|| garbled("no vectors in an embedding answer"))?;
        vectors.extend(found);
    }
    Ok(EmbeddingReply { vectors, usage: tokens.map(|tokens| Usage::of_tokens(tokens, 0)) })
}

fn found(family: Family, answer: Answer) -> Option<Vec<Json>> {
    match family {
        Family::Cohere => {
            let embeddings = answer.embeddings?;
            if embeddings.is_object() {
                return serde_json::from_str::<ByType<Vec<Json>>>(embeddings.text()).ok()?.first();
            }
            serde_json::from_str(embeddings.text()).ok()
        }
        Family::Nova => {
            let vectors: Vec<NovaVector> = serde_json::from_str(answer.embeddings?.text()).ok()?;
            Some(vectors.into_iter().map(|vector| vector.embedding).collect())
        }
        Family::TitanV1 | Family::TitanV2 | Family::TitanImage => {
            let by_type = || answer.embeddings_by_type.and_then(ByType::first);
            Some(vec![answer.embedding.or_else(by_type)?])
        }
    }
}

fn garbled(why: &str) -> Error {
    Error::new(Kind::GarbledAnswer, "The provider sent an answer that does not parse.").detail(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(base_model: &str) -> Profile<'_> {
        Profile { provider: "bedrock", drop_params: false, modify_params: false, base_model }
    }

    fn request(inputs: Vec<EmbeddingInput>) -> EmbeddingRequest {
        EmbeddingRequest { model: "m".to_owned(), inputs, ..EmbeddingRequest::default() }
    }

    fn text(text: &str) -> EmbeddingInput {
        EmbeddingInput::Text(text.to_owned())
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn each_family_has_its_body() {
        let check = |model: &str, request: &EmbeddingRequest, expected: &[&str]| {
            let bodies = encode_requests(request, &profile(model)).map_err(|error| error.message);
            let bodies: Vec<String> = match bodies {
                Ok(bodies) => bodies.into_iter().map(|body| String::from_utf8(body).unwrap()).collect(),
                Err(message) => vec![message],
            };
            assert_eq!(bodies, expected, "{model}");
        };
        let two = request(vec![text("a"), text("b")]);
        let sized = EmbeddingRequest { dimensions: Some(256), ..two.clone() };
        let png = EmbeddingInput::Image("data:image/jpeg;base64,aGk=".to_owned());
        let mixed = request(vec![text("a"), png.clone(), text("b"), text("c")]);
        let titan = "amazon.titan-embed-text-v1";
        check(titan, &two, &[r#"{"inputText":"a"}"#, r#"{"inputText":"b"}"#]);
        check(
            titan,
            &sized,
            &["litellm.UnsupportedParamsError: bedrock does not support parameters: ['dimensions'], for model=m."],
        );
        let normal =
            EmbeddingRequest { extra: vec![("normalize".to_owned(), Json::parse("false").unwrap())], ..sized.clone() };
        check(
            "us-east-1/amazon.titan-embed-text-v2:0",
            &normal,
            &[
                r#"{"inputText":"a","dimensions":256,"normalize":false}"#,
                r#"{"inputText":"b","dimensions":256,"normalize":false}"#,
            ],
        );
        let pictured = EmbeddingRequest { inputs: vec![text("a"), png.clone()], ..sized.clone() };
        check(
            "amazon.titan-embed-image-v1",
            &pictured,
            &[
                r#"{"inputText":"a","embeddingConfig":{"outputEmbeddingLength":256}}"#,
                r#"{"inputImage":"aGk=","embeddingConfig":{"outputEmbeddingLength":256}}"#,
            ],
        );
        check("cohere.embed-english-v3", &two, &[r#"{"texts":["a","b"],"input_type":"search_document"}"#]);
        check(
            "us.cohere.embed-v4:0",
            &EmbeddingRequest { base64: true, input_type: Some("search_query".to_owned()), ..sized },
            &[r#"{"texts":["a","b"],"input_type":"search_query","output_dimension":256,"embedding_types":["float"]}"#],
        );
        check(
            "cohere.embed-multilingual-v3",
            &mixed,
            &[
                r#"{"texts":["a"],"input_type":"search_document"}"#,
                r#"{"images":["data:image/jpeg;base64,aGk="],"input_type":"image"}"#,
                r#"{"texts":["b","c"],"input_type":"search_document"}"#,
            ],
        );
        let nova = r#"{"schemaVersion":"nova-multimodal-embed-v1","taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"embeddingPurpose":"GENERIC_INDEX","embeddingDimension":3072,"#;
        check(
            "amazon.nova-2-multimodal-embeddings-v1:0",
            &request(vec![text("a"), png.clone()]),
            &[
                &format!(r#"{nova}"text":{{"truncationMode":"END","value":"a"}}}}}}"#),
                &format!(r#"{nova}"image":{{"format":"jpeg","source":{{"bytes":"aGk="}}}}}}}}"#),
            ],
        );
        check(titan, &request(vec![png]), &["Invalid parameter: 'input': the model takes no images."]);
        check(
            "cohere.embed-english-v3",
            &request(vec![EmbeddingInput::Tokens(vec![1])]),
            &["Invalid parameter: 'input': the model takes no token ids."],
        );
        let many = request((0..200).map(|number| text(&number.to_string())).collect());
        assert_eq!(encode_requests(&many, &profile("cohere.embed-english-v3")).unwrap().len(), 3);
    }

    #[test]
    fn vectors_come_in_order() {
        let check = |model: &str, replies: &[(&str, Option<u64>)], expected: Option<(&[&str], Option<u64>)>| {
            let replies: Vec<(Bytes, Option<u64>)> =
                replies.iter().map(|(body, count)| (Bytes::copy_from_slice(body.as_bytes()), *count)).collect();
            let reply = decode_replies(&replies, &profile(model)).ok();
            let found = reply.as_ref().map(|reply| {
                let vectors: Vec<&str> = reply.vectors.iter().map(Json::text).collect();
                (vectors, reply.usage.map(|usage| usage.total_tokens))
            });
            assert_eq!(found, expected.map(|(vectors, tokens)| (vectors.to_vec(), tokens)), "{model}");
        };
        let titan = "amazon.titan-embed-text-v2:0";
        check(
            titan,
            &[
                (r#"{"embedding":[0.10, 1],"inputTextTokenCount":3,"embeddingsByType":{"float":[0.10, 1]}}"#, None),
                (r#"{"embeddingsByType":{"binary":[1,0]},"inputTextTokenCount":2}"#, Some(9)),
            ],
            Some((&["[0.10, 1]", "[1,0]"], Some(5))),
        );
        let cohere = "cohere.embed-english-v3";
        check(cohere, &[(r#"{"embeddings":[[1],[2]],"id":"x"}"#, Some(4))], Some((&["[1]", "[2]"], Some(4))));
        check(cohere, &[(r#"{"embeddings":{"float":[[1]]}}"#, None)], Some((&["[1]"], None)));
        check(
            "amazon.nova-2-x",
            &[(r#"{"embeddings":[{"embeddingType":"TEXT","embedding":[1]}]}"#, Some(2))],
            Some((&["[1]"], Some(2))),
        );
        check(titan, &[("{}", None)], None);
        check(cohere, &[("[", None)], None);
    }
}
