//! The adaptive limit against servers that can do so much and no more: at three times what they can do, they still do nine
//! tenths of it.

use super::*;
use crate::router::draws::Draws;

/// Milliseconds of one request at a server that has nothing else to do.
const SERVICE: u64 = 100;
/// Requests that a server works on at once.
const WORKERS: [usize; 3] = [4, 40, 150];
/// How long a caller waits.
const PATIENCE: u64 = 2_000;
const SEEDS: u64 = 2;

/// What a server does with more than it can work on.
#[derive(Clone, Copy, Debug)]
enum Excess {
    /// It works on all of them, each the slower, and on those that nobody waits for any longer too.
    Shared,
    /// It says 503.
    Refused,
}

struct Server {
    workers: usize,
    excess: Excess,
    /// When each began, and how many milliseconds of work are left of it.
    running: Vec<(u64, f64)>,
}

/// One millisecond's events: latencies of what was finished, and how many were refused.
#[derive(Default)]
struct Events {
    finished: Vec<u64>,
    refused: u32,
}

impl Server {
    fn arrive(&mut self, now: u64, work: f64, events: &mut Events) -> bool {
        if matches!(self.excess, Excess::Refused) && self.running.len() >= self.workers {
            events.refused += 1;
            return false;
        }
        self.running.push((now, work));
        true
    }

    /// The workers share what runs.
    fn work(&mut self, now: u64, events: &mut Events) {
        let each = (self.workers as f64 / self.running.len().max(1) as f64).min(1.0);
        self.running.iter_mut().for_each(|(_, left)| *left -= each);
        events.finished.extend(self.running.iter().filter(|(_, left)| *left <= 0.0).map(|(began, _)| now - began));
        self.running.retain(|(_, left)| *left > 0.0);
    }
}

/// A deployment's limit, its server, and the time that both have seen.
struct World<'a> {
    concurrency: Option<&'a Concurrency>,
    workers: usize,
    excess: Excess,
    /// Milliseconds.
    now: u64,
    draws: Draws,
}

impl World<'_> {
    /// Good answers in a second at this load (1 is all that the server can do), over the second half of the time.
    fn goodput(&mut self, load: f64, seconds: u64) -> f64 {
        let mut server = Server { workers: self.workers, excess: self.excess, running: Vec::new() };
        let (begin, end) = (self.now, self.now + seconds * 1_000);
        let (mut good, mut in_flight) = (0, 0_u32);
        while self.now < end {
            self.now += 1;
            let mut events = Events::default();
            let mut due = load * self.workers as f64 / SERVICE as f64;
            while self.draws.unit() < due {
                due -= 1.0;
                if self.concurrency.is_none_or(|concurrency| in_flight < concurrency.limit()) {
                    let work = SERVICE as f64 * (0.5 + self.draws.unit());
                    in_flight += u32::from(server.arrive(self.now, work, &mut events));
                }
            }
            server.work(self.now, &mut events);
            let in_time = |latency: &&u64| **latency <= PATIENCE;
            if self.now > begin + seconds * 500 {
                good += events.finished.iter().filter(in_time).count();
            }
            self.tell(&events, &mut in_flight);
        }
        good as f64 / (seconds as f64 / 2.0)
    }

    fn tell(&self, events: &Events, in_flight: &mut u32) {
        let now = Instant::default() + Duration::from_millis(self.now);
        for latency in &events.finished {
            match self.concurrency {
                Some(concurrency) if *latency <= PATIENCE => {
                    concurrency.succeeded(now, Duration::from_millis(*latency), *in_flight);
                }
                Some(concurrency) => concurrency.timed_out(now, Duration::from_millis(*latency), *in_flight),
                None => {}
            }
            *in_flight -= 1;
        }
        for _ in 0..events.refused {
            self.concurrency.inspect(|concurrency| concurrency.refused(now, *in_flight + 1));
        }
    }
}

#[test]
fn at_three_times_its_capacity_a_server_does_nine_tenths_of_its_best() {
    for excess in [Excess::Shared, Excess::Refused] {
        for (workers, seed) in WORKERS.into_iter().flat_map(|workers| (0..SEEDS).map(move |seed| (workers, seed))) {
            let concurrency = Concurrency::default();
            concurrency.set(Parallel::Adaptive);
            let draws = Draws::new(seed);
            let mut world = World { concurrency: Some(&concurrency), workers, excess, now: 0, draws };
            // It must have been seen at rest, or nobody knows what usual is.
            world.goodput(0.5, 10);
            let best = world.goodput(0.95, 10);
            let under = world.goodput(3.0, 30);
            let what = format!("{excess:?}, {workers} workers, seed {seed}, limit {}", concurrency.limit());
            assert!(under >= 0.9 * best, "{what}: {under:.0} of {best:.0} a second");
        }
    }
}

/// Without the limit the same overload is a collapse: the simulation can fail.
#[test]
fn without_a_limit_nobody_is_answered_in_time() {
    let draws = Draws::new(1);
    let mut world = World { concurrency: None, workers: 40, excess: Excess::Shared, now: 0, draws };
    let under = world.goodput(3.0, 10);
    assert!(under < 40.0, "{under} of 400 a second");
}
