//! Token counters of one call, as OpenAI and its imitators report them.
//!
//! Where a counter has several names, the first that is there counts: OpenAI's chat name, OpenAI's Responses name,
//! then what Anthropic, DeepSeek and OpenRouter write into OpenAI-shaped bodies.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::peek::{Object, peek_answer};
use crate::drawing::Drawing;

/// Tokens; `None` is "the provider did not say", which is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All of the input, cached parts included.
    pub prompt_tokens: u64,
    /// All of the output, reasoning included. Zero for embeddings.
    pub completion_tokens: u64,
    /// As reported, else the sum.
    pub total_tokens: u64,
    /// Input read from the provider's prompt cache.
    pub cached_tokens: Option<u64>,
    /// Input written to the provider's prompt cache.
    pub cache_creation_tokens: Option<u64>,
    /// Output that was thinking.
    pub reasoning_tokens: Option<u64>,
    /// Input that was sound.
    pub prompt_audio_tokens: Option<u64>,
    /// Output that was sound.
    pub completion_audio_tokens: Option<u64>,
    /// Input that was text and came from no cache, where the provider tells it apart.
    pub prompt_text_tokens: Option<u64>,
    /// Output that was text, where the provider tells it apart.
    pub completion_text_tokens: Option<u64>,
    /// Of the input written to the cache, what stays there for an hour (Anthropic's `ephemeral_1h_input_tokens`).
    pub cache_creation_1h_tokens: Option<u64>,
    /// Input that was images.
    pub prompt_image_tokens: Option<u64>,
    /// Output that was images.
    pub completion_image_tokens: Option<u64>,
    /// Output that was predicted by the client and came so (OpenAI).
    pub accepted_prediction_tokens: Option<u64>,
    /// Output that was predicted by the client in vain (OpenAI).
    pub rejected_prediction_tokens: Option<u64>,
    /// Searches that the provider ran.
    pub web_search_requests: Option<u64>,
    /// Pictures that came, where the answer is pictures.
    pub pictures: Option<Drawing>,
    /// Cache reads are told at the top level too, as LiteLLM does for every provider but OpenAI and its imitators.
    pub tells_cache_reads: bool,
    /// The provider did not count the input: the zero in its place means nothing.
    pub input_untold: bool,
    /// The provider did not count the output, or only its beginning, as at the start of a stream.
    pub output_untold: bool,
}

