//! Which call of a provider answers a client's operation: the dialect that is spoken upstream, and the path it has there.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::table::{Dialect, LegacyCompletions, Provider, ResponsesApi};
use crate::wire::anthropic::Hosting;
use crate::wire::bedrock::model_id::{self, ModelId, Vendor};
use crate::wire::dialects::{ClientDialect, EmbeddingDialect, ErrorDialect, ProviderDialect};

/// What a client asks for: its endpoint, and with it the dialect it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// OpenAI `POST chat/completions`
    ChatCompletions,
    /// OpenAI `POST completions`, the legacy text dialect.
    Completions,
    /// OpenAI `POST responses`
    Responses,
    /// OpenAI `POST embeddings`
    Embeddings,
    /// OpenAI `POST moderations`
    Moderations,
    /// Anthropic `POST messages`
    Messages,
    /// Anthropic `POST messages/count_tokens`
    CountMessageTokens,
    /// Gemini `POST models/{m}:generateContent`
    GenerateContent,
    /// Gemini `POST models/{m}:streamGenerateContent`
    StreamGenerateContent,
    /// Gemini `POST models/{m}:countTokens`
    CountContentTokens,
}

/// A call of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// OpenAI chat completions.
    ChatCompletions,
    /// OpenAI legacy completions.
    Completions,
    /// OpenAI Responses.
    Responses,
    /// OpenAI embeddings.
    Embeddings,
    /// OpenAI moderations.
    Moderations,
    /// Anthropic Messages.
    Messages,
    /// Anthropic's token count.
    CountMessageTokens,
    /// Gemini.
    GenerateContent,
    /// Gemini's token count.
    CountContentTokens,
    /// Gemini embeddings at AI Studio.
    BatchEmbedContents,
    /// Embeddings at Vertex.
    Predict,
    /// Bedrock Converse.
    Converse,
    /// Bedrock InvokeModel with a body in Anthropic's dialect.
    InvokeMessages,
    /// Bedrock InvokeModel of an embedding model.
    InvokeEmbeddings,
    /// Cohere v2 chat.
    CohereChat,
    /// Cohere v2 embed.
    CohereEmbed,
    /// Ollama `/api/chat`.
    OllamaChat,
    /// Ollama `/api/generate`.
    OllamaGenerate,
    /// Ollama `/api/embed`.
    OllamaEmbed,
    /// Replicate predictions.
    Predictions,
}

impl Operation {
    /// The call that understands the client's own bytes.
    fn own_call(self) -> Call {
        match self {
            Operation::ChatCompletions => Call::ChatCompletions,
            Operation::Completions => Call::Completions,
            Operation::Responses => Call::Responses,
            Operation::Embeddings => Call::Embeddings,
            Operation::Moderations => Call::Moderations,
            Operation::Messages => Call::Messages,
            Operation::CountMessageTokens => Call::CountMessageTokens,
            Operation::GenerateContent | Operation::StreamGenerateContent => Call::GenerateContent,
            Operation::CountContentTokens => Call::CountContentTokens,
        }
    }

    /// What a client would call it.
    pub fn name(self) -> &'static str {
        match self {
            Operation::ChatCompletions => "chat completions",
            Operation::Completions => "completions",
            Operation::Responses => "responses",
            Operation::Embeddings => "embeddings",
            Operation::Moderations => "moderations",
            Operation::Messages => "messages",
            Operation::CountMessageTokens => "count_tokens",
            Operation::GenerateContent => "generateContent",
            Operation::StreamGenerateContent => "streamGenerateContent",
            Operation::CountContentTokens => "countTokens",
        }
    }

    /// The dialect of a client that wants an answer in words; `array`: a Gemini stream is to be a JSON array.
    pub fn client_dialect(self, array: bool) -> Option<ClientDialect> {
        Some(match self {
            Operation::ChatCompletions => ClientDialect::ChatCompletions,
            Operation::Completions => ClientDialect::Completions,
            Operation::Responses => ClientDialect::Responses,
            Operation::Messages | Operation::CountMessageTokens => ClientDialect::Messages,
            Operation::GenerateContent | Operation::StreamGenerateContent | Operation::CountContentTokens => {
                ClientDialect::GenerateContent { array }
            }
            Operation::Embeddings | Operation::Moderations => return None,
        })
    }

    /// Whether the client's bytes can go through to this call. Bedrock takes Anthropic's bodies in a wrapping of its own.
    pub fn passes_to(self, call: Call) -> bool {
        self.own_call() == call || (self == Operation::Messages && call == Call::InvokeMessages)
    }
}

