//! What a client was told: its text, how it ended, and whether that was the truth.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::proof::caller::Answer;

/// How an answer came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// `data: [DONE]`, or a whole JSON body.
    Done,
    /// The body ended properly, without `[DONE]`.
    Ended,
    /// The connection ended inside the answer.
    #[default]
    Broken,
    /// Nothing more came while the client had patience.
    Silent,
}

/// An OpenAI chat answer, streamed or not, as its client saw it.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// 0: not even a head.
    pub status: u16,
    /// What the gateway names the call by.
    pub call_id: String,
    /// All text, in order.
    pub text: String,
    /// Each `model` that was named.
    pub models: BTreeSet<String>,
    pub finish_reason: Option<String>,
    pub usage: Option<Value>,
    /// The message of an error body or of an error event.
    pub error: Option<String>,
    /// Events whose data is no JSON.
    pub malformed: usize,
    /// Events behind `[DONE]` or behind an error.
    pub behind_the_end: usize,
    pub end: End,
    pub took: Duration,
}

impl Transcript {
    /// Reads what came within `patience`.
    pub fn of(answer: &Answer, patience: Duration) -> Self {
        let mut transcript =
            Self { status: answer.status, call_id: answer.call_id.clone(), took: answer.took, ..Self::default() };
        transcript.end = match answer.is_whole {
            true => End::Ended,
            false if answer.took >= patience => End::Silent,
            false => End::Broken,
        };
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(body) if body.is_object() => {
                transcript.read(&body, "message");
                if answer.is_whole {
                    transcript.end = End::Done;
                }
            }
            _ => transcript.read_stream(&String::from_utf8_lossy(&answer.body)),
        }
        transcript
    }

    fn read_stream(&mut self, body: &str) {
        // A byte order mark before a stream is not part of it (WHATWG HTML, section 9.2.6).
        let body = body.strip_prefix('\u{feff}').unwrap_or(body).replace("\r\n", "\n");
        // Behind the last empty line is no whole event.
        let Some((events, _)) = body.rsplit_once("\n\n") else { return };
        for event in events.split("\n\n") {
            let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
            let data = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n");
            if data.is_empty() {
                continue;
            }
            self.behind_the_end += usize::from(self.end == End::Done || self.error.is_some());
            match serde_json::from_str::<Value>(&data) {
                _ if data == "[DONE]" => self.end = End::Done,
                Ok(event) if event.is_object() => self.read(&event, "delta"),
                _ => self.malformed += 1,
            }
        }
    }

    /// A body or an event; its words are in `/choices/0/PART/content`.
    fn read(&mut self, body: &Value, part: &str) {
        if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
            let message = error.get("message").and_then(Value::as_str);
            self.error.get_or_insert_with(|| message.map_or_else(|| error.to_string(), str::to_owned));
            return;
        }
        let text = |path: &str| body.pointer(path).and_then(Value::as_str);
        self.text += text(&format!("/choices/0/{part}/content")).unwrap_or_default();
        self.models.extend(text("/model").map(str::to_owned));
        self.finish_reason = text("/choices/0/finish_reason").map(str::to_owned).or(self.finish_reason.take());
        self.usage = body.get("usage").filter(|usage| usage.is_object()).cloned().or(self.usage.take());
    }
}

/// Whose words an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    Primary,
    Backup,
}

/// The primary's word.
pub const PRIMARY_WORD: &str = "w";
/// The backup's, where the two may be told apart.
pub const BACKUP_WORD: &str = "b";

/// What an answer was worth to its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every token, once, in order, with a proper end.
    Whole(Voice),
    /// The client knows that it failed, and why.
    Refused(String),
    /// Anything else: what is wrong with it.
    Wrong(String),
}

impl Transcript {
    /// What it was worth, if the whole answer has so many tokens.
    pub fn outcome(&self, tokens: usize) -> Outcome {
        if self.malformed > 0 {
            return Outcome::Wrong(format!("{} events that are no JSON reached the client", self.malformed));
        }
        if self.behind_the_end > 0 {
            return Outcome::Wrong("something followed the end or the error".to_owned());
        }
        if let Some(error) = &self.error {
            return Outcome::Refused(format!("{} {error}", self.status));
        }
        let words = self.progress(tokens);
        match self.end {
            End::Silent => Outcome::Wrong(format!("given up after {:.1} s, with {words}", self.took.as_secs_f64())),
            End::Broken if self.status == 0 => Outcome::Wrong("the connection ended without an answer".to_owned()),
            End::Broken => Outcome::Wrong(format!("broke off without an error, with {words}")),
            End::Done | End::Ended if self.status != 200 => {
                Outcome::Wrong(format!("{} without a message", self.status))
            }
            End::Done | End::Ended => match self.voice(tokens) {
                Some(voice) if self.finish_reason.is_some() => Outcome::Whole(voice),
                Some(_) => Outcome::Wrong("no finish reason".to_owned()),
                None => Outcome::Wrong(format!("ended as if whole, with {words}")),
            },
        }
    }

