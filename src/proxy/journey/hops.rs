//! From one model to the next: who takes over where a group has nobody left, and what the client is told if nobody does.

use super::Journey;
use super::shortage::Shortage;
use crate::error::{Error, Kind};
use crate::proxy::context::Context;
use crate::proxy::course;
use crate::proxy::gateway::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::{purse, reserve, unanswered};
use crate::router::NoneLeft;
use crate::router::fallback::{Fallback, FallbackLists};

impl Journey {
    pub(super) fn has_fallback(&self, ctx: &Context) -> bool {
        self.walk.has_fallback(&ctx.snapshot.router, self.lists(&ctx.snapshot))
    }

    pub(super) fn lists<'a>(&'a self, snapshot: &'a Snapshot) -> &'a FallbackLists {
        self.own_lists.as_deref().unwrap_or_else(|| snapshot.router.fallbacks())
    }

    /// Leaves a group that has nobody left; `shortage` is who had no money there.
    ///
    /// # Errors
    /// There is no other: what the client is told.
    pub(super) fn leave(
        &mut self,
        ctx: &mut Context,
        shared: &Shared,
        none_left: NoneLeft,
        shortage: Shortage,
    ) -> Result<(), Error> {
        if self.last_failure.is_none() {
            let error = match none_left {
                _ if shortage.is_unsure() => reserve::unknown_budget(),
                NoneLeft::OverBudget => {
                    let outlook = self.course.needs.outlook.as_ref();
                    purse::crossed(ctx, self.walk.model(), outlook, shared.clock.now())
                }
                other => unanswered::none_left(ctx, self.walk.model(), other),
            };
            self.last_failure = Some(Box::new(error.into()));
        }
        self.hop(ctx, shared)
    }

    /// To the next model.
    ///
    /// # Errors
    /// There is none: what the client is told.
    pub(super) fn hop(&mut self, ctx: &mut Context, shared: &Shared) -> Result<(), Error> {
        let snapshot = std::sync::Arc::clone(&ctx.snapshot);
        let kind = self.last_failure.as_ref().map_or(Kind::ServiceUnavailable, |failed| failed.error.kind);
        let lists = self.own_lists.as_deref().unwrap_or_else(|| snapshot.router.fallbacks());
        let (session, last_failure) = (self.session.as_deref(), &mut self.last_failure);
        let first_failure = &mut self.first_failure;
        let enter = |fallback: &Fallback| match course::course(ctx, fallback, session)
            .and_then(|found| reserve::repriced(ctx, found.1.task.as_deref(), &fallback.model, shared).map(|()| found))
        {
            Ok(found) => Some(found),
            Err(error) => {
                // Why the first model did not answer is what the client is told.
                *first_failure = first_failure.take().or_else(|| last_failure.take());
                *last_failure = Some(Box::new(error.into()));
                None
            }
        };
        let Some(course) = self.walk.hop(&snapshot.router, lists, kind, enter) else {
            return Err(self.verdict(ctx));
        };
        tracing::debug!(call_id = %ctx.call_id, to = self.walk.model(), "falls back");
        shared.metrics.fallbacks.inc();
        let failed = self.last_failure.take();
        self.first_failure = self.first_failure.take().or(failed);
        ctx.outcome.hops += 1;
        ctx.outcome.answers_as = Some(self.walk.model().to_owned());
        self.course = course;
        Ok(())
    }

    /// What the client is told when none is left: the first group's failure, and that nobody took over.
    fn verdict(&mut self, ctx: &mut Context) -> Error {
        let last = self.last_failure.take();
        let (failed, last) = match self.first_failure.take() {
            Some(first) => (Some(first), last),
            None => (last, None),
        };
        let Some(failed) = failed else { return unanswered::unknown_deployment() };
        ctx.outcome.refusal = failed.header;
        unanswered::none_took_over(ctx, failed.error, last.map(|last| last.error))
    }
}
