//! Every spelling means what it says.

use std::time::Duration;

use serde_json::json;

use super::{config, read};
use crate::config::{AccessLog, Affinity, Budget, Config, LogFormat, Strategy, load_file};
use crate::error::Compat;

fn targets(config: &Config, group: &str) -> Vec<String> {
    config.router.fallbacks.general.get(group).into_iter().flatten().map(|target| target.model.clone()).collect()
}

#[test]
fn every_name_of_a_strategy_is_read() {
    for (name, expected) in [
        ("simple-shuffle", Strategy::SimpleShuffle),
        ("least-busy", Strategy::LeastBusy),
        ("latency-based-routing", Strategy::LatencyBased),
        ("latency-based", Strategy::LatencyBased),
        ("latency", Strategy::LatencyBased),
        ("usage-based-routing", Strategy::UsageBased),
        ("usage-based", Strategy::UsageBased),
        ("usage-based-routing-v2", Strategy::UsageBasedV2),
        ("cost-based-routing", Strategy::CostBased),
        ("cost-based", Strategy::CostBased),
        ("least-cost", Strategy::CostBased),
        ("cost_optimized", Strategy::CostBased),
        ("weighted_round_robin", Strategy::WeightedRoundRobin),
        ("rate-limit-aware", Strategy::RateLimitAware),
        ("capability-based", Strategy::SimpleShuffle),
        ("lar1", Strategy::Lar1),
        ("provider-budget-routing", Strategy::ProviderBudget),
    ] {
        let places = [
            format!("router_settings: {{routing_strategy: {name}}}"),
            format!("router: {{type: {name}}}"),
            format!("routing_strategy: {name}"),
        ];
        for text in places {
            assert_eq!(config(&text).router.strategy, expected, "{text}");
        }
    }
}

#[test]
fn what_is_looked_at_before_the_strategy_is_read() {
    let router = config(
        "router_settings:\n  enable_pre_call_checks: true\n  enable_tag_filtering: true\n  tag_filtering_match_any: false\n  \
         optional_pre_call_checks: [prompt_caching, session_affinity, responses_api_deployment_check]\n  \
         model_group_affinity_config: {gpt-4o: [deployment_affinity]}\n  deployment_affinity_ttl_seconds: 60\n  \
         routing_strategy_args: {confidence_threshold_low: 0.1, ttl: 5, lowest_latency_buffer: 0.5}\n",
    )
    .router;
    assert!(router.pre_call_checks);
    assert_eq!(router.tag_filtering, Some(false));
    assert_eq!(router.affinity, Affinity { session: true, prompt: true, key: false });
    assert_eq!(router.group_affinity["gpt-4o"], Affinity { key: true, ..Affinity::default() });
    assert_eq!((router.affinity_ttl, router.latency_ttl), (Duration::from_secs(60), Duration::from_secs(5)));
    assert_eq!((router.confidence.low, router.lowest_latency_buffer), (0.1, 0.5));
    let usual = config("model_list: []").router;
    assert_eq!((usual.tag_filtering, usual.affinity, usual.pre_call_checks), (None, Affinity::default(), false));
}

#[test]
fn budgets_are_read_in_both_spellings() {
    let read = config(
        "router_settings:\n  provider_budget_config:\n    openai: {budget_limit: 0.5, time_period: 1d}\n    \
         azure: {max_budget: 100, budget_duration: monthly}\n    vllm: {budget_limit: 3, time_period: 1d}\n    \
         nobody: {budget_limit: 4, time_period: 1d}\n  tag_routing_prefix: \"route:\"\n\
         litellm_settings: {tag_budget_config: {chat: {max_budget: 2, budget_duration: 7d}}}\n",
    );
    let budget = |max, period: &str| Budget { max_budget: Some(max), budget_duration: Some(period.to_owned()) };
    let providers = &read.router.provider_budgets;
    assert_eq!((&providers["openai"], &providers["azure"]), (&budget(0.5, "1d"), &budget(100.0, "monthly")));
    assert_eq!((&providers["hosted_vllm"], &providers["nobody"]), (&budget(3.0, "1d"), &budget(4.0, "1d")));
    assert_eq!(read.governance.tag_budgets["chat"], budget(2.0, "7d"));
    assert_eq!((read.router.tag_routing_prefix.as_str(), read.router.tag_match_any), ("route:", true));
}

