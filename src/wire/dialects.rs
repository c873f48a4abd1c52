//! Who speaks what: the one place that lists the codecs, for clients and for providers.
//!
//! A pair of them makes a translation; that N dialects need N codecs and not N² converters shows in the length of this
//! file.

use bytes::Bytes;

use super::anthropic::{self, Hosting};
use super::codec::{Ids, Profile, Stamp, StreamDecoder, StreamEncoder};
use super::model::{ChatRequest, EmbeddingReply, EmbeddingRequest, Reply};
use super::openai::request::Request;
use super::{bedrock, cohere, gemini, ollama, openai, replicate, responses};
use crate::error::{Error, Kind};

/// A dialect in which clients ask for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientDialect {
    /// OpenAI chat completions.
    ChatCompletions,
    /// OpenAI legacy completions.
    Completions,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini `generateContent`; a stream is a JSON array where the client did not ask for events.
    GenerateContent {
        /// As a JSON array.
        array: bool,
    },
}

/// A dialect in which providers are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderDialect {
    /// OpenAI chat completions.
    ChatCompletions,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages, at whoever hosts them.
    Messages(Hosting),
    /// Gemini `generateContent`.
    GenerateContent,
    /// Bedrock Converse.
    Converse,
    /// Cohere v2.
    CohereChat,
    /// Ollama `/api/chat`.
    OllamaChat,
    /// Ollama `/api/generate`, the conversation written out as a prompt.
    OllamaGenerate,
    /// Ollama `/api/generate`, the client's own prompt.
    OllamaCompletion,
    /// Replicate.
    Predictions,
}

/// A request in a provider's dialect.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The body.
    pub body: Vec<u8>,
    /// JSON was asked for by way of a forced tool: the tool's input is the answer's text.
    pub forced_json: bool,
    /// Beta features that the body needs, for the provider's header.
    pub betas: Vec<&'static str>,
}

impl Encoded {
    fn plain(body: Vec<u8>) -> Self {
        Self { body, forced_json: false, betas: Vec::new() }
    }
}

impl ClientDialect {
    /// Reads a client's request.
    ///
    /// # Errors
    /// What is wrong with it, by the parameter's name.
    pub fn decode_request(self, request: &Request) -> Result<ChatRequest, Error> {
        match self {
            ClientDialect::ChatCompletions => openai::chat::decode_request(request),
            ClientDialect::Completions => openai::completions::decode_request(request),
            ClientDialect::Responses => responses::request::decode_request(request),
            ClientDialect::Messages => anthropic::request::decode_request(request),
            ClientDialect::GenerateContent { .. } => {
                gemini::request::decode_request(request, request.model.as_deref().unwrap_or_default(), request.stream)
            }
        }
    }

    /// Writes a whole answer.
    pub fn encode_reply(self, reply: Reply, stamp: &Stamp) -> Vec<u8> {
        match self {
            ClientDialect::ChatCompletions => openai::chat::encode_reply(reply, stamp),
            ClientDialect::Completions => openai::completions::encode_reply(reply, stamp),
            ClientDialect::Responses => responses::reply::encode_reply(reply, stamp),
            ClientDialect::Messages => anthropic::reply::encode_reply(reply, stamp),
            ClientDialect::GenerateContent { .. } => gemini::reply::encode_reply(reply, stamp),
        }
    }

    /// Writes a stream.
    pub fn encoder(self, stamp: Stamp) -> Box<dyn StreamEncoder> {
        match self {
            ClientDialect::ChatCompletions => Box::new(openai::chat::Encoder::new(stamp)),
            ClientDialect::Completions => Box::new(openai::completions::Encoder::new(stamp)),
            ClientDialect::Responses => Box::new(responses::stream::Encoder::new(stamp)),
            ClientDialect::Messages => Box::new(anthropic::stream::Encoder::new(stamp)),
            ClientDialect::GenerateContent { array } => Box::new(gemini::stream::Encoder::new(&stamp, array)),
        }
    }

