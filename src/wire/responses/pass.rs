//! Responses clients of Responses providers: bytes pass, and only what names a place is rewritten.
//!
//! `model` becomes the name that the client used. `id` and `previous_response_id` of a Response become ids that tell who
//! holds the answer ([`super::ids`]), the latter too because the client knows that answer by no other name; ids of items
//! stay. The way back, `previous_response_id` of a request becomes the provider's own id again.

mod tap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::ids;
use crate::error::{Error, Kind};
use crate::wire::codec::Origin;
use crate::wire::escape::quote;
use crate::wire::model::{Family, Thinking};
use crate::wire::openai::errors;
use crate::wire::openai::request::{Quirks, Request, RequestRules};
use crate::wire::openai::response::Answer;
use crate::wire::peek::{Object, PeekError, ValueKind, peek_answer};
use crate::wire::splice::{Splice, Spliced};
use crate::wire::usage::Usage;

pub use tap::{Tap, TapRules};

/// Names that defaults of a deployment have in chat completions, and here.
const CAPS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// The body for one deployment. As for chat completions, but `metadata` is the provider's here, and what chat completions
/// wants changed (quirks, the usage of a stream) is not.
///
/// # Errors
/// [`Kind::InvalidParameter`]: `metadata` is no JSON after all. [`Kind::Internal`] is a mistake of ours.
pub fn for_upstream(request: &Request, rules: &RequestRules<'_>) -> Result<Spliced, Error> {
    let object = request.object();
    let mut added = rules.extra_body.clone();
    let stays = |name: &str| !rules.drop.iter().any(|drop| drop == name) && !rules.extra_body.contains_key(name);
    if let Some(member) = object.get("metadata").filter(|member| member.kind != ValueKind::Null && stays("metadata")) {
        let metadata: Value = serde_json::from_slice(object.raw(member)).map_err(|error| {
            Error::new(Kind::InvalidParameter, format!("Invalid parameter: 'metadata': {error}.")).param("metadata")
        })?;
        added.insert("metadata".to_owned(), metadata);
    }
    let previous = object.as_str("previous_response_id").and_then(|id| ids::decode(&id));
    if let Some(parts) = previous.filter(|_| stays("previous_response_id")) {
        added.insert("previous_response_id".to_owned(), parts.response_id.into());
    }
    if let Some(input) = own_input(&object).filter(|_| stays("input")) {
        added.insert("input".to_owned(), input);
    }
    let defaults = defaults(rules.defaults);
    let rules = RequestRules {
        defaults: &defaults,
        extra_body: &added,
        add_stream_usage: false,
        quirks: Quirks::default(),
        ..rules.clone()
    };
    request.for_upstream(&rules)
}

/// The input without the thoughts that another family sealed: the conversation began at a provider that was bridged to,
/// and this one refuses what it can not open. `None`: there are none.
fn own_input(object: &Object<'_>) -> Option<Value> {
    let input = object.get("input").filter(|input| input.kind == ValueKind::Array)?;
    // What a seal on foreign ground holds; OpenAI's own seals are base64.
    let marks = [&b"#s#"[..], b"#d#"];
    marks.iter().find_map(|mark| memchr::memmem::find(object.raw(input), mark))?;
    let is_foreign = |item: &Value| {
        let seal = item.get("encrypted_content").and_then(Value::as_str).map(str::to_owned);
        seal.is_some() && Thinking::unsealed(String::new(), seal, Family::OpenAi, true).family != Some(Family::OpenAi)
    };
    let mut items: Vec<Value> = serde_json::from_slice(object.raw(input)).ok()?;
    let all = items.len();
    items.retain(|item| !is_foreign(item));
    (items.len() < all).then(|| items.into())
}

/// A deployment's defaults in this dialect's words.
fn defaults(defaults: &Map<String, Value>) -> Map<String, Value> {
    let renamed = defaults.iter().map(|(name, value)| match name.as_str() {
        name if CAPS.contains(&name) => ("max_output_tokens".to_owned(), value.clone()),
        "reasoning_effort" => ("reasoning".to_owned(), json!({"effort": value})),
        name => (name.to_owned(), value.clone()),
    });
    renamed.collect()
}

/// The answer for the client, to a create as well as to GET, DELETE, cancel, compact and the lists. `shown_model`: the
/// name the client used; `None` leaves the provider's.
///
/// # Errors
/// This is no JSON object and must not pass for an answer.
pub fn answer(body: Bytes, shown_model: Option<&str>, origin: &Origin) -> Result<Answer, PeekError> {
    let object = peek_answer(&body)?;
    let usage = object.get("usage").and_then(|usage| Usage::parse(object.raw(usage)));
    let has_error = object.get("error").is_some_and(|error| error.kind != ValueKind::Null);
    let error = (has_error && !is_response(&object)).then(|| errors::read(&body));
    let edits = if is_response(&object) { edits(&object, shown_model, origin) } else { Vec::new() };
    drop(object);
    let body = edited(body, edits)?;
    Ok(Answer { body, usage, error })
}

/// A Response, or what is left of one (`response.deleted`), not a list of items or a count.
fn is_response(object: &Object<'_>) -> bool {
    let kind = object.as_str("object");
    kind.as_ref().is_some_and(|kind| kind.starts_with("response")) || (kind.is_none() && object.get("output").is_some())
}

