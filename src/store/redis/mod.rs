//! Limits of many nodes in one Redis (7 or later, or Valkey): who keeps what `limiter::lease` borrows.
//!
//! - [`Leases`] is what the data plane asks: [`Leases::admit`] where [`limiter::admit`](crate::limiter::admit) would be
//!   asked on a single node. [`Leases::run`] speaks with Redis in the background for as long as the gateway runs.
//! - `scripts` are the commands, one for each account of a scope; their text is in `scripts/`. All keys of a scope have
//!   one hash tag, `{kind:id}`, so each command stays on one node of a cluster.
//! - `deployments` is what gateways tell each other of deployments: loans of `rpm` and `tpm`, open breakers.
//! - `connection` is one connection, made anew whenever it breaks; nobody waits for one.
//! - [`Ledger`] says what was spent before, where Redis does not know.
//! - [`Health`] is what an operator sees of it.

mod connection;
mod deployments;
mod flights;
mod health;
mod leases;
mod ledger;
mod scripts;
mod tasks;

pub use connection::{BadAddress, Tls};
pub use deployments::{OPENINGS_MAX, Opening};
pub use health::Health;
pub use leases::{LEASE_WAIT, Leases, Settings};
pub use ledger::{Before, Ledger};
pub use tasks::LEAVE_WITHIN;
