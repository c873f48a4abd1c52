//! A streamed answer put together again, for whoever has to remember what was said.

use super::{Choice, Delta, Part, Reply, StreamEvent, Text, Thinking, ToolCall};

/// Collects the events of one stream.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    reply: Reply,
    /// The last part of each choice is complete: what follows is a new one.
    closed: bool,
}

impl Collector {
    /// Takes an event in.
    pub fn event(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Start { id, model, created, .. } => {
                (self.reply.id, self.reply.model, self.reply.created) = (id.clone(), model.clone(), *created);
            }
            StreamEvent::Delta { choice, delta } => {
                let closed = std::mem::take(&mut self.closed);
                add(&mut self.choice(*choice).parts, delta, closed);
            }
            StreamEvent::PartEnd { .. } => self.closed = true,
            StreamEvent::Finish { choice, finish } => self.choice(*choice).finish = finish.clone(),
            StreamEvent::Usage(usage) => self.reply.usage = Some(*usage),
            StreamEvent::Extra(extra) => self.reply.extra.extend(extra.clone()),
            StreamEvent::End => {}
        }
    }

    /// What was said.
    pub fn into_reply(self) -> Reply {
        self.reply
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let choices = &mut self.reply.choices;
        let at = choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            choices.push(Choice { index, ..Choice::default() });
            choices.len() - 1
        });
        // The position was found, or made, a line above.
        #[expect(clippy::indexing_slicing, reason = "the index is in range by construction")]
        &mut choices[at]
    }
}

fn add(parts: &mut Vec<Part>, delta: &Delta, closed: bool) {
    let last = parts.last_mut().filter(|_| !closed);
    match (delta, last) {
        (Delta::Text(more), Some(Part::Text(text))) => text.text.push_str(more),
        (Delta::Text(text), _) => parts.push(Part::text(text.clone())),
        (Delta::Thinking(more), Some(Part::Thinking(thinking))) => thinking.text.push_str(more),
        (Delta::Thinking(text), _) => {
            parts.push(Part::Thinking(Thinking { text: text.clone(), ..Thinking::default() }));
        }
        (Delta::Refusal(more), Some(Part::Refusal(refusal))) => refusal.push_str(more),
        (Delta::Refusal(text), _) => parts.push(Part::Refusal(text.clone())),
        (Delta::Signature { family, text }, Some(Part::Thinking(thinking))) => {
            thinking.family = Some(*family);
            thinking.signature.get_or_insert_default().push_str(text);
        }
        (Delta::Signature { text, .. }, Some(Part::Text(Text { signature, .. }))) => {
            signature.get_or_insert_default().push_str(text);
        }
        (Delta::Signature { family, text }, _) => parts.push(Part::Thinking(Thinking {
            signature: Some(text.clone()),
            family: Some(*family),
            ..Thinking::default()
        })),
        (Delta::ToolCall { id, name, signature, custom, .. }, _) => parts.push(Part::ToolCall(ToolCall {
            id: id.clone(),
            name: name.clone(),
            signature: signature.clone(),
            custom: *custom,
            ..ToolCall::default()
        })),
        (Delta::Arguments { index, text }, _) => {
            let calls =
                parts.iter_mut().filter_map(|part| if let Part::ToolCall(call) = part { Some(call) } else { None });
            if let Some(call) = calls.into_iter().nth(*index as usize) {
                call.arguments.push_str(text);
            }
        }
        (Delta::Citation { family, value }, Some(Part::Text(text))) => text.citations.push((*family, value.clone())),
        (Delta::Citation { .. } | Delta::Logprobs(_), _) => {}
        (Delta::Part(part), _) => parts.push(part.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::model::{Family, Finish, FinishReason};
    use crate::wire::translation::events_of;
    use crate::wire::usage::Usage;

    #[test]
    fn what_is_taken_apart_is_put_together_again() {
        let thinking = Thinking {
            text: "hm".into(),
            signature: Some("sig".into()),
            family: Some(Family::Anthropic),
            ..Thinking::default()
        };
        let call = |id: &str| {
            Part::ToolCall(ToolCall {
                id: id.into(),
                name: "f".into(),
                arguments: format!("{{\"{id}\":1}}"),
                ..ToolCall::default()
            })
        };
        let choice = Choice {
            parts: vec![Part::Thinking(thinking), Part::text("a"), Part::text("b"), call("1"), call("2")],
            finish: Finish { reason: FinishReason::ToolCalls, ..Finish::default() },
            ..Choice::default()
        };
        let reply = Reply {
            id: Some("x".into()),
            choices: vec![choice],
            usage: Some(Usage::of_tokens(3, 4)),
            ..Reply::default()
        };
        let mut collector = Collector::default();
        events_of(reply.clone()).iter().for_each(|event| collector.event(event));
        assert_eq!(collector.into_reply(), reply);
    }
}
