//! The configuration files of five public tutorials, as their authors wrote them: each loads without an error and
//! means what its author meant.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate::config::{Config, Deployment, Severity, Strategy, load_file};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seeds")
}

/// What the tutorials tell their readers to export.
fn environment() -> HashMap<String, String> {
    [
        ("OPENAI_API_KEY", "sk-openai"),
        ("OPENAI_EU_API_KEY", "sk-openai-eu"),
        ("ANTHROPIC_API_KEY", "sk-ant"),
        ("COHERE_API_KEY", "cohere"),
        ("GEMINI_API_KEY", "gemini"),
        ("AZURE_API_KEY", "azure"),
        ("AZURE_API_BASE", "https://example.openai.azure.com"),
        ("LITELLM_MASTER_KEY", "sk-from-the-environment"),
        ("LITELLM_DATABASE_URL", "postgresql://genai_user:genai_password@postgres-service:5432/genai_platform"),
        ("LANGFUSE_PUBLIC_KEY", "pk"),
        ("LANGFUSE_SECRET_KEY", "sk-lf"),
        ("LANGFUSE_HOST", "http://langfuse-service:3000"),
        ("REDIS_HOST", "redis-service"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Loads a fixture; fails on any error.
fn seed(name: &str) -> Config {
    seed_in(name, &environment())
}

fn seed_in(name: &str, environment: &HashMap<String, String>) -> Config {
    let report = load_file(&fixtures().join(name), environment);
    let errors: Vec<String> =
        report.problems.iter().filter(|p| p.severity == Severity::Error).map(ToString::to_string).collect();
    assert_eq!(errors, [""; 0], "{name}");
    report.config.unwrap_or_else(|| unreachable!("{name} was read without an error"))
}

/// `model_name`, provider and model upstream of each deployment.
fn models(config: &Config) -> Vec<(&str, &str, &str)> {
    config.deployments.iter().map(|d| (d.model_name.as_str(), d.provider.name, d.upstream_model.as_str())).collect()
}

fn fallbacks<'c>(config: &'c Config, group: &str) -> Vec<&'c str> {
    let targets = config.router.fallbacks.general.get(group);
    targets.into_iter().flatten().map(|target| target.model.as_str()).collect()
}

fn members<'c>(config: &'c Config, group: &str) -> Vec<(&'c str, f64)> {
    let group = config.virtual_groups.iter().find(|candidate| candidate.name == group);
    group.into_iter().flat_map(|group| &group.members).map(|(name, weight)| (name.as_str(), *weight)).collect()
}

fn key(deployment: &Deployment) -> Option<&str> {
    deployment.api_key.as_ref().map(tollgate::secret::Secret::expose)
}

#[test]
fn every_fixture_loads_without_an_error() {
    let names = std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.inspect(|name| drop(seed(name))).count() >= 15);
}

#[test]
fn kubernetes_config_map_with_virtual_groups() {
    let config = seed("000-litellm-config.yaml");
    assert_eq!(
        models(&config),
        [
            ("gpt-3.5-turbo", "openai", "gpt-3.5-turbo"),
            ("gpt-4", "openai", "gpt-4"),
            ("claude-3-sonnet", "anthropic", "claude-3-sonnet-20240229"),
            ("llama2-7b", "hosted_vllm", "meta-llama/Llama-2-7b-hf"),
            ("llama2-70b", "hosted_vllm", "meta-llama/Llama-2-70b-hf"),
        ]
    );
    let gpt = &config.deployments[0];
    assert_eq!(key(gpt), Some("sk-openai"));
    assert_eq!(
        serde_json::Value::from(gpt.defaults.clone()),
        serde_json::json!({"max_tokens": 4000, "temperature": 0.7})
    );
    let llama = config.deployments[3].endpoint.as_ref().unwrap();
    assert_eq!((llama.host.as_str(), llama.port, llama.base_path.as_str()), ("vllm-service", 8000, "/v1"));
    assert_eq!(config.router.strategy, Strategy::LeastBusy);
    assert_eq!((config.router.num_retries, config.router.backoff_factor), (3, 2.0));
    assert_eq!(fallbacks(&config, "gpt-4"), ["gpt-3.5-turbo"]);
    assert_eq!(fallbacks(&config, "claude-3-sonnet"), ["gpt-4"]);
    assert_eq!(fallbacks(&config, "llama2-70b"), ["llama2-7b"]);
    assert_eq!(members(&config, "balanced-gpt"), [("gpt-3.5-turbo", 0.7), ("gpt-4", 0.3)]);
    assert_eq!(members(&config, "balanced-local"), [("llama2-7b", 0.8), ("llama2-70b", 0.2)]);
    assert_eq!(config.general.master_key.as_ref().unwrap().expose(), "sk-from-the-environment");
    assert!(config.general.database_url.as_ref().unwrap().expose().contains("genai_platform"));
    assert_eq!(config.general.allowed_ips.len(), 1);
}

