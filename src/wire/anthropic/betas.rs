//! Which `anthropic-beta` values a request needs for what is in it
//! (<https://platform.claude.com/docs/en/api/beta-headers>). Prompt caching, PDFs, web search, effort and structured outputs
//! need none any more.

use serde_json::Value;

use crate::wire::model::{ChatRequest, Family, Json, Part, Source, ToolKind};

/// Beginnings of the types of tools that are in beta.
const TOOLS: [(&str, &str); 10] = [
    ("computer_20241022", "computer-use-2024-10-22"),
    ("computer_20250124", "computer-use-2025-01-24"),
    ("computer_20251124", "computer-use-2025-11-24"),
    ("code_execution_20250522", "code-execution-2025-05-22"),
    ("code_execution_20250825", "code-execution-2025-08-25"),
    ("web_fetch_20250910", "web-fetch-2025-09-10"),
    ("memory_", "context-management-2025-06-27"),
    ("tool_search_tool_", TOOL_SEARCH),
    ("mcp_toolset", "mcp-client-2025-11-20"),
    ("advisor_20260301", "advisor-tool-2026-03-01"),
];
const TOOL_SEARCH: &str = "advanced-tool-use-2025-11-20";

/// The values, each once.
pub fn betas(request: &ChatRequest) -> Vec<&'static str> {
    let mut all = Vec::new();
    if request.messages.iter().flat_map(|message| &message.parts).any(has_file) {
        all.push("files-api-2025-04-14");
    }
    for tool in &request.tools {
        all.extend(of_tool(&tool.kind));
    }
    if request.extra("mcp_servers").is_some_and(|servers| servers.text().len() > "[]".len())
        && !all.contains(&"mcp-client-2025-11-20")
    {
        all.push("mcp-client-2025-04-04");
    }
    if let Some(management) = request.extra("context_management") {
        all.extend(of_context_management(&management.value()));
    }
    if request.extra("container").map(Json::value).is_some_and(|container| container.get("skills").is_some()) {
        all.push("skills-2025-10-02");
    }
    if request.extra("speed").is_some_and(|speed| speed.text() == "\"fast\"") {
        all.push("fast-mode-2026-02-01");
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn has_file(part: &Part) -> bool {
    match part {
        Part::Media(media) => matches!(media.source, Source::FileId(_)),
        Part::ToolResult(result) => result.content.iter().any(has_file),
        Part::Native { family: Family::Anthropic, value } => value.text().contains("\"container_upload\""),
        _ => false,
    }
}

fn of_tool(kind: &ToolKind) -> Option<&'static str> {
    match kind {
        ToolKind::Function { extra, .. } => {
            let new = ["defer_loading", "allowed_callers", "input_examples"];
            extra.iter().any(|(name, _)| new.contains(&name.as_str())).then_some(TOOL_SEARCH)
        }
        ToolKind::Native { family: Family::Anthropic, value } => {
            let value = value.value();
            let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
            TOOLS.iter().find(|(beginning, _)| kind.starts_with(beginning)).map(|(_, beta)| *beta)
        }
        ToolKind::Native { .. } => None,
    }
}

/// Compaction is a beta of its own; the other edits share one.
fn of_context_management(management: &Value) -> Vec<&'static str> {
    let edits = management.get("edits").unwrap_or(management);
    let beta = |edit: &Value| match edit.get("type").and_then(Value::as_str) {
        Some(kind) if kind.starts_with("compact") => "compact-2026-01-12",
        _ => "context-management-2025-06-27",
    };
    edits.as_array().into_iter().flatten().map(beta).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::model::{Media, MediaKind, Message, Role, Tool};

    #[test]
    fn only_what_is_there_needs_a_beta() {
        let mut request = ChatRequest { messages: vec![Message::text(Role::User, "hi")], ..ChatRequest::default() };
        assert!(betas(&request).is_empty());
        let source = Source::FileId("file_1".into());
        let file = Media {
            kind: MediaKind::Document,
            source,
            media_type: None,
            name: None,
            detail: None,
            cache: None,
            extra: None,
        };
        request.messages.push(Message::new(Role::User, vec![Part::Media(file)]));
        let native = |kind: &str| Tool {
            kind: ToolKind::Native {
                family: Family::Anthropic,
                value: Json::parse(&format!(r#"{{"type":"{kind}"}}"#)).unwrap(),
            },
            cache: None,
        };
        request.tools = vec![native("memory_20250818"), native("web_search_20250305"), native("computer_20250124")];
        let management = r#"{"edits":[{"type":"clear_tool_uses_20250919"},{"type":"compact_20260112"}]}"#;
        let extra = [("context_management", management), ("mcp_servers", r#"[{"type":"url"}]"#), ("speed", "\"fast\"")];
        request.extra = extra.map(|(name, json)| (name.to_owned(), Json::parse(json).unwrap())).to_vec();
        let expected = [
            "compact-2026-01-12",
            "computer-use-2025-01-24",
            "context-management-2025-06-27",
            "fast-mode-2026-02-01",
            "files-api-2025-04-14",
            "mcp-client-2025-04-04",
        ];
        assert_eq!(betas(&request), expected);
    }
}
