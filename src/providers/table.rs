//! The table of providers: one row each.

/// How a key is shown to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `authorization: Bearer KEY`
    Bearer,
    /// The key alone as the value of this header.
    Header(&'static str),
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
    /// Ollama's own API.
    Ollama,
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

/// In what a provider of the OpenAI dialect differs from OpenAI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Sent as the key when none is configured: the server wants a key but does not look at it.
    pub default_key: Option<&'static str>,
    /// `strict` is removed from the functions of `tools`: the server refuses it.
    pub drop_tool_strict: bool,
    /// `"stream": false` is said when the client said nothing.
    pub say_stream_false: bool,
    /// Models whose name begins so take `max_completion_tokens` instead of `max_tokens`.
    pub max_completion_tokens: &'static [&'static str],
    /// Put before a model name that holds no `/`.
    pub model_prefix: Option<&'static str>,
    /// `seed` is called so.
    pub seed_name: Option<&'static str>,
    /// A `content` list of text parts is joined to a string.
    pub flatten_content: bool,
    /// Sent with each request unless `extra_headers` says otherwise.
    pub headers: &'static [(&'static str, &'static str)],
}

impl Quirks {
    /// Exactly OpenAI.
    pub const NONE: Quirks = Quirks {
        default_key: None,
        drop_tool_strict: false,
        say_stream_false: false,
        max_completion_tokens: &[],
        model_prefix: None,
        seed_name: None,
        flatten_content: false,
        headers: &[],
    };
}

/// One provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider {
    /// LiteLLM's name: the prefix in `litellm_params.model`, and a metric label.
    pub name: &'static str,
    /// Other prefixes that mean the same.
    pub aliases: &'static [&'static str],
    /// Where it is when `api_base` does not say; `None`: `api_base` must say.
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
    /// In what it differs from OpenAI.
    pub quirks: Quirks,
}

/// The row of a provider, by its name or an alias.
pub fn by_name(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|row| row.name == name || row.aliases.contains(&name))
}

/// All names, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|row| row.name)
}

const PROVIDERS: &[Provider] = &[Provider {
    name: "openai",
    aliases: &[],
    base_url: Some("https://api.openai.com/v1"),
    key_env: &["OPENAI_API_KEY"],
    base_env: &["OPENAI_BASE_URL", "OPENAI_API_BASE"],
    auth: Auth::Bearer,
    dialect: Dialect::OpenAi,
    completions: LegacyCompletions::Native,
    quirks: Quirks { max_completion_tokens: &["o1", "o3", "o4", "gpt-5"], ..Quirks::NONE },
}];
