//! What LiteLLM's name of a Bedrock model means: which id is called, where, and whose model it is.
//!
//! Forms: `<id>`, `converse/<id>`, `invoke/<id>`, `converse_like/<id>`, `<region>/<id>`, `<vendor>/<arn>`; ids may begin with
//! a cross-region prefix (`us.`, `eu.`, `apac.`, `global.` …) or be ARNs of inference profiles, provisioned or imported
//! models. Pure: the provider's prefix `bedrock/` may or may not be there.
//!
//! Model ids: <https://docs.aws.amazon.com/bedrock/latest/userguide/model-ids.html>

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Who made a model: what it can do follows from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    Ai21,
    Amazon,
    Anthropic,
    Cohere,
    DeepSeek,
    Meta,
    Mistral,
    OpenAi,
    /// A vendor whose models have no peculiarities here.
    Other,
    /// An ARN that does not say it: nothing may be ruled out.
    Unknown,
}

/// Which operation the name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It does not say: Claude's own dialect goes to InvokeModel, everything else to Converse.
    Unsaid,
    /// `converse/`, `converse_like/`
    Converse,
    /// `invoke/`
    Invoke,
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelId {
    /// The id as one segment of the request's path (`/model/{path}/converse`). Plain ids keep their colon, as LiteLLM sends
    /// them; an ARN is encoded whole, as its slashes must be. A SigV4 canonical path encodes this text once more.
    pub path: String,
    /// The region that the name or the ARN says.
    pub region: Option<String>,
    /// The operation that the name says.
    pub operation: Operation,
    /// Whose model it is.
    pub vendor: Vendor,
    /// The name without region, prefixes and ARN: `anthropic.claude-…`. Of an ARN that does not say it, the last part.
    pub base: String,
}

/// Words before the first slash that choose a route, or a price, or the provider, and are no part of the id.
const WORDS: [&str; 8] = [
    "bedrock",
    "bedrock_converse",
    "converse",
    "converse_like",
    "invoke",
    "1-month-commitment",
    "6-month-commitment",
    "async_invoke",
];

/// Vendors by the first part of their models' ids, and by the names that LiteLLM puts before ARNs.
const VENDORS: [(&str, Vendor); 28] = [
    ("ai21", Vendor::Ai21),
    ("amazon", Vendor::Amazon),
    ("nova", Vendor::Amazon),
    ("titan", Vendor::Amazon),
    ("anthropic", Vendor::Anthropic),
    ("cohere", Vendor::Cohere),
    ("deepseek", Vendor::DeepSeek),
    ("deepseek_r1", Vendor::DeepSeek),
    ("meta", Vendor::Meta),
    ("llama", Vendor::Meta),
    ("mistral", Vendor::Mistral),
    ("openai", Vendor::OpenAi),
    ("google", Vendor::Other),
    ("luma", Vendor::Other),
    ("minimax", Vendor::Other),
    ("moonshot", Vendor::Other),
    ("moonshotai", Vendor::Other),
    ("nvidia", Vendor::Other),
    ("qwen", Vendor::Other),
    ("qwen2", Vendor::Other),
    ("qwen3", Vendor::Other),
    ("stability", Vendor::Other),
    ("twelvelabs", Vendor::Other),
    ("writer", Vendor::Other),
    ("xai", Vendor::Other),
    ("z-ai", Vendor::Other),
    ("zai", Vendor::Other),
    ("zhipu", Vendor::Other),
];

/// What of an ARN may not stand in a path segment as it is.
const IN_ARN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same of a plain id.
const IN_ID: &AsciiSet = &IN_ARN.remove(b':');

impl ModelId {
    /// Reads a name.
    pub fn parse(name: &str) -> Self {
        let mut operation = Operation::Unsaid;
        let mut region = None;
        let mut hint = None;
        let mut id = name;
        while let Some((word, rest)) = id.split_once('/').filter(|_| !id.starts_with("arn:")) {
            match word {
                "converse" | "converse_like" => operation = Operation::Converse,
                "invoke" => operation = Operation::Invoke,
                _ if WORDS.contains(&word) => {}
                _ if is_region(word) => region = Some(word.to_owned()),
                _ => match vendor(word) {
                    Some(vendor) => hint = Some(vendor),
                    None => break,
                },
            }
            id = rest;
        }
        let is_arn = id.starts_with("arn:");
        let last = if is_arn { id.rsplit('/').next().unwrap_or(id) } else { id };
        let base = without_prefix(last);
        let vendor = hint
            .or_else(|| vendor(base.split('.').next().unwrap_or(base)))
            .or_else(|| base.starts_with("claude").then_some(Vendor::Anthropic))
            .unwrap_or(if is_arn { Vendor::Unknown } else { Vendor::Other });
        let of_arn = || id.split(':').nth(3).filter(|word| is_arn && !word.is_empty()).map(str::to_owned);
        let encoded = if is_arn { IN_ARN } else { IN_ID };
        Self {
            path: utf8_percent_encode(id, encoded).to_string(),
            region: of_arn().or(region),
            operation,
            vendor,
            base: base.to_owned(),
        }
    }

