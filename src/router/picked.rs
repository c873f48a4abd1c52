//! What a choice takes hold of.

use std::sync::Arc;

use super::Taken;
use super::breaker::Entered;
use super::plan::DeploymentIx;
use super::state::{DeploymentState, InFlight};

/// The deployment that gets the next attempt.
#[derive(Debug)]
pub struct Pick {
    /// Which.
    pub deployment: DeploymentIx,
    /// Its `order` in the group.
    pub order: i32,
    /// Held as long as the attempt lasts.
    pub in_flight: InFlight,
    /// Its part of the deployment's minute, where `rpm`, `tpm` or tokens are counted; settled when the answer is known.
    pub taken: Option<Taken>,
    /// Where the deployment is asked whether it is well again.
    pub probe: Option<Probe>,
}

/// The only request at a half-open breaker, until the deployment has answered. Dropped before, it lets another one be the
/// probe.
#[derive(Debug)]
pub struct Probe {
    pub(super) state: Arc<DeploymentState>,
    pub(super) entered: Entered,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.state.leave(self.entered);
    }
}
