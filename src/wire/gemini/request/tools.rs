//! Tools and the choice among them, both ways: <https://ai.google.dev/gemini-api/docs/function-calling>.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Members, camel, read};
use crate::error::Error;
use crate::wire::gemini::{models, schema};
use crate::wire::model::{ChatRequest, Family, Json, Tool, ToolChoice, ToolKind};

const PARAM: &str = "tools";

/// `tools` of a client: one or a list, each with functions or Google's own tools.
pub fn tools(raw: &str) -> Result<Vec<Tool>, Error> {
    let list: Vec<Members> = if raw.starts_with('[') { read(raw, PARAM)? } else { vec![read(raw, PARAM)?] };
    let mut tools = Vec::new();
    for (name, value) in list.into_iter().flat_map(|tool| tool.0) {
        if name == "functionDeclarations" {
            for declaration in read::<Vec<Members>>(value.text(), PARAM)? {
                tools.push(function(declaration)?);
            }
        } else if let Some(value) = Json::of(&serde_json::Map::from_iter([(name, value.value())])) {
            tools.push(Tool { kind: ToolKind::Native { family: Family::Gemini, value }, cache: None });
        }
    }
    Ok(tools)
}

fn function(mut it: Members) -> Result<Tool, Error> {
    let name = it.take("name").map(|name| read(name.text(), PARAM)).transpose()?.unwrap_or_default();
    let description = it.take("description").map(|text| read(text.text(), PARAM)).transpose()?;
    let google = it.take("parameters").map(schema::from_google);
    let parameters = it.take("parametersJsonSchema").or(google);
    let kind = ToolKind::Function { name, description, parameters, strict: None, extra: it.0 };
    Ok(Tool { kind, cache: None })
}

/// `toolConfig` of a client.
pub fn choice(chat: &mut ChatRequest, mut members: Members) -> Result<(), Error> {
    const PARAM: &str = "toolConfig";
    if let Some(calling) = members.take("functionCallingConfig") {
        let mut calling: Members = read(calling.text(), PARAM)?;
        let mode: Option<String> = calling.take("mode").map(|mode| read(mode.text(), PARAM)).transpose()?;
        let names = calling.take("allowedFunctionNames").map(|names| read(names.text(), PARAM)).transpose()?;
        let names: Vec<String> = names.unwrap_or_default();
        chat.tool_choice = match (mode.unwrap_or_default().to_ascii_uppercase().as_str(), names.as_slice()) {
            ("NONE", _) => Some(ToolChoice::None),
            ("ANY", []) => Some(ToolChoice::Required),
            ("ANY", [only]) => Some(ToolChoice::Tool(only.clone())),
            ("ANY", _) => Some(ToolChoice::Allowed { names, required: true }),
            ("AUTO" | "VALIDATED", []) => Some(ToolChoice::Auto),
            ("AUTO" | "VALIDATED", _) => Some(ToolChoice::Allowed { names, required: false }),
            _ => None,
        };
    }
    if !members.0.is_empty() {
        chat.extra.extend(super::super::media::object(&members.0).map(|rest| (PARAM.to_owned(), rest)));
    }
    Ok(())
}

#[derive(Serialize)]
struct Declaration {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    behavior: Option<Json>,
}

/// Tools of Google that look for something; older models take them or functions, not both.
const SEARCHES: [&str; 4] = ["googleSearch", "googleSearchRetrieval", "enterpriseWebSearch", "urlContext"];

/// Google's tool for one of another family's. `None`: there is none.
fn counterpart(family: Family, value: &Json) -> Option<Value> {
    let value = value.value();
    if family == Family::Gemini {
        let (name, settings) = value.as_object()?.iter().next()?;
        return Some(json!({ camel(name): settings }));
    }
    let kind = value.get("type")?.as_str()?;
    let starts = |word: &str| kind.starts_with(word);
    match () {
        () if starts("web_search") => Some(json!({"googleSearch": {}})),
        () if starts("code_execution") || starts("code_interpreter") => Some(json!({"codeExecution": {}})),
        () if starts("web_fetch") => Some(json!({"urlContext": {}})),
        () if kind == "computer_use" => {
            let mut settings = serde_json::Map::new();
            let environment = value.get("environment").and_then(Value::as_str).map(|word| match word {
                "browser" => "ENVIRONMENT_BROWSER".to_owned(),
                "unspecified" => "ENVIRONMENT_UNSPECIFIED".to_owned(),
                word => word.to_owned(),
            });
            settings.extend(environment.map(|word| ("environment".to_owned(), word.into())));
            let excluded = value.get("excluded_predefined_functions").cloned();
            settings.extend(excluded.map(|names| ("excludedPredefinedFunctions".to_owned(), names)));
            Some(json!({ "computerUse": settings }))
        }
        () => None,
    }
}

