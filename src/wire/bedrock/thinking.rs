//! How much a model thinks: each vendor has a word of its own for it among the fields that only the model knows.
//!
//! Claude: <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html>;
//! Nova 2: <https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>

use serde_json::json;

use super::fields::Fields;
use super::model_id::{ModelId, Vendor};
use crate::wire::model::{ChatRequest, Effort, Family, Part, Reasoning, Role, Thinking};

/// The least budget that Bedrock accepts, in tokens.
const LEAST_BUDGET: i64 = 1024;

/// What LiteLLM leaves for the answer besides the thoughts where no length is asked for, in tokens.
const ANSWER: u64 = 4096;

impl ModelId {
    /// Whether thinking can be asked for.
    pub(super) fn can_think(&self) -> bool {
        match self.vendor {
            Vendor::Anthropic => self.claude_version() >= Some((3, 7)),
            Vendor::Amazon => self.base.contains("nova-2"),
            Vendor::OpenAi | Vendor::DeepSeek | Vendor::Unknown => true,
            _ => false,
        }
    }

    /// Whether thoughts are handed back to the model.
    pub(super) fn wants_thoughts(&self) -> bool {
        matches!(self.vendor, Vendor::Anthropic | Vendor::Unknown)
    }
}

/// Whether thoughts are asked for at all.
pub fn is_asked(reasoning: &Reasoning) -> bool {
    reasoning.effort().is_some_and(|effort| effort != Effort::None)
}

/// Writes what was asked for into `fields`, and the length that it needs into the request. Whether Claude thinks: then no
/// tool can be forced.
pub fn ask(request: &mut ChatRequest, model: &ModelId, fields: &mut Fields) -> bool {
    let Some(reasoning) = request.reasoning.take().filter(is_asked) else { return false };
    match model.vendor {
        Vendor::OpenAi => {
            if let Some(effort) = reasoning.effort() {
                fields.set("reasoning_effort", &three_steps(effort));
            }
            false
        }
        Vendor::Amazon => {
            if let Some(effort) = reasoning.effort() {
                let config = json!({"type": "enabled", "maxReasoningEffort": three_steps(effort)});
                fields.set("reasoningConfig", &config);
            }
            false
        }
        Vendor::Anthropic | Vendor::Unknown => ask_claude(&reasoning, request, model, fields),
        // They think anyway, or never.
        _ => false,
    }
}

fn ask_claude(reasoning: &Reasoning, request: &mut ChatRequest, model: &ModelId, fields: &mut Fields) -> bool {
    let knows_efforts = model.claude_version() >= Some((4, 6));
    if reasoning.adaptive || (knows_efforts && reasoning.budget_tokens.is_none() && reasoning.effort.is_some()) {
        fields.set("thinking", &json!({"type": "adaptive"}));
        if let Some(effort) = reasoning.effort {
            fields.set("output_config", &json!({"effort": claudes(effort)}));
        }
        return true;
    }
    let Some(budget) = reasoning.budget() else { return false };
    // "As you like" is no budget that Claude has a word for.
    let budget = if budget < 0 { Effort::Medium.budget_tokens() } else { budget }.max(LEAST_BUDGET);
    fields.set("thinking", &json!({"type": "enabled", "budget_tokens": budget}));
    if request.sampling.max_tokens.is_none() {
        request.sampling.max_tokens = Some(budget.unsigned_abs().saturating_add(ANSWER));
    }
    true
}

fn three_steps(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    }
}

fn claudes(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal => "low",
        effort => effort.word(),
    }
}

/// Whether Claude can open the thought: it is Anthropic's, and sealed.
pub fn is_claudes(thought: &Thinking) -> bool {
    thought.family.is_none_or(|family| family == Family::Anthropic)
        && (thought.signature.is_some() || thought.sealed.is_some())
}

/// Claude refuses to think on where its last call of a tool came without its thoughts. Where no thoughts were kept at
/// all, thinking is switched off for this turn.
pub fn drop_if_thoughts_are_lost(request: &mut ChatRequest) {
    let is_thought = |part: &Part| matches!(part, Part::Thinking(thought) if is_claudes(thought));
    let any_thought = request.messages.iter().any(|message| message.parts.iter().any(is_thought));
    let last = request.messages.iter().rev().find(|message| message.role == Role::Assistant);
    let calls = last.is_some_and(|message| message.parts.iter().any(|part| matches!(part, Part::ToolCall(_))));
    if calls && !any_thought {
        request.reasoning = None;
    }
}
