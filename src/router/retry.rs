//! Whether a failed attempt is followed by another one in the same group, and how soon.

use std::time::Duration;

use super::plan::PerErrorClass;
use crate::error::Kind;

/// `num_retries`, `retry_policy` and `retry_after` of `router_settings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first one.
    pub num_retries: u32,
    /// `retry_policy`: per class of error, instead of `num_retries`.
    pub per_class: PerErrorClass,
    /// `retry_after`: the shortest pause before a retry that has to wait.
    pub retry_after: Duration,
}

/// LiteLLM's `DEFAULT_MAX_RETRIES`.
pub const DEFAULT_NUM_RETRIES: u32 = 2;

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { num_retries: DEFAULT_NUM_RETRIES, per_class: PerErrorClass::default(), retry_after: Duration::ZERO }
    }
}

/// An attempt that failed before the first byte went to the client.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Why it failed.
    pub kind: Kind,
    /// Attempts made so far in this group, this one included: at least 1.
    pub attempts_so_far: u32,
    /// Whether another deployment of the group could be asked right now.
    pub other_healthy: bool,
    /// The provider's Retry-After.
    pub retry_after: Option<Duration>,
    /// For the jitter.
    pub random: u64,
}

/// What comes after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// No further attempt in this group; fallbacks are another matter.
    GiveUp,
    /// At once.
    Now,
    /// After this pause.
    After(Duration),
}

/// Decides what comes after a failed attempt.
pub fn decide(attempt: &Attempt, policy: &RetryPolicy) -> Next {
    let _ = (attempt, policy);
    Next::GiveUp
}
