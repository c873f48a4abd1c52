//! A stream that breaks after its beginning was delivered goes on with another answer, so that its client does not notice.
//!
//! Where the model goes on after words that are put before its answer, it gets the delivered ones and its stream follows
//! them. Where it does not, it answers anew, and is let through from where its words go beyond the delivered ones; if they
//! are other words, the next deployment is asked, and at last the client hears of the break. A tool call in flight is never
//! stitched, nor is what consists of more than one choice, or of parts other than thoughts and words.
//!
//! What the broken answer used is billed on its own; what it said is known, what it counted often is not.

use std::pin::pin;
use std::time::Duration;

use pingora_proxy::Session;

use super::attempt::Answer;
use super::billing;
use super::context::Context;
use super::dispatch::{deadlines, while_connected};
use super::gateway::Shared;
use super::journey::{Journey, Leg};
use super::open::{self, Ask, Continuation, Failed};
use super::stream::StreamFilter;
use super::target::Target;
use super::uncounted;
use crate::config::Rescue as Settings;
use crate::error::{Error, Kind};
use crate::limiter::Reservation;
use crate::providers::Operation;
use crate::router::relay::{self, Broken, Relay};
use crate::wire::codec::{Ids, Origin, Stamp};
use crate::wire::model::{Delta, StreamEvent};
use crate::wire::resume::Joint;
use crate::wire::said::Plain;

/// What is known of one request's stream.
pub struct Rescue {
    settings: Settings,
    /// The configured wait between two pieces.
    patience: Duration,
    /// Whether somebody else could go on, so that a shorter silence counts as a break.
    leads_on: bool,
    relay: Relay,
    /// The model's name that the client has seen, where it is not the one that it asked for.
    model: Option<String>,
    /// The model that the answer which broke last was of, where it is not the one that was asked for.
    broken_as: Option<String>,
    /// Everything that was delivered, once a first answer has broken.
    delivered: Option<Plain>,
    /// Why the first one broke: what the client is told if nothing helps.
    first: Option<Error>,
}

impl Rescue {
    /// Of a stream that begins.
    pub fn new(ctx: &Context) -> Self {
        let settings = &ctx.snapshot.settings;
        Self {
            settings: settings.rescue,
            patience: settings.timeouts.between_bytes,
            leads_on: false,
            relay: Relay::new(settings.rescue.streams && is_chat(ctx)),
            model: ctx.outcome.answers_as.clone(),
            broken_as: None,
            delivered: None,
            first: None,
        }
    }

    /// Decides how long this leg's stream may be silent.
    pub fn watch(&mut self, ctx: &Context, shared: &Shared, journey: &Journey, leg: &Leg, answer: &mut Answer) {
        self.leads_on =
            self.relay.has_more() && self.settings.stall < self.patience && journey.leads_on(ctx, shared, leg);
        answer.wait_between_bytes(if self.leads_on { self.settings.stall } else { self.patience });
    }

    /// After a silence that was shorter than configured: whether to go on waiting, because nobody could take over from
    /// here.
    pub fn waits_longer(&self, answer: &mut Answer, filter: &mut StreamFilter) -> bool {
        if !self.leads_on || answer.between_bytes() != self.settings.stall || self.is_resumable(filter) {
            return false;
        }
        answer.wait_between_bytes(self.patience.saturating_sub(self.settings.stall));
        true
    }

    fn is_resumable(&self, filter: &mut StreamFilter) -> bool {
        filter.can_resume() && !filter.is_finished() && self.so_far(filter).is_some()
    }

    /// What the client has by now. Of a second answer only its words beyond the first are counted.
    fn so_far(&self, filter: &mut StreamFilter) -> Option<Plain> {
        match filter.delivered() {
            Some(text) => Some(Plain { text: text.to_owned(), ..self.delivered.clone()? }),
            None => filter.said().plain(),
        }
    }

