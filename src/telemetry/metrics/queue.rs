//! What a queue of waiting requests counts.

use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec};

use super::list::List;

const GROUP: &str = "model_group";

/// Metrics of one model group's queue, resolved when the configuration is loaded.
pub struct QueueHandles {
    /// Requests that wait for a place.
    pub length: IntGauge,
    /// Seconds until there was one.
    pub wait: Histogram,
    refused: IntCounterVec,
    group: String,
}

impl QueueHandles {
    /// Counts a request that was not let wait, or not for longer.
    pub fn refused(&self, reason: &str) {
        self.refused.with_label_values(&[self.group.as_str(), reason]).inc();
    }
}

/// The vectors behind the handles.
pub(super) struct QueueVectors {
    length: IntGaugeVec,
    wait: HistogramVec,
    refused: IntCounterVec,
}

impl QueueVectors {
    /// Registers them.
    pub(super) fn register(list: &List<'_>) -> prometheus::Result<Self> {
        let refused = "Requests refused because every place was taken, by reason.";
        Ok(Self {
            length: list.gauges("tollgate_queue_length", "Requests that wait for a deployment.", &[GROUP])?,
            wait: list.histograms("tollgate_queue_wait_seconds", "Waits that ended with a deployment.", &[GROUP])?,
            refused: list.counters("tollgate_queue_refused_total", refused, &[GROUP, "reason"])?,
        })
    }

    /// The handles of a group.
    pub(super) fn resolve(&self, group: &str) -> QueueHandles {
        QueueHandles {
            length: self.length.with_label_values(&[group]),
            wait: self.wait.with_label_values(&[group]),
            refused: self.refused.clone(),
            group: group.to_owned(),
        }
    }
}
