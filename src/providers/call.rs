//! Which call of a provider answers a client's operation. The dialects that are spoken are in [`super::spoken`], the
//! request targets in [`super::path`].

use super::publisher::Publisher;
use super::table::{Dialect, LegacyCompletions, Provider, ResponsesApi};
use crate::wire::bedrock::model_id::{self, ModelId, Vendor};

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
    /// OpenAI `POST images/generations`
    ImageGenerations,
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
    /// OpenAI pictures.
    ImageGenerations,
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
            Operation::ImageGenerations => Call::ImageGenerations,
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
            Operation::ImageGenerations => "image generations",
            Operation::Messages => "messages",
            Operation::CountMessageTokens => "count_tokens",
            Operation::GenerateContent => "generateContent",
            Operation::StreamGenerateContent => "streamGenerateContent",
            Operation::CountContentTokens => "countTokens",
        }
    }

    /// Whether the client's bytes can go through to this call. Bedrock takes Anthropic's bodies in a wrapping of its own.
    pub fn passes_to(self, call: Call) -> bool {
        self.own_call() == call || (self == Operation::Messages && call == Call::InvokeMessages)
    }
}

/// The call that answers `operation` at `provider` with this model. `None`: the provider has none.
pub fn call(provider: &Provider, operation: Operation, model: &str) -> Option<Call> {
    match provider.dialect {
        Dialect::OpenAi | Dialect::Azure => openai_call(provider, operation, model),
        Dialect::Anthropic => anthropic_call(operation),
        Dialect::Gemini => gemini_call(operation, Call::BatchEmbedContents),
        Dialect::Vertex => match Publisher::of(model) {
            Publisher::Anthropic => anthropic_call(operation),
            Publisher::Google | Publisher::Tuned => gemini_call(operation, Call::Predict),
            Publisher::Partner { .. } | Publisher::OpenApi | Publisher::Endpoint => {
                talking(operation).then_some(Call::ChatCompletions)
            }
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

fn openai_call(provider: &Provider, operation: Operation, model: &str) -> Option<Call> {
    match operation {
        Operation::Completions if provider.completions == LegacyCompletions::Native => Some(Call::Completions),
        Operation::Responses if provider.responses != ResponsesApi::Absent => Some(Call::Responses),
        // As LiteLLM does: only the Responses API hands sealed thoughts back to Anthropic clients.
        Operation::Messages if provider.responses == ResponsesApi::ForMessagesToo => Some(Call::Responses),
        Operation::Embeddings => Some(Call::Embeddings),
        Operation::Moderations => Some(Call::Moderations),
        Operation::ImageGenerations => Some(Call::ImageGenerations),
        _ if !talking(operation) => None,
        _ if provider.responses == ResponsesApi::ForMessagesToo && needs_responses(model) => Some(Call::Responses),
        _ => Some(Call::ChatCompletions),
    }
}

/// Models of OpenAI that chat completions do not serve.
fn needs_responses(model: &str) -> bool {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
    let is_kind = |kinds: &[&str]| kinds.iter().any(|kind| model.contains(kind));
    starts(&["o1-pro", "o3-pro", "codex-mini", "computer-use"])
        || (starts(&["gpt-5"]) && is_kind(&["-codex", "-pro"]))
        || (starts(&["o3", "o4"]) && is_kind(&["-deep-research"]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::by_name;

    /// All operations.
    const OPERATIONS: [Operation; 11] = [
        Operation::ChatCompletions,
        Operation::Completions,
        Operation::Responses,
        Operation::Messages,
        Operation::GenerateContent,
        Operation::StreamGenerateContent,
        Operation::Embeddings,
        Operation::Moderations,
        Operation::CountMessageTokens,
        Operation::CountContentTokens,
        Operation::ImageGenerations,
    ];

    #[test]
    fn each_operation_has_its_call() {
        let all = |talk: Call| [Some(talk), Some(talk), Some(talk), Some(talk), Some(talk), Some(talk)];
        let rest = |embed: Option<Call>, moderate, messages, contents| [embed, moderate, messages, contents, None];
        let nothing = [None; 5];
        let chat = Some(Call::ChatCompletions);
        let responses = Some(Call::Responses);
        let openai = [Some(Call::Embeddings), Some(Call::Moderations), None, None, Some(Call::ImageGenerations)];
        for (provider, model, talk, others) in [
            ("openai", "gpt-4o", [chat, chat, responses, responses, chat, chat], openai),
            ("openai", "gpt-5-codex", all(Call::Responses), openai),
            ("groq", "llama", all(Call::ChatCompletions), openai),
            ("hosted_vllm", "m", [chat, Some(Call::Completions), responses, chat, chat, chat], openai),
            ("azure", "d", [chat, chat, responses, chat, chat, chat], openai),
            ("anthropic", "claude", all(Call::Messages), rest(None, None, Some(Call::CountMessageTokens), None)),
            (
                "gemini",
                "g",
                all(Call::GenerateContent),
                rest(Some(Call::BatchEmbedContents), None, None, Some(Call::CountContentTokens)),
            ),
            (
                "vertex_ai",
                "g",
                all(Call::GenerateContent),
                rest(Some(Call::Predict), None, None, Some(Call::CountContentTokens)),
            ),
            ("vertex_ai", "claude-x", all(Call::Messages), rest(None, None, Some(Call::CountMessageTokens), None)),
            ("vertex_ai", "meta/llama", all(Call::ChatCompletions), nothing),
            ("vertex_ai", "mistral-large", all(Call::ChatCompletions), nothing),
            ("bedrock", "amazon.nova", all(Call::Converse), rest(Some(Call::InvokeEmbeddings), None, None, None)),
            ("cohere", "command", all(Call::CohereChat), rest(Some(Call::CohereEmbed), None, None, None)),
            ("ollama", "m", all(Call::OllamaGenerate), rest(Some(Call::OllamaEmbed), None, None, None)),
            ("ollama_chat", "m", all(Call::OllamaChat), rest(Some(Call::OllamaEmbed), None, None, None)),
            ("replicate", "a/b", all(Call::Predictions), nothing),
        ] {
            let row = by_name(provider).unwrap();
            let expected = talk.into_iter().chain(others);
            for (operation, expected) in OPERATIONS.into_iter().zip(expected) {
                assert_eq!(call(row, operation, model), expected, "{provider} {model} {operation:?}");
            }
        }
    }

    #[test]
    fn claude_on_bedrock_is_invoked_for_its_own_clients() {
        let bedrock = by_name("bedrock").unwrap();
        for (model, messages, chat) in [
            ("anthropic.claude-3", Call::InvokeMessages, Call::Converse),
            ("us.anthropic.claude-3", Call::InvokeMessages, Call::Converse),
            ("converse/anthropic.claude-3", Call::Converse, Call::Converse),
            ("invoke/anthropic.claude-3", Call::InvokeMessages, Call::InvokeMessages),
            ("invoke/amazon.nova", Call::Converse, Call::Converse),
        ] {
            assert_eq!(call(bedrock, Operation::Messages, model), Some(messages), "{model}");
            assert_eq!(call(bedrock, Operation::ChatCompletions, model), Some(chat), "{model}");
        }
    }
}
