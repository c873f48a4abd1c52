//! From the first useful event to the end, as in `deliver` and `rescue`; and all other ends.

use std::sync::Arc;
use std::time::Duration;

use super::books::{Fortune, Seen};
use super::legs::Flight;
use super::provider::{pieces, words};
use super::world::{Event, PROMPT, Request, Stage, WORD, World};
use crate::error::Kind;
use crate::limiter::{Actual, Reservation};
use crate::router::Taken;
use crate::router::relay::{self, Broken};
use crate::router::walk::Missed;
use crate::wire::model::{Delta, Finish, FinishReason, StreamEvent};
use crate::wire::resume::{Joint, Resume};

fn cost(flight: &Flight) -> i64 {
    PROMPT + WORD * flight.said as i64
}

impl World {
    /// The attempt will be the answer.
    pub(super) fn commits(&mut self, q: &mut Request, mut flight: Flight) {
        let router = Arc::clone(&self.setup.router);
        self.books.became(flight.answer, Fortune::Begun);
        flight.running = router.on_begun(flight.deployment, self.now, Duration::from_millis(100));
        self.books.told(&self.setup, flight.deployment, self.now);
        if !q.needs.stream {
            flight.said = q.words;
            self.books.saw(Seen::Whole);
            return self.is_whole(q, flight);
        }
        router.on_first_token(flight.deployment, Duration::from_millis(100));
        let deployment = &self.setup.deployments[flight.deployment.0 as usize];
        let text = words(deployment.voice, q.words);
        q.pieces = pieces(&text, deployment.space_behind).into();
        q.source = Some((text, 0));
        self.streams(q, flight);
    }

    fn streams(&mut self, q: &mut Request, flight: Flight) {
        (q.gap, q.breaks) = flight.result.unwrap();
        let answer = flight.answer;
        (q.stage, q.first) = (Stage::Streaming, Some(flight));
        if q.delivered.is_empty() {
            self.piece(q, answer);
        } else {
            self.at(q.gap, Event::Piece(q.number, answer));
        }
    }

    /// The next piece of the stream, or its end.
    pub(super) fn piece(&mut self, q: &mut Request, answer: usize) {
        let Some(flight) = q.first.as_mut().filter(|flight| flight.answer == answer && q.stage == Stage::Streaming)
        else {
            return;
        };
        if let Some(breaks) = q.breaks.filter(|breaks| breaks.at == flight.said) {
            return self.at(breaks.after, Event::Breaks(q.number, answer));
        }
        let (event, is_end) = match q.pieces.pop_front() {
            Some(text) => {
                flight.said += 1;
                (StreamEvent::Delta { choice: 0, delta: Delta::Text(text) }, false)
            }
            None => {
                let finish = Finish { reason: FinishReason::Stop, ..Finish::default() };
                (StreamEvent::Finish { choice: 0, finish }, true)
            }
        };
        let new = match &mut q.resume {
            Some(resume) => resume.event(event),
            None => Ok(Some(event)),
        };
        match new {
            Err(_) => {
                self.books.saw(Seen::OtherWords);
                return self.broke(q, Kind::OtherWords);
            }
            Ok(Some(StreamEvent::Delta { delta: Delta::Text(text), .. })) => q.delivered.push_str(&text),
            Ok(_) => {}
        }
        self.reads(q, is_end);
        if is_end {
            self.books.saw(Seen::Streamed);
            let flight = q.first.take().unwrap();
            return self.is_whole(q, flight);
        }
        self.at(q.gap, Event::Piece(q.number, answer));
    }

    /// The client reads one answer: no word twice, none left out, and no mixture of two that were begun apart.
    fn reads(&self, q: &Request, is_end: bool) {
        let numbers = q.delivered.split_whitespace().map(|word| word[1..].parse::<usize>());
        assert!(numbers.clone().enumerate().all(|(i, number)| number == Ok(i)), "the client reads {:?}", q.delivered);
        if let Some((source, before)) = &q.source
            && q.delivered.len() > *before
        {
            assert!(source.starts_with(&q.delivered), "{:?} is no beginning of {source:?}", q.delivered);
        }
        assert!(!is_end || numbers.count() == q.words, "an answer without its end: {:?}", q.delivered);
    }

    /// The answer has come to its end.
    fn is_whole(&mut self, q: &mut Request, mut flight: Flight) {
        let router = Arc::clone(&self.setup.router);
        flight.running = None;
        router.on_ended(flight.deployment, self.now);
        q.walk.answered(&router);
        self.books.refunded(q.group, std::mem::take(&mut q.charged));
        let tokens = flight.said as u64;
        flight.taken.take().into_iter().for_each(|taken| taken.settle(self.now, tokens));
        flight.in_flight.take().into_iter().for_each(|in_flight| in_flight.end(self.now));
        self.is_over(q, Some(flight));
    }

