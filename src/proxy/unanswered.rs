//! What a client is told when no deployment answers, in LiteLLM's words.

use std::time::Duration;

use super::context::Context;
use crate::error::{Compat, Error, Kind};
use crate::router::NoneLeft;

/// A client that comes too early is told at least this.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// And at most this: who is sent away for longer may as well not come back.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Nobody of the group could be chosen.
pub fn none_left(ctx: &Context, model: &str, none_left: NoneLeft) -> Error {
    match none_left {
        NoneLeft::AllInCooldown(remaining) => {
            let seconds = remaining.as_secs_f64().ceil().max(1.0);
            let text = format!(
                "No deployments available for selected model, Try again in {seconds} seconds. Passed model={model}. All deployments are in cooldown."
            );
            Error::new(Kind::AllInCooldown, text).retry_after(Some(Duration::from_secs_f64(seconds)))
        }
        NoneLeft::OverLimits(rest) => {
            let text = format!(
                "litellm.RateLimitError: No deployments available for selected model. Passed model={model}. Each has used up its tpm or rpm for this minute."
            );
            let pause = Duration::from_secs(rest.as_secs_f64().ceil().max(1.0) as u64);
            Error::new(Kind::RateLimited, text).retry_after(Some(pause))
        }
        NoneLeft::PromptTooLong { max_input_tokens, prompt_tokens } => {
            let text = format!(
                "litellm.ContextWindowExceededError: litellm.BadRequestError: litellm._pre_call_checks: Context Window exceeded for given call. No models have context window large enough for this call.\nModel={model}, Max Input Tokens={max_input_tokens}, Got={prompt_tokens}"
            );
            Error::new(Kind::ContextWindow, text)
        }
        NoneLeft::NotByTags => {
            let tags: Vec<String> = ctx.attribution.tags.iter().map(|tag| format!("'{tag}'")).collect();
            let tags = tags.join(", ");
            let text = format!(
                "Not allowed to access model due to tags configuration. Passed model={model} and tags=[{tags}]"
            );
            Error::new(Kind::TagsNotAllowed, text)
        }
        NoneLeft::NotInRegion => {
            let region = ctx.attribution.region.as_deref().unwrap_or_default();
            let text = format!(
                "No deployments available for selected model in the region that is allowed. Passed model={model}, \
                 allowed_model_region={region}"
            );
            Error::new(Kind::BadRequest, text)
        }
        NoneLeft::AllBusy => busy(ctx, SHORTEST_PAUSE),
        NoneLeft::NoFurtherOrder | NoneLeft::OverBudget => unknown_deployment(),
    }
}

/// The first model's failure, with what became of those that were to take over.
pub fn none_took_over(ctx: &Context, mut first: Error, last: Option<Error>) -> Error {
    let compat = ctx.snapshot.settings.compat;
    let group = ctx.outcome.group.map_or("None", |group| ctx.snapshot.group_name(group));
    match last {
        Some(last) => first.message.push_str(&fallbacks_failed(compat, group, &last.message)),
        // LiteLLM says so itself only where a deployment had been chosen.
        None if ctx.outcome.misses.is_empty() && first.kind != Kind::ContextWindow => {}
        None => first.message.push_str(&no_fallback(compat, group)),
    }
    first
}

/// What LiteLLM adds where the fallbacks failed too.
fn fallbacks_failed(compat: Compat, group: &str, last: &str) -> String {
    match compat {
        Compat::V1_80 => format!(". Received Model Group={group}\nError doing the fallback: {last}"),
        Compat::V1_106 => format!(
            "\n\nLiteLLM: model group '{group}' failed with the error above and its fallbacks failed too, the last one with: {last}"
        ),
    }
}

/// Every deployment has as many requests as it may have, and the queue is no place to wait in either.
pub fn busy(ctx: &Context, pause: Duration) -> Error {
    let seconds = pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE).as_secs_f64().ceil();
    let model = ctx.task.as_ref().and_then(|task| task.request.model.as_deref()).unwrap_or("None");
    let text = format!(
        "No deployments available for selected model, Try again in {seconds} seconds. Passed model={model}. All deployments are at their limit of parallel requests."
    );
    Error::new(Kind::Overloaded, text).retry_after(Some(Duration::from_secs_f64(seconds)))
}

/// What LiteLLM adds to the last failure where no other group is configured to take over.
fn no_fallback(compat: Compat, group: &str) -> String {
    match compat {
        Compat::V1_80 => format!("No fallback model group found for original model_group={group}."),
        Compat::V1_106 => format!(
            "\n\nLiteLLM: model group '{group}' failed with the error above and no fallback model group was found for it, so the request was not retried on another model."
        ),
    }
}

/// No group serves the name.
pub fn unknown_model(ctx: &Context, model: &str, kind: Kind) -> Error {
    let why = format!(
        "litellm.BadRequestError: You passed in model={model}. There are no healthy deployments for this model"
    );
    Error::new(kind, why + &no_fallback(ctx.snapshot.settings.compat, model))
}

/// The router chose what is not there: a mistake of ours.
pub fn unknown_deployment() -> Error {
    Error::new(Kind::Internal, "The model group has no deployment.")
}
