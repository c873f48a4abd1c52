//! What a provider says is left of its own limits: read by `wire`, remembered by `router`.

use std::time::Duration;

/// What is left of the limits on requests and on tokens; `None`: the provider does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests.
    pub requests: Option<Left>,
    /// Tokens; where input and output have limits of their own, the one with the smaller part left.
    pub tokens: Option<Left>,
}

/// What is left of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// So many.
    pub remaining: u64,
    /// Of so many; `None`: the provider does not say.
    pub limit: Option<u64>,
    /// Until it is whole again; `None`: the provider does not say.
    pub reset: Option<Duration>,
}
