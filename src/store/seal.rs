//! Secrets at rest: providers' keys in stored models and credentials.
//!
//! A sealed text is `tgs1:` + the first eight hex digits of the key's own digest + `:` + base64url of nonce, ciphertext
//! and tag. The cipher is XChaCha20-Poly1305 with a random nonce of 24 bytes; where the text stands (which object, which
//! member) is authenticated with it, so that a sealed text is worth nothing in another place. A key that does not fit
//! is found out and said; nothing is ever opened to garbage.
//!
//! The key is that of `LITELLM_SALT_KEY`. Without it, a store that several nodes share has the master key's, which all of
//! them know; a store of one node has a file beside it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Generate, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The version of the format, in front of each sealed text.
const VERSION: &str = "tgs1:";
/// The file that holds the key where `LITELLM_SALT_KEY` does not say it.
pub const KEY_FILE: &str = "salt.key";
/// What stands before a master key where the key to seal with is made of it: the digest is good for nothing else.
const OF_MASTER: &str = "tollgate seals with the master key: ";
/// Random bytes in a new key file.
const KEY_FILE_BYTES: usize = 32;
/// Bytes of a nonce.
const NONCE: usize = 24;

/// What secrets are sealed with.
#[derive(Clone)]
pub struct SealKey {
    key: Zeroizing<[u8; 32]>,
    /// Eight hex digits that tell keys apart and do not tell what they are.
    mark: String,
    /// Keys that were sealed with before, which open only.
    older: Vec<SealKey>,
}

/// Why a text was not sealed or opened. Tells no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealError {
    /// It is no sealed text.
    NotSealed,
    /// It was sealed with another key.
    OtherKey,
    /// It was changed, or taken from another place.
    Changed,
    /// The machine gives no random numbers.
    NoRandomness,
}

impl SealKey {
    /// The key that this salt stands for: its SHA-256.
    pub fn of_salt(salt: &str) -> Self {
        let key: [u8; 32] = Sha256::digest(salt.as_bytes()).into();
        let mark = Sha256::digest([b"tollgate seal key: ".as_slice(), &key].concat());
        Self { key: Zeroizing::new(key), mark: format!("{mark:x}").chars().take(8).collect(), older: Vec::new() }
    }

    /// The key that this master key stands for: the SHA-256 of it, behind a text that no salt begins with.
    pub fn of_master(master: &str) -> Self {
        Self::of_salt(&Zeroizing::new(format!("{OF_MASTER}{master}")))
    }

    /// The key of a store that is this node's alone: that of `LITELLM_SALT_KEY`; where it is not set or empty, that of the
    /// file `salt.key` in the data directory, which is made (random, readable by its owner only) if it is not there.
    ///
    /// # Errors
    /// The file can be neither read nor made, or it is empty.
    pub fn load(salt: Option<&Secret>, data_dir: &Path) -> io::Result<Self> {
        if let Some(salt) = said(salt) {
            return Ok(Self::of_salt(salt));
        }
        let path = data_dir.join(KEY_FILE);
        if !path.try_exists()? {
            make_key_file(data_dir, &path)?;
        }
        of_file(&path)
    }

    /// The key of a store that several nodes share: that of `LITELLM_SALT_KEY`, else of the master key. What was sealed
    /// with the others of these two and of the file opens still. Where there is neither, it is the file's, as in
    /// [`SealKey::load`], which no other node has.
    ///
    /// # Errors
    /// The file can be neither read nor made, or it is empty.
    pub fn load_shared(salt: Option<&Secret>, master: Option<&Secret>, data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(KEY_FILE);
        let of_both = [said(salt).map(Self::of_salt), said(master).map(Self::of_master)];
        let mut keys = of_both.into_iter().flatten();
        match keys.next() {
            Some(key) => {
                let of_file = of_file(&path).inspect_err(|error| {
                    if error.kind() != io::ErrorKind::NotFound {
                        tracing::warn!(%error, "what was sealed with {KEY_FILE} before cannot be opened");
                    }
                });
                Ok(Self { older: keys.chain(of_file.ok()).collect(), ..key })
            }
            None => Self::load(None, data_dir),
        }
    }

    /// Seals a text for this place.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, plain: &str, place: &str) -> Result<String, SealError> {
        let nonce = XNonce::try_generate().map_err(|_| SealError::NoRandomness)?;
        self.seal_with(plain, place, nonce)
    }

    fn seal_with(&self, plain: &str, place: &str, nonce: XNonce) -> Result<String, SealError> {
        let payload = Payload { msg: plain.as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher().encrypt(&nonce, payload).map_err(|_| SealError::Changed)?;
        let bytes = [nonce.as_slice(), &sealed].concat();
        Ok(format!("{VERSION}{}:{}", self.mark, BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what was sealed for this place, with this key or an older one.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, sealed: &str, place: &str) -> Result<Secret, SealError> {
        let rest = sealed.strip_prefix(VERSION).ok_or(SealError::NotSealed)?;
        let (mark, text) = rest.split_once(':').ok_or(SealError::NotSealed)?;
        let all = std::iter::once(self).chain(&self.older);
        let key = all.into_iter().find(|key| key.mark == mark).ok_or(SealError::OtherKey)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Changed)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or(SealError::Changed)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| SealError::Changed)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let plain = key.cipher().decrypt(&nonce, payload).map(Zeroizing::new).map_err(|_| SealError::Changed)?;
        std::str::from_utf8(&plain).map(Secret::new).map_err(|_| SealError::Changed)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.key).into())
    }
}

