//! Which tools a model of Ollama's is offered. Ollama knows no `tool_choice`: "none" offers nothing, a named choice
//! offers only what is named, and "required" cannot be said.

use super::types::{Function, Tool};
use crate::wire::model::{ChatRequest, ToolChoice, ToolKind};

/// The functions to offer. What runs at other providers (their web search and the like) has no counterpart here.
pub(super) fn offered(request: &ChatRequest) -> Vec<Tool<'_>> {
    let chosen = |name: &String| match &request.tool_choice {
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Tool(only)) => only == name,
        Some(ToolChoice::Allowed { names, .. }) => names.contains(name),
        Some(ToolChoice::Auto | ToolChoice::Required) | None => true,
    };
    let mut offered = Vec::new();
    for tool in &request.tools {
        let ToolKind::Function { name, description, parameters, strict, .. } = &tool.kind else { continue };
        if chosen(name) {
            let (description, parameters) = (description.as_deref(), parameters.as_ref());
            offered
                .push(Tool { kind: "function", function: Function { name, description, parameters, strict: *strict } });
        }
    }
    offered
}
