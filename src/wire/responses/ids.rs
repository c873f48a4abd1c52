//! Ids of answers that tell who holds them, as LiteLLM writes them: `resp_` and the base64 of
//! `litellm:custom_llm_provider:P;model_id:M;response_id:R`.
//!
//! A client hands such an id back as `previous_response_id`, or in the path of a GET, DELETE or cancel, and the call goes
//! to the deployment that knows `R`. Nothing in it is secret, and nothing is believed but what names a known deployment.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::wire::codec::Origin;

const PREFIX: &str = "resp_";
const PROVIDER: &str = "litellm:custom_llm_provider:";
const MODEL: &str = ";model_id:";
const RESPONSE: &str = ";response_id:";

/// Both alphabets come by (clients put ids into paths), and padding gets lost there.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const IN_PATHS: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// What an id tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// LiteLLM's name of the provider; empty when LiteLLM did not know.
    pub provider: String,
    /// `model_info.id` of the deployment; LiteLLM writes `None` when it did not know.
    pub model_id: String,
    /// The provider's own id.
    pub response_id: String,
}

/// The id that a client sees.
pub fn encode(provider: &str, model_id: &str, response_id: &str) -> String {
    let plain = [PROVIDER, provider, MODEL, model_id, RESPONSE, response_id].concat();
    [PREFIX, &PLAIN.encode(plain)].concat()
}

/// As [`encode`]. An id that already tells its holder stays as it is.
pub fn of(origin: &Origin, response_id: &str) -> String {
    match decode(response_id) {
        Some(_) => response_id.to_owned(),
        None => encode(origin.provider, &origin.model_id, response_id),
    }
}

/// What an id tells. `None`: it is a provider's own id, or no id at all.
pub fn decode(id: &str) -> Option<Parts> {
    let packed = id.strip_prefix(PREFIX)?;
    let packed = packed.replace("%3D", "=").replace("%3d", "=");
    let engine = if packed.contains(['-', '_']) { &IN_PATHS } else { &PLAIN };
    let plain = String::from_utf8(engine.decode(packed).ok()?).ok()?;
    let (provider, rest) = plain.strip_prefix(PROVIDER)?.split_once(MODEL)?;
    let (model_id, response_id) = rest.split_once(RESPONSE)?;
    Some(Parts { provider: provider.to_owned(), model_id: model_id.to_owned(), response_id: response_id.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_litellms() {
        // As recorded: the id of gpt-4o/messages_api.
        let recorded = "resp_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDo1Y2YyYjc3MWRmYjc5NmE4ODllZDIxYTJhOTVlM\
            mUzY2Q0ZDMwZWQzOGYwYjZmOTcyNGEzODZkYzBmM2NhMzMzO3Jlc3BvbnNlX2lkOnJlc3BfbW9jaw==";
        let model_id = "5cf2b771dfb796a889ed21a2a95e2e3cd4d30ed38f0b6f9724a386dc0f3ca333";
        assert_eq!(encode("openai", model_id, "resp_mock"), recorded);
        let parts = decode(recorded).unwrap();
        assert_eq!((parts.provider.as_str(), parts.response_id.as_str()), ("openai", "resp_mock"));
        assert_eq!(decode(recorded.trim_end_matches('=')), Some(parts.clone()));
        assert_eq!(decode(&recorded.replace('=', "%3D")), Some(parts));
    }

    #[test]
    fn other_ids_tell_nothing() {
        for id in ["resp_mock", "resp_", "", "chatcmpl-1", "resp_bGl0ZWxsbQ==", "resp_6888a", "msg_1", "resp_é"] {
            assert_eq!(decode(id), None, "{id}");
        }
        let origin = Origin { provider: "openai", model_id: "m".to_owned() };
        let shown = of(&origin, "resp_1");
        assert_eq!(of(&origin, &shown), shown);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(provider in "[a-z_]{0,12}", model_id in "[^;]{0,40}", response_id in ".{0,60}") {
            let id = encode(&provider, &model_id, &response_id);
            let parts = Parts { provider, model_id, response_id };
            prop_assert_eq!(decode(&id), Some(parts.clone()));
            let in_paths = id.replace('+', "-").replace('/', "_");
            prop_assert_eq!(decode(in_paths.trim_end_matches('=')), Some(parts));
        }

        #[test]
        fn anything_is_read_without_harm(id in "(resp_)?[A-Za-z0-9+/=_%-]{0,80}") {
            if let Some(parts) = decode(&id) {
                prop_assert_eq!(decode(&encode(&parts.provider, &parts.model_id, &parts.response_id)), Some(parts));
            }
        }
    }
}
