//! Token counters as the Messages API tells them: `input_tokens` is what came from no cache and went into none, so the
//! whole input is a sum of three (<https://platform.claude.com/docs/en/build-with-claude/prompt-caching>).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::usage::Usage;

/// `usage`, of a message, of `message_start` and of `message_delta`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct UsageCounters<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_creation_input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_creation: Option<CacheCreation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_details: Option<OutputDetails>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_tool_use: Option<ServerToolUse>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Cow<'a, str>>,
}

/// What was written to the cache, by how long it stays.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct CacheCreation {
    #[serde(default)]
    pub ephemeral_5m_input_tokens: Option<u64>,
    #[serde(default)]
    pub ephemeral_1h_input_tokens: Option<u64>,
}

/// What the output was.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct OutputDetails {
    #[serde(default)]
    pub thinking_tokens: Option<u64>,
}

/// What the provider's own tools did.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct ServerToolUse {
    #[serde(default)]
    pub web_search_requests: Option<u64>,
}

impl UsageCounters<'_> {
    /// What a later event says counts; what it does not say stays.
    pub fn update(&mut self, later: UsageCounters<'_>) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_creation_input_tokens = later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
        self.server_tool_use = later.server_tool_use.or(self.server_tool_use);
        if let Some(tier) = later.service_tier {
            self.service_tier = Some(tier.into_owned().into());
        }
    }

    /// In the words of the model. What a host leaves out of its answer (Bedrock tells no caches where none are used)
    /// counts zero, as LiteLLM has it. `thinking` is the length of the thoughts that were shown, in characters: older
    /// API versions do not count them, and then they are estimated as LiteLLM does.
    pub fn usage(&self, thinking: usize) -> Usage {
        let input = self.input_tokens.unwrap_or_default();
        let written = self.cache_creation_input_tokens.unwrap_or_default();
        let read = self.cache_read_input_tokens.unwrap_or_default();
        let output = self.output_tokens.unwrap_or_default();
        let told = self.output_tokens_details.and_then(|details| details.thinking_tokens);
        let thought = told.unwrap_or_else(|| super::count_tokens::tokens_of_characters(thinking)).min(output);
        Usage {
            cached_tokens: Some(read),
            cache_creation_tokens: Some(written),
            cache_creation_1h_tokens: self.cache_creation.and_then(|creation| creation.ephemeral_1h_input_tokens),
            prompt_text_tokens: Some(input),
            reasoning_tokens: Some(thought),
            completion_text_tokens: Some(output - thought),
            web_search_requests: self.server_tool_use.and_then(|uses| uses.web_search_requests),
            tells_cache_reads: true,
            input_untold: self.input_tokens.is_none(),
            output_untold: self.output_tokens.is_none(),
            ..Usage::of_tokens(input.saturating_add(written).saturating_add(read), output)
        }
    }

    /// The same at a stream's beginning, where the output is counted so far: one token or a few.
    pub fn at_start(&self) -> Usage {
        Usage { output_untold: true, ..self.usage(0) }
    }

    /// For a client: caches and tools only where something is known of them. `thinks`: the answer shows thoughts; the share
    /// of thoughts that nobody gets to see is not told apart, as LiteLLM does not.
    pub fn of(usage: &Usage, service_tier: Option<&str>, thinks: bool) -> UsageCounters<'static> {
        let read = usage.cached_tokens.unwrap_or_default();
        let written = usage.cache_creation_tokens.unwrap_or_default();
        let for_an_hour = usage.cache_creation_1h_tokens;
        let tier = service_tier.filter(|tier| ["standard", "priority", "batch"].contains(tier));
        let thought = usage.reasoning_tokens.filter(|tokens| thinks && *tokens > 0);
        UsageCounters {
            input_tokens: Some(usage.prompt_tokens.saturating_sub(read).saturating_sub(written)),
            output_tokens: Some(usage.completion_tokens),
            cache_creation_input_tokens: usage.cache_creation_tokens.filter(|tokens| *tokens > 0),
            cache_read_input_tokens: usage.cached_tokens.filter(|tokens| *tokens > 0),
            cache_creation: for_an_hour.map(|hour| CacheCreation {
                ephemeral_5m_input_tokens: Some(written.saturating_sub(hour)),
                ephemeral_1h_input_tokens: Some(hour),
            }),
            output_tokens_details: thought.map(|tokens| OutputDetails { thinking_tokens: Some(tokens) }),
            server_tool_use: usage
                .web_search_requests
                .map(|searches| ServerToolUse { web_search_requests: Some(searches) }),
            service_tier: tier.map(|tier| tier.to_owned().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_input_is_a_sum_of_three() {
        let check = |json: &str, prompt: u64, completion: u64| {
            let counters: UsageCounters<'_> = serde_json::from_str(json).unwrap();
            let usage = counters.usage(0);
            assert_eq!((usage.prompt_tokens, usage.completion_tokens), (prompt, completion), "{json}");
            assert_eq!(usage.total_tokens, prompt + completion);
            let back = UsageCounters::of(&usage, counters.service_tier.as_deref(), true);
            assert_eq!(back.usage(0), usage, "{json}");
        };
        check(
            r#"{"input_tokens":11,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"output_tokens":7}"#,
            18,
            7,
        );
        check(r#"{"input_tokens":11,"output_tokens":7,"service_tier":"standard","unknown":{"x":1}}"#, 11, 7);
        check(r#"{"input_tokens":0,"output_tokens":7,"server_tool_use":{"web_search_requests":2}}"#, 0, 7);
        check(
            r#"{"input_tokens":1,"cache_creation_input_tokens":9,"output_tokens":7,"output_tokens_details":{"thinking_tokens":5},
                "cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":5}}"#,
            10,
            7,
        );
    }

    #[test]
    fn what_is_not_counted_is_known() {
        let untold = |json: &str| {
            let usage = serde_json::from_str::<UsageCounters<'_>>(json).unwrap().usage(0);
            (usage.input_untold, usage.output_untold)
        };
        assert_eq!(untold(r#"{"input_tokens":null,"output_tokens":0}"#), (true, false));
        assert_eq!(untold(r#"{"input_tokens":0}"#), (false, true));
    }

    #[test]
    fn later_counters_override() {
        let mut counters = UsageCounters { input_tokens: Some(11), output_tokens: Some(1), ..UsageCounters::default() };
        counters.update(UsageCounters { output_tokens: Some(7), ..UsageCounters::default() });
        assert_eq!((counters.input_tokens, counters.output_tokens), (Some(11), Some(7)));
        counters.update(UsageCounters { input_tokens: Some(12), ..UsageCounters::default() });
        assert_eq!((counters.input_tokens, counters.output_tokens), (Some(12), Some(7)));
    }

    #[test]
    fn thoughts_that_nobody_counted_are_estimated() {
        let counters = UsageCounters { output_tokens: Some(30), ..UsageCounters::default() };
        let usage = counters.usage(40);
        assert_eq!((usage.reasoning_tokens, usage.completion_text_tokens), (Some(10), Some(20)));
        assert_eq!(counters.usage(4_000).reasoning_tokens, Some(30), "no more than there was output");
    }
}
