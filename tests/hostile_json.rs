//! Promise 14: hostile bodies are refused, and what we read of a body is what every parser behind us reads.
//!
//! Each case says whether the body is accepted. What is accepted must be read by serde_json with the same `model`
//! (last-wins), which is how a Python or Go provider reads it; what only we accept is listed with its reason.

use serde_json::Value;
use tollgate::error::{Compat, Error};
use tollgate::wire::peek::{MAX_DEPTH, MAX_MEMBERS, peek};

/// The model we read, or the reason why the body is refused.
fn verdict(body: &[u8]) -> Result<Option<String>, &'static str> {
    peek(body).map(|object| object.as_str("model").map(String::from)).map_err(|error| {
        assert!(error.offset <= body.len());
        assert_eq!(Error::from(error).status(Compat::V1_106), 400);
        error.reason
    })
}

fn accepted(body: &[u8], model: Option<&str>) {
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    assert_eq!(verdict(body), Ok(model.map(str::to_owned)), "{shown}");
    let json = serde_json::from_slice::<Value>(body).map_err(|error| error.to_string());
    let json_model = json.as_ref().map(|json| json.get("model").and_then(Value::as_str));
    assert_eq!(json_model, Ok(model), "serde_json: {shown}");
}

fn refused(body: impl AsRef<[u8]>, reason: &str) {
    let body = body.as_ref();
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    assert_eq!(verdict(body), Err(reason), "{shown}");
}

