//! What is wrong is said with its path, all of it at once.

use super::{MODEL, lines, read};
use crate::config::Severity;

/// Expects exactly one error for a text behind [`MODEL`].
fn error(text: &str, expected: &str) {
    assert_eq!(lines(&format!("{MODEL}{text}"), Severity::Error), [expected], "{text}");
}

/// Expects a warning among others.
fn warning(text: &str, expected: &str) {
    let found = lines(&format!("{MODEL}{text}"), Severity::Warning);
    assert!(found.iter().any(|line| line == expected), "{text}: {found:#?}");
}

#[test]
fn an_unknown_key_has_its_path_and_the_nearest_name() {
    for (text, expected) in [
        (
            "router_settings: {routing_stratgy: least-busy}",
            "router_settings.routing_stratgy: unknown key; did you mean \"routing_strategy\"?",
        ),
        ("general_settings: {master_kye: x}", "general_settings.master_kye: unknown key; did you mean \"master_key\"?"),
        (
            "litellm_settings: {drop_prams: true}",
            "litellm_settings.drop_prams: unknown key; did you mean \"drop_params\"?",
        ),
        ("tollgate: {thread: 2}", "tollgate.thread: unknown key; did you mean \"threads\"?"),
        ("tollgate: {timeouts: {conect: 2}}", "tollgate.timeouts.conect: unknown key; did you mean \"connect\"?"),
        ("tollgate: {zzzzzz: 2}", "tollgate.zzzzzz: unknown key"),
        ("tollgate: {\"a.b\": 2}", "tollgate[\"a.b\"]: unknown key"),
    ] {
        error(text, expected);
    }
}

#[test]
fn what_litellm_ignores_is_a_warning() {
    for (text, expected) in [
        ("model_lst: []", "model_lst: unknown key, ignored; did you mean \"model_list\"?"),
        ("replicaCount: 2", "replicaCount: unknown key, ignored"),
        (
            "router_settings: {retry_policy: {Nonsense: 1}}",
            "router_settings.retry_policy.Nonsense: unknown key, ignored",
        ),
        (
            "general_settings: {store_model_in_db: true}",
            "general_settings.store_model_in_db: accepted, has no effect yet",
        ),
        (
            "router_settings: {model_group_alias: {best: gpt-5}}",
            "router_settings.model_group_alias: \"gpt-5\", which \"best\" stands for, is no model of this file",
        ),
        (
            "router_settings: {fallbacks: [{gpt-4o: [gpt-5]}]}",
            "router_settings.fallbacks: \"gpt-5\" is no model of this file",
        ),
        (
            "router_settings: {optional_pre_call_checks: [promt_caching]}",
            "router_settings.optional_pre_call_checks: unknown check, ignored; did you mean \"prompt_caching\"?",
        ),
        (
            "router_settings: {routing_strategy: rate-limit-aware}",
            "router_settings.routing_strategy: not a strategy of LiteLLM",
        ),
        (
            "router_settings: {provider_budget_config: {opena: {budget_limit: 1, time_period: 1d}}}",
            "router_settings.provider_budget_config.opena: no provider has this name; did you mean \"openai\"?",
        ),
        ("guardrails: []", "guardrails: accepted, has no effect yet"),
        ("a: 1\na: 2", "a: this key stands twice; the last one counts"),
    ] {
        warning(text, expected);
    }
}

#[test]
fn budgets_and_patterns_that_mean_nothing_are_errors() {
    error(
        "router_settings: {provider_budget_config: {cohere: {budget_limit: 1}, cohere_chat: {budget_limit: 1}}}",
        "router_settings.provider_budget_config.cohere_chat: is the same provider as \"cohere\", which has a budget already",
    );
    error(
        "router_settings: {provider_budget_config: {openai: {budget_limit: 1, time_period: 1y}}}",
        "router_settings.provider_budget_config.openai.time_period: is no period such as 30s, 12h, 1d, 30d, 1mo",
    );
    error(
        "litellm_settings: {tag_budget_config: {chat: {time_period: 1d}}}",
        "litellm_settings.tag_budget_config.chat.budget_limit: is missing",
    );
    error(
        "router_settings: {provider_budget_config: {openai: null}}",
        "router_settings.provider_budget_config.openai: expected a budget_limit and a time_period, found nothing",
    );
    let window = "{budget_duration: 1d, max_budget: 1}";
    let twice = format!("litellm_settings: {{budget_limits: [{window}, {window}]}}");
    error(&twice, "litellm_settings.budget_limits: has two windows of 1d");
    let entry = |more: &str| {
        let text = format!("model_list: [{{model_name: m, litellm_params: {{model: openai/m, api_key: k, {more}}}}}]");
        (lines(&text, Severity::Error), lines(&text, Severity::Warning))
    };
    let (errors, _) = entry("tag_regex: [\"ok\", \"(?<!x)y\"]");
    let why = "[1] is no pattern that can be matched in bounded time: look-around and back references are not known";
    assert_eq!(errors, [format!("model_list[0].litellm_params.tag_regex: {why}")]);
    let (errors, warnings) = entry("max_budget: 3");
    let never = "has no budget_duration: it is never spent anew (LiteLLM does not look at such a one)";
    assert_eq!((errors.len(), warnings), (0, vec![format!("model_list[0].litellm_params.max_budget: {never}")]));
}

