//! From choice to choice until somebody has answered: in the order of `journey`, `dispatch` and `hedge`.

use std::sync::Arc;
use std::time::Duration;

use super::books::{Fortune, Seen, UnderWay};
use super::provider::{Break, Fate};
use super::world::{Event, PROMPT, Request, Stage, World};
use crate::clock::Instant;
use crate::error::Kind;
use crate::limiter::Reservation;
use crate::router::plan::DeploymentIx;
use crate::router::queue::Ticket;
use crate::router::race::{Raced, Verdict};
use crate::router::relay::ANSWERS_MAX;
use crate::router::retry::Next;
use crate::router::state::InFlight;
use crate::router::walk::Missed;
use crate::router::{NoneLeft, Phase, Pick, Running, Taken};

/// Between two looks of one that waits.
const LOOK: Duration = Duration::from_millis(250);
/// The longest wait for a place.
const WAIT: Duration = Duration::from_secs(5);
/// The longest wait for an answer where nobody else could give one.
const PATIENCE: Duration = Duration::from_secs(60);

/// An attempt on its way.
pub(super) struct Flight {
    /// Its number in the books.
    pub(super) answer: usize,
    pub(super) deployment: DeploymentIx,
    pub(super) in_flight: Option<InFlight>,
    pub(super) taken: Option<Taken>,
    pub(super) probe: Option<UnderWay>,
    pub(super) running: Option<Running>,
    pub(super) begin: Instant,
    /// When its result comes.
    pub(super) due: Instant,
    pub(super) result: Result<(Duration, Option<Break>), Missed>,
    /// The delivered words were put before it.
    pub(super) is_prefilled: bool,
    /// Words that it has said.
    pub(super) said: usize,
}

impl World {
    /// The next deployment, and if there is none, the next model.
    pub(super) fn go(&mut self, q: &mut Request) {
        let router = Arc::clone(&self.setup.router);
        q.stage = Stage::Asking;
        loop {
            let waits = !q.walk.has_fallback(&router, router.fallbacks());
            match self.pick(q) {
                Err(NoneLeft::AllBusy) if waits => return self.waits(q),
                Ok(pick) if self.takes(q, &pick) => return self.send(q, pick),
                Ok(pick) => {
                    self.not_asked(pick);
                }
                Err(_) => q.last_failure = q.last_failure.or(Some(Kind::AllInCooldown)),
            }
            if !self.hop(q) {
                return self.gives_up(q);
            }
        }
    }

    /// The account has no retry left for the chosen deployment.
    fn not_asked(&mut self, pick: Pick) {
        let deployment = pick.deployment;
        self.setup.router.not_asked(pick);
        self.books.not_asked(&self.setup, deployment, self.now);
        self.books.saw(Seen::RetryRefused);
    }

    fn phases(&self) -> Vec<Phase> {
        let phase = |index| self.setup.router.state(DeploymentIx(index as u32)).unwrap().phase(self.now);
        (0..self.setup.deployments.len()).map(phase).collect()
    }

    fn pick(&mut self, q: &Request) -> Result<Pick, NoneLeft> {
        let before = self.phases();
        let input = q.walk.input(self.now, self.random.u64(..), &q.needs);
        let picked = self.setup.router.pick(q.walk.group(), input)?;
        self.books.picked(&self.setup, picked.deployment, before[picked.deployment.0 as usize], self.now);
        if !q.delivered.is_empty() {
            assert!(q.broken.is_some(), "a client that has words is not asked for again, but where they break off");
            assert!(!q.tried.contains(&picked.deployment), "a stream goes on where it was tried before");
        }
        Ok(picked)
    }

