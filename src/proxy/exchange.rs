//! In whose words an attempt is made.
//!
//! Where client and provider speak one dialect, the client's bytes go through: spliced on the way up, tapped on the way
//! down. Where they do not, both ways lead through the superset model ([`crate::wire::model`]).

use bytes::Bytes;

use super::conversations::Memory;
use super::open::Ask;
use super::stream::StreamFilter;
use crate::clock::unix_millis;
use crate::error::{Error, Kind};
use crate::providers::call::{Call, Operation};
use crate::wire::codec::{Ids, Origin, Stamp, StreamDecoder};
use crate::wire::dialects::{ClientDialect, EmbeddingDialect, ProviderDialect};
use crate::wire::openai::errors::ProviderError;
use crate::wire::usage::Usage;
use crate::wire::{anthropic, gemini, openai, responses, translation};

/// How client and provider understand each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// They speak OpenAI's dialect.
    OpenAi,
    /// They speak Anthropic's.
    Messages,
    /// They speak OpenAI's Responses dialect.
    Responses,
    /// They speak OpenAI's, about pictures.
    Images,
    /// They speak Gemini's.
    GenerateContent,
    /// The client's bytes go through, and so do the provider's: token counts.
    Untouched,
    /// They do not.
    Translated {
        /// The client's dialect.
        client: ClientDialect,
        /// The provider's.
        provider: ProviderDialect,
    },
    /// They do not, about embeddings.
    Embedded(EmbeddingDialect),
}

/// One attempt's exchange of words.
pub struct Exchange {
    /// The provider's call.
    pub call: Call,
    /// How they understand each other.
    pub manner: Manner,
    /// The gateway's own facts about the answer.
    pub stamp: Stamp,
    /// JSON was asked for by way of a forced tool.
    pub forced_json: bool,
    /// The answer is to be remembered: its client may go on with it, and the provider keeps none.
    pub memory: Option<Memory>,
}

/// A whole answer in the client's words.
pub struct Whole {
    /// The body.
    pub body: Bytes,
    /// Its `content-type`.
    pub content_type: &'static str,
    /// What it cost.
    pub usage: Option<Usage>,
}

const JSON: &str = "application/json";

impl Exchange {
    /// Plans it.
    ///
    /// # Errors
    /// [`Kind::Unprocessable`] when the provider has no call that could answer.
    pub fn plan(ask: &Ask<'_>) -> Result<Self, Error> {
        let (target, operation) = (ask.target, ask.task.operation);
        let call = target.call(operation, ask.upstream_model).ok_or_else(|| not_served(ask))?;
        let manner = if operation.passes_to(call) && ask.continuation.is_none() {
            passing(operation)
        } else {
            translated(ask, call).ok_or_else(|| not_served(ask))?
        };
        // Ids cost a system call and the time a look at the clock; an answer that passes has its own.
        let passes = !matches!(manner, Manner::Responses | Manner::Translated { .. } | Manner::Embedded(_));
        let stamp = Stamp {
            ids: if passes { Ids::default() } else { Ids(uuid::Uuid::new_v4().as_u128()) },
            created: if passes { 0 } else { unix_millis().cast_unsigned() / 1_000 },
            model: ask.shown_model().to_owned(),
            include_usage: ask.task.request.include_usage || ask.always_usage,
            body: ask.task.request.body().clone(),
            origin: Origin { provider: target.provider.name, model_id: target.id.to_string() },
        };
        Ok(Self { call, manner, stamp, forced_json: false, memory: None })
    }

    /// Whether the client's words and the provider's differ.
    pub fn is_translated(&self) -> bool {
        matches!(self.manner, Manner::Translated { .. } | Manner::Embedded(_))
    }