#[test]
fn a_priority_is_an_order_where_no_order_is_said() {
    for (entry, order) in [
        ("litellm_params: {model: gpt-4o}, model_info: {priority: 2}", 2),
        ("litellm_params: {model: gpt-4o, order: 1}, model_info: {priority: 2}", 1),
    ] {
        let config = config(&format!("model_list: [{{model_name: m, {entry}}}]"));
        assert_eq!(config.deployments[0].order, Some(order), "{entry}");
    }
}

#[test]
fn fallbacks_in_every_spelling_are_one() {
    for text in [
        "router_settings: {fallbacks: [{gpt-4o: [llama]}]}",
        "router_settings: {fallbacks: [{gpt-4o: llama}]}",
        "router_settings: {fallbacks: [{gpt-4o: [{model: llama}]}]}",
        "router_settings: {fallbacks: {gpt-4o: [llama]}}",
        "router_settings: {fallbacks: [[gpt-4o, llama]]}",
        "router_settings: {fallbacks: [gpt-4o, llama]}",
        "litellm_settings: {fallbacks: [{gpt-4o: [llama]}]}",
        "fallback_config: [{model_name: gpt-4o, fallback_to: [llama]}]",
        "router_settings: {fallback_config: [{model_name: gpt-4o, fallback_to: llama}]}",
    ] {
        assert_eq!(targets(&config(text), "gpt-4o"), ["llama"], "{text}");
    }
}

#[test]
fn router_settings_win_over_litellm_settings() {
    let both = config(
        "litellm_settings: {num_retries: 7, allowed_fails: 8, fallbacks: [{gpt-4o: [x]}]}\n\
         router_settings: {num_retries: 1, fallbacks: [{gpt-4o: [llama]}]}",
    );
    assert_eq!((both.router.num_retries, both.router.allowed_fails), (1, Some(8)));
    assert_eq!(targets(&both, "gpt-4o"), ["llama"]);
}

#[test]
fn retries_in_every_spelling() {
    for (text, expected) in [
        ("", 2),
        ("router_settings: {num_retries: 5}", 5),
        ("litellm_settings: {num_retries: 5}", 5),
        ("router_settings: {retry_policy: {num_retries: 5}}", 5),
        ("router_settings: {retry_policy: {max_retries: '5'}}", 5),
        ("router_settings: {num_retries: 5, retry_policy: {max_retries: 9}}", 5),
    ] {
        assert_eq!(config(text).router.num_retries, expected, "{text}");
    }
    let router = config(
        "router_settings: {retry_policy: {RateLimitErrorRetries: 4}, \
         model_group_retry_policy: {llama: {TimeoutErrorRetries: 0, num_retries: 6}}}",
    )
    .router;
    assert_eq!((router.retry_policy.rate_limit, router.retry_policy.timeout), (Some(4), None));
    let llama = router.model_group_retry_policy["llama"];
    assert_eq!((llama.timeout, llama.default), (Some(0), Some(6)));
}

#[test]
fn aliases_are_names_and_lists_are_groups() {
    let config = config(
        "router_settings: {model_group_alias: {best: gpt-4o, hush: {model: llama, hidden: true}, all: [gpt-4o, llama]}}",
    );
    assert_eq!((config.router.aliases["best"].model.as_str(), config.router.aliases["best"].hidden), ("gpt-4o", false));
    assert!(config.router.aliases["hush"].hidden);
    assert_eq!(config.virtual_groups[0].members, [("gpt-4o".to_owned(), 1.0), ("llama".to_owned(), 1.0)]);
}

#[test]
fn a_virtual_group_may_carry_the_name_of_a_member() {
    let config = config("router_settings: {load_balancing: [{model_name: gpt-4o, models: [gpt-4o, llama]}]}");
    assert_eq!((config.virtual_groups[0].name.as_str(), config.virtual_groups[0].members.len()), ("gpt-4o", 2));
}

#[test]
fn one_name_is_one_group_with_distinct_ids() {
    let text = "model_list: [{model_name: a, litellm_params: {model: gpt-4o, weight: 2, temperature: 0}},
                             {model_name: a, litellm_params: {temperature: 0, weight: 2, model: gpt-4o}},
                             {model_name: a, litellm_params: {model: gpt-4o}, model_info: {id: mine}}]";
    let ids: Vec<String> = read(text).config.unwrap().deployments.into_iter().map(|d| d.id).collect();
    assert_eq!(ids[0].len(), 64);
    assert_eq!(ids[1], format!("{}-2", ids[0]));
    assert_eq!(ids[2], "mine");
}

