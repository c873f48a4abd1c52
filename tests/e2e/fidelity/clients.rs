//! A conversation as each kind of client writes it, and an answer as each reads it.

use serde_json::{Value, json};

use super::facts::Fact;
use crate::support::{Request, Response};

/// A kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Chat,
    Messages,
    Gemini,
    Responses,
}

pub const CLIENTS: [Client; 4] = [Client::Chat, Client::Messages, Client::Gemini, Client::Responses];

impl Client {
    /// Whether the dialect has a place for the fact.
    pub fn can_say(self, fact: &Fact) -> bool {
        match fact {
            Fact::Cache => matches!(self, Client::Chat | Client::Messages),
            Fact::Thought { .. } => matches!(self, Client::Chat | Client::Messages),
            _ => true,
        }
    }

    /// The request, with one tool `weather`.
    pub fn request(self, model: &str, facts: &[Fact], schema: Option<&Value>, stream: bool) -> Request {
        match self {
            Client::Chat => chat(model, facts, schema, stream),
            Client::Messages => messages(model, facts, schema, stream),
            Client::Gemini => gemini(model, facts, schema, stream),
            Client::Responses => responses(model, facts, schema, stream),
        }
    }

    /// Whether a transcript has the mark that the dialect ends a whole answer with.
    pub fn looks_whole(self, transcript: &str) -> bool {
        let mark = match self {
            Client::Chat => "[DONE]",
            Client::Messages => "message_stop",
            Client::Gemini => "finishReason",
            Client::Responses => "response.completed",
        };
        transcript.contains(mark)
    }

    /// What an answer says, and its tokens: all input, all output.
    pub fn read(self, response: &Response) -> (Vec<Fact>, (u64, u64)) {
        let is_stream = response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        let data = |event: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix("data: "));
            line.and_then(|data| serde_json::from_str::<Value>(data).ok())
        };
        let values: Vec<Value> = match is_stream {
            true => response.text().replace("\r\n", "\n").split("\n\n").filter_map(data).collect(),
            false => vec![response.json()],
        };
        match (self, is_stream) {
            (Client::Chat, _) => read_chat(&values),
            (Client::Messages, false) => read_message(&values[0]),
            (Client::Messages, true) => read_message(&message_of(&values)),
            (Client::Gemini, _) => read_gemini(&values),
            (Client::Responses, _) => {
                let last = values.last().unwrap();
                read_response(if is_stream { &last["response"] } else { last })
            }
        }
    }
}

fn parameters() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

fn marked(mut part: Value, next: Option<&Fact>) -> Value {
    if next == Some(&Fact::Cache) {
        part["cache_control"] = json!({"type": "ephemeral"});
    }
    part
}

/// Appends a part to the last message if it is this role's, else to a new one.
fn push(turns: &mut Vec<Value>, role: &str, list: &str, part: Value) {
    match turns.last_mut().filter(|turn| turn["role"] == role && turn[list].is_array()) {
        Some(turn) => turn[list].as_array_mut().unwrap().push(part),
        None => turns.push(json!({"role": role, list: [part]})),
    }
}

fn chat(model: &str, facts: &[Fact], schema: Option<&Value>, stream: bool) -> Request {
    let mut turns = Vec::new();
    for (at, fact) in facts.iter().enumerate() {
        let next = facts.get(at + 1);
        let text = |text: &str| marked(json!({"type": "text", "text": text}), next);
        match fact {
            Fact::System(words) => turns.push(json!({"role": "system", "content": [text(words)]})),
            Fact::User(words) => push(&mut turns, "user", "content", text(words)),
            Fact::Image(data) => {
                let url = format!("data:image/png;base64,{data}");
                push(&mut turns, "user", "content", json!({"type": "image_url", "image_url": {"url": url}}));
            }
            Fact::Assistant(words) => match turns.last_mut().filter(|turn| turn["role"] == "assistant") {
                Some(turn) => turn["content"] = json!(words),
                None => turns.push(json!({"role": "assistant", "content": words})),
            },
            Fact::Thought { text, seal } => turns.push(json!({"role": "assistant", "content": null,
                "thinking_blocks": [{"type": "thinking", "thinking": text, "signature": seal}]})),
            Fact::Call { id, name, arguments } => {
                let function = json!({"name": name, "arguments": arguments.to_string()});
                let call = json!({"id": id, "type": "function", "function": function});
                match turns.last_mut().filter(|turn| turn["role"] == "assistant") {
                    Some(turn) if turn["tool_calls"].is_array() => {
                        turn["tool_calls"].as_array_mut().unwrap().push(call)
                    }
                    Some(turn) => turn["tool_calls"] = json!([call]),
                    None => turns.push(json!({"role": "assistant", "content": null, "tool_calls": [call]})),
                }
            }
            Fact::Result { id, text } => turns.push(json!({"role": "tool", "tool_call_id": id, "content": text})),
            Fact::Cache => {}
        }
    }
    let function = json!({"name": "weather", "description": "d", "parameters": parameters()});
    let mut body = json!({"model": model, "messages": turns, "tools": [{"type": "function", "function": function}]});
    if let Some(schema) = schema {
        body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": schema}});
    }
    if stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    Request::chat(&body)
}