    /// The header that counts the input's tokens, where the body does not.
    pub fn token_header(&self) -> Option<&'static str> {
        match self.manner {
            Manner::Embedded(dialect) => dialect.token_header(),
            _ => None,
        }
    }

    /// Reads a whole answer, or several where one call takes one input only.
    ///
    /// # Errors
    /// [`Kind::GarbledAnswer`], or the kind of the error that a provider reported with a good status.
    pub fn whole(mut self, ask: &Ask<'_>, mut answers: Vec<(Bytes, Option<u64>)>) -> Result<Whole, Error> {
        let (body, tokens) = answers.pop().unwrap_or_default();
        let passed = match self.manner {
            Manner::OpenAi => openai::response::read(body, Some(ask.shown_model())),
            Manner::Messages => anthropic::pass::answer(body, Some(ask.shown_model())),
            Manner::Responses => responses::pass::answer(body, Some(ask.shown_model()), &self.stamp.origin),
            Manner::Images => openai::images::read(body, ask.drawing()),
            Manner::GenerateContent => gemini::pass::answer(body),
            Manner::Untouched => return Ok(Whole { body, content_type: JSON, usage: None }),
            Manner::Translated { client, provider } => return self.translate(ask, client, provider, &body),
            Manner::Embedded(dialect) => {
                answers.push((body, tokens));
                return self.embedded(ask, dialect, &answers);
            }
        };
        let answer = passed.map_err(|error| {
            let at = format!("{} at byte {}", error.reason, error.offset);
            Error::new(Kind::GarbledAnswer, "The provider's answer is not JSON.").detail(at)
        })?;
        match answer.error {
            Some(error) => Err(reported(error)),
            None => Ok(Whole { body: answer.body, content_type: JSON, usage: answer.usage }),
        }
    }

    fn translate(
        &mut self,
        ask: &Ask<'_>,
        client: ClientDialect,
        provider: ProviderDialect,
        body: &[u8],
    ) -> Result<Whole, Error> {
        let mut reply = provider.decode_reply(body, self.stamp.ids, self.forced_json)?;
        let usage = reply.usage;
        if provider == ProviderDialect::Responses {
            reply.id = reply.id.map(|id| responses::ids::of(&self.stamp.origin, &id));
        }
        if !ask.task.request.stream {
            let said = self.memory.as_ref().map(|_| reply.clone());
            let body = Bytes::from(client.encode_reply(reply, &self.stamp));
            if let (Some(memory), Some(said)) = (self.memory.take(), said) {
                memory.keep(&said, body.clone());
            }
            return Ok(Whole { body, content_type: JSON, usage });
        }
        let mut encoder = client.encoder(self.stamp.clone());
        let mut body = Vec::new();
        translation::events_of(reply).into_iter().for_each(|event| encoder.event(event, &mut body));
        encoder.finish(&mut body);
        Ok(Whole { body: body.into(), content_type: client.stream_type(), usage })
    }

    fn embedded(
        &self,
        ask: &Ask<'_>,
        dialect: EmbeddingDialect,
        answers: &[(Bytes, Option<u64>)],
    ) -> Result<Whole, Error> {
        let reply = dialect.decode_replies(answers, &ask.target.profile(ask.upstream_model), &self.stamp.ids)?;
        let usage = reply.usage;
        let base64 = ask.task.request.object().as_str("encoding_format").as_deref() == Some("base64");
        Ok(Whole { body: openai::embed::encode_reply(reply, &self.stamp, base64).into(), content_type: JSON, usage })
    }

    /// Who reads the provider's stream, where it is translated.
    pub fn decoder(&self) -> Option<Box<dyn StreamDecoder>> {
        match self.manner {
            Manner::Translated { provider, .. } => Some(provider.decoder(self.stamp.ids, self.forced_json)),
            _ => None,
        }
    }

    /// The filter of a stream.
    pub fn filter(self, ask: &Ask<'_>) -> StreamFilter {
        let withhold_usage = !self.stamp.include_usage;
        match self.manner {
            Manner::Translated { client, provider } => {
                let decoder = provider.decoder(self.stamp.ids, self.forced_json);
                let encoder = client.encoder(self.stamp.clone());
                StreamFilter::translation(decoder, encoder, self.memory.map(|memory| (memory, self.stamp)))
            }
            Manner::Messages => StreamFilter::messages(ask.shown_model(), self.call == Call::InvokeMessages),
            Manner::Responses => StreamFilter::responses(self.stamp),
            Manner::Images => StreamFilter::images(ask.drawing()),
            Manner::GenerateContent => StreamFilter::generate_content(),
            Manner::OpenAi | Manner::Untouched | Manner::Embedded(_) => {
                StreamFilter::openai(ask.shown_model(), withhold_usage)
            }
        }
    }

    /// `content-type` of the client's stream.
    pub fn stream_type(&self) -> &'static str {
        match self.manner {
            Manner::Translated { client, .. } => client.stream_type(),
            _ => "text/event-stream; charset=utf-8",
        }
    }

    /// What a provider's error answer means, and its own words.
    pub fn refusal(&self, status: u16, body: &[u8]) -> (Kind, String) {
        self.call.error_dialect().read(status, body)
    }
}

fn passing(operation: Operation) -> Manner {
    match operation {
        Operation::ChatCompletions | Operation::Completions | Operation::Embeddings | Operation::Moderations => {
            Manner::OpenAi
        }
        Operation::ImageGenerations => Manner::Images,
        Operation::Messages => Manner::Messages,
        Operation::Responses => Manner::Responses,
        Operation::GenerateContent | Operation::StreamGenerateContent => Manner::GenerateContent,
        Operation::CountMessageTokens | Operation::CountContentTokens => Manner::Untouched,
    }
}

fn translated(ask: &Ask<'_>, call: Call) -> Option<Manner> {
    if let Some(dialect) = call.embedding_dialect() {
        return Some(Manner::Embedded(dialect));
    }
    let client = ask.task.operation.client_dialect(!ask.task.wants_events)?;
    let provider = call.dialect(ask.target.provider.dialect, ask.task.operation)?;
    Some(Manner::Translated { client, provider })
}

fn not_served(ask: &Ask<'_>) -> Error {
    let (provider, operation) = (ask.target.provider.name, ask.task.operation.name());
    let text = format!("litellm.BadRequestError: provider {provider} does not serve {operation}.");
    Error::new(Kind::Unprocessable, text)
}

fn reported(error: ProviderError) -> Error {
    Error::new(error.kind(), error.message)
}
