//! The limiter as a whole: played from seeds, and its atomics in every order of events.

mod cluster;
#[cfg(feature = "loom")]
mod interleavings;
mod places;
mod shared_store;
mod simulation;
