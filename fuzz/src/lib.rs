//! The parts of the gateway that read bytes from others (links to its own sources), and the checks that the targets
//! share.
#![allow(dead_code, reason = "the gateway's other parts, which use the rest, are not here")]

pub mod allowance;
pub mod drawing;
pub mod error;
pub mod invariant;
pub mod wire;
