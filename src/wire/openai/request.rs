//! What the proxy needs to know of a request body, and what goes upstream in its place.
//!
//! Chat completions, legacy completions, embeddings, moderations and pictures alike: they share `model`, `stream`, `user` and
//! LiteLLM's own parameters, and differ in what is carried through.

use std::ops::Deref;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;

use super::upstream;
use crate::error::{Error, Kind};
use crate::wire::media::Media;
use crate::wire::peek::{Member, Object, ValueKind, peek};
use crate::wire::splice::Spliced;

pub(in crate::wire) use super::upstream::is_ours;
pub use super::upstream::{Quirks, RequestRules};

/// A request body and what was read of it. Owned, so that it lives as long as its attempts.
#[derive(Clone, Debug)]
pub struct Request {
    body: Bytes,
    open: usize,
    members: Vec<Member>,
    media: Media,
    /// As the client wrote it. `None`: not in the body; some routes have it in their path.
    pub model: Option<String>,
    /// The client wants events.
    pub stream: bool,
    /// The client asked for the usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    /// `max_completion_tokens`, else `max_tokens`, else Responses' `max_output_tokens`: the most that one choice may cost in output.
    pub max_tokens: Option<u64>,
    /// Choices asked for (`n`), one if unsaid.
    pub n: u64,
    /// The end user, OpenAI's `user`.
    pub user: Option<String>,
    /// LiteLLM's own parameters: for this gateway, never for the provider.
    pub control: OwnParameters,
}

/// [`Control`] as a request has it: usually there is none, and a request is moved from hand to hand.
#[derive(Clone, Debug, Default)]
pub struct OwnParameters(Option<Box<Control>>);

impl Deref for OwnParameters {
    type Target = Control;

    fn deref(&self) -> &Control {
        static NONE: LazyLock<Control> = LazyLock::new(Control::default);
        self.0.as_deref().unwrap_or(&NONE)
    }
}

/// LiteLLM's own parameters. Raw JSON where only one part of the gateway understands it.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// How often to try again.
    pub num_retries: Option<u32>,
    /// For the whole request.
    pub timeout: Option<Duration>,
    /// Until the first event of a stream.
    pub stream_timeout: Option<Duration>,
    /// The lower, the sooner it is its turn where requests wait.
    pub priority: Option<i64>,
    /// `tags` and `metadata.tags`.
    pub tags: Vec<String>,
    /// The answer, without a provider.
    pub mock_response: Option<String>,
    /// Answer as if the provider had not.
    pub mock_timeout: bool,
    /// Fail the first attempt, to try the fallbacks out.
    pub mock_testing_fallbacks: bool,
    /// The same with a full context window.
    pub mock_testing_context_fallbacks: bool,
    /// The same with a refused prompt.
    pub mock_testing_content_policy_fallbacks: bool,
    /// The same with a limit that is reached.
    pub mock_testing_rate_limit_error: bool,
    /// Answer the first model group's error instead of trying others.
    pub disable_fallbacks: bool,
    /// Groups requests in logs.
    pub session_id: Option<String>,
    /// Groups requests in logs.
    pub trace_id: Option<String>,
    /// `metadata`: OpenAI has a parameter of that name, but LiteLLM keeps it for itself, and so do we.
    pub metadata: Option<Bytes>,
    /// The same for routes where `metadata` is the provider's.
    pub litellm_metadata: Option<Bytes>,
    /// Response cache control.
    pub cache: Option<Bytes>,
    /// Other model groups to try.
    pub fallbacks: Option<Bytes>,
    /// The same when the context window is full.
    pub context_window_fallbacks: Option<Bytes>,
    /// The same when the prompt was refused.
    pub content_policy_fallbacks: Option<Bytes>,
    /// Guardrails to run.
    pub guardrails: Option<Bytes>,
}

/// A `timeout` above this is as good as none, and safe to add to a clock.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3600);

