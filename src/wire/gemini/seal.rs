//! Seals of other families among Gemini's.
//!
//! `thoughtSignature` is a field of bytes: Google's SDKs refuse an answer in which it is not base64, and hand it back in
//! the other of base64's two alphabets. So a foreign seal, marked by [`Thinking::seal_for`], is wrapped in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::wire::model::{Family, Thinking};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The seal of a thought for a client of Gemini.
pub fn outwards(thought: &Thinking) -> Option<String> {
    let seal = thought.seal_for(Family::Gemini)?;
    let own = thought.family.is_none_or(|family| family == Family::Gemini);
    Some(if own { seal } else { STANDARD.encode(seal) })
}

/// A thought that a client of Gemini hands back.
pub fn inwards(text: String, seal: Option<String>) -> Thinking {
    let foreign = seal.as_deref().and_then(unwrapped).map(|seal| {
        let thought = Thinking::unsealed(String::new(), Some(seal), Family::Gemini, false);
        Thinking { text: text.clone(), ..thought }
    });
    match foreign {
        Some(thought) if thought.family != Some(Family::Gemini) => thought,
        _ => Thinking { text, signature: seal, family: Some(Family::Gemini), ..Thinking::default() },
    }
}

fn unwrapped(seal: &str) -> Option<String> {
    let standard = seal.replace('-', "+").replace('_', "/");
    String::from_utf8(LENIENT.decode(standard).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_comes_back_as_it_went() {
        let check = |thought: Thinking| {
            let seal = outwards(&thought);
            let bytes = seal.as_deref().map(|seal| STANDARD.decode(seal).unwrap());
            assert_eq!(inwards(thought.text.clone(), seal), thought);
            // As the Python SDK spells it.
            let other = bytes.map(|bytes| base64::engine::general_purpose::URL_SAFE.encode(bytes));
            if thought.family != Some(Family::Gemini) {
                assert_eq!(inwards(thought.text.clone(), other), thought);
            }
        };
        let sealed = |family, signature: Option<&str>, data: Option<&str>| Thinking {
            text: "hm".into(),
            signature: signature.map(str::to_owned),
            sealed: data.map(str::to_owned),
            family: Some(family),
            ..Thinking::default()
        };
        check(sealed(Family::Gemini, Some("Q2xhdWRl"), None));
        check(sealed(Family::Gemini, None, None));
        check(sealed(Family::Anthropic, Some("Eq+B/w=="), None));
        check(sealed(Family::Anthropic, None, Some("ErUB~~??>>")));
    }
}
