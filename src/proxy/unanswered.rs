//! What a client is told when no deployment answers, in LiteLLM's words.

use std::time::Duration;

use super::context::Context;
use crate::error::{Compat, Error, Kind};
use crate::router::NoneLeft;

/// No deployment is left to ask: the last one's failure, or that all are in cooldown.
pub fn exhausted(last: Option<Error>, none_left: NoneLeft, ctx: &Context) -> Error {
    match (last, none_left) {
        (Some(mut error), _) => {
            let group = ctx.outcome.group.map_or("None", |group| ctx.snapshot.group_name(group));
            error.message.push_str(&no_fallback(ctx.snapshot.settings.compat, group));
            error
        }
        (None, NoneLeft::AllInCooldown(remaining)) => {
            let seconds = remaining.as_secs_f64().ceil().max(1.0);
            let model = ctx.task.as_ref().and_then(|task| task.request.model.as_deref()).unwrap_or("None");
            let text = format!(
                "No deployments available for selected model, Try again in {seconds} seconds. Passed model={model}. All deployments are in cooldown."
            );
            Error::new(Kind::AllInCooldown, text).retry_after(Some(Duration::from_secs_f64(seconds)))
        }
        (None, NoneLeft::NoFurtherOrder) => unknown_deployment(),
    }
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
