//! Another provider's stream in the place of one that broke: what the client has by now is not said again.
//!
//! Either the provider goes on after the words that were delivered (they were put before its answer), or it begins again
//! and is let through from where its words go beyond the delivered ones. An answer that begins again with other words is
//! none: half of one and half of the other would be nobody's.

use super::model::{Delta, StreamEvent};
use super::usage::Usage;

/// How the second answer joins the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joint {
    /// It goes on after the delivered text; the white space at the end of that was not put before it, and may come again.
    /// `told`: tokens of the delivered text, for the client's usage.
    GoesOn {
        /// White space that may be repeated.
        space: String,
        /// Tokens of what was delivered before.
        told: u64,
    },
    /// It must begin with this text.
    BeginsAgain(String),
}

/// The second answer has other words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diverged;

/// One joint of one stream.
#[derive(Debug)]
pub struct Resume {
    /// What is still to come before something new does.
    expected: String,
    strict: bool,
    told: u64,
    /// What the client has.
    delivered: String,
}

impl Resume {
    /// At this joint, behind the words that the client has.
    pub fn at(joint: Joint, delivered: String) -> Self {
        let (expected, strict, told) = match joint {
            Joint::GoesOn { space, told } => (space, false, told),
            Joint::BeginsAgain(text) => (text, true, 0),
        };
        Self { expected, strict, told, delivered }
    }

    /// All words that the client has.
    pub fn delivered(&self) -> &str {
        &self.delivered
    }

    /// What of an event is new to the client.
    ///
    /// # Errors
    /// [`Diverged`].
    pub fn event(&mut self, event: StreamEvent) -> Result<Option<StreamEvent>, Diverged> {
        match event {
            // It has begun already; thoughts were over when the text began.
            StreamEvent::Start { .. }
            | StreamEvent::Delta { delta: Delta::Thinking(_) | Delta::Signature { .. }, .. } => Ok(None),
            StreamEvent::Delta { choice: 0, delta: Delta::Text(text) } => {
                let text = self.beyond(text)?;
                self.delivered.push_str(&text);
                Ok((!text.is_empty()).then_some(StreamEvent::Delta { choice: 0, delta: Delta::Text(text) }))
            }
            StreamEvent::Usage(usage) => Ok(Some(StreamEvent::Usage(self.whole(usage)))),
            StreamEvent::Extra(_) => Ok(Some(event)),
            _ if self.expected.is_empty() || !self.strict => Ok(Some(event)),
            // An end, a tool, another choice before all of the delivered words have come again.
            StreamEvent::PartEnd { .. } => Ok(None),
            _ => Err(Diverged),
        }
    }

    fn beyond(&mut self, text: String) -> Result<String, Diverged> {
        let common = common_prefix(&self.expected, &text);
        if common == self.expected.len() {
            self.expected.clear();
            return Ok(text.get(common..).unwrap_or_default().to_owned());
        }
        if common == text.len() {
            self.expected.drain(..common);
            return Ok(String::new());
        }
        if self.strict {
            return Err(Diverged);
        }
        self.expected.clear();
        Ok(text)
    }

    /// The usage of the whole answer: what was delivered before counts as output, not as the input that it was handed over as.
    fn whole(&self, usage: Usage) -> Usage {
        Usage {
            prompt_tokens: usage.prompt_tokens.saturating_sub(self.told),
            completion_tokens: usage.completion_tokens.saturating_add(self.told),
            prompt_text_tokens: usage.prompt_text_tokens.map(|tokens| tokens.saturating_sub(self.told)),
            ..usage
        }
    }
}

/// Bytes that both begin with; never within a character.
fn common_prefix(one: &str, other: &str) -> usize {
    let pairs = one.char_indices().zip(other.chars());
    let first_difference = pairs.clone().find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    first_difference.unwrap_or_else(|| one.len().min(other.len()))
}

#[cfg(test)]
mod tests {
    use super::super::model::{Finish, FinishReason};
    use super::*;

    fn text(text: &str) -> StreamEvent {
        StreamEvent::Delta { choice: 0, delta: Delta::Text(text.to_owned()) }
    }

    /// What a client gets of these pieces.
    fn new_text(joint: Joint, pieces: &[&str]) -> Result<String, Diverged> {
        let mut resume = Resume::at(joint, String::new());
        let mut all = String::new();
        for piece in pieces {
            if let Some(StreamEvent::Delta { delta: Delta::Text(text), .. }) = resume.event(text(piece))? {
                all.push_str(&text);
            }
        }
        let finish = Finish { reason: FinishReason::Stop, ..Finish::default() };
        resume.event(StreamEvent::Finish { choice: 0, finish })?;
        Ok(all)
    }

    #[test]
    fn an_answer_that_begins_again_is_new_beyond_the_old_words() {
        let again = |pieces: &[&str]| new_text(Joint::BeginsAgain("one tué".to_owned()), pieces);
        assert_eq!(again(&["one ", "tué", " three"]).as_deref(), Ok(" three"));
        assert_eq!(again(&["one tué three"]).as_deref(), Ok(" three"));
        assert_eq!(again(&["o", "n", "e ", "t", "u", "é"]).as_deref(), Ok(""));
        assert_eq!(again(&["one ", "tuè"]), Err(Diverged));
        assert_eq!(again(&["other"]), Err(Diverged));
        assert_eq!(again(&["one "]), Err(Diverged), "it is shorter");
    }

    #[test]
    fn an_answer_that_goes_on_is_new_but_for_white_space() {
        let on = |pieces: &[&str]| new_text(Joint::GoesOn { space: " ".to_owned(), told: 3 }, pieces);
        assert_eq!(on(&[" three", " four"]).as_deref(), Ok("three four"));
        assert_eq!(on(&["three"]).as_deref(), Ok("three"));
        assert_eq!(on(&[" ", " three"]).as_deref(), Ok(" three"));
    }

    #[test]
    fn usage_is_of_the_whole_answer() {
        let mut resume = Resume::at(Joint::GoesOn { space: String::new(), told: 5 }, String::new());
        let usage = match resume.event(StreamEvent::Usage(Usage::of_tokens(30, 10))) {
            Ok(Some(StreamEvent::Usage(usage))) => usage,
            other => panic!("{other:?}"),
        };
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (25, 15, 40));
    }

    #[test]
    fn a_tool_may_come_after_the_words_only() {
        let call = |resume: &mut Resume| {
            let delta = Delta::ToolCall { index: 0, id: "1".into(), name: "n".into(), signature: None, custom: false };
            resume.event(StreamEvent::Delta { choice: 0, delta })
        };
        let mut resume = Resume::at(Joint::BeginsAgain("one".to_owned()), "one".to_owned());
        assert_eq!(call(&mut resume), Err(Diverged));
        assert_eq!(resume.event(text("one")), Ok(None));
        assert!(call(&mut resume).unwrap().is_some());
    }
}
