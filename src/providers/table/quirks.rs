//! In what a provider of the OpenAI dialect differs from OpenAI: data for the edits that its requests need.

/// A list for the models whose name begins so; the first that fits counts.
type ByModel<T> = &'static [(&'static str, &'static [T])];

/// In what a provider differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Sent as the key when none is configured: the server wants a key but does not look at it.
    pub default_key: Option<&'static str>,
    /// What a base URL must end with; put behind one that does not.
    pub base_ending: Option<&'static str>,
    /// The path of a base URL that has none, by the end of its host's name; the first that fits counts.
    pub bare_base: &'static [(&'static str, &'static str)],
    /// `api_version` stands in the query.
    pub version_in_query: bool,
    /// Put before a model name that holds no `/`.
    pub model_prefix: Option<&'static str>,
    /// Sent with each request unless `extra_headers` says otherwise. The configuration puts them there.
    pub headers: &'static [(&'static str, &'static str)],
    /// A JSON object merged into each body unless `extra_body` says otherwise. The configuration puts it there.
    pub extra_body: Option<&'static str>,
    /// `"stream": false` is said in words' calls when the client said nothing.
    pub say_stream_false: bool,
    /// Models whose name begins so take `max_completion_tokens` instead of `max_tokens`.
    pub max_completion_tokens: &'static [&'static str],
    /// Members that the provider calls otherwise: OpenAI's name and its own.
    pub renames: &'static [(&'static str, &'static str)],
    /// Members that it refuses and that can be done without.
    pub never: &'static [&'static str],
    /// Members that the model refuses; left out where `drop_params` says so.
    pub unsupported: ByModel<&'static str>,
    /// Roles that it calls otherwise: OpenAI's name and its own.
    pub roles: ByModel<(&'static str, &'static str)>,
    /// The only roles whose messages may have a `name`; all, if unsaid.
    pub named_roles: Option<&'static [&'static str]>,
    /// A `content` list of text parts is joined to a string.
    pub flatten_content: bool,
    /// Ids of tool calls must be nine letters or digits.
    pub short_tool_ids: bool,
    /// `strict` is removed from the functions of `tools`: the server refuses it.
    pub drop_tool_strict: bool,
    /// The schemas of tools may hold no `strict`, `additionalProperties`, `$schema`, `$id`.
    pub plain_schemas: bool,
    /// What `"tool_choice": "required"` is called.
    pub required_tool: Option<&'static str>,
    /// Members of messages in which clients hand thoughts back and that the provider does not know: whoever sealed them,
    /// it was not this provider.
    pub foreign_thoughts: &'static [&'static str],
    /// The member of a last message of the assistant's that says: go on after these words.
    pub prefill_mark: Option<&'static str>,
}

/// The newest name of the system's role is OpenAI's alone; LiteLLM says the old one to everybody else.
const NO_DEVELOPER: ByModel<(&str, &str)> = &[("", &[("developer", "system")])];

impl Quirks {
    /// Like OpenAI, but for the role that only OpenAI knows.
    pub const NONE: Quirks = Quirks {
        default_key: None,
        base_ending: None,
        bare_base: &[],
        version_in_query: false,
        model_prefix: None,
        headers: &[],
        extra_body: None,
        say_stream_false: false,
        max_completion_tokens: &[],
        renames: &[],
        never: &[],
        unsupported: &[],
        roles: NO_DEVELOPER,
        named_roles: None,
        flatten_content: false,
        short_tool_ids: false,
        drop_tool_strict: false,
        plain_schemas: false,
        required_tool: None,
        foreign_thoughts: &["thinking_blocks"],
        prefill_mark: None,
    };

    /// Members that this model refuses.
    pub fn unsupported(&self, model: &str) -> &'static [&'static str] {
        fitting(self.unsupported, model)
    }

    /// Roles that this model calls otherwise.
    pub fn roles(&self, model: &str) -> &'static [(&'static str, &'static str)] {
        fitting(self.roles, model)
    }
}

