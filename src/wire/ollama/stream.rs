//! The stream of `/api/chat` and `/api/generate`: a JSON object on each line, the last with `"done":true`
//! (<https://github.com/ollama/ollama/blob/main/docs/api.md>).

use serde_json::Map;

use super::reply::{logprobs, parse};
use super::text::{Reader, Word};
use crate::error::{Error, Kind};
use crate::wire::codec::{Ids, StreamDecoder};
use crate::wire::model::{Delta, StreamEvent};
use crate::wire::ndjson;
use crate::wire::usage::Usage;

/// Reads one stream.
#[derive(Debug)]
pub struct Decoder {
    lines: ndjson::Decoder,
    state: State,
}

impl Decoder {
    /// A stream that begins.
    pub fn new(ids: Ids) -> Self {
        Self::of(Reader::new(ids, false))
    }

    /// The same for a prompt that describes tools: text that begins as JSON is held until it is known whether it is a call.
    pub fn prompted(ids: Ids) -> Self {
        Self::of(Reader::new(ids, true))
    }

    fn of(reader: Reader) -> Self {
        Self { lines: ndjson::Decoder::default(), state: State { reader, started: false, ended: false } }
    }
}

impl StreamDecoder for Decoder {
    fn feed(&mut self, piece: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let mut lines = self.lines.feed(piece);
        while let Some(line) = lines.advance() {
            let too_long = |_| Error::new(Kind::GarbledAnswer, "The provider sent a line without end.");
            self.state.line(line.map_err(too_long)?, events)?;
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        // The last line may lack its line end; one that is cut inside does not parse.
        let rest = self.lines.rest();
        let last = if rest.is_empty() { Ok(()) } else { self.state.line(rest, events) };
        match last {
            Err(error) if error.kind != Kind::GarbledAnswer => Err(error),
            _ if self.state.ended => Ok(()),
            _ => Err(Error::new(Kind::BrokenStream, "The provider's stream ended before the answer was complete.")),
        }
    }
}

#[derive(Debug)]
struct State {
    reader: Reader,
    started: bool,
    ended: bool,
}

impl State {
    fn line(&mut self, line: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Error> {
        if self.ended {
            return Ok(());
        }
        let mut answer = parse(line)?;
        if !std::mem::replace(&mut self.started, true) {
            let model = answer.model.take();
            events.push(StreamEvent::Start { id: None, model, created: None, extra: Map::new() });
        }
        let mut push = |delta| events.push(StreamEvent::Delta { choice: 0, delta });
        let mut index = self.reader.calls;
        for word in self.reader.read(&mut answer) {
            match word {
                Word::Thought(text) => push(Delta::Thinking(text)),
                Word::Said(text) => push(Delta::Text(text)),
                Word::Call(call) => {
                    let (id, name, text) = (call.id, call.name, call.arguments);
                    push(Delta::ToolCall { index, id, name, signature: None, custom: false });
                    push(Delta::Arguments { index, text });
                    index += 1;
                }
            }
        }
        answer.logprobs.as_ref().and_then(logprobs).map(Delta::Logprobs).into_iter().for_each(push);
        if answer.done {
            let usage = answer.usage().map(|usage| self.told_apart(usage));
            let finish = self.reader.finish(answer.done_reason);
            events.push(StreamEvent::Finish { choice: 0, finish });
            events.extend(usage.map(StreamEvent::Usage));
            events.push(StreamEvent::End);
            self.ended = true;
        }
        Ok(())
    }

    /// Where nothing was thought, all output is text: LiteLLM says so for streams.
    fn told_apart(&self, usage: Usage) -> Usage {
        let all_text = !self.reader.thought;
        Usage {
            reasoning_tokens: all_text.then_some(0),
            completion_text_tokens: all_text.then_some(usage.completion_tokens),
            ..usage
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::model::{Finish, FinishReason};

    fn read<'a>(mut decoder: Decoder, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<StreamEvent>, Option<Kind>) {
        let mut events = Vec::new();
        for chunk in chunks {
            if let Err(error) = decoder.feed(chunk, &mut events) {
                return (events, Some(error.kind));
            }
        }
        let end = decoder.end(&mut events);
        (events, end.err().map(|error| error.kind))
    }

    const IDS: Ids = Ids(1);

    const CHAT: &str = concat!(
        r#"{"model":"m","message":{"role":"assistant","content":"","thinking":"hmé"},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"content":"so"},"done":false}"#,
        "\n\n",
        r#"{"model":"m","message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"x": 1}}}]},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"content":"","tool_calls":[{"function":{"name":"g","arguments":{}}}]},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":7}"#,
        "\n",
    );

    fn delta(delta: Delta) -> StreamEvent {
        StreamEvent::Delta { choice: 0, delta }
    }

    fn call(index: u32, id: String, name: &str, text: &str) -> [StreamEvent; 2] {
        let (name, text) = (name.to_owned(), text.to_owned());
        let call = Delta::ToolCall { index, id, name, signature: None, custom: false };
        [delta(call), delta(Delta::Arguments { index, text })]
    }

    fn finish(reason: FinishReason) -> StreamEvent {
        let finish = Finish { reason, native: Some("stop".into()), stop_sequence: None };
        StreamEvent::Finish { choice: 0, finish }
    }

    fn start() -> StreamEvent {
        StreamEvent::Start { id: None, model: Some("m".into()), created: None, extra: Map::new() }
    }

    #[test]
    fn chat_lines_become_events() {
        let mut expected = vec![start(), delta(Delta::Thinking("hmé".into())), delta(Delta::Text("so".into()))];
        expected.extend(call(0, IDS.uuid(0), "f", "{\"x\": 1}"));
        expected.extend(call(1, IDS.uuid(1), "g", "{}"));
        let usage = StreamEvent::Usage(Usage::of_tokens(11, 7));
        expected.extend([finish(FinishReason::ToolCalls), usage, StreamEvent::End]);
        assert_eq!(read(Decoder::new(IDS), [CHAT.as_bytes()]), (expected.clone(), None));
        assert_eq!(read(Decoder::new(IDS), [CHAT.trim_end().as_bytes()]), (expected.clone(), None));
        let more = format!("{CHAT}{{\"error\":\"late\"}}\n{{");
        assert_eq!(read(Decoder::new(IDS), [more.as_bytes()]), (expected, None));
    }

    /// A stream of generate whose text comes in pieces of three.
    fn generated(text: &str) -> String {
        let letters: Vec<char> = text.chars().collect();
        let piece = |piece: &[char]| {
            let text: String = piece.iter().collect();
            format!("{}\n", serde_json::json!({"model": "m", "response": text, "done": false}))
        };
        let lines: String = letters.chunks(3).map(piece).collect();
        format!("{lines}{{\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"eval_count\":7}}\n")
    }

    #[test]
    fn a_prompted_call_is_told_from_text() {
        let usage = Usage {
            reasoning_tokens: Some(0),
            completion_text_tokens: Some(7),
            input_untold: true,
            ..Usage::of_tokens(0, 7)
        };
        let end = |reason| [finish(reason), StreamEvent::Usage(usage), StreamEvent::End];
        let asked = generated("{\"name\": \"f\", \"arguments\": {\"x\": 1}}");
        let mut expected = vec![start()];
        expected.extend(call(0, format!("call_{}", IDS.uuid(0)), "f", "{\"x\": 1}"));
        expected.extend(end(FinishReason::ToolCalls));
        assert_eq!(read(Decoder::prompted(IDS), [asked.as_bytes()]), (expected, None));

        let said = |text: &str| delta(Delta::Text(text.into()));
        let plain = generated("Hello");
        let mut expected = vec![start(), said("Hel"), said("lo")];
        expected.extend(end(FinishReason::Stop));
        assert_eq!(read(Decoder::prompted(IDS), [plain.as_bytes()]), (expected.clone(), None));
        assert_eq!(read(Decoder::new(IDS), [plain.as_bytes()]), (expected, None));

        let json = generated("{\"a\":1}");
        let mut expected = vec![start(), said("{\"a\":1}")];
        expected.extend(end(FinishReason::Stop));
        assert_eq!(read(Decoder::prompted(IDS), [json.as_bytes()]), (expected, None));
    }

    #[test]
    fn what_is_no_proper_end_is_an_error() {
        let check = |bytes: &str, kind| {
            assert_eq!(read(Decoder::new(IDS), [bytes.as_bytes()]).1, Some(kind), "{bytes}");
        };
        check("", Kind::BrokenStream);
        check("{\"message\":{\"content\":\"a\"}}\n", Kind::BrokenStream);
        check("{\"error\":\"model 'x' not found\"}\n", Kind::NotFound);
        check("{\"error\":\"boom\"}", Kind::InternalServer);
        check("garbage\n", Kind::GarbledAnswer);
        for cut in 0..CHAT.trim_end().len() {
            let (events, kind) = read(Decoder::new(IDS), [CHAT.as_bytes().get(..cut).unwrap()]);
            assert_eq!(kind, Some(Kind::BrokenStream), "cut at {cut}");
            assert!(!events.contains(&StreamEvent::End));
        }
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_events(sizes in prop::collection::vec(1_usize..40, 1..40), crlf: bool) {
            let bytes = if crlf { CHAT.replace('\n', "\r\n") } else { CHAT.to_owned() };
            let mut rest = bytes.as_bytes();
            let mut chunks = Vec::new();
            for size in sizes {
                let (chunk, behind) = rest.split_at(size.min(rest.len()));
                chunks.push(chunk);
                rest = behind;
            }
            chunks.push(rest);
            let whole = read(Decoder::new(IDS), [bytes.as_bytes()]);
            prop_assert_eq!(&whole, &read(Decoder::new(IDS), chunks));
            prop_assert_eq!(&whole, &read(Decoder::new(IDS), bytes.as_bytes().chunks(1)));
        }
    }
}
