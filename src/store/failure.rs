//! What can go wrong with a store.

use std::fmt;

/// Why nothing was read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An object of this kind and id is there already.
    Exists,
    /// Another key has this alias.
    AliasTaken,
    /// The object was changed or deleted by somebody else meanwhile: read it again.
    Changed,
    /// The store does not answer, or not in time. The text is for the log and tells no secret.
    Unavailable(String),
    /// The store answers, and takes no such value: a text that is too long to be looked up, one with a NUL in it.
    Refused(String),
    /// The store holds something that is not understood.
    Corrupt(String),
}

impl Failure {
    /// What a driver's error means.
    pub(super) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => {
                let text = database.message();
                match () {
                    () if is_about_values(database.as_ref()) => Self::Refused(text.to_owned()),
                    () if !database.is_unique_violation() => Self::Unavailable(text.to_owned()),
                    () if names(database.as_ref(), "objects_key_alias", "objects.alias") => Self::AliasTaken,
                    () if names(database.as_ref(), "changes_pkey", "changes.seq") => Self::Changed,
                    () => Self::Exists,
                }
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Self::Corrupt(error.to_string())
            }
            // A driver's other errors may hold the address with its password.
            sqlx::Error::PoolTimedOut => Self::Unavailable("no connection in time".to_owned()),
            sqlx::Error::Io(error) => Self::Unavailable(error.kind().to_string()),
            _ => Self::Unavailable("the database cannot be used".to_owned()),
        }
    }
}

/// PostgreSQL's classes of codes for values that cannot be, and for those beyond its limits. SQLite takes all of them.
const ABOUT_VALUES: [&str; 2] = ["22", "54"];
/// PostgreSQL's codes have five letters, SQLite's numbers fewer.
const CODE_LETTERS: usize = 5;

fn is_about_values(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    code.len() == CODE_LETTERS && ABOUT_VALUES.iter().any(|class| code.starts_with(class))
}

/// PostgreSQL names the constraint, SQLite the columns.
fn names(error: &dyn sqlx::error::DatabaseError, constraint: &str, columns: &str) -> bool {
    error.constraint() == Some(constraint) || error.message().contains(constraint) || error.message().contains(columns)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("it exists already"),
            Self::AliasTaken => f.write_str("the alias is taken"),
            Self::Changed => f.write_str("it was changed meanwhile"),
            Self::Unavailable(why) => write!(f, "the store is not available: {why}"),
            Self::Refused(why) => write!(f, "the store takes no such value: {why}"),
            Self::Corrupt(why) => write!(f, "the store holds what is not understood: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::of(&error)
    }
}