/// `tools` for a provider: all functions in one entry, each tool of Google's in its own.
pub fn encode(chat: &mut ChatRequest) -> Vec<Value> {
    let mut functions: Vec<Declaration> = Vec::new();
    let mut own: Vec<Value> = Vec::new();
    let same_family = chat.family == Some(Family::Gemini);
    for tool in std::mem::take(&mut chat.tools) {
        match tool.kind {
            ToolKind::Function { name, description, parameters, extra, strict: _ } => {
                let mut extra = Members(if same_family { extra } else { Vec::new() });
                let parameters = parameters.filter(Json::is_object).map(|schema| schema::for_tool(&schema));
                let (response, behavior) = (extra.take("response"), extra.take("behavior"));
                functions.push(Declaration { name, description, parameters, response, behavior });
            }
            ToolKind::Native { family, value } => {
                let tool = counterpart(family, &value).filter(|tool| !own.contains(tool));
                own.extend(tool);
            }
        }
    }
    if !functions.is_empty() && !models::is_3_or_newer(&chat.model) {
        own.retain(|tool| !SEARCHES.iter().any(|name| tool.get(name).is_some()));
    }
    let search = json!({"googleSearch": {}});
    if chat.web_search.take().is_some() && !own.contains(&search) {
        own.push(search);
    }
    let functions = (!functions.is_empty()).then(|| json!({ "function_declarations": functions }));
    functions.into_iter().chain(own).collect()
}

/// `toolConfig` for a provider.
pub fn encode_choice(chat: &ChatRequest) -> Option<Value> {
    let only = |mode: &str, names: &[String]| json!({"mode": mode, "allowed_function_names": names});
    let calling = chat.tool_choice.as_ref().map(|choice| match choice {
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Tool(name) => only("ANY", std::slice::from_ref(name)),
        ToolChoice::Allowed { names, required: true } => only("ANY", names),
        // The only mode besides in which Google takes names.
        ToolChoice::Allowed { names, required: false } => only("VALIDATED", names),
    });
    let rest = chat.extra("toolConfig").or_else(|| chat.extra("tool_config")).map(Json::value);
    let mut config = match rest {
        Some(Value::Object(rest)) => rest,
        _ => serde_json::Map::new(),
    };
    config.extend(calling.map(|calling| ("functionCallingConfig".to_owned(), calling)));
    (!config.is_empty()).then(|| config.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(request: ChatRequest) -> Value {
        let mut request = request;
        Value::from(encode(&mut request))
    }

    #[test]
    fn tools_are_read_and_written() {
        let raw = r#"[{"function_declarations":[{"name":"f","parameters":{"type":"OBJECT"},"behavior":"BLOCKING"},
            {"name":"g","parametersJsonSchema":{"type":"object"}}],"google_search":{}},{"codeExecution":{}}]"#;
        let mut chat =
            ChatRequest { tools: tools(raw).unwrap(), family: Some(Family::Gemini), ..ChatRequest::default() };
        assert_eq!(chat.tools.len(), 4);
        chat.model = "gemini-2.5-flash".into();
        let functions = json!({"function_declarations": [
            {"name": "f", "parameters": {"type": "object"}, "behavior": "BLOCKING"},
            {"name": "g", "parameters": {"type": "object"}}]});
        assert_eq!(encoded(chat.clone()), json!([functions, {"codeExecution": {}}]), "no search beside functions");
        chat.model = "gemini-3-pro-preview".into();
        assert_eq!(encoded(chat), json!([functions, {"googleSearch": {}}, {"codeExecution": {}}]));
    }

    #[test]
    fn other_families_tools_have_counterparts() {
        let check = |family, value: &str, expected: Value| {
            let kind = ToolKind::Native { family, value: Json::parse(value).unwrap() };
            let tools = vec![Tool { kind, cache: None }];
            assert_eq!(encoded(ChatRequest { tools, ..ChatRequest::default() }), expected);
        };
        check(Family::Anthropic, r#"{"type":"web_search_20250305"}"#, json!([{"googleSearch": {}}]));
        check(Family::OpenAi, r#"{"type":"code_interpreter"}"#, json!([{"codeExecution": {}}]));
        check(Family::OpenAi, r#"{"type":"mcp"}"#, json!([]));
        let browser = r#"{"type":"computer_use","environment":"browser"}"#;
        check(Family::OpenAi, browser, json!([{"computerUse": {"environment": "ENVIRONMENT_BROWSER"}}]));
    }

    #[test]
    fn choices_are_read_and_written() {
        let check = |raw: &str, expected: Option<ToolChoice>| {
            let mut chat = ChatRequest::default();
            choice(&mut chat, read(raw, "toolConfig").unwrap()).unwrap();
            assert_eq!(chat.tool_choice, expected, "{raw}");
            let again = encode_choice(&chat).unwrap().to_string();
            let mut second = ChatRequest::default();
            choice(&mut second, read(&again, "toolConfig").unwrap()).unwrap();
            assert_eq!(second, chat, "{again}");
        };
        check(r#"{"functionCallingConfig":{"mode":"AUTO"}}"#, Some(ToolChoice::Auto));
        check(r#"{"function_calling_config":{"mode":"none"}}"#, Some(ToolChoice::None));
        check(r#"{"functionCallingConfig":{"mode":"ANY"}}"#, Some(ToolChoice::Required));
        let one =
            r#"{"functionCallingConfig":{"mode":"ANY","allowed_function_names":["a"]},"retrievalConfig":{"x":1}}"#;
        check(one, Some(ToolChoice::Tool("a".into())));
        let some = r#"{"functionCallingConfig":{"mode":"VALIDATED","allowedFunctionNames":["a","b"]}}"#;
        check(some, Some(ToolChoice::Allowed { names: vec!["a".into(), "b".into()], required: false }));
    }
}
