//! What the operator sees: [`metrics`] in one list, one [`access_line`] a request, the log of everything else.

pub mod access_line;
pub mod log;
pub mod metrics;
