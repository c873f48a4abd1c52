//! What one caller may use: requests and tokens a minute, requests at once, money.
//!
//! The way of a request: [`admit`] takes from every [`Scope`] that limits it (its key, team, user, ...) or from none, and
//! hands out a [`Reservation`]. When the answer is known [`Reservation::settle`] puts the true tokens and the true cost
//! in place of the estimate; a reservation that is dropped gives its estimate back.
//!
//! - [`rate`] is the token bucket, [`parallel`] the count of requests in flight, [`budget`] the money and the tokens of a day
//!   ([`terms`]).
//! - [`share`] is each key's fair share of the requests in flight.
//! - [`window`] says when a budget starts anew, in LiteLLM's reading of its `budget_duration`.
//! - [`scope`] puts these together, [`message`] says in LiteLLM's words what was refused and what is left.
//!
//! Limits change while requests are in flight: [`Scope::relimited`] is a scope of other limits and the same counters.
//!
//! Everything is pure: times are arguments. All counters are single atomics that are changed by compare-and-swap, so
//! a limit holds exactly however many threads are at it, and no lock stands on a request's way. Money is counted in
//! integer pico-dollars ([`Pico`]): `limiter` stands beside `pricing` and imports nothing from it.

pub mod budget;
pub mod kind;
pub mod lease;
pub mod message;
pub mod parallel;
mod purse;
pub mod rate;
pub mod reservation;
mod scale;
pub mod scope;
pub mod share;
mod taking;
pub mod terms;
pub mod window;

pub use budget::{Budget, BudgetLimits};
pub use kind::Kind;
pub use lease::Cluster;
pub use parallel::Parallel;
pub use rate::Rate;
pub use reservation::{Actual, Ask, Reservation, admit, admit_alone};
pub use scope::{Limits, Meter, Reason, Refusal, Scope};
pub use terms::{Measure, OnExceeded};
pub use window::{Window, Zone};

/// Millionths of a millionth of a dollar. The largest is 9.2 million dollars.
pub type Pico = i64;

/// The atomics of this module: loom's, when its tests walk through all interleavings.
mod atomic {
    #[cfg(all(test, feature = "loom"))]
    pub use loom::sync::atomic::{AtomicI64, AtomicU64, Ordering};
    #[cfg(not(all(test, feature = "loom")))]
    pub use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
}

#[cfg(test)]
mod tests;
