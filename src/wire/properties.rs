//! Properties over generated bodies and streams: the scanner agrees with serde_json, a splice is the edit it stands
//! for, and a stream says the same in any chunking.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::openai::stream::{Tap, TapRules};
use super::peek::{Member, peek, peek_answer};
use super::splice::{Splice, member_json};
use super::tap::{StreamEnd, StreamError};

fn json(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        "[a-z\"\\\\/\n\u{1}é\u{1F600} ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z\"\\\\é]{0,4}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let members = prop::collection::vec(("(model|stream|user|a|b|c\"|\\\\|é){1,2}", json(4)), 0..6);
    (members, any::<bool>()).prop_map(|(members, pretty)| {
        let body = Value::Object(members.into_iter().collect());
        if pretty { serde_json::to_vec_pretty(&body) } else { serde_json::to_vec(&body) }.unwrap()
    })
}

/// A body with a few bytes put in, taken out or exchanged: mostly with such as mean something to a parser.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"{}[]\",:\\/ 0123456789.eE+-tfnu\n\t\r\0\x7f".to_vec()),
        1 => any::<u8>(),
    ];
    let edit = (any::<prop::sample::Index>(), 0_u8..3, byte);
    (body(), prop::collection::vec(edit, 0..4)).prop_map(|(mut bytes, edits)| {
        for (at, what, byte) in edits {
            let at = at.index(bytes.len() + 1);
            match what {
                0 => bytes.insert(at, byte),
                _ if at == bytes.len() => {}
                1 => drop(bytes.remove(at)),
                _ => bytes[at] = byte,
            }
        }
        bytes
    })
}

