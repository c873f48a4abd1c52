//! A prediction's request (<https://replicate.com/docs/reference/http#predictions.create>).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::prompt::prompt;
use crate::error::Error;
use crate::wire::codec::Profile;
use crate::wire::members::Members;
use crate::wire::model::{ChatRequest, Family, Param, refuse_or_drop};

/// What models at Replicate have no word for.
const UNSUPPORTED: [Param; 12] = [
    Param::Tools,
    Param::ToolChoice,
    Param::ParallelToolCalls,
    Param::N,
    Param::MinP,
    Param::LogitBias,
    Param::Logprobs,
    Param::TopLogprobs,
    Param::ResponseFormat,
    Param::ReasoningEffort,
    Param::WebSearchOptions,
    Param::Modalities,
];

/// LiteLLM's switch for models without `system_prompt`; not for the model.
const SYSTEM_PROMPT_SWITCH: &str = "supports_system_prompt";

/// What OpenAI's clients say to OpenAI; no model's input.
const OPENAIS: [&str; 8] = [
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "prediction",
    "store",
    "audio",
    "functions",
    "function_call",
];

/// Length of a version's id, in hex digits.
const VERSION: usize = 64;

/// How a model is named: `owner/name`, `deployments/owner/name`, `owner/name:version` or a version alone.
enum Target<'a> {
    Model(&'a str),
    Deployment(&'a str),
    Version(&'a str),
}

impl<'a> Target<'a> {
    fn of(model: &'a str) -> Self {
        let is_version = |id: &str| id.len() == VERSION && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        match (model.strip_prefix("deployments/"), model.rsplit_once(':')) {
            (Some(deployment), _) => Target::Deployment(deployment),
            (_, Some((_, version))) => Target::Version(version),
            _ if is_version(model) => Target::Version(model),
            _ => Target::Model(model),
        }
    }
}

/// The path that a prediction of a model is created at.
pub fn target(model: &str) -> String {
    match Target::of(model) {
        Target::Model(name) => format!("/v1/models/{}/predictions", path(name)),
        Target::Deployment(name) => format!("/v1/deployments/{}/predictions", path(name)),
        Target::Version(_) => "/v1/predictions".to_owned(),
    }
}

/// `owner/name` as a path: nothing in it may lead elsewhere.
fn path(name: &str) -> String {
    const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let segments = name.split('/').filter(|segment| !matches!(*segment, "" | "." | ".."));
    let segments: Vec<String> = segments.map(|segment| utf8_percent_encode(segment, &PLAIN).to_string()).collect();
    segments.join("/")
}

/// The body of the creation of a prediction: `{"input":…}`, and the version where the path has no place for it.
///
/// # Errors
/// [`crate::error::Kind::UnsupportedParams`] for parameters that models at Replicate lack,
/// [`crate::error::Kind::InvalidParameter`] for messages that they cannot be given.
pub fn encode_request(mut request: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    refuse_or_drop(&mut request, &UNSUPPORTED, profile.drop_params, profile.provider)?;
    let mut body = Members::default();
    if let Target::Version(version) = Target::of(&request.model) {
        body.put("version", &version);
    }
    body.raw("input", &input(&request)?);
    Ok(body.finish().into_bytes())
}

fn input(request: &ChatRequest) -> Result<String, Error> {
    let system_apart = request.extra(SYSTEM_PROMPT_SWITCH).is_none_or(|switch| switch.text() != "false");
    let prompt = prompt(&request.model, &request.messages, system_apart)?;
    let sampling = &request.sampling;
    let mut input = Members::default();
    input.put("prompt", &prompt.text);
    input.put_some("system_prompt", prompt.system.as_ref());
    input.put_some("image", prompt.image.as_ref());
    input.put_some("temperature", sampling.temperature.as_ref());
    input.put_some("top_p", sampling.top_p.as_ref());
    input.put_some("top_k", sampling.top_k.as_ref());
    input.put_some(max_tokens(&request.model), sampling.max_tokens.as_ref());
    // One text with commas between, as the models' schemas have it.
    input.put_some("stop_sequences", Some(sampling.stop.join(",")).filter(|stop| !stop.is_empty()).as_ref());
    input.put_some("seed", sampling.seed.as_ref());
    input.put_some("presence_penalty", sampling.presence_penalty.as_ref());
    input.put_some("frequency_penalty", sampling.frequency_penalty.as_ref());
    // Each model has inputs of its own, so everything else goes there.
    let own = matches!(request.family, None | Some(Family::OpenAi));
    for (name, value) in request.extra.iter().filter(|_| own) {
        if name != SYSTEM_PROMPT_SWITCH && !OPENAIS.contains(&name.as_str()) {
            input.put(name, value);
        }
    }
    if prompt.templated {
        input.put("prompt_template", &"{prompt}");
    }
    Ok(input.finish())
}

/// The input that limits the answer's length: LiteLLM's names for the older models, the schemas' for the newer.
fn max_tokens(model: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| model.contains(word));
    match () {
        () if has(&["vicuna", "flan"]) => "max_length",
        () if has(&["openai/"]) => "max_completion_tokens",
        () if has(&[
            "codellama-13b",
            "llama-3",
            "llama-4",
            "anthropic/",
            "deepseek-ai/",
            "google/",
            "ibm-granite/",
        ]) =>
        {
            "max_tokens"
        }
        () => "max_new_tokens",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Kind;
    use crate::wire::model::{Json, Message, Role, Sampling};

    const PROFILE: Profile<'static> =
        Profile { provider: "replicate", drop_params: false, modify_params: false, base_model: "" };

    #[test]
    fn every_name_has_its_path() {
        let version = "0".repeat(VERSION);
        let named = format!("meta/llama:{version}");
        for (model, path) in [
            ("meta/llama-3", "/v1/models/meta/llama-3/predictions"),
            ("deployments/me/mine", "/v1/deployments/me/mine/predictions"),
            (named.as_str(), "/v1/predictions"),
            (version.as_str(), "/v1/predictions"),
            ("a/../b?c", "/v1/models/a/b%3Fc/predictions"),
        ] {
            assert_eq!(target(model), path, "{model}");
        }
    }

    #[test]
    fn everything_stands_in_the_input() {
        let request = |model: &str| ChatRequest {
            model: model.into(),
            messages: vec![Message::text(Role::System, "sys"), Message::text(Role::User, "hi")],
            ..ChatRequest::default()
        };
        let encoded =
            |request| -> Value { serde_json::from_slice(&encode_request(request, &PROFILE).unwrap()).unwrap() };
        let json = |text: &str| Json::parse(text).unwrap();
        let asked = ChatRequest {
            sampling: Sampling {
                max_tokens: Some(5),
                temperature: Some(0.5),
                top_p: Some(0.9),
                top_k: Some(3),
                seed: Some(7),
                stop: vec!["a".into(), "b".into()],
                ..Sampling::default()
            },
            extra: vec![("min_new_tokens".into(), json("1")), ("store".into(), json("true"))],
            ..request("o/m:v1")
        };
        assert_eq!(
            encoded(asked.clone()),
            json!({"version": "v1", "input": {
                "prompt": "hi", "system_prompt": "sys", "temperature": 0.5, "top_p": 0.9, "top_k": 3,
                "max_new_tokens": 5, "stop_sequences": "a,b", "seed": 7, "min_new_tokens": 1,
            }})
        );
        let apart = vec![("supports_system_prompt".to_owned(), json("false"))];
        let together = ChatRequest { extra: apart, ..request("o/m") };
        assert_eq!(encoded(together), json!({"input": {"prompt": "sys\n\nhi"}}));
        let llama = encoded(request("meta/meta-llama-3-8b-instruct"));
        assert_eq!(llama["input"]["prompt_template"], "{prompt}");
        let mut lacking = asked;
        lacking.sampling.n = Some(2);
        let error = encode_request(lacking, &PROFILE).unwrap_err();
        assert_eq!((error.kind, error.param), (Kind::UnsupportedParams, Some("n")));
    }
}
