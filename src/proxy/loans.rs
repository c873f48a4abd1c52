//! Where gateways share a deployment's `rpm` and `tpm`, a request takes from what this gateway was lent ahead and asks nobody.
//! Only one that finds nothing left of any deployment waits a moment, while more is asked for.

use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::gateway::Shared;
use crate::router::Router;
use crate::router::needs::Needs;
use crate::router::plan::GroupIx;

/// How long a request waits for a loan: as long as an answer of the lender that is on its way may take, and the next one.
pub const LOAN_WAIT: Duration = Duration::from_millis(100);

/// Between requests that want more and the rounds in which more is asked for.
#[derive(Debug)]
pub struct Loans {
    asked: Notify,
    rounds: watch::Sender<()>,
}

impl Default for Loans {
    fn default() -> Self {
        Self { asked: Notify::new(), rounds: watch::Sender::new(()) }
    }
}

impl Loans {
    /// Completes when a request wants more.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// A round is over: whoever waits looks again.
    pub fn round_ended(&self) {
        self.rounds.send_replace(());
    }

    /// Has a round begun and waits for its end. `false`: not in time.
    async fn round(&self, deadline: Instant) -> bool {
        let mut rounds = self.rounds.subscribe();
        self.asked.notify_one();
        timeout_at(deadline, rounds.changed()).await.is_ok_and(|ended| ended.is_ok())
    }
}

/// Nobody of the group has room: waits for more of it, if that may come. `since` is when the request has begun to wait, which
/// it does for [`LOAN_WAIT`] at most, all in all. Whether to choose again.
pub async fn more(
    shared: &Shared,
    router: &Router,
    group: GroupIx,
    needs: &Needs,
    since: &mut Option<Instant>,
) -> bool {
    let Some(leases) = &shared.leases else { return false };
    if !router.wants_loan(group, shared.clock.now(), needs) {
        return false;
    }
    let begun = *since.get_or_insert_with(|| {
        leases.health().waited();
        Instant::now()
    });
    shared.loans.round(begun + LOAN_WAIT).await
}
