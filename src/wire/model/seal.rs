//! Seals on foreign ground.
//!
//! A provider that thinks signs its thoughts and refuses them later without the signature. A client of another dialect
//! has to hand the signature back in a place that its own dialect has, so it is put there with the name of the family
//! whose seal it is; inside its own family it stands as it came.

use super::{Family, Thinking, ToolCall};

/// Between the parts of a seal that stands on foreign ground.
const SEPARATOR: char = '#';

/// Between a call's id and Gemini's signature of it, as LiteLLM writes them into one id.
const IN_ID: &str = "__thought__";

impl Family {
    fn word(self) -> &'static str {
        match self {
            Family::OpenAi => "openai",
            Family::Anthropic => "anthropic",
            Family::Gemini => "gemini",
            Family::Cohere => "cohere",
            Family::Ollama => "ollama",
        }
    }

    fn by_word(word: &str) -> Option<Self> {
        let all = [Family::OpenAi, Family::Anthropic, Family::Gemini, Family::Cohere, Family::Ollama];
        all.into_iter().find(|family| family.word() == word)
    }
}

impl Thinking {
    /// The seal as one text for a dialect of family `into`: as it came where the dialect is the sealer's own, with the
    /// sealer's name and the item's id before it elsewhere. `None`: there is no seal.
    pub fn seal_for(&self, into: Family) -> Option<String> {
        let (kind, seal) = match (&self.signature, &self.sealed) {
            (Some(signature), _) => ('s', signature),
            (None, Some(sealed)) => ('d', sealed),
            (None, None) => return None,
        };
        let family = self.family.unwrap_or(into);
        if family == into {
            return Some(seal.clone());
        }
        let id = self.id.as_deref().unwrap_or_default();
        Some(format!("{}{SEPARATOR}{id}{SEPARATOR}{kind}{SEPARATOR}{seal}", family.word()))
    }

    /// A thought that a client of family `from` hands back: `seal` is what [`Thinking::seal_for`] gave it, or the
    /// family's own. `is_data`: an unmarked seal is sealed content, not a signature.
    pub fn unsealed(text: String, seal: Option<String>, from: Family, is_data: bool) -> Self {
        let Some(seal) = seal else { return Self { text, family: Some(from), ..Self::default() } };
        if let Some((family, id, kind, payload)) = foreign(&seal) {
            let id = (!id.is_empty()).then(|| id.to_owned());
            let payload = Some(payload.to_owned());
            let (signature, sealed) = if kind == "d" { (None, payload) } else { (payload, None) };
            return Self { text, signature, sealed, id, family: Some(family), summary: family == Family::OpenAi };
        }
        let (signature, sealed) = if is_data { (None, Some(seal)) } else { (Some(seal), None) };
        Self { text, signature, sealed, family: Some(from), ..Self::default() }
    }
}

fn foreign(seal: &str) -> Option<(Family, &str, &str, &str)> {
    let mut parts = seal.splitn(4, SEPARATOR);
    let family = Family::by_word(parts.next()?)?;
    Some((family, parts.next()?, parts.next()?, parts.next()?))
}

impl ToolCall {
    /// The id for a dialect that has no place for the signature of a call: the signature rides on the id.
    pub fn id_with_signature(&self) -> String {
        match &self.signature {
            Some(signature) => format!("{}{IN_ID}{signature}", self.id),
            None => self.id.clone(),
        }
    }
}

/// The id of a call or a result as a client hands it back, and the signature that rides on it.
pub fn split_tool_id(id: &str) -> (&str, Option<&str>) {
    match id.split_once(IN_ID) {
        Some((id, signature)) => (id, Some(signature)),
        None => (id, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_survives_foreign_ground() {
        let thought = Thinking {
            text: "hm".into(),
            sealed: Some("gAAA#b".into()),
            id: Some("rs_1".into()),
            family: Some(Family::OpenAi),
            summary: true,
            ..Thinking::default()
        };
        let seal = thought.seal_for(Family::Anthropic);
        assert_eq!(seal.as_deref(), Some("openai#rs_1#d#gAAA#b"));
        assert_eq!(Thinking::unsealed("hm".into(), seal, Family::Anthropic, false), thought);
        assert_eq!(thought.seal_for(Family::OpenAi).as_deref(), Some("gAAA#b"));

        let own = Thinking::unsealed(String::new(), Some("EqQB".into()), Family::Anthropic, false);
        assert_eq!((own.signature.as_deref(), own.family), (Some("EqQB"), Some(Family::Anthropic)));
    }

    #[test]
    fn a_signature_rides_on_the_id() {
        let call = ToolCall { id: "call_1".into(), signature: Some("c2ln".into()), ..ToolCall::default() };
        assert_eq!(split_tool_id(&call.id_with_signature()), ("call_1", Some("c2ln")));
        assert_eq!(split_tool_id("call_1"), ("call_1", None));
    }
}
