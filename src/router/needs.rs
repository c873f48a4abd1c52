//! What of a request decides who can answer it, and what of a deployment says whether it can.

use regex::Regex;

use super::affinity::{AffinityKeys, AffinityTimes};
use super::purse::Outlook;
use super::tags::RequestTags;

/// Abilities of a model that a request may need: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u8);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);
    /// It sees images.
    pub const VISION: Self = Self(1);
    /// It calls functions.
    pub const TOOLS: Self = Self(1 << 1);
    /// It answers in a given JSON schema.
    pub const SCHEMA: Self = Self(1 << 2);
    /// It reads PDF files.
    pub const PDF: Self = Self(1 << 3);
    /// It hears.
    pub const AUDIO: Self = Self(1 << 4);
    /// It searches the web.
    pub const WEB_SEARCH: Self = Self(1 << 5);

    /// Each, with the name that LiteLLM gives it in `model_info` and in the price map.
    const NAMED: [(&'static str, Self); 6] = [
        ("supports_vision", Self::VISION),
        ("supports_function_calling", Self::TOOLS),
        ("supports_response_schema", Self::SCHEMA),
        ("supports_pdf_input", Self::PDF),
        ("supports_audio_input", Self::AUDIO),
        ("supports_web_search", Self::WEB_SEARCH),
    ];

    /// Other names, as they stand in lists of `capabilities`.
    const ALSO: [(&'static str, Self); 9] = [
        ("image", Self::VISION),
        ("images", Self::VISION),
        ("tools", Self::TOOLS),
        ("tool_calling", Self::TOOLS),
        ("json_schema", Self::SCHEMA),
        ("structured_output", Self::SCHEMA),
        ("structured_outputs", Self::SCHEMA),
        ("pdf", Self::PDF),
        ("audio", Self::AUDIO),
    ];

    /// The ability of this name: `supports_vision`, `vision`, `tools` …; none for what no request is known to need.
    pub fn named(name: &str) -> Self {
        let name = name.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        let own =
            Self::NAMED.iter().find(|(known, _)| *known == name || known.strip_prefix("supports_") == Some(&name));
        own.or_else(|| Self::ALSO.iter().find(|(known, _)| *known == name)).map_or(Self::NONE, |(_, ability)| *ability)
    }

    /// What is in either.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn shared(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one only.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` is in it.
    pub const fn holds(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// LiteLLM's names of its abilities.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMED.into_iter().filter(move |(_, ability)| self.holds(*ability)).map(|(name, _)| name)
    }

    /// Each ability by itself.
    pub(super) fn each(self) -> impl Iterator<Item = Self> {
        Self::NAMED.into_iter().map(|(_, ability)| ability).filter(move |ability| self.holds(*ability))
    }
}

/// `model_info.type`: the kinds of deployment that the strategy `lar1` chooses among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelType {
    /// `local`.
    Local,
    /// `cloud-fast`.
    CloudFast,
    /// `cloud-smart`.
    CloudSmart,
    /// `deep`.
    Deep,
}

impl ModelType {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ModelType::Local => "local",
            ModelType::CloudFast => "cloud-fast",
            ModelType::CloudSmart => "cloud-smart",
            ModelType::Deep => "deep",
        }
    }

    /// Reads it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "local" => Some(Self::Local),
            "cloud-fast" => Some(Self::CloudFast),
            "cloud-smart" => Some(Self::CloudSmart),
            "deep" => Some(Self::Deep),
            _ => None,
        }
    }
}

/// From which confidence on `lar1` gives a request to which kind of deployment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Below it: [`ModelType::CloudSmart`].
    pub low: f64,
    /// Below it: [`ModelType::CloudFast`].
    pub medium: f64,
    /// Below it: [`ModelType::Local`]; from it on: [`ModelType::Deep`].
    pub high: f64,
}

impl Default for Thresholds {
    /// LiteLLM's.
    fn default() -> Self {
        Self { low: 0.3, medium: 0.5, high: 0.7 }
    }
}

impl Thresholds {
    /// The confidence of a request that says nothing of it.
    pub const UNSAID: f64 = 0.5;

