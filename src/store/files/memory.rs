//! A directory in memory that fails on demand.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use super::{Append, Files};

/// Clones are the same directory; what one of them fails of is its own.
#[derive(Clone, Debug)]
pub struct Memory {
    content: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// Changes that still succeed; then the process counts as dead and nothing does any more.
    left: Arc<AtomicI64>,
    /// Appends fail, having written half.
    pub full: Arc<AtomicBool>,
    /// So does taking bytes off again.
    pub stuck: Arc<AtomicBool>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            content: Arc::default(),
            left: Arc::new(AtomicI64::new(i64::MAX)),
            full: Arc::default(),
            stuck: Arc::default(),
        }
    }
}

impl Memory {
    /// The same directory, for a process that dies after so many changes; the one it dies at is half done.
    pub fn dying_after(&self, changes: i64) -> Self {
        Self { content: Arc::clone(&self.content), left: Arc::new(AtomicI64::new(changes)), ..Self::default() }
    }

    /// The same content as a directory of its own.
    pub fn copy(&self) -> Self {
        Self { content: Arc::new(Mutex::new(self.content.lock().unwrap().clone())), ..Self::default() }
    }

    pub fn is_dead(&self) -> bool {
        self.left.load(Ordering::Relaxed) < 0
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.content.lock().unwrap().insert(name.to_owned(), bytes.to_vec());
    }

    pub fn get(&self, name: &str) -> Vec<u8> {
        self.content.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    pub fn names(&self) -> Vec<String> {
        self.content.lock().unwrap().keys().cloned().collect()
    }

    fn change(&self) -> io::Result<()> {
        let left = self.left.fetch_sub(1, Ordering::Relaxed);
        if left > 0 { Ok(()) } else { Err(io::Error::other("dead")) }
    }

    fn file<T>(&self, name: &str, act: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let mut content = self.content.lock().unwrap();
        content.get_mut(name).map(act).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

struct Open(Memory, String);

impl Append for Open {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let was_dead = self.0.is_dead();
        let fails = self.0.change().is_err() || self.0.full.load(Ordering::Relaxed);
        let part = match (fails, was_dead) {
            (true, true) => 0,
            (true, false) => bytes.len() / 2,
            _ => bytes.len(),
        };
        self.0.file(&self.1, |file| file.extend_from_slice(&bytes[..part]))?;
        if fails { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.0.change()?;
        if self.0.stuck.load(Ordering::Relaxed) {
            return Err(io::Error::other("stuck"));
        }
        self.0.file(&self.1, |file| file.truncate(usize::try_from(length).unwrap()))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.change()
    }
}

impl Files for Memory {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let content = self.content.lock().unwrap();
        Ok(content.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect())
    }

    fn read(&self, name: &str, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        let offset = usize::try_from(offset).unwrap();
        self.file(name, |file| file.iter().skip(offset).take(limit).copied().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn Append>> {
        self.change()?;
        let mut content = self.content.lock().unwrap();
        if content.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        content.insert(name.to_owned(), Vec::new());
        Ok(Arc::new(Open(self.clone(), name.to_owned())))
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        self.change()?;
        self.file(name, |file| file.truncate(usize::try_from(length).unwrap()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if !self.content.lock().unwrap().contains_key(name) {
            return Err(ErrorKind::NotFound.into());
        }
        self.change()?;
        self.content.lock().unwrap().remove(name);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change()?;
        let mut content = self.content.lock().unwrap();
        let bytes = content.remove(from).ok_or(ErrorKind::NotFound)?;
        content.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.change()
    }
}
