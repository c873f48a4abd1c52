//! What reached a provider, read from its own dialect.

use serde_json::{Value, json};

use super::facts::Fact;
use crate::support::Received;

/// The facts of a request, by the dialect of its path.
pub fn read(request: &Received) -> Vec<Fact> {
    let body = request.json();
    let path = request.path.as_str();
    let mut facts = Vec::new();
    if path.contains("/chat/completions") || path.contains("/v2/chat") || path.contains("/api/chat") {
        list(&body["messages"]).for_each(|message| chat(message, &mut facts));
    } else if path.contains("/responses") {
        // One text in this dialect, a line for each instruction.
        let lines = body["instructions"].as_str().into_iter().flat_map(str::lines);
        facts.extend(lines.map(|line| Fact::System(line.into())));
        list(&body["input"]).for_each(|item| response_item(item, &mut facts));
    } else if path.contains("/v1/messages") || path.contains("/invoke") {
        blocks(&body["system"], &mut facts, &Fact::System, &anthropic);
        for message in list(&body["messages"]) {
            blocks(&message["content"], &mut facts, speaker(message), &anthropic);
        }
    } else if path.contains("/converse") {
        blocks(&body["system"], &mut facts, &Fact::System, &converse);
        for message in list(&body["messages"]) {
            blocks(&message["content"], &mut facts, speaker(message), &converse);
        }
    } else if path.contains("enerateContent") {
        let body = camel(body);
        blocks(&body["systemInstruction"]["parts"], &mut facts, &Fact::System, &gemini);
        for content in list(&body["contents"]) {
            blocks(&content["parts"], &mut facts, speaker(content), &gemini);
        }
    }
    facts
}

/// Who says a text.
type Speaker = dyn Fn(String) -> Fact;

fn speaker(message: &Value) -> &'static Speaker {
    match message["role"].as_str() {
        Some("assistant" | "model") => &Fact::Assistant,
        _ => &Fact::User,
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A string, or a list of blocks.
fn blocks(content: &Value, facts: &mut Vec<Fact>, speaker: &Speaker, block: &dyn Fn(&Value, &mut Vec<Fact>, &Speaker)) {
    match content {
        Value::String(text) => facts.push(speaker(text.clone())),
        content => list(content).for_each(|part| block(part, facts, speaker)),
    }
}

/// A result's text, whatever it is wrapped in.
fn flat(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        content => list(content).map(|part| text_of(&part["text"])).collect(),
    }
}

/// OpenAI's, Cohere's and Ollama's messages.
fn chat(message: &Value, facts: &mut Vec<Fact>) {
    let role = message["role"].as_str().unwrap_or_default();
    if role == "tool" {
        facts.push(Fact::result(&text_of(&message["tool_call_id"]), &flat(&message["content"])));
        return;
    }
    let say: &Speaker = match role {
        "system" | "developer" => &Fact::System,
        "assistant" => &Fact::Assistant,
        _ => &Fact::User,
    };
    let part = |part: &Value, facts: &mut Vec<Fact>, say: &Speaker| match part["type"].as_str() {
        Some("image_url") => {
            let url = text_of(&part["image_url"]["url"]);
            facts.push(Fact::Image(url.rsplit(',').next().unwrap_or_default().into()));
        }
        _ => facts.push(say(text_of(&part["text"]))),
    };
    let is_empty = message["content"] == "" && role == "assistant";
    let mut images = list(&message["images"]).map(|image| Fact::Image(text_of(image))).peekable();
    if images.peek().is_some() {
        // Ollama's dialect: one text, a line for each the client said, and images that have no place among them.
        let mut lines = message["content"].as_str().unwrap_or_default().lines().map(|line| say(line.into()));
        facts.extend(lines.next());
        facts.extend(images);
        facts.extend(lines);
    } else if !is_empty {
        blocks(&message["content"], facts, say, &part);
    }
    for call in list(&message["tool_calls"]) {
        let arguments = match &call["function"]["arguments"] {
            Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            arguments => arguments.clone(),
        };
        facts.push(Fact::call(&text_of(&call["id"]), &text_of(&call["function"]["name"]), arguments));
    }
}

