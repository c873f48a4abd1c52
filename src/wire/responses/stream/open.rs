//! Items that a client is being told of, and the events that tell of them.
//!
//! The prefix of an item's delta is made once, when the item begins: a delta costs a copy, a quoting and a number.

use serde_json::{Value, json};

use super::super::answer::Status;
use super::super::output;
use super::super::output::json as as_json;
use super::super::types::ContentPart;
use crate::wire::escape::quote;
use crate::wire::model::{Family, Json, Thinking, ToolCall};

/// Where events go, and their number.
#[derive(Debug, Default)]
pub struct Events {
    pub sequence: u64,
}

impl Events {
    /// Writes an event: its members, its number at the end.
    pub fn write(&mut self, event: &Value, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        if serde_json::to_writer(&mut *out, event).is_ok() {
            out.pop();
        }
        self.number(out);
    }

    /// Writes an event of prepared bytes: `head`, a string, a number. `tail` stands behind the string.
    #[inline]
    fn delta(&mut self, head: &[u8], text: &str, tail: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(head);
        // Writing to memory does not fail, and a string always serialises.
        let _ = serde_json::to_writer(&mut *out, text);
        out.extend_from_slice(tail);
        self.number(out);
    }

    fn number(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"sequence_number\":");
        let _ = serde_json::to_writer(&mut *out, &self.sequence);
        out.extend_from_slice(b"}\n\n");
        self.sequence += 1;
    }

    fn item(&mut self, word: &str, at: usize, item: &Json, out: &mut Vec<u8>) {
        let head = format!("data: {{\"type\":\"response.output_item.{word}\",\"output_index\":{at},\"item\":");
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(item.text().as_bytes());
        self.number(out);
    }

    /// An event with the whole answer, as JSON.
    pub fn object(&mut self, event: &str, response: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(format!("data: {{\"type\":\"{event}\",\"response\":").as_bytes());
        out.extend_from_slice(response);
        self.number(out);
    }

    /// An item that comes whole.
    pub fn whole(&mut self, at: usize, item: &Json, out: &mut Vec<u8>) {
        self.item("added", at, item, out);
        self.item("done", at, item, out);
    }
}

fn delta_head(event: &str, id: &str, at: usize, index: &str) -> Vec<u8> {
    let head = format!("data: {{\"type\":\"{event}\",\"item_id\":");
    let rest = format!(",\"output_index\":{at}{index},\"delta\":");
    [head.as_bytes(), &quote(id), rest.as_bytes()].concat()
}

/// A message that is being written.
#[derive(Debug)]
pub struct Message {
    id: String,
    at: usize,
    content: Vec<ContentPart>,
    part: Option<OpenPart>,
}

#[derive(Debug)]
struct OpenPart {
    refusal: bool,
    head: Vec<u8>,
    text: String,
    annotations: Vec<Json>,
    logprobs: Vec<Json>,
}

impl Message {
    pub fn begin(id: String, at: usize, events: &mut Events, out: &mut Vec<u8>) -> Self {
        let item = as_json(&output::message(id.clone(), Status::InProgress, Vec::new()));
        events.item("added", at, &item, out);
        Self { id, at, content: Vec::new(), part: None }
    }

    /// The next words.
    pub fn words(&mut self, text: &str, refusal: bool, events: &mut Events, out: &mut Vec<u8>) {
        if self.part.as_ref().is_some_and(|part| part.refusal != refusal) {
            self.end_part(events, out);
        }
        let part = match self.part.take() {
            Some(part) => part,
            None => self.begin_part(refusal, events, out),
        };
        let part = self.part.insert(part);
        part.text.push_str(text);
        let tail: &[u8] = if refusal { b"" } else { b",\"logprobs\":[]" };
        events.delta(&part.head, text, tail, out);
    }

    fn begin_part(&self, refusal: bool, events: &mut Events, out: &mut Vec<u8>) -> OpenPart {
        let index = self.content.len();
        let (event, part) = match refusal {
            true => ("response.refusal.delta", output::refusal_part(String::new())),
            false => ("response.output_text.delta", output::output_text(String::new(), Vec::new())),
        };
        events.write(&self.event("response.content_part.added", index, "part", &json!(part)), out);
        let head = delta_head(event, &self.id, self.at, &format!(",\"content_index\":{index}"));
        OpenPart { refusal, head, text: String::new(), annotations: Vec::new(), logprobs: Vec::new() }
    }

    fn event(&self, kind: &str, index: usize, name: &str, value: &Value) -> Value {
        let mut event = json!({
            "type": kind, "item_id": self.id, "output_index": self.at, "content_index": index,
        });
        if let Some(event) = event.as_object_mut() {
            event.insert(name.to_owned(), value.clone());
        }
        event
    }

    /// A source of the words that are being written.
    pub fn cite(&mut self, family: Family, citation: &Json, events: &mut Events, out: &mut Vec<u8>) {
        let index = self.content.len();
        let Some(part) = &mut self.part else { return };
        let Some(annotation) = output::annotation(family, citation, part.text.chars().count()) else { return };
        let (number, value) = (part.annotations.len(), annotation.value());
        part.annotations.push(annotation);
        let mut event = self.event("response.output_text.annotation.added", index, "annotation", &value);
        if let Some(event) = event.as_object_mut() {
            event.insert("annotation_index".to_owned(), number.into());
        }
        events.write(&event, out);
    }

    /// Probabilities of the words that are being written.
    pub fn logprobs(&mut self, logprobs: &Json) {
        let list = output::logprobs_content(logprobs).and_then(|list| serde_json::from_str(list.text()).ok());
        if let (Some(part), Some(list)) = (&mut self.part, list) {
            part.logprobs.extend::<Vec<Json>>(list);
        }
    }