impl Usage {
    /// Input and output and nothing else.
    pub const fn of_tokens(prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
            cached_tokens: None,
            cache_creation_tokens: None,
            reasoning_tokens: None,
            prompt_audio_tokens: None,
            completion_audio_tokens: None,
            prompt_text_tokens: None,
            completion_text_tokens: None,
            cache_creation_1h_tokens: None,
            prompt_image_tokens: None,
            completion_image_tokens: None,
            accepted_prediction_tokens: None,
            rejected_prediction_tokens: None,
            web_search_requests: None,
            pictures: None,
            tells_cache_reads: false,
            input_untold: false,
            output_untold: false,
        }
    }

    /// The same of counters that may be missing; `None` where both are.
    pub fn of_counters(prompt_tokens: Option<u64>, completion_tokens: Option<u64>) -> Option<Self> {
        prompt_tokens.or(completion_tokens)?;
        Some(Self {
            input_untold: prompt_tokens.is_none(),
            output_untold: completion_tokens.is_none(),
            ..Self::of_tokens(prompt_tokens.unwrap_or_default(), completion_tokens.unwrap_or_default())
        })
    }

    /// Whether the provider counted all of it.
    pub const fn is_told(&self) -> bool {
        !self.input_untold && !self.output_untold
    }

    /// With counts of our own in the place of what the provider did not tell. What it did tell stays, a zero too.
    #[must_use]
    pub fn completed(mut self, prompt_tokens: u64, completion_tokens: u64) -> Self {
        if self.is_told() {
            return self;
        }
        if std::mem::take(&mut self.input_untold) {
            self.prompt_tokens = prompt_tokens;
        }
        if std::mem::take(&mut self.output_untold) {
            self.completion_tokens = completion_tokens;
            // Shares of a count that is replaced.
            (self.reasoning_tokens, self.completion_text_tokens) = (None, None);
        }
        self.total_tokens = self.prompt_tokens.saturating_add(self.completion_tokens);
        self
    }

    /// Nothing told.
    pub fn untold() -> Self {
        Self { input_untold: true, output_untold: true, ..Self::default() }
    }

    /// Of a stream that did not come to its end: a count of no output is not its last, and zeros throughout are a
    /// beginning.
    #[must_use]
    pub fn of_unfinished(mut self) -> Self {
        self.output_untold |= self.completion_tokens == 0;
        self.input_untold |= self.total_tokens == 0;
        self
    }

    /// Reads a `usage` object. `None`: it is none, or counts nothing.
    pub fn parse(json: &[u8]) -> Option<Usage> {
        Self::of(&peek_answer(json).ok()?)
    }

    /// Reads the members of a `usage` object.
    pub fn of(usage: &Object<'_>) -> Option<Usage> {
        let said = Said::of(usage);
        let (prompt, completion) = (said.prompt.or(said.input), said.completion.or(said.output));
        if prompt.is_none() && completion.is_none() && said.total.is_none() {
            return None;
        }
        let sum = || prompt.unwrap_or_default().saturating_add(completion.unwrap_or_default());
        let (input, output) = (said.of_prompt.or(said.of_input), said.of_completion.or(said.of_output));
        let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
        Some(Usage {
            prompt_tokens: prompt.unwrap_or_default(),
            completion_tokens: completion.unwrap_or_default(),
            total_tokens: said.total.unwrap_or_else(sum),
            cached_tokens: input.cached.or(said.cache_read).or(said.cache_hit),
            cache_creation_tokens: said.cache_creation.or(input.cache_creation).or(input.cache_write),
            reasoning_tokens: output.reasoning.or(said.reasoning),
            prompt_audio_tokens: input.audio,
            completion_audio_tokens: output.audio,
            prompt_text_tokens: input.text,
            completion_text_tokens: output.text,
            cache_creation_1h_tokens: None,
            prompt_image_tokens: input.image,
            completion_image_tokens: output.image,
            accepted_prediction_tokens: output.accepted_prediction,
            rejected_prediction_tokens: output.rejected_prediction,
            web_search_requests: input.web_search,
            pictures: None,
            tells_cache_reads: said.tells_cache_reads,
            input_untold: prompt.is_none() && said.total.is_none(),
            output_untold: completion.is_none() && said.total.is_none(),
        })
    }

    /// OpenAI's shape; details only where something is known.
    pub fn to_json(self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Writes the members of that shape, for who adds more.
    ///
    /// # Errors
    /// The writer's.
    pub fn members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("completion_tokens", &self.completion_tokens)?;
        map.serialize_entry("prompt_tokens", &self.prompt_tokens)?;
        map.serialize_entry("total_tokens", &self.total_tokens)?;
        let output = Known([
            ("reasoning_tokens", self.reasoning_tokens),
            ("text_tokens", self.completion_text_tokens),
            ("audio_tokens", self.completion_audio_tokens),
            ("image_tokens", self.completion_image_tokens),
            ("accepted_prediction_tokens", self.accepted_prediction_tokens),
            ("rejected_prediction_tokens", self.rejected_prediction_tokens),
        ]);
        if output.counters().next().is_some() {
            map.serialize_entry("completion_tokens_details", &output)?;
        }
        let input = Known([
            ("cache_write_tokens", self.cache_creation_tokens),
            ("cached_tokens", self.cached_tokens),
            ("text_tokens", self.prompt_text_tokens),
            ("audio_tokens", self.prompt_audio_tokens),
            ("image_tokens", self.prompt_image_tokens),
            ("cache_creation_tokens", self.cache_creation_tokens),
            ("web_search_requests", self.web_search_requests),
        ]);
        if input.counters().next().is_some() {
            map.serialize_entry("prompt_tokens_details", &input)?;
        }
        let read = self.cached_tokens.filter(|_| self.tells_cache_reads);
        let cache =
            Known([("cache_creation_input_tokens", self.cache_creation_tokens), ("cache_read_input_tokens", read)]);
        cache.counters().try_for_each(|(name, count)| map.serialize_entry(name, &count))
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.members(&mut map)?;
        map.end()
    }
}

/// Counters, of which those are written that the provider has told.
struct Known<const N: usize>([(&'static str, Option<u64>); N]);

impl<const N: usize> Known<N> {
    fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().filter_map(|(name, count)| Some((*name, (*count)?)))
    }
}

impl<const N: usize> Serialize for Known<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.counters())
    }
}

/// The members of a `usage` object, each by its name.
#[derive(Default)]
struct Said {
    prompt: Option<u64>,
    input: Option<u64>,
    completion: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    of_prompt: Option<Details>,
    of_input: Option<Details>,
    of_completion: Option<Details>,
    of_output: Option<Details>,
    cache_read: Option<u64>,
    cache_hit: Option<u64>,
    cache_creation: Option<u64>,
    reasoning: Option<u64>,
    tells_cache_reads: bool,
}

