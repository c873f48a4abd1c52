//! What is gone of each budget.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::Store;
use super::failure::Failure;
use super::statement::Statement;

/// Scopes that are asked for at once.
const AT_ONCE: usize = 200;

/// Ids in one statement: PostgreSQL's limit of parameters is 65,535, SQLite's 32,766.
const MOST_IDS: usize = 1_000;

const SELECT: &str = "SELECT scope, id, budget, spent, resets_at FROM spend_counters WHERE ";

/// The scope under which stands what a key has spent over all windows, by the key's id: nothing sets it back.
pub const KEY_TOTAL: &str = "key_total";

/// A budget and what is gone of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// `key`, `team` … (`limiter::Kind::as_str`).
    pub scope: String,
    pub id: String,
    /// Empty: the one of `budget_duration`.
    pub budget: String,
    /// Pico-dollars.
    pub spent: i64,
    /// Seconds since 1970; 0: never.
    pub resets_at: i64,
}

impl Store {
    /// The counters of these scopes, each a kind and an id.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn counters_of(&self, scopes: &[(&str, &str)]) -> Result<Vec<Counter>, Failure> {
        let mut found = Vec::new();
        for some in scopes.chunks(AT_ONCE) {
            let mut query = Statement::new(SELECT);
            for (index, (scope, id)) in some.iter().enumerate() {
                query.push(if index == 0 { "(scope = " } else { " OR (scope = " });
                query.bind((*scope).to_owned()).push(" AND id = ").bind((*id).to_owned()).push(")");
            }
            let rows = self.in_time(query.rows(&self.pool())).await?;
            for row in &rows {
                found.push(counter(row)?);
            }
        }
        Ok(found)
    }

    /// The counters of a scope, and of those of its kind whose ids begin with `id:`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn counters_under(&self, scope: &'static str, id: &str) -> Result<Vec<Counter>, Failure> {
        let below = format!("{id}:");
        let mut query = Statement::new(SELECT);
        query.push("scope = ").bind(scope).push(" AND (id = ").bind(id.to_owned());
        query.push(" OR SUBSTR(id, 1, LENGTH(").bind(below.clone()).push(")) = ").bind(below).push(")");
        let rows = self.in_time(query.rows(&self.pool())).await?;
        rows.iter().map(counter).collect()
    }

    /// What each of these has spent in the window that `now` (seconds since 1970) is in, in pico-dollars. Who is not in
    /// the answer has spent nothing.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn spent(&self, scope: &'static str, ids: &[String], now: i64) -> Result<HashMap<String, i64>, Failure> {
        let mut spent = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(MOST_IDS) {
            let mut query = Statement::new("SELECT id, spent FROM spend_counters WHERE budget = '' AND scope = ");
            query.bind(scope).push(" AND (resets_at = 0 OR resets_at > ").bind(now).push(") AND id IN (");
            query.bind_list(ids.to_vec()).push(")");
            for row in self.in_time(query.rows(&self.pool())).await? {
                spent.insert(row.try_get("id")?, row.try_get("spent")?);
            }
        }
        Ok(spent)
    }
}

fn counter(row: &AnyRow) -> Result<Counter, Failure> {
    Ok(Counter {
        scope: row.try_get("scope")?,
        id: row.try_get("id")?,
        budget: row.try_get("budget")?,
        spent: row.try_get("spent")?,
        resets_at: row.try_get("resets_at")?,
    })
}