    pub fn end_part(&mut self, events: &mut Events, out: &mut Vec<u8>) {
        let Some(open) = self.part.take() else { return };
        let index = self.content.len();
        let part = match open.refusal {
            true => output::refusal_part(open.text),
            false => output::output_text(open.text, open.annotations),
        };
        let logprobs = (!open.logprobs.is_empty()).then(|| as_json(&open.logprobs));
        let part = ContentPart { logprobs, ..part };
        let mut done = match (&part.text, &part.refusal) {
            (Some(text), _) => self.event("response.output_text.done", index, "text", &json!(text)),
            (None, refusal) => self.event("response.refusal.done", index, "refusal", &json!(refusal)),
        };
        if let Some(done) = done.as_object_mut().filter(|_| !open.refusal) {
            done.insert("logprobs".to_owned(), part.logprobs.as_ref().map_or_else(|| json!([]), Json::value));
        }
        events.write(&done, out);
        events.write(&self.event("response.content_part.done", index, "part", &json!(part)), out);
        self.content.push(part);
    }

    /// The finished item and its place.
    pub fn end(mut self, status: Status, events: &mut Events, out: &mut Vec<u8>) -> (usize, Json) {
        self.end_part(events, out);
        let item = as_json(&output::message(self.id, status, self.content));
        events.item("done", self.at, &item, out);
        (self.at, item)
    }
}

/// A thought that is being written.
#[derive(Debug)]
pub struct Thought {
    id: String,
    at: usize,
    head: Vec<u8>,
    /// What has come of it; the words become events at once, the seal at the end.
    pub so_far: Thinking,
}

impl Thought {
    pub fn begin(id: String, at: usize, events: &mut Events, out: &mut Vec<u8>) -> Self {
        let so_far = Thinking::default();
        events.item("added", at, &as_json(&output::reasoning(&so_far, id.clone())), out);
        let head = delta_head("response.reasoning_summary_text.delta", &id, at, ",\"summary_index\":0");
        Self { id, at, head, so_far }
    }

    pub fn words(&mut self, text: &str, events: &mut Events, out: &mut Vec<u8>) {
        if self.so_far.text.is_empty() {
            let part = json!({"type": "summary_text", "text": ""});
            events.write(&self.event("response.reasoning_summary_part.added", "part", part), out);
        }
        self.so_far.text.push_str(text);
        events.delta(&self.head, text, b"", out);
    }

    fn event(&self, kind: &str, name: &str, value: Value) -> Value {
        let mut event = json!({"type": kind, "item_id": self.id, "output_index": self.at, "summary_index": 0});
        if let Some(event) = event.as_object_mut() {
            event.insert(name.to_owned(), value);
        }
        event
    }

    /// The finished item and its place.
    pub fn end(self, events: &mut Events, out: &mut Vec<u8>) -> (usize, Json) {
        let text = &self.so_far.text;
        if !text.is_empty() {
            events.write(&self.event("response.reasoning_summary_text.done", "text", json!(text)), out);
            let part = json!({"type": "summary_text", "text": text});
            events.write(&self.event("response.reasoning_summary_part.done", "part", part), out);
        }
        let item = as_json(&output::reasoning(&self.so_far, self.id));
        events.item("done", self.at, &item, out);
        (self.at, item)
    }
}

/// A call that is being written.
#[derive(Debug)]
pub struct Call {
    /// Its number in the superset.
    pub index: u32,
    id: String,
    at: usize,
    head: Vec<u8>,
    custom: bool,
    call: ToolCall,
}

impl Call {
    /// `custom`: the client knows the tool as a custom one.
    pub fn begin(
        index: u32,
        call: ToolCall,
        id: String,
        at: usize,
        custom: bool,
        events: &mut Events,
        out: &mut Vec<u8>,
    ) -> Self {
        let mut item = output::call(&call, id.clone(), Status::InProgress, custom);
        item.arguments = item.arguments.map(|_| String::new());
        events.item("added", at, &as_json(&item), out);
        let event = match custom {
            true => "response.custom_tool_call_input.delta",
            false => "response.function_call_arguments.delta",
        };
        let head = delta_head(event, &id, at, "");
        Self { index, id, at, head, custom, call }
    }

    /// The next piece of the arguments. Those that are a wrapped text can be told only when they are whole.
    pub fn arguments(&mut self, text: &str, events: &mut Events, out: &mut Vec<u8>) {
        self.call.arguments.push_str(text);
        if self.custom == self.call.custom && !text.is_empty() {
            events.delta(&self.head, text, b"", out);
        }
    }

    /// The finished item and its place.
    pub fn end(self, status: Status, events: &mut Events, out: &mut Vec<u8>) -> (usize, Json) {
        let item = output::call(&self.call, self.id, status, self.custom);
        let (event, name, whole) = match (&item.input, &item.arguments) {
            (Some(input), _) => ("response.custom_tool_call_input.done", "input", input.as_str()),
            (None, arguments) => {
                ("response.function_call_arguments.done", "arguments", arguments.as_deref().unwrap_or_default())
            }
        };
        let untold = self.custom != self.call.custom || self.call.arguments.is_empty();
        if untold && !whole.is_empty() {
            events.delta(&self.head, whole, b"", out);
        }
        let mut done = json!({"type": event, "item_id": item.id, "output_index": self.at});
        if let Some(done) = done.as_object_mut() {
            done.insert(name.to_owned(), whole.into());
            done.insert("name".to_owned(), self.call.name.clone().into());
        }
        events.write(&done, out);
        let item = as_json(&item);
        events.item("done", self.at, &item, out);
        (self.at, item)
    }
}