#[test]
fn wildcards_are_flagged_and_keep_their_star() {
    for (name, model, provider, upstream) in [
        ("openai/*", "openai/*", "openai", "*"),
        ("*", "*", "openai", "*"),
        ("my-*", "groq/llama-*", "groq", "llama-*"),
    ] {
        let text = format!("model_list: [{{model_name: '{name}', litellm_params: {{model: '{model}'}}}}]");
        let deployment = read(&text).usable().unwrap().deployments.remove(0);
        assert!(deployment.wildcard, "{name}");
        assert_eq!((deployment.provider.name, deployment.upstream_model.as_str()), (provider, upstream), "{name}");
    }
}

#[test]
fn one_entry_in_full() {
    let text = "
model_list:
  - model_name: a
    litellm_params:
      model: fireworks_ai/llama-v3
      api_version: 2024-10-21
      base_url: http://host:81/v1/
      api_key: ${KEY}
      organization: org
      timeout: 1.5
      stream_timeout: 2m
      num_retries: 3
      max_tokens: 100
      top_k: 5
      my_secret: s
      aws_region_name: eu
      input_cost_per_token: 1.0e-6
      tags: [x]
      tag_regex: ['^User-Agent: code/']
      max_budget: 3
      budget_duration: 1mo
      extra_headers: {X-A: b}
      extra_body: {k: v}
    model_info: {rpm: 5, order: 1, output_cost_per_token: 0.1, mode: chat}
";
    let entry = read(text).usable().unwrap().deployments.remove(0);
    assert_eq!(entry.upstream_model, "accounts/fireworks/models/llama-v3");
    assert_eq!(entry.api_version.as_deref(), Some("2024-10-21"));
    assert_eq!(entry.endpoint.unwrap().url(), "http://host:81/v1");
    assert_eq!(entry.api_key.unwrap().expose(), "sk-canary-of-the-environment");
    assert_eq!(
        (entry.timeout, entry.stream_timeout),
        (Some(Duration::from_millis(1500)), Some(Duration::from_secs(120)))
    );
    assert_eq!((entry.tag_regex.len(), entry.tag_regex[0].is_match("User-Agent: code/1")), (1, true));
    assert_eq!(entry.budget, Budget { max_budget: Some(3.0), budget_duration: Some("1mo".to_owned()) });
    assert_eq!((entry.max_retries, entry.limits.rpm, entry.order), (Some(3), Some(5), Some(1)));
    assert_eq!(serde_json::Value::from(entry.defaults), json!({"max_tokens": 100, "top_k": 5}));
    assert_eq!(entry.credentials.into_keys().collect::<Vec<_>>(), ["aws_region_name", "my_secret"]);
    assert_eq!(entry.costs.into_values().collect::<Vec<_>>(), [1.0e-6, 0.1]);
    assert_eq!((entry.tags, entry.extra_headers["x-a"].as_bytes()), (vec!["x".to_owned()], "b".as_bytes()));
    assert_eq!(entry.extra_body["k"], "v");
}

#[test]
fn our_own_section() {
    let own = config("").tollgate;
    assert_eq!((own.litellm_compat, own.h2c, own.access_log), (Compat::V1_106, false, AccessLog::On));
    assert_eq!((own.timeouts.connect, own.timeouts.total), (Duration::from_secs(5), Duration::from_secs(6000)));
    let own = config(
        "litellm_settings: {request_timeout: 30}\n\
         tollgate: {litellm_compat: 1.80, threads: 3, log_format: json, access_log: ./a.log, \
                    timeouts: {connect: 500ms, between_bytes: 2m}, upstream_keepalive: {idle: 9}}",
    )
    .tollgate;
    assert_eq!((own.litellm_compat, own.threads, own.log_format), (Compat::V1_80, 3, Some(LogFormat::Json)));
    assert_eq!(own.access_log, AccessLog::File("./a.log".into()));
    assert_eq!(
        (own.timeouts.connect, own.timeouts.between_bytes),
        (Duration::from_millis(500), Duration::from_secs(120))
    );
    assert_eq!((own.timeouts.total, own.upstream_keepalive.idle), (Duration::from_secs(30), Duration::from_secs(9)));
}

