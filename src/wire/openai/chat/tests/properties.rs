//! Over generated conversations, answers and streams: what was decoded survives another round, and cuts do not matter.

use proptest::prelude::*;

use super::*;
use crate::wire::codec::{StreamDecoder, StreamEncoder};
use crate::wire::model::{
    Choice, Delta, Finish, FinishReason, Media, MediaKind, Message, Part, Reply, Role, Source, StreamEvent, ToolCall,
    ToolChoice, ToolResult,
};

fn words() -> impl Strategy<Value = String> {
    "[a-z \"\\\\\n\u{1}é\u{1F600}]{1,8}"
}

fn image() -> impl Strategy<Value = Part> {
    let source = prop_oneof![
        "[A-Za-z0-9+/]{4,8}".prop_map(|data| (Source::Base64(data), Some("image/png".to_owned()))),
        "https://[a-z]{1,5}".prop_map(|url| (Source::Url(url), None)),
    ];
    source.prop_map(|(source, media_type)| {
        let kind = MediaKind::Image;
        Part::Media(Media { kind, source, media_type, name: None, detail: None, cache: None, extra: None })
    })
}

fn call() -> impl Strategy<Value = Part> {
    let arguments = prop_oneof![Just("{}".to_owned()), words().prop_map(|text| format!("{{\"x\": {text:?}}}"))];
    ("call_[a-z0-9]{4}", "[a-z_]{1,6}", arguments, any::<bool>()).prop_map(|(id, name, arguments, custom)| {
        Part::ToolCall(ToolCall { id, name, arguments, custom, ..ToolCall::default() })
    })
}

fn message() -> impl Strategy<Value = Message> {
    let text = || words().prop_map(Part::text);
    let user = prop::collection::vec(prop_oneof![2 => text(), 1 => image()], 1..4);
    let model = (
        prop::option::of(text()),
        prop::option::of(words().prop_map(Part::Refusal)),
        prop::collection::vec(call(), 0..3),
    );
    let model = model.prop_filter("says something", |(text, refusal, calls)| {
        text.is_some() || refusal.is_some() || !calls.is_empty()
    });
    prop_oneof![
        words().prop_map(|text| Message::text(Role::System, text)),
        words().prop_map(|text| Message::text(Role::Developer, text)),
        user.prop_map(|parts| Message::new(Role::User, parts)),
        model.prop_map(|(text, refusal, calls)| {
            Message::new(Role::Assistant, text.into_iter().chain(refusal).chain(calls).collect())
        }),
        ("result_[a-z]{4}", words()).prop_map(|(id, text)| {
            let result = ToolResult { id, content: vec![Part::text(text)], ..ToolResult::default() };
            Message::new(Role::User, vec![Part::ToolResult(result)])
        }),
    ]
}

