//! Several changes at once, or none of them.

use serde_json::{Map, Value};
use sqlx::AnyConnection;

use super::counters::Counter;
use super::database::{STORE_WAIT, Store};
use super::failure::Failure;
use super::objects::{Kind, Object};
use super::resets;
use super::statement::Statement;

/// How often a commit is tried that only met another commit.
const TRIES: u32 = 20;
/// Changes that other nodes can still read about; who has missed more reads everything anew.
pub const CHANGES_KEPT: i64 = 100_000;

/// One change.
#[derive(Clone, Debug)]
pub enum Change {
    /// Stores an object. Of version 0 it must not be there, of another it must be there in just this version.
    Put(Object),
    /// Deletes an object, if it is there.
    Delete(Kind, String),
    /// Says what is spent of a budget of something that nobody has used yet.
    Spent(Counter),
    /// Notes who changed what.
    Audit(Audit),
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// A new UUID.
    pub id: String,
    /// Who did it: a user's id.
    pub changed_by: String,
    /// The digest of the key it was done with.
    pub api_key: String,
    /// `created`, `updated`, `deleted`, `blocked` …
    pub action: String,
    /// LiteLLM's name of the table, e.g. `LiteLLM_VerificationToken`.
    pub table_name: String,
    pub object_id: String,
    pub before: Option<Map<String, Value>>,
    pub after: Option<Map<String, Value>>,
}

impl Store {
    /// Makes all of these changes at this time (milliseconds since 1970), or none. Those of one process come one after the
    /// other, so that only other nodes' are met; nobody waits longer for their turn than [`STORE_WAIT`].
    ///
    /// # Errors
    /// [`Failure::Exists`], [`Failure::AliasTaken`], [`Failure::Changed`], [`Failure::Unavailable`].
    pub async fn commit(&self, changes: &[Change], now: i64) -> Result<(), Failure> {
        let late = |_| Failure::Unavailable("others write for too long".to_owned());
        let _turn = tokio::time::timeout(STORE_WAIT, self.writing.lock()).await.map_err(late)?;
        for _ in 1..TRIES {
            match self.try_commit(changes, now).await {
                Err(Attempt::MetAnother) => tokio::task::yield_now().await,
                Err(Attempt::Failed(failure)) => return Err(failure),
                Ok(()) => return Ok(()),
            }
        }
        Err(Failure::Unavailable("too many write at once".to_owned()))
    }

    async fn try_commit(&self, changes: &[Change], now: i64) -> Result<(), Attempt> {
        let work = async {
            let mut transaction = self.pool().begin().await?;
            // First, because it makes SQLite a writer at once, and gives PostgreSQL's commits their order: the numbers
            // have no gaps, and a number is seen only when all before it are.
            number(&mut transaction, changes).await?;
            for change in changes {
                make(&mut transaction, change, now).await?;
            }
            transaction.commit().await?;
            Ok(())
        };
        match tokio::time::timeout(STORE_WAIT, work).await {
            Ok(done) => done,
            Err(_) => Err(Attempt::Failed(Failure::Unavailable("no answer in time".to_owned()))),
        }
    }
}

