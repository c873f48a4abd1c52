//! What must hold whatever happens, with real processes: the gateway's binary, PostgreSQL, Redis, a mock upstream.
//!
//! - [`race`]: `loadtest budget-race`, a thousand calls at once on one dollar;
//! - [`kill`]: `loadtest kill9`, a gateway that is killed under load;
//! - [`stores`]: `loadtest stores`, databases that fail in every way while calls come in.
//!
//! Each prints a line a run and fails if anything did not hold. Behind them: [`node`] is a gateway, [`servers`] are the
//! databases, [`pipe`] is a line that can be cut, [`caller`] a client that keeps its calls' ids, [`ledger`] reads the
//! database itself, past the gateway.

pub mod caller;
pub mod kill;
pub mod ledger;
pub mod node;
pub mod pipe;
pub mod race;
pub mod servers;
pub mod stores;

use std::time::{Duration, Instant};

use crate::Result;

/// Pico-dollars of a cent, which is what each call costs.
pub const CENT: i64 = 10_000_000_000;
/// Output tokens of such a call.
pub const TOKENS: u64 = 10;
/// Between two looks at what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `probe` finds something.
///
/// # Errors
/// It does not in `limit`.
pub async fn eventually<T>(what: &str, limit: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return Ok(found);
        }
        if begun.elapsed() > limit {
            return Err(format!("waited {limit:?} for {what}").into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
