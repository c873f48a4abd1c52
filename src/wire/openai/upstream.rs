//! The edits that turn a client's body into one deployment's body.
//!
//! On the common path these are one replaced value (`model`) and one inserted member (`stream_options`). Members
//! inside of values are touched only for a quirk whose trace was seen: a `null` in `messages`, a `"strict"` in `tools`.

mod messages;
mod tools;

use serde_json::{Map, Value};

use super::request::Request;
use crate::wire::escape::quote;
use crate::wire::peek::{Member, Object};
use crate::wire::splice::{Splice, member_json};

/// What one deployment wants changed.
#[derive(Clone, Debug)]
pub struct RequestRules<'a> {
    /// The provider's name of the model.
    pub upstream_model: &'a str,
    /// Members to add where the client did not say (`temperature`, `max_tokens` … of `litellm_params`).
    pub defaults: &'a Map<String, Value>,
    /// Members to add whatever the client said. Not `model`.
    pub extra_body: &'a Map<String, Value>,
    /// Names to leave out (`additional_drop_params`, and what `drop_params` means for this provider). Not `model`.
    pub drop: &'a [String],
    /// Ask for the usage of a stream, for the bill.
    pub add_stream_usage: bool,
    /// What is particular about the provider.
    pub quirks: Quirks,
}

/// Ways in which providers differ from OpenAI, or LiteLLM from the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Take `strict` out of `tools[].function` (hosted_vllm).
    pub tools_without_strict: bool,
    /// Take `"content": null` out of assistant messages, as LiteLLM does for OpenAI-like providers.
    pub no_null_content: bool,
    /// Call `max_tokens` `max_completion_tokens` (OpenAI's o-series and gpt-5 refuse the old name).
    pub max_completion_tokens: bool,
    /// Members that are called otherwise there: OpenAI's name and the provider's.
    pub renames: &'static [(&'static str, &'static str)],
    /// Join a `content` that is a list of texts to one text (deepseek and others).
    pub flat_content: bool,
    /// Say `"stream": false` where the client said nothing.
    pub explicit_stream_false: bool,
    /// Members that are left out: the provider refuses them, and nothing is lost without them.
    pub never: &'static [&'static str],
    /// Members that are left out because the model refuses them and the deployment says `drop_params`. A `temperature`
    /// of 1 stays: it is what these models have anyway.
    pub unsupported: &'static [&'static str],
    /// Roles that are called otherwise there: OpenAI's name and the provider's.
    pub roles: &'static [(&'static str, &'static str)],
    /// The only roles whose messages may have a `name`; all, if unsaid.
    pub named_roles: Option<&'static [&'static str]>,
    /// Ids of tool calls must be nine letters or digits (mistral).
    pub short_tool_ids: bool,
    /// Take out of the schemas of tools what strict readers refuse (mistral): `strict`, `additionalProperties` …
    pub plain_schemas: bool,
    /// What `"tool_choice": "required"` is called there.
    pub required_tool: Option<&'static str>,
    /// Members of messages that hold thoughts which another provider sealed: they are left out.
    pub foreign_thoughts: &'static [&'static str],
}

const OUR_PREFIXES: [&str; 3] = ["litellm_", "mock_", "user_api_key"];

/// Whether a member is for the gateway and never for the provider: LiteLLM's own parameters, and what would decide where a
/// key goes.
pub(in crate::wire) fn is_ours(name: &[u8]) -> bool {
    let is_named = matches!(
        name,
        b"metadata"
            | b"tags"
            | b"priority"
            | b"cache"
            | b"caching"
            | b"ttl"
            | b"fallbacks"
            | b"context_window_fallbacks"
            | b"content_policy_fallbacks"
            | b"default_fallbacks"
            | b"max_fallbacks"
            | b"disable_fallbacks"
            | b"num_retries"
            | b"max_retries"
            | b"timeout"
            | b"request_timeout"
            | b"stream_timeout"
            | b"force_timeout"
            | b"cooldown_time"
            | b"guardrails"
            | b"guardrail_config"
            | b"api_key"
            | b"api_base"
            | b"api_version"
            | b"base_url"
            | b"base_model"
            | b"organization"
            | b"custom_llm_provider"
            | b"extra_headers"
            | b"headers"
            | b"user_config"
            | b"proxy_server_request"
            | b"secret_fields"
            | b"preset_cache_key"
            | b"no-log"
            | b"allowed_openai_params"
            | b"additional_drop_params"
            | b"drop_params"
            | b"model_info"
            | b"model_list"
            | b"input_cost_per_token"
            | b"output_cost_per_token"
            | b"prompt_id"
            | b"prompt_variables"
    );
    is_named || OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}

