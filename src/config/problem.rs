//! What is wrong with a file, said so that it can be found and mended.

use std::fmt;

/// Whether the start is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file means something, but perhaps not what was meant.
    Warning,
    /// The file can not be used as it is.
    Error,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the start is refused.
    pub severity: Severity,
    /// Where, as `model_list[2].litellm_params.rpm`; empty for the file as a whole.
    pub path: String,
    /// What is wrong. Never holds a configured value that could be a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        if self.path.is_empty() {
            write!(f, "{severity}: {}", self.message)
        } else {
            write!(f, "{severity}: {}: {}", self.path, self.message)
        }
    }
}