#[test]
fn one_model_without_a_file() {
    let env = super::environment();
    let config = Config::for_model("gpt-4o", Some("http://localhost:1/v1"), &env).usable().unwrap();
    let only = &config.deployments[0];
    assert_eq!(
        (only.model_name.as_str(), only.provider.name, only.upstream_model.as_str()),
        ("gpt-4o", "openai", "gpt-4o")
    );
    assert_eq!(only.endpoint.as_ref().unwrap().port, 1);
    assert!(Config::for_model("nobody/x", None, &env).has_errors());
}

#[test]
fn included_files_are_joined_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "main.yaml",
        "include: [more.yaml, none.yaml]\nmodel_list: [{model_name: a, litellm_params: {model: gpt-4o}}]",
    );
    write("more.yaml", "include: main.yaml\nmodel_list: [{model_name: b, litellm_params: {model: gpt-4o}}]");
    let report = load_file(&folder.path().join("main.yaml"), &super::environment());
    let names: Vec<String> = report.config.unwrap().deployments.into_iter().map(|d| d.model_name).collect();
    assert_eq!(names, ["a", "b"]);
    let errors = report.problems.iter().filter(|problem| problem.severity == crate::config::Severity::Error);
    assert_eq!(errors.map(|problem| problem.path.as_str()).collect::<Vec<_>>(), ["include[1]"]);
}

#[test]
fn the_examples_load() {
    let conf = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    for name in ["demo.yaml", "tollgate.yaml"] {
        let report = load_file(&conf.join(name), &std::collections::HashMap::new());
        assert!(report.usable().is_ok_and(|config| config.deployments.len() >= 5), "{name}");
    }
}

/// One variable that is not set costs one key, not the start.
#[test]
fn a_key_whose_variable_is_not_set_is_left_out() {
    let text = "model_list: [{model_name: a, litellm_params: {model: gpt-4o}}]\n\
                key_settings: [{api_key: os.environ/NOT_SET}, {api_key: sk-said}]";
    let report = read(text);
    let warned = report.problems.iter().any(|problem| problem.path == "key_settings[0].api_key");
    let config = report.usable().unwrap();
    assert_eq!((config.governance.keys.len(), warned), (1, true));
}

#[test]
fn a_further_entry_is_read_as_if_it_stood_in_the_file() {
    let config = config(
        "environment_variables: {MINE: sk-of-the-file}\n\
         tollgate: {providers: [{name: house, base_url: 'http://house:1/v1', dialect: openai}]}\n",
    );
    let read = |entry| config.model_rules.read(&entry, &super::environment());
    let params =
        json!({"model": "house/x", "api_key": "os.environ/MINE", "rpm": 3, "temperature": 0, "mock_timeout": true});
    let (deployment, problems) =
        read(json!({"model_name": "m", "litellm_params": params, "model_info": {"id": "1"}})).unwrap();
    assert_eq!((deployment.id.as_str(), deployment.provider.name, deployment.limits.rpm), ("1", "house", Some(3)));
    assert_eq!(deployment.api_key, Some(crate::secret::Secret::new("sk-of-the-file")));
    assert_eq!(problems.len(), 1, "{problems:?}");
    for (entry, path) in [
        (json!("gpt-4o"), "model"),
        (json!({"litellm_params": {"model": "gpt-4o"}}), "model.model_name"),
        (json!({"model_name": "m"}), "model.litellm_params"),
        (json!({"model_name": "m", "litellm_params": {"model": "nobody/x"}}), "model.litellm_params.model"),
        (json!({"model_name": "m", "litellm_params": {"model": "gpt-4o", "rpm": "x"}}), "model.litellm_params.rpm"),
    ] {
        let problems = read(entry.clone()).unwrap_err();
        assert!(problems.iter().any(|problem| problem.path == path), "{entry}: {problems:?}");
    }
    assert!(!format!("{config:?}").contains("sk-of-the-file"));
}

