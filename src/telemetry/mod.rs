//! What the operator sees: [`metrics`] in one list, one [`access_line`] a request, the log of everything else,
//! an [`alert`] where somebody should act.

pub mod access_line;
pub mod alert;
pub mod log;
pub mod metrics;
