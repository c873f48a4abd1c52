//! A tick on each worker, so that its timers wake nobody.
//!
//! Tokio wakes its own driver, by a write to an eventfd, whenever a timer is set that is due before all that were there when
//! the worker went to sleep. Each request sets two: for the provider's answer, in minutes, and for the client's next request,
//! a little sooner, so nearly each request would pay for the write and for a turn of the loop that reads it. With a timer that is
//! always due sooner, none does.

use std::cell::Cell;
use std::time::Duration;

use tokio::runtime::Handle;

/// Shorter than what requests wait for, and long for a worker that has nothing else to do.
const EVERY: Duration = Duration::from_secs(1);

thread_local! {
    static TICKS: Cell<bool> = const { Cell::new(false) };
}

/// Makes this thread's worker tick, if it does not yet.
pub fn ensure() {
    if !TICKS.replace(true)
        && let Ok(worker) = Handle::try_current()
    {
        worker.spawn(async {
            loop {
                tokio::time::sleep(EVERY).await;
            }
        });
    }
}