    /// Goes on with another deployment's answer: the leg and the answer whose stream the filter reads from now on. The inner
    /// error is what the client is told, the outer one its leaving.
    ///
    /// # Errors
    /// [`Kind::ClientGone`].
    #[expect(clippy::too_many_arguments, reason = "all of a stream's parts change places here")]
    pub async fn go_on(
        &mut self,
        session: &mut Session,
        ctx: &mut Context,
        shared: &Shared,
        journey: &mut Journey,
        leg: &Leg,
        filter: &mut StreamFilter,
        error: Error,
    ) -> Result<Result<(Leg, Answer), Error>, Error> {
        let said = self.so_far(filter).filter(|_| filter.can_resume() && !filter.is_finished());
        let first = self.first.get_or_insert(error.clone()).clone();
        // Where it broke it is not begun again: what broke once may break twice.
        let leads_on = journey.leads_on(ctx, shared, leg);
        let broken = Broken { kind: error.kind, can_resume: said.is_some(), leads_on };
        let is_affordable = || ctx.reservation.as_mut().is_none_or(Reservation::extend);
        if !self.relay.goes_on(&broken, is_affordable) {
            shared.metrics.unrescued.inc();
            return Ok(Err(first));
        }
        journey.broke(ctx, leg, &error);
        self.broken_as.clone_from(&ctx.outcome.answers_as);
        self.relay.broke(leg.deployment);
        self.delivered = said;
        let next = self.next(session, ctx, shared, journey, filter).await;
        if let Ok(Some(next)) = next {
            shared.metrics.rescued.inc();
            return Ok(Ok(next));
        }
        // Nobody took over: what was used is still to be told, and it was used here.
        (ctx.outcome.deployment, ctx.outcome.answers_as) = (Some(leg.index), self.broken_as.take());
        next?;
        shared.metrics.unrescued.inc();
        Ok(Err(first))
    }

    /// The next answer, if anybody gives one.
    async fn next(
        &mut self,
        session: &mut Session,
        ctx: &mut Context,
        shared: &Shared,
        journey: &mut Journey,
        filter: &mut StreamFilter,
    ) -> Result<Option<(Leg, Answer)>, Error> {
        while self.relay.has_more() {
            let mut leg = match journey.leg(session, ctx, shared).await {
                Ok(leg) => leg,
                Err(error) if error.kind == Kind::ClientGone => return Err(error),
                Err(_) => break,
            };
            match self.ask(session, ctx, shared, journey, &leg, filter).await? {
                Ok(answer) => {
                    journey.rescued(ctx, shared, &mut leg);
                    ctx.outlay = leg.outlay.take();
                    return Ok(Some((leg, answer)));
                }
                Err(failed) => {
                    journey.failed(ctx, shared, leg, failed);
                }
            }
        }
        Ok(None)
    }

    /// Asks one deployment, with the delivered words before its answer if it can go on after them, else from the start.
    async fn ask(
        &mut self,
        session: &mut Session,
        ctx: &mut Context,
        shared: &Shared,
        journey: &Journey,
        leg: &Leg,
        filter: &mut StreamFilter,
    ) -> Result<Result<Answer, Failed>, Error> {
        let snapshot = std::sync::Arc::clone(&ctx.snapshot);
        let Some(target) = snapshot.targets.get(leg.index) else {
            return Ok(Err(Error::new(Kind::Internal, "Internal error.").into()));
        };
        let said = self.delivered.clone().unwrap_or_default();
        let has_words = !said.text.trim_end().is_empty();
        if target.prefills && has_words && said.thought.is_none() {
            let continuation = Continuation { said: said.clone(), prefill: true };
            match self.attempt(session, ctx, shared, target, journey, leg, filter, &continuation).await? {
                // It does not know how to go on after all.
                Err(failed) if relay::begins_again(failed.error.kind) && self.relay.has_more() => {}
                done => return Ok(done),
            }
        }
        let continuation = Continuation { said, prefill: false };
        self.attempt(session, ctx, shared, target, journey, leg, filter, &continuation).await
    }

