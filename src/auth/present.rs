//! Where a client may put its key, in LiteLLM's order of precedence.

use http::{HeaderMap, HeaderName};

/// What a client presents as its key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No key at all.
    Nothing,
    /// A key, not yet looked at.
    Key(&'a str),
    /// Bytes that cannot be a key.
    Malformed,
}

/// Where to look besides the headers that are always looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places<'a> {
    /// `litellm_key_header_name`: a header of the operator's choice.
    pub key_header: Option<&'a HeaderName>,
    /// The query string, on Google's routes only (`?key=`).
    pub google_query: Option<&'a str>,
}

/// The key of a request.
pub fn presented<'a>(headers: &'a HeaderMap, places: Places<'a>) -> Presented<'a> {
    let _ = (headers, places);
    Presented::Nothing
}
