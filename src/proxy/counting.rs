//! A thread that counts tokens where no provider did ([`super::uncounted`]), and ends the requests that wait for it:
//! reservation, metrics, access line. Requests hand their work over when they are over themselves, so nobody waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::billing::Bill;
use super::gateway::Shared;
use super::settle::Ending;
use super::snapshot::Snapshot;
use super::uncounted::Uncounted;
use crate::limiter::{Actual, Reservation};
use crate::pricing::{Prices, cost};
use crate::wire::usage::Usage;

/// Requests that may wait to be counted; one more is told by its length.
pub const QUEUE_LIMIT: usize = 1024;
/// Bytes of prompts and answers that may wait.
pub const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// At the end of the process the waiting requests are counted for so long; what is left then is told by its length,
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// which may take so long.
const GUESS_LIMIT: Duration = Duration::from_secs(2);

/// A request that has ended but for its tokens.
pub struct Job {
    /// What is to be counted.
    pub uncounted: Uncounted,
    /// What happens then.
    pub ending: Ending,
    /// What the spend journal is to hear then.
    pub bill: Option<Bill>,
    /// What it holds of its caller's limits.
    pub reservation: Option<Reservation>,
    /// What it holds of its deployment's budgets.
    pub outlay: Option<Reservation>,
    /// What it costs, where the deployment does not say it.
    pub prices: Option<Prices>,
    /// The request's configuration.
    pub snapshot: Arc<Snapshot>,
    /// Where it is counted.
    pub shared: Arc<Shared>,
}

impl Job {
    /// The request ends with these tokens.
    fn close(self, usage: Usage) {
        let Job { uncounted, mut ending, bill, reservation, outlay, prices, snapshot, shared } = self;
        let own = || ending.deployment().and_then(|index| snapshot.targets.get(index)).map(|target| &target.prices);
        let cost = prices
            .as_ref()
            .or_else(own)
            .filter(|prices| !prices.is_empty())
            .map(|prices| cost(prices, &usage, uncounted.tier()));
        if let Some(bill) = bill {
            drop(bill.enter(&usage, cost.as_ref(), [&outlay, &reservation], &snapshot, &shared));
        }
        let cost = cost.map_or(0, |cost| cost.total.pico());
        let actual = Actual { tokens: usage.total_tokens, cost, now: shared.clock.now() };
        [reservation, outlay].into_iter().flatten().for_each(|held| held.settle(&actual));
        shared.metrics.usage_estimated.inc();
        ending.tell(usage, cost);
        ending.close(&snapshot, &shared);
    }
}

enum Message {
    Count(Box<Job>),
    /// Everything before this is done.
    Drained(SyncSender<()>),
}

/// How much waits.
#[derive(Debug, Default)]
struct Load {
    jobs: AtomicUsize,
    bytes: AtomicUsize,
    /// The process ends: lengths are enough.
    hurry: AtomicBool,
}

impl Load {
    /// Whether there was room.
    fn enter(&self, bytes: usize) -> bool {
        let jobs = self.jobs.fetch_add(1, Ordering::Relaxed);
        let waiting = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = jobs < QUEUE_LIMIT && waiting.saturating_add(bytes) <= QUEUE_BYTES;
        if !has_room {
            self.leave(bytes);
        }
        has_room
    }

    fn leave(&self, bytes: usize) {
        self.jobs.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The way to the thread.
pub struct Counting {
    queue: SyncSender<Message>,
    load: Arc<Load>,
}

impl Counting {
    /// Starts the thread. Where there can be none, everything is told by its length.
    pub fn start() -> Self {
        // One place more than jobs are let in: the last word at the end of the process.
        let (queue, messages) = sync_channel(QUEUE_LIMIT + 1);
        let load = Arc::new(Load::default());
        let its_load = Arc::clone(&load);
        let thread = std::thread::Builder::new().name("tokenizer".to_owned()).spawn(move || run(&messages, &its_load));
        if let Err(error) = thread {
            tracing::error!(%error, "no thread for counting tokens: they are guessed");
        }
        Self { queue, load }
    }

    /// Hands a request over. Does not wait: where there is no room, its tokens are guessed at once.
    pub fn push(&self, job: Job) {
        let size = job.uncounted.size();
        if !self.load.enter(size) {
            return guess(job);
        }
        let refused = self.queue.try_send(Message::Count(Box::new(job))).map_err(|error| match error {
            std::sync::mpsc::TrySendError::Full(message) | std::sync::mpsc::TrySendError::Disconnected(message) => {
                message
            }
        });
        if let Err(Message::Count(job)) = refused {
            self.load.leave(size);
            guess(*job);
        }
    }

    /// Waits until everything that was handed over is counted, or told by its length. For the end of the process, when nobody
    /// hands anything over any more.
    pub fn drain(&self) {
        let (done, drained) = sync_channel(1);
        if self.queue.try_send(Message::Drained(done)).is_err() || drained.recv_timeout(DRAIN_LIMIT).is_ok() {
            return;
        }
        self.load.hurry.store(true, Ordering::Relaxed);
        if drained.recv_timeout(GUESS_LIMIT).is_err() {
            tracing::error!(
                requests = self.load.jobs.load(Ordering::Relaxed),
                "ended before their tokens were counted"
            );
        }
    }
}

fn guess(job: Job) {
    job.shared.metrics.tokenizer_queue_full.inc();
    let usage = job.uncounted.guess();
    job.close(usage);
}

fn run(messages: &Receiver<Message>, load: &Load) {
    while let Ok(message) = messages.recv() {
        match message {
            Message::Count(job) => {
                let size = job.uncounted.size();
                // A panic in the tokeniser (the hook counts it) must not end the thread, nor the request go free.
                let counted = match load.hurry.load(Ordering::Relaxed) {
                    true => None,
                    false => catch_unwind(AssertUnwindSafe(|| job.uncounted.count())).ok(),
                };
                let usage = counted.unwrap_or_else(|| job.uncounted.guess());
                let _panicked = catch_unwind(AssertUnwindSafe(|| job.close(usage)));
                load.leave(size);
            }
            Message::Drained(done) => drop(done.try_send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded() {
        let load = Load::default();
        assert!(!load.enter(QUEUE_BYTES + 1));
        assert!(load.enter(QUEUE_BYTES) && !load.enter(1));
        load.leave(QUEUE_BYTES);
        assert!((0..QUEUE_LIMIT).all(|_| load.enter(0)) && !load.enter(0));
        (0..QUEUE_LIMIT).for_each(|_| load.leave(0));
        assert_eq!((load.jobs.into_inner(), load.bytes.into_inner()), (0, 0));
    }

    #[test]
    fn an_idle_thread_is_drained_at_once() {
        let counting = Counting::start();
        counting.drain();
        assert!(!counting.load.hurry.load(Ordering::Relaxed));
    }
}
