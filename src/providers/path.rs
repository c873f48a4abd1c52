//! The request target of a call: path and query behind the host.
//!
//! An `api_base` is written in many ways: the host alone, with the version, with the whole path of a call. All of them
//! work: what the dialect would put there itself is taken off first. The rules for Azure and Vertex, whose paths hold
//! more than the call, are in `hosted`.

mod hosted;
mod models;

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::call::Call;
pub use models::models;

use super::table::{Dialect, Provider};
use crate::wire::bedrock::model_id::ModelId;

/// Where a call goes, besides its host.
#[derive(Clone, Copy, Debug, Default)]
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

/// What stands for itself in a path segment; Azure's, Bedrock's and Vertex's names hold `.`, `_`, `-`, `:`, `@`.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@');

/// Stands for the model in a declared provider's path.
const MODEL: &str = "{model}";

/// Ends of an OpenAI base URL that already names a call.
const OPENAI_ENDINGS: &[&str] =
    &["/chat/completions", "/completions", "/responses", "/embeddings", "/moderations", "/images/generations"];

/// The request target of a call: path and query.
pub fn target(provider: &Provider, call: Call, place: &Place<'_>) -> String {
    let (path, mut query) = match provider.paths.iter().find(|(own, _)| *own == call) {
        Some((_, own)) => (declared(own, place), place.query.map(Cow::Borrowed)),
        None => match provider.dialect {
            Dialect::Azure => hosted::azure(call, place),
            Dialect::Vertex => (hosted::vertex(call, place), place.query.map(Cow::Borrowed)),
            dialect => {
                let root = without_ending(place.base_path, endings(dialect));
                (format!("{root}{}", path(call, place)), place.query.map(Cow::Borrowed))
            }
        },
    };
    if call == Call::GenerateContent && place.stream {
        query = Some(match query {
            Some(query) if query.split('&').any(|pair| pair == "alt=sse") => query,
            Some(query) => format!("{query}&alt=sse").into(),
            None => "alt=sse".into(),
        });
    }
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    }
}

/// A path that the configuration sets for a call.
fn declared(own: &str, place: &Place<'_>) -> String {
    let own = match own.contains(MODEL) {
        true => Cow::Owned(own.replace(MODEL, &segment(place.model))),
        false => Cow::Borrowed(own),
    };
    format!("{}{own}", without_ending(place.base_path, &[&own]))
}

/// What the paths of a dialect begin with or are, where a base URL may already hold it; longer ones first.
fn endings(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenAi => OPENAI_ENDINGS,
        Dialect::Anthropic => &["/v1/messages", "/v1"],
        Dialect::Cohere => &["/v2/chat", "/v2/embed", "/v1/chat", "/v1/embed", "/v2", "/v1"],
        Dialect::Ollama | Dialect::OllamaGenerate => &["/api/chat", "/api/generate", "/api/embed", "/api"],
        Dialect::Replicate => &["/v1"],
        _ => &[],
    }
}

fn without_ending<'b>(base: &'b str, endings: &[&str]) -> &'b str {
    endings.iter().find_map(|ending| base.strip_suffix(ending)).unwrap_or(base)
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The path behind the base URL, as the dialect's documentation has it.
fn path(call: Call, place: &Place<'_>) -> String {
    let streamed = |whole: &'static str, stream: &'static str| if place.stream { stream } else { whole };
    let bedrock = |method: &str| format!("/model/{}/{method}", ModelId::parse(place.model).path);
    match call {
        Call::ChatCompletions => "/chat/completions".to_owned(),
        Call::Completions => "/completions".to_owned(),
        Call::Responses => "/responses".to_owned(),
        Call::Embeddings => "/embeddings".to_owned(),
        Call::Moderations => "/moderations".to_owned(),
        Call::ImageGenerations => "/images/generations".to_owned(),
        Call::Messages => "/v1/messages".to_owned(),
        Call::CountMessageTokens => "/v1/messages/count_tokens".to_owned(),
        Call::GenerateContent => google(place, streamed("generateContent", "streamGenerateContent")),
        Call::CountContentTokens => google(place, "countTokens"),
        Call::BatchEmbedContents => google(place, "batchEmbedContents"),
        Call::Predict => google(place, "predict"),
        Call::Converse => bedrock(streamed("converse", "converse-stream")),
        Call::InvokeMessages => bedrock(streamed("invoke", "invoke-with-response-stream")),
        Call::InvokeEmbeddings => bedrock("invoke"),
        Call::CohereChat => "/v2/chat".to_owned(),
        Call::CohereEmbed => "/v2/embed".to_owned(),
        Call::OllamaChat => "/api/chat".to_owned(),
        Call::OllamaGenerate => "/api/generate".to_owned(),
        Call::OllamaEmbed => "/api/embed".to_owned(),
        Call::Predictions => crate::wire::replicate::request::target(place.model),
    }
}

