//! What an answer, or a line of one, says: thoughts, words and calls, in order. One reader for whole answers and streams,
//! so that both tell the same.

use super::prompted::{Held, calls};
use super::tags::{Piece, Tags};
use super::types::{Answer, Asked, arguments_text};
use crate::wire::codec::Ids;
use crate::wire::model::{Finish, FinishReason, ToolCall};

/// Something said.
#[derive(Debug, PartialEq)]
pub(super) enum Word {
    Thought(String),
    Said(String),
    Call(ToolCall),
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct Reader {
    ids: Ids,
    tags: Tags,
    /// The model was told of tools in its prompt: calls come as text.
    prompted: Option<Held>,
    /// How many calls there were.
    pub calls: u32,
    /// Whether there were thoughts.
    pub thought: bool,
}

impl Reader {
    /// `prompted`: the model was told of tools in its prompt.
    pub fn new(ids: Ids, prompted: bool) -> Self {
        Self { ids, prompted: prompted.then(Held::default), ..Self::default() }
    }

    /// The words of an answer or a line; with its last line comes what was held.
    pub fn read(&mut self, answer: &mut Answer) -> Vec<Word> {
        let mut words = Vec::new();
        let message = answer.message.take().unwrap_or_default();
        let there = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(thought) = there(message.thinking).or(there(answer.thinking.take())) {
            self.think(thought, &mut words);
        }
        let mut pieces = Vec::new();
        if let Some(text) = there(message.content).or(there(answer.response.take())) {
            self.tags.take(text, &mut pieces);
        }
        if answer.done {
            self.tags.rest(&mut pieces);
        }
        for piece in pieces {
            match piece {
                Piece::Thought(text) => self.think(text, &mut words),
                Piece::Said(text) => words.extend(self.say(text).map(Word::Said)),
            }
        }
        if answer.done {
            self.release(&mut words);
        }
        for asked in message.tool_calls.or(answer.tool_calls.take()).unwrap_or_default() {
            words.push(Word::Call(self.native(asked)));
        }
        words
    }

    fn think(&mut self, text: String, words: &mut Vec<Word>) {
        self.thought = true;
        words.push(Word::Thought(text));
    }

    fn say(&mut self, text: String) -> Option<String> {
        match &mut self.prompted {
            Some(held) => held.take(text),
            None => Some(text),
        }
    }

    /// Text that was held because it may be a call is one, or is text.
    fn release(&mut self, words: &mut Vec<Word>) {
        let Some(text) = self.prompted.as_mut().and_then(Held::rest) else { return };
        let Some(calls) = calls(&text) else {
            words.push(Word::Said(text));
            return;
        };
        for (name, arguments) in calls {
            let id = format!("call_{}", self.ids.uuid(self.calls));
            words.push(Word::Call(self.call(id, name, arguments)));
        }
    }

    fn native(&mut self, asked: Asked) -> ToolCall {
        let id = asked.id.filter(|id| !id.is_empty()).unwrap_or_else(|| self.ids.uuid(self.calls));
        self.call(id, asked.function.name, arguments_text(asked.function.arguments.as_ref()))
    }

    fn call(&mut self, id: String, name: String, arguments: String) -> ToolCall {
        self.calls += 1;
        ToolCall { id, name, arguments, ..ToolCall::default() }
    }

    /// How the answer ended. Ollama says "stop" after calls too.
    pub fn finish(&self, reason: Option<String>) -> Finish {
        let said = reason.as_deref().map_or(FinishReason::Stop, FinishReason::of);
        let reason_said = if self.calls > 0 && said == FinishReason::Stop { FinishReason::ToolCalls } else { said };
        Finish { reason: reason_said, native: reason, stop_sequence: None }
    }
}
