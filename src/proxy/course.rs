//! One model on a request's way, and who says which model comes next: the configuration, the key, or the request itself.

use super::context::{Context, Task};
use super::needs::needs;
use super::{reserve, unanswered};
use crate::error::{Error, Kind};
use crate::router::fallback::{Fallback, FallbackLists, Said};
use crate::router::needs::Needs;
use crate::router::pattern::Captures;
use crate::router::plan::GroupIx;
use crate::wire::openai::request::Request;
use crate::wire::splice::merged;

/// One model on the way.
pub struct Course {
    /// What the wildcards of the group's name stand for.
    pub captures: Captures,
    /// What the request needs of its deployments.
    pub needs: Needs,
    /// The client's request with the parameters that the fallback brings; `None`: as the client sent it.
    pub task: Option<Box<Task>>,
}

/// The way to a fallback, and the group that serves it.
///
/// # Errors
/// No group serves it, or its parameters make no request.
pub fn course(ctx: &Context, fallback: &Fallback, session: Option<&str>) -> Result<(GroupIx, Course), Error> {
    let model = &fallback.model;
    let resolved = ctx.snapshot.router.resolve(model, fastrand::u64(..));
    let resolved = resolved.ok_or_else(|| unanswered::unknown_model(ctx, model, Kind::UnknownModel))?;
    let task = match &ctx.task {
        Some(task) if !fallback.params.is_empty() => {
            let no_object = || Error::new(Kind::Internal, "Internal error.").detail("the parameters cannot be merged");
            let body = merged(task.request.body().clone(), &fallback.params).ok_or_else(no_object)?;
            let (forwarded, wants_events) = (task.forwarded.clone(), task.wants_events);
            let mut request = Request::parse(body)?;
            // Whether the client gets a stream is not the fallback's to say.
            request.stream = task.request.stream;
            Some(Box::new(Task::new(task.operation, request, forwarded, wants_events)))
        }
        _ => None,
    };
    let needs = needs(session, ctx, task.as_deref(), model, resolved.group);
    Ok((resolved.group, Course { captures: resolved.captures, needs, task }))
}

/// The lists of the request itself, of its key, or none where it wants no fallbacks; `None`: the configured ones.
///
/// # Errors
/// The client's lists are none, or name what its key may not call.
pub fn own_lists(ctx: &Context) -> Result<Option<Box<FallbackLists>>, Error> {
    let Some(task) = &ctx.task else { return Ok(None) };
    let control = &task.request.control;
    if control.disable_fallbacks {
        return Ok(Some(Box::new(FallbackLists { max: 0, ..FallbackLists::default() })));
    }
    let seat = ctx.caller.as_ref().and_then(|caller| caller.seat.as_deref());
    let configured = ctx.snapshot.router.fallbacks();
    let keys_own = seat.and_then(|seat| seat.fallbacks.as_deref()).map(|own| Box::new(own.over(configured)));
    let said = Said {
        general: control.fallbacks.as_deref(),
        context_window: control.context_window_fallbacks.as_deref(),
        content_policy: control.content_policy_fallbacks.as_deref(),
    };
    if said.is_empty() {
        return Ok(keys_own);
    }
    let configured = keys_own.as_deref().unwrap_or(configured);
    let lists = said.over(configured).map_err(|param| {
        Error::new(Kind::InvalidParameter, format!("Invalid parameter: '{param}' must be a list of models."))
            .param(param)
    })?;
    for model in lists.models_beside(configured) {
        seat.map_or(Ok(()), |seat| reserve::may_call(seat, model, &ctx.snapshot))?;
        reserve::customer_may_call(&ctx.attribution, model, &ctx.snapshot)?;
    }
    Ok(Some(Box::new(lists)))
}