/// Whether a text looks sealed, by whatever key.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(VERSION)
}

/// What is set and not empty.
fn said(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::expose).filter(|secret| !secret.is_empty())
}

/// The key that stands in this file.
fn of_file(path: &Path) -> io::Result<SealKey> {
    let salt = Zeroizing::new(std::fs::read_to_string(path)?);
    match salt.trim() {
        "" => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is empty", path.display()))),
        salt => Ok(SealKey::of_salt(salt)),
    }
}

/// Makes the file whole or not at all: another process may do the same at this moment, and the first one counts.
fn make_key_file(data_dir: &Path, path: &Path) -> io::Result<()> {
    let random = <[u8; KEY_FILE_BYTES]>::try_generate().map_err(|error| io::Error::other(error.to_string()))?;
    let text = Zeroizing::new(format!("{}\n", BASE64_URL_SAFE_NO_PAD.encode(random)));
    let draft = data_dir.join(format!("{KEY_FILE}.{}", std::process::id()));
    let made = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => File::open(data_dir)?.sync_all(),
        }
    };
    let made = made();
    // A draft that stays behind is no key of anything.
    let _ = std::fs::remove_file(&draft);
    made
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.mark)
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSealed => "it is not sealed as this release seals",
            Self::OtherKey => {
                "it was sealed with another key: LITELLM_SALT_KEY, the master key that stands in for it with \
                 PostgreSQL, or the file salt.key is not what it was"
            }
            Self::Changed => "it is damaged, or stands in another place than it was sealed for",
            Self::NoRandomness => "the machine gives no random numbers",
        })
    }
}

