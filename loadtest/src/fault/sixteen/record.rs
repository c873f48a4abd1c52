//! What happened while a fault lasted: all that its judge looks at.

use std::time::Duration;

use crate::fault::scale::Scale;
use crate::fault::stage::Arrival;
use crate::fault::transcript::{Outcome, Transcript, Voice};

/// A call and what its client was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Since the fault began.
    pub sent: Duration,
    pub transcript: Transcript,
}

/// A request that came to an upstream.
#[derive(Clone, Copy, Debug)]
pub struct Try {
    /// Since the fault began.
    pub at: Duration,
    /// It ended in words of the assistant.
    pub has_prefill: bool,
}

impl Try {
    /// Of the stage's record.
    pub fn of(arrival: &Arrival, begun: std::time::Instant) -> Self {
        Self { at: arrival.at.saturating_duration_since(begun), has_prefill: arrival.has_prefill }
    }
}

/// What was charged, in pico-dollars.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    /// One a row that is not free.
    pub charges: Vec<i64>,
    pub expected: i64,
}

/// All that is known of a fault.
#[derive(Clone, Debug)]
pub struct Record {
    pub scale: Scale,
    /// Of a whole answer.
    pub tokens: usize,
    /// One, or as many as the fault asks for.
    pub told: Vec<Told>,
    pub primary: Vec<Try>,
    pub backup: Vec<Try>,
    /// What a model that is always well answered afterwards.
    pub afterwards: Transcript,
    /// Models that the fallback's answer may name.
    pub backup_names: Vec<String>,
    pub bill: Bill,
}

impl Record {
    /// The call, of a fault with one.
    pub fn call(&self) -> &Transcript {
        static NONE: std::sync::LazyLock<Transcript> = std::sync::LazyLock::new(Transcript::default);
        self.told.first().map_or(&NONE, |told| &told.transcript)
    }

    /// What it was worth.
    pub fn outcome(&self) -> Outcome {
        self.call().outcome(self.tokens)
    }

    /// Whether it is a whole answer in this voice.
    pub fn is_whole_of(&self, voice: Voice) -> bool {
        self.outcome() == Outcome::Whole(voice)
    }

    /// Whether it is a whole answer.
    pub fn is_whole(&self) -> bool {
        matches!(self.outcome(), Outcome::Whole(_))
    }

    /// Tries of the primary in the first `seconds`.
    pub fn tries_within(&self, seconds: f64) -> usize {
        let first = self.primary.first().map(|it| it.at).unwrap_or_default();
        self.primary.iter().filter(|it| (it.at - first).as_secs_f64() < seconds).count()
    }

    /// Seconds from each try of the primary to the next.
    pub fn gaps(&self) -> Vec<f64> {
        self.primary.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect()
    }
}