    /// Where a request of this confidence belongs. What is not verified goes to the smartest, what is remembered to the
    /// fastest.
    pub fn model_type(&self, confidence: f64, is_unverified: bool, is_memory: bool) -> ModelType {
        match confidence {
            _ if is_unverified => ModelType::CloudSmart,
            _ if is_memory => ModelType::CloudFast,
            low if low < self.low => ModelType::CloudSmart,
            medium if medium < self.medium => ModelType::CloudFast,
            high if high < self.high => ModelType::Local,
            _ => ModelType::Deep,
        }
    }
}

/// What is known of a deployment's model.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Dollars for a token of input; `None`: nobody knows.
    pub input_cost: Option<f64>,
    /// Dollars for a token of output.
    pub output_cost: Option<f64>,
    /// The longest prompt that it takes, in tokens.
    pub max_input_tokens: Option<u64>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// `litellm_params.tags`.
    pub tags: Vec<String>,
    /// `litellm_params.tag_regex`: clients that it is for, by their `User-Agent`.
    pub tag_regex: Vec<Regex>,
    /// `model_info.enable_tag_filtering`, before the router's.
    pub tag_filtering: Option<bool>,
    /// `model_info.allow_fail_open`.
    pub fails_open: bool,
    /// `model_info.type`.
    pub model_type: Option<ModelType>,
    /// Where it runs: `eu`, `eu-west-1`, `europe-west4` … `None`: nobody says.
    pub region: Option<String>,
}

/// What a request needs. Only what [`super::Router::wanted`] names is looked at.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// The client wants events.
    pub stream: bool,
    /// The prompt's tokens, estimated.
    pub prompt_tokens: u64,
    /// The prompt's tokens at the very least: what a deployment with a smaller window refuses for certain.
    pub least_prompt_tokens: u64,
    /// Tokens of output, as far as the request limits them.
    pub output_tokens: u64,
    /// What the model must be able to do.
    pub capabilities: Capabilities,
    /// Its tags.
    pub tags: RequestTags,
    /// The kind of deployment that `lar1` gives it to.
    pub model_type: Option<ModelType>,
    /// What it may cost.
    pub outlook: Option<Outlook>,
    /// What it has in common with earlier ones.
    pub affinity: AffinityKeys,
    /// The only region that may answer it, by the beginning of its name.
    pub region: Option<String>,
}

impl Needs {
    /// A request without any.
    pub const NONE: Self = Self {
        stream: false,
        prompt_tokens: 0,
        least_prompt_tokens: 0,
        output_tokens: 0,
        capabilities: Capabilities::NONE,
        tags: RequestTags::NONE,
        model_type: None,
        outlook: None,
        affinity: AffinityKeys::NONE,
        region: None,
    };
}

/// What the router would look at, so that nobody reads more of a request than that.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// The prompt's length.
    pub tokens: bool,
    /// The request's tags.
    pub tags: bool,
    /// What the request may cost.
    pub money: bool,
    /// Abilities in which the group's members differ.
    pub capabilities: Capabilities,
    /// The request's own words on its confidence, which these turn into a kind of deployment.
    pub confidence: Option<Thresholds>,
    /// What is remembered, and how long.
    pub affinity: AffinityTimes,
    /// What the provider's answer says is left of its limits.
    pub headroom: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abilities_have_many_names() {
        for (name, ability) in [
            ("supports_vision", Capabilities::VISION),
            ("Vision", Capabilities::VISION),
            ("function-calling", Capabilities::TOOLS),
            ("tools", Capabilities::TOOLS),
            ("json schema", Capabilities::SCHEMA),
            ("web_search", Capabilities::WEB_SEARCH),
            ("long-context", Capabilities::NONE),
            ("", Capabilities::NONE),
        ] {
            assert_eq!(Capabilities::named(name), ability, "{name}");
        }
    }

    #[test]
    fn sets_are_sets() {
        let both = Capabilities::VISION.and(Capabilities::PDF);
        assert!(both.holds(Capabilities::PDF) && !Capabilities::PDF.holds(both) && both.holds(Capabilities::NONE));
        assert_eq!(both.without(Capabilities::PDF), Capabilities::VISION);
        assert_eq!(both.shared(Capabilities::PDF), Capabilities::PDF);
        assert_eq!(both.each().count(), 2);
        assert!(Capabilities::NONE.is_empty() && Capabilities::NONE.each().next().is_none());
    }
}