fn fitting<T>(lists: ByModel<T>, model: &str) -> &'static [T] {
    lists.iter().find(|(beginning, _)| model.starts_with(beginning)).map_or(&[], |(_, list)| list)
}

/// The first reasoning models know no system role at all.
const OPENAI_ROLES: ByModel<(&str, &str)> = &[
    ("o1-mini", &[("system", "user"), ("developer", "user")]),
    ("o1-preview", &[("system", "user"), ("developer", "user")]),
];

/// What OpenAI's models refuse, as LiteLLM lists it. `thinking` is Anthropic's.
const OPENAI_UNSUPPORTED: ByModel<&str> = &[
    ("o1", O_SERIES),
    ("o3", O_SERIES),
    ("o4", O_SERIES),
    ("gpt-5-chat", PLAIN),
    ("gpt-5.", GPT_5_1),
    ("gpt-5", GPT_5),
    ("", PLAIN),
];

const PLAIN: &[&str] = &["reasoning_effort", "thinking"];
const O_SERIES: &[&str] =
    &["logprobs", "top_logprobs", "top_p", "presence_penalty", "frequency_penalty", "temperature", "thinking"];
const GPT_5: &[&str] = &[
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "logit_bias",
    "prediction",
    "audio",
    "logprobs",
    "top_logprobs",
    "top_p",
    "temperature",
    "thinking",
];
/// They take the sampling parameters as long as they do not reason.
const GPT_5_1: &[&str] =
    &["presence_penalty", "frequency_penalty", "stop", "logit_bias", "prediction", "audio", "thinking"];

/// OpenAI itself. Reasoning models refuse `max_tokens`.
pub(super) const OPENAI: Quirks = Quirks {
    max_completion_tokens: &["o1", "o3", "o4", "gpt-5"],
    roles: OPENAI_ROLES,
    foreign_thoughts: &["thinking_blocks", "reasoning_content"],
    unsupported: OPENAI_UNSUPPORTED,
    ..Quirks::NONE
};

/// The same models at Microsoft, known by their deployment's `base_model`.
pub(super) const AZURE: Quirks = Quirks { say_stream_false: true, ..OPENAI };

/// Models of the catalogue, behind either kind of host.
/// <https://learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/endpoints>
pub(super) const AZURE_AI: Quirks =
    Quirks { bare_base: &[(".services.ai.azure.com", "/models"), ("", "/v1")], version_in_query: true, ..Quirks::NONE };

/// Servers that pass everything on, or know all that OpenAI knows.
pub(super) const ALL_ROLES: Quirks = Quirks { roles: &[], ..Quirks::NONE };

/// LiteLLM again: it knows what its own clients say.
pub(super) const LITELLM_PROXY: Quirks = Quirks { foreign_thoughts: &[], ..ALL_ROLES };

/// A server on one's own machine: clients insist on a key, the server does not look at it.
pub(super) const KEYLESS: Quirks = Quirks { default_key: Some("fake-api-key"), ..Quirks::NONE };

pub(super) const VLLM: Quirks = Quirks { drop_tool_strict: true, say_stream_false: true, ..KEYLESS };

pub(super) const OOBABOOGA: Quirks = Quirks { base_ending: Some("/v1"), ..KEYLESS };

/// Servers that only know the older name of the output cap.
const OLD_CAP: &[(&str, &str)] = &[("max_completion_tokens", "max_tokens")];

pub(super) const OLD_CAP_ONLY: Quirks = Quirks { renames: OLD_CAP, ..Quirks::NONE };

pub(super) const FLAT_CONTENT: Quirks = Quirks { flatten_content: true, ..OLD_CAP_ONLY };

/// <https://api-docs.deepseek.com/guides/chat_prefix_completion>
pub(super) const DEEPSEEK: Quirks = Quirks { prefill_mark: Some("prefix"), ..FLAT_CONTENT };

