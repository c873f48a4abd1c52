//! Many clients at a few scopes, from a seed: what must hold is asked after every step.
//!
//! `SEED=7 cargo test --lib limiter::tests` plays one seed, `SEEDS=4096` more than the usual 256.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Instant;
use crate::limiter::{
    Actual, Ask, Budget, BudgetLimits, Kind, Limits, Pico, Reason, Reservation, Scope, Window, admit,
};

const STEPS: usize = 3_000;
const DAY: i64 = 86_400;
const MINUTE: u64 = 60_000_000_000;

/// What a scope has let pass, counted by somebody else.
struct Ledger {
    scope: Arc<Scope>,
    requests: u64,
    tokens: u64,
    max: Option<Pico>,
    /// Spent and reserved are at most this: the maximum, or what they were when it was lowered.
    most: Pico,
    /// The last minute: when (nanoseconds), and which shares of the limits were taken or given back.
    log: VecDeque<(u64, f64, f64)>,
    spent: Pico,
    day: i64,
}

/// A scope's index, and its limits when a request was admitted.
struct Then {
    scope: usize,
    tokens: u64,
    is_capped: bool,
}

struct World {
    random: fastrand::Rng,
    now: Instant,
    wall: i64,
    ledgers: Vec<Ledger>,
    open: Vec<(Reservation, Vec<Then>)>,
    accepted: u64,
    /// Of those, the ones that ask for more tokens than a minute has.
    large: u64,
    /// By requests, tokens, requests at once, money.
    refused: [u64; 4],
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let kinds = [Kind::Key, Kind::Key, Kind::User, Kind::Team, Kind::Global];
        let ledgers = kinds.iter().map(|&kind| Ledger::new(kind, &mut random)).collect();
        let wall = 1_795_213_635;
        Self {
            random,
            now: Instant::default(),
            wall,
            ledgers,
            open: Vec::new(),
            accepted: 0,
            large: 0,
            refused: [0; 4],
        }
    }

    fn step(&mut self) {
        match self.random.u8(..100) {
            0..55 => self.ask(),
            55..79 => self.end(),
            79 => {
                let which = self.random.usize(..self.ledgers.len());
                self.ledgers[which].relimit(&mut self.random);
            }
            80 => {
                let hours = self.random.u64(3_600..90_000);
                self.pass(Duration::from_secs(hours));
            }
            _ => {
                let moment = self.random.u64(0..4_000);
                self.pass(Duration::from_millis(moment));
            }
        }
        self.ledgers.iter_mut().for_each(Ledger::check);
    }

    fn pass(&mut self, span: Duration) {
        let before = self.now.nanos() / 1_000_000_000;
        self.now = self.now + span;
        self.wall += i64::try_from(self.now.nanos() / 1_000_000_000 - before).unwrap();
        for ledger in &mut self.ledgers {
            ledger.new_day(self.wall);
        }
    }

    fn ask(&mut self) {
        // A key, perhaps its user, its team, the gateway.
        let key = self.random.usize(..2);
        let chosen: Vec<usize> = [key, 2, 3, 4].into_iter().filter(|&i| i < 2 || self.random.u8(..4) > 0).collect();
        let scopes: Vec<_> = chosen.iter().map(|&i| Arc::clone(&self.ledgers[i].scope)).collect();
        let ask = Ask {
            tokens: self.random.u64(0..400),
            cost: self.random.i64(0..2_000_000),
            now: self.now,
            wall: self.wall,
            downgraded: false,
        };
        let reserved = |ledgers: &[Ledger]| -> Vec<Pico> { ledgers.iter().map(Ledger::reserved).collect() };
        let before = reserved(&self.ledgers);
        match admit(&scopes, &ask) {
            Ok(reservation) => {
                self.accepted += 1;
                self.large += u64::from(chosen.iter().any(|&i| ask.tokens > self.ledgers[i].tokens));
                for &i in &chosen {
                    self.ledgers[i].admit(&ask);
                }
                let limits = chosen.into_iter().map(|i| self.ledgers[i].then(i));
                self.open.push((reservation, limits.collect()));
            }
            Err(refusal) => {
                self.refused[why(&refusal.reason)] += 1;
                assert_eq!(before, reserved(&self.ledgers), "a refusal left something behind");
                if let (Reason::Limit(_), Some(wait)) = (&refusal.reason, refusal.retry_after) {
                    assert!(wait > Duration::ZERO);
                }
            }
        }
    }

    /// One of the open requests ends: well, with little used, or without anybody saying how.
    fn end(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let (reservation, chosen) = self.open.swap_remove(self.random.usize(..self.open.len()));
        let ask = *reservation.ask();
        let actual = if self.random.u8(..5) == 0 {
            drop(reservation);
            Actual { now: self.now, ..Actual::default() }
        } else {
            let tokens = self.random.u64(0..=ask.tokens + ask.tokens / 8);
            let actual = Actual { tokens, cost: self.random.i64(0..=ask.cost), now: self.now };
            reservation.settle(&actual);
            actual
        };
        chosen.into_iter().for_each(|then| self.ledgers[then.scope].settle(&ask, &actual, &then));
    }
}

/// Limits as they come, with what the ledger must know of them.
fn limits(random: &mut fastrand::Rng) -> (Limits, u64, u64, Option<Pico>) {
    let (requests, tokens, max) = (random.u64(1..60), random.u64(100..9_000), random.i64(1_000_000..60_000_000));
    let max = (random.u8(..4) > 0).then_some(max);
    let daily = BudgetLimits { name: "1d".into(), max, window: Window::parse("1d"), ..BudgetLimits::default() };
    let parallel = Some(random.u64(1..20));
    let budgets = vec![daily, BudgetLimits::default()];
    (Limits { requests: Some(requests), tokens: Some(tokens), parallel, budgets }, requests, tokens, max)
}