#[test]
fn what_new_keys_users_and_teams_have() {
    let defaults = config(
        "litellm_settings:
  default_key_generate_params: {max_budget: 1.5, models: gpt-4o, duration: 30d, team_id: t, metadata: {a: b}}
  upperbound_key_generate_params: {max_budget: '100', tpm_limit: 5, budget_duration: weekly}
  default_internal_user_params: {user_role: internal_user, teams: [red, {team_id: blue}], available_teams: [green]}
  default_team_params: {rpm_limit: 3, team_member_permissions: [/key/generate]}
",
    )
    .governance
    .defaults;
    let key =
        json!({"max_budget": 1.5, "models": ["gpt-4o"], "duration": "30d", "team_id": "t", "metadata": {"a": "b"}});
    let teams = json!(["red", {"team_id": "blue"}]);
    for (read, expected) in [
        (defaults.key, key),
        (defaults.upper_bounds, json!({"max_budget": 100.0, "tpm_limit": 5, "budget_duration": "weekly"})),
        (defaults.user, json!({"user_role": "internal_user", "teams": teams, "available_teams": ["green"]})),
        (defaults.team, json!({"rpm_limit": 3, "team_member_permissions": ["/key/generate"]})),
    ] {
        assert_eq!(serde_json::Value::from(read), expected);
    }
    let money = "max_internal_user_budget: 5, internal_user_budget_duration: 7d";
    for (own, expected) in [
        ("", json!({"max_budget": 5.0, "budget_duration": "7d"})),
        (
            ", default_internal_user_params: {max_budget: 1, models: [a]}",
            json!({"max_budget": 1.0, "models": ["a"], "budget_duration": "7d"}),
        ),
    ] {
        let user = config(&format!("litellm_settings: {{{money}{own}}}")).governance.defaults.user;
        assert_eq!(serde_json::Value::from(user), expected);
    }
    let none = config("").governance.defaults;
    assert!([none.key, none.upper_bounds, none.user, none.team].iter().all(serde_json::Map::is_empty));
}

#[test]
fn a_shared_redis_is_found_in_its_places() {
    let url = |text: &str| config(text).general.sharing.map(|sharing| sharing.url.expose().to_owned());
    for (text, expected) in [
        ("router_settings: {redis_url: 'redis://h:1/2'}", "redis://h:1/2"),
        ("router_settings: {redis_host: h, redis_port: 7, redis_password: 'a/b', redis_db: 3}", "redis://:a%2Fb@h:7/3"),
        ("general_settings: {redis_url: 'redis://g:1'}", "redis://g:1"),
        ("litellm_settings: {cache_params: {type: redis, host: c}}", "redis://c:6379"),
    ] {
        assert_eq!(url(text).as_deref(), Some(expected), "{text}");
    }
    for none in ["", "litellm_settings: {cache_params: {type: local, host: c}}", "router_settings: {redis_port: 7}"] {
        assert_eq!(url(none), None, "{none}");
    }
}

#[test]
fn redis_is_reached_over_tls_where_it_is_said() {
    let sharing = |text: &str| config(text).general.sharing.unwrap();
    for (text, expected) in [
        ("router_settings: {redis_host: h, redis_ssl: true}", "rediss://h:6379"),
        ("router_settings: {redis_url: 'rediss://h:1'}", "rediss://h:1"),
        ("litellm_settings: {cache_params: {type: redis, host: c, ssl: true}}", "rediss://c:6379"),
    ] {
        assert_eq!(sharing(text).url.expose(), expected, "{text}");
    }
    let files = "ssl_ca_certs: /ca, ssl_certfile: /own, ssl_keyfile: /key, ssl_cert_reqs: required";
    let tls = sharing(&format!("litellm_settings: {{cache_params: {{type: redis, host: c, ssl: true, {files}}}}}")).tls;
    assert_eq!((tls.authorities, tls.own), (Some("/ca".into()), Some(("/own".into(), "/key".into()))));
    let text = "model_list: []\nrouter_settings: {redis_host: h}";
    let env = [("REDIS_SSL", "True"), ("REDIS_SSL_CA_CERTS", "/ca"), ("REDIS_SSL_CERT_REQS", "none")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let report = crate::config::load(text, &std::collections::HashMap::from(env));
    assert!(report.problems.iter().any(|problem| problem.to_string().contains("always checked")));
    let sharing = report.config.unwrap().general.sharing.unwrap();
    assert_eq!((sharing.url.expose(), sharing.tls.authorities), ("rediss://h:6379", Some("/ca".into())));
}