fn messages(model: &str, facts: &[Fact], schema: Option<&Value>, stream: bool) -> Request {
    let (mut system, mut turns) = (Vec::new(), Vec::new());
    for (at, fact) in facts.iter().enumerate() {
        let part = |value: Value| marked(value, facts.get(at + 1));
        let (role, block) = match fact {
            Fact::System(text) => {
                system.push(part(json!({"type": "text", "text": text})));
                continue;
            }
            Fact::User(text) => ("user", json!({"type": "text", "text": text})),
            Fact::Assistant(text) => ("assistant", json!({"type": "text", "text": text})),
            Fact::Image(data) => {
                let source = json!({"type": "base64", "media_type": "image/png", "data": data});
                ("user", json!({"type": "image", "source": source}))
            }
            Fact::Call { id, name, arguments } => {
                ("assistant", json!({"type": "tool_use", "id": id, "name": name, "input": arguments}))
            }
            Fact::Result { id, text } => ("user", json!({"type": "tool_result", "tool_use_id": id, "content": text})),
            Fact::Thought { text, seal } => {
                ("assistant", json!({"type": "thinking", "thinking": text, "signature": seal}))
            }
            Fact::Cache => continue,
        };
        push(&mut turns, role, "content", part(block));
    }
    let tool = json!({"name": "weather", "description": "d", "input_schema": parameters()});
    let mut body = json!({"model": model, "max_tokens": 4096, "messages": turns, "tools": [tool], "stream": stream});
    if !system.is_empty() {
        body["system"] = json!(system);
    }
    if let Some(schema) = schema {
        body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema}});
    }
    Request::post("/v1/messages", &body)
}

fn gemini(model: &str, facts: &[Fact], schema: Option<&Value>, stream: bool) -> Request {
    let (mut system, mut turns) = (Vec::new(), Vec::new());
    for fact in facts {
        let (role, part) = match fact {
            Fact::System(text) => {
                system.push(json!({"text": text}));
                continue;
            }
            Fact::User(text) => ("user", json!({"text": text})),
            Fact::Assistant(text) => ("model", json!({"text": text})),
            Fact::Image(data) => ("user", json!({"inlineData": {"mimeType": "image/png", "data": data}})),
            Fact::Call { id, name, arguments } => {
                ("model", json!({"functionCall": {"id": id, "name": name, "args": arguments}}))
            }
            Fact::Result { id, text } => {
                let response = json!({"id": id, "name": "weather", "response": {"result": text}});
                ("user", json!({"functionResponse": response}))
            }
            Fact::Thought { .. } | Fact::Cache => continue,
        };
        push(&mut turns, role, "parts", part);
    }
    let function = json!({"name": "weather", "description": "d", "parameters": parameters()});
    let mut body = json!({"contents": turns, "tools": [{"functionDeclarations": [function]}]});
    if !system.is_empty() {
        body["systemInstruction"] = json!({"parts": system});
    }
    if let Some(schema) = schema {
        body["generationConfig"] = json!({"responseMimeType": "application/json", "responseJsonSchema": schema});
    }
    let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    Request::post(&format!("/v1beta/models/{model}:{method}"), &body)
}

fn responses(model: &str, facts: &[Fact], schema: Option<&Value>, stream: bool) -> Request {
    let mut items = Vec::new();
    for fact in facts {
        match fact {
            Fact::System(text) => {
                items.push(json!({"role": "system", "content": [{"type": "input_text", "text": text}]}))
            }
            Fact::User(text) => push(&mut items, "user", "content", json!({"type": "input_text", "text": text})),
            Fact::Image(data) => {
                let url = format!("data:image/png;base64,{data}");
                push(&mut items, "user", "content", json!({"type": "input_image", "image_url": url}));
            }
            Fact::Assistant(text) => {
                items.push(json!({"role": "assistant", "content": [{"type": "output_text", "text": text}]}));
            }
            Fact::Call { id, name, arguments } => items.push(
                json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments.to_string()}),
            ),
            Fact::Result { id, text } => {
                items.push(json!({"type": "function_call_output", "call_id": id, "output": text}));
            }
            Fact::Thought { .. } | Fact::Cache => {}
        }
    }
    let tool = json!({"type": "function", "name": "weather", "description": "d", "parameters": parameters(),
        "strict": false});
    let mut body = json!({"model": model, "input": items, "tools": [tool], "stream": stream});
    if let Some(schema) = schema {
        body["text"] = json!({"format": {"type": "json_schema", "name": "s", "schema": schema}});
    }
    Request::post("/v1/responses", &body)
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn parsed(arguments: &str) -> Value {
    serde_json::from_str(arguments).unwrap_or_else(|error| panic!("{error} in arguments {arguments:?}"))
}

