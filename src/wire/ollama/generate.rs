//! `/api/generate`: a prompt instead of a conversation
//! (<https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-completion>).

use super::options::{UNSUPPORTED, format, shared};
use super::prompt::prompt;
use super::tools::offered;
use crate::error::Error;
use crate::wire::codec::Profile;
use crate::wire::members::Members;
use crate::wire::model::{ChatRequest, Part, refuse_or_drop};

/// Ollama's own parameters of generate: taken from any client as they are.
const OWN: [&str; 5] = ["system", "template", "suffix", "raw", "context"];

/// The body of `POST /api/generate` for a conversation: written out by a template, its tools described in it. The answer
/// is then to be read with [`super::reply::decode_prompted_reply`] or [`super::stream::Decoder::prompted`].
///
/// # Errors
/// As [`super::request::encode_request`].
pub fn encode_request(mut request: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    refuse_or_drop(&mut request, &UNSUPPORTED, profile.drop_params, profile.provider)?;
    let tools = offered(&request);
    let prompt = prompt(&request.messages, &tools)?;
    // A call comes as JSON text, so tools need JSON; a shape that the client wants goes before.
    let format = format(&request).or_else(|| (!tools.is_empty()).then(|| "\"json\"".to_owned()));
    let mut body = body(&request, &prompt.text, profile, format);
    body.put("images", &prompt.images);
    Ok(body.finish().into_bytes())
}

/// The same for OpenAI's legacy completions: the prompt is the client's own, and no template is put around it.
///
/// # Errors
/// [`crate::error::Kind::UnsupportedParams`]
pub fn encode_completion(mut request: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    refuse_or_drop(&mut request, &UNSUPPORTED, profile.drop_params, profile.provider)?;
    let mut prompt = String::new();
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        if let Part::Text(text) = part {
            prompt.push_str(&text.text);
        }
    }
    Ok(body(&request, &prompt, profile, format(&request)).finish().into_bytes())
}

fn body(request: &ChatRequest, prompt: &str, profile: &Profile<'_>, format: Option<String>) -> Members {
    let mut body = Members::default();
    body.put("model", &request.model);
    body.put("prompt", &prompt);
    shared(request, profile, &mut body);
    if let Some(format) = format {
        body.raw("format", &format);
    }
    for name in OWN {
        body.put_some(name, request.extra(name));
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::model::{Json, Message, ResponseFormat, Role, Tool, ToolKind};

    const PROFILE: Profile<'static> =
        Profile { provider: "ollama", drop_params: false, modify_params: false, base_model: "llama3.2" };

    fn request() -> ChatRequest {
        let messages = vec![Message::text(Role::User, "hi")];
        ChatRequest { model: "llama3.2".into(), messages, ..ChatRequest::default() }
    }

    fn value(body: Result<Vec<u8>, Error>) -> Value {
        serde_json::from_slice(&body.unwrap()).unwrap()
    }

    #[test]
    fn conversations_are_written_out_and_completions_are_not() {
        let mut asked = request();
        asked.sampling.max_tokens = Some(5);
        let expected = |prompt, images: Option<Value>| {
            let mut body =
                json!({"model": "llama3.2", "prompt": prompt, "options": {"num_predict": 5}, "stream": false});
            images.into_iter().for_each(|images| body["images"] = images);
            body
        };
        assert_eq!(value(encode_request(asked.clone(), &PROFILE)), expected("### User:\nhi\n\n", Some(json!([]))));
        assert_eq!(value(encode_completion(asked, &PROFILE)), expected("hi", None));
    }

    #[test]
    fn tools_want_json_unless_the_client_wants_a_shape() {
        let kind = ToolKind::Function {
            name: "f".into(),
            description: None,
            parameters: None,
            strict: None,
            extra: Vec::new(),
        };
        let mut asked = ChatRequest { tools: vec![Tool { kind, cache: None }], ..request() };
        let body = value(encode_request(asked.clone(), &PROFILE));
        assert_eq!((body["format"].as_str(), body.get("tools")), (Some("json"), None));
        assert!(body["prompt"].as_str().is_some_and(|prompt| prompt.contains("'name': 'f'")));
        let schema = Json::empty_object();
        asked.response_format =
            Some(ResponseFormat::JsonSchema { name: None, schema, strict: None, description: None });
        assert_eq!(value(encode_request(asked, &PROFILE))["format"], json!({}));
    }
}
