//! Each process its own journal under one directory, because during an upgrade two of them append at once: `lane-1`,
//! `lane-2`, ... A process appends to the first lane whose lock is free, and takes over, to be drained, what processes
//! that are gone have left in the others. Lanes are used again, so there are as many as there were processes at once.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::frame::HEADER;
use super::recover::SEGMENT_ENDING;
use super::{Journal, Limits, Recovered};
use crate::store::files::{Directory, Files, read_whole, replace};

/// More processes than this do not run at once.
const MOST_LANES: u32 = 64;
const PREFIX: &str = "lane-";
/// The file with a lane's id.
const ID: &str = "id";

/// One process's journal.
#[derive(Clone)]
pub struct Lane {
    /// A UUID that is new whenever the positions begin anew: with it, a position means the same for ever.
    pub id: Arc<str>,
    pub journal: Arc<Journal>,
    /// What its opening found.
    pub recovered: Recovered,
}

/// The lanes of one directory.
pub struct Lanes {
    base: PathBuf,
    limits: Limits,
    own: Lane,
    own_name: String,
}

impl Lanes {
    /// Takes a lane of this directory, which may not exist yet. The limits hold for all lanes together.
    ///
    /// # Errors
    /// The directory cannot be used; [`ErrorKind::WouldBlock`]: all lanes are taken.
    pub fn open(base: &Path, limits: Limits) -> io::Result<Self> {
        for number in 1..=MOST_LANES {
            let own_name = format!("{PREFIX}{number}");
            if let Some(own) = take(&base.join(&own_name), limits)? {
                let lanes = Self { base: base.to_owned(), limits, own, own_name };
                lanes.measure()?;
                return Ok(lanes);
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    /// The lane of this process.
    pub fn own(&self) -> &Lane {
        &self.own
    }

    /// Takes over what processes that are gone have left. Whoever drops a lane gives it back.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn abandoned(&self) -> io::Result<Vec<Lane>> {
        self.measure()?;
        let mut found = Vec::new();
        for (name, bytes) in self.others()? {
            if bytes > 0 {
                match take(&self.base.join(&name), self.limits) {
                    Ok(lane) => found.extend(lane),
                    Err(error) => tracing::error!(lane = name, %error, "a spend journal cannot be taken over"),
                }
            }
        }
        Ok(found)
    }

    fn measure(&self) -> io::Result<()> {
        let bytes = self.others()?.into_iter().map(|(_, bytes)| bytes).sum();
        self.own.journal.set_elsewhere(bytes);
        Ok(())
    }

    /// Other lanes and the bytes of their records.
    fn others(&self) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.base)? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if name.starts_with(PREFIX) && name != self.own_name {
                let bytes = bytes_in(&self.base.join(&name))?;
                found.push((name, bytes));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// A lane, if no process has it.
fn take(path: &Path, limits: Limits) -> io::Result<Option<Lane>> {
    let files: Arc<dyn Files> = match Directory::open(path) {
        Ok(directory) => Arc::new(directory),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    };
    let (journal, recovered) = Journal::open_on(Arc::clone(&files), limits)?;
    let id = id(files.as_ref(), recovered.is_new)?;
    Ok(Some(Lane { id, journal: Arc::new(journal), recovered }))
}

fn id(files: &dyn Files, is_new: bool) -> io::Result<Arc<str>> {
    let known = match read_whole(files, ID) {
        Ok(bytes) => std::str::from_utf8(&bytes).ok().and_then(|text| Uuid::parse_str(text).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(id) = known.filter(|_| !is_new) {
        return Ok(id.to_string().into());
    }
    let id = Uuid::new_v4().to_string();
    replace(files, ID, id.as_bytes())?;
    Ok(id.into())
}

/// Its process may end segments meanwhile: what is gone counts nothing.
fn bytes_in(lane: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(lane)? {
        let entry = entry?;
        let is_segment = entry.file_name().to_str().is_some_and(|name| name.ends_with(SEGMENT_ENDING));
        if let (true, Ok(data)) = (is_segment, entry.metadata()) {
            bytes += data.len().saturating_sub(HEADER as u64);
        }
    }
    Ok(bytes)
}
