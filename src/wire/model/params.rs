//! Parameters that not every provider knows: refused by name, or dropped when `drop_params` says so.

use super::{ChatRequest, ToolChoice};
use crate::error::{Error, Kind};

/// A parameter that some provider lacks, by OpenAI's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    Temperature,
    TopP,
    TopK,
    MinP,
    MaxTokens,
    Stop,
    Seed,
    N,
    PresencePenalty,
    FrequencyPenalty,
    LogitBias,
    Logprobs,
    TopLogprobs,
    Tools,
    ToolChoice,
    ParallelToolCalls,
    ResponseFormat,
    ReasoningEffort,
    WebSearchOptions,
    Modalities,
}

impl Param {
    /// OpenAI's name.
    pub fn name(self) -> &'static str {
        match self {
            Param::Temperature => "temperature",
            Param::TopP => "top_p",
            Param::TopK => "top_k",
            Param::MinP => "min_p",
            Param::MaxTokens => "max_tokens",
            Param::Stop => "stop",
            Param::Seed => "seed",
            Param::N => "n",
            Param::PresencePenalty => "presence_penalty",
            Param::FrequencyPenalty => "frequency_penalty",
            Param::LogitBias => "logit_bias",
            Param::Logprobs => "logprobs",
            Param::TopLogprobs => "top_logprobs",
            Param::Tools => "tools",
            Param::ToolChoice => "tool_choice",
            Param::ParallelToolCalls => "parallel_tool_calls",
            Param::ResponseFormat => "response_format",
            Param::ReasoningEffort => "reasoning_effort",
            Param::WebSearchOptions => "web_search_options",
            Param::Modalities => "modalities",
        }
    }

    /// The parameter of this name, its other spellings included.
    pub fn by_name(name: &str) -> Option<Self> {
        let name = match name {
            "max_completion_tokens" => "max_tokens",
            "thinking" | "reasoning" => "reasoning_effort",
            name => name,
        };
        ALL.into_iter().find(|param| param.name() == name)
    }

    /// Whether the request says it, other than by what every provider does anyway.
    fn is_said(self, request: &ChatRequest) -> bool {
        let sampling = &request.sampling;
        match self {
            Param::Temperature => sampling.temperature.is_some(),
            Param::TopP => sampling.top_p.is_some(),
            Param::TopK => sampling.top_k.is_some(),
            Param::MinP => sampling.min_p.is_some(),
            Param::MaxTokens => sampling.max_tokens.is_some(),
            Param::Stop => !sampling.stop.is_empty(),
            Param::Seed => sampling.seed.is_some(),
            Param::N => sampling.n.is_some_and(|n| n != 1),
            Param::PresencePenalty => sampling.presence_penalty.is_some(),
            Param::FrequencyPenalty => sampling.frequency_penalty.is_some(),
            Param::LogitBias => sampling.logit_bias.is_some(),
            Param::Logprobs => sampling.logprobs == Some(true),
            Param::TopLogprobs => sampling.top_logprobs.is_some_and(|count| count > 0),
            Param::Tools => !request.tools.is_empty(),
            Param::ToolChoice => !matches!(request.tool_choice, None | Some(ToolChoice::Auto)),
            Param::ParallelToolCalls => request.parallel_tool_calls == Some(false),
            Param::ResponseFormat => !matches!(request.response_format, None | Some(super::ResponseFormat::Text)),
            Param::ReasoningEffort => request.reasoning.as_ref().is_some_and(|reasoning| !reasoning.off),
            Param::WebSearchOptions => request.web_search.is_some(),
            Param::Modalities => request.modalities.iter().any(|modality| modality != "text"),
        }
    }

    /// Takes it out of the request.
    pub fn drop_from(self, request: &mut ChatRequest) {
        let sampling = &mut request.sampling;
        match self {
            Param::Temperature => sampling.temperature = None,
            Param::TopP => sampling.top_p = None,
            Param::TopK => sampling.top_k = None,
            Param::MinP => sampling.min_p = None,
            Param::MaxTokens => sampling.max_tokens = None,
            Param::Stop => sampling.stop.clear(),
            Param::Seed => sampling.seed = None,
            Param::N => sampling.n = None,
            Param::PresencePenalty => sampling.presence_penalty = None,
            Param::FrequencyPenalty => sampling.frequency_penalty = None,
            Param::LogitBias => sampling.logit_bias = None,
            Param::Logprobs => sampling.logprobs = None,
            Param::TopLogprobs => sampling.top_logprobs = None,
            Param::Tools => request.tools.clear(),
            Param::ToolChoice => request.tool_choice = None,
            Param::ParallelToolCalls => request.parallel_tool_calls = None,
            Param::ResponseFormat => request.response_format = None,
            Param::ReasoningEffort => request.reasoning = None,
            Param::WebSearchOptions => request.web_search = None,
            Param::Modalities => request.modalities.clear(),
        }
    }
}

const ALL: [Param; 20] = [
    Param::Temperature,
    Param::TopP,
    Param::TopK,
    Param::MinP,
    Param::MaxTokens,
    Param::Stop,
    Param::Seed,
    Param::N,
    Param::PresencePenalty,
    Param::FrequencyPenalty,
    Param::LogitBias,
    Param::Logprobs,
    Param::TopLogprobs,
    Param::Tools,
    Param::ToolChoice,
    Param::ParallelToolCalls,
    Param::ResponseFormat,
    Param::ReasoningEffort,
    Param::WebSearchOptions,
    Param::Modalities,
];

/// Takes what the provider lacks out of the request when `drop` says so.
///
/// # Errors
/// [`Kind::UnsupportedParams`] in LiteLLM's words, with every such parameter's name, when it may not be dropped.
pub fn refuse_or_drop(
    request: &mut ChatRequest,
    unsupported: &[Param],
    drop: bool,
    provider: &str,
) -> Result<(), Error> {
    let said: Vec<Param> = unsupported.iter().copied().filter(|param| param.is_said(request)).collect();
    if said.is_empty() {
        return Ok(());
    }
    if drop {
        said.into_iter().for_each(|param| param.drop_from(request));
        return Ok(());
    }
    let names: Vec<String> = said.iter().map(|param| format!("'{}'", param.name())).collect();
    let message = format!(
        "litellm.UnsupportedParamsError: {provider} does not support parameters: [{}], for model={}. To drop these, set \
         `litellm.drop_params=True` or for proxy:\n\n`litellm_settings:\n drop_params: true`\n",
        names.join(", "),
        request.model,
    );
    let param = said.first().map(|param| param.name());
    let error = Error::new(Kind::UnsupportedParams, message);
    Err(match param {
        Some(name) => error.param(name),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_named_or_dropped() {
        let mut request = ChatRequest { model: "m".into(), ..ChatRequest::default() };
        request.sampling.seed = Some(1);
        request.sampling.n = Some(1);
        let lacking = [Param::Seed, Param::N, Param::TopK];
        let refused = refuse_or_drop(&mut request.clone(), &lacking, false, "acme").unwrap_err();
        assert!(refused.message.contains("acme does not support parameters: ['seed']"), "{}", refused.message);
        assert!(refuse_or_drop(&mut request, &lacking, true, "acme").is_ok());
        assert_eq!(request.sampling.seed, None);
        for param in ALL {
            assert_eq!(Param::by_name(param.name()), Some(param));
        }
    }
}
