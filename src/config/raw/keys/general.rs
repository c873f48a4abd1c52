//! `general_settings`, and `database` of a tutorial.

use super::{Known, Unknown};

/// The proxy as a whole.
pub(in crate::config) const GENERAL_SETTINGS: Known = Known {
    live: "\
        alert_to_webhook_url alert_types alerting allowed_ips always_include_stream_usage apply_user_budget_to_team_keys background_health_checks \
        completion_model \
        dangerously_permit_weak_or_unset_master_key database_connection_pool_limit database_url disable_spend_logs disable_spend_updates \
        enable_health_check_routing fail_closed_budget_enforcement global_max_parallel_requests global_rpm_limit global_tpm_limit \
        health_check_interval image_generation_model key_settings litellm_key_header_name master_key \
        max_in_flight_requests_per_worker max_request_size_mb \
        maximum_spend_logs_retention_interval maximum_spend_logs_retention_period redis_url require_auth_for_metrics_endpoint team_settings teams use_x_forwarded_for \
        user_header_name users",
    later: "\
        accounting_capture accounting_sync_ack accounting_sync_ack_failure_policy \
        accounting_sync_ack_timeout_seconds admin_only_routes admin_ui_disabled admission_queue_timeout_seconds \
        agent_access_default_deny alert_type_config alerting_args \
        alerting_threshold allow_cli_sso_verification_uri_complete allow_client_side_credentials \
        allow_public_health_readiness_details allow_requests_on_db_unavailable allow_unmanaged_response_ids \
        allow_user_auth allowed_file_extensions allowed_routes \
        auto_redirect_ui_login_to_sso background_health_check_model_groups \
        blocked_file_extensions cancel_on_disconnect claude_code_gateway_managed_settings \
        claude_code_marketplace_auth_required control_plane_url coordination_redis custom_auth \
        custom_auth_run_common_checks custom_key_generate custom_key_policy custom_key_update custom_sso \
        custom_team_metadata_validate custom_ui_path custom_ui_sso_sign_in_handler database_args \
        database_connect_timeout database_connection_pool_timeout \
        database_connection_timeout database_disable_prepared_statements database_extra_connection_params \
        database_max_idle_connection_lifetime database_setup database_socket_timeout database_type \
        default_team_disabled disable_adding_master_key_hash_to_db disable_auto_add_proxy_admin_to_teams \
        disable_batch_input_file_rate_limiting disable_bedrock_agent_runtime_passthrough disable_budget_reservation \
        disable_custom_api_keys disable_end_user_cost_tracking disable_env_credential_login \
        disable_fallbacks_on_per_model_rate_limits disable_key_generate_for_org_admin disable_master_key_return \
        disable_model_info_refresh disable_password_login_when_sso_enabled disable_prisma_schema_update \
        disable_requester_ip_address_logging disable_reset_budget disable_responses_id_security \
        disable_retry_on_max_parallel_request_limit_error \
        drain_endpoint_token dynamic_rate_limiting enable_claude_code_gateway enable_drain_endpoint \
        enable_jwt_auth enable_mcp_registry enable_oauth2_auth enable_oauth2_proxy_auth \
        enable_openai_websocket_passthrough enable_public_model_hub enforce_fallback_model_access enforce_rbac \
        enforce_user_param enforced_params expose_fallback_errors_to_caller \
        fail_closed_rate_limit_enforcement failed_login_block_seconds failed_login_window_seconds \
        forward_client_headers_to_llm_api forward_llm_provider_auth_headers forward_openai_org_id \
        health_check_concurrency health_check_details \
        health_check_ignore_transient_errors health_check_skip_disabled_background_models \
        health_check_staleness_threshold hide_default_credentials_hint include_call_id_in_error_body \
        infer_model_from_keys key_management_settings key_management_system litellm_jwtauth litellm_license \
        max_batch_file_records max_batch_file_size_mb max_batch_file_uploads_per_day \
        max_failed_login_attempts_per_source max_failed_login_attempts_per_source_overrides \
        max_file_downloads_per_minute max_file_size_mb max_parallel_requests \
        max_queued_requests_per_worker max_response_size_mb maximum_autorouter_session_retention_period \
        maximum_daily_tag_spend_retention_period maximum_health_check_retention_period \
        maximum_spend_logs_cleanup_batch_size maximum_spend_logs_cleanup_batch_timeout \
        maximum_spend_logs_cleanup_cron maximum_spend_logs_cleanup_max_batches maximum_spend_logs_cleanup_run_budget \
        maximum_spend_logs_cleanup_target_size \
        maximum_spend_logs_size maximum_spend_logs_size_check_interval \
        mcp_advertised_versions mcp_allow_all_keys_respects_mcp_scope mcp_allowed_clients mcp_client_id_header \
        mcp_client_side_auth_header_name mcp_disabled_capabilities mcp_internal_ip_ranges \
        mcp_prefer_client_id_metadata_document mcp_require_explicit_server_scope mcp_required_fields \
        mcp_session_token_signing mcp_trusted_proxy_ranges mcp_xff_num_trusted_hops missing_session_id \
        model_list_healthy_only oauth2_config_mappings otel pass_through_endpoints pass_through_request_timeout \
        passthrough_managed_object_ids password_policy_check_breached_passwords password_policy_min_length \
        password_policy_require_lowercase password_policy_require_numbers password_policy_require_special_characters \
        password_policy_require_uppercase plugins provider_url_destination_allowed_hosts proxy_batch_write_at \
        proxy_budget_rescheduler_max_time proxy_budget_rescheduler_min_time proxy_config_reload_interval_seconds \
        public_routes reject_clientside_metadata_tags request_tag_mappings \
        require_end_user_mcp_access_defined require_key_mcp_access_defined responses_websocket_session_limit_seconds \
        return_wildcard_routes role_permissions scheduled_job_stagger search_tool_deny_by_default search_tools \
        self_serve_budget_policy service_account_settings skip_batch_input_file_rate_limiting_for_models \
        skip_batch_input_file_rate_limiting_for_providers spend_capture_rate_check spend_logs_metadata_fields \
        spend_report_frequency store_model_in_db store_prompts_in_spend_logs supported_db_objects \
        team_metadata_schema team_metadata_validation_error_message team_metadata_validation_timeout \
        token_rate_limit_type tracing track_unmanaged_batch_cost transcribe_media_buckets trusted_proxy_ranges \
        ui_access_mode ui_password ui_username use_azure_key_vault use_google_kms use_redis_transaction_buffer \
        use_shared_health_check use_spend_logs_partitioning use_team_public_model_name user_api_key_cache_max_size \
        user_api_key_cache_ttl user_header_mappings user_mcp_management_mode user_url_allowed_hosts \
        user_url_validation vector_store_deny_by_default vertex_ai_pass_through_drop_anthropic_betas",
    notes: &[
        ("redis_host", "not a key of LiteLLM here; has no effect yet"),
        ("redis_port", "not a key of LiteLLM here; has no effect yet"),
        ("redis_password", "not a key of LiteLLM here; has no effect yet"),
        ("cache_responses", "not a key of LiteLLM here; has no effect yet"),
        ("cache_ttl", "not a key of LiteLLM here; has no effect yet"),
        ("cache", "not a key of LiteLLM here; has no effect yet"),
        ("rpm_limit", "not a key of LiteLLM here; has no effect yet"),
        ("tpm_limit", "not a key of LiteLLM here; has no effect yet"),
        ("track_cost_callback", "not a key of LiteLLM here; has no effect yet"),
        ("langfuse_public_key", "not a key of LiteLLM here; has no effect yet"),
        ("langfuse_secret_key", "not a key of LiteLLM here; has no effect yet"),
        ("langfuse_host", "not a key of LiteLLM here; has no effect yet"),
    ],
    unknown: Unknown::Error,
};

/// `database`, of a tutorial.
pub(in crate::config) const DATABASE: Known = Known {
    live: "\
        connection_string database_url type url",
    later: "",
    notes: &[],
    unknown: Unknown::Error,
};
