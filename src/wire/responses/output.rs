//! Parts of an answer as a client's output items
//! (<https://platform.openai.com/docs/api-reference/responses/object#responses-object-output>).

use serde::Serialize;
use serde_json::{Value, json};

use super::answer::Status;
use super::bridge::{CustomTools, unwrapped};
use super::types::{CallItem, ContentPart, ImageItem, MessageItem, ReasoningItem, TextOr, Word, Words};
use crate::wire::codec::Ids;
use crate::wire::model::{Family, Json, Media, MediaKind, Part, Source, Text, Thinking, ToolCall};

/// Ids of items: the first is the answer's own.
#[derive(Clone, Copy, Debug)]
pub struct ItemIds {
    ids: Ids,
    next: u32,
}

impl ItemIds {
    /// For one answer.
    pub fn new(ids: Ids) -> Self {
        Self { ids, next: 0 }
    }

    /// The next id of this kind of item.
    pub fn next(&mut self, prefix: &str) -> String {
        self.next = self.next.saturating_add(1);
        [prefix, &self.ids.uuid(self.next)].concat()
    }
}

/// An item as JSON.
pub fn json(item: &impl Serialize) -> Json {
    Json::of(item).unwrap_or_else(Json::empty_object)
}

/// The items of an answer's parts; what stands next to each other in one message is one item.
pub fn items(parts: Vec<Part>, status: Status, ids: Ids, custom: &CustomTools, logprobs: Option<Json>) -> Vec<Json> {
    let mut ids = ItemIds::new(ids);
    let mut items = Vec::new();
    let mut content: Vec<ContentPart> = Vec::new();
    let mut logprobs = logprobs.and_then(|logprobs| logprobs_content(&logprobs));
    let last = parts.len().saturating_sub(1);
    for (at, part) in parts.into_iter().enumerate() {
        let status = if at == last { status } else { Status::Completed };
        match part {
            Part::Text(text) if text.text.is_empty() && text.citations.is_empty() => {}
            Part::Text(text) => content.push(ContentPart { logprobs: logprobs.take(), ..text_part(text) }),
            Part::Refusal(refusal) => content.push(refusal_part(refusal)),
            part => {
                close(&mut content, Status::Completed, &mut ids, &mut items);
                items.extend(item(part, status, &mut ids, custom));
            }
        }
    }
    close(&mut content, status, &mut ids, &mut items);
    items
}

fn close(content: &mut Vec<ContentPart>, status: Status, ids: &mut ItemIds, items: &mut Vec<Json>) {
    if !content.is_empty() {
        items.push(json(&message(ids.next("msg_"), status, std::mem::take(content))));
    }
}

/// A message of the model.
pub fn message(id: String, status: Status, content: Vec<ContentPart>) -> MessageItem {
    let content = Some(TextOr::List(content));
    let (kind, role) = ("message".into(), "assistant".into());
    MessageItem { kind, id: Some(id), status: Some(status.word().into()), role, content }
}

/// A part that is an item of its own. `None`: the dialect has no word for it.
pub fn item(part: Part, status: Status, ids: &mut ItemIds, custom: &CustomTools) -> Option<Json> {
    match part {
        Part::ToolCall(call) => {
            let id = call.item_id.clone().unwrap_or_else(|| ids.next("fc_"));
            let custom = call.custom || custom.holds(&call.name);
            Some(json(&self::call(&call, id, status, custom)))
        }
        Part::Thinking(thinking) => {
            let own = thinking.id.clone().filter(|_| thinking.family == Some(Family::OpenAi));
            Some(json(&reasoning(&thinking, own.unwrap_or_else(|| ids.next("rs_")))))
        }
        Part::Native { family: Family::OpenAi, value } => Some(value),
        Part::Media(Media { kind: MediaKind::Image, source: Source::Base64(data), .. }) => Some(json(&ImageItem {
            kind: "image_generation_call",
            id: ids.next("ig_"),
            status: status.word(),
            result: &data,
        })),
        _ => None,
    }
}

/// A call. `custom`: of a custom tool, wrapped or not.
pub fn call(call: &ToolCall, id: String, status: Status, custom: bool) -> CallItem {
    let mut item = CallItem {
        kind: if custom { "custom_tool_call" } else { "function_call" }.into(),
        id: Some(id),
        call_id: call.id_with_signature(),
        name: call.name.clone(),
        status: Some(status.word().into()),
        ..CallItem::default()
    };
    match custom {
        true if call.custom => item.input = Some(call.arguments.clone()),
        true => item.input = Some(unwrapped(&call.arguments).into_owned()),
        false => item.arguments = Some(arguments(&call.arguments).to_owned()),
    }
    item
}

/// Arguments as a client may parse them: "none" is an object too.
pub fn arguments(arguments: &str) -> &str {
    if arguments.trim().is_empty() { "{}" } else { arguments }
}

/// A thought with its seal, whoever made it.
pub fn reasoning(thinking: &Thinking, id: String) -> ReasoningItem {
    let words = Words { kind: "summary_text".into(), text: thinking.text.clone() };
    ReasoningItem {
        kind: "reasoning".into(),
        id: Some(id),
        summary: Some(if thinking.text.is_empty() { Vec::new() } else { vec![words] }),
        encrypted_content: thinking.seal_for(Family::OpenAi),
        ..ReasoningItem::default()
    }
}

/// Words with their sources.
pub fn text_part(text: Text) -> ContentPart {
    let length = text.text.chars().count();
    let annotations = text.citations.iter().filter_map(|(family, json)| annotation(*family, json, length)).collect();
    output_text(text.text, annotations)
}

/// `output_text`
pub fn output_text(text: String, annotations: Vec<Json>) -> ContentPart {
    ContentPart {
        kind: Word::from("output_text"),
        text: Some(text),
        annotations: Some(annotations),
        ..ContentPart::default()
    }
}

/// `refusal`
pub fn refusal_part(refusal: String) -> ContentPart {
    ContentPart { kind: Word::from("refusal"), refusal: Some(refusal), ..ContentPart::default() }
}

/// A source as `url_citation`; others' have no counterpart unless they name a page. `length`: of the words that it stands
/// for, in characters.
pub fn annotation(family: Family, citation: &Json, length: usize) -> Option<Json> {
    let value = citation.value();
    if family == Family::OpenAi {
        // Chat completions has the same one level deeper.
        let Some(inner) = value.get("url_citation").and_then(Value::as_object) else { return Some(citation.clone()) };
        let mut flat = inner.clone();
        flat.insert("type".to_owned(), "url_citation".into());
        return Json::of(&flat);
    }
    let url = value.get("url").or_else(|| value.get("uri"))?.as_str()?;
    let title = value.get("title").and_then(Value::as_str).unwrap_or_default();
    Json::of(&json!({"type": "url_citation", "url": url, "title": title, "start_index": 0, "end_index": length}))
}

/// The list inside of chat completions' `logprobs`, which is what a part has here.
pub fn logprobs_content(logprobs: &Json) -> Option<Json> {
    #[derive(serde::Deserialize)]
    struct Logprobs {
        #[serde(default)]
        content: Option<Json>,
    }

    super::items::parse::<Logprobs>(logprobs).ok()?.content.filter(|content| content.text().starts_with('['))
}