/// What the module doc of `peek` lets pass and serde_json does not.
fn is_bad_escape(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    ["invalid escape", "surrogate", "unexpected end of hex escape", "invalid unicode code point"]
        .iter()
        .any(|reason| text.contains(reason))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn sound_bodies_are_accepted(bytes in body()) {
        let object = peek(&bytes).unwrap();
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        let json = json.as_object().unwrap();
        prop_assert_eq!(object.members().len(), json.len());
        for (member, (name, value)) in object.members().iter().zip(json) {
            prop_assert_eq!(member.name(&bytes), name.as_bytes());
            prop_assert_eq!(&serde_json::from_slice::<Value>(object.raw(member)).unwrap(), value);
        }
    }

    #[test]
    fn what_peek_accepts_serde_reads_alike(bytes in mutated()) {
        match (peek(&bytes), serde_json::from_slice::<Value>(&bytes)) {
            (Ok(object), Ok(json)) => {
                let model = object.as_str("model");
                prop_assert_eq!(model.as_deref(), json.get("model").and_then(Value::as_str));
                prop_assert_eq!(object.as_bool("stream"), json.get("stream").and_then(Value::as_bool));
            }
            (Ok(_), Err(error)) => prop_assert!(is_bad_escape(&error), "{error}: {}", bytes.escape_ascii()),
            (Err(refused), Ok(json)) => prop_assert!(
                !json.is_object() || ["duplicate name", "known parameter in another case"].contains(&refused.reason),
                "{refused}: {}", bytes.escape_ascii()
            ),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn a_splice_is_the_edit_it_stands_for(bytes in body(), gone in any::<[bool; 6]>(), insert in any::<[bool; 2]>()) {
        let object = peek(&bytes).unwrap();
        let mut json: Value = serde_json::from_slice(&bytes).unwrap();
        let json = json.as_object_mut().unwrap();
        let removed: Vec<Vec<u8>> = object.members().iter().zip(gone).filter(|(_, gone)| *gone)
            .map(|(member, _)| member.name(&bytes).to_vec()).collect();
        let mut added = Vec::new();
        for name in removed.iter() {
            json.shift_remove(std::str::from_utf8(name).unwrap());
        }
        for (name, _) in ["new \"1\"", "new 2"].iter().zip(insert).filter(|(_, insert)| *insert) {
            json.insert((*name).to_owned(), Value::from(1));
            added.push(member_json(name, b"1"));
        }
        let mut splice = Splice::new(Bytes::copy_from_slice(&bytes));
        let is_removed = |member: &Member| removed.iter().any(|name| name == member.name(&bytes));
        splice.edit_members(&object, is_removed, added.join(&b","[..]));
        let spliced = splice.finish().unwrap();
        let whole = spliced.to_bytes();
        prop_assert_eq!(&serde_json::from_slice::<Value>(&whole).unwrap(), &Value::Object(json.clone()));
        prop_assert!(peek(&whole).is_ok());
        prop_assert_eq!(whole.len(), spliced.len());
        prop_assert_eq!(spliced.pieces().collect::<Vec<_>>().concat(), whole);
    }
}

type Outcome = (Vec<u8>, StreamEnd, Option<StreamError>);

/// All that a client gets, and how it ended.
fn tapped<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, rules: &TapRules) -> Outcome {
    let mut tap = Tap::new(rules.clone());
    let mut out = Vec::new();
    for chunk in chunks {
        if let Err(error) = tap.feed(Bytes::copy_from_slice(chunk), &mut out) {
            return (out.concat(), tap.so_far(), Some(error));
        }
    }
    let so_far = tap.so_far();
    match tap.finish(&mut out) {
        Ok(end) => (out.concat(), end, None),
        Err(error) => (out.concat(), so_far, Some(error)),
    }
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let chunk = |delta: &str, rest: &str| {
        format!(r#"data: {{"id":"c","model":"up","choices":[{{"index":0,"delta":{delta}{rest}}}],"x":null}}"#)
    };
    let event = prop_oneof![
        6 => "[a-z é\u{1F600}]{0,4}(\\\\n|\\\\\")?".prop_map(move |text| chunk(&format!(r#"{{"content":"{text}"}}"#), "")),
        1 => Just(chunk(r#"{"role":"assistant","content":""}"#, "")),
        1 => Just(chunk("{}", r#","finish_reason":"stop""#)),
        1 => Just(r#"data: {"model":"up","choices":[],"usage":{"prompt_tokens":3}}"#.to_owned()),
        1 => Just("data: {\"model\":\r\ndata: \"up\"}".to_owned()),
        1 => Just("id: 7\ndata: {\"model\":\"client\",\"choices\":[]}".to_owned()),
        1 => prop::sample::select(vec![": ping", "data:", "event: x", "", "data: [DONE]"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["data: {", "data: {\"error\":{\"message\":\"m\"}}"]).prop_map(str::to_owned),
    ];
    let blank = prop::sample::select(vec!["\n\n", "\r\n\r\n", "\r\r", "\n\r\n", "\r\n\n"]);
    let events = prop::collection::vec((event, blank), 0..12);
    (events, any::<prop::sample::Index>(), any::<bool>()).prop_map(|(events, cut, is_cut)| {
        let mut bytes: Vec<u8> = events.into_iter().flat_map(|(event, blank)| (event + blank).into_bytes()).collect();
        if is_cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_says_the_same_in_any_chunking(
        bytes in stream(),
        size in 2_usize..40,
        rename in any::<bool>(),
        withhold_usage in any::<bool>(),
    ) {
        let rules = TapRules { group_model: rename.then(|| "client".to_owned()), withhold_usage };
        let whole = tapped([bytes.as_slice()], &rules);
        prop_assert_eq!(&whole, &tapped(bytes.chunks(1), &rules));
        prop_assert_eq!(&whole, &tapped(bytes.chunks(size), &rules));
        if !rename && !withhold_usage && whole.2.is_none() && !whole.1.done && !whole.1.cut {
            prop_assert!(whole.0.starts_with(&bytes[..bytes.len().min(whole.0.len())]));
        }
    }

    #[test]
    fn no_bytes_make_the_tap_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = peek_answer(&bytes);
        tapped(bytes.chunks(7), &TapRules { group_model: Some("m".to_owned()), withhold_usage: true });
    }
}