impl Ledger {
    fn new(kind: Kind, random: &mut fastrand::Rng) -> Self {
        let (limits, requests, tokens, max) = limits(random);
        let scope = Arc::new(Scope::new(kind, "s", limits));
        Self { scope, requests, tokens, max, most: max.unwrap_or(Pico::MAX), log: VecDeque::new(), spent: 0, day: 0 }
    }

    fn relimit(&mut self, random: &mut fastrand::Rng) {
        let mut limits = limits(random);
        limits.0.budgets.reverse();
        self.scope = Arc::new(self.scope.relimited(&limits.0, None));
        (self.requests, self.tokens, self.max) = (limits.1, limits.2, limits.3);
        self.most = self.committed().max(self.max.unwrap_or(Pico::MAX));
    }

    fn daily(&self) -> &Budget {
        self.scope.budget("1d").unwrap()
    }

    fn committed(&self) -> Pico {
        self.daily().spent() + self.daily().reserved()
    }

    fn new_day(&mut self, wall: i64) {
        let day = wall / DAY;
        if day != self.day {
            (self.day, self.spent) = (day, 0);
            self.daily().roll_over(wall);
        }
    }

    fn reserved(&self) -> Pico {
        self.scope.budgets().iter().map(Budget::reserved).sum()
    }

    /// Any span holds a bucket and its refill at most. What is given back may be taken again; requests never are. Limits
    /// that change in between leave the shares as they are.
    fn admit(&mut self, ask: &Ask) {
        let share = |count: u64, limit: u64| count as f64 / limit as f64;
        let taken = ask.tokens.min(self.tokens);
        self.log.push_back((ask.now.nanos(), share(1, self.requests), share(taken, self.tokens)));
        let oldest = ask.now.nanos().saturating_sub(MINUTE);
        while self.log.front().is_some_and(|&(then, ..)| then < oldest) {
            self.log.pop_front();
        }
        let (mut requests, mut tokens) = (0.0, 0.0);
        for &(then, request, taken) in self.log.iter().rev() {
            (requests, tokens) = (requests + request, tokens + taken);
            let most = 1.0 + (ask.now.nanos() - then) as f64 / MINUTE as f64 + 1e-9;
            assert!(requests <= most, "{requests} of the requests in {most} minutes");
            assert!(tokens <= most, "{tokens} of the tokens in {most} minutes");
        }
    }

    fn then(&self, scope: usize) -> Then {
        Then { scope, tokens: self.tokens, is_capped: self.max.is_some() }
    }

    fn settle(&mut self, ask: &Ask, actual: &Actual, then: &Then) {
        let back = ask.tokens.min(then.tokens).saturating_sub(actual.tokens);
        self.log.push_back((actual.now.nanos(), 0.0, -(back as f64 / then.tokens as f64)));
        self.spent += actual.cost;
        if !then.is_capped {
            // Nothing was reserved for it.
            self.most = self.most.saturating_add(actual.cost);
        }
    }

    fn check(&mut self) {
        let budget = self.daily();
        assert!(self.committed() <= self.most, "{budget:?}");
        assert!(budget.reserved() >= 0);
        assert_eq!(budget.spent(), self.spent);
        for standing in self.scope.standings(Instant::from_nanos(u64::MAX / 2)) {
            assert!(standing.remaining <= standing.limit);
        }
        self.most = self.committed().max(self.max.unwrap_or(Pico::MAX));
    }
}

fn why(reason: &Reason) -> usize {
    match reason {
        Reason::Limit(standing) => standing.meter as usize,
        Reason::Budget(_) | Reason::BudgetUnknown(_) => 3,
    }
}

fn play(seed: u64) -> (u64, u64, [u64; 4]) {
    let mut world = World::new(seed);
    world.pass(Duration::ZERO);
    (0..STEPS).for_each(|_| world.step());
    // Everybody goes home.
    world.open.clear();
    for ledger in &mut world.ledgers {
        ledger.check();
        assert_eq!(ledger.reserved(), 0, "seed {seed}");
        // Debts are worked off, a minute's worth a minute.
        let later = world.now + Duration::from_secs(6 * 3_600);
        for standing in ledger.scope.standings(later) {
            assert_eq!(standing.remaining, standing.limit, "seed {seed}: {standing:?}");
        }
    }
    (world.accepted, world.large, world.refused)
}

#[test]
fn whatever_the_clients_do_the_limits_hold() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = number("SEED").map_or(0..number("SEEDS").unwrap_or(256), |seed| seed..seed + 1);
    let (mut accepted, mut large, mut refused, played) = (0, 0, [0; 4], seeds.end - seeds.start);
    for seed in seeds {
        let (well, beyond, not) = play(seed);
        (accepted, large) = (accepted + well, large + beyond);
        refused.iter_mut().zip(not).for_each(|(sum, count)| *sum += count);
    }
    assert_eq!(play(7), play(7), "a seed that plays differently replays nothing");
    // One seed may never meet its budget.
    let all_met = accepted > 0 && large > 0 && refused.iter().all(|&count| count > 0);
    assert!(
        played < 16 || all_met,
        "a simulation of nothing: {accepted} accepted, {large} of them large, refused {refused:?}"
    );
}
