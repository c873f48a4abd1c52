//! The table of providers: one row each, in `openai_compatible` and `own_dialect`.
//!
//! Base URLs, variables and quirks are LiteLLM's, so that a file which relies on its defaults means the same here.

mod openai_compatible;
mod own_dialect;
mod quirks;

use openai_compatible::OPENAI_COMPATIBLE;
use own_dialect::OWN_DIALECT;

pub use quirks::Quirks;

use super::call::Call;

/// The provider whose dialect is the house's own.
pub const OPENAI: &str = "openai";

/// How a key is shown to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `authorization: Bearer KEY`
    Bearer,
    /// The key alone as the value of this header.
    Header(&'static str),
    /// The key behind a word of the provider's own, in this header.
    Prefixed {
        /// Name of the header.
        header: &'static str,
        /// What stands before the key, its blank included.
        prefix: &'static str,
    },
    /// No key is sent, or the dialect's codec signs the request itself.
    None,
}

/// The language that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's HTTP API, or close enough to pass the client's bytes on.
    OpenAi,
    /// OpenAI's bodies under Azure's paths.
    Azure,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini `generateContent` with an AI Studio key.
    Gemini,
    /// Vertex AI: several publishers behind Google's OAuth.
    Vertex,
    /// Bedrock Converse and InvokeModel, signed with SigV4.
    Bedrock,
    /// Cohere v2.
    Cohere,
    /// Ollama's own API, `/api/chat`.
    Ollama,
    /// Ollama's own API, `/api/generate`: one prompt instead of messages.
    OllamaGenerate,
    /// Replicate predictions.
    Replicate,
    /// A dialect of its own that no codec speaks; the name is known so that the file loads.
    Other,
}

/// What becomes of a client's `POST /v1/completions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyCompletions {
    /// The provider has the endpoint.
    Native,
    /// It is turned into a chat completion with one user message, and the answer back.
    Bridged,
}

/// Whether the provider has OpenAI's Responses API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponsesApi {
    /// It has not: a client's `POST /v1/responses` is translated.
    Absent,
    /// It has.
    Native,
    /// It has, and Anthropic clients are served by it too, as LiteLLM does for OpenAI.
    ForMessagesToo,
}

/// One provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider {
    /// LiteLLM's name: the prefix in `litellm_params.model`, and a metric label.
    pub name: &'static str,
    /// Other prefixes that mean the same.
    pub aliases: &'static [&'static str],
    /// Where it is when `api_base` does not say; `None`: `api_base` must say. A `{NAME}` in it stands for an
    /// environment variable.
    pub base_url: Option<&'static str>,
    /// Environment variables that may hold the key; the first that is set wins.
    pub key_env: &'static [&'static str],
    /// Environment variables that may hold the base URL.
    pub base_env: &'static [&'static str],
    /// How the key is shown.
    pub auth: Auth,
    /// What it speaks.
    pub dialect: Dialect,
    /// What becomes of legacy completions.
    pub completions: LegacyCompletions,
    /// Whether it has the Responses API.
    pub responses: ResponsesApi,
    /// Paths that differ from the dialect's own, behind the base URL.
    pub paths: &'static [(Call, &'static str)],
    /// In what it differs from OpenAI.
    pub quirks: Quirks,
}

impl Provider {
    /// A row with nothing said but the name: a dialect that no codec speaks.
    const fn named(name: &'static str, dialect: Dialect) -> Self {
        Self {
            name,
            aliases: &[],
            base_url: None,
            key_env: &[],
            base_env: &[],
            auth: Auth::Bearer,
            dialect,
            completions: LegacyCompletions::Bridged,
            responses: ResponsesApi::Absent,
            paths: &[],
            quirks: Quirks::NONE,
        }
    }

    const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn base(mut self, url: &'static str) -> Self {
        self.base_url = Some(url);
        self
    }