#[test]
fn a_wrong_value_is_an_error_with_its_path() {
    for (text, expected) in [
        ("router_settings: {routing_strategy: fastest}", "router_settings.routing_strategy: unknown strategy"),
        (
            "router_settings: {routing_strategy: least_busy}",
            "router_settings.routing_strategy: unknown strategy; did you mean \"least-busy\"?",
        ),
        (
            "router_settings: {num_retries: many}",
            "router_settings.num_retries: expected a whole number of 0 or more, found text",
        ),
        (
            "router_settings: {routing_strategy_args: {confidence_threshold_low: 0.6}}",
            "router_settings.routing_strategy_args.confidence_threshold_low: the thresholds must rise between 0 and 1: low, medium, high",
        ),
        ("router_settings: [1]", "router_settings: expected a mapping, found a list"),
        ("router_settings: {fallbacks: 5}", "router_settings.fallbacks: expected a list of mappings, found a number"),
        (
            "router_settings: {load_balancing: [{model_name: b, models: [gpt-4o], weights: [1, 2]}]}",
            "router_settings.load_balancing[0].weights: 2 weights for 1 models",
        ),
        (
            "router_settings: {load_balancing: [{model_name: b, models: [nobody]}]}",
            "router_settings.load_balancing: \"nobody\" in the group \"b\" is no model of this file",
        ),
        (
            "router_settings: {load_balancing: [{model_name: llama, models: [gpt-4o]}]}",
            "router_settings.load_balancing: the group \"llama\" is there already",
        ),
        (
            "general_settings: {allowed_ips: [nowhere]}",
            "general_settings.allowed_ips: holds something that is neither an address nor a network such as 10.0.0.0/8",
        ),
        (
            "general_settings: {litellm_key_header_name: 'my key'}",
            "general_settings.litellm_key_header_name: cannot be a header's name",
        ),
        (
            "litellm_settings: {log_level: LOUD}",
            "litellm_settings.log_level: expected DEBUG, INFO, WARNING, ERROR or CRITICAL",
        ),
        ("tollgate: {threads: 0}", "tollgate.threads: must be between 1 and 1024"),
        ("tollgate: {litellm_compat: 1.5}", "tollgate.litellm_compat: expected \"1.106\" or \"1.80\""),
        ("tollgate: {timeouts: {connect: 0}}", "tollgate.timeouts.connect: must be above 0"),
        (
            "tollgate: {timeouts: {connect: soon}}",
            "tollgate.timeouts.connect: expected seconds, or a duration such as 500ms, 5s, 2m, found text",
        ),
        ("router: latency", "router: expected a mapping, found text"),
        ("fallback_config: {}", "fallback_config: expected a list, found a mapping"),
        ("users: [{user_email: a@b}]", "users[0].user_id: is missing"),
        ("key_settings: [{rate_limit: {}}]", "key_settings[0].api_key: is missing"),
    ] {
        error(text, expected);
    }
}

