//! The world: a clock, what happens next, the weather at the providers, and the requests.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::books::{Books, Seen, Tally};
use super::legs::Flight;
use super::provider::{Break, Health};
use super::room::Room;
use super::setup::{GROUPS, Setup};
use crate::clock::Instant;
use crate::error::Kind;
use crate::limiter::{Ask, Reservation, admit};
use crate::router::needs::Needs;
use crate::router::places::Bell;
use crate::router::plan::{DeploymentIx, GroupIx};
use crate::router::queue::{Claim, Ticket};
use crate::router::relay::Relay;
use crate::router::walk::{Missed, Start, Walk};
use crate::wire::resume::Resume;

/// What an answer costs: its prompt, and each of its words.
pub(super) const PROMPT: i64 = 1_000;
pub(super) const WORD: i64 = 700;
const WORDS_MAX: usize = 9;
const REQUESTS: usize = 40;
/// Requests come within so many milliseconds.
const SPAN: u64 = 40_000;

/// Something that happens. Numbers are those of requests, deployments and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Arrives(usize),
    /// An attempt has an answer, or has failed.
    Result(usize, usize),
    /// An attempt takes longer than usual.
    Late(usize, usize),
    /// A stream's next piece, or its end.
    Piece(usize, usize),
    Breaks(usize, usize),
    PauseIsOver(usize),
    /// One that waits looks by itself.
    Looks(usize),
    WaitIsOver(usize),
    Leaves(usize),
    Weather(usize),
}

/// What a request is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting(Ticket),
    Pausing,
    Asking,
    Streaming,
    Over,
}

/// One request.
pub(super) struct Request {
    pub(super) number: usize,
    pub(super) key: usize,
    pub(super) claim: Claim,
    pub(super) words: usize,
    pub(super) can_resume: bool,
    pub(super) needs: Needs,
    pub(super) stage: Stage,
    pub(super) walk: Walk,
    /// Where it began.
    pub(super) group: GroupIx,
    pub(super) reservation: Option<Reservation>,
    pub(super) relay: Relay,
    /// The attempt, or the stream that runs.
    pub(super) first: Option<Flight>,
    pub(super) second: Option<Flight>,
    pub(super) first_failed: Option<Missed>,
    pub(super) second_failed: Option<Missed>,
    pub(super) last_failure: Option<Kind>,
    pub(super) attempts: u32,
    /// Of those, in the place of a broken one.
    pub(super) again: u32,
    pub(super) charged: u64,
    pub(super) tried: Vec<DeploymentIx>,
    pub(super) models: Vec<String>,
    pub(super) in_group: HashMap<GroupIx, u32>,
    /// Pieces that are still to come.
    pub(super) pieces: VecDeque<String>,
    pub(super) breaks: Option<Break>,
    pub(super) gap: Duration,
    pub(super) resume: Option<Resume>,
    /// What the client has.
    pub(super) delivered: String,
    /// The one answer that it must be the beginning of, as soon as it is longer than that.
    pub(super) source: Option<(String, usize)>,
    /// The stream in whose place another one is looked for.
    pub(super) broken: Option<Flight>,
}

