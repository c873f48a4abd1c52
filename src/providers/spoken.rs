//! Which dialect an operation or a call is in: where the providers meet the codecs of `wire`.

use super::call::{Call, Operation};
use super::table::Dialect;
use crate::wire::anthropic::Hosting;
use crate::wire::dialects::{ClientDialect, EmbeddingDialect, ErrorDialect, ProviderDialect};

impl Operation {
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
            Operation::Embeddings | Operation::Moderations | Operation::ImageGenerations => return None,
        })
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
