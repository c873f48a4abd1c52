//! `tollgate.providers`: providers that the table does not know, declared wholly in the file.

use http::HeaderName;
use serde_json::{Map, Value};

use crate::config::raw::keys;
use crate::config::raw::section::{Section, suggestion, text};
use crate::providers::custom::{self, Declared};
use crate::providers::{self, Call, Dialect, Endpoint, Provider};

/// Dialects by the name that a file gives them.
const DIALECTS: [(&str, Dialect); 5] = [
    ("openai", Dialect::OpenAi),
    ("anthropic", Dialect::Anthropic),
    ("gemini", Dialect::Gemini),
    ("cohere", Dialect::Cohere),
    ("ollama", Dialect::Ollama),
];

/// Calls whose path a file may set.
const CALLS: [(&str, Call); 9] = [
    ("chat_completions", Call::ChatCompletions),
    ("completions", Call::Completions),
    ("responses", Call::Responses),
    ("embeddings", Call::Embeddings),
    ("moderations", Call::Moderations),
    ("messages", Call::Messages),
    ("generate_content", Call::GenerateContent),
    ("cohere_chat", Call::CohereChat),
    ("ollama_chat", Call::OllamaChat),
];

/// The declared providers' rows.
pub(super) fn read(top: Section<'_>) -> Vec<&'static Provider> {
    let empty = Map::new();
    let tollgate = Section::new("tollgate", top.mapping("tollgate").unwrap_or(&empty), top.problems());
    tollgate.each("providers", |entry| declared(entry).map(|declared| custom::row(&declared)))
}

fn declared(entry: Section<'_>) -> Option<Declared> {
    entry.check_keys(&keys::PROVIDER);
    let Some(name) = entry.text("name").filter(|name| !name.is_empty() && !name.contains('/')) else {
        entry.error("name", "is missing, or holds a slash");
        return None;
    };
    if providers::by_name(&name).is_some() {
        entry.warning("name", "is a provider of the table too; the declared one is taken");
    }
    let base_url = entry.text("base_url");
    if let Some(Err(error)) = base_url.as_deref().map(Endpoint::parse) {
        entry.error("base_url", error.to_string());
    }
    let auth_header = entry.text("auth_header").map(|header| header.to_ascii_lowercase());
    if auth_header.as_ref().is_some_and(|header| HeaderName::from_bytes(header.as_bytes()).is_err()) {
        entry.error("auth_header", "cannot be a header's name");
        return None;
    }
    Some(Declared {
        name,
        base_url,
        key_env: entry.text("key_env"),
        auth_header,
        auth_prefix: entry.text("auth_prefix"),
        dialect: dialect(entry)?,
        paths: paths(entry),
        renames: renames(entry),
        responses: entry.flag("responses_api").unwrap_or(false),
        completions: entry.flag("completions_api").unwrap_or(false),
    })
}

fn dialect(entry: Section<'_>) -> Option<Dialect> {
    let Some(said) = entry.text("dialect") else { return Some(Dialect::OpenAi) };
    let found = DIALECTS.iter().find(|(name, _)| *name == said).map(|(_, dialect)| *dialect);
    if found.is_none() {
        let names = DIALECTS.iter().map(|(name, _)| *name);
        entry.error("dialect", format!("unknown dialect{}", suggestion(&said, names)));
    }
    found
}

fn paths(entry: Section<'_>) -> Vec<(Call, String)> {
    let mut paths = Vec::new();
    for (name, value) in entry.mapping("paths").into_iter().flatten() {
        let key = format!("paths.{name}");
        let call = CALLS.iter().find(|(known, _)| known == name).map(|(_, call)| *call);
        match (call, text(value).filter(|path| path.starts_with('/'))) {
            (Some(call), Some(path)) => paths.push((call, path)),
            (None, _) => {
                let names = CALLS.iter().map(|(name, _)| *name);
                entry.error(&key, format!("unknown call{}", suggestion(name, names)));
            }
            (_, None) => entry.error(&key, "must be a path that begins with /"),
        }
    }
    paths
}

fn renames(entry: Section<'_>) -> Vec<(String, String)> {
    let members = entry.mapping("renames").into_iter().flatten();
    let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    members.filter_map(pair).collect()
}