/// See the file.
pub(super) struct World {
    pub(super) random: Rng,
    pub(super) now: Instant,
    pub(super) setup: Setup,
    pub(super) health: Vec<Health>,
    pub(super) rooms: Vec<Room>,
    pub(super) books: Books,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    scheduled: u64,
    requests: Vec<Option<Box<Request>>>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let setup = Setup::new(&mut random);
        let rooms: Vec<Room> = GROUPS.iter().map(|_| Room::new(setup.queue)).collect();
        for (group, room) in (0..).map(GroupIx).zip(&rooms) {
            let bell: Arc<dyn Bell> = Arc::<super::room::Rings>::clone(&room.rings);
            setup.router.hang(group, &bell);
        }
        for index in 0..setup.deployments.len() {
            // Enough to know what is usual.
            (0..20).for_each(|_| setup.router.on_first_token(DeploymentIx(index as u32), Duration::from_millis(300)));
        }
        let books = Books::new(&setup);
        let health = vec![Health::Well; setup.deployments.len()];
        let (events, requests) = (BinaryHeap::new(), Vec::new());
        let now = Instant::default();
        Self { random, now, setup, health, rooms, books, events, scheduled: 0, requests }
    }

    pub(super) fn play(mut self) -> Tally {
        for number in 0..REQUESTS {
            self.requests.push(None);
            let at = self.random.u64(..SPAN);
            self.at(Duration::from_millis(at), Event::Arrives(number));
        }
        (0..self.setup.deployments.len()).for_each(|index| self.at(Duration::ZERO, Event::Weather(index)));
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            self.now = now;
            self.happens(event);
            self.call();
            self.books.check(&self.setup);
        }
        assert!(self.requests.iter().flatten().all(|request| request.stage == Stage::Over), "a request has no end");
        assert!(self.rooms.iter().all(|room| room.queue.is_empty()));
        self.requests.clear();
        self.books.close(&self.setup);
        self.books.tally
    }

    /// Something will happen after this time.
    pub(super) fn at(&mut self, after: Duration, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((self.now + after, self.scheduled, event)));
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives(number) => self.arrives(number),
            Event::Weather(index) => {
                self.health[index] = Health::any(&mut self.random);
                if self.now.nanos() < 2 * SPAN * 1_000_000 {
                    let after = Duration::from_millis(self.random.u64(600..20_000));
                    self.at(after, event);
                }
            }
            Event::Result(number, answer) => self.with(number, |world, q| world.result(q, answer)),
            Event::Late(number, answer) => self.with(number, |world, q| world.late(q, answer)),
            Event::Piece(number, answer) => self.with(number, |world, q| world.piece(q, answer)),
            Event::Breaks(number, answer) => self.with(number, |world, q| world.breaks(q, answer)),
            Event::PauseIsOver(number) => self.with(number, |world, q| {
                if q.stage == Stage::Pausing {
                    world.go(q);
                }
            }),
            Event::Looks(number) => self.with(number, World::looks),
            Event::WaitIsOver(number) => self.with(number, World::turned_away),
            Event::Leaves(number) => self.with(number, World::leaves),
        }
    }

    fn with(&mut self, number: usize, act: impl FnOnce(&mut Self, &mut Request)) {
        if let Some(mut request) = self.requests[number].take() {
            act(self, &mut request);
            self.requests[number] = Some(request);
        }
    }

    fn arrives(&mut self, number: usize) {
        let random = &mut self.random;
        let model = GROUPS[[0, 0, 0, 0, 1, 2][random.usize(..6)]];
        let (key, words, stream) =
            (random.usize(..self.setup.keys.len()), random.usize(3..WORDS_MAX), random.u8(..3) > 0);
        let needs = Needs { stream, prompt_tokens: 10, ..Needs::NONE };
        let claim = Claim { priority: random.i64(0..2), flow: key as u64 };
        let num_retries = (random.u8(..5) == 0).then(|| random.u32(..=self.setup.num_retries));
        let (can_resume, is_on) = (random.u8(..8) > 0, stream && random.u8(..8) > 0);
        let patience = (random.u8(..6) == 0).then(|| Duration::from_millis(random.u64(1..15_000)));
        let cost = PROMPT + WORD * WORDS_MAX as i64;
        let ask = Ask { tokens: 100, cost, now: self.now, wall: 0, downgraded: false };
        let Ok(reservation) = admit(&self.setup.keys[key..=key], &ask) else { return self.books.saw(Seen::OverBudget) };
        let router = &self.setup.router;
        let group = router.resolve(model, 0).unwrap().group;
        let start = Start { model: model.to_owned(), group, num_retries, holder: None };
        let request = Request {
            number,
            key,
            claim,
            words,
            can_resume,
            needs,
            stage: Stage::Asking,
            walk: Walk::begin(router, router.fallbacks(), start),
            group,
            reservation: Some(reservation),
            relay: Relay::new(is_on),
            first: None,
            second: None,
            first_failed: None,
            second_failed: None,
            last_failure: None,
            attempts: 0,
            again: 0,
            charged: 0,
            tried: Vec::new(),
            models: vec![model.to_owned()],
            in_group: HashMap::new(),
            pieces: VecDeque::new(),
            breaks: None,
            gap: Duration::ZERO,
            resume: None,
            delivered: String::new(),
            source: None,
            broken: None,
        };
        self.books.begun(group);
        self.requests[number] = Some(Box::new(request));
        if let Some(patience) = patience {
            self.at(patience, Event::Leaves(number));
        }
        self.with(number, World::go);
    }

    /// Places that became free call those that wait.
    fn call(&mut self) {
        while let Some(index) = (0..self.rooms.len()).find(|index| self.rooms[*index].is_rung()) {
            let mut next = self.rooms[index].queue.call();
            // One for whom the place is not passes the call on.
            while let Some((ticket, number)) = next {
                let mut found = true;
                self.with(number, |world, q| found = world.called(q, ticket));
                let has_room = self.setup.router.has_room(GroupIx(index as u32), self.now);
                next = if !found && has_room { self.rooms[index].queue.call_after(ticket) } else { None };
            }
        }
    }

    /// Those that leave the room without having been called may leave a place to others.
    pub(super) fn leave_room(&mut self, q: &Request) {
        if let Stage::Waiting(ticket) = q.stage {
            let group = q.walk.group();
            let room = &mut self.rooms[group.0 as usize];
            room.queue.leave(ticket);
            if self.setup.router.has_room(group, self.now) {
                room.rings.freed();
            }
        }
    }

    /// Another one takes its place in the queue.
    pub(super) fn displaced(&mut self, number: usize) {
        self.with(number, |world, q| {
            q.stage = Stage::Pausing;
            world.books.saw(Seen::TurnedAway);
            world.gives_up(q);
        });
    }
}