/// A whole answer, or the chunks of one.
fn read_chat(values: &[Value]) -> (Vec<Fact>, (u64, u64)) {
    let (mut thought, mut words) = (String::new(), String::new());
    let mut calls: Vec<(String, String, String)> = Vec::new();
    let mut tokens = (0, 0);
    for value in values {
        let choice = &value["choices"][0];
        let message = if choice["message"].is_object() { &choice["message"] } else { &choice["delta"] };
        thought += &text_of(&message["reasoning_content"]);
        words += &text_of(&message["content"]);
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            if let Some(id) = call["id"].as_str() {
                calls.push((id.into(), text_of(&call["function"]["name"]), String::new()));
            }
            calls.last_mut().expect("a call begins with its id").2 += &text_of(&call["function"]["arguments"]);
        }
        if let Some(usage) = value["usage"].as_object() {
            tokens = (usage["prompt_tokens"].as_u64().unwrap(), usage["completion_tokens"].as_u64().unwrap());
        }
    }
    let calls = calls.into_iter().map(|(id, name, arguments)| Fact::call(&id, &name, parsed(&arguments)));
    (said(thought, words).into_iter().chain(calls).collect(), tokens)
}

fn said(thought: String, words: String) -> Vec<Fact> {
    let thought = (!thought.is_empty()).then(|| Fact::Thought { text: thought, seal: String::new() });
    thought.into_iter().chain((!words.is_empty()).then_some(Fact::Assistant(words))).collect()
}

fn read_message(message: &Value) -> (Vec<Fact>, (u64, u64)) {
    let facts = message["content"].as_array().into_iter().flatten().filter_map(|block| match block["type"].as_str() {
        Some("text") => Some(Fact::Assistant(text_of(&block["text"]))),
        Some("thinking") => Some(Fact::Thought { text: text_of(&block["thinking"]), seal: String::new() }),
        Some("tool_use") => Some(Fact::call(&text_of(&block["id"]), &text_of(&block["name"]), block["input"].clone())),
        _ => None,
    });
    let usage = &message["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let input = count("input_tokens") + count("cache_read_input_tokens") + count("cache_creation_input_tokens");
    (facts.collect(), (input, count("output_tokens")))
}

/// The message that a stream of events builds up.
fn message_of(events: &[Value]) -> Value {
    let mut message = json!({});
    let mut partial = String::new();
    for event in events {
        let at = usize::try_from(event["index"].as_u64().unwrap_or(0)).unwrap();
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                let blocks = message["content"].as_array_mut().expect("message_start comes first");
                assert_eq!(blocks.len(), at, "blocks are numbered in order");
                blocks.push(event["content_block"].clone());
                partial.clear();
            }
            "content_block_delta" => {
                let (block, delta) = (&mut message["content"][at], &event["delta"]);
                for name in ["text", "thinking", "signature"] {
                    if let Some(more) = delta[name].as_str() {
                        block[name] = json!(text_of(&block[name]) + more);
                    }
                }
                if let Some(more) = delta["partial_json"].as_str() {
                    partial += more;
                }
            }
            "content_block_stop" if !partial.is_empty() => message["content"][at]["input"] = parsed(&partial),
            "message_delta" => {
                for (name, count) in event["usage"].as_object().into_iter().flatten() {
                    message["usage"][name] = count.clone();
                }
            }
            _ => {}
        }
    }
    message
}

/// A whole answer, or the chunks of one.
fn read_gemini(values: &[Value]) -> (Vec<Fact>, (u64, u64)) {
    let (mut thought, mut words, mut calls, mut tokens) = (String::new(), String::new(), Vec::new(), (0, 0));
    for value in values {
        for part in value["candidates"][0]["content"]["parts"].as_array().into_iter().flatten() {
            if let Some(call) = part["functionCall"].as_object() {
                calls.push(Fact::call(
                    &text_of(&part["functionCall"]["id"]),
                    &text_of(&call["name"]),
                    call["args"].clone(),
                ));
            } else if part["thought"] == true {
                thought += &text_of(&part["text"]);
            } else {
                words += &text_of(&part["text"]);
            }
        }
        if value["usageMetadata"].is_object() {
            let count = |name: &str| value["usageMetadata"][name].as_u64().unwrap_or(0);
            tokens = (count("promptTokenCount"), count("candidatesTokenCount") + count("thoughtsTokenCount"));
        }
    }
    (said(thought, words).into_iter().chain(calls).collect(), tokens)
}

fn read_response(response: &Value) -> (Vec<Fact>, (u64, u64)) {
    let mut facts = Vec::new();
    for item in response["output"].as_array().into_iter().flatten() {
        match item["type"].as_str().unwrap_or_default() {
            "reasoning" => {
                facts.push(Fact::Thought { text: text_of(&item["summary"][0]["text"]), seal: String::new() })
            }
            "message" => facts.push(Fact::Assistant(text_of(&item["content"][0]["text"]))),
            "function_call" => {
                let arguments = parsed(item["arguments"].as_str().unwrap());
                facts.push(Fact::call(&text_of(&item["call_id"]), &text_of(&item["name"]), arguments));
            }
            _ => {}
        }
    }
    let count = |name: &str| response["usage"][name].as_u64().unwrap_or(0);
    (facts, (count("input_tokens"), count("output_tokens")))
}