#[test]
fn users_and_teams_of_a_config_map() {
    let config = seed("000-user-management.yaml");
    let users = &config.governance.users;
    assert_eq!(users.len(), 3);
    assert_eq!(
        (users[0].user_id.as_str(), users[0].user_email.as_deref()),
        ("agent-user-1", Some("agent1@example.com"))
    );
    assert_eq!(users[0].models, ["gpt-3.5-turbo", "llama2-7b"]);
    assert_eq!((users[1].budget.max_budget, users[1].budget.budget_duration.as_deref()), (Some(500.0), Some("1mo")));
    assert_eq!(users[2].models, ["*"]);
    let teams = &config.governance.teams;
    assert_eq!((teams[0].team_id.as_str(), teams[0].team_alias.as_deref()), ("development-team", Some("dev")));
    let members: Vec<&str> = teams[0].members.iter().map(|member| member.user_id.as_str()).collect();
    assert_eq!(members, ["agent-user-1", "agent-user-2"]);
    assert_eq!((teams[1].budget.max_budget, teams[1].budget.budget_duration.as_deref()), (Some(5000.0), Some("1mo")));
}

#[test]
fn helm_values_bring_their_own_environment() {
    let config = seed_in("001-values-rendered.yaml", &HashMap::new());
    assert_eq!(
        models(&config),
        [
            ("meta-llama/Llama-3.2-1B-Instruct", "openai", "meta-llama/Llama-3.2-1B-Instruct"),
            ("claude-3-sonnet", "bedrock", "anthropic.claude-3-sonnet-20240229-v1:0"),
            ("claude-3.5-haiku", "bedrock", "anthropic.claude-3-5-haiku-20241022-v1:0"),
        ]
    );
    assert_eq!(key(&config.deployments[0]), Some("dummy"));
    assert!(config.deployments[1].credentials.contains_key("aws_region_name"));
    assert_eq!(config.general.master_key.as_ref().unwrap().expose(), "sk-1234");
    assert!(config.general.weak_master_key && config.general.drop_params);
    assert_eq!(config.general.log_level.as_deref(), Some("debug"));
    assert_eq!(config.router.strategy, Strategy::CostBased);
    assert_eq!(members(&config, "claude-models"), [("claude-3-sonnet", 1.0), ("claude-3.5-haiku", 1.0)]);
    assert_eq!(members(&config, "llama-models"), [("meta-llama/Llama-3.2-1B-Instruct", 1.0)]);
}

#[test]
fn bare_model_names_find_their_providers() {
    let config = seed("002-proxy-setup.yaml");
    assert_eq!(
        models(&config),
        [
            ("gpt-4", "openai", "gpt-4"),
            ("claude-3-opus", "anthropic", "claude-3-opus-20240229"),
            ("cohere-command", "cohere", "command"),
            ("local-llama", "hosted_vllm", "meta-llama/Llama-2-70b-hf"),
        ]
    );
    let keys: Vec<_> = config.deployments.iter().map(key).collect();
    assert_eq!(keys, [Some("sk-openai"), Some("sk-ant"), Some("cohere"), Some("fake-api-key")]);
    assert!(config.general.weak_master_key);
    assert_eq!(models(&seed("002-credentials.yaml")).len(), 2);
}

#[test]
fn metadata_speaks_of_the_model() {
    let config = seed("002-routing.yaml");
    assert_eq!(config.router.strategy, Strategy::LatencyBased);
    assert_eq!(config.router.conditional.cost_threshold, Some(0.01));
    assert_eq!(config.router.conditional.context_threshold, Some(50_000));
    let opus = &config.deployments[2];
    assert!(opus.defaults.is_empty());
    assert_eq!(opus.model_info["max_tokens"], 100_000);
    assert_eq!(opus.model_info["capabilities"][1], "analysis");
}

