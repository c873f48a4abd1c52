//! Money that a deployment's calls may cost, as the router sees it: a question that somebody else answers, so that the
//! router counts none.

use std::fmt::Debug;

use crate::clock::Instant;
use crate::drawing::{Drawing, Shown};

/// What is known of a call's cost before it is known who answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Tokens of the prompt but for its pictures, rather too many than too few.
    pub prompt_tokens: u64,
    /// The pictures of the prompt, which each model counts in its own way.
    pub shown: Shown,
    /// Tokens of output, where the client limits them.
    pub output_tokens: Option<u64>,
    /// Answers that are asked for.
    pub answers: u64,
    /// Pictures, where the answers are to be some.
    pub drawing: Option<Drawing>,
    /// What it costs, in pico-dollars, where what a deployment costs depends on the name of the model.
    pub by_name: i64,
    /// Seconds since 1970: budgets follow the calendar.
    pub wall: i64,
    /// Whether what is spent can be written down, and what was is known. If not, nothing is to be had from a budget.
    pub is_accountable: bool,
}

/// The budgets of a deployment: its own, and its provider's.
pub trait Purse: Debug + Send + Sync {
    /// Whether they have enough for such a call at this moment, as far as is known here. Nothing is taken: who was chosen is
    /// asked for it, and may have been overtaken.
    fn has(&self, outlook: &Outlook, now: Instant) -> bool;
}
