//! Where the operator keeps a price table of his own: read at the start, and again when an administrator says so to this
//! node or another (`POST /reload/model_cost_map`), or by a schedule (`/schedule/model_cost_map_reload`). A file that cannot be
//! used prevents the start; an address is tried until it answers.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;
use tokio::sync::Notify;

use super::models::Models;
use crate::admin::PriceSource;
use crate::config::{Config, CostMap};
use crate::error::Error;
use crate::pricing::Book;
use crate::pricing::book::Least;
use crate::providers::credentials::http;
use crate::secret::Secret;

/// The longest wait for an address.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// A larger table is not read: ten times LiteLLM's own.
const LARGEST: usize = 16 << 20;
/// Between two tries of a table that cannot be read.
const TRY_EVERY: Duration = Duration::from_secs(30);

/// The shortest and the longest wait until it is looked whether the table is due: the clock may be set.
const LOOK_LEAST: Duration = Duration::from_secs(1);
const LOOK_MOST: Duration = Duration::from_secs(600);

/// The table in force, and where it comes from.
pub struct PriceList {
    pub book: Arc<Book>,
    place: CostMap,
    /// Why the last reading came to nothing.
    failure: Mutex<Option<String>>,
    /// When somebody asked for the reading that this table is of; `None`: nobody did, it was read at the start.
    answers_to: Mutex<Option<String>>,
    /// Another node was asked to read its own.
    news: Notify,
}

impl PriceList {
    /// The table that a configuration names, as far as it is at hand: what stands at an address is asked for with
    /// [`PriceList::fetch`].
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub fn open(config: &Config) -> Result<Self, String> {
        let list = Self {
            book: Arc::default(),
            place: config.general.cost_map.clone(),
            failure: Mutex::default(),
            answers_to: Mutex::default(),
            news: Notify::new(),
        };
        if let CostMap::File(path) = &list.place {
            list.take(from_file(path), None)?;
        }
        Ok(list)
    }

    /// Whether there is a table that can be read anew.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.place, CostMap::File(_) | CostMap::Address { .. })
    }

    /// Another node may have been asked to read its table anew.
    pub fn hear(&self) {
        self.news.notify_one();
    }

    /// Whether this table is of a reading that was asked for at this time.
    pub fn answers_to(&self, asked_at: Option<&str>) -> bool {
        lock(&self.answers_to).as_deref() == asked_at
    }

    /// Whether it is still waited for the operator's table.
    pub fn is_missing(&self) -> bool {
        matches!(self.place, CostMap::Address { .. }) && !self.book.is_operators()
    }

    /// Fetches the table's text; [`PriceList::take`] is next. `Ok(None)`: there is only the built-in one.
    ///
    /// # Errors
    /// Why not.
    pub async fn fetch(&self) -> Result<Option<Bytes>, String> {
        match &self.place {
            CostMap::BuiltIn | CostMap::Local => Ok(None),
            CostMap::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || from_file(&path)).await;
                read.map_err(|error| error.to_string()).and_then(|read| read).map(Some)
            }
            CostMap::Address { url, .. } => {
                let text = tokio::time::timeout(ANSWER_WAIT, from_address(url)).await;
                text.map_err(|_| "there was no answer in time".to_owned()).and_then(|text| text).map(Some)
            }
        }
    }

    /// Puts what was fetched in force, and says how many models it has. Some milliseconds of reading.
    ///
    /// # Errors
    /// Why not; the table before stays.
    pub fn take(&self, text: Result<Bytes, String>, asked_at: Option<&str>) -> Result<usize, String> {
        let taken = text.and_then(|text| self.book.replace(text, self.least()).map_err(|error| error.to_string()));
        let taken = taken.map_err(|why| format!("the price table {}: {why}", shown(&self.place).unwrap_or_default()));
        *lock(&self.failure) = taken.as_ref().err().cloned();
        if taken.is_ok() && asked_at.is_some() {
            *lock(&self.answers_to) = asked_at.map(str::to_owned);
        }
        taken
    }

    /// There is none to be read but the built-in one; how many models it has.
    pub fn keep(&self, asked_at: Option<&str>) -> usize {
        *lock(&self.answers_to) = asked_at.map(str::to_owned);
        self.book.models()
    }

    /// What counts as a whole table: an operator's file, whatever is in it.
    fn least(&self) -> Least {
        let CostMap::Address { min_models, max_shrink, .. } = &self.place else { return Least::ANYTHING };
        let usual = Least::default();
        Least { models: min_models.unwrap_or(usual.models), part: max_shrink.unwrap_or(usual.part) }
    }

    /// What is told of it.
    pub fn source(&self) -> PriceSource {
        let failure = lock(&self.failure).clone();
        let name = match &self.place {
            CostMap::Address { .. } if self.book.is_operators() => "remote",
            CostMap::File(_) => "file",
            _ => "local",
        };
        PriceSource { name, place: shown(&self.place), is_forced: matches!(self.place, CostMap::Local), failure }
    }
}