    /// Whose whole answer it is.
    fn voice(&self, tokens: usize) -> Option<Voice> {
        let is = |word| self.text == words(word, 0..tokens);
        match (is(PRIMARY_WORD), is(BACKUP_WORD)) {
            (true, _) => Some(Voice::Primary),
            (_, true) => Some(Voice::Backup),
            _ => None,
        }
    }

    /// For a reader: how much of an answer this is.
    fn progress(&self, tokens: usize) -> String {
        for word in [PRIMARY_WORD, BACKUP_WORD] {
            let begun = (0..=tokens).find(|count| self.text == words(word, 0..*count));
            if let Some(count) = begun {
                return format!("{count} of {tokens} tokens");
            }
        }
        let shown: String = self.text.chars().take(200).collect();
        format!("a text that is no beginning of an answer: {shown:?}")
    }
}

/// The text of these tokens.
pub fn words(word: &str, numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("{word}{number} ")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(text: &str) -> String {
        format!("data: {}\n\n", json!({"model": "m", "choices": [{"index": 0, "delta": {"content": text}}]}))
    }

    const FINISH: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    const DONE: &str = "data: [DONE]\n\n";
    const ERROR: &str = "data: {\"error\":{\"message\":\"broken\",\"code\":\"500\"}}\n\n";

    fn outcome(status: u16, body: &str, is_whole: bool, took: u64) -> Outcome {
        let patience = Duration::from_secs(9);
        let took = Duration::from_secs(took);
        let answer = Answer { status, body: body.into(), is_whole, took, ..Answer::default() };
        Transcript::of(&answer, patience).outcome(2)
    }

    fn wrong(outcome: Outcome, part: &str) {
        let Outcome::Wrong(text) = outcome else { panic!("{outcome:?}") };
        assert!(text.contains(part), "{text}");
    }

    #[test]
    fn whole_answers_are_told_from_what_looks_like_them() {
        let whole = event("w0 ") + &event("w1 ") + FINISH;
        assert_eq!(outcome(200, &(whole.clone() + DONE), true, 1), Outcome::Whole(Voice::Primary));
        assert_eq!(outcome(200, &whole, true, 1), Outcome::Whole(Voice::Primary));
        assert_eq!(outcome(200, &format!("\u{feff}{whole}"), true, 1), Outcome::Whole(Voice::Primary));
        let backup = event("b0 b1 ") + ": a comment\n\n" + FINISH + DONE;
        assert_eq!(outcome(200, &backup.replace('\n', "\r\n"), true, 1), Outcome::Whole(Voice::Backup));
        wrong(outcome(200, &(event("w0 ") + FINISH + DONE), true, 1), "as if whole, with 1 of 2");
        wrong(outcome(200, &(event("w0 ") + &event("w0 w1 ") + FINISH + DONE), true, 1), "no beginning");
        wrong(outcome(200, &(event("w0 ") + &event("b1 ") + FINISH + DONE), true, 1), "no beginning");
        wrong(outcome(200, &(event("w0 w1 ") + DONE), true, 1), "finish reason");
        wrong(outcome(200, &(whole.clone() + DONE + &event("w2 ")), true, 1), "followed the end");
        wrong(outcome(200, &("data: {\"cho\n\n".to_owned() + &whole + DONE), true, 1), "no JSON");
    }

    #[test]
    fn an_error_is_clear_only_if_it_is_said_and_is_the_end() {
        let told = |outcome: Outcome| assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        told(outcome(200, &(event("w0 ") + ERROR), true, 1));
        told(outcome(503, r#"{"error":{"message":"no"}}"#, true, 1));
        wrong(outcome(200, &(event("w0 ") + ERROR + DONE), true, 1), "followed the end or the error");
        wrong(outcome(502, "<html>Bad gateway</html>", true, 1), "502 without a message");
        wrong(outcome(200, &event("w0 "), false, 1), "broke off without an error, with 1 of 2");
        wrong(outcome(200, &event("w0 "), false, 9), "given up after 9.0 s, with 1 of 2");
        wrong(outcome(0, "", false, 1), "without an answer");
    }

    #[test]
    fn a_json_answer_is_read_as_a_stream_is() {
        let body = json!({"model": "m", "usage": {"completion_tokens": 2},
            "choices": [{"message": {"content": "b0 b1 "}, "finish_reason": "stop"}]});
        assert_eq!(outcome(200, &body.to_string(), true, 1), Outcome::Whole(Voice::Backup));
    }
}