    fn takes(&mut self, q: &mut Request, pick: &Pick) -> bool {
        let router = &self.setup.router;
        let (is_retry, is_failing) = (q.attempts > 0, router.state(pick.deployment).unwrap().is_failing());
        if !q.walk.takes(router, pick, is_retry) {
            return false;
        }
        if is_retry {
            self.books.saw(Seen::Retried);
        }
        if is_retry && is_failing {
            q.charged += 1;
            self.books.charged(q.group);
        }
        if q.broken.is_none() {
            // Of each order anew; one that is not available at first may be asked for the rest of another's.
            let levels = self.setup.groups[q.walk.group().0 as usize].levels;
            let attempts = q.in_group.entry(q.walk.group()).or_default();
            *attempts += 1;
            assert!(*attempts <= levels * (self.setup.num_retries + 1), "more attempts than `num_retries` allows");
        }
        true
    }

    fn hop(&mut self, q: &mut Request) -> bool {
        let router = Arc::clone(&self.setup.router);
        let (lists, from) = (router.fallbacks(), q.walk.model().to_owned());
        let kind = q.last_failure.unwrap_or(Kind::ServiceUnavailable);
        let enter = |to: &crate::router::fallback::Fallback| Some((router.resolve(&to.model, 0)?.group, ()));
        if q.walk.hop(&router, lists, kind, enter).is_none() {
            return false;
        }
        let to = q.walk.model().to_owned();
        assert!(!q.models.contains(&to), "{to} is asked twice");
        if kind == Kind::ContentPolicy {
            let listed = lists.content_policy.get(&from).is_some_and(|list| list.iter().any(|next| next.model == to));
            assert!(listed, "a refusal of {from} goes to {to}");
        }
        q.models.push(to);
        assert!(q.models.len() as u32 <= lists.max + 1, "more hops than `max_fallbacks`");
        q.last_failure = None;
        self.books.saw(Seen::Hopped);
        true
    }

    fn send(&mut self, q: &mut Request, pick: Pick) {
        let is_prefilled = q.broken.is_some()
            && self.setup.deployments[pick.deployment.0 as usize].prefills
            && !q.delivered.trim_end().is_empty();
        if q.broken.is_some() {
            assert!(q.relay.asks(), "it was said that there is one more");
        }
        let mut flight = self.fly(q, pick.deployment, Some(pick.in_flight), pick.taken, is_prefilled);
        flight.probe = pick.probe.map(|probe| self.books.probes(pick.deployment, probe));
        let router = &self.setup.router;
        if q.needs.stream
            && flight.probe.is_none()
            && q.broken.is_none()
            && router.hedges(q.walk.group()).is_some()
            && let Some(usual) = router.usual_first_token(flight.deployment)
        {
            self.at(usual, Event::Late(q.number, flight.answer));
        }
        q.first = Some(flight);
    }

    /// One request to a provider, with what will become of it.
    pub(super) fn fly(
        &mut self,
        q: &mut Request,
        deployment: DeploymentIx,
        in_flight: Option<InFlight>,
        taken: Option<Taken>,
        is_prefilled: bool,
    ) -> Flight {
        q.attempts += 1;
        q.again += u32::from(q.broken.is_some());
        assert!(q.again <= ANSWERS_MAX, "more answers in the place of a broken one than there may be");
        self.bound(q);
        let router = &self.setup.router;
        let leads_on = q.walk.leads_on(router, router.fallbacks(), deployment, self.now, &q.needs);
        let limit =
            if q.needs.stream && leads_on { router.first_token_limit(deployment, false, 100) } else { PATIENCE };
        let missed = |kind, retry_after| Missed { deployment, kind, retry_after, max_retries: None };
        let late = (limit, Err(missed(Kind::Timeout, None)));
        let (after, result) = match self.health[deployment.0 as usize].fate(&mut self.random, q.broken.is_some()) {
            Fate::Silence => late,
            Fate::Fails { after, kind, retry_after } => (after, Err(missed(kind, retry_after))),
            Fate::Answers { first, .. } if first > limit => late,
            Fate::Answers { first, gap, breaks } => (first, Ok((gap, breaks))),
        };
        let answer = self.books.ask(q.key);
        self.at(after, Event::Result(q.number, answer));
        let (begin, due) = (self.now, self.now + after);
        let probe = None;
        Flight { answer, deployment, in_flight, taken, probe, running: None, begin, due, result, is_prefilled, said: 0 }
    }

