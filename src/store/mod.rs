//! What outlives the process.
//!
//! - [`database`] is the pool of connections: SQLite in a file, or PostgreSQL; one schema (`migrations/`), one code;
//!   `door` tells when it refuses connections.
//! - [`objects`] keeps what is managed (keys, users, teams, models, ...), [`commit`] changes several of them at once or
//!   not at all, [`changes`] tells other nodes what was changed.
//! - [`counters`] is what is gone of each budget, [`resets`] sets it, [`audit`] who changed what.
//! - [`alerts`] is of which crossed budgets the operator was told.
//! - [`view`] lays what the configuration declares over what is stored.
//! - [`seal`] keeps secrets within them.
//! - [`journal`] takes every finished call before the client has its last byte, on disk and without the database;
//!   [`spend`] moves it to the database, and answers from there. [`files`] is what the journal stands on.
//! - [`litellm`] reads the database of a LiteLLM proxy, whose place is taken.
//! - [`redis`] is what many nodes share between two changes: what is left of limits.
//! - [`failure`] is what can go wrong.
//!
//! Nothing here stands on a request's way, but for the first sight of an unknown key and the journal's one write.

pub mod alerts;
pub mod audit;
pub mod changes;
pub mod commit;
pub mod counters;
pub mod database;
mod door;
pub mod failure;
pub mod files;
pub mod journal;
pub mod litellm;
pub mod objects;
pub mod redis;
pub mod resets;
pub mod seal;
pub mod spend;
mod statement;
pub mod view;

pub use audit::AuditFilter;
pub use commit::{Audit, Change};
pub use counters::{Counter, KEY_TOTAL};
pub use database::{Location, Store};
pub use failure::Failure;
pub use objects::{Filter, Kind, Object, Order, Page};
pub use seal::{SealError, SealKey};
pub use view::View;
