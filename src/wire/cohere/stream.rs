//! Cohere's stream: server-sent events, each an object with a `type` (<https://docs.cohere.com/v2/docs/streaming>).
//!
//! `message-end` is the end marker. `[DONE]` is no part of the dialect and passes unheard.

use serde_json::Map;

use super::errors;
use super::reply::{finish, garbled, sources, tool_call};
use super::types::{Delta as Change, Event, EventKind, ReplyMessage, Usage};
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, StreamDecoder};
use crate::wire::model::{Delta, StreamEvent};
use crate::wire::sse;

/// Reads one stream.
#[derive(Debug)]
pub struct Decoder {
    sse: sse::Decoder,
    state: State,
}

impl Decoder {
    /// A stream that begins.
    pub fn new(ids: Ids) -> Self {
        Self { sse: sse::Decoder::default(), state: State { ids, ..State::default() } }
    }
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, piece: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let mut frames = self.sse.feed(piece);
        while let Some(frame) = frames.advance() {
            let too_long = |_| Error::new(Kind::GarbledAnswer, "The provider sent an event without end.");
            self.state.frame(frame.map_err(too_long)?.bytes, events)?;
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        // The last event may lack its blank line; one that is cut inside does not parse.
        let last = self.state.frame(self.sse.rest(), events);
        match last {
            Err(error) if error.kind != Kind::GarbledAnswer => Err(error),
            _ if self.state.ended => Ok(()),
            _ => Err(Error::new(Kind::BrokenStream, "The provider's stream ended before the answer was complete.")),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    ids: Ids,
    started: bool,
    ended: bool,
    /// Cohere's number of each call that has begun; its place here is ours.
    calls: Vec<u32>,
}

impl State {
    fn frame(&mut self, frame: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let frame = sse::Event::parse(frame);
        match frame.data.as_deref() {
            _ if self.ended => Ok(()),
            None | Some(b"" | b"[DONE]") => Ok(()),
            Some(data) => self.event(frame.name, data, events),
        }
    }

    fn event(&mut self, name: Option<&[u8]>, data: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let event: Event = serde_json::from_slice(data).map_err(garbled)?;
        if event.kind == EventKind::Other {
            return self.other(name, &event);
        }
        if !std::mem::replace(&mut self.started, true) {
            events.push(StreamEvent::Start { id: None, model: None, created: None, extra: Map::new() });
        }
        let delta = event.delta.unwrap_or_default();
        match event.kind {
            EventKind::MessageEnd => return self.message_end(delta, events),
            EventKind::ContentEnd | EventKind::ToolCallEnd => events.push(StreamEvent::PartEnd { choice: 0 }),
            EventKind::MessageStart | EventKind::CitationEnd | EventKind::Other => {}
            _ => self.message(event.kind, event.index, delta.message.unwrap_or_default(), events),
        }
        Ok(())
    }

    /// An event of no known type: an error, or something new that may be passed by.
    fn other(&self, name: Option<&[u8]>, event: &Event) -> Result<(), Error> {
        let words = event.message.as_ref().map(crate::wire::model::Json::value);
        match words.as_ref().and_then(serde_json::Value::as_str) {
            Some(message) if event.delta.is_none() => Err(errors::in_stream(message)),
            _ if name == Some(b"error") => Err(errors::in_stream("The provider reported an error.")),
            _ => Ok(()),
        }
    }

    fn message(&mut self, kind: EventKind, index: Option<u32>, message: ReplyMessage, events: &mut Vec<StreamEvent>) {
        let mut push = |delta| events.push(StreamEvent::Delta { choice: 0, delta });
        let there = |text: Option<String>| text.filter(|text| !text.is_empty());
        for part in message.content {
            there(part.thinking).map(Delta::Thinking).into_iter().for_each(&mut push);
            there(part.text).map(Delta::Text).into_iter().for_each(&mut push);
        }
        there(message.tool_plan).map(Delta::Thinking).into_iter().for_each(&mut push);
        for call in message.tool_calls {
            if kind == EventKind::ToolCallStart {
                let number = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
                self.calls.push(index.unwrap_or(number));
                let call = tool_call(call, number, &self.ids);
                push(Delta::ToolCall { index: number, id: call.id, name: call.name, signature: None, custom: false });
                let arguments = there(Some(call.arguments));
                arguments.map(|text| Delta::Arguments { index: number, text }).into_iter().for_each(&mut push);
            } else if let Some(text) = call.function.arguments.filter(|text| !text.is_empty()) {
                push(Delta::Arguments { index: self.number(index), text: text.into_owned() });
            }
        }
        if let Some(citations) = message.citations {
            for citation in one_or_list(citations) {
                let deltas = sources(citation).into_iter().map(|(family, value)| Delta::Citation { family, value });
                deltas.for_each(&mut push);
            }
        }
    }

    /// Our number of the call that Cohere numbers so: the last one that began under that number.
    fn number(&self, index: Option<u32>) -> u32 {
        let place = self.calls.iter().rposition(|known| Some(*known) == index);
        u32::try_from(place.unwrap_or(self.calls.len().saturating_sub(1))).unwrap_or(u32::MAX)
    }

    fn message_end(&mut self, delta: Change, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let reason = delta.finish_reason.unwrap_or_default();
        if let Some(message) = delta.error.filter(|message| !message.is_empty()) {
            return Err(errors::of_finish(&reason, Some(&message)).unwrap_or_else(|| errors::in_stream(&message)));
        }
        if let Some(error) = errors::of_finish(&reason, None) {
            return Err(error);
        }
        let finish = finish(reason, !self.calls.is_empty());
        events.push(StreamEvent::Finish { choice: 0, finish });
        events.extend(delta.usage.and_then(Usage::counters).map(StreamEvent::Usage));
        events.push(StreamEvent::End);
        self.ended = true;
        Ok(())
    }
}

/// `citation-start` brings one citation, answers have a list.
fn one_or_list(citations: crate::wire::model::Json) -> Vec<crate::wire::model::Json> {
    if citations.is_object() {
        return vec![citations];
    }
    serde_json::from_str(citations.text()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::model::{Family, FinishReason};
    use crate::wire::usage::Usage as Counters;

    /// The events of the chunks, and how the stream ended.
    fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<StreamEvent>, Option<Kind>) {
        let mut decoder = Decoder::new(Ids(1));
        let mut events = Vec::new();
        for chunk in chunks {
            if let Err(error) = decoder.feed(chunk, &mut events) {
                return (events, Some(error.kind));
            }
        }
        let end = decoder.end(&mut events);
        (events, end.err().map(|error| error.kind))
    }

    fn sse(events: &[&str]) -> String {
        let event = |data: &&str| {
            let json: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
            let name = json.get("type").and_then(serde_json::Value::as_str).unwrap_or("message");
            format!("event: {name}\ndata: {data}\n\n")
        };
        events.iter().map(event).collect()
    }

    const START: &str = r#"{"id":"1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#;

    const ALL: [&str; 17] = [
        START,
        r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}"#,
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hmé"}}}}"#,
        r#"{"type":"content-end","index":0}"#,
        r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Hel\"lo"}}}}"#,
        r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":3,"sources":[]}}}}"#,
        r#"{"type":"citation-end","index":0}"#,
        r#"{"type":"debug","prompt":"x"}"#,
        r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}}"#,
        r#"{"type":"tool-call-start","index":7,"delta":{"message":{"tool_calls":{"id":"a","type":"function","function":{"name":"f","arguments":""}}}}}"#,
        r#"{"type":"tool-call-delta","index":7,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"x\":"}}}}}"#,
        r#"{"type":"tool-call-delta","index":7,"delta":{"message":{"tool_calls":{"function":{"arguments":" 1}"}}}}}"#,
        r#"{"type":"tool-call-end","index":7}"#,
        r#"{"type":"tool-call-start","index":11,"delta":{"message":{"tool_calls":{"id":"b","function":{"name":"g","arguments":"{"}}}}}"#,
        r#"{"type":"tool-call-delta","index":11,"delta":{"message":{"tool_calls":{"function":{"arguments":"}"}}}}}"#,
        r#"{"type":"tool-call-end","index":11}"#,
        r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":8.0,"output_tokens":3}}}}"#,
    ];

    #[test]
    fn every_event_is_understood() {
        let delta = |delta| StreamEvent::Delta { choice: 0, delta };
        let call = |index, id: &str, name: &str| {
            let (id, name) = (id.to_owned(), name.to_owned());
            delta(Delta::ToolCall { index, id, name, signature: None, custom: false })
        };
        let arguments = |index, text: &str| delta(Delta::Arguments { index, text: text.to_owned() });
        let part_end = || StreamEvent::PartEnd { choice: 0 };
        let value = crate::wire::model::Json::parse(r#"{"start":0,"end":3,"sources":[]}"#).unwrap();
        let native = Some("TOOL_CALL".to_owned());
        let expected = vec![
            StreamEvent::Start { id: None, model: None, created: None, extra: Map::new() },
            delta(Delta::Thinking("hmé".into())),
            part_end(),
            delta(Delta::Text("Hel\"lo".into())),
            delta(Delta::Citation { family: Family::Cohere, value }),
            delta(Delta::Thinking("I will".into())),
            call(0, "a", "f"),
            arguments(0, "{\"x\":"),
            arguments(0, " 1}"),
            part_end(),
            call(1, "b", "g"),
            arguments(1, "{"),
            arguments(1, "}"),
            part_end(),
            StreamEvent::Finish {
                choice: 0,
                finish: crate::wire::model::Finish { reason: FinishReason::ToolCalls, native, stop_sequence: None },
            },
            StreamEvent::Usage(Counters::of_tokens(8, 3)),
            StreamEvent::End,
        ];
        let bytes = sse(&ALL);
        assert_eq!(read([bytes.as_bytes()]), (expected.clone(), None));
        let unended = bytes.trim_end();
        assert_eq!(read([unended.as_bytes()]), (expected.clone(), None), "the last blank line is missing");
        let done = format!("{bytes}data: [DONE]\n\n{{");
        assert_eq!(read([done.as_bytes()]), (expected, None), "what follows the end is not heard");
    }

    #[test]
    fn what_is_no_proper_end_is_an_error() {
        let cases: [(&[&str], Kind); 6] = [
            (&[START], Kind::BrokenStream),
            (&["[DONE]"], Kind::BrokenStream),
            (&["{\"type\":\"content"], Kind::GarbledAnswer),
            (&[r#"{"message":"rate limit exceeded"}"#], Kind::RateLimited),
            (&[r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"boom"}}"#], Kind::InternalServer),
            (&[r#"{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}"#], Kind::Timeout),
        ];
        for (events, kind) in cases {
            assert_eq!(read([sse(events).as_bytes()]).1, Some(kind), "{events:?}");
        }
        let bytes = sse(&ALL);
        for cut in 0..bytes.trim_end().len() {
            let (events, kind) = read([&bytes.as_bytes()[..cut]]);
            assert_eq!(kind, Some(Kind::BrokenStream), "cut at {cut}");
            assert!(!events.contains(&StreamEvent::End));
        }
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_events(sizes in prop::collection::vec(1_usize..40, 1..80), crlf: bool) {
            let bytes = if crlf { sse(&ALL).replace('\n', "\r\n") } else { sse(&ALL) };
            let mut rest = bytes.as_bytes();
            let mut chunks = Vec::new();
            for size in sizes {
                let (chunk, behind) = rest.split_at(size.min(rest.len()));
                chunks.push(chunk);
                rest = behind;
            }
            chunks.push(rest);
            prop_assert_eq!(read([bytes.as_bytes()]), read(chunks));
            prop_assert_eq!(read([bytes.as_bytes()]), read(bytes.as_bytes().chunks(1)));
        }
    }
}
