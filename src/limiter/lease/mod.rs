//! Limits that several nodes share.
//!
//! One count of a scope is kept outside (`store::redis`). A node borrows from it ahead of its need, and its requests take
//! from what was borrowed: two atomics and no message. What is borrowed and not used is given back.
//!
//! - [`cluster`]: is the store there, how many nodes are there, which scopes want to speak with it.
//! - `allowance` is what a node has borrowed of a rate, `grant` of a budget; `demand` is who waits for more of it.
//! - `places` are those that it has borrowed of requests at once; [`line`] is who waits for one.
//! - [`call`]: what a scope says to the store, and what it hears.
//!
//! What holds, over all nodes together:
//!
//! - **Money**: spent and reserved never exceed the maximum: a node reserves what it has borrowed and nothing else. Three
//!   things are counted although they do not fit, since they cannot be taken back: a request that costs more than it
//!   reserved, a request in flight when its window ends, and, when the store has lost its data, what was not yet in the
//!   database from which it begins anew.
//! - **Rates**: within any span a limit and its refill are taken at most, and what the nodes had borrowed at its
//!   beginning: a tenth of the limit and one request of each node ([`rate_size`]); and what was given back in a message
//!   that reached the store late, since the store had refilled a part of it meanwhile. A request that asks for more than the
//!   limit is lent the whole limit, when nobody else has any of it.
//! - **Requests at once**: as many as the limit at most, on all nodes. Beyond it may be requests that were inside when the
//!   limit was lowered (a node that has not heard of that asks by the old one); those that came in without the store, or by
//!   what it had lent before it lost its data; and those of a node that was not heard for [`PLACES_KEPT`]. What a node holds
//!   and does not use, nobody else can: a tenth of the limit on all nodes together, of a limit below 20 for each node nothing.
//! - **Without the store**, or where it does not answer a request in time, rates and requests at once are limited by each
//!   node alone, to its part of the limit; money to what is borrowed ([`Outage`]).

mod allowance;
pub mod call;
pub mod cluster;
mod demand;
mod grant;
pub mod line;
mod link;
mod money;
mod places;

pub(super) use allowance::{Allowance, Leased};
pub use call::{Account, Call, MoneyCall, MoneyReply, Next, PlacesCall, PlacesReply, RateCall, RateReply};
pub use cluster::{Alone, Cluster, Outage};
pub(super) use grant::Grant;
pub use line::Line;
pub(super) use link::Link;
pub(super) use money::Reserved;
pub(super) use places::{Moment, Places};
pub use places::{NO_PLACE_FOR, PLACES_KEPT, WANTED_FOR};

use super::Pico;
use crate::clock::Instant;

/// How many leases are in a minute's limit, on all nodes together. A node borrows one ahead and holds two at most, so a
/// tenth of the limit is out at any time.
pub const LEASES_IN_LIMIT: u64 = 20;
/// A node borrows this part of a budget ahead, ...
pub const LEASES_IN_BUDGET: Pico = 100;
/// ... but not more than a dollar.
pub const LARGEST_LEASE: Pico = 1_000_000_000_000;
/// How long the store's no is an answer: nobody asks it again for as much.
pub const NO_HOLDS_FOR: std::time::Duration = std::time::Duration::from_millis(100);
/// How long a lease stays where it is, used or not.
pub const KEPT_FOR: std::time::Duration = std::time::Duration::from_secs(1);

/// Tokens that a node borrows ahead. 0 for small limits: there each request borrows for itself.
pub fn rate_size(limit: u64, nodes: u64) -> u64 {
    limit / nodes.max(1) / LEASES_IN_LIMIT
}

/// Places that a node borrows ahead: as of a rate.
fn places_size(limit: u64, nodes: u64) -> i64 {
    i64::try_from(rate_size(limit, nodes)).unwrap_or(i64::MAX)
}

/// Money that a node borrows ahead of this maximum.
pub fn money_size(max: Pico) -> Pico {
    (max / LEASES_IN_BUDGET).clamp(0, LARGEST_LEASE)
}

/// The time up to which a no holds.
fn no_until(now: Instant) -> Instant {
    now + NO_HOLDS_FOR
}

/// Half of a lease: with less than it more is borrowed.
fn low_water(size: i64) -> i64 {
    size / 2
}

/// Two leases: with more than it some is given back.
fn high_water(size: i64) -> i64 {
    size.saturating_mul(2)
}
