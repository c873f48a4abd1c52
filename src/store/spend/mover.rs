//! Takes finished calls from the journal to the database, behind the data plane's back.
//!
//! As long as the database is away nothing happens but that the journal grows: one batch is all that is ever in memory.
//! It is tried again after a growing pause with jitter, with smaller batches while it is too slow for large ones.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::batch::{self, BATCH_RECORDS, Batch};
use super::now_ms;
use super::status::Status;
use super::write::Refused;
use crate::store::database::Store;
use crate::store::failure::Failure;
use crate::store::journal::{Journal, Lane, Lanes, Position, SYNC_EVERY};

/// Between two looks at a journal that had nothing new.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two looks for lanes that others have left.
pub const ADOPT_EVERY: Duration = Duration::from_secs(10);
/// The first pause after a failure; each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// So soon a database that is back is made use of.
pub const LONGEST_PAUSE: Duration = Duration::from_millis(1_500);
/// Batches do not get smaller than this many records.
const FEWEST_RECORDS: usize = 8;
/// The longest that a process which ends waits for the last calls to be taken; the next one takes what is left.
pub const LAST_WAIT: Duration = Duration::from_secs(5);

/// What an operator may choose.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether each call gets its row (`disable_spend_logs` says no); budgets and roll-ups are kept anyway. Without rows
    /// a call that two lanes tell of counts twice, which does not happen unless journals are copied.
    pub keeps_logs: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keeps_logs: true }
    }
}

/// A lane, and how far it is taken over.
struct Following {
    lane: Lane,
    is_own: bool,
    /// As the database has it and as it is read from here; `None`: not known, or no longer.
    place: Option<Place>,
    /// The last that was known.
    known: Position,
    /// When the first record behind it ended, or a little before; 0: not known.
    oldest_ms: u64,
}

#[derive(Clone, Copy)]
struct Place {
    stored: Position,
    next: Position,
}

/// See the module.
pub struct Mover {
    store: Store,
    lanes: Arc<Lanes>,
    settings: Settings,
    following: Vec<Following>,
    adopted_at: Option<Instant>,
    batch_records: usize,
    status: Arc<Status>,
}

impl Mover {
    /// A mover of all lanes that no other process has.
    pub fn new(store: Store, lanes: Arc<Lanes>, settings: Settings) -> Self {
        let own = lanes.own().clone();
        let status = Arc::new(Status::new(Arc::clone(&own.journal)));
        let mut mover = Self {
            store,
            lanes,
            settings,
            following: Vec::new(),
            adopted_at: None,
            batch_records: BATCH_RECORDS,
            status,
        };
        mover.follow(own, true);
        mover
    }

    /// How far it is.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Takes over everything that is in the journals now. Before counters are read at the start.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]: the store is away; what was taken over is taken, the rest stays.
    pub async fn drain(&mut self) -> Result<(), Failure> {
        self.adopt();
        let own_end = self.lanes.own().journal.end();
        loop {
            let got_on = self.sweep().await?;
            let own = self.following.iter().find(|following| following.is_own);
            let is_behind = own.and_then(|own| own.place).is_some_and(|place| place.next >= own_end);
            if !got_on || (is_behind && self.following.len() == 1) {
                return Ok(());
            }
        }
    }

