//! Whose turn it is on a worker.
//!
//! Under load several requests are ready at once. Where each of them is about to make a system call that one could make for
//! all, or that wakes somebody whom one need wake only once, it lets the others come to the same point first.

use std::future::poll_fn;
use std::task::Poll;

/// Completes when all that is ready on this worker now has had its turn; at once where nothing is. Where workers steal from each
/// other a task that wakes itself may be polled again sooner, a few times in a row; then less is done together.
///
/// Tokio's own `yield_now` looks for events first, a system call each time that made a request dearer than one write.
pub async fn others_first() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn what_is_ready_goes_first() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let request = |name, is_polite: bool| {
            let order = Arc::clone(&order);
            async move {
                if is_polite {
                    others_first().await;
                }
                order.lock().unwrap().push(name);
            }
        };
        runtime.block_on(async {
            let tasks = [("first", true), ("second", true), ("ready", false)]
                .map(|(name, is_polite)| tokio::spawn(request(name, is_polite)));
            for task in tasks {
                task.await.unwrap();
            }
            request("alone", true).await;
        });
        assert_eq!(*order.lock().unwrap(), ["ready", "first", "second", "alone"]);
    }
}