/// It refuses members that it does not know, even where they change nothing: usage stands in each of its streams.
/// <https://docs.mistral.ai/api/>
pub(super) const MISTRAL: Quirks = Quirks {
    base_ending: Some("/v1"),
    renames: &[("seed", "random_seed"), ("max_completion_tokens", "max_tokens")],
    never: &["stream_options", "user"],
    unsupported: &[("magistral", MISTRAL_UNSUPPORTED), ("", MISTRAL_WITHOUT_THOUGHTS)],
    named_roles: Some(&["tool"]),
    flatten_content: true,
    short_tool_ids: true,
    plain_schemas: true,
    required_tool: Some("any"),
    prefill_mark: Some("prefix"),
    ..Quirks::NONE
};

/// The completions of code have their own host, but the same rules.
pub(super) const CODESTRAL: Quirks = Quirks { base_ending: None, ..MISTRAL };

const MISTRAL_UNSUPPORTED: &[&str] = &["logit_bias", "logprobs", "top_logprobs", "service_tier", "store", "verbosity"];
const MISTRAL_WITHOUT_THOUGHTS: &[&str] =
    &["logit_bias", "logprobs", "top_logprobs", "service_tier", "store", "verbosity", "reasoning_effort", "thinking"];

/// <https://docs.x.ai/docs/api-reference>
pub(super) const XAI: Quirks = Quirks {
    never: &["web_search_options"],
    unsupported: &[
        ("grok-4", &["stop", "frequency_penalty"]),
        ("grok-code-fast", &["stop", "frequency_penalty"]),
        ("grok-3-mini", &["stop"]),
    ],
    named_roles: Some(&["user"]),
    drop_tool_strict: true,
    ..OLD_CAP_ONLY
};

/// <https://docs.fireworks.ai/api-reference/post-chatcompletions>
pub(super) const FIREWORKS: Quirks =
    Quirks { model_prefix: Some("accounts/fireworks/models/"), required_tool: Some("any"), ..OLD_CAP_ONLY };

/// <https://docs.perplexity.ai/api-reference/chat-completions-post>
pub(super) const PERPLEXITY: Quirks = Quirks {
    unsupported: &[(
        "",
        &["tools", "tool_choice", "parallel_tool_calls", "logit_bias", "logprobs", "top_logprobs", "seed"],
    )],
    ..OLD_CAP_ONLY
};

/// <https://console.groq.com/docs/openai>
pub(super) const GROQ: Quirks =
    Quirks { unsupported: &[("", &["logit_bias", "logprobs", "top_logprobs"])], ..Quirks::NONE };

/// The cost of a call is told only when asked for; the title names the caller in OpenRouter's statistics.
pub(super) const OPENROUTER: Quirks =
    Quirks { headers: &[("x-title", "Tollgate")], extra_body: Some(r#"{"usage":{"include":true}}"#), ..ALL_ROLES };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_of_a_name_stands_first() {
        for quirks in [OPENAI, MISTRAL, XAI] {
            for lists in [quirks.unsupported] {
                for (index, (name, _)) in lists.iter().enumerate() {
                    assert!(!lists.iter().take(index).any(|(other, _)| name.starts_with(other)), "{name}");
                }
            }
        }
    }

    #[test]
    fn models_refuse_different_things() {
        for (quirks, model, param, expected) in [
            (OPENAI, "gpt-4o", "reasoning_effort", true),
            (OPENAI, "o3-mini", "reasoning_effort", false),
            (OPENAI, "o3-mini", "temperature", true),
            (OPENAI, "gpt-5-chat-latest", "temperature", false),
            (OPENAI, "gpt-5-mini", "temperature", true),
            (OPENAI, "gpt-5.1", "temperature", false),
            (MISTRAL, "magistral-small", "reasoning_effort", false),
            (MISTRAL, "mistral-large", "reasoning_effort", true),
            (XAI, "grok-4", "stop", true),
            (XAI, "grok-2", "stop", false),
            (Quirks::NONE, "m", "stop", false),
        ] {
            assert_eq!(quirks.unsupported(model).contains(&param), expected, "{model} {param}");
        }
        assert_eq!(OPENAI.roles("o1-mini").len(), 2);
        assert!(OPENAI.roles("gpt-4o").is_empty());
        assert_eq!(Quirks::NONE.roles("any"), [("developer", "system")]);
    }
}