impl Call {
    /// The dialect of an answer in words to an operation, at a provider of this kind. `None`: there are no words in it.
    pub fn dialect(self, provider: Dialect, operation: Operation) -> Option<ProviderDialect> {
        Some(match self {
            Call::ChatCompletions => ProviderDialect::ChatCompletions,
            Call::Responses => ProviderDialect::Responses,
            Call::Messages if provider == Dialect::Vertex => ProviderDialect::Messages(Hosting::Vertex),
            Call::Messages => ProviderDialect::Messages(Hosting::Own),
            Call::InvokeMessages => ProviderDialect::Messages(Hosting::BedrockInvoke),
            Call::GenerateContent => ProviderDialect::GenerateContent,
            Call::Converse => ProviderDialect::Converse,
            Call::CohereChat => ProviderDialect::CohereChat,
            Call::OllamaChat => ProviderDialect::OllamaChat,
            Call::OllamaGenerate if operation == Operation::Completions => ProviderDialect::OllamaCompletion,
            Call::OllamaGenerate => ProviderDialect::OllamaGenerate,
            Call::Predictions => ProviderDialect::Predictions,
            _ => return None,
        })
    }

    /// The dialect of an answer in vectors, where it is not OpenAI's.
    pub fn embedding_dialect(self) -> Option<EmbeddingDialect> {
        Some(match self {
            Call::BatchEmbedContents => EmbeddingDialect::BatchEmbedContents,
            Call::Predict => EmbeddingDialect::Predict,
            Call::InvokeEmbeddings => EmbeddingDialect::Bedrock,
            Call::CohereEmbed => EmbeddingDialect::Cohere,
            Call::OllamaEmbed => EmbeddingDialect::Ollama,
            _ => return None,
        })
    }

    /// Whether its stream is lines of JSON.
    pub fn streams_lines(self) -> bool {
        matches!(self, Call::OllamaChat | Call::OllamaGenerate)
    }

    /// The dialect of its refusals.
    pub fn error_dialect(self) -> ErrorDialect {
        match self {
            Call::Messages | Call::CountMessageTokens => ErrorDialect::Anthropic,
            Call::GenerateContent | Call::CountContentTokens | Call::BatchEmbedContents | Call::Predict => {
                ErrorDialect::Google
            }
            Call::Converse | Call::InvokeMessages | Call::InvokeEmbeddings => ErrorDialect::Bedrock,
            Call::CohereChat | Call::CohereEmbed => ErrorDialect::Cohere,
            Call::OllamaChat | Call::OllamaGenerate | Call::OllamaEmbed => ErrorDialect::Ollama,
            Call::Predictions => ErrorDialect::Replicate,
            _ => ErrorDialect::OpenAi,
        }
    }
}

/// The call that answers `operation` at `provider` with this model. `None`: the provider has none.
pub fn call(provider: &Provider, operation: Operation, model: &str) -> Option<Call> {
    match provider.dialect {
        Dialect::OpenAi | Dialect::Azure => openai_call(provider, operation),
        Dialect::Anthropic => anthropic_call(operation),
        Dialect::Gemini => gemini_call(operation, Call::BatchEmbedContents),
        Dialect::Vertex => match Publisher::of(model) {
            Publisher::Anthropic => anthropic_call(operation),
            Publisher::Google => gemini_call(operation, Call::Predict),
            Publisher::Partner(_) | Publisher::OpenApi => talking(operation).then_some(Call::ChatCompletions),
        },
        Dialect::Bedrock => bedrock_call(operation, model),
        Dialect::Cohere => match operation {
            Operation::Embeddings => Some(Call::CohereEmbed),
            _ => talking(operation).then_some(Call::CohereChat),
        },
        Dialect::Ollama => match operation {
            Operation::Embeddings => Some(Call::OllamaEmbed),
            _ => talking(operation).then_some(Call::OllamaChat),
        },
        Dialect::OllamaGenerate => match operation {
            Operation::Embeddings => Some(Call::OllamaEmbed),
            _ => talking(operation).then_some(Call::OllamaGenerate),
        },
        Dialect::Replicate => talking(operation).then_some(Call::Predictions),
        Dialect::Other => None,
    }
}

/// Operations that every chat model can answer. Token counts are estimated where a provider does not count.
fn talking(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::ChatCompletions
            | Operation::Completions
            | Operation::Responses
            | Operation::Messages
            | Operation::GenerateContent
            | Operation::StreamGenerateContent
    )
}

