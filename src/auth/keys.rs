//! The keys that are known, as an immutable snapshot, and whom they make the client.
//!
//! So far that is the master key. Keys are held and compared as digests: of a fixed length, and in constant time.

use super::digest::KeyDigest;
use super::present::Presented;
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// How each key begins that LiteLLM has made; the master key need not.
const KEY_PREFIX: &str = "sk-";

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `proxy_admin`: the holder of the master key, or anybody where no master key is set.
    ProxyAdmin,
}

/// A client whose key was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What it may do.
    pub role: Role,
    /// Digest of its key; `None` where no key is needed.
    pub key_digest: Option<KeyDigest>,
}

/// All keys that are accepted.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    master: Option<KeyDigest>,
}

impl KeyRing {
    /// A ring with the master key, or one that lets everybody in. An empty master key (a variable that is not set)
    /// lets nobody in.
    pub fn new(master_key: Option<&Secret>) -> Self {
        Self { master: master_key.map(|key| KeyDigest::of(key.expose())) }
    }

    /// Whether everybody is let in: worth a loud warning at start.
    pub fn is_open(&self) -> bool {
        self.master.is_none()
    }

    /// The caller behind what was presented.
    ///
    /// # Errors
    /// LiteLLM's refusals, word for word: no key, not a key, an unknown key. As long as there is no database, LiteLLM
    /// answers the last one with 400 and "No connected db.".
    pub fn authenticate(&self, presented: Presented<'_>) -> Result<Caller, Error> {
        let Some(master) = self.master else {
            return Ok(Caller { role: Role::ProxyAdmin, key_digest: None });
        };
        let key = match presented {
            Presented::Key(key) => key,
            Presented::Malformed => return Err(malformed_key()),
            Presented::Nothing => return Err(no_key()),
        };
        let digest = KeyDigest::of(key);
        if digest == master {
            return Ok(Caller { role: Role::ProxyAdmin, key_digest: Some(digest) });
        }
        if !key.starts_with(KEY_PREFIX) {
            return Err(malformed_key());
        }
        let refusal = Error::new(Kind::NoDatabase, "No connected db.");
        Err(refusal.detail(format!("unknown key {}", digest.prefix())))
    }
}

fn no_key() -> Error {
    // The string "None" is what LiteLLM sends.
    Error::new(Kind::NoKey, "Authentication Error, No api key passed in.").param("None")
}

fn malformed_key() -> Error {
    let text = "LiteLLM Virtual Key expected. Received=****, expected to start with 'sk-'.";
    Error::new(Kind::MalformedKey, text).param("None")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
    use proptest::prelude::*;

    use super::super::present::{Places, presented};
    use super::*;

    const MASTER: &str = "sk-master-1234";

    fn ring() -> KeyRing {
        KeyRing::new(Some(&Secret::new(MASTER)))
    }

    fn check(presented: Presented<'_>, kind: Kind, message: &str) {
        let refusal = ring().authenticate(presented).unwrap_err();
        assert_eq!((refusal.kind, refusal.message.as_str()), (kind, message));
    }

    #[test]
    fn refusals_have_litellms_words() {
        check(Presented::Nothing, Kind::NoKey, "Authentication Error, No api key passed in.");
        let malformed = "LiteLLM Virtual Key expected. Received=****, expected to start with 'sk-'.";
        check(Presented::Malformed, Kind::MalformedKey, malformed);
        check(Presented::Key("master-1234"), Kind::MalformedKey, malformed);
        check(Presented::Key("sk-other"), Kind::NoDatabase, "No connected db.");
        check(Presented::Key("sk-master-123"), Kind::NoDatabase, "No connected db.");
    }

    #[test]
    fn the_master_key_makes_an_admin() {
        let caller = ring().authenticate(Presented::Key(MASTER)).unwrap();
        assert_eq!(caller, Caller { role: Role::ProxyAdmin, key_digest: Some(KeyDigest::of(MASTER)) });
        let unprefixed = KeyRing::new(Some(&Secret::new("hunter2")));
        assert!(unprefixed.authenticate(Presented::Key("hunter2")).is_ok());
    }

    #[test]
    fn without_a_master_key_everybody_is_an_admin() {
        let open = KeyRing::new(None);
        assert!(open.is_open() && !ring().is_open());
        for presented in [Presented::Nothing, Presented::Key("anything"), Presented::Malformed] {
            let caller = open.authenticate(presented).unwrap();
            assert_eq!((caller.role, caller.key_digest), (Role::ProxyAdmin, None));
        }
    }

    #[test]
    fn an_empty_master_key_locks_everybody_out() {
        let locked = KeyRing::new(Some(&Secret::new("")));
        assert!(locked.authenticate(Presented::Nothing).is_err());
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer "))]);
        assert!(locked.authenticate(presented(&headers, Places::default())).is_err());
    }

    /// Bytes that a header may hold, the master key's beginning and a scheme among them.
    fn hostile_value() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop::collection::vec(prop_oneof![Just(b'\t'), 32..=126_u8, 128..=255_u8], 0..80);
        let start =
            prop::sample::select(vec!["", "Bearer ", "Basic ", "sk-", "Bearer sk-master-123", "sk-master-1234"]);
        let times = prop_oneof![9 => Just(1_usize), 1 => Just(100)];
        (start, bytes, times).prop_map(|(start, bytes, times)| [start.as_bytes(), &bytes.repeat(times)].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_hostile_value_authenticates(
            value in hostile_value(),
            name in prop::sample::select(vec!["authorization", "x-litellm-api-key", "api-key", "sec-websocket-protocol"]),
        ) {
            // The one value that may: the key itself, whatever white space stands around it.
            let text = String::from_utf8_lossy(&value);
            prop_assume!(text.split_ascii_whitespace().last() != Some(MASTER));
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_bytes(&value).unwrap());
            prop_assert!(ring().authenticate(presented(&headers, Places::default())).is_err());
        }

        #[test]
        fn different_keys_have_different_digests(one in "[ -~]{1,64}", other in "[ -~]{1,64}") {
            prop_assert_eq!(KeyDigest::of(&one) == KeyDigest::of(&other), one == other);
        }
    }
}
