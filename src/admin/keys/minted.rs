//! A key in plain text: made, or chosen by the caller.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::admin::rights::refused;
use crate::auth::KeyDigest;
use crate::auth::members::key_name;
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// How every key begins.
pub const PREFIX: &str = "sk-";
/// Letters of a key that a caller chooses, at least: shorter ones can be guessed.
pub const SHORTEST: usize = 16;
/// And at most.
pub const LONGEST: usize = 512;
/// Random bytes of a key that is made here; 22 letters.
const RANDOM_BYTES: usize = 16;

/// A new key. Only the answer that makes it shows it.
pub struct Minted {
    pub plain: Secret,
    /// What is stored of it.
    pub digest: String,
    /// What people see of it: `sk-...gGdQ`.
    pub name: String,
}

impl Minted {
    /// A key that nobody can guess, from the operating system's randomness.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; RANDOM_BYTES];
        let filled = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
        filled.map_err(|_| Error::new(Kind::Internal, "No randomness for a key."))?;
        Ok(Self::of(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// A key that the caller chose.
    ///
    /// # Errors
    /// 400 if it does not begin as keys do, is short, or cannot stand in a header.
    pub fn chosen(plain: &str) -> Result<Self, Error> {
        if !plain.starts_with(PREFIX) {
            let text = "Invalid key format. LiteLLM Virtual Key must start with 'sk-'. Received: ****";
            return Err(refused(text).param("key"));
        }
        if !(SHORTEST..=LONGEST).contains(&plain.len()) || !plain.bytes().all(|byte| byte.is_ascii_graphic()) {
            let text = format!(
                "Invalid key format. A key must have {SHORTEST} to {LONGEST} letters, all visible ASCII. Received: ****"
            );
            return Err(refused(text).param("key"));
        }
        Ok(Self::of(plain.to_owned()))
    }

    fn of(plain: String) -> Self {
        Self { digest: KeyDigest::of(&plain).to_string(), name: key_name(&plain), plain: Secret::new(plain) }
    }
}

/// The digest under which a key is stored: the one that was named, or of the key that was.
pub fn digest(named: &str) -> String {
    if named.starts_with(PREFIX) { KeyDigest::of(named).to_string() } else { named.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_like_litellms_and_differ() {
        let (first, second) = (Minted::random().unwrap(), Minted::random().unwrap());
        assert_ne!(first.digest, second.digest);
        let plain = first.plain.expose();
        assert_eq!(plain.len(), PREFIX.len() + 22);
        assert!(plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(first.name, format!("sk-...{}", &plain[plain.len() - 4..]));
        assert_eq!((digest(plain), digest(&first.digest)), (first.digest.clone(), first.digest));
    }

    #[test]
    fn a_chosen_key_is_long_enough() {
        for plain in ["sk-1234567890123", "sk-my_own.key/of+16"] {
            assert!(Minted::chosen(plain).is_ok(), "{plain}");
        }
        for plain in ["my-1234567890123", "sk-123456789012", "sk-12345678901 3", "sk-1234567890é", "SK-1234567890123"]
        {
            let error = Minted::chosen(plain).err().unwrap();
            assert!(!error.message.contains("1234"), "{}", error.message);
        }
        assert!(Minted::chosen(&format!("sk-{}", "x".repeat(LONGEST))).is_err());
    }
}
