//! Phase 6, always and exactly once: what became of the request goes into metrics and the access line.

use std::time::{Duration, SystemTime};

use pingora_proxy::Session;

use super::context::Context;
use super::gateway::Shared;
use super::reserve;
use crate::error::Kind;
use crate::telemetry::access_line::Record;
use crate::telemetry::metrics::{HandleKey, HandleLabels, Measured};

/// Counts the request and hands its line to the writer.
pub fn settle(session: &Session, ctx: &mut Context, shared: &Shared) {
    ctx.outcome.in_flight = None;
    reserve::settle(ctx, shared);
    let total = ctx.started.elapsed();
    count(ctx, shared, total);
    if ctx.snapshot.settings.access_log {
        shared.access_log.push(line(session, ctx, total));
    }
}

fn count(ctx: &Context, shared: &Shared, total: Duration) {
    let outcome = &ctx.outcome;
    let usage = outcome.usage.as_ref();
    let measured = Measured {
        prompt_tokens: usage.map_or(0, |usage| usage.prompt_tokens),
        completion_tokens: usage.map_or(0, |usage| usage.completion_tokens),
        total,
        upstream: outcome.upstream_time,
        first_token: outcome.first_token,
    };
    let digest = ctx.caller.as_ref().and_then(|caller| caller.key_digest);
    let key = HandleKey {
        deployment: outcome.deployment.map_or(u32::MAX, |index| index as u32),
        group: outcome.group.unwrap_or(u32::MAX),
        key: digest.map_or(0, |digest| digest.number()),
        route: ctx.route,
        status: status(ctx),
        exception: exception(ctx),
    };
    let hashed = || digest.map_or_else(|| "None".to_owned(), |digest| digest.to_string());
    let mut text = String::new();
    let handles = shared.metrics.handles(key, || {
        text = hashed();
        let target = outcome.deployment.and_then(|index| ctx.snapshot.targets.get(index));
        HandleLabels {
            hashed_api_key: &text,
            requested_model: outcome.group.map_or("unknown", |group| ctx.snapshot.group_name(group)),
            model_id: target.map_or("None", |target| &target.id),
            api_provider: target.map_or("None", |target| target.provider.name),
        }
    });
    handles.observe(&measured);
}

fn line(session: &Session, ctx: &mut Context, total: Duration) -> Record {
    let status = status(ctx);
    let error = exception(ctx);
    let outcome = &ctx.outcome;
    let target = outcome.deployment.and_then(|index| ctx.snapshot.targets.get(index));
    Record {
        at: SystemTime::now(),
        call_id: std::mem::take(&mut ctx.call_id),
        route: ctx.route,
        key_hash: ctx.caller.as_ref().and_then(|caller| caller.key_digest).map(|digest| digest.prefix()),
        model: ctx.task.as_mut().and_then(|task| task.request.model.take()),
        deployment: target.map(|target| target.id.clone()),
        attempts: outcome.attempts,
        status,
        error,
        error_detail: outcome.error.as_ref().and_then(|error| error.detail.clone()),
        prompt_tokens: outcome.usage.map(|usage| usage.prompt_tokens),
        completion_tokens: outcome.usage.map(|usage| usage.completion_tokens),
        first_token: outcome.first_token,
        total,
        bytes_in: session.as_downstream().body_bytes_read(),
        bytes_out: session.as_downstream().body_bytes_sent(),
    }
}

/// What the client got; where it left before it got anything, nginx's number for that.
fn status(ctx: &Context) -> u16 {
    match ctx.outcome.status {
        0 => Kind::ClientGone.row(ctx.snapshot.settings.compat).status,
        status => status,
    }
}

fn exception(ctx: &Context) -> Option<&'static str> {
    let error = ctx.outcome.error.as_ref()?;
    Some(error.kind.row(ctx.snapshot.settings.compat).exception_class)
}