    /// The request has ended; with the answer that is told under its own name, if there is one.
    fn is_over(&mut self, q: &mut Request, answer: Option<Flight>) {
        let reservation = q.reservation.take().unwrap();
        if let Some(flight) = answer {
            self.books.billed(flight.answer, cost(&flight));
            reservation.settle(&Actual { tokens: 1, cost: cost(&flight), now: self.now });
            flight.taken.into_iter().for_each(Taken::keep);
        }
        // One that was not settled is dropped here.
        (q.stage, q.first, q.second, q.broken) = (Stage::Over, None, None, None);
    }

    /// The stream breaks.
    pub(super) fn breaks(&mut self, q: &mut Request, answer: usize) {
        let is_running = q.first.as_ref().is_some_and(|flight| flight.answer == answer) && q.stage == Stage::Streaming;
        if let Some(breaks) = q.breaks.filter(|_| is_running) {
            self.broke(q, breaks.kind);
        }
    }

    fn broke(&mut self, q: &mut Request, kind: Kind) {
        let router = Arc::clone(&self.setup.router);
        let mut flight = q.first.take().unwrap();
        flight.running = None;
        self.books.saw(Seen::Broken);
        if router.on_broken(q.walk.group(), flight.deployment, self.now, kind, None).is_some() {
            self.books.saw(Seen::Opened);
        }
        self.books.told(&self.setup, flight.deployment, self.now);
        let leads_on = q.walk.leads_on(&router, router.fallbacks(), flight.deployment, self.now, &q.needs);
        let broken = Broken { kind, can_resume: q.can_resume, leads_on };
        let reservation = &mut q.reservation;
        if !q.relay.goes_on(&broken, || reservation.as_mut().is_some_and(Reservation::extend)) {
            self.books.saw(Seen::Unrescued);
            return self.is_over(q, Some(flight));
        }
        q.walk.broke(flight.deployment);
        q.relay.broke(flight.deployment);
        q.tried.push(flight.deployment);
        q.last_failure = Some(kind);
        q.broken = Some(flight);
        self.looks_for_more(q);
    }

    fn looks_for_more(&mut self, q: &mut Request) {
        if q.relay.has_more() { self.go(q) } else { self.gives_up(q) }
    }

    /// One that was asked to take a broken one's place has answered, or failed.
    pub(super) fn asked_again(&mut self, q: &mut Request, failed: Option<Missed>) {
        let mut flight = q.first.take().unwrap();
        if let Some(missed) = failed {
            if flight.is_prefilled && relay::begins_again(missed.kind) && q.relay.has_more() {
                self.books.became(flight.answer, Fortune::Failed);
                assert!(q.relay.asks());
                let (in_flight, taken, probe) = (flight.in_flight.take(), flight.taken.take(), flight.probe.take());
                let again = self.fly(q, flight.deployment, in_flight, taken, false);
                q.first = Some(Flight { probe, ..again });
                return;
            }
            self.failed(q, flight, missed);
            return self.looks_for_more(q);
        }
        self.books.saw(Seen::TakenOver);
        self.books.became(flight.answer, Fortune::Begun);
        flight.running = self.setup.router.on_begun(flight.deployment, self.now, Duration::from_millis(100));
        self.books.told(&self.setup, flight.deployment, self.now);
        let broken = q.broken.take().unwrap();
        if let Some(named) = q.relay.taken_over() {
            assert_eq!(named, broken.deployment);
            self.bill_part(q, broken.answer, cost(&broken));
        }
        let deployment = &self.setup.deployments[flight.deployment.0 as usize];
        let whole = words(deployment.voice, q.words);
        let (said, joint) = if flight.is_prefilled {
            self.books.saw(Seen::WentOn);
            let before = q.delivered.trim_end();
            let space = q.delivered[before.len()..].to_owned();
            // It goes on after the words that it was given, whoever said them.
            let rest: Vec<&str> = whole.split(' ').skip(before.split(' ').count()).collect();
            q.source = None;
            let text = if rest.is_empty() { String::new() } else { format!(" {}", rest.join(" ")) };
            (text, Joint::GoesOn { space, told: 1 })
        } else {
            self.books.saw(Seen::BeganAgain);
            q.source = Some((whole.clone(), q.delivered.len()));
            (whole, Joint::BeginsAgain(q.delivered.clone()))
        };
        q.pieces = if said.is_empty() { Vec::new() } else { pieces(&said, deployment.space_behind) }.into();
        q.resume = Some(Resume::at(joint, q.delivered.clone()));
        self.streams(q, flight);
    }

    /// Nobody is left.
    pub(super) fn gives_up(&mut self, q: &mut Request) {
        let broken = q.broken.take();
        self.books.saw(if broken.is_some() { Seen::Unrescued } else { Seen::Refused });
        self.is_over(q, broken);
    }

    /// The client leaves.
    pub(super) fn leaves(&mut self, q: &mut Request) {
        if q.stage == Stage::Over {
            return;
        }
        self.books.saw(Seen::Left);
        self.leave_room(q);
        let answer = match q.stage {
            Stage::Streaming => q.first.take(),
            _ => q.broken.take(),
        };
        if let Some(in_flight) = q.first.as_mut().and_then(|first| first.in_flight.take()) {
            in_flight.fail(self.now, Kind::Timeout);
        }
        self.is_over(q, answer);
    }
}
