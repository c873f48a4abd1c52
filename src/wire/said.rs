//! What a stream has said so far, kept for the case that nobody counts its tokens: a provider that reports none, a client
//! that leaves, an upstream that breaks.
//!
//! Pieces are appended to one buffer as they stand in the events; whose they are is noted only where the voice changes.
//! Reading them (escapes, one text a voice) is left to whoever counts, when the stream is over.

mod plain;

use super::escape;
use super::model::{Delta, Part};
use super::texts;
pub use plain::Plain;

/// Bytes of one stream that are kept; of what is longer only the length is known. Some 60,000 tokens: more than nearly any
/// answer.
pub const KEPT_LIMIT: usize = 256 * 1024;
/// Room for the first words, so that the buffer does not grow in many small steps.
const FIRST_ROOM: usize = 1024;
/// What a change of voice takes of [`KEPT_LIMIT`].
const TURN_SIZE: usize = size_of::<Turn>();

/// Which of a stream's texts a piece belongs to: pieces of one voice make one text. Manner, place (choice, block, item) and
/// call in one number, because it is compared at each event; zero is nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Voice(u64);

const TEXT: u64 = 1;
const THOUGHT: u64 = 2;
const REFUSAL: u64 = 3;
const NAME: u64 = 4;
const ARGUMENTS: u64 = 5;
const JSON: u64 = 6;

impl Voice {
    /// Of text that is not said, or said twice.
    pub const NOBODY: Self = Self(0);

    const fn of(manner: u64, place: u32, call: u32) -> Self {
        Self(manner << 56 | (place as u64 & 0xFFF_FFFF) << 28 | (call as u64 & 0xFFF_FFFF))
    }

    /// Words of this choice.
    pub const fn text(place: u32) -> Self {
        Self::of(TEXT, place, 0)
    }

    /// Thoughts.
    pub const fn thought(place: u32) -> Self {
        Self::of(THOUGHT, place, 0)
    }

    /// A refusal.
    pub const fn refusal(place: u32) -> Self {
        Self::of(REFUSAL, place, 0)
    }

    /// The name of a tool that is called.
    pub const fn name(place: u32, call: u32) -> Self {
        Self::of(NAME, place, call)
    }

    /// The arguments of a call.
    pub const fn arguments(place: u32, call: u32) -> Self {
        Self::of(ARGUMENTS, place, call)
    }

    /// Arguments that are no string but JSON.
    pub const fn json(place: u32, call: u32) -> Self {
        Self::of(JSON, place, call)
    }

    const fn is_json(self) -> bool {
        self.0 >> 56 == JSON
    }
}

/// Where a voice begins to speak.
#[derive(Clone, Copy, Debug)]
struct Turn {
    voice: Voice,
    at: usize,
}

/// A place to which [`Said::take_back`] goes back.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    kept: usize,
    beyond: u64,
}

/// The texts of one stream.
#[derive(Clone, Debug, Default)]
pub struct Said {
    kept: Vec<u8>,
    turns: Vec<Turn>,
    voice: Voice,
    /// Bytes that were not kept.
    beyond: u64,
    /// Pieces are insides of JSON strings, escapes as they came.
    escaped: bool,
}

impl Said {
    /// Of pieces that are insides of JSON strings.
    pub fn escaped() -> Self {
        Self { escaped: true, ..Self::default() }
    }

    /// Appends a piece.
    #[inline]
    pub fn say(&mut self, voice: Voice, piece: &[u8]) {
        let room = self.kept.capacity() - self.kept.len();
        if self.voice == voice && piece.len() <= room {
            self.kept.extend_from_slice(piece);
        } else {
            self.say_slowly(voice, piece);
        }
    }

    /// A new voice, or a buffer that has to grow.
    #[cold]
    fn say_slowly(&mut self, voice: Voice, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        let turn = if self.voice == voice { 0 } else { TURN_SIZE };
        let room = KEPT_LIMIT.saturating_sub(self.kept.len() + self.turns.len() * TURN_SIZE + turn);
        // Nothing is appended behind a gap.
        if self.beyond > 0 || piece.len() > room {
            self.beyond = self.beyond.saturating_add(piece.len() as u64);
            self.voice = Voice::NOBODY;
            return;
        }
        if turn > 0 {
            self.turns.push(Turn { voice, at: self.kept.len() });
            self.voice = voice;
        }
        if piece.len() > self.kept.capacity() - self.kept.len() {
            self.kept.reserve_exact(self.kept.capacity().max(FIRST_ROOM).min(room).max(piece.len()));
        }
        self.kept.extend_from_slice(piece);
    }

