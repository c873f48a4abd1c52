//! What is left of a provider's budget.

use prometheus::{Gauge, GaugeVec};

use super::list::List;

/// Pico-dollars of a dollar.
const DOLLAR: f64 = 1e12;

/// One provider's gauge.
pub struct Remaining(Gauge);

impl Remaining {
    /// So many pico-dollars.
    #[expect(clippy::cast_precision_loss, reason = "for people to read; 15 digits are right")]
    pub fn set(&self, left: i64) {
        self.0.set(left as f64 / DOLLAR);
    }
}

/// The vector behind the gauges.
pub(super) struct RemainingVector(GaugeVec);

impl RemainingVector {
    /// Registers it.
    pub(super) fn register(list: &List<'_>) -> prometheus::Result<Self> {
        let help = "Dollars left of the budget of a provider that has one.";
        Ok(Self(list.float_gauges("litellm_provider_remaining_budget_metric", help, &["api_provider"])?))
    }

    /// The gauge of a provider.
    pub(super) fn of(&self, provider: &str) -> Remaining {
        Remaining(self.0.with_label_values(&[provider]))
    }
}
