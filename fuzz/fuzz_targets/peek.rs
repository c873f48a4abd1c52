//! What the scanner lets pass, serde_json reads as the same members.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tollgate_fuzz::wire::peek::{peek, peek_answer};

fuzz_target!(|data: &[u8]| {
    let _ = peek_answer(data);
    let Ok(object) = peek(data) else { return };
    // Nested strings may hold escapes that serde_json refuses: the module's documentation says why that is harmless.
    let Ok(Value::Object(json)) = serde_json::from_slice::<Value>(data) else { return };
    assert_eq!(object.members().len(), json.len());
    for (member, (name, value)) in object.members().iter().zip(&json) {
        assert_eq!(member.name(data), name.as_bytes());
        assert_eq!(serde_json::from_slice::<Value>(object.raw(member)).ok().as_ref(), Some(value));
    }
});
