//! The whole way from text to meaning, in tables: a new case is a new line.

mod declared;
mod jobs;
mod meaning;
mod problems;
mod providers;
mod robustness;
mod secrets;

use std::collections::HashMap;

use super::{Config, Report, Severity, load};

/// A chat model that needs nothing, to be put under the section that a test is about.
const MODEL: &str = "model_list: [{model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_key: sk-upstream}}, \
                     {model_name: llama, litellm_params: {model: hosted_vllm/llama, api_base: http://vllm:8000/v1}}]\n";

fn environment() -> HashMap<String, String> {
    [("LITELLM_MASTER_KEY", "sk-long-enough-to-be-secret"), ("KEY", "sk-canary-of-the-environment")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn read(text: &str) -> Report {
    load(text, &environment())
}

/// The configuration of a text that has no errors, behind [`MODEL`].
fn config(text: &str) -> Config {
    let text = format!("{MODEL}{text}");
    read(&text).usable().unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

/// Problems of a severity as `path: message`.
fn lines(text: &str, severity: Severity) -> Vec<String> {
    let found = read(text).problems.into_iter().filter(|problem| problem.severity == severity);
    found.map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}