#[test]
fn a_model_that_cannot_be_called_is_an_error() {
    for (entry, expected) in [
        ("{litellm_params: {model: gpt-4o}}", "model_list[0].model_name: is missing"),
        ("{model_name: a}", "model_list[0].litellm_params: is missing"),
        ("{model_name: a, litellm_params: {}}", "model_list[0].litellm_params.model: is missing"),
        ("text", "model_list[0]: expected a mapping, found text"),
        (
            "{model_name: a, litellm_params: {model: opnai/gpt-4o}}",
            "model_list[0].litellm_params.model: the provider is not known; write <provider>/<model>; \
             did you mean \"openai\"?",
        ),
        (
            "{model_name: a, litellm_params: {model: gpt-4o, custom_llm_provider: grok}}",
            "model_list[0].litellm_params.custom_llm_provider: unknown provider; did you mean \"groq\"?",
        ),
        (
            "{model_name: a, litellm_params: {model: gpt-4o, api_base: 'localhost:8000'}}",
            "model_list[0].litellm_params.api_base: must begin with http:// or https://",
        ),
        (
            "{model_name: a, litellm_params: {model: gpt-4o, weight: -1}}",
            "model_list[0].litellm_params.weight: expected a number of 0 or more, found a number",
        ),
        (
            "{model_name: a, litellm_params: {model: gpt-4o}, model_inf: {}}",
            "model_list[0].model_inf: unknown key; did you mean \"model_info\"?",
        ),
        (
            "{model_name: a, litellm_params: {model: gpt-4o, extra_headers: {\"a b\": c}}}",
            "model_list[0].litellm_params.extra_headers: holds a name that cannot be a header's",
        ),
        (
            "{model_name: a, litellm_params: {model: gpt-4o, extra_headers: {a-b: \"c\\nd\"}}}",
            "model_list[0].litellm_params.extra_headers.a-b: cannot be a header's value",
        ),
    ] {
        assert_eq!(lines(&format!("model_list: [{entry}]"), Severity::Error), [expected], "{entry}");
    }
}

#[test]
fn everything_is_reported_at_once_and_the_rest_still_loads() {
    let text = "
model_list:
  - {model_name: a, litellm_params: {model: gpt-4o, rpm: many}}
  - {model_name: b, litellm_params: {model: nobody/x}}
  - {model_name: c, litellm_params: {model: gpt-4o}}
router_settings: {routing_strategy: fastest, num_retries: -1}
tollgate: {threds: 2}
";
    let paths: Vec<String> =
        lines(text, Severity::Error).iter().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(
        paths,
        [
            "model_list[0].litellm_params.rpm",
            "model_list[1].litellm_params.model",
            "router_settings.num_retries",
            "router_settings.routing_strategy",
            "tollgate.threds",
        ]
    );
    let names: Vec<String> = read(text).config.unwrap().deployments.into_iter().map(|d| d.model_name).collect();
    assert_eq!(names, ["a", "c"]);
}

#[test]
fn a_syntax_error_names_its_place() {
    let found = lines("model_list:\n  - model_name: a\n   litellm_params: x\n", Severity::Error);
    assert!(found[0].contains("not valid YAML") && found[0].contains("line 2 column"), "{found:?}");
    let found = lines("apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: '['\n", Severity::Error);
    assert!(found[0].starts_with("data[\"config.yaml\"]: not valid YAML"), "{found:?}");
}

#[test]
fn a_master_key_that_resolves_to_nothing_does_not_open_the_gateway() {
    let text = "general_settings: {master_key: os.environ/UNSET}";
    let report = crate::config::load(text, &std::collections::HashMap::new());
    assert!(report.has_errors());
    assert_eq!(report.usable().map(|_| ()).unwrap_err().len(), 3);
}

#[test]
fn defaults_of_what_is_made_later_are_checked_at_once() {
    for (text, expected) in [
        ("default_key_generate_params: {max_budgt: 1}", "max_budgt: unknown key; did you mean \"max_budget\"?"),
        ("default_key_generate_params: {duration: daily}", "duration: must be a duration such as 30s, 5m, 1h, 7d, 1mo"),
        (
            "upperbound_key_generate_params: {budget_duration: 30}",
            "budget_duration: must be a duration such as 30s, 5m, 1h, 7d, 1mo",
        ),
        (
            "default_internal_user_params: {user_role: king}",
            "user_role: is no role, such as internal_user or internal_user_viewer",
        ),
        ("default_internal_user_params: {teams: [3]}", "teams: must be team ids, or mappings with a team_id"),
        ("default_team_params: {tpm_limit: 18446744073709551615}", "tpm_limit: is too large"),
    ] {
        let section = text.split(':').next().unwrap();
        error(&format!("litellm_settings: {{{text}}}"), &format!("litellm_settings.{section}.{expected}"));
    }
}