    const fn env(mut self, key: &'static [&'static str], base: &'static [&'static str]) -> Self {
        self.key_env = key;
        self.base_env = base;
        self
    }

    const fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    const fn native_completions(mut self) -> Self {
        self.completions = LegacyCompletions::Native;
        self
    }

    const fn responses(mut self, responses: ResponsesApi) -> Self {
        self.responses = responses;
        self
    }

    const fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }
}

/// The row of a provider, by its name or an alias.
pub fn by_name(name: &str) -> Option<&'static Provider> {
    rows().find(|row| row.name == name || row.aliases.contains(&name))
}

/// All names, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    rows().map(|row| row.name)
}

fn rows() -> impl Iterator<Item = &'static Provider> {
    OPENAI_COMPATIBLE.iter().chain(OWN_DIALECT)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::providers::Endpoint;
    use crate::providers::call::{Operation, call};

    #[test]
    fn every_name_and_alias_is_one_providers() {
        let mut seen = HashSet::new();
        for row in rows() {
            for name in std::iter::once(&row.name).chain(row.aliases) {
                assert!(seen.insert(*name), "{name} stands twice");
                assert!(!name.contains('/'), "{name}");
            }
        }
    }

    /// How many the gateway promises.
    const FEWEST_CALLABLE: usize = 105;

    /// Whose address follows from a region.
    const REGIONAL: [&str; 2] = ["vertex_ai", "bedrock"];

    #[test]
    fn every_row_can_be_called() {
        let callable: Vec<_> = rows().filter(|row| row.dialect != Dialect::Other).collect();
        assert!(callable.len() >= FEWEST_CALLABLE, "{}", callable.len());
        for row in callable {
            assert!(call(row, Operation::ChatCompletions, "m").is_some(), "{}", row.name);
            // Where there is none, the configuration asks for `api_base`.
            if let Some(url) = row.base_url.map(|url| url.replace(['{', '}'], "")) {
                assert!(Endpoint::parse(&url).is_ok(), "{}: {url}", row.name);
                assert!(!url.ends_with('/'), "{}: {url}", row.name);
            }
            match row.auth {
                Auth::None => assert!(REGIONAL.contains(&row.name), "{}", row.name),
                Auth::Header(name) | Auth::Prefixed { header: name, .. } => {
                    assert!(http::HeaderName::try_from(name).is_ok_and(|header| header == name), "{}", row.name);
                }
                Auth::Bearer => {}
            }
            assert!(row.auth == Auth::None || !row.key_env.is_empty(), "{}: a variable for the key", row.name);
            let is_variable =
                |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            let mut variables = row.key_env.iter().chain(row.base_env);
            assert!(variables.all(|name| is_variable(name)), "{}", row.name);
        }
    }

    #[test]
    fn a_row_without_a_dialect_is_never_called() {
        for row in rows().filter(|row| row.dialect == Dialect::Other) {
            assert_eq!(call(row, Operation::ChatCompletions, "m"), None, "{}", row.name);
            assert_eq!((row.base_url, row.key_env), (None, &[] as &[&str]), "{}", row.name);
        }
    }

    #[test]
    fn every_extra_body_is_an_object() {
        for body in rows().filter_map(|row| row.quirks.extra_body) {
            assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(body).is_ok(), "{body}");
        }
    }

    #[test]
    fn the_providers_of_the_specification_are_there() {
        for (name, base) in [
            ("openai", Some("https://api.openai.com/v1")),
            ("groq", Some("https://api.groq.com/openai/v1")),
            ("together_ai", Some("https://api.together.ai/v1")),
            ("deepseek", Some("https://api.deepseek.com/beta")),
            ("hosted_vllm", None),
            ("vllm", None),
            ("openai_like", None),
            ("anthropic", Some("https://api.anthropic.com")),
        ] {
            assert_eq!(by_name(name).map(|row| row.base_url), Some(base), "{name}");
        }
    }
}
