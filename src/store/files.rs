//! The file operations that the store stands on, in one directory. A trait, so that a test can let the n-th operation
//! fail or be the last one before a crash.

#[cfg(test)]
pub mod memory;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

/// Who calls how much is nobody else's business.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
const LOCK: &str = "lock";

/// One directory. Names are plain file names in it.
pub trait Files: Send + Sync {
    /// Names and sizes of all files.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// At most `limit` bytes from `offset`; fewer at the file's end.
    fn read(&self, name: &str, offset: u64, limit: usize) -> io::Result<Vec<u8>>;
    /// A new file; an error if the name is taken.
    fn create(&self, name: &str) -> io::Result<Arc<dyn Append>>;
    /// Cuts a file to its first `length` bytes, and makes that durable.
    fn truncate(&self, name: &str, length: u64) -> io::Result<()>;
    /// Deletes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Renames a file, replacing what has the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_directory(&self) -> io::Result<()>;
}

/// A file that only grows.
pub trait Append: Send + Sync {
    /// Writes all of `bytes` at the end; after an error any part of them may be there.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Takes bytes off the end again.
    fn cut(&self, length: u64) -> io::Result<()>;
    /// Makes everything that was appended durable.
    fn sync(&self) -> io::Result<()>;
}

/// Replaces a file so that a crash leaves the old content or the new, never a part.
pub fn replace(files: &dyn Files, name: &str, content: &[u8]) -> io::Result<()> {
    let draft = format!("{name}.new");
    match files.remove(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _gone => {}
    }
    let file = files.create(&draft)?;
    file.append(content)?;
    file.sync()?;
    files.rename(&draft, name)?;
    files.sync_directory()
}

/// A whole file, read in steps.
pub fn read_whole(files: &dyn Files, name: &str) -> io::Result<Vec<u8>> {
    const STEP: usize = 1 << 20;
    let mut content = Vec::new();
    loop {
        let part = files.read(name, content.len() as u64, STEP)?;
        if part.is_empty() {
            return Ok(content);
        }
        content.extend_from_slice(&part);
    }
}

/// A directory of the operating system, held by this process alone.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Its lock ends with the process, however that ends.
    _lock: File,
}

impl Directory {
    /// Creates the directory if need be and locks it.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] if another process holds it: two writers of one journal would cut each other's tails.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(path.join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Files for Directory {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let data = entry.metadata()?;
            if let (true, Ok(name)) = (data.is_file(), entry.file_name().into_string()) {
                found.push((name, data.len()));
            }
        }
        Ok(found)
    }

    fn read(&self, name: &str, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.at(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn Append>> {
        let file = OpenOptions::new().append(true).create_new(true).mode(FILE_MODE).open(self.at(name))?;
        Ok(Arc::new(file))
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.at(name))?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.at(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.at(from), self.at(to))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Append for File {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self;
        file.write_all(bytes)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
