//! Phase 6, always and exactly once: what became of the request goes into metrics and the access line; where its tokens are
//! still to be counted, when they are.

use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use pingora_proxy::Session;

use super::billing::Bill;
use super::context::Context;
use super::counting::Job;
use super::gateway::Shared;
use super::lines;
use super::reserve;
use super::snapshot::Snapshot;
use super::uncounted::{Uncounted, is_uncounted};
use crate::auth::MASTER_USER;
use crate::error::Kind;
use crate::governance::Caller;
use crate::telemetry::access_line::Record;
use crate::telemetry::metrics::{HandleKey, HandleLabels, Measured};
use crate::wire::usage::Usage;

/// Counts the request and hands its line to the writer.
pub fn settle(session: &Session, ctx: &mut Context, shared: &Arc<Shared>) {
    drop(reserve::settle(session, ctx, shared));
    let now = Instant::now();
    // What is left to be told waits for its tokens.
    let prices = is_uncounted(ctx).then(|| reserve::prices_by_name(ctx)).flatten();
    let bill = Bill::of(session, ctx, now);
    match Uncounted::of(ctx) {
        None => {
            let model = ctx.task.as_mut().and_then(|task| task.request.model.take());
            Ending::of(session, ctx, model, now).close(&ctx.snapshot, shared);
        }
        Some(uncounted) => {
            let ending = Ending::of(session, ctx, uncounted.model(), now);
            let (reservation, outlay) = (ctx.reservation.take(), ctx.outlay.take());
            let (snapshot, shared) = (Arc::clone(&ctx.snapshot), Arc::clone(shared));
            let counting = Arc::clone(&shared);
            counting.counting.push(Job { uncounted, ending, bill, reservation, outlay, prices, snapshot, shared });
        }
    }
    ctx.outcome.in_flight = None;
}

/// What is told of a request when it is over and its tokens are known.
pub struct Ending {
    key: HandleKey,
    caller: Option<Caller>,
    measured: Measured,
    line: Option<Record>,
}

impl Ending {
    /// Of a request that is over now; `model` as the client wrote it.
    fn of(session: &Session, ctx: &mut Context, model: Option<String>, now: Instant) -> Self {
        let outcome = &ctx.outcome;
        let usage = outcome.usage.unwrap_or_default();
        let measured = Measured {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            cost: outcome.cost.map_or(0, |cost| cost.total.pico()).saturating_add(outcome.parts_cost),
            total: now.saturating_duration_since(ctx.started),
            upstream: outcome.upstream_time,
            first_token: outcome.first_token,
        };
        let series = |caller: &Caller| match (&caller.seat, caller.key_digest) {
            (Some(seat), _) => seat.series,
            (None, digest) => digest.map_or(0, |digest| digest.number()),
        };
        let key = HandleKey {
            deployment: outcome.deployment.map_or(u32::MAX, |index| index as u32),
            group: outcome.group.unwrap_or(u32::MAX),
            key: ctx.caller.as_ref().map_or(0, series),
            route: ctx.route,
            status: status(ctx),
            exception: exception(ctx),
        };
        let line = ctx.snapshot.settings.access_log.then(|| line(session, ctx, model, &key, &measured));
        Self { key, caller: ctx.caller.take(), measured, line }
    }

    /// Index of the deployment that answered.
    pub fn deployment(&self) -> Option<usize> {
        (self.key.deployment != u32::MAX).then_some(self.key.deployment as usize)
    }

    /// The tokens, counted afterwards, and what they cost in pico-dollars.
    pub fn tell(&mut self, usage: Usage, cost: i64) {
        self.measured.cost = self.measured.cost.saturating_add(cost);
        (self.measured.prompt_tokens, self.measured.completion_tokens) = (usage.prompt_tokens, usage.completion_tokens);
        if let Some(line) = &mut self.line {
            (line.prompt_tokens, line.completion_tokens) = (Some(usage.prompt_tokens), Some(usage.completion_tokens));
        }
    }

    /// Into metrics and log.
    pub fn close(self, snapshot: &Snapshot, shared: &Shared) {
        let mut text = String::new();
        let handles = shared.metrics.handles(self.key, || {
            let digest = self.caller.as_ref().and_then(|caller| caller.key_digest);
            text = digest.map_or_else(|| "None".to_owned(), |digest| digest.to_string());
            let seat = self.caller.as_ref().and_then(|caller| caller.seat.as_deref());
            let master = self.caller.as_ref().filter(|caller| caller.is_master()).map(|_| MASTER_USER);
            let target = self.deployment().and_then(|index| snapshot.targets.get(index));
            let group = (self.key.group != u32::MAX).then_some(self.key.group);
            HandleLabels {
                hashed_api_key: &text,
                api_key_alias: seat.and_then(|seat| seat.row.key_alias.as_deref()),
                team: seat.and_then(|seat| seat.row.team_id.as_deref()),
                team_alias: seat.and_then(|seat| seat.team_alias.as_deref()),
                user: seat.map_or(master, |seat| seat.row.user_id.as_deref()),
                user_email: seat.and_then(|seat| seat.user_email.as_deref()),
                requested_model: group.map_or("unknown", |group| snapshot.group_name(group)),
                model_id: target.map_or("None", |target| &target.id),
                api_provider: target.map_or("None", |target| target.provider.name),
            }
        });
        handles.observe(&self.measured);
        if let Some(line) = self.line {
            shared.access_log.push(line);
        }
    }
}

fn line(session: &Session, ctx: &mut Context, model: Option<String>, key: &HandleKey, measured: &Measured) -> Record {
    let call_id = std::mem::take(&mut ctx.call_id);
    let outcome = &ctx.outcome;
    let target = outcome.deployment.and_then(|index| ctx.snapshot.targets.get(index));
    Record {
        at: UNIX_EPOCH + Duration::from_millis(ctx.started_ms.cast_unsigned()) + measured.total,
        call_id,
        route: ctx.route,
        key_hash: ctx.caller.as_ref().and_then(|caller| caller.key_digest).map(|digest| digest.prefix()),
        model,
        deployment: target.map(|target| target.id.clone()),
        attempts: outcome.attempts,
        tried: lines::tried(ctx),
        status: key.status,
        error: key.exception,
        error_detail: outcome.error.as_ref().and_then(|error| error.detail.as_deref().map(str::to_owned)),
        prompt_tokens: outcome.usage.map(|usage| usage.prompt_tokens),
        completion_tokens: outcome.usage.map(|usage| usage.completion_tokens),
        first_token: outcome.first_token,
        total: measured.total,
        bytes_in: session.as_downstream().body_bytes_read(),
        bytes_out: session.as_downstream().body_bytes_sent(),
    }
}

/// What the client got; where it left before it got anything, nginx's number for that.
pub(super) fn status(ctx: &Context) -> u16 {
    match ctx.outcome.status {
        0 => Kind::ClientGone.row(ctx.snapshot.settings.compat).status,
        status => status,
    }
}

pub(super) fn exception(ctx: &Context) -> Option<&'static str> {
    let error = ctx.outcome.error.as_ref()?;
    Some(error.kind.row(ctx.snapshot.settings.compat).exception_class)
}
