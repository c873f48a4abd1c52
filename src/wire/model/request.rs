//! A request to a model that talks.

use super::{CacheMarker, Json, Message, Part};

/// A family of dialects that share private words: what one member of it sealed or invented, another member understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// OpenAI chat completions and Responses, Azure, and who imitates them.
    OpenAi,
    /// Anthropic Messages, wherever Claude is hosted; Bedrock Converse carries the same seals in other words.
    Anthropic,
    /// Gemini `generateContent`, at AI Studio and at Vertex.
    Gemini,
    /// Cohere v2.
    Cohere,
    /// Ollama.
    Ollama,
}

/// What a client asks for, in any dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatRequest {
    /// The model's name: the client's when decoded; the caller puts the provider's there before it is encoded.
    pub model: String,
    /// The conversation, instructions included (see [`super::Role::System`]).
    pub messages: Vec<Message>,
    /// Tools that the model may ask for.
    pub tools: Vec<Tool>,
    /// Whether and which.
    pub tool_choice: Option<ToolChoice>,
    /// Several calls in one answer.
    pub parallel_tool_calls: Option<bool>,
    /// Length, randomness, stops.
    pub sampling: Sampling,
    /// How much thinking.
    pub reasoning: Option<Reasoning>,
    /// The shape of the answer.
    pub response_format: Option<ResponseFormat>,
    /// The client wants events.
    pub stream: bool,
    /// The client wants the usage of a stream.
    pub include_usage: bool,
    /// The end user: OpenAI's `user`, Anthropic's `metadata.user_id`.
    pub user: Option<String>,
    /// OpenAI's `service_tier`.
    pub service_tier: Option<String>,
    /// OpenAI's `web_search_options`: the model may search. Raw JSON.
    pub web_search: Option<Json>,
    /// OpenAI's `verbosity`, `text.verbosity`.
    pub verbosity: Option<String>,
    /// OpenAI's `modalities`, lower case (`text`, `audio`, `image`).
    pub modalities: Vec<String>,
    /// Responses: keep the answer for later.
    pub store: Option<bool>,
    /// Responses: the conversation goes on from there. An encoder that cannot say so never sees it: the gateway has put
    /// the history into `messages` by then.
    pub previous_response_id: Option<String>,
    /// Members that no field above has, with the family whose client said them. Encoders of the same family write them as
    /// they are. Encoders of another family take those that they know by name: Gemini takes `safety_settings` from an
    /// OpenAI client, Anthropic takes `thinking`, `top_k` is a field above.
    pub extra: Vec<(String, Json)>,
    /// Whose words `extra` are.
    pub family: Option<Family>,
}

/// Length, randomness, stops.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// The most tokens of one answer.
    pub max_tokens: Option<u64>,
    /// 0 to 2 (Anthropic: to 1).
    pub temperature: Option<f64>,
    /// Nucleus.
    pub top_p: Option<f64>,
    /// Candidates.
    pub top_k: Option<u64>,
    /// Nucleus from below (vLLM, Ollama).
    pub min_p: Option<f64>,
    /// Repeatability.
    pub seed: Option<i64>,
    /// OpenAI's.
    pub presence_penalty: Option<f64>,
    /// OpenAI's.
    pub frequency_penalty: Option<f64>,
    /// OpenAI's, raw.
    pub logit_bias: Option<Json>,
    /// Number of answers.
    pub n: Option<u64>,
    /// Whether the tokens' probabilities are wanted.
    pub logprobs: Option<bool>,
    /// How many of them.
    pub top_logprobs: Option<u64>,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
}

/// A tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// What kind, with what belongs to the kind.
    pub kind: ToolKind,
    /// The prompt cache may end here.
    pub cache: Option<CacheMarker>,
}

/// The kinds of tools.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolKind {
    /// The client runs it.
    Function {
        /// Name.
        name: String,
        /// For the model.
        description: Option<String>,
        /// JSON Schema of the arguments; unsaid is "none".
        parameters: Option<Json>,
        /// OpenAI's `strict`.
        strict: Option<bool>,
        /// Members of the definition that only `ChatRequest::family` knows (Anthropic's `input_examples`, `defer_loading`
        /// …).
        extra: Vec<(String, Json)>,
    },
    /// A tool that the provider runs or defines (web search, code execution, computer use, MCP, OpenAI's custom tools): the
    /// definition in its family's own JSON. A few have a counterpart elsewhere (web search); encoders know which.
    Native {
        /// Whose.
        family: Family,
        /// The whole definition.
        value: Json,
    },
}

/// Whether the model must ask for a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// Never.
    None,
    /// One at least.
    Required,
    /// This one.
    Tool(String),
    /// One of these, at least when `required` (OpenAI `allowed_tools`, Gemini `allowedFunctionNames`).
    Allowed {
        /// Names.
        names: Vec<String>,
        /// Whether one of them must be called.
        required: bool,
    },
}