    /// Claude's version as (major, minor), from names like `claude-3-5-sonnet-…` and `claude-opus-4-6-v1`.
    pub fn claude_version(&self) -> Option<(u32, u32)> {
        let (_, name) = self.base.split_once("claude-")?;
        // Dates have eight digits, versions one or two.
        let mut numbers = name
            .split(['-', '.', ':', '@'])
            .map_while(|word| match word.parse::<u32>() {
                Ok(number) if word.len() <= 2 => Some(Some(number)),
                Ok(_) => None,
                Err(_) if word.starts_with('v') => None,
                Err(_) => Some(None),
            })
            .flatten();
        Some((numbers.next()?, numbers.next().unwrap_or(0)))
    }
}

fn vendor(word: &str) -> Option<Vendor> {
    VENDORS.iter().find(|(name, _)| *name == word).map(|(_, vendor)| *vendor)
}

/// `us-east-1`, `ap-southeast-2`, `us-gov-west-1` …
fn is_region(word: &str) -> bool {
    let mut parts = word.split('-');
    let is_word = |part: &str, longest: usize| {
        (2..=longest).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    parts.next().is_some_and(|part| is_word(part, 3))
        && parts.next_back().is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        && parts.next().is_some_and(|part| is_word(part, 12))
        && parts.all(|part| is_word(part, 12))
}

/// The id without its cross-region prefix: the first word that names a vendor may be the second.
fn without_prefix(id: &str) -> &str {
    match id.split_once('.') {
        Some((first, rest)) if vendor(first).is_none() && vendor(rest.split('.').next().unwrap_or(rest)).is_some() => {
            rest
        }
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn every_form_is_understood() {
        let check = |name: &str, path: &str, region: Option<&str>, operation: Operation, vendor: Vendor, base: &str| {
            let id = ModelId::parse(name);
            let expected = ModelId {
                path: path.to_owned(),
                region: region.map(str::to_owned),
                operation,
                vendor,
                base: base.to_owned(),
            };
            assert_eq!(id, expected, "{name}");
        };
        use Operation::{Converse, Invoke, Unsaid};
        let claude = "anthropic.claude-3-5-sonnet-20240620-v1:0";
        check(claude, claude, None, Unsaid, Vendor::Anthropic, claude);
        for prefix in ["us", "eu", "apac", "global", "us-gov", "jp"] {
            let id = format!("{prefix}.{claude}");
            check(&id, &id, None, Unsaid, Vendor::Anthropic, claude);
        }
        check(&format!("bedrock/{claude}"), claude, None, Unsaid, Vendor::Anthropic, claude);
        check(&format!("converse/{claude}"), claude, None, Converse, Vendor::Anthropic, claude);
        check(&format!("converse_like/{claude}"), claude, None, Converse, Vendor::Anthropic, claude);
        check(&format!("invoke/us.{claude}"), &format!("us.{claude}"), None, Invoke, Vendor::Anthropic, claude);
        check(&format!("us-west-2/{claude}"), claude, Some("us-west-2"), Unsaid, Vendor::Anthropic, claude);
        check(
            &format!("invoke/us-gov-west-1/{claude}"),
            claude,
            Some("us-gov-west-1"),
            Invoke,
            Vendor::Anthropic,
            claude,
        );
        check(
            "us-east-1/1-month-commitment/anthropic.claude-v2",
            "anthropic.claude-v2",
            Some("us-east-1"),
            Unsaid,
            Vendor::Anthropic,
            "anthropic.claude-v2",
        );
        check("amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", None, Unsaid, Vendor::Amazon, "amazon.nova-pro-v1:0");
        check(
            "us.meta.llama3-3-70b-instruct-v1:0",
            "us.meta.llama3-3-70b-instruct-v1:0",
            None,
            Unsaid,
            Vendor::Meta,
            "meta.llama3-3-70b-instruct-v1:0",
        );
        check("acme.model-1", "acme.model-1", None, Unsaid, Vendor::Other, "acme.model-1");
        check(
            "converse/arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.anthropic.claude-sonnet-4-5-20250929-v1%3A0",
            Some("eu-west-1"),
            Converse,
            Vendor::Anthropic,
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
        );
        check(
            "us-east-1/arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123",
            "arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3Aapplication-inference-profile%2Fabc123",
            Some("us-west-2"),
            Unsaid,
            Vendor::Unknown,
            "abc123",
        );
        check(
            "llama/arn:aws:bedrock:us-east-1:123456789012:imported-model/r4c4",
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aimported-model%2Fr4c4",
            Some("us-east-1"),
            Unsaid,
            Vendor::Meta,
            "r4c4",
        );
    }

    #[test]
    fn claudes_version_is_in_its_name() {
        let cases = [
            ("us.anthropic.claude-3-5-sonnet-20240620-v1:0", Some((3, 5))),
            ("anthropic.claude-3-haiku-20240307-v1:0", Some((3, 0))),
            ("anthropic.claude-sonnet-4-20250514-v1:0", Some((4, 0))),
            ("global.anthropic.claude-opus-4-6-v1", Some((4, 6))),
            ("claude-sonnet-4.5", Some((4, 5))),
            ("anthropic.claude-sonnet-5", Some((5, 0))),
            ("anthropic.claude-v2:1", None),
            ("anthropic.claude-instant-v1", None),
            ("amazon.nova-2-lite-v1:0", None),
        ];
        for (name, version) in cases {
            assert_eq!(ModelId::parse(name).claude_version(), version, "{name}");
        }
    }
}
