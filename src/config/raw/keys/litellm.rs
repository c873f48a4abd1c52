//! `litellm_settings`: LiteLLM sets each of them as a global of its module.

use super::{Known, Unknown};

/// Globals of LiteLLM.
pub(in crate::config) const LITELLM_SETTINGS: Known = Known {
    live: "\
        content_policy_fallbacks context_window_fallbacks default_fallbacks fallbacks max_fallbacks \
        allowed_fails budget_duration budget_limits budget_exceeded_status_code budget_exceeded_throttle_percentage cost_discount_config cost_margin_config credential_list default_internal_user_params \
        default_key_generate_params default_team_params drop_params enable_azure_ad_token_refresh json_logs key_generation_settings \
        internal_user_budget_duration max_budget max_end_user_budget max_end_user_budget_id max_internal_user_budget model_cost_map_url modify_params num_retries request_timeout require_auth_for_metrics_endpoint \
        set_verbose tag_budget_config timezone turn_off_message_logging upperbound_key_generate_params",
    later: "\
        add_function_to_prompt add_user_information_to_llm_headers agent_search_embedding_model ai21_key \
        aiohttp_trust_env aleph_alpha_key allow_dynamic_callback_disabling amazon_nova_api_key \
        anthropic_beta_headers_url anthropic_key anthropic_messages_estimate_initial_input_tokens \
        anthropic_prompt_caching_ttl anthropic_sse_ping_interval_seconds api_base api_key api_version \
        apply_search_free_tier argilla_batch_size audit_log_callbacks autorouter_presets_url aws_sqs_callback_params \
        azure_key banned_keywords_list baseten_key batch_line_item_callbacks bedrock_neutralize_orphaned_tool_blocks \
        bedrock_request_metadata_fields block_requests_for_models_without_pricing blocked_user_list blog_posts_url \
        budget_rollover bytez_key \
        cache cache_params caching callback_settings callbacks check_provider_endpoint clarifai_key \
        cloudflare_api_key cohere_key cold_storage_custom_logger cometapi_key common_cloud_provider_auth_params \
        custom_prometheus_metadata_labels custom_prometheus_tags custom_prompt_dict custom_provider_map custom_ui \
        dashboard_timezone databricks_key datadog_llm_observability_params datadog_params datadog_use_v1 \
        datarobot_key default_in_memory_ttl \
        default_key_max_budget_alert_emails default_max_internal_user_budget \
        default_redis_batch_cache_expiry default_redis_ttl default_soft_budget \
        default_team_settings disable_add_prefix_to_prompt disable_add_transform_inline_image_block \
        disable_add_user_agent_to_request_tags disable_aiohttp_transport disable_aiohttp_trust_env \
        disable_anthropic_gemini_context_caching_transform disable_copilot_system_to_assistant \
        disable_end_user_cost_tracking disable_end_user_cost_tracking_prometheus_only disable_hf_tokenizer_download \
        disable_stop_sequence_limit disable_streaming_logging disable_token_counter \
        disable_vertex_batch_output_transformation dynamodb_table_name email enable_anthropic_prompt_caching \
        enable_caching_on_provider_specific_optional_params \
        enable_end_user_cost_tracking_prometheus_only enable_gemini_default_thinking_level_low \
        enable_json_schema_validation enable_key_alias_format_validation enable_loadbalancing_on_batch_endpoints \
        enable_model_config_credential_overrides enable_preview_features enable_tag_filtering \
        expose_router_debug_in_errors extra_spend_tag_headers failure_callback filter_invalid_headers \
        force_ipv4 force_redis_hash_tag_grouping forward_traceparent_to_llm_provider gcs_pub_sub_use_v1 gdc_api_base \
        gdc_key gemini_include_thoughts_default gemini_live_defer_setup generic_api_use_v1 generic_logger_headers \
        gigachat_key global_bitbucket_config global_disable_no_log_param global_gitlab_config \
        google_moderation_confidence_threshold gradient_ai_api_key groq_key guardrail_name_config_map guardrails \
        headers heroku_key http2 huggingface_key inception_key include_cost_in_streaming_usage infinity_key \
        input_callback json_schema key_alias_pattern \
        langfuse_default_tags langfuse_enable_update_trace_keys langsmith_batch_size lemonade_key llama_api_key \
        llamaguard_model_name llamaguard_unsafe_content_categories llm_guard_mode log_auth_failure_key_identity \
        log_client_error_tracebacks log_raw_request_response logging maritalk_key \
        max_tokens max_ui_session_budget \
        max_user_budget mcp_aliases mcp_tool_search model_alias_map model_fallbacks \
        model_group_settings nebius_key network_mock newrelic_params nlp_cloud_key novita_api_key \
        num_retries_per_request ollama_key openai_key openai_like_key openai_moderations_model_name \
        openai_system_messages_first openrouter_key organization otel_tenant_destination_mode output_parse_pii \
        overwrite_user_with_key_hash ovhcloud_key personal_key_model_access_from_teams pointfive_params \
        post_call_rules pre_call_rules predibase_key predibase_tenant_id presidio_ad_hoc_recognizers \
        priority_reservation priority_reservation_settings project prometheus_deployment_and_latency_caller_identity \
        prometheus_emit_input_sequence_length_label prometheus_emit_rate_limit_labels prometheus_emit_stream_label \
        prometheus_end_user_metrics_cleanup_interval_seconds prometheus_end_user_metrics_max_series_per_metric \
        prometheus_end_user_metrics_ttl_seconds prometheus_exclude_labels prometheus_exclude_metrics \
        prometheus_initialize_budget_metrics prometheus_latency_buckets prometheus_metrics_cleanup_interval_seconds \
        prometheus_metrics_config prometheus_metrics_max_series_per_metric prometheus_metrics_ttl_seconds \
        prometheus_user_budget_label_include_email_alias prompt_name_config_map \
        provider_url_destination_allowed_hosts proxy_auth public_agent_groups public_mcp_hub_strict_whitelist \
        public_mcp_servers public_model_groups public_model_groups_links public_routes public_skills_index \
        reasoning_auto_summary reasoning_effort_rounding redact_messages_in_exceptions redact_user_api_key_info \
        replicate_key request_correlation_in_logs require_managed_files retry return_response_headers \
        route_all_chat_openai_to_responses s3_audit_callback_params s3_callback_params safe_memory_mode \
        sap_service_key sentry_dsn service_callback skill_search_embedding_model skip_system_message_in_guardrail \
        skip_tool_message_in_guardrail snowflake_key sse_keepalive_ping_interval_seconds ssl_certificate \
        ssl_ecdh_curve ssl_security_level ssl_verify standard_logging_payload_excluded_fields store_audit_logs \
        strip_anthropic_total_tokens success_callback suppress_debug_info telemetry \
        togetherai_api_key token ui_theme_config use_aiohttp_transport \
        use_azure_key_vault use_chat_completions_url_for_anthropic_messages use_client use_litellm_proxy \
        user_url_allowed_hosts user_url_validation validate_end_user_id_in_db vector_store_index_registry \
        vector_store_registry vector_store_search_failure_mode vercel_ai_gateway_key vertex_ai_safety_settings \
        vertex_location vertex_project wandb_key xai_key zerobus_params",
    notes: &[
        ("log_level", "not a key of LiteLLM; read as the level of the log"),
        ("log_to_file", "not a key of LiteLLM; has no effect, the log goes to standard error"),
        ("log_file_path", "not a key of LiteLLM; has no effect, see tollgate.access_log"),
        ("log_completion_tokens", "not a key of LiteLLM; tokens stand in every line of the access log"),
        ("routing_strategy", "LiteLLM reads it in router_settings only; read here too"),
    ],
    unknown: Unknown::Error,
};