impl std::error::Error for SealError {}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const PLACE: &str = "model:1/api_key";

    fn opened(key: &SealKey, sealed: &str, place: &str) -> Result<String, SealError> {
        key.open(sealed, place).map(|plain| plain.expose().to_owned())
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_only() {
        let key = SealKey::of_salt("salt");
        for plain in ["", "sk-canary", "ü\n\0", &"x".repeat(100_000)] {
            let sealed = key.seal(plain, PLACE).unwrap();
            assert!(is_sealed(&sealed) && (plain.is_empty() || !sealed.contains(plain)));
            assert_eq!(opened(&key, &sealed, PLACE).as_deref(), Ok(plain));
            assert_eq!(opened(&SealKey::of_salt("other"), &sealed, PLACE), Err(SealError::OtherKey));
        }
        assert_ne!(key.seal("a", PLACE).unwrap(), key.seal("a", PLACE).unwrap(), "a nonce is used once");
        assert_eq!(format!("{key:?}"), format!("SealKey({})", key.mark));
    }

    #[test]
    fn a_forged_mark_does_not_help_another_key() {
        let other = SealKey::of_salt("other");
        let sealed = SealKey::of_salt("salt").seal("sk-canary", PLACE).unwrap();
        let (_, text) = sealed.rsplit_once(':').unwrap();
        assert_eq!(opened(&other, &format!("{VERSION}{}:{text}", other.mark), PLACE), Err(SealError::Changed));
    }

    #[test]
    fn what_was_tampered_with_does_not_open() {
        let key = SealKey::of_salt("salt");
        let sealed = key.seal("sk-canary", PLACE).unwrap();
        assert_eq!(opened(&key, &sealed, "model:2/api_key"), Err(SealError::Changed));
        let (head, text) = sealed.rsplit_once(':').unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                let changed = format!("{head}:{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
                assert_eq!(opened(&key, &changed, PLACE), Err(SealError::Changed), "byte {at}, bit {bit}");
            }
        }
        for length in 0..bytes.len() {
            let cut = format!("{head}:{}", BASE64_URL_SAFE_NO_PAD.encode(&bytes[..length]));
            assert_eq!(opened(&key, &cut, PLACE), Err(SealError::Changed), "{length}");
        }
        for text in ["", "sk-plain", "tgs1:", "tgs2:00000000:AAAA", "roy2fFWoktHDdx_UuSwqRAgjP3NJFHDKtSzex4OxBVbu"] {
            assert_eq!(opened(&key, text, PLACE), Err(SealError::NotSealed), "{text}");
        }
    }

    #[test]
    fn the_format_stays() {
        let sealed = SealKey::of_salt("salt").seal_with("sk-canary", PLACE, XNonce::from([7; NONCE])).unwrap();
        let written = "tgs1:10e9b805:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHcZVXSrxNNk4LWCy2KKwX3uOl8W7TX6Wtgg";
        assert_eq!(sealed, written, "what older releases wrote must open for ever");
        assert_eq!(opened(&SealKey::of_salt("salt"), written, PLACE).as_deref(), Ok("sk-canary"));
    }

    #[test]
    fn the_key_comes_from_the_variable_else_from_a_file_of_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let salt = Secret::new("salt");
        let sealed = SealKey::of_salt("salt").seal("a", PLACE).unwrap();
        let key = SealKey::load(Some(&salt), folder.path()).unwrap();
        assert_eq!(opened(&key, &sealed, PLACE).as_deref(), Ok("a"));
        let path = folder.path().join(KEY_FILE);
        assert!(!path.exists());

        let made = SealKey::load(Some(&Secret::new("")), folder.path()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = made.seal("b", PLACE).unwrap();
        assert_eq!(opened(&SealKey::load(None, folder.path()).unwrap(), &sealed, PLACE).as_deref(), Ok("b"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays");

        let elsewhere = tempfile::tempdir().unwrap();
        let other = SealKey::load(None, elsewhere.path()).unwrap();
        assert_eq!(opened(&other, &sealed, PLACE), Err(SealError::OtherKey), "each directory has its own");
        std::fs::write(&path, "\n").unwrap();
        assert!(SealKey::load(None, folder.path()).is_err());
        assert!(SealKey::load_shared(Some(&salt), None, folder.path()).is_ok(), "an old key only");
        assert!(SealKey::load_shared(None, None, folder.path()).is_err());
    }

    #[test]
    fn nodes_that_share_a_store_have_one_key() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (salt, master, next) = (Secret::new("salt"), Secret::new("sk-master"), Secret::new("sk-next"));
        let of = |salt: Option<&Secret>, master: Option<&Secret>, folder: &tempfile::TempDir| {
            SealKey::load_shared(salt, master, folder.path()).unwrap()
        };
        let sealed = of(None, Some(&master), &one).seal("a", PLACE).unwrap();
        assert_eq!(opened(&of(None, Some(&master), &other), &sealed, PLACE).as_deref(), Ok("a"));
        assert_eq!(opened(&of(None, Some(&next), &other), &sealed, PLACE), Err(SealError::OtherKey));
        assert_eq!(opened(&of(None, Some(&Secret::new("")), &other), &sealed, PLACE), Err(SealError::OtherKey));
        assert_eq!(opened(&SealKey::of_salt("sk-master"), &sealed, PLACE), Err(SealError::OtherKey), "not as a salt");
        let salted = of(Some(&salt), Some(&master), &one);
        assert_eq!(opened(&salted, &sealed, PLACE).as_deref(), Ok("a"), "of the time before the salt");
        let sealed = salted.seal("b", PLACE).unwrap();
        assert_eq!(opened(&SealKey::of_salt("salt"), &sealed, PLACE).as_deref(), Ok("b"), "the salt comes first");
        assert_eq!(std::fs::read_dir(one.path()).unwrap().count(), 0, "no file is made");
    }

    #[test]
    fn what_a_file_has_sealed_opens_beside_the_master_key() {
        let (folder, master) = (tempfile::tempdir().unwrap(), Secret::new("sk-master"));
        let of_file = SealKey::load_shared(None, None, folder.path()).unwrap();
        let before = of_file.seal("a", PLACE).unwrap();
        let key = SealKey::load_shared(None, Some(&master), folder.path()).unwrap();
        assert_eq!(opened(&key, &before, PLACE).as_deref(), Ok("a"));
        assert_eq!(opened(&key, &before, "model:2/api_key"), Err(SealError::Changed));
        let after = key.seal("b", PLACE).unwrap();
        assert_eq!(opened(&of_file, &after, PLACE), Err(SealError::OtherKey), "the file opens only");
        assert_eq!(opened(&SealKey::of_master("sk-master"), &after, PLACE).as_deref(), Ok("b"));
        let alone = SealKey::load(Some(&Secret::new("salt")), folder.path()).unwrap();
        assert_eq!(opened(&alone, &before, PLACE), Err(SealError::OtherKey), "a store of one node has one key");
    }

    #[test]
    fn many_that_start_at_once_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        make_key_file(folder.path(), &folder.path().join(KEY_FILE)).unwrap();
        let first = SealKey::load(None, folder.path()).unwrap();
        // One that looked before the file was there makes its own, and finds that it came too late.
        make_key_file(folder.path(), &folder.path().join(KEY_FILE)).unwrap();
        assert_eq!(SealKey::load(None, folder.path()).unwrap().mark, first.mark);
    }
}