    /// `content-type` of a stream.
    pub fn stream_type(self) -> &'static str {
        match self {
            ClientDialect::GenerateContent { array: true } => "application/json",
            _ => "text/event-stream; charset=utf-8",
        }
    }
}

impl ProviderDialect {
    /// Whether it has a word for searching the web.
    pub fn searches(self) -> bool {
        matches!(self, ProviderDialect::Messages(_) | ProviderDialect::GenerateContent)
    }

    /// Writes a request.
    ///
    /// # Errors
    /// [`Kind::UnsupportedParams`], or what in it cannot be said to this provider.
    pub fn encode_request(self, request: ChatRequest, profile: &Profile<'_>) -> Result<Encoded, Error> {
        match self {
            ProviderDialect::ChatCompletions => openai::chat::encode_request(request, profile).map(Encoded::plain),
            ProviderDialect::Responses => responses::request::encode_request(request, profile).map(Encoded::plain),
            ProviderDialect::Messages(hosting) => {
                let forced_json = anthropic::request::uses_json_tool(&request, profile, hosting);
                let betas = anthropic::betas(&request);
                let body = anthropic::request::encode_request(request, profile, hosting)?;
                Ok(Encoded { body, forced_json, betas })
            }
            ProviderDialect::GenerateContent => gemini::request::encode_request(request, profile).map(Encoded::plain),
            ProviderDialect::Converse => {
                let forced_json = bedrock::request::forces_json(&request, profile);
                let body = bedrock::request::encode_request(request, profile)?;
                Ok(Encoded { body, forced_json, betas: Vec::new() })
            }
            ProviderDialect::CohereChat => cohere::request::encode_request(request, profile).map(Encoded::plain),
            ProviderDialect::OllamaChat => ollama::request::encode_request(request, profile).map(Encoded::plain),
            ProviderDialect::OllamaGenerate => ollama::generate::encode_request(request, profile).map(Encoded::plain),
            ProviderDialect::OllamaCompletion => {
                ollama::generate::encode_completion(request, profile).map(Encoded::plain)
            }
            ProviderDialect::Predictions => replicate::request::encode_request(request, profile).map(Encoded::plain),
        }
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// [`Kind::GarbledAnswer`], or the kind of the error that was reported with a good status.
    pub fn decode_reply(self, body: &[u8], ids: Ids, forced_json: bool) -> Result<Reply, Error> {
        match self {
            ProviderDialect::ChatCompletions => openai::chat::decode_reply(body, &ids),
            ProviderDialect::Responses => responses::reply::decode_reply(body, &ids),
            ProviderDialect::Messages(_) => anthropic::reply::decode_reply(body, &ids, forced_json),
            ProviderDialect::GenerateContent => gemini::reply::decode_reply(body, &ids),
            ProviderDialect::Converse => bedrock::reply::decode_reply(body, &ids, forced_json),
            ProviderDialect::CohereChat => cohere::reply::decode_reply(body, &ids),
            ProviderDialect::OllamaChat | ProviderDialect::OllamaCompletion => ollama::reply::decode_reply(body, &ids),
            ProviderDialect::OllamaGenerate => ollama::reply::decode_prompted_reply(body, &ids),
            ProviderDialect::Predictions => replicate::reply::decode_reply(body, &ids),
        }
    }

    /// Reads a stream.
    pub fn decoder(self, ids: Ids, forced_json: bool) -> Box<dyn StreamDecoder> {
        match self {
            ProviderDialect::ChatCompletions | ProviderDialect::Predictions => {
                Box::new(openai::chat::Decoder::new(ids))
            }
            ProviderDialect::Responses => Box::new(responses::stream::Decoder::new(ids)),
            ProviderDialect::Messages(_) => Box::new(anthropic::stream::Decoder::new(forced_json)),
            ProviderDialect::GenerateContent => Box::new(gemini::stream::Decoder::new(ids)),
            ProviderDialect::Converse => Box::new(bedrock::stream::Decoder::new(forced_json)),
            ProviderDialect::CohereChat => Box::new(cohere::stream::Decoder::new(ids)),
            ProviderDialect::OllamaChat | ProviderDialect::OllamaCompletion => {
                Box::new(ollama::stream::Decoder::new(ids))
            }
            ProviderDialect::OllamaGenerate => Box::new(ollama::stream::Decoder::prompted(ids)),
        }
    }
}

/// A dialect of embedding providers that is not OpenAI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingDialect {
    /// Gemini at AI Studio.
    BatchEmbedContents,
    /// Gemini at Vertex.
    Predict,
    /// Titan, Cohere and others at Bedrock.
    Bedrock,
    /// Cohere v2.
    Cohere,
    /// Ollama.
    Ollama,
}