type Edit = (std::ops::Range<usize>, Vec<u8>);

/// What changes in a Response.
fn edits(response: &Object<'_>, shown_model: Option<&str>, origin: &Origin) -> Vec<Edit> {
    let mut edits = Vec::new();
    for member in response.members().iter().filter(|member| member.kind == ValueKind::String) {
        let new = match member.name(response.body()) {
            b"model" => shown_model.map(quote),
            b"id" | b"previous_response_id" => response.text(member).map(|id| quote(&ids::of(origin, &id))),
            _ => None,
        };
        edits.extend(new.filter(|new| new != response.raw(member)).map(|new| (member.value.clone(), new)));
    }
    edits
}

/// The bytes with the edits in place; themselves when there are none.
fn edited(bytes: Bytes, edits: Vec<Edit>) -> Result<Bytes, PeekError> {
    let mut splice = Splice::new(bytes);
    edits.into_iter().for_each(|(range, with)| splice.replace(range, with));
    let spliced = splice.finish().map_err(|error| PeekError { reason: "members overlap", offset: error.offset })?;
    Ok(spliced.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { provider: "openai", model_id: "dep".to_owned() }
    }

    fn upstream(body: &str, drop: &[String]) -> Value {
        let none = Map::new();
        let defaults = json!({"max_tokens": 9, "reasoning_effort": "low", "temperature": 0.5});
        let rules = RequestRules {
            upstream_model: "up",
            defaults: defaults.as_object().unwrap(),
            extra_body: &none,
            drop,
            add_stream_usage: true,
            quirks: Quirks { explicit_stream_false: true, ..Quirks::default() },
        };
        let request = Request::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        serde_json::from_slice(&for_upstream(&request, &rules).unwrap().to_bytes()).unwrap()
    }

    #[test]
    fn the_request_is_the_clients_but_for_what_names_a_place() {
        let id = ids::encode("openai", "dep", "resp_1");
        let body = json!({"model": "m", "input": "hi", "metadata": {"a": "1"}, "previous_response_id": id, "tags": ["x"],
            "temperature": 1, "litellm_metadata": {}, "stream": true, "mock_response": "x"});
        let expected = json!({"model": "up", "input": "hi", "metadata": {"a": "1"}, "previous_response_id": "resp_1",
            "temperature": 1, "stream": true, "max_output_tokens": 9, "reasoning": {"effort": "low"}});
        assert_eq!(upstream(&body.to_string(), &[]), expected);
        let drop = ["metadata".to_owned(), "previous_response_id".to_owned()];
        let dropped = upstream(&body.to_string(), &drop);
        assert!(dropped.get("metadata").is_none() && dropped.get("previous_response_id").is_none());
        let thought = |seal: &str| json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": seal});
        let said = json!({"role": "user", "content": "hi"});
        let mixed = json!({"model": "m", "input": [thought("gAAA"), thought("anthropic##s#EqQB"), said]});
        assert_eq!(upstream(&mixed.to_string(), &[])["input"], json!([thought("gAAA"), said]));
        let own = upstream(r#"{"previous_response_id":"resp_own","max_output_tokens":1}"#, &[]);
        assert_eq!((&own["previous_response_id"], &own["max_output_tokens"]), (&json!("resp_own"), &json!(1)));
    }

    #[test]
    fn the_answer_tells_who_holds_it() {
        let shown = |id: &str| ids::encode("openai", "dep", id);
        let check = |body: Value, expected: Value| {
            let answer = answer(body.to_string().into(), Some("my-gpt"), &origin()).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), expected);
            answer
        };
        let item = json!({"id": "msg_1", "type": "message"});
        let of = |id: &str, previous: &str, model: &str| {
            json!({"id": id, "object": "response", "model": model, "output": [item], "previous_response_id": previous,
                "error": null, "usage": {"input_tokens": 3, "output_tokens": 2}})
        };
        let whole = check(of("resp_1", "resp_0", "gpt-4o"), of(&shown("resp_1"), &shown("resp_0"), "my-gpt"));
        assert_eq!(whole.usage.unwrap().total_tokens, 5);
        check(of(&shown("resp_1"), &shown("resp_0"), "my-gpt"), of(&shown("resp_1"), &shown("resp_0"), "my-gpt"));
        check(
            json!({"id": "resp_1", "object": "response.deleted", "deleted": true}),
            json!({"id": shown("resp_1"), "object": "response.deleted", "deleted": true}),
        );
        let list =
            json!({"object": "list", "data": [item], "first_id": "msg_1", "last_id": "msg_1", "has_more": false});
        check(list.clone(), list);
        let failed =
            json!({"id": "resp_1", "object": "response", "status": "failed", "error": {"message": "m"}, "output": []});
        let answered = answer(failed.to_string().into(), None, &origin()).unwrap();
        assert_eq!(answered.error, None, "a failed Response is one");
        let refused = answer(json!({"error": {"message": "busy"}}).to_string().into(), None, &origin()).unwrap();
        assert_eq!(refused.error.unwrap().message, "busy");
        assert!(answer(Bytes::from_static(b"<html>"), None, &origin()).is_err());
    }
}