    #[expect(clippy::too_many_arguments, reason = "as above")]
    async fn attempt(
        &mut self,
        session: &mut Session,
        ctx: &mut Context,
        shared: &Shared,
        target: &Target,
        journey: &Journey,
        leg: &Leg,
        filter: &mut StreamFilter,
        continuation: &Continuation,
    ) -> Result<Result<Answer, Failed>, Error> {
        self.relay.asks();
        ctx.outcome.attempts += 1;
        target.metrics.total.inc();
        let settings = &ctx.snapshot.settings;
        let Some(task) = journey.task().or(ctx.task.as_ref()) else {
            return Ok(Err(Error::new(Kind::Internal, "Internal error.").into()));
        };
        let substituted = journey.upstream_model(&target.upstream_model);
        let ask = Ask {
            task,
            target,
            upstream_model: substituted.as_deref().unwrap_or(&target.upstream_model),
            always_usage: settings.always_stream_usage,
            owner: ctx.caller.as_ref().and_then(|caller| caller.key_digest),
            compat: settings.compat,
            deadlines: deadlines(session, ctx, shared, task, target, journey, leg),
            answers_as: journey.answers_as(),
            hold: 0,
            continuation: Some(continuation),
        };
        let opened = while_connected(session, pin!(open::open_again(&ask, shared))).await?;
        let (answer, decoder) = match opened {
            Ok(opened) => opened,
            Err(failed) => {
                target.metrics.failure.inc();
                return Ok(Err(failed));
            }
        };
        target.metrics.success.inc();
        let (client, always_usage) = (task.operation.client_dialect(!task.wants_events), settings.always_stream_usage);
        // Now that the new answer takes its place, the broken one has a line of its own in the books.
        if let Some(broken) = self.relay.taken_over().map(|broken| broken.0 as usize)
            && let Some(usage) = uncounted::of_part(ctx, broken, filter)
        {
            let outlay = ctx.outlay.take();
            let broken = billing::Part { deployment: broken, answers_as: self.broken_as.take(), usage };
            billing::bill_part(session, ctx, shared, broken, outlay);
        }
        let ctx = &*ctx;
        let stamp = || stamp(ctx, target, self.model.clone(), always_usage);
        let encoder = client.map(|client| move || client.encoder(stamp()));
        let Some(encoder) = encoder else { return Ok(Err(Error::new(Kind::Internal, "Internal error.").into())) };
        let text = continuation.said.text.clone();
        filter.resume(decoder, joint(continuation), text, encoder, || written(ctx, &continuation.said));
        Ok(Ok(answer))
    }
}

/// How the new answer joins what was delivered.
fn joint(continuation: &Continuation) -> Joint {
    let text = &continuation.said.text;
    if !continuation.prefill {
        return Joint::BeginsAgain(text.clone());
    }
    let words = text.trim_end();
    let space = text.get(words.len()..).unwrap_or_default().to_owned();
    Joint::GoesOn { space, told: crate::pricing::estimate::estimate_tokens(words.len()) }
}

/// What a client has got by now, as events: for a writer that has not written it itself.
fn written(ctx: &Context, said: &Plain) -> Vec<StreamEvent> {
    let delta = |delta| StreamEvent::Delta { choice: 0, delta };
    let id = ctx.outcome.answer_id.clone();
    let mut events = vec![StreamEvent::Start { id, model: None, created: None, extra: serde_json::Map::new() }];
    events.extend(said.thought.clone().map(|thought| delta(Delta::Thinking(thought))));
    if !said.text.is_empty() {
        events.push(delta(Delta::Text(said.text.clone())));
    }
    events
}

/// The answer keeps the face that the client knows.
fn stamp(ctx: &Context, target: &Target, model: Option<String>, always_usage: bool) -> Stamp {
    let request = ctx.task.as_ref().map(|task| &task.request);
    let asked = request.and_then(|request| request.model.clone());
    Stamp {
        ids: Ids(uuid::Uuid::new_v4().as_u128()),
        created: crate::clock::unix_millis().cast_unsigned() / 1000,
        model: model.or(asked).unwrap_or_else(|| target.model_name.clone()),
        include_usage: request.is_some_and(|request| request.include_usage) || always_usage,
        body: request.map(|request| request.body().clone()).unwrap_or_default(),
        origin: Origin { provider: target.provider.name, model_id: target.id.to_string() },
    }
}

/// Text for people: what can be gone on with.
fn is_chat(ctx: &Context) -> bool {
    let task = ctx.task.as_ref();
    task.is_some_and(|task| {
        let is_chat = matches!(
            task.operation,
            Operation::ChatCompletions | Operation::Messages | Operation::Responses | Operation::StreamGenerateContent
        );
        is_chat && task.request.n <= 1 && !task.request.has("logprobs")
    })
}
