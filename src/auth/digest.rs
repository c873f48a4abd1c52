//! What is kept of a key: its SHA-256, as in LiteLLM's `LiteLLM_VerificationToken.token`.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// SHA-256 of a key.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a key in plain text.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// A digest from its 64 hex digits.
    pub fn parse(hex: &str) -> Option<Self> {
        let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
        let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// Its 32 bytes.
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// A number that tells keys apart in a table of metrics: the digest's first eight bytes.
    pub fn number(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        self.0.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word))
    }

    /// The first eight hex digits, for the log: enough to tell keys apart, useless for anything else.
    pub fn prefix(&self) -> String {
        let [a, b, c, d, ..] = self.0;
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }
}

impl PartialEq for KeyDigest {
    /// In constant time, eight bytes at once.
    fn eq(&self, other: &Self) -> bool {
        let difference = self.words().zip(other.words()).fold(0, |difference, (one, other)| difference | one ^ other);
        difference.ct_eq(&0).into()
    }
}

impl Eq for KeyDigest {}

impl Hash for KeyDigest {
    /// Its first eight bytes are as random as any hash of it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.number());
    }
}

impl fmt::Display for KeyDigest {
    /// All 64 hex digits, in lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({}…)", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `printf %s sk-1234 | sha256sum`.
    const SK_1234: &str = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b";

    #[test]
    fn is_litellms_token() {
        let digest = KeyDigest::of("sk-1234");
        assert_eq!(digest.to_string(), SK_1234);
        assert_eq!(digest.prefix(), SK_1234[..8]);
        assert_eq!(KeyDigest::parse(SK_1234), Some(digest));
        assert_eq!(
            [KeyDigest::parse(""), KeyDigest::parse(&SK_1234[1..]), KeyDigest::parse(&"x".repeat(64))],
            [None; 3]
        );
        assert_eq!(format!("{digest:?}"), format!("KeyDigest({}…)", &SK_1234[..8]));
    }
}
