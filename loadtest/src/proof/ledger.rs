//! What the database says, read past the gateway.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyPool, Row};

use crate::Result;

/// The longest wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A row of `spend_logs`, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub call_id: String,
    /// What the client marked the call with.
    pub mark: String,
    /// Pico-dollars.
    pub cost: i64,
}

/// The tables of spend.
pub struct Ledger {
    pool: AnyPool,
}

impl Ledger {
    /// At `sqlite://FILE` or `postgres://…`. Nothing is connected yet.
    ///
    /// # Errors
    /// This is no such address.
    pub fn at(url: &str) -> Result<Self> {
        install_default_drivers();
        let options = AnyPoolOptions::new().max_connections(2).acquire_timeout(CONNECT_LIMIT);
        Ok(Self { pool: options.connect_lazy(url)? })
    }

    /// All rows of a key, by its digest.
    ///
    /// # Errors
    /// The database's.
    pub async fn entries(&self, digest: &str) -> Result<Vec<Entry>> {
        let select = "SELECT call_id, session_id, cost FROM spend_logs WHERE api_key = $1";
        let rows = sqlx::query(select).bind(digest.to_owned()).fetch_all(&self.pool).await?;
        let entry = |row: sqlx::any::AnyRow| {
            Ok(Entry { call_id: row.try_get(0)?, mark: row.try_get(1)?, cost: row.try_get(2)? })
        };
        rows.into_iter().map(entry).collect()
    }

    /// Sum of all rows of a key.
    ///
    /// # Errors
    /// The database's.
    pub async fn sum(&self, digest: &str) -> Result<i64> {
        let select = "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) FROM spend_logs WHERE api_key = $1";
        Ok(sqlx::query(select).bind(digest.to_owned()).fetch_one(&self.pool).await?.try_get(0)?)
    }

    /// What is counted against the budget of a key.
    ///
    /// # Errors
    /// The database's.
    pub async fn counted(&self, digest: &str) -> Result<i64> {
        let select =
            "SELECT CAST(COALESCE(SUM(spent), 0) AS BIGINT) FROM spend_counters WHERE scope = 'key' AND id = $1";
        Ok(sqlx::query(select).bind(digest.to_owned()).fetch_one(&self.pool).await?.try_get(0)?)
    }
}

/// Those that occur more than once, by what `name` says of a row.
pub fn repeated<'a>(entries: &'a [Entry], name: impl Fn(&'a Entry) -> &'a str) -> Vec<&'a str> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries {
        *count.entry(name(entry)).or_default() += 1;
    }
    count.into_iter().filter(|(name, count)| *count > 1 && !name.is_empty()).map(|(name, _)| name).collect()
}
