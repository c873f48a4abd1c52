//! Who may call, and what they may still use: keys, teams, users and their like as the data plane sees them.
//!
//! - [`rows`] is what is read of stored objects, [`plan`] what follows from a key's row and those that it names. Pure.
//! - [`declared`] makes objects of what the configuration declares.
//! - [`live`] holds the seats of the keys that were seen lately. A request finds its seat without a lock and without a
//!   query; only the first sight of an unknown key asks the store ([`load`]).
//! - [`seat`] is a key's place: its rules and the counters that its calls go to. All keys of a team share the team's.
//!   `throttled` is how a key goes on whose budget is used up; `newcomers` are end users whom a key is the first to name.
//! - `outlay` is what deployments and providers may cost, whoever calls.
//! - `holdings` is how everybody stands with their budgets, for metrics.
//! - [`alarms`] are budgets of which somebody should be told.
//! - [`keep`] follows what was changed elsewhere, and forgets what nobody uses; `others` reads what other nodes have spent.

pub mod alarms;
pub mod declared;
mod holdings;
pub mod keep;
pub mod live;
mod load;
mod newcomers;
mod others;
mod outlay;
pub mod plan;
pub mod rows;
pub mod scopes;
pub mod seat;
mod throttled;

pub use live::{Found, Live};
pub use seat::{Caller, Seat};
