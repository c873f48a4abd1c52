//! The list that every step writes its findings into: a bad value never stops the reading.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::config::{Problem, Severity};

/// Findings so far.
#[derive(Debug, Default)]
pub(in crate::config) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Something that refuses the start.
    pub fn error(&self, path: &str, message: impl Into<String>) {
        self.add(Severity::Error, path, message.into());
    }

    /// Something to be told at the start.
    pub fn warning(&self, path: &str, message: impl Into<String>) {
        self.add(Severity::Warning, path, message.into());
    }

    fn add(&self, severity: Severity, path: &str, message: String) {
        self.0.borrow_mut().push(Problem { severity, path: path.to_owned(), message });
    }

    /// All findings, in the order of their discovery. Two readers of one section may have met the same.
    pub fn into_list(self) -> Vec<Problem> {
        let mut seen = HashSet::new();
        let mut list = self.0.into_inner();
        list.retain(|problem| seen.insert((problem.path.clone(), problem.message.clone())));
        list
    }
}
