//! What a scope says to the store, and what it hears. One call at a time for each scope; the store's answers are
//! absolute where money is, so that a call whose answer is lost may be followed by the next as if nothing had happened.

use std::time::Duration;

use super::demand::Wanted;
use crate::limiter::window::Window;

/// Which count of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    Requests,
    Tokens,
    /// Requests at once.
    Places,
    /// By its place in [`Scope::budgets`](crate::limiter::Scope::budgets).
    Budget(usize),
}

/// What is to be said of one account.
#[derive(Clone, Debug)]
pub enum Call {
    Rate(RateCall),
    Places(PlacesCall),
    Money(MoneyCall),
}

/// Of a rate: takes, and gives back. If its answer is lost, so is what was lent with it; it is refilled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateCall {
    /// Tokens a minute.
    pub limit: u64,
    /// Used beyond what was borrowed: the bucket may go into debt for it.
    pub charge: u64,
    /// Given back.
    pub give: u64,
    /// To be lent; 0: nothing.
    pub want: u64,
    /// Less than this helps nobody.
    pub need: u64,
}

/// What the store says of a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateReply {
    pub granted: u64,
    /// After which the store's bucket is full again.
    pub full_after: Duration,
    /// What the store has left.
    pub remaining: u64,
    /// After which it has as much as was needed.
    pub wait: Duration,
}

/// Of requests at once, all absolute: what is not heard is said again by the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacesCall {
    /// Requests at once, on all nodes.
    pub limit: u64,
    /// What this node keeps, whatever the limit says: what is in use, and what it was lent and would like to keep.
    pub keep: u64,
    /// What it would like to hold; at least what it keeps.
    pub target: u64,
    /// Of that for requests that are inside or wait.
    pub need: u64,
    /// Since when the store answers.
    pub(super) era: u64,
}

/// What the store says of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacesReply {
    /// What this node holds, what the others do, and how many places they need that they did not get.
    Held { held: u64, others: u64, wanted: u64 },
    /// A later call was heard before this one.
    Stale,
}

/// Of a budget, in nano-dollars of this window: this node's own counts, from the beginning of its lease. A dollar more than
/// nine million cannot be told exactly (2^53).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoneyCall {
    /// The count that is meant; 0: none is known yet.
    pub epoch: u64,
    /// How often this scope has said farewell: each time it comes back as somebody else.
    pub generation: u64,
    /// The end of the window, in seconds since 1970; 0: there is none.
    pub window: i64,
    /// What the window is.
    pub span: Option<Window>,
    pub max: u64,
    /// Spent by this node.
    pub spent: u64,
    /// What this node wants to hold, spent money included. Less than it holds: the rest comes back.
    pub target: u64,
    /// Less than this helps nobody; the store then changes nothing.
    pub floor: u64,
    /// What the store has heard and lent is settled, and the store may forget who it was. Said once: if it is not heard,
    /// nothing is lost but a little memory.
    pub farewell: bool,
    pub(super) wanted: Wanted,
    /// What the node held when this was written, in pico-dollars.
    pub(super) seen: i64,
    /// What of `spent` this was, in pico-dollars.
    pub(super) reported: i64,
}

/// What the store says of a budget, in nano-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyReply {
    /// What this node holds, and what all nodes spent and hold.
    Held { held: u64, spent: u64, total: u64 },
    /// The store has another count: everything is told anew.
    Epoch { epoch: u64, spent: u64, total: u64 },
    /// The store is in a later window, which ends then.
    Window(i64),
    /// The store does not know this budget; somebody has to tell it what was spent.
    Absent,
    /// A later call was heard before this one.
    Stale,
}

/// What comes next after an answer was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Nothing,
    /// Ask the scope for its calls again.
    Again,
    /// Tell the store what was spent of this budget, then ask again.
    Begin,
}