/// How much thinking: by effort, by budget, or both as the client said it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reasoning {
    /// OpenAI's word.
    pub effort: Option<Effort>,
    /// Anthropic's `budget_tokens`, Gemini's `thinkingBudget`; 0 is off, -1 "as you like" (Gemini).
    pub budget_tokens: Option<i64>,
    /// Anthropic's `thinking.type: adaptive`.
    pub adaptive: bool,
    /// Thinking was switched off in so many words (`thinking.type: disabled`, effort `none`).
    pub off: bool,
    /// Whether the thoughts are to be shown (Gemini `includeThoughts`).
    pub include: Option<bool>,
    /// Responses `reasoning.summary`.
    pub summary: Option<String>,
}

/// OpenAI's `reasoning_effort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Off.
    None,
    /// As little as possible.
    Minimal,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Higher.
    XHigh,
    /// As much as possible.
    Max,
}

/// The shape of the answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseFormat {
    /// Free text, said in so many words.
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON of this schema.
    JsonSchema {
        /// OpenAI's name of it.
        name: Option<String>,
        /// JSON Schema.
        schema: Json,
        /// OpenAI's `strict`.
        strict: Option<bool>,
        /// For the model.
        description: Option<String>,
    },
}

/// Efforts and the thinking budgets that LiteLLM gives them, in tokens.
const BUDGETS: [(Effort, i64); 7] = [
    (Effort::None, 0),
    (Effort::Minimal, 128),
    (Effort::Low, 1024),
    (Effort::Medium, 2048),
    (Effort::High, 4096),
    (Effort::XHigh, 8192),
    (Effort::Max, 16384),
];

impl Effort {
    /// OpenAI's spelling. `None`: no such effort.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Effort::None,
            "minimal" => Effort::Minimal,
            "low" => Effort::Low,
            "medium" => Effort::Medium,
            "high" => Effort::High,
            "xhigh" => Effort::XHigh,
            "max" => Effort::Max,
            _ => return None,
        })
    }

    /// OpenAI's spelling.
    pub fn word(self) -> &'static str {
        match self {
            Effort::None => "none",
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::XHigh => "xhigh",
            Effort::Max => "max",
        }
    }

    /// The budget that LiteLLM gives it.
    pub fn budget_tokens(self) -> i64 {
        BUDGETS.iter().find(|(effort, _)| *effort == self).map_or(0, |(_, budget)| *budget)
    }

    /// The effort for a budget: the least whose own budget suffices; the highest for "as you like" and above the table.
    pub fn of_budget(tokens: i64) -> Self {
        if tokens < 0 {
            return Effort::Medium;
        }
        BUDGETS.iter().find(|(_, budget)| tokens <= *budget).map_or(Effort::Max, |(effort, _)| *effort)
    }
}

impl Reasoning {
    /// The budget: as said, else what the effort is worth. `None`: thinking is off, or nothing was said that has one.
    pub fn budget(&self) -> Option<i64> {
        if self.off {
            return None;
        }
        self.budget_tokens.or(self.effort.map(Effort::budget_tokens)).filter(|budget| *budget != 0)
    }

    /// The effort: as said, else what the budget is worth.
    pub fn effort(&self) -> Option<Effort> {
        if self.off {
            return Some(Effort::None);
        }
        self.effort.or(self.budget_tokens.map(Effort::of_budget)).or(self.adaptive.then_some(Effort::Medium))
    }
}

impl ChatRequest {
    /// A member of `extra`.
    pub fn extra(&self, name: &str) -> Option<&Json> {
        self.extra.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The name of the tool that was called under this id, for dialects that pair results by name.
    pub fn tool_name(&self, id: &str) -> Option<&str> {
        self.messages.iter().rev().flat_map(|message| &message.parts).find_map(|part| match part {
            Part::ToolCall(call) if call.id == id => Some(call.name.as_str()),
            _ => None,
        })
    }

    /// Whether a tool was called or answered in the conversation.
    pub fn mentions_tools(&self) -> bool {
        let mentions = |part: &Part| matches!(part, Part::ToolCall(_) | Part::ToolResult(_));
        self.messages.iter().any(|message| message.parts.iter().any(mentions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efforts_and_budgets_are_two_words_for_one_thing() {
        for (effort, budget) in BUDGETS {
            assert_eq!(Effort::of_budget(budget), effort);
            assert_eq!(effort.budget_tokens(), budget);
            assert_eq!(Effort::parse(effort.word()), Some(effort));
        }
        assert_eq!(Effort::of_budget(3000), Effort::High);
        assert_eq!(Effort::of_budget(100_000), Effort::Max);
        let off = Reasoning { effort: Some(Effort::None), ..Reasoning::default() };
        assert_eq!(off.budget(), None);
    }
}
