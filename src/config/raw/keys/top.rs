//! The top level of the file.

use super::{Known, Unknown};

/// LiteLLM ignores unknown keys here, and values files of Helm charts hold many: a warning.
pub(in crate::config) const TOP: Known = Known {
    live: "\
        credential_list environment_variables general_settings include key_settings litellm_settings model_list router_settings \
        team_settings teams tollgate users",
    later: "\
        agent_list agents assistant_settings callback_settings default_vertex_config files_settings \
        finetune_settings guardrails mcp_servers mcp_tools plugins policies policy_attachments prompts sandbox_tools \
        search_tools vector_store_registry worker_registry",
    notes: &[
        ("router", "not a key of LiteLLM; read as router_settings"),
        ("routing_strategy", "not a key of LiteLLM here; read as router_settings.routing_strategy"),
        ("cost_threshold", "not a key of LiteLLM; who would cost more for a request is left out, but for the cheapest"),
        ("context_threshold", "not a key of LiteLLM; longer prompts go to the largest window of their group"),
        ("fallback_config", "not a key of LiteLLM; read as fallbacks, num_retries and retry_after"),
        ("database", "not a key of LiteLLM; read as general_settings.database_url"),
        ("env", "not a key of LiteLLM; read as the environment that a container would get"),
    ],
    unknown: Unknown::Warning,
};
