//! The limiter as a whole: played from seeds, and its atomics in every order of events.

#[cfg(feature = "loom")]
mod interleavings;
mod simulation;