const USAGE_ASKED: &[u8] = br#"{"include_usage":true}"#;

/// All edits of `request` under `rules`. A path, an alias or a spent budget may name another model than the body.
pub fn edits(request: &Request, rules: &RequestRules<'_>) -> Splice {
    let object = request.object();
    let mut splice = Splice::new(request.body().clone());
    let goes = |member: &Member| {
        let name = member.name(object.body());
        is_removed(name, rules) && !(name == b"temperature" && is_one(object.raw(member)) && !is_dropped(name, rules))
    };
    let mut added = Added { json: Vec::new() };

    match object.get("model") {
        Some(model) if object.text(model).as_deref() == Some(rules.upstream_model) => {}
        Some(model) => splice.replace(model.value.clone(), quote(rules.upstream_model)),
        None => added.member("model", &quote(rules.upstream_model)),
    }
    if rules.quirks.max_completion_tokens
        && let Some(member) = object.get("max_tokens").filter(|member| !goes(member))
        && object.get("max_completion_tokens").is_none()
    {
        splice.replace(member.key.clone(), &b"\"max_completion_tokens\""[..]);
    }
    for (name, theirs) in rules.quirks.renames {
        if let Some(member) = object.get(name).filter(|member| !goes(member) && object.get(theirs).is_none()) {
            splice.replace(member.key.clone(), quote(theirs));
        }
    }
    if request.stream && rules.add_stream_usage && !is_removed(b"stream_options", rules) {
        ask_for_usage(&object, &mut splice, &mut added);
    }
    let may_stream = || ["messages", "prompt"].iter().any(|name| object.get(name).is_some());
    if rules.quirks.explicit_stream_false && object.get("stream").is_none() && may_stream() {
        added.member("stream", b"false");
    }
    for (name, value) in rules.defaults {
        added.default(&object, rules, name, value);
    }
    for (name, value) in rules.extra_body.iter().filter(|(name, _)| name.as_str() != "model") {
        added.member(name, value.to_string().as_bytes());
    }
    let stays = |name: &str| object.get(name).filter(|member| !goes(member));
    if let Some(member) = stays("messages") {
        messages::edit(&object, member, &rules.quirks, &mut splice);
    }
    if let Some(member) = stays("tools") {
        tools::edit(&object, member, &rules.quirks, &mut splice);
    }
    if let Some(member) = stays("tool_choice") {
        tools::edit_choice(&object, member, &rules.quirks, &mut splice);
    }
    splice.edit_members(&object, goes, added.json);
    splice
}

fn is_removed(name: &[u8], rules: &RequestRules<'_>) -> bool {
    if name == b"model" {
        return false;
    }
    let is_in = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
    is_ours(name)
        || is_dropped(name, rules)
        || is_in(rules.quirks.never)
        || is_in(rules.quirks.unsupported)
        || !rules.extra_body.is_empty()
            && std::str::from_utf8(name).is_ok_and(|name| rules.extra_body.contains_key(name))
}

fn is_dropped(name: &[u8], rules: &RequestRules<'_>) -> bool {
    rules.drop.iter().any(|drop| drop.as_bytes() == name)
}

fn is_one(number: &[u8]) -> bool {
    std::str::from_utf8(number).is_ok_and(|text| text.parse() == Ok(1.0_f64))
}

/// Members to add, as JSON text.
struct Added {
    json: Vec<u8>,
}

impl Added {
    fn member(&mut self, name: &str, value: &[u8]) {
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        self.json.extend_from_slice(&member_json(name, value));
    }

    /// Only where the client did not say; the two names of the output cap count as one.
    fn default(&mut self, object: &Object<'_>, rules: &RequestRules<'_>, name: &str, value: &Value) {
        let cap = ["max_tokens", "max_completion_tokens"];
        let said = match cap.contains(&name) {
            true => cap.iter().any(|name| object.get(name).is_some()),
            false => object.get(name).is_some(),
        };
        if said || name == "model" || is_removed(name.as_bytes(), rules) {
            return;
        }
        let renamed = rules.quirks.max_completion_tokens && name == "max_tokens";
        self.member(if renamed { "max_completion_tokens" } else { name }, value.to_string().as_bytes());
    }
}