fn openai_call(provider: &Provider, operation: Operation) -> Option<Call> {
    match operation {
        Operation::Completions if provider.completions == LegacyCompletions::Native => Some(Call::Completions),
        Operation::Responses if provider.responses != ResponsesApi::Absent => Some(Call::Responses),
        // As LiteLLM does: only the Responses API hands sealed thoughts back to Anthropic clients.
        Operation::Messages if provider.responses == ResponsesApi::ForMessagesToo => Some(Call::Responses),
        Operation::Embeddings => Some(Call::Embeddings),
        Operation::Moderations => Some(Call::Moderations),
        _ => talking(operation).then_some(Call::ChatCompletions),
    }
}

fn anthropic_call(operation: Operation) -> Option<Call> {
    match operation {
        Operation::CountMessageTokens => Some(Call::CountMessageTokens),
        _ => talking(operation).then_some(Call::Messages),
    }
}

fn gemini_call(operation: Operation, embeddings: Call) -> Option<Call> {
    match operation {
        Operation::CountContentTokens => Some(Call::CountContentTokens),
        Operation::Embeddings => Some(embeddings),
        _ => talking(operation).then_some(Call::GenerateContent),
    }
}

fn bedrock_call(operation: Operation, model: &str) -> Option<Call> {
    let id = ModelId::parse(model);
    let is_claude = id.vendor == Vendor::Anthropic;
    match (operation, id.operation) {
        (Operation::Embeddings, _) => Some(Call::InvokeEmbeddings),
        (Operation::Messages, model_id::Operation::Unsaid) | (_, model_id::Operation::Invoke)
            if is_claude && talking(operation) =>
        {
            Some(Call::InvokeMessages)
        }
        _ => talking(operation).then_some(Call::Converse),
    }
}

/// Whose model it is that Vertex hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publisher {
    /// Gemini and Google's embeddings.
    Google,
    /// Claude.
    Anthropic,
    /// A partner whose models take OpenAI's bodies at a path of their own.
    Partner(&'static str),
    /// Models as a service under Vertex's OpenAI-compatible endpoint.
    OpenApi,
}

impl Publisher {
    /// By the model's name, as LiteLLM does.
    pub fn of(model: &str) -> Self {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
        match () {
            () if starts(&["claude", "anthropic/"]) => Publisher::Anthropic,
            () if starts(&["mistral", "codestral", "mistralai/"]) => Publisher::Partner("mistralai"),
            () if model.contains('/') && !starts(&["gemini/", "google/"]) => Publisher::OpenApi,
            () => Publisher::Google,
        }
    }
}

/// Where a call goes, besides its host.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Path of the base URL, without a trailing slash.
    pub base_path: &'a str,
    /// Query of the base URL.
    pub query: Option<&'a str>,
    /// The provider's name of the model.
    pub model: &'a str,
    /// `api_version`.
    pub api_version: Option<&'a str>,
    /// `vertex_project`.
    pub project: Option<&'a str>,
    /// `vertex_location`.
    pub location: Option<&'a str>,
    /// The answer is to be streamed.
    pub stream: bool,
}

/// What stands for itself in a path segment; Azure's and Bedrock's names hold `.`, `_`, `-`, `:`.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@');

/// Azure's version when none is said: LiteLLM's default.
const AZURE_VERSION: &str = "2025-02-01-preview";

/// The request target of a call: path and query.
pub fn target(provider: &Provider, call: Call, place: &Place<'_>) -> String {
    let mut query = place.query.map(str::to_owned);
    let own = provider.paths.iter().find(|(own, _)| *own == call);
    let mut path = match provider.dialect {
        _ if own.is_some() => format!("{}{}", place.base_path, own.map_or("", |(_, path)| path)),
        Dialect::Azure => azure(call, place, &mut query),
        Dialect::Vertex => vertex(call, place),
        _ => format!("{}{}", place.base_path, path(call, place)),
    };
    if call == Call::GenerateContent && place.stream {
        query = Some(query.map_or_else(|| "alt=sse".to_owned(), |query| format!("{query}&alt=sse")));
    }
    if let Some(query) = query {
        let _infallible = write!(path, "?{query}");
    }
    path
}

