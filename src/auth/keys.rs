//! The keys that are known, as an immutable snapshot, and whom they make the client: the master key, and the virtual keys
//! that the configuration declares.
//!
//! Keys are held and compared as digests: of a fixed length, and the master key's in constant time. A virtual key is
//! looked up by its whole digest, of which a client that guesses keys chooses nothing.

use std::collections::HashMap;

use super::digest::KeyDigest;
use super::members::Member;
use super::present::Presented;
use super::role::Role;
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// How each key begins that LiteLLM has made; the master key need not.
const KEY_PREFIX: &str = "sk-";

/// A client whose key was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What it may do.
    pub role: Role,
    /// Digest of its key; `None` where no key is needed.
    pub key_digest: Option<KeyDigest>,
    /// Which virtual key it has, by its place in [`KeyRing::members`].
    pub member: Option<u32>,
}

/// All keys that are accepted.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    master: Option<KeyDigest>,
    members: Vec<Member>,
    places: HashMap<KeyDigest, u32, foldhash::fast::RandomState>,
}

impl KeyRing {
    /// A ring with the master key, or one that lets everybody in. An empty master key (a variable that is not set)
    /// lets nobody in.
    pub fn new(master_key: Option<&Secret>) -> Self {
        Self { master: master_key.map(|key| KeyDigest::of(key.expose())), ..Self::default() }
    }

    /// With virtual keys. Of two with one digest the first counts.
    #[must_use]
    pub fn with_members(mut self, members: Vec<Member>) -> Self {
        for (place, member) in (0..).zip(&members) {
            self.places.entry(member.digest).or_insert(place);
        }
        self.members = members;
        self
    }

    /// The virtual keys.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The virtual key of a caller.
    pub fn member(&self, caller: &Caller) -> Option<&Member> {
        self.members.get(caller.member? as usize)
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
            return Ok(Caller { role: Role::ProxyAdmin, key_digest: None, member: None });
        };
        let key = match presented {
            Presented::Key(key) => key,
            Presented::Malformed => return Err(malformed_key()),
            Presented::Nothing => return Err(no_key()),
        };
        let digest = KeyDigest::of(key);
        if digest == master {
            return Ok(Caller { role: Role::ProxyAdmin, key_digest: Some(digest), member: None });
        }
        if let Some(place) = self.places.get(&digest) {
            return Ok(Caller { role: Role::InternalUser, key_digest: Some(digest), member: Some(*place) });
        }
        if !key.starts_with(KEY_PREFIX) {
            return Err(malformed_key());
        }
        Err(self.unknown(digest).detail(format!("unknown key {}", digest.prefix())))
    }
}

impl KeyRing {
    /// Where no virtual keys are known at all, LiteLLM answers that it has no database to look the key up in.
    fn unknown(&self, digest: KeyDigest) -> Error {
        if self.members.is_empty() {
            return Error::new(Kind::NoDatabase, "No connected db.");
        }
        let text = format!(
            "Authentication Error, Invalid proxy server token passed. Received API Key = sk-..., Key Hash (Token) \
             ={digest}. Unable to find token in cache or `LiteLLM_VerificationTokenTable`"
        );
        Error::new(Kind::UnknownKey, text).param("key")
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

    use super::super::members::Models;
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
        let admin = Caller { role: Role::ProxyAdmin, key_digest: Some(KeyDigest::of(MASTER)), member: None };
        assert_eq!(caller, admin);
        let unprefixed = KeyRing::new(Some(&Secret::new("hunter2")));
        assert!(unprefixed.authenticate(Presented::Key("hunter2")).is_ok());
    }

    #[test]
    fn a_virtual_key_is_found_by_its_whole_digest() {
        let member = |key: &str| Member {
            digest: KeyDigest::of(key),
            key_name: String::new(),
            models: Models::default(),
            team_models: Models::default(),
        };
        let ring = ring().with_members(vec![member("sk-one"), member("user-key-123")]);
        let caller = ring.authenticate(Presented::Key("user-key-123")).unwrap();
        assert_eq!((caller.role, caller.member), (Role::InternalUser, Some(1)));
        assert_eq!(ring.member(&caller), ring.members().get(1));
        assert_eq!(ring.authenticate(Presented::Key("user-key-12")).unwrap_err().kind, Kind::MalformedKey);
        let unknown = ring.authenticate(Presented::Key("sk-two")).unwrap_err();
        assert_eq!(unknown.kind, Kind::UnknownKey);
        assert!(unknown.message.contains("Invalid proxy server token passed"), "{}", unknown.message);
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