    /// Takes over what comes, and syncs the journal to disk, until `stop` says so; then what is left, for a moment.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let journal = Arc::clone(&self.lanes.own().journal);
        tokio::select! {
            () = stop => {}
            () = self.follow_all() => {}
            () = sync_all_the_time(Arc::clone(&journal)) => {}
        }
        if tokio::time::timeout(LAST_WAIT, self.drain()).await.is_err() {
            tracing::warn!(records = self.status.pending_records(), "spend is left to the next process");
        }
        let _logged = in_background(move || journal.sync()).await;
    }

    async fn follow_all(&mut self) {
        let mut failures = 0_u32;
        loop {
            if self.adopted_at.is_none_or(|at| at.elapsed() >= ADOPT_EVERY) {
                self.adopt();
            }
            let pause = match self.sweep().await {
                Ok(true) => {
                    failures = 0;
                    continue;
                }
                Ok(false) => {
                    failures = 0;
                    LOOK_EVERY
                }
                Err(_) => {
                    failures = failures.saturating_add(1);
                    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
                    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks for lanes that were left.
    fn adopt(&mut self) {
        self.adopted_at = Some(Instant::now());
        match self.lanes.abandoned() {
            Ok(left) => left.into_iter().for_each(|lane| {
                tracing::info!(records = lane.recovered.records, "spend of another process is taken over");
                self.follow(lane, false);
            }),
            Err(error) => tracing::error!(%error, "the spend journal's directory cannot be read"),
        }
    }

    fn follow(&mut self, lane: Lane, is_own: bool) {
        self.status.found.fetch_add(lane.recovered.records, Ordering::Relaxed);
        self.following.push(Following { lane, is_own, place: None, known: Position::default(), oldest_ms: 0 });
    }

    /// One batch of each lane. Returns whether there was one.
    async fn sweep(&mut self) -> Result<bool, Failure> {
        let mut got_on = false;
        let mut failed = None;
        let appended = self.status.appended();
        for at in 0..self.following.len() {
            match self.step(at).await {
                Ok(had_some) => got_on |= had_some,
                Err(failure) => failed = Some(failure),
            }
        }
        self.measure();
        self.following.retain(|following| following.is_own || !is_done(following));
        if let Some(failure) = failed {
            return Err(self.failed(failure));
        }
        if !got_on {
            self.status.nothing_is_behind(appended);
        }
        if self.status.is_failing.swap(false, Ordering::Relaxed) {
            tracing::warn!("spend is written to the database again");
        }
        Ok(got_on)
    }

    fn measure(&self) {
        let (mut bytes, mut oldest) = (0, u64::MAX);
        for following in &self.following {
            let behind = following.lane.journal.bytes_from(following.known);
            if behind > 0 && following.oldest_ms > 0 {
                oldest = oldest.min(following.oldest_ms);
            }
            bytes += behind;
        }
        self.status.pending_bytes.store(bytes, Ordering::Relaxed);
        self.status.oldest_ms.store(if oldest == u64::MAX { 0 } else { oldest }, Ordering::Relaxed);
    }

    fn failed(&mut self, failure: Failure) -> Failure {
        self.status.failures.fetch_add(1, Ordering::Relaxed);
        self.batch_records = (self.batch_records / 2).max(FEWEST_RECORDS);
        if !self.status.is_failing.swap(true, Ordering::Relaxed) {
            tracing::error!(%failure, "spend is kept in the journal only");
        }
        failure
    }

    /// One batch of one lane. Returns whether there was one.
    async fn step(&mut self, at: usize) -> Result<bool, Failure> {
        let Some(following) = self.following.get_mut(at) else { return Ok(false) };
        let journal = Arc::clone(&following.lane.journal);
        let place = match following.place {
            Some(place) => place,
            None => locate(&self.store, following, &self.status).await?,
        };
        let most = self.batch_records;
        let reader = Arc::clone(&journal);
        let batch = in_background(move || Batch::read(&reader, place.next, most)).await?;
        if batch.records == 0 {
            (following.place, following.known) = (Some(Place { next: batch.to, ..place }), batch.to);
            tidy(journal, place.next, batch.to).await;
            return Ok(false);
        }
        following.oldest_ms = batch.oldest_ms;
        let (to, newest, records, calls) = (batch.to, batch.newest_ms, batch.records, batch.rows.len() as u64);
        let lane = &following.lane.id;
        match self.store.take_over(lane, place.stored, batch, self.settings.keeps_logs, now_ms()).await {
            Ok(new) => {
                self.status.moved.fetch_add(new, Ordering::Relaxed);
                self.status.known.fetch_add(calls.saturating_sub(new), Ordering::Relaxed);
                self.status.passed.fetch_add(records, Ordering::Relaxed);
                self.batch_records = (most * 2).min(BATCH_RECORDS);
                following.place = Some(Place { stored: to, next: to });
                (following.known, following.oldest_ms) = (to, newest);
                tidy(journal, place.next, to).await;
                Ok(true)
            }
            Err(refused) => {
                // Whether the commit came through is asked anew.
                following.place = None;
                match refused {
                    Refused::Moved => Ok(true),
                    Refused::Failed(failure) => Err(failure),
                }
            }
        }
    }
}

/// Lets whole segments go. What cannot be deleted now is deleted with the next.
async fn tidy(journal: Arc<Journal>, from: Position, to: Position) {
    if to.segment > from.segment {
        let _later = in_background(move || journal.checkpoint(to)).await;
    }
}

/// Asks the database how far a lane is.
async fn locate(store: &Store, following: &mut Following, status: &Status) -> Result<Place, Failure> {
    let journal = Arc::clone(&following.lane.journal);
    let known = following.known;
    if following.oldest_ms == 0 {
        let reader = Arc::clone(&journal);
        following.oldest_ms = in_background(move || Batch::read(&reader, known, 1)).await?.oldest_ms;
    }
    let stored = store.lane_position(&following.lane.id, known, now_ms()).await?;
    let mut next = stored;
    if stored > journal.end() {
        tracing::error!(lane = %following.lane.id, "the database knows more of a spend journal than there is: read again");
        next = Position::default();
    }
    let reader = Arc::clone(&journal);
    let passed = in_background(move || batch::count(&reader, known, next)).await?;
    status.passed.fetch_add(passed, Ordering::Relaxed);
    if passed > 0 {
        following.oldest_ms = 0;
    }
    let place = Place { stored, next };
    (following.place, following.known) = (Some(place), next);
    // A process that died between a commit and this has left whole segments.
    tidy(journal, known, next).await;
    Ok(place)
}

fn is_done(following: &Following) -> bool {
    let end = following.lane.journal.end();
    following.place.is_some_and(|place| place.next >= end)
}

async fn sync_all_the_time(journal: Arc<Journal>) {
    loop {
        tokio::time::sleep(SYNC_EVERY).await;
        let journal = Arc::clone(&journal);
        // The journal has logged it.
        let _logged = in_background(move || journal.sync()).await;
    }
}

/// Work on files, away from what must not wait.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Failure::Unavailable(format!("the journal cannot be read: {error}"))),
        Err(_) => Err(Failure::Unavailable("the journal was not read".to_owned())),
    }
}
