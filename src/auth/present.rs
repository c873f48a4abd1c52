//! Where a client may put its key, in LiteLLM's order of precedence:
//!
//! 1. the operator's own header (`litellm_key_header_name`), `x-litellm-api-key`, `authorization`, each with or without
//!    `Bearer`; the word `Basic` is taken off too, but what follows is not decoded, as in LiteLLM;
//! 2. `api-key` (Azure), `x-api-key` (Anthropic), `x-goog-api-key`, `?key=` on Google's routes,
//!    `ocp-apim-subscription-key` (Azure API Management);
//! 3. the subprotocol `openai-insecure-api-key.KEY`, which browsers offer when they open a WebSocket.
//!
//! The first place with anything in it decides, also when that is not a key. Nothing is copied.

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};

/// The longest key, in bytes. LiteLLM's own have 25, a JWT may have 2,000.
pub const KEY_MAX: usize = 4096;

static LITELLM_HEADER: HeaderName = HeaderName::from_static("x-litellm-api-key");
/// Azure, Anthropic, Google.
static BARE_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
];
/// Azure API Management.
static APIM_HEADER: HeaderName = HeaderName::from_static("ocp-apim-subscription-key");

/// What precedes the key in a WebSocket subprotocol.
const SUBPROTOCOL_PREFIX: &str = "openai-insecure-api-key.";

/// What a client presents as its key. No `Debug`: it would print a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No key at all.
    Nothing,
    /// A key, not yet looked at.
    Key(&'a str),
    /// Something that cannot be a key: too long, or not printable ASCII.
    Malformed,
}

/// Where to look besides the headers that are always looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places<'a> {
    /// `litellm_key_header_name`: a header of the operator's choice.
    pub key_header: Option<&'a HeaderName>,
    /// The query string, on Google's routes only (`?key=`). It is not percent-decoded: LiteLLM's keys need no escapes.
    pub google_query: Option<&'a str>,
}

/// The key of a request.
pub fn presented<'a>(headers: &'a HeaderMap, places: Places<'a>) -> Presented<'a> {
    let own = places.key_header.and_then(|name| after_scheme(headers, name));
    own.or_else(|| after_scheme(headers, &LITELLM_HEADER))
        .or_else(|| after_scheme(headers, &AUTHORIZATION))
        .or_else(|| BARE_HEADERS.iter().find_map(|name| bare(headers, name)))
        .or_else(|| places.google_query.and_then(query_key))
        .or_else(|| bare(headers, &APIM_HEADER))
        .or_else(|| subprotocol(headers))
        .unwrap_or(Presented::Nothing)
}

fn after_scheme<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Presented<'a>> {
    match bare(headers, name)? {
        Presented::Key(value) => match value.split_once(' ') {
            Some((scheme, key)) if is_scheme(scheme) => present(key.as_bytes()),
            None if is_scheme(value) => None,
            _ => Some(Presented::Key(value)),
        },
        other => Some(other),
    }
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

fn bare<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Presented<'a>> {
    present(headers.get(name)?.as_bytes())
}

fn query_key(query: &str) -> Option<Presented<'_>> {
    query.split('&').find_map(|pair| pair.strip_prefix("key=")).and_then(|key| present(key.as_bytes()))
}

fn subprotocol(headers: &HeaderMap) -> Option<Presented<'_>> {
    let offers = headers.get_all(&SEC_WEBSOCKET_PROTOCOL).iter().map(HeaderValue::as_bytes);
    offers
        .flat_map(|value| value.split(|&byte| byte == b','))
        .find_map(|offer| offer.trim_ascii().strip_prefix(SUBPROTOCOL_PREFIX.as_bytes()))
        .and_then(present)
}

/// `None` for an empty value, which is as good as none.
fn present(value: &[u8]) -> Option<Presented<'_>> {
    let value = value.trim_ascii();
    if value.is_empty() {
        return None;
    }
    let is_printable = value.len() <= KEY_MAX && value.iter().all(|byte| (b' '..=b'~').contains(byte));
    let key = is_printable.then(|| std::str::from_utf8(value).ok()).flatten();
    Some(key.map_or(Presented::Malformed, Presented::Key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares what is found in these headers (and this query of a Google route) with a key; `""` = nothing.
    fn check(headers: &[(&'static str, &str)], query: Option<&str>, expected: &str) {
        let own = HeaderName::from_static("x-my-key");
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect();
        let found = match presented(&map, Places { key_header: Some(&own), google_query: query }) {
            Presented::Nothing => "",
            Presented::Key(key) => key,
            Presented::Malformed => "malformed",
        };
        assert_eq!(found, expected, "{headers:?} {query:?}");
    }

    #[test]
    fn each_place_is_looked_at() {
        for name in ["x-my-key", "x-litellm-api-key", "authorization"] {
            for value in ["sk-1", "Bearer sk-1", "bearer sk-1", "BEARER  sk-1 ", "Basic sk-1"] {
                check(&[(name, value)], None, "sk-1");
            }
        }
        for name in ["api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key"] {
            check(&[(name, "sk-1")], None, "sk-1");
        }
        check(&[], Some("alt=sse&key=sk-1"), "sk-1");
        check(&[("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-1, openai-beta")], None, "sk-1");
        check(&[], None, "");
    }

    #[test]
    fn an_earlier_place_decides() {
        let order = [
            ("x-my-key", "sk-0"),
            ("x-litellm-api-key", "sk-1"),
            ("authorization", "Bearer sk-2"),
            ("api-key", "sk-3"),
            ("x-api-key", "sk-4"),
            ("x-goog-api-key", "sk-5"),
            ("ocp-apim-subscription-key", "sk-6"),
            ("sec-websocket-protocol", "openai-insecure-api-key.sk-7"),
        ];
        for from in 0..order.len() {
            check(&order[from..], None, &format!("sk-{from}"));
        }
        check(&order[5..], Some("key=sk-q"), "sk-5");
        check(&order[6..], Some("key=sk-q"), "sk-q");
    }

    #[test]
    fn what_is_empty_is_not_there_and_what_is_wrong_is_not_passed_over() {
        check(&[("authorization", "Bearer "), ("api-key", "sk-1")], None, "sk-1");
        check(&[("authorization", ""), ("x-api-key", "sk-1")], None, "sk-1");
        check(&[("api-key", "sk-1")], Some("key="), "sk-1");
        check(&[], Some("monkey=sk-1"), "");
        check(&[("authorization", "Digest sk-1")], None, "Digest sk-1");
        check(&[("authorization", "Bearer schlüssel"), ("api-key", "sk-1")], None, "malformed");
        check(&[("authorization", "Bearer sk-\t1")], None, "malformed");
        check(&[("x-api-key", &"k".repeat(KEY_MAX))], None, &"k".repeat(KEY_MAX));
        check(&[("x-api-key", &"k".repeat(KEY_MAX + 1))], None, "malformed");
    }
}
