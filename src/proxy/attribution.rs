//! For whom and what a call is, as the client says it: an end user, tags, a session, words of its own. Spend is reported
//! by these, and end users and tags may have limits.

use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use crate::auth::members::Models;
use crate::store::journal::MAX_METADATA;
use crate::wire::openai::request::Request;
use crate::wire::peek::{Object, ValueKind, object_at};

/// Tags that one call may have; more are not counted.
pub const TAGS: usize = 32;
/// Letters of an end user's id, a tag, a session's id; a longer one is cut.
pub const LETTERS: usize = 256;

static END_USER_ID: HeaderName = HeaderName::from_static("x-litellm-end-user-id");
static CUSTOMER_ID: HeaderName = HeaderName::from_static("x-litellm-customer-id");
static TAGS_HEADER: HeaderName = HeaderName::from_static("x-litellm-tags");
/// The session of a call, for its spend and for its route.
pub static SESSION_ID: HeaderName = HeaderName::from_static("x-litellm-session-id");

static TRACE_ID: HeaderName = HeaderName::from_static("x-litellm-trace-id");
static SPEND_LOGS_METADATA: HeaderName = HeaderName::from_static("x-litellm-spend-logs-metadata");

/// See the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// The end user (LiteLLM's customer).
    pub end_user: Option<String>,
    /// Its own tags, and those of its key.
    pub tags: Vec<String>,
    /// The conversation that it belongs to.
    pub session_id: Option<String>,
    /// The chain of calls that it belongs to, where no session is said: a session for its spend, but not for its route.
    pub trace_id: Option<String>,
    /// What its line in the spend log is to say beside the rest: a JSON object of at most [`MAX_METADATA`] bytes.
    pub spend_logs_metadata: Option<String>,
    /// What the client says it is; only where a deployment knows clients by that.
    pub user_agent: Option<String>,
    /// The only region that the end user's calls may go to (`allowed_model_region`).
    pub region: Option<String>,
    /// The model that is called where the one that is asked for is not in that region (`default_model`).
    pub default_model: Option<String>,
    /// The only models that the end user may call.
    pub models: Option<Models>,
}

impl Attribution {
    /// What the headers and the body say; `has_own`: some of the headers are LiteLLM's. `own_tags` are those of the key,
    /// `end_user_header` is `user_header_name`.
    pub fn of(
        headers: &HeaderMap,
        has_own: bool,
        request: &Request,
        own_tags: &[String],
        end_user_header: Option<&HeaderName>,
    ) -> Self {
        let header = |name: &HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
        };
        let own = |name: &HeaderName| if has_own { header(name) } else { None };
        let object = request.object();
        let nested = |name: &str| {
            let member = object.get(name).filter(|member| member.kind == ValueKind::Object)?;
            object_at(request.body(), member.value.start)
        };
        let metadata = [nested("litellm_metadata"), nested("metadata")];
        let in_metadata = |name: &str| metadata.iter().flatten().find_map(|own| text_of(own, name));
        let may_name = has_own || end_user_header.is_some();
        let end_user = may_name
            .then(|| end_user_of(headers, end_user_header))
            .flatten()
            .map(str::to_owned)
            .or_else(|| text_of(&object, "user"))
            .or_else(|| metadata.first().and_then(|own| text_of(own.as_ref()?, "user")))
            .or_else(|| in_metadata("user_id"))
            .or_else(|| text_of(&object, "safety_identifier"));
        let lists =
            metadata.iter().flatten().filter_map(|metadata| metadata.get("tags").map(|tags| metadata.raw(tags)));
        let lists = lists.chain(object.get("tags").map(|tags| object.raw(tags)));
        let said = lists.flat_map(|raw| serde_json::from_slice::<Vec<String>>(raw).unwrap_or_default());
        let of_header = own(&TAGS_HEADER).into_iter().flat_map(|tags| tags.split(','));
        let of_header = of_header.map(|tag| tag.trim().to_owned());
        let of_key = own_tags.iter().cloned();
        let mut tags: Vec<String> = Vec::new();
        // The key's own first: nobody can push them off the list.
        for tag in of_key.chain(said).chain(of_header).map(cut).filter(|tag| !tag.is_empty()) {
            if tags.len() < TAGS && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let control = &request.control;
        let session_id = own(&SESSION_ID).map(str::to_owned).or_else(|| control.session_id.clone());
        let session_id = session_id.or_else(|| in_metadata("session_id")).map(cut).filter(|id| !id.is_empty());
        let trace_id = || own(&TRACE_ID).map(str::to_owned).or_else(|| control.trace_id.clone()).map(cut);
        let of_body =
            metadata.iter().flatten().filter_map(|metadata| Some(metadata.raw(metadata.get("spend_logs_metadata")?)));
        let mut told = own(&SPEND_LOGS_METADATA).map(str::as_bytes).into_iter().chain(of_body);
        Self {
            end_user: end_user.map(cut).filter(|id| !id.is_empty()),
            tags,
            trace_id: if session_id.is_none() { trace_id() } else { None },
            session_id,
            spend_logs_metadata: told.find_map(kept),
            user_agent: None,
            region: None,
            default_model: None,
            models: None,
        }
    }

    /// The session that the spend log knows it by.
    pub fn session(&self) -> Option<&str> {
        self.session_id.as_deref().or(self.trace_id.as_deref())
    }

    /// With what the client says it is.
    #[must_use]
    pub fn with_client(self, headers: &HeaderMap) -> Self {
        let agent = headers.get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        Self { user_agent: agent.map(str::to_owned), ..self }
    }
}

/// The end user that the headers name.
pub fn end_user_of<'h>(headers: &'h HeaderMap, own: Option<&HeaderName>) -> Option<&'h str> {
    let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let names = own.into_iter().chain([&END_USER_ID, &CUSTOMER_ID]);
    names.filter_map(header).find(|value| !value.is_empty())
}

