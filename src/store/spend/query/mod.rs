//! What reports ask: single calls ([`logs`]), and sums of the roll-ups ([`usage`]).

pub mod logs;
pub mod usage;

pub use logs::{LogFilter, LogOrder, LogPage, Outcome};
pub use usage::{Dimension, Usage, UsageFilter, UsageOrder, UsagePage, Used};
