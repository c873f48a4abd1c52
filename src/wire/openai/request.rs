//! What the proxy needs of a request, and what goes upstream instead of it.
use crate::error::Error;
use crate::wire::peek::Object;
use crate::wire::splice::Spliced;
use bytes::Bytes;
use std::time::Duration;

/// Chat, completions, embeddings and moderations alike. Owned: lives as long as the request.
#[derive(Clone, Debug)]
pub struct Request {
    body: Bytes,
    layout: (),
    pub model: Option<String>,
    pub stream: bool,
    /// The client asked for `stream_options.include_usage`.
    pub include_usage: bool,
    /// max_completion_tokens, else max_tokens
    pub max_tokens: Option<u64>,
    pub user: Option<String>,
    pub control: Control,
}

/// LiteLLM's own parameters.
#[derive(Clone, Debug, Default)]
pub struct Control {
    pub num_retries: Option<u32>,
    pub timeout: Option<Duration>,
    pub stream_timeout: Option<Duration>,
    pub tags: Vec<String>,
    pub mock_response: Option<String>,
    pub mock_timeout: bool,
    pub mock_testing_fallbacks: bool,
    pub mock_testing_context_fallbacks: bool,
    pub mock_testing_content_policy_fallbacks: bool,
    pub disable_fallbacks: bool,
    pub session_id: Option<String>,
    pub trace_id: Option<String>,
    /// raw JSON
    pub metadata: Option<Bytes>,
    pub litellm_metadata: Option<Bytes>,
    pub cache: Option<Bytes>,
    pub fallbacks: Option<Bytes>,
    pub context_window_fallbacks: Option<Bytes>,
    pub content_policy_fallbacks: Option<Bytes>,
    pub guardrails: Option<Bytes>,
}

impl Request {
    /// InvalidJson, InvalidParameter (model or stream of the wrong type).
    pub fn parse(body: Bytes) -> Result<Request, Error> {
        todo!()
    }
    pub fn body(&self) -> &Bytes {
        &self.body
    }
    pub fn object(&self) -> Object<'_> {
        todo!()
    }
    /// Is there a member of this name (e.g. "messages")?
    pub fn has(&self, name: &str) -> bool {
        todo!()
    }
    /// Never fails on input: Err is a programming error (overlapping edits), Kind::Internal.
    pub fn for_upstream(&self, rules: &RequestRules<'_>) -> Result<Spliced, Error> {
        todo!()
    }
}

#[derive(Clone, Debug)]
pub struct RequestRules<'a> {
    pub upstream_model: &'a str,
    /// Inserted when the client did not say.
    pub defaults: &'a serde_json::Map<String, serde_json::Value>,
    /// Inserted always, over what the client said.
    pub extra_body: &'a serde_json::Map<String, serde_json::Value>,
    /// Names to drop (additional_drop_params; drop_params' result).
    pub drop: &'a [String],
    /// Ask for usage in streams.
    pub add_stream_usage: bool,
    pub quirks: Quirks,
}
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    pub tools_without_strict: bool,
    pub no_null_content: bool,
    pub max_completion_tokens: bool,
    pub explicit_stream_false: bool,
}
