//! `model_list[i]` and what stands in it.

use super::{Known, Unknown};

/// One entry.
pub(in crate::config) const MODEL: Known = Known {
    live: "\
        litellm_params model_info model_name",
    later: "\
        blocked",
    notes: &[
        ("tpm", "LiteLLM reads it in litellm_params only; read here too"),
        ("rpm", "LiteLLM reads it in litellm_params only; read here too"),
    ],
    unknown: Unknown::Error,
};

/// `credential_list[i]`.
pub(in crate::config) const CREDENTIAL: Known = Known {
    live: "\
        credential_info credential_name credential_values",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};

/// Parameters of one entry. Whatever is unknown goes to the provider with each request.
pub(in crate::config) const LITELLM_PARAMS: Known = Known {
    live: "\
        additional_drop_params api_base api_key api_version base_model base_url budget_duration cooldown_time custom_llm_provider \
        drop_params extra_body extra_headers headers litellm_credential_name max_budget max_parallel_requests max_retries mock_response model model_info \
        num_retries order organization rpm stream_timeout tag_regex tags timeout tpm weight",
    later: "\
        allow_client_keepalive_override allowed_openai_params auto_router_config auto_router_config_path \
        auto_router_default_model auto_router_embedding_model azure_ad_token_provider bos_token \
        cache_key caching complexity_router_config complexity_router_default_model \
        configurable_clientside_auth_params context_window_fallback_dict daily_reset_time default_api_key_rpm_limit \
        default_api_key_tpm_limit eos_token fallbacks final_prompt_value guardrails hf_model_name hf_tokenizer \
        initial_prompt_value input_type itpm keepalive_seconds kubernetes_pod_discovery litellm_trace_id \
        max_file_size_mb max_parallel_request_retries merge_reasoning_content_in_choices \
        mock_timeout mock_tool_calls model_config no-log otpm preset_cache_key prompt_id prompt_variables \
        provider_affinity_header responses_api_version roles rpd rpm_limit rust ssl_verify \
        stream_timeout_by_service_tier timeout_by_service_tier tpd tpm_limit use_chat_completions_api \
        use_in_pass_through use_litellm_proxy use_proxy vector_store_id",
    notes: &[],
    unknown: Unknown::Warning,
};

/// Credentials and places of other shapes than one key: kept in boxes for the dialects that need them.
const CREDENTIALS: &str = "\
        aws_access_key_id aws_batch_role_arn aws_bedrock_control_plane_endpoint aws_bedrock_project_id \
        aws_bedrock_runtime_endpoint aws_external_id aws_profile_name aws_region_name aws_role_name \
        aws_secret_access_key aws_session_name aws_session_tags aws_session_token aws_sts_endpoint \
        aws_web_identity_token azure_ad_token azure_password azure_scope azure_username bucket_name client_id \
        client_secret gcs_bucket_name openai_identity_provider_id openai_identity_token_file \
        openai_service_account_id region_name s3_access_key_id s3_bucket_name s3_bucket_owner s3_encryption_key_id \
        s3_endpoint_url s3_output_bucket_name s3_region_name s3_secret_access_key tenant_id token_exchange_audience \
        token_exchange_endpoint token_exchange_profile token_exchange_scope vertex_ai_credentials vertex_ai_location \
        vertex_ai_project vertex_credentials vertex_location vertex_project watsonx_region_name";

/// Parameters of OpenAI, and of servers that imitate it, that stand as defaults for a request.
const OPENAI_PARAMETERS: &str = "\
        audio best_of chat_template_kwargs context_management dimensions echo encoding_format frequency_penalty \
        function_call functions guided_choice guided_grammar guided_json guided_regex input keep_alive logit_bias \
        logprobs max_completion_tokens max_tokens metadata min_p modalities n num_ctx num_predict \
        parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_retention quality reasoning \
        reasoning_effort repetition_penalty response_format safety_identifier safety_settings seed service_tier size \
        speed stop stop_token_ids store stream stream_options style suffix temperature thinking tool_choice tools \
        top_k top_logprobs top_p truncate user verbosity voice web_search_options";

/// Whether it is a parameter that requests have.
pub(in crate::config) fn is_openai_parameter(key: &str) -> bool {
    super::holds(OPENAI_PARAMETERS, key)
}

/// Whether it is a price: `input_cost_per_token`, `cache_read_input_token_cost`, `output_cost_per_token_batches` …
pub(in crate::config) fn is_cost(key: &str) -> bool {
    key.split('_').any(|word| word == "cost")
}

/// Whether it is to be kept in a box: a credential of LiteLLM, or something that looks like one.
pub(in crate::config) fn is_credential(key: &str) -> bool {
    let secretive = ["_key", "_secret", "_token", "_password"].iter().any(|ending| key.ends_with(ending));
    super::holds(CREDENTIALS, key) || (secretive && !is_openai_parameter(key))
}