/// The text of a JSON object that is kept: no longer than it may be, and one that can be read again.
fn kept(raw: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(raw).ok()?.trim();
    let is_kept = text.len() <= MAX_METADATA && serde_json::from_str::<Map<String, Value>>(text).is_ok();
    is_kept.then(|| text.to_owned())
}

/// A text that says something.
fn text_of(object: &Object<'_>, name: &str) -> Option<String> {
    object.as_str(name).filter(|text| !text.is_empty()).map(|text| text.into_owned())
}

/// As long as it may be. A NUL, which no store can look up, becomes what the spend log writes in its place.
fn cut(text: String) -> String {
    let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(headers: &[(&'static str, &'static str)], body: &'static str) -> Attribution {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = headers.iter().map(line).collect();
        let request = Request::parse(Bytes::from_static(body.as_bytes())).unwrap();
        Attribution::of(&headers, true, &request, &["own".to_owned()], Some(&HeaderName::from_static("x-user")))
    }

    #[test]
    fn an_end_user_is_found_in_its_places() {
        let user = |headers: &[_], body| of(headers, body).end_user.unwrap_or_default();
        let body = r#"{"model":"m","user":"body","metadata":{"user_id":"meta"}}"#;
        assert_eq!(user(&[("x-user", "own"), ("x-litellm-end-user-id", "header")], body), "own");
        assert_eq!(user(&[("x-litellm-customer-id", "header")], body), "header");
        assert_eq!(user(&[], body), "body");
        assert_eq!(user(&[], r#"{"model":"m","metadata":{"user_id":"meta"}}"#), "meta");
        assert_eq!(user(&[], r#"{"model":"m","user":5,"metadata":[]}"#), "");
        let all = r#"{"model":"m","safety_identifier":"safe","metadata":{"user_id":"meta","user":"no place"},
            "litellm_metadata":{"user":"own"}}"#;
        assert_eq!(user(&[], all), "own");
        let body =
            r#"{"model":"m","user":"","safety_identifier":"safe","metadata":{"user_id":"meta","user":"no place"}}"#;
        assert_eq!(user(&[], body), "meta");
        assert_eq!(user(&[], r#"{"model":"m","safety_identifier":"safe","metadata":{"user":"no place"}}"#), "safe");
        assert_eq!(user(&[], r#"{"model":"m","user":"a\u0000b"}"#), "a\u{fffd}b", "as the spend log has it");
    }

    #[test]
    fn tags_come_from_everywhere_and_count_once() {
        let tags = of(
            &[("x-litellm-tags", "a, b,,c")],
            r#"{"model":"m","tags":["d"],"metadata":{"tags":["a","x"]},"litellm_metadata":{"tags":"no list"}}"#,
        )
        .tags;
        assert_eq!(tags, ["own", "a", "x", "d", "b", "c"]);
    }

    #[test]
    fn what_the_spend_log_is_to_say_is_an_object_that_is_not_too_long() {
        let said = |headers: &[_], body| of(headers, body).spend_logs_metadata.unwrap_or_default();
        let body = r#"{"model":"m","metadata":{"spend_logs_metadata": {"of": "body"} }}"#;
        assert_eq!(said(&[], body), r#"{"of": "body"}"#);
        let header = |value| [("x-litellm-spend-logs-metadata", value)];
        assert_eq!(said(&header(r#"{"of":"header"}"#), body), r#"{"of":"header"}"#);
        let other = r#"{"model":"m","litellm_metadata":{"spend_logs_metadata":{"a":[1,null]}}}"#;
        assert_eq!(said(&[], other), r#"{"a":[1,null]}"#);
        let long = |bytes: usize| &*format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - r#"{"a":""}"#.len())).leak();
        assert_eq!(said(&header(long(MAX_METADATA)), body).len(), MAX_METADATA);
        let deep = &*format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200)).leak();
        for none in [long(MAX_METADATA + 1), deep, "[1]", "text", "{\"a\":", "null"] {
            assert_eq!(said(&header(none), body), r#"{"of": "body"}"#, "{none}");
            assert_eq!(said(&header(none), r#"{"model":"m"}"#), "", "{none}");
        }
        assert_eq!(said(&[], r#"{"model":"m","metadata":{"spend_logs_metadata":"text"}}"#), "");
    }

    #[test]
    fn a_chain_of_calls_counts_where_no_session_is_said() {
        let ids = |headers: &[_], body| {
            let said = of(headers, body);
            [said.session_id, said.trace_id].map(Option::unwrap_or_default)
        };
        let body = r#"{"model":"m","metadata":{"session_id":"meta"}}"#;
        let (session, trace) = (("x-litellm-session-id", "session"), ("x-litellm-trace-id", "trace"));
        assert_eq!(ids(&[session, trace], body), ["session", ""]);
        assert_eq!(ids(&[trace], body), ["meta", ""]);
        assert_eq!(ids(&[trace], r#"{"model":"m","litellm_session_id":"body"}"#), ["body", ""]);
        assert_eq!(ids(&[trace], r#"{"model":"m","litellm_trace_id":"body"}"#), ["", "trace"]);
        assert_eq!(ids(&[], r#"{"model":"m","litellm_trace_id":"body"}"#), ["", "body"]);
        assert_eq!(ids(&[], r#"{"model":"m"}"#), ["", ""]);
    }

    #[test]
    fn nobody_pushes_the_keys_own_tags_off_the_list() {
        let many = (0..2 * TAGS).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
        let tags = of(&[("x-litellm-tags", many.leak())], r#"{"model":"m"}"#).tags;
        assert_eq!((tags.len(), tags[0].as_str()), (TAGS, "own"));
    }
}
