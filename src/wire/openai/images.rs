//! Pictures: what a request asks for, what an answer brings.
//!
//! <https://platform.openai.com/docs/api-reference/images/create>. Bodies pass as they came; here is read what a bill
//! depends on. Streams are in [`tap`].

mod tap;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::errors;
use super::mock::Stamp;
use super::request::Request;
use super::response::Answer;
use crate::drawing::{Drawing, Quality, Size};
use crate::error::{Error, Kind};
use crate::wire::peek::{Object, PeekError, ValueKind, peek_answer};
use crate::wire::usage::Usage;

pub use tap::Tap;

/// What a request asks for.
pub fn asked(request: &Request) -> Drawing {
    let object = request.object();
    Drawing {
        count: object.as_u64("n").map(narrow),
        sketches: object.as_u64("partial_images").map_or(0, |count| count.try_into().unwrap_or(u8::MAX)),
        ..said(&object)
    }
}

/// What the parameters of a deployment ask for where a request says nothing.
pub fn usual(defaults: &Map<String, Value>) -> Drawing {
    let text = |name: &str| defaults.get(name).and_then(Value::as_str);
    let count = |name: &str| defaults.get(name).and_then(Value::as_u64);
    Drawing {
        count: count("n").map(narrow),
        size: text("size").and_then(Size::of),
        quality: text("quality").and_then(Quality::of),
        sketches: count("partial_images").map_or(0, |count| count.try_into().unwrap_or(u8::MAX)),
    }
}

/// Refuses a number of pictures that is none: nobody could say what they cost.
///
/// # Errors
/// [`Kind::InvalidParameter`].
pub fn check(request: &Request) -> Result<(), Error> {
    let object = request.object();
    let Some(member) = object.get("n").filter(|member| member.kind != ValueKind::Null) else { return Ok(()) };
    let raw = || String::from_utf8_lossy(object.raw(member)).into_owned();
    let text = match (member.kind, object.count(member)) {
        (_, Some(1..)) => return Ok(()),
        (ValueKind::Number, Some(_)) => "Invalid 'n': expected a value >= 1, but got 0 instead.".to_owned(),
        (ValueKind::Number, None) => format!("Invalid 'n': expected an integer >= 1, but got {} instead.", raw()),
        (kind, _) => format!("Invalid type for 'n': expected an integer, but got {} instead.", named(kind)),
    };
    Err(Error::new(Kind::InvalidParameter, text).param("n"))
}

fn named(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::String => "a string",
        ValueKind::Bool => "a boolean",
        ValueKind::Array => "an array",
        ValueKind::Object => "an object",
        ValueKind::Number | ValueKind::Null => "another value",
    }
}

/// Reads a whole answer. `asked`: what was asked for; how many pictures came is counted.
///
/// # Errors
/// This is no JSON object and must not pass for an answer.
pub fn read(body: Bytes, asked: Drawing) -> Result<Answer, PeekError> {
    let object = peek_answer(&body)?;
    let data = object.get("data").filter(|data| data.kind == ValueKind::Array);
    let came = data.map(|data| serde_json::from_slice::<Vec<IgnoredAny>>(object.raw(data)).unwrap_or_default().len());
    let failed = object.get("error").is_some_and(|error| error.kind != ValueKind::Null) && came.is_none();
    let error = failed.then(|| errors::read(&body));
    let drawn = Drawing { count: Some(came.map_or(0, |came| narrow(came as u64))), ..asked.or(said(&object)) };
    let usage = Some(used(&object, drawn));
    drop(object);
    Ok(Answer { body, usage, error })
}

