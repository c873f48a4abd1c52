//! Providers' error bodies.
use crate::error::{Compat, Error, Kind};

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ProviderError {
    pub message: String,
    pub error_type: Option<String>,
    pub code: Option<String>,
    pub param: Option<String>,
}
/// Any body: JSON of several shapes, text, HTML.
pub fn read(body: &[u8]) -> ProviderError {
    todo!()
}
/// "litellm.RateLimitError: RateLimitError: OpenAIException - …"
pub fn client_message(kind: Kind, compat: Compat, exception: &str, message: &str) -> String {
    todo!()
}
/// status + body → what the client is told. `exception`: "OpenAIException".
pub fn to_error(status: u16, body: &[u8], exception: &str, compat: Compat) -> Error {
    todo!()
}
