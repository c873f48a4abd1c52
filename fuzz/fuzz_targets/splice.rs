//! Members taken out of a body and put into it: the result is the edit that it stands for. The first byte is the set of
//! members that go.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tollgate_fuzz::wire::peek::{Member, peek};
use tollgate_fuzz::wire::splice::{Splice, member_json};

fuzz_target!(|data: &[u8]| {
    let Some((&set, body)) = data.split_first() else { return };
    let Ok(object) = peek(body) else { return };
    let Ok(Value::Object(mut wanted)) = serde_json::from_slice::<Value>(body) else { return };
    let names: Vec<String> = wanted.keys().cloned().collect();
    let gone: Vec<&String> =
        names.iter().enumerate().filter(|(at, _)| set & (1 << (at % 8)) != 0).map(|(_, name)| name).collect();
    let goes = |member: &Member| gone.iter().any(|name| name.as_bytes() == member.name(body));
    let mut splice = Splice::new(Bytes::copy_from_slice(body));
    splice.edit_members(&object, goes, member_json("new \"name\"", b"[1]"));
    let spliced = splice.finish().expect("edits of whole members never overlap");
    let whole = spliced.to_bytes();
    assert_eq!(spliced.len(), whole.len());
    assert_eq!(spliced.pieces().collect::<Vec<_>>().concat(), whole);
    wanted.retain(|name, _| !gone.contains(&name));
    wanted.insert("new \"name\"".into(), serde_json::json!([1]));
    if !names.iter().any(|name| name == "new \"name\"") {
        assert_eq!(serde_json::from_slice::<Value>(&whole).ok(), Some(Value::Object(wanted)));
    }
});
