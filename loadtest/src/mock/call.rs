//! Which call a request is, and what the mock reads of its body.

use std::borrow::Cow;

use serde::Deserialize;

/// The operations that the mock answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    Moderations,
    /// Anthropic's `POST /v1/messages`.
    Messages,
}

impl Endpoint {
    /// The operation of a POST to `path`, whatever stands before it.
    pub fn of(path: &str) -> Option<Self> {
        [
            ("/chat/completions", Self::Chat),
            ("/completions", Self::Completions),
            ("/embeddings", Self::Embeddings),
            ("/moderations", Self::Moderations),
            ("/messages", Self::Messages),
        ]
        .into_iter()
        .find_map(|(suffix, endpoint)| path.ends_with(suffix).then_some(endpoint))
    }

    /// Whether its answers can be streams.
    pub fn streams(self) -> bool {
        matches!(self, Self::Chat | Self::Completions | Self::Messages)
    }
}

/// What the mock reads of a request body.
#[derive(Debug, Default, Deserialize)]
pub struct Peek<'a> {
    #[serde(borrow, default)]
    pub model: Cow<'a, str>,
    pub stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

impl Peek<'_> {
    /// Whether the stream shall end with a usage chunk.
    pub fn include_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false)
    }

    /// Whether the answer shall be a stream.
    pub fn is_stream(&self) -> bool {
        self.stream.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_behind_any_prefix() {
        assert_eq!(Endpoint::of("/v1/chat/completions"), Some(Endpoint::Chat));
        assert_eq!(Endpoint::of("/openai/deployments/m/completions"), Some(Endpoint::Completions));
        assert_eq!(Endpoint::of("/v1/messages"), Some(Endpoint::Messages));
        assert_eq!(Endpoint::of("/v1/messages/count_tokens"), None);
        assert_eq!(Endpoint::of("/v1/models"), None);
    }
}