    /// Appends what an event of a decoded stream says.
    pub fn delta(&mut self, choice: u32, delta: &Delta) {
        match delta {
            Delta::Text(text) => self.say(Voice::text(choice), text.as_bytes()),
            Delta::Thinking(text) => self.say(Voice::thought(choice), text.as_bytes()),
            Delta::Refusal(text) => self.say(Voice::refusal(choice), text.as_bytes()),
            Delta::ToolCall { index, name, .. } => self.say(Voice::name(choice, *index), name.as_bytes()),
            Delta::Arguments { index, text } => self.say(Voice::arguments(choice, *index), text.as_bytes()),
            Delta::Part(part) => self.part(choice, part),
            Delta::Signature { .. } | Delta::Citation { .. } | Delta::Logprobs(_) => {}
        }
    }

    fn part(&mut self, choice: u32, part: &Part) {
        for text in texts::of_parts(std::slice::from_ref(part)) {
            self.say(Voice::text(choice), text.as_bytes());
        }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes said, escapes as they came.
    pub fn len(&self) -> u64 {
        (self.kept.len() as u64).saturating_add(self.beyond)
    }

    /// Bytes said that were not kept.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Where the stream stands.
    pub fn mark(&self) -> Mark {
        Mark { kept: self.kept.len(), beyond: self.beyond }
    }

    /// Forgets what was said since: it has not reached the client.
    pub fn take_back(&mut self, mark: Mark) {
        self.kept.truncate(mark.kept);
        self.beyond = mark.beyond;
        self.turns.retain(|turn| turn.at < mark.kept);
        self.voice = self.turns.last().map_or(Voice::NOBODY, |turn| turn.voice);
    }

    /// What was said, one text a voice.
    pub fn texts(&self) -> Vec<String> {
        let ends = self.turns.iter().skip(1).map(|turn| turn.at).chain([self.kept.len()]);
        let mut spoken: Vec<(Voice, &[u8])> = self
            .turns
            .iter()
            .zip(ends)
            .filter_map(|(turn, end)| Some((turn.voice, self.kept.get(turn.at..end)?)))
            .collect();
        // Stable: pieces of one voice stay in their order.
        spoken.sort_by_key(|(voice, _)| *voice);
        spoken.chunk_by(|one, next| one.0 == next.0).map(|pieces| self.text(pieces)).collect()
    }

    fn text(&self, pieces: &[(Voice, &[u8])]) -> String {
        let joined: Vec<u8> = pieces.iter().flat_map(|(_, piece)| *piece).copied().collect();
        let is_json = pieces.first().is_some_and(|(voice, _)| voice.is_json());
        if self.escaped
            && !is_json
            && let Ok(text) = escape::decode(&joined)
        {
            return text.into_owned();
        }
        String::from_utf8(joined).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::{anthropic, gemini, openai, responses};

    #[test]
    fn pieces_of_a_voice_make_one_text() {
        let mut said = Said::escaped();
        for (voice, piece) in [
            (Voice::text(0), r"H\u00"),
            (Voice::text(0), "e9llo"),
            (Voice::text(1), "other"),
            (Voice::text(0), r"\n"),
            (Voice::json(0, 0), r#"{"a":"\n"}"#),
            (Voice::arguments(0, 1), r#"{\"x\":1}"#),
        ] {
            said.say(voice, piece.as_bytes());
        }
        assert_eq!(said.texts(), ["Héllo\n", "other", r#"{"x":1}"#, r#"{"a":"\n"}"#]);
        assert_eq!((said.beyond(), said.is_empty()), (0, false));
    }

    #[test]
    fn plain_text_is_not_decoded_and_bad_escapes_are_kept() {
        for (mut said, piece) in [(Said::default(), r"\n"), (Said::escaped(), r"\x")] {
            said.say(Voice::text(0), piece.as_bytes());
            assert_eq!(said.texts(), [piece]);
        }
    }

    #[test]
    fn what_did_not_arrive_is_taken_back() {
        let mut said = Said::default();
        said.say(Voice::text(0), b"one");
        let mark = said.mark();
        said.say(Voice::text(0), b" two");
        said.say(Voice::thought(0), b"hm");
        said.take_back(mark);
        assert_eq!(said.texts(), ["one"]);
        said.say(Voice::thought(0), b"so");
        said.say(Voice::text(0), b"!");
        assert_eq!(said.texts(), ["one!", "so"]);
        said.take_back(Said::default().mark());
        assert!(said.is_empty() && said.texts().is_empty());
    }

    #[test]
    fn a_long_answer_is_kept_up_to_the_limit() {
        let mut said = Said::default();
        let piece = "words and ".repeat(100);
        for _ in 0..400 {
            said.say(Voice::text(0), piece.as_bytes());
        }
        let kept = said.texts().concat().len();
        assert!(kept <= KEPT_LIMIT && kept > KEPT_LIMIT - 2 * piece.len(), "{kept}");
        assert_eq!(said.len(), 400 * piece.len() as u64);
        assert_eq!(said.beyond(), said.len() - kept as u64);
        assert!(said.kept.capacity() <= KEPT_LIMIT);
        // Changes of voice count too.
        let mut said = Said::default();
        for at in 0..KEPT_LIMIT {
            said.say(Voice::text(at as u32 % 2), b"x");
        }
        assert!(said.beyond() > 0 && said.turns.len() * TURN_SIZE + said.kept.len() <= KEPT_LIMIT);
    }

    /// Feeds a stream in pieces; what was said.
    macro_rules! heard {
        ($tap:expr, $bytes:expr, $size:expr) => {{
            let mut tap = $tap;
            for piece in $bytes.as_bytes().chunks($size) {
                tap.feed(Bytes::copy_from_slice(piece), &mut Vec::new()).unwrap();
            }
            tap.finish(&mut Vec::new()).unwrap();
            tap.said().texts()
        }};
    }

    fn sse(events: &[&str]) -> String {
        events.iter().map(|event| format!("data: {event}\n\n")).collect()
    }

    /// The same answer in each dialect: a thought, words in pieces, a call.
    fn openai() -> String {
        let chunk = |delta: &str| format!(r#"{{"model":"m","choices":[{{"index":0,"delta":{delta}}}]}}"#);
        let deltas = [
            r#"{"role":"assistant","content":""}"#,
            r#"{"reasoning":"hm","reasoning_content":"hm"}"#,
            r#"{"content":"He"}"#,
            r#"{"content":"ll\u00f6"}"#,
            r#"{"content":" \"you\""}"#,
            r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}"#,
        ];
        sse(&deltas.map(chunk).each_ref().map(String::as_str))
    }

    fn anthropic() -> String {
        let block = |index: u32, block: &str, deltas: &[&str]| {
            let start = format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#);
            // Spaces hide the length of the words.
            let delta = |delta| {
                let data = format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}    "#);
                format!("event: content_block_delta\ndata: {data}\n\n")
            };
            format!("event: content_block_start\n{}{}", sse(&[&start]), deltas.iter().map(delta).collect::<String>())
        };
        let thoughts =
            [r#"{"type":"thinking_delta","thinking":"hm"}"#, r#"{"type":"signature_delta","signature":"c2ln"}"#];
        let words = [
            r#"{"type":"text_delta","text":"He"}"#,
            r#"{"type":"text_delta","text":"ll\u00f6"}"#,
            r#"{"type":"text_delta","text":" \"you\""}"#,
        ];
        let arguments = [
            r#"{"type":"input_json_delta","partial_json":"{\"x\":"}"#,
            r#"{"type":"input_json_delta","partial_json":"1}"}"#,
        ];
        block(0, r#"{"type":"thinking","thinking":""}"#, &thoughts)
            + &block(1, r#"{"type":"text","text":""}"#, &words)
            + &block(2, r#"{"type":"tool_use","name":"f","input":{}}"#, &arguments)
    }

    fn responses() -> String {
        sse(&[
            r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"delta":"hm"}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"delta":"He"}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"delta":"ll\u00f6"}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"delta":" \"you\""}"#,
            r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","name":"f"}}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"x\":1}"}"#,
            r#"{"type":"response.audio.delta","delta":"AAAA"}"#,
        ])
    }

    fn gemini() -> String {
        let parts = |parts: &str| format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}}}}]}}"#);
        sse(&[
            &parts(r#"{"thought":true,"text":"hm"}"#),
            &parts(r#"{"text":"He"},{"text":"ll\u00f6"}"#),
            &parts(r#"{"text":" \"you\""},{"functionCall":{"name":"f","args":{"x":1}}}"#),
        ])
    }

    #[test]
    fn every_tap_hears_what_is_said() {
        let mut said = ["Hellö \"you\"", "hm", "f", "{\"x\":1}"];
        said.sort_unstable();
        for size in [1, 7, 100_000] {
            for mut heard in [
                heard!(openai::stream::Tap::new(openai::stream::TapRules::default()), openai(), size),
                heard!(anthropic::pass::Tap::new(anthropic::pass::TapRules::default()), anthropic(), size),
                heard!(responses::pass::Tap::new(responses::pass::TapRules::default()), responses(), size),
                heard!(gemini::pass::Tap::new(), gemini(), size),
            ] {
                heard.sort_unstable();
                assert_eq!(heard, said, "in pieces of {size}");
            }
        }
    }
}
