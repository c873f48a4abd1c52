//! Gemini's token counters (<https://ai.google.dev/api/generate-content#UsageMetadata>) and ours.
//!
//! Gemini counts thoughts beside the candidates, and the input of its own tools beside the prompt; ours count them in.
//! A provider that counts thoughts into the candidates shows it by its total.

use serde::Serialize;

use super::types::{ModalityCount, UsageMetadata};
use crate::wire::usage::Usage;

/// Reads the counters of an answer. `searches`: how often the provider searched for it.
pub fn read(counters: &UsageMetadata, searches: Option<u64>) -> Usage {
    let prompt = counters.prompt_token_count.unwrap_or_default();
    let prompt = prompt.saturating_add(counters.tool_use_prompt_token_count.unwrap_or_default());
    let said = counters.candidates_token_count.unwrap_or_default();
    let thoughts = counters.thoughts_token_count;
    let counted_in = counters.total_token_count == Some(prompt.saturating_add(said));
    let completion = if counted_in { said } else { said.saturating_add(thoughts.unwrap_or_default()) };
    let input = |words| uncached(counters, words);
    let output = |words| of_modality(counters.candidates_tokens_details.as_deref(), words);
    let (sound, images, video) = (output(SOUND), output(IMAGES), output(VIDEO));
    let other: u64 = [sound, images, video].into_iter().flatten().sum();
    Usage {
        total_tokens: counters.total_token_count.unwrap_or_else(|| prompt.saturating_add(completion)),
        cached_tokens: counters.cached_content_token_count,
        reasoning_tokens: thoughts,
        prompt_audio_tokens: input(SOUND),
        prompt_image_tokens: input(IMAGES),
        prompt_text_tokens: input(WORDS),
        completion_audio_tokens: sound,
        completion_image_tokens: images,
        completion_text_tokens: output(WORDS).or((said > 0).then(|| said.saturating_sub(other))),
        web_search_requests: searches,
        tells_cache_reads: true,
        input_untold: counters.prompt_token_count.is_none(),
        output_untold: counters.candidates_token_count.or(thoughts).is_none(),
        ..Usage::of_tokens(prompt, completion)
    }
}

const WORDS: &[&str] = &["TEXT", "DOCUMENT"];
const SOUND: &[&str] = &["AUDIO"];
const IMAGES: &[&str] = &["IMAGE"];
const VIDEO: &[&str] = &["VIDEO"];

fn of_modality(details: Option<&[ModalityCount]>, words: &[&str]) -> Option<u64> {
    let is_one = |count: &&ModalityCount| count.modality.as_deref().is_some_and(|word| words.contains(&word));
    let counts = details?.iter().filter(is_one).map(|count| count.token_count.unwrap_or_default());
    counts.reduce(u64::saturating_add)
}

/// The input of one kind that came from no cache. Where Gemini does not tell what was cached, it was words.
fn uncached(counters: &UsageMetadata, words: &[&str]) -> Option<u64> {
    let all = of_modality(counters.prompt_tokens_details.as_deref(), words)?;
    let cached = match counters.cache_tokens_details.as_deref() {
        Some(details) => of_modality(Some(details), words),
        None => counters.cached_content_token_count.filter(|_| words == WORDS),
    };
    Some(all.saturating_sub(cached.unwrap_or_default()))
}

/// Counters as clients of Gemini read them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    prompt_token_count: u64,
    /// Without the thoughts that are told apart.
    candidates_token_count: u64,
    total_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
}

/// Writes the counters for a client. Nothing known is zeros, as LiteLLM writes it. `thinks`: the answer shows thoughts, so
/// their tokens are told apart; else they count as the answer's, as LiteLLM does for every provider that is not Gemini.
pub fn shown(usage: Option<Usage>, thinks: bool) -> Shown {
    let usage = usage.unwrap_or_default();
    let thoughts = usage.reasoning_tokens.filter(|count| thinks && *count > 0);
    Shown {
        prompt_token_count: usage.prompt_tokens,
        candidates_token_count: usage.completion_tokens.saturating_sub(thoughts.unwrap_or_default()),
        total_token_count: usage.total_tokens,
        cached_content_token_count: usage.cached_tokens.filter(|count| *count > 0),
        thoughts_token_count: thoughts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_read() {
        let plain = Usage { tells_cache_reads: true, ..Usage::of_tokens(11, 7) };
        let check = |json: &str, expected: Usage| {
            assert_eq!(read(&serde_json::from_str(json).unwrap(), None), expected, "{json}");
        };
        check(
            r#"{"promptTokenCount":11,"candidatesTokenCount":5,"totalTokenCount":18,"cachedContentTokenCount":4,
                "thoughtsTokenCount":2,"promptTokensDetails":[{"modality":"TEXT","tokenCount":11}]}"#,
            Usage {
                cached_tokens: Some(4),
                reasoning_tokens: Some(2),
                prompt_text_tokens: Some(7),
                completion_text_tokens: Some(5),
                ..plain
            },
        );
        check(
            r#"{"promptTokenCount":11,"candidatesTokenCount":7,"totalTokenCount":18,"thoughtsTokenCount":2}"#,
            Usage { reasoning_tokens: Some(2), completion_text_tokens: Some(7), ..plain },
        );
        check(
            r#"{"promptTokenCount":8,"toolUsePromptTokenCount":3,"candidatesTokenCount":7,"totalTokenCount":18,
                "promptTokensDetails":[{"modality":"TEXT","tokenCount":3},{"modality":"IMAGE","tokenCount":5}],
                "cacheTokensDetails":[{"modality":"IMAGE","tokenCount":2}],"cachedContentTokenCount":2,
                "candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":6}]}"#,
            Usage {
                cached_tokens: Some(2),
                prompt_text_tokens: Some(3),
                prompt_image_tokens: Some(3),
                completion_audio_tokens: Some(6),
                completion_text_tokens: Some(1),
                ..plain
            },
        );
        let nothing_said = Usage { output_untold: true, ..Usage::of_tokens(3, 0) };
        check(r#"{"promptTokenCount":3}"#, Usage { tells_cache_reads: true, ..nothing_said });
    }

    #[test]
    fn counters_of_nothing_are_not_shown() {
        let json = |usage| serde_json::to_string(&shown(usage, true)).unwrap();
        assert_eq!(json(None), r#"{"promptTokenCount":0,"candidatesTokenCount":0,"totalTokenCount":0}"#);
        let usage = Usage { cached_tokens: Some(4), reasoning_tokens: Some(0), ..Usage::of_tokens(11, 7) };
        assert_eq!(
            json(Some(usage)),
            r#"{"promptTokenCount":11,"candidatesTokenCount":7,"totalTokenCount":18,"cachedContentTokenCount":4}"#
        );
    }
}
