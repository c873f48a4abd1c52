//! How much Claude is to think: by a budget of tokens up to 4.5, by an effort from 4.6 on, only by an effort from 4.7 on
//! (<https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking>, `…/extended-thinking`, `…/effort`).

use crate::wire::anthropic::models::Model;
use crate::wire::anthropic::types::ThinkingConfig;
use crate::wire::model::{ChatRequest, Effort, Family, Message, Part, Reasoning, Role};

/// What Anthropic wants said and an OpenAI client need not say. LiteLLM's number.
const DEFAULT_MAX_TOKENS: u64 = 4096;
/// The least budget that Anthropic takes.
const LEAST_BUDGET: u64 = 1024;
/// The least `top_p` that goes with thinking.
const LEAST_TOP_P: f64 = 0.95;

/// The members that hang together.
#[derive(Debug)]
pub struct Plan {
    pub thinking: Option<ThinkingConfig<'static>>,
    /// `output_config.effort`
    pub effort: Option<&'static str>,
    pub max_tokens: u64,
}

impl Plan {
    /// Decides. `mend`: leave out a thinking that Anthropic would refuse for what the conversation lacks.
    pub fn of(request: &ChatRequest, model: Model, mend: bool) -> Self {
        let said = request.sampling.max_tokens;
        let mut plan = Plan { thinking: None, effort: None, max_tokens: said.unwrap_or(DEFAULT_MAX_TOKENS) };
        let Some(reasoning) = request.reasoning.as_ref().filter(|_| model.thinks()) else { return plan };
        if is_off(reasoning) {
            plan.thinking = disabled(reasoning, model);
            return plan;
        }
        let explicit = reasoning.budget_tokens.filter(|budget| *budget > 0);
        if model.is_adaptive() && (explicit.is_none() || model.is_adaptive_only()) {
            plan.effort = reasoning.effort.or(explicit.map(Effort::of_budget)).map(|effort| word(effort, model));
            // Anthropic's own clients may set the effort of the answer without asking for thoughts.
            let only_effort = request.family == Some(Family::Anthropic) && !reasoning.adaptive && explicit.is_none();
            if !only_effort {
                plan.thinking = Some(config("adaptive", None, reasoning, model));
            }
            return plan;
        }
        if model.is_adaptive() {
            plan.effort = reasoning.effort.map(|effort| word(effort, model));
        }
        if mend && lacks_thoughts(&request.messages) {
            return plan;
        }
        let budget = explicit.or(reasoning.effort().map(Effort::budget_tokens)).unwrap_or_default();
        let budget = u64::try_from(budget).unwrap_or_default().max(LEAST_BUDGET);
        match said {
            None => plan.max_tokens = DEFAULT_MAX_TOKENS.saturating_add(budget),
            // There must be room for an answer, so thoughts without any are left out.
            Some(limit) if limit <= LEAST_BUDGET => return plan,
            Some(_) => {}
        }
        let budget = budget.min(plan.max_tokens - 1);
        plan.thinking = Some(config("enabled", i64::try_from(budget).ok(), reasoning, model));
        plan
    }

    /// Whether the model is asked to think.
    pub fn thinks(&self) -> bool {
        self.thinking.as_ref().is_some_and(|thinking| thinking.kind != "disabled")
    }

    /// Whether a sampling parameter may stand beside the thinking: temperature only as 1, `top_p` only near 1, `top_k`
    /// never.
    pub fn allows_temperature(&self, temperature: f64) -> bool {
        !self.thinks() || (temperature - 1.0).abs() < f64::EPSILON
    }

    pub fn allows_top_p(&self, top_p: f64) -> bool {
        !self.thinks() || top_p >= LEAST_TOP_P
    }
}

fn is_off(reasoning: &Reasoning) -> bool {
    reasoning.off || reasoning.effort == Some(Effort::None) || reasoning.budget_tokens == Some(0)
}

/// Silence is off, but for models that think by themselves; and who said "disabled" in so many words is heard.
fn disabled(reasoning: &Reasoning, model: Model) -> Option<ThinkingConfig<'static>> {
    let in_so_many_words = reasoning.off && reasoning.effort.is_none() && !model.always_thinks();
    let needed = in_so_many_words || model.must_be_told_not_to_think();
    needed.then(|| ThinkingConfig { kind: "disabled".into(), budget_tokens: None, display: None })
}

fn config(
    kind: &'static str,
    budget_tokens: Option<i64>,
    reasoning: &Reasoning,
    model: Model,
) -> ThinkingConfig<'static> {
    let shown = reasoning.include.or(reasoning.summary.as_ref().map(|_| true));
    let display = shown.filter(|_| model.is_adaptive()).map(|shown| if shown { "summarized" } else { "omitted" });
    ThinkingConfig { kind: kind.into(), budget_tokens, display: display.map(Into::into) }
}

fn word(effort: Effort, model: Model) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal => Effort::Low.word(),
        Effort::XHigh if !model.knows_xhigh() => Effort::High.word(),
        effort => effort.word(),
    }
}

/// With a budget, a turn that called tools must be handed back with its thoughts. Clients that do not keep them would be
/// refused.
fn lacks_thoughts(messages: &[Message]) -> bool {
    let assistant = || messages.iter().rev().filter(|message| message.role == Role::Assistant);
    let has = |message: &Message, wanted: fn(&Part) -> bool| message.parts.iter().any(wanted);
    let thinks = |message: &Message| has(message, |part| matches!(part, Part::Thinking(_)));
    let calls = |message: &&Message| has(message, |part| matches!(part, Part::ToolCall(_)));
    assistant().find(calls).is_some_and(|message| !thinks(message)) && !assistant().any(thinks)
}
