//! Keys of `auto_rotate`, looked at again and again on one of the nodes that share a store (`admin/keys/rotation.rs`).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;

use crate::admin::{Control, rotate_due};
use crate::config::KeyRotation;

/// The longest wait until this node asks whether it is time: another one may have ended before its round.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The recurring job.
pub struct Rotation {
    /// Who changes keys.
    pub control: Arc<Control>,
    /// How often, and how gently.
    pub settings: KeyRotation,
}

impl Rotation {
    async fn rounds(&self) {
        let every = i64::try_from(self.settings.every.as_millis()).unwrap_or(i64::MAX);
        loop {
            tokio::time::sleep(self.settings.every.min(LOOK_EVERY)).await;
            match rotate_due(&self.control, every, self.settings.grace_period.as_deref()).await {
                Ok(Some(done)) => {
                    tracing::info!(keys = done.keys, failed = done.failed, forgotten = done.forgotten, "keys rotated");
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(error = error.message, "keys cannot be rotated now"),
            }
        }
    }
}

#[async_trait]
impl BackgroundService for Rotation {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = self.rounds() => {}
            _ = shutdown.changed() => {}
        }
    }
}