#[test]
fn grammar() {
    for body in [
        r#"{"model":"a"}"#,
        "\r\n\t {\"model\" :\t\"a\"\n} \r\n",
        r#"{"a":[],"b":{},"c":[[],{}],"d":[1,[2,{"e":[3]}]],"model":"a"}"#,
        r#"{"a":[true,false,null,0,-0,1.5,-1.5e-3,1E5],"model":"a"}"#,
        r#"{"a":"\\\\\"","model":"a","b":"\\"}"#,
        "{\"a\":\"\u{7f}é\u{1F600}\u{feff}\",\"model\":\"a\"}",
        r#"{"model":"\u0061"}"#,
        r#"{"nested":{"model":"b","model":"c","Model":"d"},"model":"a"}"#,
    ] {
        accepted(body.as_bytes(), Some("a"));
    }
    accepted(b"{}", None);
    accepted(br#"{"model":null}"#, None);

    let end = "unexpected end of the body";
    for body in ["", " ", "{", r#"{"a"#, r#"{"a""#, r#"{"a":"#, r#"{"a":1"#, r#"{"a":1,"#, r#"{"a":[1,"#, r#"{"a":"\""#]
    {
        refused(body, end);
    }
    for body in ["[]", "null", "5", r#""model""#, "}", "\u{feff1}"] {
        assert!(verdict(body.as_bytes()).is_err(), "{body}");
    }
    let separator = "expected a comma or a closing bracket";
    for body in [r#"{"a":1]"#, r#"{"a":[1}"#, r#"{"a":1 "b":2}"#, r#"{"a":[1 2]}"#, r#"{"a":{"b":1]}"#, r#"{"a":01}"#] {
        refused(body, separator);
    }
    for body in [r#"{,}"#, r#"{"a":1,}"#, r#"{a:1}"#, r#"{'a':1}"#, r#"{"x":{"a":1,}}"#, r#"{"x":{1:1}}"#] {
        refused(body, "expected a string");
    }
    for body in [r#"{"a":[1,]}"#, r#"{"a":[,1]}"#, r#"{"a":}"#, r#"{"a":nul}"#, r#"{"a":NaN}"#, r#"{"a":Infinity}"#] {
        refused(body, "expected a value");
    }
    for body in [r#"{"a":+1}"#, r#"{"a":.5}"#, r#"{"a":/**/1}"#, r#"{"a":True}"#] {
        refused(body, "expected a value");
    }
    for body in [r#"{"a":-}"#, r#"{"a":1.}"#, r#"{"a":1e}"#, r#"{"a":1e+}"#, r#"{"a":[-,1]}"#] {
        refused(body, "expected a digit");
    }
    refused(r#"{"a" 1}"#, "expected a colon");
    refused(r#"{"x":{"a" 1}}"#, "expected a colon");
    refused(r#"{"a":1}{"#, "bytes behind the object");
    refused("{\"a\":1}\0", "bytes behind the object");
}

#[test]
fn bytes_that_are_no_text() {
    refused("\u{feff}{}", "byte order mark");
    refused(b"{\"a\":\"\xff\"}", "invalid UTF-8");
    refused(b"{\"a\":\"\xc3\"}", "invalid UTF-8");
    refused(b"{\"a\":\"\xed\xa0\x80\"}", "invalid UTF-8");
    refused(b"{\"a\":\"\xc0\xaf\"}", "invalid UTF-8");
    refused(b"\xff\xfe{\0}\0", "expected an object");
    for byte in 0..0x20_u8 {
        refused([b"{\"a\":\"", &[byte][..], b"\"}"].concat(), "control character in a string");
        refused([b"{\"a", &[byte][..], b"\":1}"].concat(), "control character in a string");
        refused([b"{\"a\":[{\"b\":\"", &[byte][..], b"\"}]}"].concat(), "control character in a string");
    }
    assert!(verdict(b"{\"a\":1,\x0b\"b\":2}").is_err());
    assert!(verdict(b"{\"a\":1,\xc2\xa0\"b\":2}").is_err());
}

#[test]
fn two_parsers_would_read_two_models() {
    refused(r#"{"model":"a","model":"b"}"#, "duplicate name");
    refused(r#"{"model":"a","\u006dodel":"b"}"#, "duplicate name");
    refused(r#"{"mod\u0065l":"a","x":1,"model":"a"}"#, "duplicate name");
    refused(r#"{"stream":true,"stream":false}"#, "duplicate name");
    refused(r#"{"max_tokens":1,"max_tokens":100000}"#, "duplicate name");
    refused(r#"{"x":1,"x":1}"#, "duplicate name");
    for name in ["Model", "MODEL", "moDel", "Stream", "Max_Tokens", "\u{17f}tream", r"\u004dodel", "met\u{41}data"] {
        refused(format!(r#"{{"{name}":"a","model":"b"}}"#), "known parameter in another case");
        refused(format!(r#"{{"{name}":"a"}}"#), "known parameter in another case");
    }
    accepted(r#"{"model":"a","Temperature":1,"modèl":2,"model ":3,"model\u0000":4}"#.as_bytes(), Some("a"));
}

#[test]
fn half_characters() {
    for half in [r"\ud83d", r"\ude00", r"\ud83dx", r"\ud83d\u0041", r"\ud83d\ud83d"] {
        refused(format!(r#"{{"model":"{half}"}}"#), "lone surrogate");
        refused(format!(r#"{{"{half}":"a"}}"#), "lone surrogate");
        refused(format!(r#"{{"user":"{half}"}}"#), "lone surrogate");
        // Ours alone: changes no structure, decides nothing, and JavaScript clients do send it (module doc of `scan`).
        let nested = format!(r#"{{"messages":[{{"content":"{half}"}}],"model":"a"}}"#);
        assert_eq!(verdict(nested.as_bytes()), Ok(Some("a".to_owned())));
    }
    accepted(r#"{"model":"\ud83d\ude00"}"#.as_bytes(), Some("\u{1F600}"));
    refused(r#"{"model":"\x"}"#, "unknown escape");
    refused(r#"{"model":"\u00g0"}"#, "bad hexadecimal digit");
    refused(r#"{"model":"\u00"}"#, "cut escape");
}

#[test]
fn numbers_without_end() {
    for number in ["1e999", "-1e999", "1E+400", "123456789e9999999999999", &"9".repeat(400)] {
        refused(format!(r#"{{"temperature":{number}}}"#), "number out of range");
        refused(format!(r#"{{"a":[{{"b":{number}}}]}}"#), "number out of range");
    }
    for number in
        ["1e308", "1.7976931348623157e308", "1e-999", "0e999", &"9".repeat(300), &format!("0.{}", "1".repeat(999))]
    {
        accepted(format!(r#"{{"temperature":{number}}}"#).as_bytes(), None);
    }
}

#[test]
fn depth_and_width() {
    let nested = |depth: usize, open: &str, close: &str| {
        // The body itself is one level, and each repetition opens as many as it has brackets.
        format!(r#"{{"a":{}1{}}}"#, open.repeat(depth), close.repeat(depth))
    };
    let deepest = MAX_DEPTH as usize - 1;
    accepted(nested(deepest, "[", "]").as_bytes(), None);
    accepted(nested(deepest, r#"{"b":"#, "}").as_bytes(), None);
    accepted(nested(deepest / 2, r#"[{"b":"#, "}]").as_bytes(), None);
    for depth in [deepest + 1, 128, 129, 1_000, 100_000] {
        refused(nested(depth, "[", "]"), "nested too deep");
        refused(nested(depth, r#"{"b":"#, "}"), "nested too deep");
    }
    refused(format!(r#"{{"a":{}"#, "[".repeat(100_000)), "nested too deep");
    // An empty bracket pair at the limit counts like any other.
    refused(format!(r#"{{"a":{}{}}}"#, "[".repeat(deepest + 1), "]".repeat(deepest + 1)), "nested too deep");

    let wide = |count: usize| {
        let members: Vec<String> = (0..count).map(|at| format!(r#""m{at}":{at}"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    accepted(wide(MAX_MEMBERS).as_bytes(), None);
    refused(wide(MAX_MEMBERS + 1), "too many members");
    refused(wide(200_000), "too many members");
}

/// Sizes that would show a quadratic step at once: each of these takes milliseconds, or hours.
#[test]
fn size_alone_is_harmless() {
    const LARGE: usize = 10_000_000;
    accepted(format!(r#"{{"{}":1}}"#, "k".repeat(LARGE)).as_bytes(), None);
    accepted(format!(r#"{{"model":"{}"}}"#, "m".repeat(LARGE)).as_bytes(), Some("m".repeat(LARGE).as_str()));
    accepted(format!(r#"{{"a":[{}1]}}"#, "1,".repeat(1_000_000)).as_bytes(), None);
    accepted(format!(r#"{{"a":[{}{{}}]}}"#, "{},".repeat(1_000_000)).as_bytes(), None);
    accepted(format!(r#"{{"a":["{}"]}}"#, r"\\".repeat(LARGE / 2)).as_bytes(), None);
    accepted(format!(r#"{{"a":["{}"]}}"#, r#"\""#.repeat(LARGE / 2)).as_bytes(), None);
    accepted(format!("{{{}\"a\":1}}", " ".repeat(LARGE)).as_bytes(), None);
    accepted(format!(r#"{{"a":[{}0]}}"#, r#""é","#.repeat(1_000_000)).as_bytes(), None);
    refused(format!(r#"{{"a":"{}"#, r#"\""#.repeat(LARGE / 2)), "unexpected end of the body");
    refused(format!(r#"{{"a":1{}"#, "0".repeat(LARGE)), "number out of range");
}