impl Said {
    fn of(usage: &Object<'_>) -> Self {
        let mut said = Self::default();
        for member in usage.members() {
            let details = || usage.within(member)?.ok().map(|details| Details::of(&details));
            match member.name(usage.body()) {
                b"prompt_tokens" => said.prompt = usage.count(member),
                b"input_tokens" => said.input = usage.count(member),
                b"completion_tokens" => said.completion = usage.count(member),
                b"output_tokens" => said.output = usage.count(member),
                b"total_tokens" => said.total = usage.count(member),
                b"prompt_tokens_details" => said.of_prompt = details(),
                b"input_tokens_details" => said.of_input = details(),
                b"completion_tokens_details" => said.of_completion = details(),
                b"output_tokens_details" => said.of_output = details(),
                b"cache_read_input_tokens" => {
                    said.tells_cache_reads = true;
                    said.cache_read = usage.count(member);
                }
                b"prompt_cache_hit_tokens" => said.cache_hit = usage.count(member),
                b"cache_creation_input_tokens" => said.cache_creation = usage.count(member),
                b"reasoning_tokens" => said.reasoning = usage.count(member),
                _ => {}
            }
        }
        said
    }
}

/// Of which kinds the tokens of the input were, or those of the output.
#[derive(Default)]
struct Details {
    cached: Option<u64>,
    cache_creation: Option<u64>,
    cache_write: Option<u64>,
    reasoning: Option<u64>,
    audio: Option<u64>,
    text: Option<u64>,
    image: Option<u64>,
    accepted_prediction: Option<u64>,
    rejected_prediction: Option<u64>,
    web_search: Option<u64>,
}

impl Details {
    fn of(object: &Object<'_>) -> Self {
        let mut details = Self::default();
        for member in object.members() {
            let slot = match member.name(object.body()) {
                b"cached_tokens" => &mut details.cached,
                b"cache_creation_tokens" => &mut details.cache_creation,
                b"cache_write_tokens" => &mut details.cache_write,
                b"reasoning_tokens" => &mut details.reasoning,
                b"audio_tokens" => &mut details.audio,
                b"text_tokens" => &mut details.text,
                b"image_tokens" => &mut details.image,
                b"accepted_prediction_tokens" => &mut details.accepted_prediction,
                b"rejected_prediction_tokens" => &mut details.rejected_prediction,
                b"web_search_requests" => &mut details.web_search,
                _ => continue,
            };
            *slot = object.count(member);
        }
        details
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_filled_in_and_what_is_stays() {
        let told = |json: &str| Usage::parse(json.as_bytes()).unwrap();
        let zeros = told(r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#);
        assert_eq!(zeros.completed(9, 9), zeros, "nothing is a count too");
        let half = told(r#"{"completion_tokens":5}"#);
        assert!(half.input_untold && !half.output_untold && !half.is_told());
        assert_eq!(half.completed(3, 9), Usage::of_tokens(3, 5));
        let reported = Usage { reasoning_tokens: Some(1), ..told(r#"{"input_tokens":4}"#) };
        assert_eq!(reported.completed(9, 6), Usage::of_tokens(4, 6));
        assert_eq!(Usage::untold().completed(3, 4), Usage::of_tokens(3, 4));
        assert_eq!(Usage::of_counters(None, None), None);
        assert!(told(r#"{"total_tokens":4}"#).is_told());
    }

    #[test]
    fn an_unfinished_stream_has_not_counted_its_zeros() {
        let told = |prompt, completion| {
            let usage = Usage::of_tokens(prompt, completion).of_unfinished();
            (!usage.input_untold, !usage.output_untold)
        };
        assert_eq!([told(0, 0), told(3, 0), told(3, 4)], [(false, false), (true, false), (true, true)]);
    }

    #[test]
    fn every_spelling_is_counted() {
        let openai = Usage {
            prompt_tokens: 11,
            completion_tokens: 7,
            total_tokens: 18,
            cached_tokens: Some(4),
            reasoning_tokens: Some(2),
            prompt_audio_tokens: Some(0),
            ..Usage::default()
        };
        let plain = Usage { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, ..Usage::default() };
        let cases: [(&str, Option<Usage>); 7] = [
            (
                r#"{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,
                    "prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
                    "completion_tokens_details":{"reasoning_tokens":2}}"#,
                Some(openai),
            ),
            (r#"{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":null}"#, Some(plain)),
            (r#"{"input_tokens":5.0,"output_tokens":2,"total_tokens":null}"#, Some(plain)),
            (
                r#"{"prompt_tokens":5,"completion_tokens":2,"cache_creation_input_tokens":3,"prompt_cache_hit_tokens":1}"#,
                Some(Usage { cached_tokens: Some(1), cache_creation_tokens: Some(3), ..plain }),
            ),
            (r#"{"prompt_tokens":-5}"#, None),
            ("{}", None),
            ("null", None),
        ];
        for (json, expected) in cases {
            assert_eq!(Usage::parse(json.as_bytes()), expected, "{json}");
        }
        assert_eq!(Usage::parse(openai.to_json().to_string().as_bytes()), Some(openai));
    }
}
