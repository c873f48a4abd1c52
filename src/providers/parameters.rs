//! Which parameters of OpenAI's a provider understands, for `/model/info`: what a form may offer.

use super::table::{Dialect, Provider};

const OPENAI: &str = "frequency_penalty logit_bias logprobs top_logprobs max_tokens max_completion_tokens modalities \
    prediction n presence_penalty seed stop stream stream_options temperature top_p tools tool_choice function_call \
    functions max_retries extra_headers parallel_tool_calls audio web_search_options service_tier safety_identifier \
    prompt_cache_key prompt_cache_retention store response_format reasoning_effort user";
const ANTHROPIC: &str = "stream stop temperature top_p max_tokens max_completion_tokens tools tool_choice extra_headers \
    parallel_tool_calls response_format user web_search_options thinking reasoning_effort";
const GEMINI: &str = "temperature top_p max_tokens max_completion_tokens stream tools tool_choice functions \
    response_format n stop logprobs frequency_penalty presence_penalty seed modalities parallel_tool_calls \
    web_search_options service_tier reasoning_effort thinking";
const BEDROCK: &str = "max_tokens max_completion_tokens stream stream_options stop temperature top_p extra_headers \
    response_format service_tier parallel_tool_calls tools tool_choice reasoning_effort thinking";
const COHERE: &str = "stream temperature max_tokens max_completion_tokens top_p frequency_penalty presence_penalty stop n \
    tools tool_choice seed extra_headers";
const OLLAMA: &str = "max_tokens max_completion_tokens stream top_p temperature seed frequency_penalty stop tools \
    tool_choice functions response_format reasoning_effort";
const REPLICATE: &str = "stream temperature max_tokens max_completion_tokens top_p stop seed tools tool_choice functions \
    function_call";

/// Their names.
pub fn supported(provider: &Provider) -> impl Iterator<Item = &'static str> {
    let names = match provider.dialect {
        Dialect::OpenAi | Dialect::Azure => OPENAI,
        Dialect::Anthropic => ANTHROPIC,
        Dialect::Gemini | Dialect::Vertex => GEMINI,
        Dialect::Bedrock => BEDROCK,
        Dialect::Cohere => COHERE,
        Dialect::Ollama | Dialect::OllamaGenerate => OLLAMA,
        Dialect::Replicate => REPLICATE,
        Dialect::Other => "",
    };
    names.split_whitespace()
}
