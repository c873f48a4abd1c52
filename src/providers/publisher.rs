//! Whose model it is that Vertex hosts: dialect and path follow from that.
//!
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/use-partner-models>

/// Whose model it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publisher {
    /// Gemini and Google's embeddings.
    Google,
    /// A tuned Gemini: its name is the number of an endpoint.
    Tuned,
    /// Claude.
    Anthropic,
    /// A partner whose models take OpenAI's bodies at a path of their own.
    Partner {
        /// Its name in the path.
        name: &'static str,
        /// The version of Vertex's API that knows it.
        version: &'static str,
    },
    /// Models as a service under Vertex's OpenAI-compatible endpoint.
    OpenApi,
    /// A model that one has deployed oneself behind the same dialect; its name is the number of an endpoint.
    Endpoint,
}

const MISTRAL: Publisher = Publisher::Partner { name: "mistralai", version: "v1" };
const AI21: Publisher = Publisher::Partner { name: "ai21", version: "v1beta1" };

impl Publisher {
    /// By the model's name, as LiteLLM does.
    pub fn of(model: &str) -> Self {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
        let (prefix, name) = model.split_once('/').unwrap_or(("", model));
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        match prefix {
            "" | "gemini" if is_number => Publisher::Tuned,
            "openai" if is_number => Publisher::Endpoint,
            _ if starts(&["claude", "anthropic/"]) => Publisher::Anthropic,
            _ if starts(&["mistral", "codestral", "mistralai/"]) => MISTRAL,
            _ if starts(&["jamba", "ai21/"]) => AI21,
            "gemini" | "google" => Publisher::Google,
            "" if !starts(&["llama"]) => Publisher::Google,
            _ => Publisher::OpenApi,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_publisher() {
        for (model, expected) in [
            ("gemini-2.5-pro", Publisher::Google),
            ("gemini/gemini-2.5-pro", Publisher::Google),
            ("google/gemini-2.5-pro", Publisher::Google),
            ("text-embedding-005", Publisher::Google),
            ("4965075652664360960", Publisher::Tuned),
            ("gemini/4965075652664360960", Publisher::Tuned),
            ("claude-sonnet-4@20250514", Publisher::Anthropic),
            ("anthropic/claude-3-opus", Publisher::Anthropic),
            ("mistral-large@2407", MISTRAL),
            ("mistralai/mistral-small-2503@001", MISTRAL),
            ("codestral-2501", MISTRAL),
            ("jamba-1.5-large@001", AI21),
            ("meta/llama-3.1-405b-instruct-maas", Publisher::OpenApi),
            ("llama3-405b-instruct-maas", Publisher::OpenApi),
            ("deepseek-ai/deepseek-r1-0528-maas", Publisher::OpenApi),
            ("openai/gpt-oss-20b-maas", Publisher::OpenApi),
            ("openai/5464397967697903616", Publisher::Endpoint),
            ("", Publisher::Google),
        ] {
            assert_eq!(Publisher::of(model), expected, "{model}");
        }
    }
}
