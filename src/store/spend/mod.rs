//! Spend in the database: what calls did cost, and the reports of it.
//!
//! - [`mover`] takes finished calls from the journal to the database, each exactly once: [`batch`] reads some of them
//!   ([`row`] is one), [`write`] puts them into four tables in one transaction, [`status`] tells how far it is.
//! - [`call`] is a finished call as the database knows it, [`daily`] the roll-up of a day.
//! - [`query`] answers reports, [`retention`] lets old rows go.

pub mod batch;
pub mod call;
mod daily;
pub mod mover;
pub mod query;
pub mod retention;
mod row;
pub mod status;
#[cfg(test)]
mod tests;
mod write;

pub use call::{Call, Rest};
pub use mover::{Mover, Settings};
pub use status::Status;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
