//! What LiteLLM has encrypted in its database, opened: parameters of models, values of credentials.
//!
//! Its key is made of `LITELLM_SALT_KEY`, else of the master key. Three formats have been written: base64 of a nonce and
//! XSalsa20-Poly1305 (NaCl's secretbox), without a mark; `v2:gcm:` and `v3:gcm:` with AES-256-GCM. Only opening is here.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use crypto_secretbox::XSalsa20Poly1305;
use crypto_secretbox::aead::{Aead, KeyInit};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// In front of AES-256-GCM: the key is HKDF-SHA256 of the salt key.
const V3: &str = "v3:gcm:";
/// The same with its SHA-256.
const V2: &str = "v2:gcm:";
/// What HKDF is told besides.
const V3_INFO: &[u8] = b"litellm-at-rest-v3";
/// Bytes of a secretbox's nonce, and at least of a secretbox.
const BOX_NONCE: usize = 24;
const SHORTEST_BOX: usize = 40;

/// Padding or none, as Python's decoder is fed.
const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const ENGINES: [GeneralPurpose; 2] = [GeneralPurpose::new(&URL_SAFE, CONFIG), GeneralPurpose::new(&STANDARD, CONFIG)];

/// LiteLLM's key.
pub struct Opener {
    salt: Secret,
}

/// What a stored text turned out to be.
#[derive(Debug, PartialEq)]
pub enum Opened {
    /// It was encrypted.
    Plain(Secret),
    /// It never was: LiteLLM takes such a text as it is.
    Never,
    /// It is encrypted with another key, or damaged.
    NotOurs,
}

impl Opener {
    /// Of what LiteLLM has as `LITELLM_SALT_KEY`, else of its master key.
    pub fn new(salt: Secret) -> Self {
        Self { salt }
    }

    /// Opens a text.
    pub fn open(&self, text: &str) -> Opened {
        let decoded = |text: &str| ENGINES.iter().find_map(|engine| engine.decode(text).ok());
        let plain = if let Some(rest) = text.strip_prefix(V3) {
            decoded(rest).zip(self.expanded()).and_then(|(bytes, key)| gcm(&key, bytes))
        } else if let Some(rest) = text.strip_prefix(V2) {
            decoded(rest).and_then(|bytes| gcm(&self.digest(), bytes))
        } else {
            match decoded(text).filter(|bytes| bytes.len() >= SHORTEST_BOX) {
                Some(bytes) => secretbox(&self.digest(), &bytes),
                None => return Opened::Never,
            }
        };
        let plain = plain.and_then(|plain| std::str::from_utf8(&plain).map(Secret::new).ok());
        plain.map_or(Opened::NotOurs, Opened::Plain)
    }

    fn digest(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(Sha256::digest(self.salt.expose().as_bytes()).into())
    }

    fn expanded(&self) -> Option<Zeroizing<[u8; 32]>> {
        let mut key = Zeroizing::new([0; 32]);
        let expanded = Salt::new(HKDF_SHA256, &[]).extract(self.salt.expose().as_bytes());
        expanded.expand(&[V3_INFO], HKDF_SHA256).ok()?.fill(key.as_mut_slice()).ok()?;
        Some(key)
    }
}

fn gcm(key: &[u8; 32], mut bytes: Vec<u8>) -> Option<Zeroizing<Vec<u8>>> {
    let nonce = Nonce::try_assume_unique_for_key(bytes.get(..ring::aead::NONCE_LEN)?).ok()?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let sealed = bytes.get_mut(ring::aead::NONCE_LEN..)?;
    key.open_in_place(nonce, Aad::empty(), sealed).ok().map(|plain| Zeroizing::new(plain.to_vec()))
}

fn secretbox(key: &[u8; 32], bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = bytes.split_at_checked(BOX_NONCE)?;
    let nonce: [u8; BOX_NONCE] = nonce.try_into().ok()?;
    XSalsa20Poly1305::new(key.into()).decrypt(&nonce.into(), sealed).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_formats_open_with_their_key_only() {
        for sealed in SEALED {
            let opened = Opener::new(Secret::new("sk-salt")).open(sealed);
            assert_eq!(opened, Opened::Plain(Secret::new("sk-canary")), "{sealed}");
            assert_eq!(Opener::new(Secret::new("other")).open(sealed), Opened::NotOurs);
        }
    }

    #[test]
    fn what_was_never_encrypted_is_taken_as_it_is() {
        for plain in
            ["", "gpt-4o", "https://api.example.com/v1", "os.environ/OPENAI_API_KEY", "{\"type\": \"service\"}"]
        {
            assert_eq!(Opener::new(Secret::new("sk-salt")).open(plain), Opened::Never, "{plain}");
        }
        for damaged in ["v3:gcm:", "v2:gcm:AAAA", "v3:gcm:*"] {
            assert_eq!(Opener::new(Secret::new("sk-salt")).open(damaged), Opened::NotOurs, "{damaged}");
        }
    }

    /// "sk-canary" with the key "sk-salt", by other implementations; the last one in base64's other alphabet.
    const SEALED: [&str; 4] = [
        "v3:gcm:AAECAwQFBgcICQoLoQQDsMKql_tZMu91uijxjtIJr2dVkzx8Yw==",
        "v2:gcm:AAECAwQFBgcICQoLBMF4iOp339LT411z6UnpKd8RbW4ha6sHEg==",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX30yZ98qCIXYYuR4Ofz4i8jisBLxR4H5ZXw==",
        "DQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0Nl2jdMsduopTss4xoCt/Zpl+T8oJtpOccTQ==",
    ];
}