impl Request {
    /// Reads a body. `InvalidJson` when it is refused by [`peek`]; `InvalidParameter` when `model` is no string or
    /// `stream` no boolean: we act on these two, so they may not be guessed.
    pub fn parse(body: Bytes) -> Result<Request, Error> {
        let object = peek(&body)?;
        let mut request = Request {
            body: Bytes::new(),
            open: 0,
            members: Vec::new(),
            media: object.media(),
            model: None,
            stream: false,
            include_usage: false,
            max_tokens: None,
            n: object.as_u64("n").unwrap_or(1),
            user: None,
            control: OwnParameters::default(),
        };
        for member in object.members() {
            request.read(&body, &object, member)?;
        }
        let cap = |name| object.as_u64(name);
        request.max_tokens =
            cap("max_completion_tokens").or_else(|| cap("max_tokens")).or_else(|| cap("max_output_tokens"));
        (request.open, request.members) = object.into_parts();
        request.body = body;
        Ok(request)
    }

    fn read(&mut self, body: &Bytes, object: &Object<'_>, member: &Member) -> Result<(), Error> {
        let owned = || object.text(member).map(|text| text.into_owned());
        match member.name(body) {
            b"model" => match member.kind {
                ValueKind::String => self.model = owned(),
                ValueKind::Null => {}
                _ => return Err(wrong_type("model", "a string")),
            },
            b"stream" => match member.kind {
                ValueKind::Bool => self.stream = object.raw(member) == b"true",
                ValueKind::Null => {}
                _ => return Err(wrong_type("stream", "a boolean")),
            },
            b"stream_options" => {
                if let Some(options) = object.nested("stream_options") {
                    self.include_usage = options?.as_bool("include_usage").unwrap_or(false);
                }
            }
            b"user" => self.user = owned(),
            name if is_ours(name) => {
                self.control.0.get_or_insert_default().read(name, body, object, member);
            }
            _ => {}
        }
        Ok(())
    }

    /// The client's bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Bytes of it that are text and its frame, without the base64 of pictures and files.
    pub fn text_bytes(&self) -> usize {
        self.body.len().saturating_sub(self.media.base64)
    }

    /// The same without the quotes, which no provider counts: for a guess that may be too low. Looks at every byte.
    pub fn unquoted_bytes(&self) -> u64 {
        let quotes = memchr::memchr_iter(b'"', &self.body).count();
        self.text_bytes().saturating_sub(quotes) as u64
    }

    /// What of it is no text.
    pub fn media(&self) -> Media {
        self.media
    }

    /// The members of the body.
    pub fn object(&self) -> Object<'_> {
        Object::again(&self.body, self.open, &self.members)
    }

    /// Whether there is a member of this name.
    pub fn has(&self, name: &str) -> bool {
        self.object().get(name).is_some()
    }

    /// The body for one deployment. An error is a mistake of ours ([`Kind::Internal`]), whatever the client sent.
    pub fn for_upstream(&self, rules: &RequestRules<'_>) -> Result<Spliced, Error> {
        upstream::edits(self, rules)
            .finish()
            .map_err(|error| Error::new(Kind::Internal, "Internal error").detail(format!("splice: {error:?}")))
    }
}

