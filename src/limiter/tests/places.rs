//! Requests at once over several nodes, whatever becomes of nodes, of messages and of the store.
//!
//! `SEED` and `SEEDS` as in `simulation`. A request asks for a place in its team and in its key. What holds is asked after
//! every step, of the scopes themselves: as long as the store knows of all that are inside, and answers, nobody enters beyond
//! the limit.

use std::sync::Arc;
use std::time::Duration;

use super::shared_store;
use crate::clock::Instant;
use crate::limiter::lease::{Account, Call, Line, PLACES_KEPT, PlacesCall, PlacesReply};
use crate::limiter::parallel::part;
use crate::limiter::{Ask, Kind, Limits, Refusal, Scope, admit, admit_alone};

mod node;

use node::{Node, Waiter};

const STEPS: usize = 1_500;
const SECOND: u64 = 1_000_000_000;
/// How often a request that waits asks again.
const TRIES: u32 = 8;
/// Team and key.
const SCOPES: usize = 2;

/// How a scope stands on all nodes together.
struct Sum {
    limit: u64,
    inside: u64,
    by_node: Vec<u64>,
    /// Whether the store knows of all that are inside or may enter, and answers.
    is_sound: bool,
}

struct World {
    random: fastrand::Rng,
    now: Instant,
    /// The highest that any node knows.
    limits: [u64; SCOPES],
    /// Whether calls and answers get lost.
    is_lossy: bool,
    /// Whether the store stays where it is, with all that it knows.
    is_calm: bool,
    /// Whether a request came in by its node's part in this step, although the store answers.
    is_alone: bool,
    nodes: Vec<Node>,
    store: [shared_store::Places; SCOPES],
    lessees: u64,
    sequence: u64,
    /// Calls that were given up and arrive all the same.
    late: Vec<(usize, u64, PlacesCall, u64)>,
    accepted: u64,
    waited: u64,
    refused: u64,
    /// Steps in which the store knew of all.
    sound: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let most = if random.u8(..4) == 0 { 300 } else { 12 };
        let limits = [random.u64(1..most), random.u64(1..most)];
        let (is_lossy, is_calm) = (random.bool(), random.u8(..3) > 0);
        let mut world = Self {
            random,
            now: Instant::from_nanos(60 * SECOND),
            limits,
            is_lossy,
            is_calm,
            is_alone: false,
            nodes: Vec::new(),
            store: Default::default(),
            lessees: 0,
            sequence: 0,
            late: Vec::new(),
            accepted: 0,
            waited: 0,
            refused: 0,
            sound: 0,
        };
        let count = world.random.u64(2..=4);
        world.nodes = (0..count).map(|_| world.start(count)).collect();
        world
    }

    fn start(&mut self, nodes: u64) -> Node {
        self.lessees += 1;
        Node::new(self.lessees, nodes, self.limits, self.now)
    }

    fn step(&mut self) {
        let before = [self.sum(0), self.sum(1)];
        self.is_alone = false;
        let (at, which) = (self.random.usize(..self.nodes.len()), self.random.usize(..SCOPES));
        match self.random.u8(..100) {
            0..25 => self.ask(at),
            25..40 => self.ask_again(at),
            40..60 => self.end(at),
            60..75 => self.fly(at, which, false),
            75..85 => self.tick(at),
            85..88 if !self.late.is_empty() => {
                let (which, lessee, call, sequence) = self.late.swap_remove(self.random.usize(..self.late.len()));
                self.store[which].call(lessee, sequence, &call, self.now);
            }
            88 if self.random.u8(..4) == 0 => self.relimit(which),
            // It dies, and another one takes its place.
            89 if self.random.u8(..4) == 0 => self.nodes[at] = self.start(self.nodes.len() as u64),
            90 if !self.is_calm => {
                let cluster = &self.nodes[at].cluster;
                cluster.set_up(!cluster.is_up());
            }
            91 if !self.is_calm && self.random.u8(..8) == 0 => self.store = Default::default(),
            _ => {
                let moment = self.random.u64(0..500);
                self.pass(Duration::from_millis(moment));
            }
        }
        self.check(&before);
    }

    /// Every second each node looks what it has to say again.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            let second = Instant::from_nanos((self.now.nanos() / SECOND + 1) * SECOND);
            self.now = second.min(end);
            if self.now == second {
                for (at, which) in self.everywhere() {
                    let is_idle = self.random.u8(..4) == 0;
                    if is_idle || self.nodes[at].scopes[which].is_due(self.now) {
                        self.fly(at, which, is_idle);
                        self.fly(at, which, is_idle);
                    }
                }
            }
        }
    }

    fn everywhere(&self) -> Vec<(usize, usize)> {
        (0..self.nodes.len()).flat_map(|at| (0..SCOPES).map(move |which| (at, which))).collect()
    }

    fn asks(&self) -> Ask {
        Ask { now: self.now, ..Ask::default() }
    }

    fn ask(&mut self, at: usize) {
        let ask = self.asks();
        let node = &mut self.nodes[at];
        match admit(&node.scopes, &ask) {
            Ok(reservation) => {
                self.accepted += 1;
                node.open.push(reservation);
            }
            Err(refusal) if refusal.is_leasable() => self.wait(at, Line::default(), refusal, 0),
            Err(_) => self.refused += 1,
        }
    }

    fn wait(&mut self, at: usize, mut line: Line, refusal: Refusal, tries: u32) {
        assert!(refusal.is_full());
        let node = &mut self.nodes[at];
        if tries < TRIES && line.stand(&node.scopes, &refusal, self.now) {
            self.waited += u64::from(tries == 0);
            node.waiting.push(Waiter { line, tries });
        } else {
            self.refused += 1;
        }
    }

    fn ask_again(&mut self, at: usize) {
        let ask = self.asks();
        let node = &mut self.nodes[at];
        if node.waiting.is_empty() {
            return;
        }
        let waiter = node.waiting.swap_remove(self.random.usize(..node.waiting.len()));
        // The store did not answer in time.
        self.is_alone = !self.is_calm && self.random.u8(..20) == 0;
        match if self.is_alone { admit_alone(&node.scopes, &ask) } else { admit(&node.scopes, &ask) } {
            Ok(reservation) => {
                self.accepted += 1;
                node.open.push(reservation);
            }
            Err(refusal) if refusal.is_leasable() => self.wait(at, waiter.line, refusal, waiter.tries + 1),
            Err(_) => self.refused += 1,
        }
    }

    fn end(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if !node.open.is_empty() {
            drop(node.open.swap_remove(self.random.usize(..node.open.len())));
        }
    }

    /// Those that are in a hurry.
    fn tick(&mut self, at: usize) {
        let mut busy = Vec::new();
        while let Some(scope) = self.nodes[at].cluster.next_urgent() {
            let node = &self.nodes[at];
            let which = usize::from(scope.kind() == Kind::Key);
            if node.flights[which].is_some() {
                busy.push(scope);
            } else {
                self.fly(at, which, false);
            }
        }
        busy.iter().for_each(Scope::hurry);
    }

    /// The call of a scope's flight arrives, and its answer; or the next flight begins.
    fn fly(&mut self, at: usize, which: usize, is_idle: bool) {
        let node = &mut self.nodes[at];
        let scope = Arc::clone(&node.scopes[which]);
        let Some((call, sequence)) = node.flights[which].take() else {
            for (account, call) in scope.calls(self.now, 0, is_idle) {
                let (Account::Places, Call::Places(call)) = (account, call) else { unreachable!() };
                self.sequence += 1;
                node.flights[which] = Some((call, self.sequence));
            }
            return;
        };
        let is_lost = !node.cluster.is_up() || self.is_lossy && self.random.u8(..8) == 0;
        if is_lost {
            match self.random.u8(..3) {
                0 => {}
                1 => self.late.push((which, node.lessee, call, sequence)),
                _ => drop(self.execute(at, which, &call, sequence)),
            }
            let _next = scope.hear_places(&call, None, self.now);
        } else {
            let reply = self.execute(at, which, &call, sequence);
            let _next = scope.hear_places(&call, Some(&reply), self.now);
        }
    }

    fn execute(&mut self, at: usize, which: usize, call: &PlacesCall, sequence: u64) -> PlacesReply {
        let node = &mut self.nodes[at];
        node.heard_at[which] = self.now;
        self.store[which].call(node.lessee, sequence, call, self.now)
    }

    /// One node after the other hears of it; until then the higher one counts.
    fn relimit(&mut self, which: usize) {
        let limit = if self.random.bool() { self.random.u64(0..12) } else { self.random.u64(1..300) };
        let highest = self.limits[which].max(limit);
        self.limits[which] = highest;
        for at in 0..self.nodes.len() {
            let before = self.sum(which);
            let limits = Limits { parallel: Some(limit), ..Limits::default() };
            let scope = &mut self.nodes[at].scopes[which];
            *scope = Arc::new(scope.relimited(&limits, None));
            for _ in 0..self.random.u8(..6) {
                let (at, which) = (self.random.usize(..self.nodes.len()), self.random.usize(..SCOPES));
                self.ask(at);
                self.fly(at, which, false);
                let after = self.sum(which);
                assert!(!before.is_sound || after.inside <= highest.max(before.inside) || !self.is_calm);
            }
        }
        self.limits[which] = limit;
    }

    fn sum(&self, which: usize) -> Sum {
        let by_node: Vec<u64> = self.nodes.iter().map(|node| node.inside(which)).collect();
        let is_known = |node: &Node| node.used(which) <= self.store[which].held_by(node.lessee, self.now);
        let is_sound = self.nodes.iter().all(|node| node.cluster.is_up() && is_known(node));
        // Who came in without the store is told to it, and what it had lent meanwhile may be used all the same.
        let used: u64 = self.nodes.iter().map(|node| node.used(which)).sum();
        let is_sound = is_sound && (self.is_calm || used <= self.limits[which]);
        Sum { limit: self.limits[which], inside: by_node.iter().sum(), by_node, is_sound }
    }

    fn check(&mut self, before: &[Sum; SCOPES]) {
        for (which, before) in before.iter().enumerate() {
            let after = self.sum(which);
            let limit = after.limit.max(before.limit);
            let is_heard = |node: &Node| self.now < node.heard_at[which] + PLACES_KEPT;
            let all_heard = self.nodes.iter().all(is_heard);
            assert!(after.is_sound || !self.is_calm || !all_heard, "the store does not know of all that are inside");
            if before.is_sound && !self.is_alone {
                self.sound += 1;
                let most = limit.max(before.inside);
                assert!(after.inside <= most, "{} inside of {limit}, {} before", after.inside, before.inside);
            }
            for (at, _) in self.nodes.iter().enumerate().filter(|(_, node)| !node.cluster.is_up()) {
                let most = part(limit, self.nodes.len() as u64).max(before.by_node[at]);
                assert!(after.by_node[at] <= most, "more than a node's part of {limit}");
            }
        }
    }

    /// Everybody goes home, and all places come back; at once, where nothing is borrowed ahead.
    fn go_home(&mut self) {
        let was_safe = self.is_calm && !self.is_lossy && self.lessees == self.nodes.len() as u64;
        (self.is_lossy, self.is_calm) = (false, true);
        self.late.clear();
        for at in 0..self.nodes.len() {
            self.nodes[at].cluster.set_up(true);
            self.nodes[at].waiting.clear();
            self.nodes[at].open.clear();
        }
        for _ in 0..4 {
            for at in 0..self.nodes.len() {
                self.tick(at);
                (0..SCOPES).for_each(|which| self.land(at, which));
            }
        }
        for which in 0..SCOPES {
            let is_small = self.limits[which] < 20;
            let held = self.store[which].held(self.now);
            assert!(!(was_safe && is_small) || held == 0, "{held} places are not given back");
        }
        // What a dead node held, or was granted late, comes back by itself.
        self.pass(PLACES_KEPT + Duration::from_secs(1));
        for (at, which) in self.everywhere() {
            self.land(at, which);
            self.fly(at, which, true);
            self.land(at, which);
            assert!(!self.nodes[at].scopes[which].is_lessee());
        }
        assert_eq!(self.store.each_ref().map(|places| places.held(self.now)), [0; SCOPES]);
    }

    fn land(&mut self, at: usize, which: usize) {
        while self.nodes[at].flights[which].is_some() {
            self.fly(at, which, false);
        }
    }

    /// One node may have all places; then nobody else has any.
    fn fill(&mut self) {
        let most = *self.limits.iter().min().unwrap();
        for _ in 0..most {
            let mut tries = 0;
            let open = self.nodes[0].open.len();
            self.ask(0);
            while self.nodes[0].open.len() == open && tries < 20 {
                tries += 1;
                self.pass(Duration::from_millis(30));
                for which in 0..SCOPES {
                    self.fly(0, which, false);
                    self.land(0, which);
                }
                self.ask_again(0);
            }
        }
        assert_eq!(self.nodes[0].open.len() as u64, most, "{:?} {:?}", self.limits, self.nodes[0].scopes);
        self.ask(1);
        for which in 0..SCOPES {
            self.fly(1, which, false);
            self.land(1, which);
        }
        self.ask_again(1);
        assert!(self.nodes[1].open.is_empty());
    }
}

fn play(seed: u64) -> [u64; 4] {
    let mut world = World::new(seed);
    (0..STEPS).for_each(|_| world.step());
    world.go_home();
    world.fill();
    [world.accepted, world.waited, world.refused, world.sound]
}

#[test]
fn nodes_never_let_in_more_than_the_limit_between_them() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = number("SEED").map_or(0..number("SEEDS").unwrap_or(256), |seed| seed..seed + 1);
    let steps = (seeds.end - seeds.start) * (STEPS * SCOPES) as u64;
    let mut sums = [0; 4];
    for seed in seeds {
        sums.iter_mut().zip(play(seed)).for_each(|(sum, more)| *sum += more);
    }
    assert_eq!(play(7), play(7), "a seed that plays differently replays nothing");
    let [accepted, waited, refused, sound] = sums;
    assert!(accepted > 0 && waited > 0 && refused > 0, "a simulation of nothing: {sums:?}");
    assert!(sound > steps / 2, "a simulation of a broken store: {sound} of {steps}");
}
