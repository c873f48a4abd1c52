//! The harness: a scripted [`Upstream`], the real [`Gateway`], a raw [`Client`]. A test starts the first two on free
//! ports, sends, and looks at what the client got and at what the upstream received.
//!
//! Nothing sleeps for a fixed time: what has to happen elsewhere is awaited with [`eventually`], and [`DEADLINE`] is only
//! how long a broken gateway may keep a test waiting.

mod client;
pub mod event_stream;
mod gateway;
mod h2c;
pub mod meaning;
pub mod openai;
pub mod providers;
mod reply;
pub mod servers;
mod upstream;

use std::time::Duration;

pub use client::{Client, Request, Response};
pub use gateway::{Gateway, Launch, finish};
pub use h2c::call as h2c_call;
pub use reply::{Gate, Reply, Step};
pub use upstream::{Received, Upstream};

/// The master key of the test configurations.
pub const KEY: &str = "sk-e2e-master";

/// SHA-256 of the master key, in hex.
pub fn key_digest() -> String {
    use sha2::Digest;
    sha2::Sha256::digest(KEY).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// When waiting turns into failing. Long, because a loaded machine is slow and no test waits for it to pass.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until `probe` finds something.
pub async fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = probe() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(what, wait).await
}

/// Waits until `probe`, which asks somebody, finds something.
pub async fn eventually_async<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(what, wait).await
}

/// Awaits with the deadline.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited {DEADLINE:?} for {what}"))
}
