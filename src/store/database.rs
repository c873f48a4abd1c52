//! The pool of connections, the same for SQLite and PostgreSQL: all SQL here is understood by both.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;

use super::door::{Door, PATIENCE};
use super::failure::Failure;
use crate::secret::Secret;

/// Connections unless `database_connection_pool_limit` says otherwise.
pub const POOL_SIZE: u32 = 10;
/// The longest wait for a connection, and for one statement's answer; then the store counts as away.
pub const STORE_WAIT: Duration = Duration::from_secs(5);
/// Connections that nobody used for this long are closed.
const IDLE: Duration = Duration::from_secs(300);
/// For SQLite: how long a writer waits for another. Through this many milliseconds the file is one writer's.
const SQLITE_SETTINGS: [&str; 3] =
    ["PRAGMA busy_timeout = 4000", "PRAGMA synchronous = NORMAL", "PRAGMA temp_store = MEMORY"];

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Location {
    /// A file of SQLite's; made if it is not there.
    Sqlite(Box<Path>),
    /// A URL, `postgres://user:password@host/database`.
    Postgres(Secret),
}

/// The store. A clone is the same store.
#[derive(Clone)]
pub struct Store {
    options: AnyPoolOptions,
    connect: AnyConnectOptions,
    /// Made by the first who asks, because it belongs to the runtime it was made in.
    pool: Arc<Mutex<Option<AnyPool>>>,
    is_postgres: bool,
    /// Held by whoever commits: of those of one process none meets another.
    pub(super) writing: Arc<tokio::sync::Mutex<()>>,
    /// Of PostgreSQL by TCP.
    door: Option<Arc<Door>>,
}

impl Store {
    /// A store at this location. Nothing is connected yet, so that a process can start while its store is away.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]: this is no location.
    pub fn at(location: &Location, pool_size: u32) -> Result<Self, Failure> {
        install_default_drivers();
        let is_postgres = matches!(location, Location::Postgres(_));
        let url = match location {
            Location::Sqlite(path) => format!("sqlite://{}?mode=rwc", path.display()),
            Location::Postgres(url) => url.expose().to_owned(),
        };
        let options = AnyPoolOptions::new()
            .max_connections(pool_size.max(1))
            .min_connections(0)
            .acquire_timeout(STORE_WAIT)
            .idle_timeout(IDLE)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for setting in SQLITE_SETTINGS.iter().filter(|_| !is_postgres) {
                        sqlx::query(setting).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            });
        let connect =
            AnyConnectOptions::from_str(&url).map_err(|_| Failure::Unavailable("its address is none".to_owned()))?;
        let door = is_postgres.then(|| door(&url)).flatten().map(Arc::new);
        Ok(Self { options, connect, pool: Arc::default(), is_postgres, writing: Arc::default(), door })
    }

    /// The same store by connections of its own, so many at most: theirs are the threads of whoever uses them first.
    #[must_use]
    pub fn apart(&self, connections: u32) -> Self {
        let options = self.options.clone().max_connections(connections.max(1));
        Self { options, pool: Arc::default(), ..self.clone() }
    }

    pub(super) fn pool(&self) -> AnyPool {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || self.options.clone().connect_lazy_with(self.connect.clone());
        pool.get_or_insert_with(make).clone()
    }

    /// A statement's answer, or none in time: a store that hangs must not hang who asks it, and one that is not there is
    /// not waited for.
    ///
    /// # Errors
    /// Those of the statement; [`Failure::Unavailable`] without an answer within [`STORE_WAIT`].
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
        let late = |_| Err(Failure::Unavailable("no answer in time".to_owned()));
        tokio::time::timeout(STORE_WAIT, self.while_open(work)).await.unwrap_or_else(late)
    }

    /// The answer, unless the door is found closed before it is there.
    async fn while_open<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
        let Some(door) = &self.door else { return work.await.map_err(Failure::from) };
        let closed = || Failure::Unavailable("it refuses connections".to_owned());
        if door.is_closed().await {
            return Err(closed());
        }
        let mut work = std::pin::pin!(work);
        loop {
            let look = async {
                tokio::time::sleep(PATIENCE).await;
                door.look().await
            };
            tokio::select! {
                biased;
                done = &mut work => {
                    if done.is_ok() {
                        door.answered();
                    }
                    return done.map_err(Failure::from);
                }
                is_closed = look => if is_closed {
                    return Err(closed());
                }
            }
        }
    }

    /// Brings the schema up to date. Several processes may do so at once.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], also if the schema is newer than this release.
    pub async fn migrate(&self) -> Result<(), Failure> {
        if !self.is_postgres {
            self.in_time(sqlx::query("PRAGMA journal_mode = WAL").execute(&self.pool())).await?;
        }
        let migrated = tokio::time::timeout(STORE_WAIT.saturating_mul(12), MIGRATIONS.run(&self.pool())).await;
        match migrated {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::Unavailable(format!("migration: {error}"))),
            Err(_) => Err(Failure::Unavailable("migration: no answer in time".to_owned())),
        }
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn ping(&self) -> Result<(), Failure> {
        self.in_time(sqlx::query("SELECT 1").execute(&self.pool())).await.map(|_| ())
    }

    /// Whether it is PostgreSQL, which other nodes may use too.
    pub fn is_shared(&self) -> bool {
        self.is_postgres
    }

    /// Ends all connections; whoever asks next is told that the store is away.
    pub async fn close(&self) {
        self.pool().close().await;
    }

    /// Ends all connections; whoever asks next makes new ones. For the end of a runtime.
    pub async fn disconnect(&self) {
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pool) = pool {
            let _ended = tokio::time::timeout(STORE_WAIT, pool.close()).await;
        }
    }
}

/// The door of PostgreSQL's URL; `None`: it has none that could be looked at.
fn door(url: &str) -> Option<Door> {
    let options = PgConnectOptions::from_str(url).ok()?;
    options.get_socket().is_none().then(|| Door::at(options.get_host(), options.get_port()))
}

impl fmt::Debug for Store {
    /// Without its address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store(postgres: {})", self.is_postgres)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::super::door::tests::black_hole;
    use super::*;

    #[tokio::test]
    async fn however_many_wait_for_one_that_hangs_none_waits_longer() {
        let (port, _held) = black_hole().await;
        let url = Secret::new(format!("postgres://nobody@127.0.0.1:{port}/none"));
        let store = Store::at(&Location::Postgres(url), 2).unwrap();
        let ask = || store.in_time(std::future::pending::<Result<(), sqlx::Error>>());
        let asked = tokio::time::timeout(STORE_WAIT * 4, join_all((0..60).map(|_| ask()))).await.unwrap();
        assert!(asked.into_iter().all(|answer| matches!(answer, Err(Failure::Unavailable(_)))));
    }
}
