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

/// What is told of something that was imported, all but one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// There is no place for it here.
    NotKept,
    /// It is stored and shown, and nothing follows from it.
    WithoutEffect,
}

impl Note {
    fn words(self) -> &'static str {
        match self {
            Self::NotKept => "not kept",
            Self::WithoutEffect => "stored, but without effect",
        }
    }
}

/// How many, and the ids of the first of them.
#[derive(Clone, Debug, Default)]
struct Ids {
    count: u64,
    first: Vec<String>,
}

impl Ids {
    fn add(&mut self, id: &str) {
        self.count += 1;
        if self.first.len() < TOLD {
            self.first.push(id.to_owned());
        }
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join(", "))?;
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
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
    passed_over: BTreeMap<(&'static str, String), Ids>,
    /// By what they are and the member, the ids of those of which it came to nothing.
    notes: BTreeMap<(Note, &'static str, String), Ids>,
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
        self.passed_over.entry((self.what, why)).or_default().add(&id);
    }

    /// A member of one that is imported, or is there already, that comes to nothing.
    pub fn note(&mut self, note: Note, member: &str, id: &str) {
        self.notes.entry((note, self.what, member.to_owned())).or_default().add(id);
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
        for ((what, why), ids) in &self.passed_over {
            write!(f, "\npassed over, {what}, {why}: {ids}")?;
        }
        for ((note, what, member), ids) in &self.notes {
            write!(f, "\n{}, {what}, {member}: {ids}", note.words())?;
        }
        if !self.writes {
            write!(f, "\nnothing was written")?;
        }
        Ok(())
    }
}