    /// No request makes more attempts than all limits together allow.
    fn bound(&self, q: &Request) {
        let levels: u32 = q
            .models
            .iter()
            .map(|model| {
                let group = self.setup.router.resolve(model, 0).unwrap().group;
                self.setup.groups[group.0 as usize].levels
            })
            .sum();
        // Each with a second one beside it, and those in the place of broken ones.
        let most = levels * (self.setup.num_retries + 1) * 2 + ANSWERS_MAX;
        assert!(q.attempts <= most, "{} attempts", q.attempts);
    }

    /// An attempt has an answer, or has failed.
    pub(super) fn result(&mut self, q: &mut Request, answer: usize) {
        if q.stage != Stage::Asking {
            return;
        }
        let is = |flight: &Option<Flight>| flight.as_ref().is_some_and(|flight| flight.answer == answer);
        if !is(&q.first) && !is(&q.second) {
            return;
        }
        let is_second = is(&q.second);
        let flight = if is_second { &q.second } else { &q.first };
        let failed = flight.as_ref().and_then(|flight| flight.result.err());
        if q.broken.is_some() {
            return self.asked_again(q, failed);
        }
        let raced = match (is_second, failed) {
            (false, None) => match q.second.take() {
                Some(second) => Raced::First((), second, q.second_failed.take()),
                None => Raced::Alone(Ok(())),
            },
            (false, Some(failed)) => match (q.second.is_some(), q.second_failed.take()) {
                (false, _) => Raced::Alone(Err(failed)),
                (true, Some(last)) => Raced::Neither(failed, q.second.take().unwrap(), last),
                (true, None) => return q.first_failed = Some(failed),
            },
            (true, None) => Raced::Second((), q.second.take().unwrap(), q.first_failed.take()),
            (true, Some(failed)) => match q.first_failed.take() {
                Some(first) => Raced::Neither(first, q.second.take().unwrap(), failed),
                None => return q.second_failed = Some(failed),
            },
        };
        if matches!(raced, Raced::Second(..)) {
            self.books.saw(Seen::SecondWon);
        }
        let first = q.first.take().unwrap();
        self.ends(q, raced.verdict(first));
    }

    fn ends(&mut self, q: &mut Request, verdict: Verdict<(), Missed, Flight>) {
        let Verdict { leg, result, failed, cancelled, is_double } = verdict;
        let known = usize::from(failed.is_some()) + usize::from(cancelled.is_some());
        assert_eq!(known, usize::from(is_double), "what became of the other one?");
        if let Some((flight, missed)) = failed {
            if result.is_err() {
                self.books.saw(Seen::BothFailed);
            }
            self.failed(q, flight, missed);
        }
        if let Some(cancelled) = cancelled {
            assert!(cancelled.due >= self.now, "one is cancelled that has ended");
            self.books.saw(Seen::Cancelled);
            self.books.became(cancelled.answer, Fortune::Cancelled);
            self.bill_part(q, cancelled.answer, PROMPT);
        }
        match result {
            Ok(()) => self.commits(q, leg),
            Err(missed) => match self.failed(q, leg, missed) {
                Next::After(pause) if pause < PATIENCE => {
                    q.stage = Stage::Pausing;
                    self.at(pause, Event::PauseIsOver(q.number));
                }
                Next::After(_) => {
                    q.walk.leave_order();
                    self.go(q);
                }
                Next::Now | Next::GiveUp => self.go(q),
            },
        }
    }

    pub(super) fn bill_part(&mut self, q: &mut Request, answer: usize, cost: i64) {
        self.books.billed(answer, cost);
        q.reservation.as_mut().unwrap().spend(1, cost);
    }

