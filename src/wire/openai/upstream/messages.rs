//! Edits inside of `messages`, for providers that are stricter than OpenAI. Messages are looked into only where a quirk
//! asks for it and its trace was seen.

use std::borrow::Cow;

use super::Quirks;
use crate::wire::block;
use crate::wire::escape::quote;
use crate::wire::peek::{Member, Object, ValueKind, objects_at};
use crate::wire::splice::Splice;

/// How long a short id of a tool call is.
const SHORT_ID: usize = 9;
const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Edits the messages that the member `messages` holds.
pub(super) fn edit(object: &Object<'_>, messages: &Member, quirks: &Quirks, splice: &mut Splice) {
    if messages.kind != ValueKind::Array {
        return;
    }
    let raw = object.raw(messages);
    let holds = |word: &str| block::holds(raw, word);
    let work = Work {
        nulls: quirks.no_null_content && messages.holds_null,
        names: quirks.named_roles.filter(|_| holds("\"name\"")),
        roles: if quirks.roles.iter().any(|(role, _)| holds(role)) { quirks.roles } else { &[] },
        ids: quirks.short_tool_ids && holds("\"tool_call"),
        flat: quirks.flat_content,
        thoughts: if quirks.foreign_thoughts.iter().any(|name| holds(name)) { quirks.foreign_thoughts } else { &[] },
    };
    if !(work.nulls
        || work.names.is_some()
        || !work.roles.is_empty()
        || work.ids
        || work.flat
        || !work.thoughts.is_empty())
    {
        return;
    }
    for message in objects_at(object.body(), messages.value.start) {
        work.edit(&message, splice);
    }
}

/// What is to be done with each message.
struct Work {
    nulls: bool,
    names: Option<&'static [&'static str]>,
    roles: &'static [(&'static str, &'static str)],
    ids: bool,
    flat: bool,
    thoughts: &'static [&'static str],
}

impl Work {
    fn edit(&self, message: &Object<'_>, splice: &mut Splice) {
        let role = message.as_str("role").unwrap_or_default();
        let goes = |member: &Member| match member.name(message.body()) {
            b"content" => self.nulls && member.kind == ValueKind::Null && role == "assistant",
            b"name" => self.names.is_some_and(|roles| !roles.contains(&role.as_ref())),
            name => self.thoughts.iter().any(|thought| thought.as_bytes() == name),
        };
        if message.members().iter().any(goes) {
            splice.edit_members(message, goes, Vec::new());
        }
        if let Some((_, theirs)) = self.roles.iter().find(|(ours, _)| *ours == role)
            && let Some(member) = message.get("role")
        {
            splice.replace(member.value.clone(), quote(theirs));
        }
        if self.flat {
            flatten(message, splice);
        }
        if self.ids {
            shorten(message, "tool_call_id", splice);
            let calls = message.get("tool_calls").filter(|member| member.kind == ValueKind::Array);
            for call in calls.into_iter().flat_map(|member| objects_at(message.body(), member.value.start)) {
                shorten(&call, "id", splice);
            }
        }
    }
}

/// A part of a `content` list.
#[derive(serde::Deserialize)]
struct Part<'a> {
    r#type: &'a str,
    #[serde(default)]
    text: Option<Cow<'a, str>>,
}

/// Lists that hold anything but texts stay as they are: an image has no text form.
fn flatten(message: &Object<'_>, splice: &mut Splice) {
    let Some(content) = message.get("content").filter(|member| member.kind == ValueKind::Array) else { return };
    let Ok(parts) = serde_json::from_slice::<Vec<Part<'_>>>(message.raw(content)) else { return };
    let texts: Option<Vec<_>> = parts.into_iter().map(|part| part.text.filter(|_| part.r#type == "text")).collect();
    if let Some(texts) = texts {
        splice.replace(content.value.clone(), quote(&texts.concat()));
    }
}

/// Puts a short id in the place of another. It follows from the other alone, so that a call and its result agree, in
/// this request and in later ones; the provider's own ids are short already.
fn shorten(object: &Object<'_>, name: &str, splice: &mut Splice) {
    let Some(id) = object.as_str(name) else { return };
    if id.len() == SHORT_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return;
    }
    if let Some(member) = object.get(name) {
        splice.replace(member.value.clone(), quote(&short_id(&id)));
    }
}

/// Nine letters and digits that follow from a text: FNV-1a in base 62.
fn short_id(id: &str) -> String {
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of FNV are the weak ones.
    let mut rest = hash ^ (hash >> 32);
    let digits = std::iter::repeat_with(|| {
        let digit = ALPHANUMERIC.get((rest % 62) as usize).copied().unwrap_or(b'0');
        rest /= 62;
        char::from(digit)
    });
    digits.take(SHORT_ID).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::upstream;
    use super::*;

    fn check(quirks: Quirks, messages: &str, expected: &str) {
        let body = |messages: &str| format!(r#"{{"model":"up","messages":{messages}}}"#);
        assert_eq!(upstream(&body(messages), |rules| rules.quirks = quirks), body(expected), "{quirks:?}");
    }

    #[test]
    fn lists_of_texts_become_text() {
        let flat = Quirks { flat_content: true, ..Quirks::default() };
        let of = |content: &str| format!(r#"[{{"role":"user","content":{content}}}]"#);
        check(flat, &of(r#"[{"type":"text","text":"a\"b"},{"type":"text","text":" c"}]"#), &of(r#""a\"b c""#));
        let image = of(r#"[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]"#);
        check(flat, &image, &image);
        check(flat, &of("\"plain\""), &of("\"plain\""));
    }

    #[test]
    fn names_stand_only_where_they_may() {
        let quirks = Quirks { named_roles: Some(&["tool"]), no_null_content: true, ..Quirks::default() };
        check(
            quirks,
            r#"[{"role":"user","name":"n","content":"c"},{"name":"n","role":"assistant","content":null},{"role":"tool","name":"n"}]"#,
            r#"[{"role":"user","content":"c"},{"role":"assistant"},{"role":"tool","name":"n"}]"#,
        );
        let untouched = r#"[{"role":"user","name":"n"}]"#;
        check(Quirks::default(), untouched, untouched);
    }

    #[test]
    fn roles_are_renamed() {
        let quirks = Quirks { roles: &[("developer", "system")], ..Quirks::default() };
        check(
            quirks,
            r#"[{"role":"developer","content":"developer"},{"role":"user"},{"role":null}]"#,
            r#"[{"role":"system","content":"developer"},{"role":"user"},{"role":null}]"#,
        );
    }

    #[test]
    fn ids_are_short_and_agree() {
        let quirks = Quirks { short_tool_ids: true, flat_content: true, ..Quirks::default() };
        let long = "call_0123456789abcdef";
        let of = |id: &str| {
            format!(
                r#"[{{"role":"assistant","tool_calls":[{{"id":"{id}","function":{{"name":"f","arguments":"{{}}"}}}}]}},
                    {{"role":"tool","tool_call_id":"{id}","content":"x"}}]"#
            )
        };
        check(quirks, &of(long), &of(&short_id(long)));
        check(quirks, &of("abcDEF123"), &of("abcDEF123"));
        check(Quirks::default(), &of(long), &of(long));
        let ids: std::collections::HashSet<_> = (0..10_000).map(|n| short_id(&format!("call_{n}"))).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
