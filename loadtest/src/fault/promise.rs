//! What was promised and what was measured: a line each, and whether it holds.

use crate::Result;
use crate::run::say;

/// Prints lines and remembers whether one did not hold.
#[derive(Debug, Default)]
pub struct Promises {
    broken: Vec<String>,
}

impl Promises {
    /// One of them, with what was measured.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub fn check(&mut self, what: &str, measured: &str, holds: bool) -> Result<()> {
        let word = if holds { "holds" } else { "BROKEN" };
        if !holds {
            self.broken.push(what.to_owned());
        }
        say(&format!("{what:<72} {word:<7} {measured}"))
    }

    /// # Errors
    /// Not all of them hold.
    pub fn verdict(&self) -> Result<()> {
        if self.broken.is_empty() { Ok(()) } else { Err(format!("broken: {}", self.broken.join("; ")).into()) }
    }
}
