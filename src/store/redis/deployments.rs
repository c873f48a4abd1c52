//! What gateways tell each other of their deployments: how much of a minute's `rpm` and `tpm` each holds, and whose breakers
//! are open. Each question is one command, answered or not; nothing is kept here.

use std::time::Duration;

use super::leases::Leases;
use super::scripts;
use crate::limiter::Kind;
use crate::router::lending::{LoanCall, LoanReply};

/// How long a minute is kept after the last word on it.
pub(super) const MINUTE_KEPT: Duration = Duration::from_secs(150);
/// Open breakers that are told or heard of at a time.
pub const OPENINGS_MAX: usize = 1_000;
/// How long they are kept after the last word on them, which is longer than any of them may last.
pub(super) const OPENINGS_KEPT: Duration = Duration::from_secs(86_400);

/// For how long a deployment, by its id, is left alone.
pub type Opening = (String, Duration);

impl Leases {
    /// Says how this node stands in a deployment's minute, and hears what it holds. `None`: no answer.
    pub async fn say_minute(&self, deployment: &str, call: &LoanCall) -> Option<LoanReply> {
        let sequence = self.next_sequence();
        let key = scripts::key(&self.namespace, Kind::Deployment, deployment, &format!("minute:{}", call.minute));
        let said = self.scripts.minute(&key, &self.node, sequence, call);
        match *self.invoke::<Vec<u64>>(said).await? {
            [requests, tokens, elsewhere] => Some(LoanReply { requests, tokens, elsewhere }),
            _ => None,
        }
    }

    /// Says whose breakers have opened here, and hears whose are open anywhere; at most [`OPENINGS_MAX`] of each. `None`:
    /// no answer.
    pub async fn say_openings(&self, opened: &[Opening]) -> Option<Vec<Opening>> {
        let key = format!("{}:breakers", self.namespace);
        let said = self.scripts.open(&key, opened.iter().take(OPENINGS_MAX));
        let heard: Vec<(String, u64)> = self.invoke(said).await?;
        Some(heard.into_iter().map(|(id, rest)| (id, Duration::from_millis(rest))).collect())
    }
}
