//! The page of metrics. It is as long as there are label sets and budgets, tens of megabytes at worst: a thread of its own
//! makes it, for one reader after another, while the workers serve calls.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::context::Context;
use super::gateway::Shared;
use crate::clock::unix_millis;
use crate::error::{Error, Kind};

/// So long a reader waits for those before it, and hears 503 then (`tollgate_metrics_pages_refused_total`).
const PAGE_WAIT: Duration = Duration::from_secs(10);

/// Everything in Prometheus text format.
///
/// # Errors
/// [`Kind::Overloaded`] where too many others read it; [`Kind::Internal`] where it cannot be made.
pub async fn page(ctx: &Context, shared: &Shared) -> Result<Bytes, Error> {
    let Ok(Ok(turn)) = timeout(PAGE_WAIT, Arc::clone(&shared.pages).acquire_owned()).await else {
        shared.metrics.pages_refused.inc();
        return Err(Error::new(Kind::Overloaded, "Too many others read the metrics."));
    };
    let (snapshot, checkups) = (Arc::clone(&ctx.snapshot), Arc::clone(&shared.checkups));
    let (live, metrics, now) = (Arc::clone(&shared.live), Arc::clone(&shared.metrics), shared.clock.now());
    let made = tokio::task::spawn_blocking(move || {
        snapshot.measure(&checkups);
        let page = metrics.render(&live.holdings(now, unix_millis() / 1000));
        drop(turn);
        page.map_err(|error| error.to_string())
    });
    let failed = |detail: String| Error::new(Kind::Internal, "Metrics cannot be read.").detail(detail);
    made.await.map_err(|error| failed(error.to_string()))?.map(Bytes::from).map_err(failed)
}
