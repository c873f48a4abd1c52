//! Bodies compared by what they mean. What is overlooked, and why:
//! - `null`, an empty object and absent: the three say the same, and LiteLLM's own releases differ in them;
//! - `stream: false`: the default; LiteLLM adds it for some providers only;
//! - `provider_specific_fields`: LiteLLM's internal carrier of fields that the answer has anyway;
//! - `cost` in `usage`: LiteLLM's price of the call, which stands in a header too;
//! - `choices` of the chunk that tells the usage: OpenAI sends `[]`, LiteLLM makes an empty choice of it;
//! - in chunks, `content: ""` beside tool calls, and chunks that say nothing at all: LiteLLM's padding;
//! - `type: function` on the later pieces of a streamed call, which LiteLLM repeats and OpenAI does not;
//! - empty lists `images` and `thinking_blocks`: LiteLLM's, for Gemini only;
//! - ids made for the call (a UUID, LiteLLM's `call_` and 28 digits, an opaque `resp_…`): each call has its own;
//! - `created`, `created_at`: the time of the call;
//! - the order of keys.

use serde_json::{Value, json};

/// A value without what is overlooked.
pub fn meaning(mut value: Value) -> Value {
    overlook(&mut value);
    value
}

/// An event stream as a list of `{event, data}`, without what is overlooked.
pub fn stream_meaning(events: Vec<Value>) -> Value {
    events.into_iter().filter(|event| !says_nothing(&event["data"])).map(meaning).collect()
}

/// The events of a transcript, in the form of the fixtures.
pub fn events(transcript: &str) -> Vec<Value> {
    let blocks = transcript.split("\n\n").filter(|block| !block.trim().is_empty());
    blocks
        .map(|block| {
            let mut event = json!({});
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("data", "[DONE]")) => event["data"] = json!("[DONE]"),
                    Some(("data", data)) => event["data"] = serde_json::from_str(data).unwrap_or_else(|_| json!(data)),
                    Some(("event", name)) => event["event"] = json!(name),
                    _ => event["odd line"] = json!(line),
                }
            }
            event
        })
        .collect()
}

/// Where two values differ: one line per place.
pub fn differences(got: &Value, wanted: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", got, wanted, &mut found);
    found
}

fn compare(at: &str, got: &Value, wanted: &Value, found: &mut Vec<String>) {
    match (got, wanted) {
        (Value::Object(left), Value::Object(right)) => {
            let missing = right.keys().filter(|key| !left.contains_key(*key));
            for key in left.keys().chain(missing) {
                compare(&format!("{at}/{key}"), &got[key], &wanted[key], found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(&format!("{at}/{index}"), left, right, found);
            }
        }
        _ if got == wanted => {}
        (Value::Array(left), Value::Array(right)) => {
            found.push(format!("{at}: {} items, wanted {}", left.len(), right.len()));
            let lines = |items: &[Value]| items.iter().map(|item| format!("\n        {item}")).collect::<String>();
            found.push(format!("  got:{}\n      wanted:{}", lines(left), lines(right)));
        }
        _ => found.push(format!("{at}: {got}, wanted {wanted}")),
    }
}

fn overlook(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_chunk = fields.get("object").is_some_and(|object| object == "chat.completion.chunk");
            if is_chunk && fields.get("usage").is_some_and(Value::is_object) {
                fields.remove("choices");
            }
            for name in ["provider_specific_fields", "cost", "created", "created_at"] {
                fields.remove(name);
            }
            for name in ["images", "thinking_blocks"] {
                if fields.get("role").is_some_and(|role| role == "assistant") && fields.get(name) == Some(&json!([])) {
                    fields.remove(name);
                }
            }
            if fields.get("stream") == Some(&Value::Bool(false)) {
                fields.remove("stream");
            }
            if fields.contains_key("tool_calls") && fields.get("content").is_some_and(|content| content == "") {
                fields.remove("content");
            }
            if fields.contains_key("function") && fields.contains_key("index") && !fields.contains_key("id") {
                fields.remove("type");
            }
            fields.values_mut().for_each(overlook);
            // A choice's empty delta stands for the end of its text, so it stays.
            fields.retain(|name, field| !field.is_null() && (name == "delta" || *field != json!({})));
        }
        Value::Array(items) => items.iter_mut().for_each(overlook),
        Value::String(text) if is_made_id(text) => *text = "<id>".into(),
        _ => {}
    }
}

/// A chunk of the chat dialect that neither says anything nor ends anything.
fn says_nothing(chunk: &Value) -> bool {
    let [choice] = chunk["choices"].as_array().map_or(&[][..], Vec::as_slice) else { return false };
    let is_empty = |delta: &Value| match delta.as_object() {
        Some(delta) => delta.iter().all(|(name, value)| match (name.as_str(), value) {
            ("content", Value::String(text)) => text.is_empty(),
            ("tool_calls", Value::Array(calls)) => {
                calls.iter().all(|call| call["id"].is_null() && call["function"]["arguments"] == "")
            }
            (_, value) => value.is_null(),
        }),
        None => true,
    };
    chunk["usage"].is_null() && choice["finish_reason"].is_null() && is_empty(&choice["delta"])
}

fn is_made_id(text: &str) -> bool {
    let is_hex = |text: &str| text.chars().all(|digit| digit.is_ascii_hexdigit());
    if let Some(digits) = text.strip_prefix("call_").filter(|digits| digits.len() == 28) {
        return is_hex(digits);
    }
    if text.strip_prefix("resp_").is_some_and(|opaque| opaque.len() > 40) {
        return true;
    }
    let groups: Vec<&str> = text.rsplit_once('_').map_or(text, |(_, id)| id).rsplitn(5, '-').collect();
    let [e, d, c, b, a] = groups.as_slice() else { return false };
    let a = a.strip_prefix("chatcmpl-").unwrap_or(a);
    [a, *b, *c, *d, *e].iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && is_hex(&[a, b, c, d, e].concat())
}

#[test]
fn made_ids_are_known() {
    for id in [
        "chatcmpl-6709949f-c5e4-48bb-a235-3e96bb764c7c",
        "msg_d3c5ac52-b567-4743-9f4f-e86bd510daeb",
        "dc1b8fc1-75a5-4c07-b4e1-e0245e465190",
        "call_24407fbc06f34acabaa6f26d8237",
    ] {
        assert!(is_made_id(id), "{id}");
    }
    for id in ["chatcmpl-mock", "msg_mock", "resp_mock", "call_1", "g1", "2024-10-21"] {
        assert!(!is_made_id(id), "{id}");
    }
}

#[test]
fn a_difference_is_found_where_it_is() {
    let got = json!({"a": [{"b": 1}, 2], "c": "x"});
    let wanted = json!({"a": [{"b": 2}, 2], "d": true});
    let found = differences(&got, &wanted);
    assert_eq!(found, ["/a/0/b: 1, wanted 2", "/c: \"x\", wanted null", "/d: null, wanted true"]);
    assert_eq!(meaning(json!({"usage": null, "x": {"y": null}, "created": 5, "n": 0})), json!({"n": 0}));
}
