//! What clients of Gemini send (google-genai SDK, Gemini CLI): <https://ai.google.dev/api/generate-content>.

use super::contents::{contents, instruction};
use super::{Members, camel, config, read, tools};
use crate::error::{Error, Kind};
use crate::wire::model::{ChatRequest, Family, Json};
use crate::wire::openai::request::Request;

/// LiteLLM's own members, and those that have a place of their own.
pub const CONTROL: [&str; 20] = [
    "model",
    "stream",
    "user",
    "metadata",
    "litellm_metadata",
    "tags",
    "cache",
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "num_retries",
    "timeout",
    "stream_timeout",
    "guardrails",
    "mock_response",
    "mock_timeout",
    "disable_fallbacks",
    "litellm_session_id",
    "litellm_trace_id",
    "drop_params",
];

/// Whether a member of the body is for the gateway.
pub fn is_control(name: &str) -> bool {
    CONTROL.contains(&name) || name.starts_with("mock_testing_")
}

/// Reads a request. Model and streaming stand in its path.
///
/// # Errors
/// [`Kind::MissingParameter`] without `contents`; [`Kind::InvalidParameter`] with the name of what does not parse.
pub fn decode_request(request: &Request, model: &str, stream: bool) -> Result<ChatRequest, Error> {
    let mut chat = ChatRequest {
        model: model.to_owned(),
        stream,
        include_usage: true,
        user: request.user.clone(),
        family: Some(Family::Gemini),
        ..ChatRequest::default()
    };
    let object = request.object();
    let mut said_contents = None;
    let mut system = None;
    for member in object.members() {
        let name = String::from_utf8_lossy(member.name(object.body()));
        let raw = std::str::from_utf8(object.raw(member)).unwrap_or_default();
        if raw == "null" || is_control(&name) {
            continue;
        }
        match &*camel(&name) {
            "contents" => said_contents = Some(contents(raw)?),
            "systemInstruction" => system = instruction(raw)?,
            "tools" => chat.tools = tools::tools(raw)?,
            "toolConfig" => tools::choice(&mut chat, read(raw, "toolConfig")?)?,
            "generationConfig" => config::read_into(&mut chat, read::<Members>(raw, "generationConfig")?)?,
            "serviceTier" => chat.service_tier = read(raw, "serviceTier")?,
            name => chat.extra.extend(Json::parse(raw).map(|value| (name.to_owned(), value))),
        }
    }
    let Some(messages) = said_contents else {
        let message = "Missing required parameter: 'contents'.";
        return Err(Error::new(Kind::MissingParameter, message).param("contents"));
    };
    chat.messages = system.into_iter().chain(messages).collect();
    Ok(chat)
}