/// An answer without a provider: as many pictures as are asked for, all of them at this address.
pub fn mock(stamp: Stamp<'_>, address: &str, asked: Drawing) -> Bytes {
    let picture = json!({"b64_json": null, "revised_prompt": null, "url": address});
    // As many as OpenAI draws at once.
    let count = asked.count().min(10) as usize;
    let usage = json!({"input_tokens": 0, "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "output_tokens": 0, "total_tokens": 0});
    json!({"created": stamp.created, "data": vec![picture; count], "usage": usage}).to_string().into()
}

/// The same as an event.
pub fn mock_event(stamp: Stamp<'_>, address: &str) -> Bytes {
    let data = json!({"type": tap::COMPLETED, "b64_json": address, "created_at": stamp.created});
    format!("event: {}\ndata: {data}\n\n", tap::COMPLETED).into()
}

/// Tokens as they are told, and what was drawn. Nothing is left to be counted: pictures have no words.
fn used(object: &Object<'_>, drawn: Drawing) -> Usage {
    let told = object.get("usage").and_then(|usage| Usage::parse(object.raw(usage))).unwrap_or_default();
    // Where output is not taken apart, all of it was pictures.
    let parts = [told.completion_image_tokens, told.completion_text_tokens, told.reasoning_tokens];
    let all = parts.iter().all(Option::is_none).then_some(told.completion_tokens);
    Usage {
        completion_image_tokens: told.completion_image_tokens.or(all),
        pictures: Some(drawn),
        input_untold: false,
        output_untold: false,
        ..told
    }
}

fn said(object: &Object<'_>) -> Drawing {
    Drawing {
        size: object.as_str("size").and_then(|text| Size::of(&text)),
        quality: object.as_str("quality").and_then(|text| Quality::of(&text)),
        ..Drawing::default()
    }
}

fn narrow(count: u64) -> u32 {
    count.try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &Value) -> Request {
        Request::parse(body.to_string().into()).unwrap()
    }

    #[test]
    fn what_a_bill_depends_on_is_read() {
        let body = json!({"prompt": "x", "n": 3, "size": "1024x1536", "quality": "hd", "partial_images": 2});
        let expected = Drawing {
            count: Some(3),
            size: Some(Size { width: 1024, height: 1536 }),
            quality: Some(Quality::Hd),
            sketches: 2,
        };
        assert_eq!(asked(&request(&body)), expected);
        assert_eq!(usual(body.as_object().unwrap()), expected);
        assert_eq!(asked(&request(&json!({"size": "auto", "quality": "auto", "n": null}))), Drawing::default());
    }

    #[test]
    fn a_number_of_pictures_is_a_number() {
        for n in [json!(1), json!(10), json!(null), json!(2.0)] {
            assert!(check(&request(&json!({"n": n}))).is_ok(), "{n}");
        }
        for (n, words) in [
            (json!(0), "but got 0"),
            (json!(-1), "but got -1"),
            (json!(1.5), "but got 1.5"),
            (json!("2"), "got a string"),
            (json!([2]), "got an array"),
            (json!({}), "got an object"),
            (json!(true), "got a boolean"),
        ] {
            let error = check(&request(&json!({"n": n}))).unwrap_err();
            assert_eq!((error.kind, error.param), (Kind::InvalidParameter, Some("n")));
            assert!(error.message.contains(words), "{}", error.message);
        }
    }

    #[test]
    fn pictures_that_came_count_and_tokens_are_pictures() {
        let answered = |body: Value, asked| read(body.to_string().into(), asked).unwrap();
        let asked = Drawing { count: Some(3), ..Drawing::default() };
        let two = json!({"created": 1, "data": [{"url": "a"}, {"url": "b"}], "size": "1024x1024", "quality": "low",
            "usage": {"input_tokens": 5, "output_tokens": 272, "total_tokens": 277,
                "input_tokens_details": {"text_tokens": 2, "image_tokens": 3}}});
        let usage = answered(two, asked).usage.unwrap();
        let drawn = usage.pictures.unwrap();
        assert_eq!((drawn.count, drawn.size, drawn.quality), (Some(2), Some(Size::USUAL), Some(Quality::Low)));
        assert_eq!((usage.prompt_tokens, usage.prompt_image_tokens), (5, Some(3)));
        assert_eq!((usage.completion_tokens, usage.completion_image_tokens, usage.is_told()), (272, Some(272), true));
        let parts = json!({"data": [{}], "usage": {"input_tokens": 1, "output_tokens": 9, "total_tokens": 10,
            "output_tokens_details": {"text_tokens": 2, "image_tokens": 7}}});
        assert_eq!(answered(parts, asked).usage.unwrap().completion_image_tokens, Some(7));
        let bare = answered(json!({"data": [{"url": "a"}]}), asked).usage.unwrap();
        assert!(bare.is_told() && bare.total_tokens == 0 && bare.pictures.unwrap().count() == 1);
    }

    #[test]
    fn an_error_or_garbage_is_no_answer() {
        let busy = read(Bytes::from_static(br#"{"error":{"message":"busy"}}"#), Drawing::default()).unwrap();
        assert_eq!(busy.error.unwrap().message, "busy");
        assert!(read(Bytes::from_static(b"<html>"), Drawing::default()).is_err());
    }

    #[test]
    fn a_mock_is_an_answer() {
        let stamp = Stamp { id: "1", created: 7, model: "m" };
        let answer = mock(stamp, "http://x/y.png", Drawing { count: Some(2), ..Drawing::default() });
        let json: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(json["data"][1]["url"], "http://x/y.png");
        assert_eq!(read(answer, Drawing::default()).unwrap().usage.unwrap().pictures.unwrap().count(), 2);
    }
}
