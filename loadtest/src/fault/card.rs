//! A scorecard: one line a fault, and the sum.

use std::time::Duration;

use crate::Result;
use crate::run::say;

/// How well a fault was met, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// What the table calls right.
    Pass,
    /// A whole answer, but not the way it should be.
    Partial,
    /// No answer, and the client knows it.
    Safe,
    /// The client is misled or left waiting, or the upstream is hammered.
    Fail,
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Partial => "partial",
            Self::Safe => "safe",
            Self::Fail => "FAIL",
        }
    }
}

/// A mark with its reasons.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub mark: Mark,
    reasons: Vec<String>,
}

impl Verdict {
    /// Nothing said against it yet.
    pub fn pass() -> Self {
        Self { mark: Mark::Pass, reasons: Vec::new() }
    }

    /// No better than `mark` unless `holds`.
    #[must_use]
    pub fn unless(mut self, holds: bool, mark: Mark, reason: impl FnOnce() -> String) -> Self {
        if !holds {
            self.mark = self.mark.max(mark);
            self.reasons.push(reason());
        }
        self
    }

    /// A remark that changes nothing.
    #[must_use]
    pub fn noting(mut self, remark: impl Into<String>) -> Self {
        self.reasons.push(remark.into());
        self
    }

    /// All reasons, the first one first, on one line.
    pub fn reason(&self) -> String {
        let first_line = |reason: &String| reason.lines().next().unwrap_or_default().to_owned();
        self.reasons.iter().map(first_line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// A line of the card.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: String,
    pub title: String,
    pub verdict: Verdict,
    pub took: Duration,
}

/// Prints the lines in order and their sum. How many passed.
///
/// # Errors
/// Nobody reads it any more.
pub fn print(title: &str, lines: &mut [Line]) -> Result<usize> {
    lines.sort_by(|one, other| one.id.cmp(&other.id));
    say(&format!("{title:<56} {:<8} {:>7}  why", "verdict", "seconds"))?;
    for Line { id, title, verdict, took } in lines.iter() {
        let (word, seconds) = (verdict.mark.word(), took.as_secs_f64());
        say(&format!("{id:<4} {title:<51} {word:<8} {seconds:>7.1}  {}", verdict.reason()))?;
    }
    let count = |mark| lines.iter().filter(|line| line.verdict.mark == mark).count();
    let [pass, partial, safe, fail] = [Mark::Pass, Mark::Partial, Mark::Safe, Mark::Fail].map(count);
    say(&format!("{pass} of {} pass; {partial} partial, {safe} safe, {fail} fail\n", lines.len()))?;
    Ok(pass)
}
