//! The edits that turn a client's body into one deployment's.

use serde_json::{Map, Value};

use crate::error::{Error, Kind};
use crate::wire::anthropic::Hosting;
use crate::wire::escape::quote;
use crate::wire::openai::request::{Request, is_ours};
use crate::wire::peek::{Member, Object, ValueKind};
use crate::wire::splice::{Splice, Spliced, member_json};

/// What one deployment wants changed.
#[derive(Clone, Debug)]
pub struct PassRules<'a> {
    /// The provider's name of the model.
    pub upstream_model: &'a str,
    /// Where it is hosted.
    pub hosting: Hosting,
    /// Members to add where the client did not say (`temperature`, `max_tokens` … of `litellm_params`); those that the
    /// Messages API does not know are passed over.
    pub defaults: &'a Map<String, Value>,
    /// Members to add whatever the client said. Not `model`.
    pub extra_body: &'a Map<String, Value>,
    /// Names to leave out (`additional_drop_params`). Not `model`.
    pub drop: &'a [String],
    /// Values of the client's `anthropic-beta` header, for hosts that want them in the body (Bedrock).
    pub betas: &'a [&'a str],
}

/// Members of the Messages API that a deployment may have a default for.
const DEFAULTS: [&str; 12] = [
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "thinking",
    "tools",
    "tool_choice",
    "metadata",
    "service_tier",
    "output_config",
    "cache_control",
];