#[test]
fn fallback_config_names_targets_and_retries() {
    let config = seed("002-fallback.yaml");
    assert_eq!(fallbacks(&config, "gpt-4"), ["claude-opus", "gpt-3.5-turbo"]);
    assert_eq!(config.router.model_group_retry_policy["gpt-4"].default, Some(3));
    assert_eq!(config.router.retry_after, Duration::from_secs(2));
}

#[test]
fn database_and_log_level_of_a_tutorial() {
    let config = seed_in("002-logging.yaml", &HashMap::new());
    let url = config.general.database_url.as_ref().unwrap();
    assert_eq!(url.expose(), "postgresql://user:pass@localhost:5432/litellm");
    assert_eq!(config.general.log_level.as_deref(), Some("debug"));
}

#[test]
fn rate_limits_and_budgets_of_keys() {
    let keys = seed("002-rate-limits.yaml").governance.keys;
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0].api_key.expose(), "user-key-123");
    assert_eq!((keys[0].limits.rpm_limit, keys[0].limits.tpm_limit), (Some(60), Some(100_000)));
    assert_eq!((keys[1].budget.max_budget, keys[1].budget.budget_duration.as_deref()), (Some(1000.0), Some("monthly")));
}

#[test]
fn weights_of_two_regions_become_one_group() {
    let config = seed("002-load-balancing.yaml");
    assert_eq!(config.router.strategy, Strategy::WeightedRoundRobin);
    assert_eq!(members(&config, "gpt-4"), [("gpt-4-us", 0.6), ("gpt-4-eu", 0.4)]);
    let keys: Vec<_> = config.deployments.iter().map(key).collect();
    assert_eq!(keys, [Some("sk-openai"), Some("sk-openai-eu")]);
    assert_eq!(config.deployments[1].endpoint.as_ref().unwrap().host, "api.openai-eu.com");
}

#[test]
fn a_chain_of_three_providers() {
    let config = seed("003-fallback-chain.yaml");
    assert_eq!(fallbacks(&config, "openai/gpt-4o"), ["anthropic/claude-sonnet", "gemini/gemini-pro"]);
    assert_eq!(fallbacks(&config, "anthropic/claude-sonnet"), ["gemini/gemini-pro"]);
    assert_eq!(config.router.aliases["best"].model, "openai/gpt-4o");
    assert_eq!((config.router.allowed_fails, config.router.cooldown_time), (Some(3), Some(Duration::from_secs(60))));
}

#[test]
fn one_group_over_two_providers() {
    let config = seed("004-litellm-config.yaml");
    assert_eq!(
        models(&config),
        [
            ("gpt-4o", "openai", "gpt-4o"),
            ("claude-sonnet", "anthropic", "claude-sonnet-4-20250514"),
            ("gpt-4o", "azure", "gpt-4o-deployment"),
        ]
    );
    assert_eq!(config.deployments[2].endpoint.as_ref().unwrap().host, "example.openai.azure.com");
    assert_eq!(config.router.strategy, Strategy::LatencyBased);
    assert_eq!(config.router.num_retries, 3);
    assert_eq!(fallbacks(&config, "gpt-4o"), ["claude-sonnet"]);
    assert_eq!(seed("004-latency-based.yaml").router.strategy, Strategy::LatencyBased);
    assert_eq!(seed("004-cost-based.yaml").router.strategy, Strategy::CostBased);
}

#[test]
fn weights_in_model_info_count() {
    let config = seed("004-load-balancing.yaml");
    let weights: Vec<_> = config.deployments.iter().map(|d| (d.provider.name, d.weight, d.limits.rpm)).collect();
    assert_eq!(weights, [("openai", Some(0.5), Some(1000)), ("azure", Some(0.5), Some(2000))]);
}

#[test]
fn teams_with_budgets_and_wildcards() {
    let teams = seed("004-teams.yaml").governance.teams;
    assert_eq!(teams.len(), 2);
    assert_eq!((teams[0].team_id.as_str(), teams[0].budget.max_budget), ("engineering", Some(500.0)));
    assert_eq!(teams[1].models, ["gpt-4o", "claude-sonnet", "embedding-*"]);
}