impl EmbeddingDialect {
    /// Writes a request: one body, or several where a call takes one input only.
    ///
    /// # Errors
    /// What in it cannot be said to this provider.
    pub fn encode_requests(self, request: EmbeddingRequest, profile: &Profile<'_>) -> Result<Vec<Vec<u8>>, Error> {
        let one = |body| vec![body];
        match self {
            EmbeddingDialect::BatchEmbedContents => {
                gemini::embed::encode_request(request, gemini::embed::Api::Studio).map(one)
            }
            EmbeddingDialect::Predict => gemini::embed::encode_request(request, gemini::embed::Api::Vertex).map(one),
            EmbeddingDialect::Bedrock => bedrock::embed::encode_requests(&request, profile),
            EmbeddingDialect::Cohere => cohere::embed::encode_request(request, profile).map(one),
            EmbeddingDialect::Ollama => ollama::embed::encode_request(request, profile).map(one),
        }
    }

    /// The header that counts the input's tokens, where the body does not.
    pub fn token_header(self) -> Option<&'static str> {
        (self == EmbeddingDialect::Bedrock).then_some("x-amzn-bedrock-input-token-count")
    }

    /// Reads the answers to those bodies, in their order, each with what its [`EmbeddingDialect::token_header`] says.
    ///
    /// # Errors
    /// [`Kind::GarbledAnswer`].
    pub fn decode_replies(
        self,
        answers: &[(Bytes, Option<u64>)],
        profile: &Profile<'_>,
        ids: &Ids,
    ) -> Result<EmbeddingReply, Error> {
        let first = answers.first().map(|(body, _)| body.as_ref()).unwrap_or_default();
        match self {
            EmbeddingDialect::BatchEmbedContents | EmbeddingDialect::Predict => gemini::embed::decode_reply(first),
            EmbeddingDialect::Bedrock => bedrock::embed::decode_replies(answers, profile),
            EmbeddingDialect::Cohere => cohere::embed::decode_reply(first, ids),
            EmbeddingDialect::Ollama => ollama::embed::decode_reply(first, ids),
        }
    }
}

/// A dialect of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorDialect {
    /// OpenAI and its imitators.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Gemini and Vertex.
    Google,
    /// Bedrock.
    Bedrock,
    /// Cohere.
    Cohere,
    /// Ollama.
    Ollama,
    /// Replicate.
    Replicate,
}

impl ErrorDialect {
    /// What an error answer means, and the provider's own words.
    pub fn read(self, status: u16, body: &[u8]) -> (Kind, String) {
        match self {
            ErrorDialect::OpenAi => {
                (Kind::of_upstream(status, &String::from_utf8_lossy(body)), openai::errors::read(body).message)
            }
            ErrorDialect::Anthropic => anthropic::errors::read(status, body),
            ErrorDialect::Google => gemini::errors::read(status, body),
            ErrorDialect::Bedrock => bedrock::errors::read(status, body),
            ErrorDialect::Cohere => cohere::errors::read(status, body),
            ErrorDialect::Ollama => ollama::errors::read(status, body),
            ErrorDialect::Replicate => replicate::errors::read(status, body),
        }
    }
}