fn request() -> impl Strategy<Value = ChatRequest> {
    let sampling = (prop::option::of(0_u64..9), prop::option::of(0.0_f64..2.0), prop::collection::vec(words(), 0..3));
    (prop::collection::vec(message(), 0..6), sampling, any::<bool>(), prop::option::of(words())).prop_map(
        |(messages, (max_tokens, temperature, stop), stream, user)| {
            let mut request = ChatRequest {
                model: "m".into(),
                messages,
                stream,
                include_usage: stream,
                user,
                tools: vec![super::super::tools::tool(raw(r#"{"type":"function","function":{"name":"f"}}"#)).unwrap()],
                tool_choice: Some(ToolChoice::Required),
                family: Some(crate::wire::model::Family::OpenAi),
                ..ChatRequest::default()
            };
            (request.sampling.max_tokens, request.sampling.temperature, request.sampling.stop) =
                (max_tokens, temperature, stop);
            request
        },
    )
}

fn answer() -> impl Strategy<Value = Reply> {
    let parts = (prop::option::of(words().prop_map(Part::text)), prop::collection::vec(call(), 0..3));
    let choice = (parts, any::<bool>()).prop_map(|((text, calls), cut)| {
        let reason = if cut { FinishReason::Length } else { FinishReason::Stop };
        let finish = Finish { reason, native: Some(reason.openai().to_owned()), stop_sequence: None };
        Choice { parts: text.into_iter().chain(calls).collect(), finish, ..Choice::default() }
    });
    (prop::collection::vec(choice, 1..3), words()).prop_map(|(mut choices, id)| {
        (0..).zip(&mut choices).for_each(|(index, choice)| choice.index = index);
        Reply { id: Some(id), model: Some("claude".into()), created: Some(5), choices, ..Reply::default() }
    })
}

fn stream() -> impl Strategy<Value = Vec<StreamEvent>> {
    let delta = prop_oneof![
        3 => words().prop_map(Delta::Text),
        1 => words().prop_map(Delta::Refusal),
        1 => words().prop_map(|text| Delta::Arguments { index: 0, text }),
    ];
    prop::collection::vec(delta, 0..8).prop_map(|deltas| {
        let start = StreamEvent::Start {
            id: Some("i".into()),
            model: Some("claude".into()),
            created: Some(1),
            extra: Default::default(),
        };
        let call = Delta::ToolCall { index: 0, id: "c".into(), name: "f".into(), signature: None, custom: false };
        let deltas = [call, Delta::Arguments { index: 0, text: "{".into() }].into_iter().chain(deltas);
        let deltas = deltas.map(|delta| StreamEvent::Delta { choice: 0, delta });
        let finish = Finish { native: Some("stop".into()), ..Finish::default() };
        let end = [StreamEvent::Finish { choice: 0, finish }, StreamEvent::End];
        [start].into_iter().chain(deltas).chain(end).collect()
    })
}

fn wire(events: Vec<StreamEvent>) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(stamp()), Vec::new());
    events.into_iter().for_each(|event| encoder.event(event, &mut out));
    encoder.finish(&mut out);
    out
}

/// An empty piece of arguments, which stands beside a call's name, says nothing.
fn without_empty(events: Vec<StreamEvent>) -> Vec<StreamEvent> {
    let says = |event: &StreamEvent| !matches!(event, StreamEvent::Delta { delta: Delta::Arguments { text, .. }, .. } if text.is_empty());
    events.into_iter().filter(says).collect()
}

proptest! {
    #[test]
    fn a_request_survives(request in request()) {
        let once = encode_request(request.clone(), &profile("openai")).unwrap();
        let read = decode(std::str::from_utf8(&once).unwrap()).unwrap();
        prop_assert_eq!(&read, &request);
        prop_assert_eq!(encode_request(read, &profile("openai")).unwrap(), once);
    }

    #[test]
    fn an_answer_survives(reply in answer()) {
        let once = encode_reply(reply.clone(), &stamp());
        prop_assert_eq!(decode_reply(&once, &Ids(1)).unwrap(), reply);
    }

    #[test]
    fn a_stream_survives_in_any_pieces(events in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let bytes = wire(events.clone());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let (mut decoder, mut read) = (Decoder::new(Ids(1)), Vec::new());
        for cut in cuts.windows(2) {
            decoder.feed(&bytes[cut[0]..cut[1]], &mut read).unwrap();
        }
        decoder.end(&mut read).unwrap();
        prop_assert_eq!(without_empty(read), without_empty(events));
    }

    #[test]
    fn nothing_panics(bytes in "[\\x00-\\x7f]{0,64}") {
        let _ = decode_reply(bytes.as_bytes(), &Ids(1));
        let (mut decoder, mut events) = (Decoder::new(Ids(1)), Vec::new());
        let _ = decoder.feed(format!("data: {bytes}\n\n").as_bytes(), &mut events);
        let _ = decoder.end(&mut events);
        if let Ok(request) = Request::parse(format!(r#"{{"messages":[{bytes}]}}"#).into()) {
            let _ = decode_request(&request);
        }
    }
}