enum Attempt {
    /// Another commit took the same numbers, or the file: nothing is wrong.
    MetAnother,
    Failed(Failure),
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<sqlx::Error> for Attempt {
    fn from(error: sqlx::Error) -> Self {
        match Failure::of(&error) {
            Failure::Changed => Self::MetAnother,
            Failure::Unavailable(text) if text.contains("database is locked") => Self::MetAnother,
            failure => Self::Failed(failure),
        }
    }
}

async fn number(connection: &mut AnyConnection, changes: &[Change]) -> Result<(), sqlx::Error> {
    for (kind, id) in changes.iter().filter_map(touched) {
        let mut query = Statement::new("INSERT INTO changes (seq, kind, id) SELECT COALESCE(MAX(seq), 0) + 1, ");
        // PostgreSQL does not know the type of a bare parameter in a SELECT.
        query.push("CAST(").bind(kind.as_str()).push(" AS TEXT), CAST(").bind(id.to_owned());
        query.push(" AS TEXT) FROM changes");
        query.execute(&mut *connection).await?;
    }
    let mut query = Statement::new("DELETE FROM changes WHERE seq <= (SELECT MAX(seq) FROM changes) - ");
    query.bind(CHANGES_KEPT);
    query.execute(&mut *connection).await?;
    Ok(())
}

fn touched(change: &Change) -> Option<(Kind, &str)> {
    match change {
        Change::Put(object) => Some((object.kind, &object.id)),
        Change::Delete(kind, id) => Some((*kind, id)),
        Change::Spent(_) | Change::Audit(_) => None,
    }
}

async fn make(connection: &mut AnyConnection, change: &Change, now: i64) -> Result<(), Attempt> {
    match change {
        Change::Put(object) if object.version == 0 => insert(connection, object, now).await,
        Change::Put(object) => replace(connection, object, now).await,
        Change::Delete(kind, id) => {
            let mut query = Statement::new("DELETE FROM objects WHERE kind = ");
            query.bind(kind.as_str()).push(" AND id = ").bind(id.clone());
            query.execute(&mut *connection).await?;
            Ok(())
        }
        Change::Spent(counter) => Ok(resets::write(connection, counter.clone()).await?),
        Change::Audit(audit) => note(connection, audit, now).await,
    }
}

async fn insert(connection: &mut AnyConnection, object: &Object, now: i64) -> Result<(), Attempt> {
    let mut query = Statement::new(
        "INSERT INTO objects (kind, id, alias, user_id, team_id, organization_id, version, created_at, updated_at, doc) \
         VALUES (",
    );
    query.bind(object.kind.as_str()).push(", ").bind(object.id.clone()).push(", ");
    let found_by = [&object.alias, &object.user_id, &object.team_id, &object.organization_id];
    query.bind_list(found_by.map(Clone::clone)).push(", ");
    query.bind_list([1, now, now]).push(", ").bind(text(&object.doc)).push(")");
    query.execute(&mut *connection).await?;
    Ok(())
}

async fn replace(connection: &mut AnyConnection, object: &Object, now: i64) -> Result<(), Attempt> {
    let mut query = Statement::new("UPDATE objects SET version = version + 1, alias = ");
    query.bind(object.alias.clone());
    query.push(", user_id = ").bind(object.user_id.clone());
    query.push(", team_id = ").bind(object.team_id.clone());
    query.push(", organization_id = ").bind(object.organization_id.clone());
    query.push(", updated_at = ").bind(now).push(", doc = ").bind(text(&object.doc));
    query.push(" WHERE kind = ").bind(object.kind.as_str()).push(" AND id = ").bind(object.id.clone());
    query.push(" AND version = ").bind(object.version);
    match query.execute(&mut *connection).await?.rows_affected() {
        0 => Err(Attempt::Failed(Failure::Changed)),
        _ => Ok(()),
    }
}

async fn note(connection: &mut AnyConnection, audit: &Audit, now: i64) -> Result<(), Attempt> {
    let mut query = Statement::new(
        "INSERT INTO audit_log (id, at, changed_by, api_key, action, table_name, object_id, before_doc, after_doc) \
         VALUES (",
    );
    query.bind(audit.id.clone()).push(", ").bind(now).push(", ");
    let words = [&audit.changed_by, &audit.api_key, &audit.action, &audit.table_name, &audit.object_id];
    query.bind_list(words.map(Clone::clone)).push(", ");
    query.bind_list([&audit.before, &audit.after].map(|doc| doc.as_ref().map(text))).push(")");
    query.execute(&mut *connection).await?;
    Ok(())
}

fn text(doc: &Map<String, Value>) -> String {
    serde_json::to_string(doc).unwrap_or_default()
}