fn ask_for_usage(object: &Object<'_>, splice: &mut Splice, added: &mut Added) {
    let Some(member) = object.get("stream_options") else {
        return added.member("stream_options", USAGE_ASKED);
    };
    match object.nested("stream_options").and_then(Result::ok) {
        Some(options) => match options.get("include_usage") {
            Some(_) if options.as_bool("include_usage") == Some(true) => {}
            Some(asked) => splice.replace(asked.value.clone(), &b"true"[..]),
            None => splice.insert_member(&options, "include_usage", b"true"),
        },
        None => splice.replace(member.value.clone(), USAGE_ASKED),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    /// The body that goes upstream, with these changes to rules that change only the model.
    pub(super) fn upstream<'a>(body: &str, change: impl FnOnce(&mut RequestRules<'a>)) -> String {
        sent(&Request::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap(), change)
    }

    fn sent<'a>(request: &Request, change: impl FnOnce(&mut RequestRules<'a>)) -> String {
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        let mut rules = RequestRules {
            upstream_model: "up",
            defaults: &NONE,
            extra_body: &NONE,
            drop: &[],
            add_stream_usage: false,
            quirks: Quirks::default(),
        };
        change(&mut rules);
        let spliced = request.for_upstream(&rules).unwrap().to_bytes();
        assert!(serde_json::from_slice::<Value>(&spliced).is_ok(), "{spliced:?}");
        String::from_utf8(spliced.to_vec()).unwrap()
    }

    #[test]
    fn only_the_model_changes() {
        let body = r#"{ "messages":[{"role":"user","content":"hi\u00e9 \/"}],"model":"gpt-4o" ,"top_k": 1.50 }"#;
        assert_eq!(upstream(body, |_| {}), body.replace("gpt-4o", "up"));
        assert_eq!(upstream(r#"{"model":"up"}"#, |_| {}), r#"{"model":"up"}"#);
        assert_eq!(upstream(r#"{"input":"x"}"#, |_| {}), r#"{"input":"x","model":"up"}"#);
        assert_eq!(upstream("{}", |_| {}), r#"{"model":"up"}"#);
        assert_eq!(upstream(r#"{"model":null}"#, |_| {}), r#"{"model":"up"}"#);
        assert_eq!(upstream(r#"{"\u006dodel":"a"}"#, |_| {}), r#"{"\u006dodel":"up"}"#);
    }

    #[test]
    fn the_model_that_was_decided_on_goes_out_and_not_the_bodys() {
        let mut request = Request::parse(Bytes::from_static(br#"{"model":"dear"}"#)).unwrap();
        request.model = Some("up".to_owned());
        assert_eq!(sent(&request, |_| {}), r#"{"model":"up"}"#);
    }

    #[test]
    fn members_are_renamed() {
        let seed = upstream(r#"{"seed":7,"model":"m"}"#, |rules| rules.quirks.renames = &[("seed", "random_seed")]);
        assert_eq!(seed, r#"{"random_seed":7,"model":"up"}"#);
    }

    #[test]
    fn litellms_own_parameters_stay_here() {
        let body = r#"{"metadata":{"a":1},"model":"m","tags":["x"],"api_base":"http://evil","mock_testing_fallbacks":true,
            "litellm_session_id":"s","user":"u","num_retries":2,"cache":{"no-cache":true}}"#;
        let sent: Value = serde_json::from_str(&upstream(body, |_| {})).unwrap();
        assert_eq!(sent, json!({"model": "up", "user": "u"}));
    }

    #[test]
    fn usage_of_streams_is_asked_for() {
        let check = |body: &str, expected: &str| {
            assert_eq!(upstream(body, |rules| rules.add_stream_usage = true), expected);
        };
        let asked = r#""stream_options":{"include_usage":true}"#;
        check(r#"{"model":"m","stream":true}"#, &format!(r#"{{"model":"up","stream":true,{asked}}}"#));
        check(
            &format!(r#"{{"stream":true,{asked},"model":"m"}}"#),
            &format!(r#"{{"stream":true,{asked},"model":"up"}}"#),
        );
        check(
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":false,"x":1}}"#,
            r#"{"model":"up","stream":true,"stream_options":{"include_usage":true,"x":1}}"#,
        );
        check(
            r#"{"model":"m","stream":true,"stream_options":{"x":1}}"#,
            r#"{"model":"up","stream":true,"stream_options":{"x":1,"include_usage":true}}"#,
        );
        check(
            r#"{"model":"m","stream":true,"stream_options":null}"#,
            &format!(r#"{{"model":"up","stream":true,{asked}}}"#),
        );
        check(
            r#"{"model":"m","stream":true,"stream_options":{}, "tags":[]}"#,
            &format!(r#"{{"model":"up","stream":true,{asked}}}"#),
        );
        check(r#"{"model":"m","stream":false}"#, r#"{"model":"up","stream":false}"#);
    }

    #[test]
    fn defaults_drops_and_extras() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let defaults = map(json!({"temperature": 0.5, "max_tokens": 9, "seed": 1, "model": "x", "timeout": 5}));
        let extra = map(json!({"top_k": 3, "seed": 2, "model": "x"}));
        let drop = ["logit_bias".to_owned(), "model".to_owned()];
        let sent = upstream(r#"{"model":"m","temperature":1,"top_k":1,"logit_bias":{}}"#, |rules| {
            rules.defaults = &defaults;
            rules.extra_body = &extra;
            rules.drop = &drop;
        });
        let sent: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(sent, json!({"model": "up", "temperature": 1, "max_tokens": 9, "top_k": 3, "seed": 2}));
    }

    #[test]
    fn what_a_model_refuses_is_left_out() {
        let check = |body: &str, expected: &str| {
            let sent = upstream(body, |rules| {
                rules.quirks.unsupported = &["temperature", "reasoning_effort"];
                rules.quirks.never = &["stream_options", "user"];
                rules.add_stream_usage = true;
            });
            assert_eq!(sent, expected);
        };
        check(r#"{"model":"up","temperature":0.5,"reasoning_effort":"low","n":1}"#, r#"{"model":"up","n":1}"#);
        check(r#"{"model":"up","temperature":1.0,"user":"u"}"#, r#"{"model":"up","temperature":1.0}"#);
        check(r#"{"model":"up","stream":true,"stream_options":{}}"#, r#"{"model":"up","stream":true}"#);
    }

    #[test]
    fn the_output_cap_has_two_names() {
        let defaults = json!({"max_tokens": 9}).as_object().cloned().unwrap();
        let check = |body: &str, expected: &str| {
            let sent = upstream(body, |rules| {
                rules.quirks.max_completion_tokens = true;
                rules.defaults = &defaults;
            });
            assert_eq!(sent, expected);
        };
        check(r#"{"model":"m","max_tokens":5}"#, r#"{"model":"up","max_completion_tokens":5}"#);
        check(r#"{"max_completion_tokens":5,"model":"m"}"#, r#"{"max_completion_tokens":5,"model":"up"}"#);
        check(r#"{"model":"m"}"#, r#"{"model":"up","max_completion_tokens":9}"#);
    }

    /// As recorded: tools_conv for gpt-4o and for vllm-llama.
    #[test]
    fn quirks_reach_into_values() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":null},{"role":"assistant","content":null,
            "tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"content\":null}"}}]}],
            "tools":[{"type":"function","function":{"name":"f","strict":true}},{"type":"x","strict":true}],
            "response_format":{"json_schema":{"strict":true}}}"#;
        let all = Quirks {
            tools_without_strict: true,
            no_null_content: true,
            explicit_stream_false: true,
            ..Quirks::default()
        };
        let expected = body
            .replace(r#""m""#, r#""up""#)
            .replace("\"assistant\",\"content\":null,\n            ", "\"assistant\",")
            .replace(r#""f","strict":true"#, r#""f""#)
            .replace("true}}}", "true}},\"stream\":false}");
        assert_eq!(upstream(body, |rules| rules.quirks = all), expected);
        assert_eq!(upstream(body, |_| {}), body.replace(r#""m""#, r#""up""#));
        let odd = r#"{"model":"m","messages":[null,5,{"content":null}],"tools":["\"strict\"",{"function":"strict"}]}"#;
        assert!(upstream(odd, |rules| rules.quirks = all).contains(r#"{"content":null}"#));
    }
}