/// The body for one deployment.
///
/// # Errors
/// A mistake of ours ([`Kind::Internal`]), whatever the client sent.
pub fn for_upstream(request: &Request, rules: &PassRules<'_>) -> Result<Spliced, Error> {
    let object = request.object();
    let own = rules.hosting == Hosting::Own;
    let mut splice = Splice::new(request.body().clone());
    let goes = |member: &Member| goes(member.name(object.body()), rules);
    let mut added = Vec::new();
    if own {
        model(&object, rules.upstream_model, &mut splice, &mut added);
        if object.get("stream").is_none() {
            add(&mut added, "stream", b"false");
        }
    }
    if let Some(version) = rules.hosting.version() {
        add(&mut added, "anthropic_version", &quote(version));
    }
    if rules.hosting == Hosting::BedrockInvoke {
        if !rules.betas.is_empty() {
            add(&mut added, "anthropic_beta", Value::from(rules.betas.to_vec()).to_string().as_bytes());
        }
        if let Some(system) = object.get("system").filter(|system| system.kind == ValueKind::String && !goes(system)) {
            let block = [br#"[{"type":"text","text":"#, object.raw(system), b"}]"].concat();
            splice.replace(system.value.clone(), block);
        }
    }
    for (name, value) in rules.defaults.iter().filter(|(name, _)| DEFAULTS.contains(&name.as_str())) {
        if object.get(name).is_none() && !rules.extra_body.contains_key(name) && !rules.drop.contains(name) {
            add(&mut added, name, value.to_string().as_bytes());
        }
    }
    for (name, value) in rules.extra_body.iter().filter(|(name, _)| name.as_str() != "model") {
        add(&mut added, name, value.to_string().as_bytes());
    }
    splice.edit_members(&object, goes, added);
    finish(splice)
}

/// The body for the provider's own `count_tokens`: the client's, with the provider's name of the model.
///
/// # Errors
/// As [`for_upstream`].
pub fn for_counting(request: &Request, upstream_model: &str) -> Result<Spliced, Error> {
    let object = request.object();
    let mut splice = Splice::new(request.body().clone());
    let mut added = Vec::new();
    model(&object, upstream_model, &mut splice, &mut added);
    splice.edit_members(&object, |member| is_control(member.name(object.body())), added);
    finish(splice)
}

fn finish(splice: Splice) -> Result<Spliced, Error> {
    splice.finish().map_err(|error| Error::new(Kind::Internal, "Internal error").detail(format!("splice: {error:?}")))
}

fn model(object: &Object<'_>, name: &str, splice: &mut Splice, added: &mut Vec<u8>) {
    match object.get("model") {
        // Not what was asked for: an alias or a spent budget may have decided on another.
        Some(model) if object.text(model).as_deref() == Some(name) => {}
        Some(member) => splice.replace(member.value.clone(), quote(name)),
        None => add(added, "model", &quote(name)),
    }
}

/// `metadata` is Anthropic's here: it names the end user.
fn is_control(name: &[u8]) -> bool {
    name != b"metadata" && is_ours(name)
}

fn goes(name: &[u8], rules: &PassRules<'_>) -> bool {
    let own = rules.hosting == Hosting::Own;
    match name {
        b"model" => return !own,
        b"stream" if rules.hosting == Hosting::BedrockInvoke => return true,
        b"anthropic_version" if !own => return true,
        b"anthropic_beta" if !rules.betas.is_empty() => return true,
        _ => {}
    }
    is_control(name)
        || rules.drop.iter().any(|drop| drop.as_bytes() == name)
        || std::str::from_utf8(name).is_ok_and(|name| rules.extra_body.contains_key(name))
}

fn add(added: &mut Vec<u8>, name: &str, value: &[u8]) {
    if !added.is_empty() {
        added.push(b',');
    }
    added.extend_from_slice(&member_json(name, value));
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn sent<'a>(body: &str, change: impl FnOnce(&mut PassRules<'a>)) -> String {
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        let mut rules = PassRules {
            upstream_model: "up",
            hosting: Hosting::Own,
            defaults: &NONE,
            extra_body: &NONE,
            drop: &[],
            betas: &[],
        };
        change(&mut rules);
        let request = Request::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        String::from_utf8(for_upstream(&request, &rules).unwrap().to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn each_host_has_its_frame() {
        let body = r#"{"model":"m", "max_tokens":5,"system":"a\"b","messages":[ {"role":"user","content":"hi"}]}"#;
        let with = |hosting: Hosting| sent(body, |rules| rules.hosting = hosting);
        let rest = r#""messages":[ {"role":"user","content":"hi"}]"#;
        assert_eq!(
            with(Hosting::Own),
            format!(r#"{{"model":"up", "max_tokens":5,"system":"a\"b",{rest},"stream":false}}"#)
        );
        assert_eq!(
            with(Hosting::Vertex),
            format!(r#"{{"max_tokens":5,"system":"a\"b",{rest},"anthropic_version":"vertex-2023-10-16"}}"#)
        );
        let blocks = r#"[{"type":"text","text":"a\"b"}]"#;
        assert_eq!(
            with(Hosting::BedrockInvoke),
            format!(r#"{{"max_tokens":5,"system":{blocks},{rest},"anthropic_version":"bedrock-2023-05-31"}}"#)
        );
        let streamed = r#"{"model":"up","stream":true,"messages":[]}"#;
        assert_eq!(sent(streamed, |_| {}), streamed);
        let streamed = sent(streamed, |rules| {
            rules.hosting = Hosting::BedrockInvoke;
            rules.betas = &["a", "b"];
        });
        let expected = r#"{"messages":[],"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b"]}"#;
        assert_eq!(streamed, expected);
    }

    #[test]
    fn what_is_litellms_stays_here_and_metadata_goes() {
        let body = r#"{"model":"m","tags":["x"],"metadata":{"user_id":"u"},"litellm_metadata":{},"num_retries":1,
            "stream":false,"fallbacks":[]}"#;
        let sent: Value = serde_json::from_str(&sent(body, |_| {})).unwrap();
        assert_eq!(sent, json!({"model": "up", "metadata": {"user_id": "u"}, "stream": false}));
    }

    #[test]
    fn defaults_drops_and_extras() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let defaults = map(json!({"temperature": 0.5, "max_tokens": 9, "seed": 1, "top_k": 2, "model": "x"}));
        let extra = map(json!({"speed": "fast", "top_k": 3, "model": "x"}));
        let drop = ["thinking".to_owned(), "model".to_owned()];
        let body = r#"{"model":"m","temperature":1,"thinking":{"type":"disabled"},"stream":true}"#;
        let rules = PassRules {
            upstream_model: "up",
            hosting: Hosting::Own,
            defaults: &defaults,
            extra_body: &extra,
            drop: &drop,
            betas: &[],
        };
        let request = Request::parse(Bytes::from_static(body.as_bytes())).unwrap();
        let sent: Value = serde_json::from_slice(&for_upstream(&request, &rules).unwrap().to_bytes()).unwrap();
        let expected =
            json!({"model": "up", "temperature": 1, "stream": true, "max_tokens": 9, "speed": "fast", "top_k": 3});
        assert_eq!(sent, expected);
    }

    #[test]
    fn counting_needs_no_more_than_the_name() {
        let request = Request::parse(Bytes::from_static(br#"{"model":"m","messages":[],"tags":[]}"#)).unwrap();
        assert_eq!(for_counting(&request, "up").unwrap().to_bytes(), r#"{"model":"up","messages":[]}"#);
    }
}