/// A place as it may be seen: without what may be a secret in an address.
fn shown(place: &CostMap) -> Option<String> {
    match place {
        CostMap::BuiltIn | CostMap::Local => None,
        CostMap::File(path) => Some(path.display().to_string()),
        CostMap::Address { url, .. } => {
            let uri = url.expose().parse::<::http::Uri>().ok()?;
            let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
            Some(format!("{}://{}{port}{}", uri.scheme_str()?, uri.host()?, uri.path()))
        }
    }
}

fn from_file(path: &Path) -> Result<Bytes, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST as u64 {
        return Err(too_large());
    }
    std::fs::read(path).map(Bytes::from).map_err(|error| error.to_string())
}

async fn from_address(url: &Secret) -> Result<Bytes, String> {
    let who = "its address";
    let request = http::request(who, "GET", url.expose(), &[("accept", "application/json")], Bytes::new());
    let reply = http::send_for(who, request.map_err(why)?, LARGEST).await.map_err(why)?;
    if !reply.is_success() {
        return Err(format!("the answer's status was {}", reply.status));
    }
    Ok(reply.body)
}

/// With the cause, which holds no address.
fn why(error: Error) -> String {
    let detail = error.detail.map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{}{detail}", error.message)
}

/// Nothing that holds one of these locks can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_large() -> String {
    format!("more than {} MiB are no price table", LARGEST >> 20)
}

/// Asks for what is not at hand at the start. Until it is there, calls cost what the built-in table says.
pub async fn begin(models: &Arc<Models>) {
    if models.prices.is_missing()
        && let Err(why) = models.read_prices(None).await
    {
        tracing::error!(why, "prices are those of the built-in table");
    }
}

/// Reads the table when other nodes were asked to read theirs, when it is due by the schedule, and one that was away at the start or then, until it is
/// there.
pub struct Following {
    pub models: Arc<Models>,
}

#[async_trait]
impl BackgroundService for Following {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let prices = &self.models.prices;
        let mut pause = prices.is_missing().then_some(TRY_EVERY);
        loop {
            let again = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = again => {}
                () = prices.news.notified() => {}
                _ = shutdown.changed() => return,
            }
            pause = self.follow().await.unwrap_or_else(|why| {
                tracing::warn!(why, "prices are those of an older table");
                Some(TRY_EVERY)
            });
        }
    }
}

impl Following {
    /// Reads the table if it is time, or another node was asked to. Returns when to look again unless something is heard.
    async fn follow(&self) -> Result<Option<Duration>, String> {
        let due = self.models.follow_schedule().await?;
        self.models.follow_prices().await?;
        let due = due.map(|due| Duration::from_millis(due.unsigned_abs()));
        Ok(due.map(|due| due.clamp(LOOK_LEAST, LOOK_MOST)))
    }
}
