//! The conversation so far, for providers who keep none: `previous_response_id` means "go on from there", and whoever
//! cannot be told so gets all that was said (<https://platform.openai.com/docs/guides/conversation-state>).

use crate::wire::model::{ChatRequest, Message, Part, Reply, Role};
use crate::wire::openai::request::Request;

/// What the next turn begins with: what was sent, and what was answered. Thoughts keep their seals, calls their ids.
/// `previous` is what [`turns`] leaves of the request that was answered.
pub fn history(previous: &[Message], reply: &Reply) -> Vec<Message> {
    let answered = |part: &&Part| !matches!(part, Part::Text(text) if text.text.is_empty());
    let parts: Vec<Part> =
        reply.choices.first().into_iter().flat_map(|choice| &choice.parts).filter(answered).cloned().collect();
    let answer = (!parts.is_empty()).then(|| Message::new(Role::Assistant, parts));
    previous.iter().cloned().chain(answer).collect()
}

/// Whether the request has `instructions`, and so its first message is them.
pub fn is_instructed(request: &Request) -> bool {
    let object = request.object();
    object.get("instructions").is_some_and(|member| !matches!(object.raw(member), b"null" | b"\"\""))
}

/// The messages without the request's `instructions`, which hold for one request only. `instructed`: as
/// [`is_instructed`] says.
pub fn turns(messages: &[Message], instructed: bool) -> &[Message] {
    match messages.split_first() {
        Some((first, rest)) if instructed && first.role == Role::System => rest,
        _ => messages,
    }
}

/// Puts the history before what the client says now, behind the instructions of now.
pub fn continue_from(request: &mut ChatRequest, history: Vec<Message>, instructed: bool) {
    let now = turns(&request.messages, instructed).len();
    let at = request.messages.len() - now;
    request.messages.splice(at..at, history);
    request.previous_response_id = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::model::{Choice, Family, Thinking, ToolCall};

    #[test]
    fn the_next_turn_knows_the_last() {
        let thought = Part::Thinking(Thinking {
            signature: Some("EqQB".into()),
            family: Some(Family::Anthropic),
            ..Thinking::default()
        });
        let call = Part::ToolCall(ToolCall { id: "call_1".into(), name: "f".into(), ..ToolCall::default() });
        let parts = vec![thought, Part::text(""), call];
        let reply = Reply { choices: vec![Choice { parts, ..Choice::default() }], ..Reply::default() };
        let asked = [Message::text(Role::System, "old"), Message::text(Role::User, "hi")];
        let mut next = ChatRequest {
            messages: vec![Message::text(Role::System, "new"), Message::text(Role::User, "more")],
            previous_response_id: Some("resp_1".into()),
            ..ChatRequest::default()
        };
        continue_from(&mut next, history(turns(&asked, true), &reply), true);
        let roles: Vec<Role> = next.messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
        assert_eq!(next.messages[0].as_plain_text(), Some("new"));
        assert_eq!(next.messages[2].parts.len(), 2);
        assert_eq!(next.previous_response_id, None);
        assert_eq!(turns(&asked[1..], true).len(), 1, "no instructions to take away");
        assert_eq!(history(&asked, &Reply::default()).len(), 2);
    }
}