    pub(super) fn failed(&mut self, q: &mut Request, mut flight: Flight, missed: Missed) -> Next {
        let (router, now) = (Arc::clone(&self.setup.router), self.now);
        self.books.became(flight.answer, Fortune::Failed);
        if router.on_failure(q.walk.group(), missed.deployment, now, missed.kind, missed.retry_after).is_some() {
            self.books.saw(Seen::Opened);
        }
        self.books.told(&self.setup, missed.deployment, now);
        if missed.kind == Kind::Connection {
            self.books.unsent(missed.deployment, flight.begin);
            flight.taken.take().into_iter().for_each(Taken::unsent);
        }
        flight.in_flight.take().into_iter().for_each(|in_flight| in_flight.fail(now, missed.kind));
        q.tried.push(missed.deployment);
        q.last_failure = Some(missed.kind);
        q.walk.failed(&router, router.fallbacks(), &missed, now, self.random.u64(..), &q.needs)
    }

    /// The attempt takes longer than usual.
    pub(super) fn late(&mut self, q: &mut Request, answer: usize) {
        let Some(first) = q.first.as_ref().filter(|first| first.answer == answer && q.stage == Stage::Asking) else {
            return;
        };
        if q.second.is_some() || q.first_failed.is_some() {
            return;
        }
        let (before, random, router) = (self.phases(), self.random.u64(..), &self.setup.router);
        let reservation = &mut q.reservation;
        let is_affordable = |_: &crate::router::Pick| reservation.as_mut().is_some_and(Reservation::extend);
        let Some(pick) = q.walk.beside(router, first.deployment, self.now, random, &q.needs, is_affordable) else {
            return;
        };
        assert_ne!(pick.deployment, first.deployment, "the same is asked twice at once");
        self.books.hedged(&self.setup, q.walk.group());
        self.books.picked(&self.setup, pick.deployment, before[pick.deployment.0 as usize], self.now);
        let mut second = self.fly(q, pick.deployment, Some(pick.in_flight), pick.taken, false);
        second.probe = pick.probe.map(|probe| self.books.probes(pick.deployment, probe));
        q.second = Some(second);
    }

    /// Every place is taken.
    fn waits(&mut self, q: &mut Request) {
        let group = q.walk.group().0 as usize;
        let Some((ticket, last)) = self.rooms[group].enter(q.claim, q.number) else {
            self.books.saw(Seen::TurnedAway);
            return self.gives_up(q);
        };
        self.books.saw(Seen::Waited);
        q.stage = Stage::Waiting(ticket);
        self.at(WAIT, Event::WaitIsOver(q.number));
        self.at(LOOK, Event::Looks(q.number));
        if let Some(last) = last {
            self.displaced(last);
        }
    }

    /// It is called, or looks; whether it goes on. Its place in the queue stays where it is if it does not.
    pub(super) fn called(&mut self, q: &mut Request, ticket: Ticket) -> bool {
        assert_eq!(q.stage, Stage::Waiting(ticket), "one is called that does not wait");
        let group = q.walk.group();
        match self.pick(q) {
            Err(NoneLeft::AllBusy) => {
                self.rooms[group.0 as usize].queue.put_back(ticket, q.number);
                false
            }
            picked => {
                q.stage = Stage::Asking;
                match picked {
                    Ok(pick) if self.takes(q, &pick) => self.send(q, pick),
                    Ok(pick) => {
                        self.not_asked(pick);
                        self.gives_up(q);
                    }
                    Err(_) => self.gives_up(q),
                }
                true
            }
        }
    }

    /// Nobody has called it for a while.
    pub(super) fn looks(&mut self, q: &mut Request) {
        if let Stage::Waiting(ticket) = q.stage
            && self.rooms[q.walk.group().0 as usize].queue.leave(ticket).is_some()
            && !self.called(q, ticket)
        {
            self.at(LOOK, Event::Looks(q.number));
        }
    }

    /// It has waited as long as it may.
    pub(super) fn turned_away(&mut self, q: &mut Request) {
        if let Stage::Waiting(_) = q.stage {
            self.leave_room(q);
            self.books.saw(Seen::TurnedAway);
            self.gives_up(q);
        }
    }
}