/// A model of Google's by its resource name; `models/` need not be said.
fn google(place: &Place<'_>, method: &str) -> String {
    let (collection, name) = match place.model.split_once('/') {
        Some((collection @ ("models" | "tunedModels"), name)) => (collection, name),
        _ => ("models", place.model),
    };
    format!("/{collection}/{}:{method}", segment(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::by_name;
    use crate::providers::table::Quirks;

    /// A target at a provider of the table.
    pub(super) fn check(provider: &str, call: Call, place: &Place<'_>, expected: &str) {
        let provider = by_name(provider).unwrap();
        assert_eq!(target(provider, call, place), expected, "{} {call:?} {place:?}", provider.name);
    }

    #[test]
    fn a_base_url_may_be_host_version_or_the_whole_address() {
        for (provider, call, base_path, expected) in [
            ("openai", Call::ChatCompletions, "/v1", "/v1/chat/completions"),
            ("openai", Call::ChatCompletions, "", "/chat/completions"),
            ("openai", Call::ChatCompletions, "/v1/chat/completions", "/v1/chat/completions"),
            ("openai", Call::Embeddings, "/v1/chat/completions", "/v1/embeddings"),
            ("openai", Call::Responses, "/v1", "/v1/responses"),
            ("hosted_vllm", Call::Completions, "/v1", "/v1/completions"),
            ("openai", Call::Moderations, "/v1", "/v1/moderations"),
            ("openai", Call::ImageGenerations, "/v1", "/v1/images/generations"),
            ("openai", Call::ImageGenerations, "/v1/images/generations", "/v1/images/generations"),
            ("anthropic", Call::Messages, "", "/v1/messages"),
            ("anthropic", Call::Messages, "/v1", "/v1/messages"),
            ("anthropic", Call::Messages, "/v1/messages", "/v1/messages"),
            ("anthropic", Call::Messages, "/proxy/anthropic", "/proxy/anthropic/v1/messages"),
            ("anthropic", Call::CountMessageTokens, "", "/v1/messages/count_tokens"),
            ("anthropic", Call::CountMessageTokens, "/v1", "/v1/messages/count_tokens"),
            ("anthropic", Call::CountMessageTokens, "/v1/messages", "/v1/messages/count_tokens"),
            ("cohere", Call::CohereChat, "", "/v2/chat"),
            ("cohere", Call::CohereChat, "/v2", "/v2/chat"),
            ("cohere", Call::CohereChat, "/v2/chat", "/v2/chat"),
            ("cohere", Call::CohereEmbed, "/v2/chat", "/v2/embed"),
            ("cohere", Call::CohereEmbed, "/v2/embed", "/v2/embed"),
            ("ollama_chat", Call::OllamaChat, "", "/api/chat"),
            ("ollama_chat", Call::OllamaChat, "/api/chat", "/api/chat"),
            ("ollama", Call::OllamaGenerate, "/api", "/api/generate"),
            ("ollama", Call::OllamaEmbed, "/api/generate", "/api/embed"),
        ] {
            check(provider, call, &Place { base_path, model: "m", ..Place::default() }, expected);
        }
    }

    #[test]
    fn the_model_is_in_the_path() {
        let gemini = "/v1beta";
        let arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1";
        for (provider, call, base_path, model, stream, expected) in [
            ("gemini", Call::GenerateContent, gemini, "g-2.5", false, "/v1beta/models/g-2.5:generateContent"),
            (
                "gemini",
                Call::GenerateContent,
                gemini,
                "g-2.5",
                true,
                "/v1beta/models/g-2.5:streamGenerateContent?alt=sse",
            ),
            ("gemini", Call::GenerateContent, "", "models/g", false, "/models/g:generateContent"),
            ("gemini", Call::GenerateContent, "", "tunedModels/g", false, "/tunedModels/g:generateContent"),
            ("gemini", Call::GenerateContent, "", "a/b c", false, "/models/a%2Fb%20c:generateContent"),
            ("gemini", Call::CountContentTokens, gemini, "g", true, "/v1beta/models/g:countTokens"),
            ("gemini", Call::BatchEmbedContents, gemini, "e", false, "/v1beta/models/e:batchEmbedContents"),
            ("bedrock", Call::Converse, "", "anthropic.c-v1:0", false, "/model/anthropic.c-v1:0/converse"),
            ("bedrock", Call::Converse, "", "us.anthropic.c-v1:0", true, "/model/us.anthropic.c-v1:0/converse-stream"),
            ("bedrock", Call::Converse, "", "eu-west-1/anthropic.c", false, "/model/anthropic.c/converse"),
            ("bedrock", Call::InvokeMessages, "", "invoke/anthropic.c", false, "/model/anthropic.c/invoke"),
            (
                "bedrock",
                Call::InvokeMessages,
                "/gw",
                "anthropic.c",
                true,
                "/gw/model/anthropic.c/invoke-with-response-stream",
            ),
            ("bedrock", Call::InvokeEmbeddings, "", "amazon.titan-e", true, "/model/amazon.titan-e/invoke"),
            (
                "bedrock",
                Call::Converse,
                "",
                arn,
                false,
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fa1/converse",
            ),
            ("replicate", Call::Predictions, "/v1", "meta/llama", false, "/v1/models/meta/llama/predictions"),
            ("replicate", Call::Predictions, "", "meta/llama", true, "/v1/models/meta/llama/predictions"),
            ("replicate", Call::Predictions, "/v1", "deployments/a/b", false, "/v1/deployments/a/b/predictions"),
        ] {
            check(provider, call, &Place { base_path, model, stream, ..Place::default() }, expected);
        }
    }

    #[test]
    fn the_query_of_the_base_url_stays() {
        for (call, query, expected) in [
            (Call::GenerateContent, "key=a", "/models/m:streamGenerateContent?key=a&alt=sse"),
            (Call::GenerateContent, "alt=sse", "/models/m:streamGenerateContent?alt=sse"),
            (Call::CountContentTokens, "key=a", "/models/m:countTokens?key=a"),
        ] {
            let place = Place { query: Some(query), model: "m", stream: true, ..Place::default() };
            check("gemini", call, &place, expected);
        }
        let place = Place { base_path: "/v1", query: Some("v=2"), model: "m", ..Place::default() };
        check("openai", Call::ChatCompletions, &place, "/v1/chat/completions?v=2");
    }

    #[test]
    fn a_declared_path_wins() {
        let row = Provider {
            paths: &[(Call::ChatCompletions, "/talk"), (Call::Embeddings, "/m/{model}/embed")],
            quirks: Quirks::NONE,
            ..*by_name("openai").unwrap()
        };
        for (call, base_path, expected) in [
            (Call::ChatCompletions, "/api", "/api/talk"),
            (Call::ChatCompletions, "/api/talk", "/api/talk"),
            (Call::Embeddings, "/api", "/api/m/a%2Fb/embed"),
            (Call::Completions, "/api", "/api/completions"),
        ] {
            assert_eq!(target(&row, call, &Place { base_path, model: "a/b", ..Place::default() }), expected);
        }
    }
}