impl Control {
    fn read(&mut self, name: &[u8], body: &Bytes, object: &Object<'_>, member: &Member) {
        let raw = || (member.kind != ValueKind::Null).then(|| body.slice(member.value.clone()));
        let text = || object.text(member).map(|text| text.into_owned());
        let yes = || object.raw(member) == b"true";
        match name {
            b"num_retries" => self.num_retries = object.as_u64("num_retries").and_then(|count| count.try_into().ok()),
            b"timeout" => self.timeout = seconds(object, "timeout"),
            b"stream_timeout" => self.stream_timeout = seconds(object, "stream_timeout"),
            b"priority" => {
                self.priority = std::str::from_utf8(object.raw(member)).ok().and_then(|text| text.parse().ok())
            }
            b"tags" => self.tags.extend(strings(object.raw(member))),
            b"mock_response" => self.mock_response = text(),
            b"mock_timeout" => self.mock_timeout = yes(),
            b"mock_testing_fallbacks" => self.mock_testing_fallbacks = yes(),
            b"mock_testing_context_fallbacks" => self.mock_testing_context_fallbacks = yes(),
            b"mock_testing_content_policy_fallbacks" => self.mock_testing_content_policy_fallbacks = yes(),
            b"mock_testing_rate_limit_error" => self.mock_testing_rate_limit_error = yes(),
            b"disable_fallbacks" => self.disable_fallbacks = yes(),
            b"litellm_session_id" => self.session_id = text(),
            b"litellm_trace_id" => self.trace_id = text(),
            b"metadata" => {
                self.metadata = raw();
                let metadata = object.nested("metadata").and_then(Result::ok);
                let tags = metadata.as_ref().and_then(|metadata| metadata.get("tags").map(|tags| metadata.raw(tags)));
                self.tags.extend(tags.map(strings).unwrap_or_default());
            }
            b"litellm_metadata" => self.litellm_metadata = raw(),
            b"cache" => self.cache = raw(),
            b"fallbacks" => self.fallbacks = raw(),
            b"context_window_fallbacks" => self.context_window_fallbacks = raw(),
            b"content_policy_fallbacks" => self.content_policy_fallbacks = raw(),
            b"guardrails" => self.guardrails = raw(),
            _ => {}
        }
    }
}

fn wrong_type(param: &'static str, wanted: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("Invalid parameter: '{param}' must be {wanted}.")).param(param)
}

/// A positive number of seconds; anything else is as if it had not been said.
fn seconds(object: &Object<'_>, name: &str) -> Option<Duration> {
    let value = object.as_f64(name).filter(|seconds| *seconds > 0.0)?;
    Some(Duration::try_from_secs_f64(value).unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT))
}

fn strings(raw: &[u8]) -> Vec<String> {
    serde_json::from_slice(raw).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &'static str) -> Result<Request, Error> {
        Request::parse(Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn what_the_proxy_needs_is_read() {
        let request = parse(
            r#"{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"max_tokens":5,"n":2,
                "max_completion_tokens":7,"user":"u\u0031","timeout":1.5,"num_retries":3,"tags":["a"],
                "metadata":{"tags":["b"],"x":null},"mock_response":"hi","disable_fallbacks":true,
                "fallbacks":["x"],"cache":null,"mock_timeout":false}"#,
        )
        .unwrap();
        assert_eq!(request.model.as_deref(), Some("gpt-4o"));
        assert!(request.stream && request.include_usage && request.control.disable_fallbacks);
        assert!(!request.control.mock_timeout);
        assert_eq!((request.max_tokens, request.n, request.user.as_deref()), (Some(7), 2, Some("u1")));
        assert_eq!(request.control.timeout, Some(Duration::from_millis(1500)));
        assert_eq!(request.control.num_retries, Some(3));
        assert_eq!(request.control.tags, ["a", "b"]);
        assert_eq!(request.control.mock_response.as_deref(), Some("hi"));
        assert_eq!(request.control.fallbacks.as_deref(), Some(&b"[\"x\"]"[..]));
        assert_eq!(request.control.cache, None);
        assert!(request.has("mock_timeout") && !request.has("messages"));
    }

    #[test]
    fn what_we_act_on_is_never_guessed() {
        let cases = [
            (r#"{"model":5}"#, Kind::InvalidParameter),
            (r#"{"model":"a","stream":"true"}"#, Kind::InvalidParameter),
            (r#"{"model":"a","stream_options":{"include_usage":true,"include_usage":false}}"#, Kind::InvalidJson),
            (r#"{"model":"a","Model":"b"}"#, Kind::InvalidJson),
            ("[]", Kind::InvalidJson),
            ("", Kind::InvalidJson),
        ];
        for (body, kind) in cases {
            assert_eq!(parse(body).unwrap_err().kind, kind, "{body}");
        }
        let lenient = parse(r#"{"model":null,"stream":null,"timeout":-1,"max_tokens":"5","user":7}"#).unwrap();
        assert!(lenient.model.is_none() && !lenient.stream && lenient.control.timeout.is_none());
        assert!(lenient.max_tokens.is_none() && lenient.user.is_none());
    }
}