fn response_item(item: &Value, facts: &mut Vec<Fact>) {
    let say: &Speaker = match item["role"].as_str() {
        Some("system" | "developer") => &Fact::System,
        Some("assistant") => &Fact::Assistant,
        _ => &Fact::User,
    };
    match item["type"].as_str().unwrap_or("message") {
        "function_call" => {
            let arguments = serde_json::from_str(item["arguments"].as_str().unwrap()).unwrap();
            facts.push(Fact::call(&text_of(&item["call_id"]), &text_of(&item["name"]), arguments));
        }
        "function_call_output" => facts.push(Fact::result(&text_of(&item["call_id"]), &flat(&item["output"]))),
        "message" => blocks(&item["content"], facts, say, &|part, facts, say| match part["type"].as_str() {
            Some("input_image") => {
                let url = text_of(&part["image_url"]);
                facts.push(Fact::Image(url.rsplit(',').next().unwrap_or_default().into()));
            }
            _ => facts.push(say(text_of(&part["text"]))),
        }),
        _ => {}
    }
}

fn anthropic(block: &Value, facts: &mut Vec<Fact>, say: &Speaker) {
    facts.push(match block["type"].as_str().unwrap_or_default() {
        "image" => Fact::Image(text_of(&block["source"]["data"])),
        "tool_use" => Fact::call(&text_of(&block["id"]), &text_of(&block["name"]), block["input"].clone()),
        "tool_result" => Fact::result(&text_of(&block["tool_use_id"]), &flat(&block["content"])),
        "thinking" => Fact::Thought { text: text_of(&block["thinking"]), seal: text_of(&block["signature"]) },
        _ => say(text_of(&block["text"])),
    });
    if block["cache_control"].is_object() {
        facts.push(Fact::Cache);
    }
}

fn converse(block: &Value, facts: &mut Vec<Fact>, say: &Speaker) {
    let (kind, value) = block.as_object().and_then(|block| block.iter().next()).expect("a block has one member");
    facts.push(match kind.as_str() {
        "image" => Fact::Image(text_of(&value["source"]["bytes"])),
        "toolUse" => Fact::call(&text_of(&value["toolUseId"]), &text_of(&value["name"]), value["input"].clone()),
        "toolResult" => Fact::result(&text_of(&value["toolUseId"]), &flat(&value["content"])),
        "reasoningContent" => {
            let thought = &value["reasoningText"];
            Fact::Thought { text: text_of(&thought["text"]), seal: text_of(&thought["signature"]) }
        }
        "cachePoint" => Fact::Cache,
        _ => say(text_of(value)),
    });
}

fn gemini(part: &Value, facts: &mut Vec<Fact>, say: &Speaker) {
    if let Some(call) = part["functionCall"].as_object() {
        facts.push(Fact::call("", &text_of(&call["name"]), call["args"].clone()));
    } else if part["functionResponse"].is_object() {
        let response = &part["functionResponse"]["response"];
        let text = ["content", "result", "output"].iter().find_map(|name| response[name].as_str());
        facts.push(Fact::result("", text.unwrap_or(&response.to_string())));
    } else if part["inlineData"].is_object() {
        facts.push(Fact::Image(text_of(&part["inlineData"]["data"])));
    } else if part["thought"] != true {
        facts.push(say(text_of(&part["text"])));
    }
}

/// Gemini takes both spellings of a name; what the user wrote (arguments, results) is left as it is.
fn camel(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(camel).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let mut words = name.split('_');
                let first = words.next().unwrap_or_default().to_owned();
                let name = words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..]);
                let is_users = matches!(name.as_str(), "args" | "response");
                (name, if is_users { value } else { camel(value) })
            })
            .collect(),
        value => value,
    }
}
