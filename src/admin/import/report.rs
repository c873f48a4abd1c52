//! What came of an import, for people. Tells ids, never secrets.

use std::collections::BTreeMap;
use std::fmt;

/// Ids that are told for each reason; of further ones only how many.
const TOLD: usize = 20;

/// The rows of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub read: u64,
    /// Stored, or to be stored where nothing is written.
    pub imported: u64,
    /// There already, and as they were.
    pub known: u64,
    pub passed_over: u64,
}

/// What came of all tables.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Whether anything was written.
    pub writes: bool,
    /// The rows of the table that is being read.
    pub count: Count,
    what: &'static str,
    counts: Vec<(&'static str, Count)>,
    /// Tables that this release of LiteLLM does not have.
    missing: Vec<&'static str>,
    /// By what they are and why, the ids of those that were passed over.
    passed_over: BTreeMap<(&'static str, String), (u64, Vec<String>)>,
    /// Keys whose alias another key has.
    renamed: Vec<(String, String)>,
}

impl Report {
    /// Of nothing yet.
    pub fn new(writes: bool) -> Self {
        Self { writes, ..Self::default() }
    }

    /// Rows of the next table come.
    pub fn begin(&mut self, what: &'static str) {
        self.end();
        self.what = what;
    }

    /// No more rows come.
    pub fn end(&mut self) {
        let count = std::mem::take(&mut self.count);
        if !self.what.is_empty() {
            self.counts.push((self.what, count));
        }
        self.what = "";
    }

    /// All counts, in the order of the tables.
    pub fn counts(&self) -> &[(&'static str, Count)] {
        &self.counts
    }

    /// A table that is not there.
    pub fn missing(&mut self, table: &'static str) {
        if !self.missing.contains(&table) {
            self.missing.push(table);
        }
    }

    /// One that was not imported, and why.
    pub fn pass_over(&mut self, id: String, why: String) {
        self.count.passed_over += 1;
        let (count, ids) = self.passed_over.entry((self.what, why)).or_default();
        *count += 1;
        if ids.len() < TOLD {
            ids.push(id);
        }
    }

    /// A key that has another alias now.
    pub fn rename(&mut self, id: &str, alias: &str) {
        self.renamed.push((id.to_owned(), alias.to_owned()));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let imported = if self.writes { "imported" } else { "to import" };
        write!(f, "{:<21}{:>9}{imported:>11}{:>15}{:>13}", "", "read", "there already", "passed over")?;
        for (what, count) in &self.counts {
            let Count { read, imported, known, passed_over } = count;
            write!(f, "\n{what:<21}{read:>9}{imported:>11}{known:>15}{passed_over:>13}")?;
        }
        for table in &self.missing {
            write!(f, "\nno table {table}")?;
        }
        for (id, alias) in &self.renamed {
            write!(f, "\nkey {id}: its alias is another key's, so it is {alias:?} now")?;
        }
        for ((what, why), (count, ids)) in &self.passed_over {
            write!(f, "\npassed over, {what}, {why}: {}", ids.join(", "))?;
            if *count > ids.len() as u64 {
                write!(f, " and {} more", *count - ids.len() as u64)?;
            }
        }
        if !self.writes {
            write!(f, "\nnothing was written")?;
        }
        Ok(())
    }
}