/// The path behind the base URL.
fn path(call: Call, place: &Place<'_>) -> String {
    let model = || utf8_percent_encode(place.model, SEGMENT).to_string();
    let bedrock_id = || ModelId::parse(place.model).path;
    // These providers' `api_base` may already be the whole address, as LiteLLM takes it.
    let unless_there = |path: &str| match place.base_path.ends_with(path) {
        true => String::new(),
        false => path.to_owned(),
    };
    let streamed = |whole: &'static str, stream: &'static str| if place.stream { stream } else { whole };
    match call {
        Call::ChatCompletions => "/chat/completions".to_owned(),
        Call::Completions => "/completions".to_owned(),
        Call::Responses => "/responses".to_owned(),
        Call::Embeddings => "/embeddings".to_owned(),
        Call::Moderations => "/moderations".to_owned(),
        Call::Messages => unless_there(after_version(place, "/v1/messages")),
        Call::CountMessageTokens if place.base_path.ends_with("/v1/messages") => "/count_tokens".to_owned(),
        Call::CountMessageTokens => after_version(place, "/v1/messages/count_tokens").to_owned(),
        Call::GenerateContent => {
            format!("/models/{}:{}", model(), streamed("generateContent", "streamGenerateContent"))
        }
        Call::CountContentTokens => format!("/models/{}:countTokens", model()),
        Call::BatchEmbedContents => format!("/models/{}:batchEmbedContents", model()),
        Call::Predict => format!("/models/{}:predict", model()),
        Call::Converse => format!("/model/{}/{}", bedrock_id(), streamed("converse", "converse-stream")),
        Call::InvokeMessages => {
            format!("/model/{}/{}", bedrock_id(), streamed("invoke", "invoke-with-response-stream"))
        }
        Call::InvokeEmbeddings => format!("/model/{}/invoke", bedrock_id()),
        Call::CohereChat => unless_there("/v2/chat"),
        Call::CohereEmbed => unless_there("/v2/embed"),
        Call::OllamaChat => unless_there("/api/chat"),
        Call::OllamaGenerate => unless_there("/api/generate"),
        Call::OllamaEmbed => unless_there("/api/embed"),
        Call::Predictions => after_version(place, &crate::wire::replicate::request::target(place.model)).to_owned(),
    }
}

/// Anthropic's base URL is written with and without its `/v1`.
fn after_version<'p>(place: &Place<'_>, path: &'p str) -> &'p str {
    match place.base_path.ends_with("/v1") {
        true => path.strip_prefix("/v1").unwrap_or(path),
        false => path,
    }
}

/// Azure has deployments in the path and versions in the query, or neither under `/openai/v1`.
fn azure(call: Call, place: &Place<'_>, query: &mut Option<String>) -> String {
    let version = place.api_version.unwrap_or(AZURE_VERSION);
    let behind = path(call, place);
    let is_v1 = matches!(version, "v1" | "latest" | "preview") || place.base_path.ends_with("/openai/v1");
    if is_v1 {
        if version == "preview" {
            query.get_or_insert_with(|| "api-version=preview".to_owned());
        }
        let base = place.base_path.trim_end_matches("/openai/v1");
        return format!("{base}/openai/v1{behind}");
    }
    query.get_or_insert_with(|| format!("api-version={version}"));
    if place.base_path.contains("/openai/deployments/") {
        return format!("{}{behind}", place.base_path);
    }
    let base = place.base_path.trim_end_matches("/openai");
    match call {
        Call::Responses => format!("{base}/openai{behind}"),
        _ => format!("{base}/openai/deployments/{}{behind}", utf8_percent_encode(place.model, SEGMENT)),
    }
}

/// <https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest>
fn vertex(call: Call, place: &Place<'_>) -> String {
    let (project, location) = (place.project.unwrap_or("-"), place.location.unwrap_or(super::cloud::VERTEX_LOCATION));
    let root = format!("{}/v1/projects/{project}/locations/{location}", place.base_path);
    let streamed = |whole: &'static str, stream: &'static str| if place.stream { stream } else { whole };
    let name = place.model.rsplit('/').next().unwrap_or(place.model);
    let name = utf8_percent_encode(name, SEGMENT);
    match (call, Publisher::of(place.model)) {
        (Call::Messages, _) => {
            let method = streamed("rawPredict", "streamRawPredict");
            format!("{root}/publishers/anthropic/models/{name}:{method}")
        }
        (Call::CountMessageTokens, _) => format!("{root}/publishers/anthropic/models/count-tokens:rawPredict"),
        (Call::ChatCompletions, Publisher::Partner(publisher)) => {
            let method = streamed("rawPredict", "streamRawPredict");
            format!("{root}/publishers/{publisher}/models/{name}:{method}")
        }
        (Call::ChatCompletions, _) => format!("{root}/endpoints/openapi/chat/completions"),
        _ => format!(
            "{root}/publishers/google{}",
            path(call, &Place { model: place.model.rsplit('/').next().unwrap_or(place.model), ..*place })
        ),
    }
}
