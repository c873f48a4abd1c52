//! For whom and what a call is, as the client says it: an end user, tags, a session. Spend is reported by these, and end
//! users and tags may have limits.

use http::{HeaderMap, HeaderName};

use crate::auth::members::Models;
use crate::wire::openai::request::Request;
use crate::wire::peek::{ValueKind, object_at};

/// Tags that one call may have; more are not counted.
pub const TAGS: usize = 32;
/// Letters of an end user's id, a tag, a session's id; a longer one is cut.
pub const LETTERS: usize = 256;

static END_USER_ID: HeaderName = HeaderName::from_static("x-litellm-end-user-id");
static CUSTOMER_ID: HeaderName = HeaderName::from_static("x-litellm-customer-id");
static TAGS_HEADER: HeaderName = HeaderName::from_static("x-litellm-tags");
/// The session of a call, for its spend and for its route.
pub static SESSION_ID: HeaderName = HeaderName::from_static("x-litellm-session-id");

/// See the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// The end user (LiteLLM's customer).
    pub end_user: Option<String>,
    /// Its own tags, and those of its key.
    pub tags: Vec<String>,
    /// The conversation that it belongs to.
    pub session_id: Option<String>,
    /// What the client says it is; only where a deployment knows clients by that.
    pub user_agent: Option<String>,
    /// The only region that the end user's calls may go to (`allowed_model_region`).
    pub region: Option<String>,
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
        let metadata = ["litellm_metadata", "metadata"]
            .into_iter()
            .filter_map(|name| object.get(name).filter(|member| member.kind == ValueKind::Object))
            .filter_map(|member| object_at(request.body(), member.value.start));
        let metadata: Vec<_> = metadata.collect();
        let in_metadata =
            |name: &str| metadata.iter().find_map(|metadata| metadata.as_str(name)).map(|text| text.into_owned());
        let may_name = has_own || end_user_header.is_some();
        let end_user = may_name
            .then(|| end_user_of(headers, end_user_header))
            .flatten()
            .map(str::to_owned)
            .or_else(|| object.as_str("user").map(|user| user.into_owned()))
            .or_else(|| in_metadata("user_id"));
        let lists = metadata.iter().filter_map(|metadata| metadata.get("tags").map(|tags| metadata.raw(tags)));
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
        let session_id = own(&SESSION_ID).map(str::to_owned).or_else(|| in_metadata("session_id"));
        let session_id = session_id.map(cut);
        Self {
            end_user: end_user.map(cut).filter(|id| !id.is_empty()),
            tags,
            session_id,
            user_agent: None,
            region: None,
            models: None,
        }
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

fn cut(text: String) -> String {
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
    fn nobody_pushes_the_keys_own_tags_off_the_list() {
        let many = (0..2 * TAGS).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
        let tags = of(&[("x-litellm-tags", many.leak())], r#"{"model":"m"}"#).tags;
        assert_eq!((tags.len(), tags[0].as_str()), (TAGS, "own"));
    }
}
