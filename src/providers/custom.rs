//! Providers that the configuration declares itself: rows like those of the table, made when the file is read.

use std::sync::Mutex;

use super::call::Call;
use super::table::{Auth, Dialect, LegacyCompletions, Provider, Quirks, ResponsesApi};

/// Dialects by the name that a file gives them.
pub const DIALECTS: [(&str, Dialect); 5] = [
    ("openai", Dialect::OpenAi),
    ("anthropic", Dialect::Anthropic),
    ("gemini", Dialect::Gemini),
    ("cohere", Dialect::Cohere),
    ("ollama", Dialect::Ollama),
];

/// Calls whose path a file may set.
pub const CALLS: [(&str, Call); 10] = [
    ("chat_completions", Call::ChatCompletions),
    ("completions", Call::Completions),
    ("responses", Call::Responses),
    ("embeddings", Call::Embeddings),
    ("moderations", Call::Moderations),
    ("image_generations", Call::ImageGenerations),
    ("messages", Call::Messages),
    ("generate_content", Call::GenerateContent),
    ("cohere_chat", Call::CohereChat),
    ("ollama_chat", Call::OllamaChat),
];

/// A provider as the file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The prefix in `litellm_params.model`.
    pub name: String,
    /// Where it is.
    pub base_url: Option<String>,
    /// The variable that holds its key.
    pub key_env: Option<String>,
    /// The header that shows the key; `authorization` if unsaid.
    pub auth_header: Option<String>,
    /// What stands before the key; `Bearer ` in `authorization`, nothing elsewhere, if unsaid.
    pub auth_prefix: Option<String>,
    /// What it speaks.
    pub dialect: Dialect,
    /// Paths that differ from the dialect's own.
    pub paths: Vec<(Call, String)>,
    /// Members that it calls otherwise.
    pub renames: Vec<(String, String)>,
    /// Whether it has OpenAI's Responses API.
    pub responses: bool,
    /// Whether it has OpenAI's legacy completions.
    pub completions: bool,
}

/// Rows made so far. A row lives as long as the process, like those of the table; the same declaration, read again on a
/// reload, is the same row.
static ROWS: Mutex<Vec<(Declared, &'static Provider)>> = Mutex::new(Vec::new());

/// The row of a declared provider.
pub fn row(declared: &Declared) -> &'static Provider {
    // A poisoned lock guards a list that is whole after each push.
    let mut rows = ROWS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((_, row)) = rows.iter().find(|(known, _)| known == declared) {
        return row;
    }
    let row: &'static Provider = Box::leak(Box::new(provider(declared)));
    rows.push((declared.clone(), row));
    row
}

fn provider(declared: &Declared) -> Provider {
    let list = |text: &Option<String>| text.iter().map(|text| kept(text)).collect::<Vec<_>>().leak() as &[&str];
    let renames: Vec<_> = declared.renames.iter().map(|(name, theirs)| (kept(name), kept(theirs))).collect();
    let paths: Vec<_> = declared.paths.iter().map(|(call, path)| (*call, kept(path))).collect();
    Provider {
        name: kept(&declared.name),
        aliases: &[],
        base_url: declared.base_url.as_deref().map(kept),
        key_env: list(&declared.key_env),
        base_env: &[],
        auth: auth(declared),
        dialect: declared.dialect,
        completions: if declared.completions { LegacyCompletions::Native } else { LegacyCompletions::Bridged },
        responses: if declared.responses { ResponsesApi::Native } else { ResponsesApi::Absent },
        paths: paths.leak(),
        quirks: Quirks { renames: renames.leak(), ..Quirks::NONE },
    }
}

fn auth(declared: &Declared) -> Auth {
    match (&declared.auth_header, &declared.auth_prefix) {
        (None, None) => Auth::Bearer,
        (None, Some(prefix)) => Auth::Prefixed { header: "authorization", prefix: kept(prefix) },
        (Some(header), None) if header == "authorization" => Auth::Bearer,
        (Some(header), prefix) => Auth::Prefixed { header: kept(header), prefix: prefix.as_deref().map_or("", kept) },
    }
}

fn kept(text: &str) -> &'static str {
    text.to_owned().leak()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_declaration_is_the_same_row() {
        let declared = Declared {
            name: "acme".into(),
            base_url: Some("https://acme.test/v1".into()),
            key_env: None,
            auth_header: Some("x-key".into()),
            auth_prefix: None,
            dialect: Dialect::OpenAi,
            paths: vec![(Call::ChatCompletions, "/talk".into())],
            renames: vec![("max_tokens".into(), "limit".into())],
            responses: false,
            completions: false,
        };
        let first = row(&declared);
        assert!(std::ptr::eq(first, row(&declared)));
        assert_eq!(first.auth, Auth::Prefixed { header: "x-key", prefix: "" });
        assert!(!std::ptr::eq(first, row(&Declared { responses: true, ..declared })));
    }
}
