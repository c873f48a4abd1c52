//! What is done beside requests, and who may make keys.

use std::collections::HashMap;

use super::config;
use crate::config::{Config, CostMap, Margin, Report, load};

#[test]
fn who_may_make_keys() {
    let text = "litellm_settings:
  key_generation_settings:
    team_key_generation: {allowed_team_member_roles: [admin], required_params: [tags]}
    personal_key_generation: {required_params: [duration]}
";
    let rules = config(text).governance.key_generation.unwrap();
    assert_eq!(
        (rules.of_team.roles.unwrap(), rules.of_team.required),
        (vec!["admin".to_owned()], vec!["tags".to_owned()])
    );
    assert_eq!((rules.personal.roles, rules.personal.required), (None, vec!["duration".to_owned()]));
    assert!(config("").governance.key_generation.is_none());
    let none =
        config("litellm_settings: {key_generation_settings: {personal_key_generation: {allowed_user_roles: []}}}");
    assert_eq!(none.governance.key_generation.unwrap().personal.roles, Some(Vec::new()), "nobody may");
}

#[test]
fn keys_rotate_where_the_environment_says_so() {
    let env = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| (format!("LITELLM_KEY_ROTATION_{name}"), (*value).to_owned()));
        crate::config::load("model_list: []", &pairs.collect::<std::collections::HashMap<_, _>>())
    };
    let rotation = |pairs: &[(&str, &str)]| env(pairs).config.unwrap().general.key_rotation;
    assert_eq!(rotation(&[("GRACE_PERIOD", "24h")]), None);
    let day = rotation(&[("ENABLED", "True")]).unwrap();
    assert_eq!((day.every.as_secs(), day.grace_period), (86_400, None));
    let all = [("ENABLED", "true"), ("CHECK_INTERVAL_SECONDS", "5"), ("GRACE_PERIOD", "24h")];
    let said = rotation(&all).unwrap();
    assert_eq!((said.every.as_secs(), said.grace_period.as_deref()), (5, Some("24h")));
    for wrong in [("CHECK_INTERVAL_SECONDS", "0"), ("GRACE_PERIOD", "30"), ("GRACE_PERIOD", "soon")] {
        assert!(env(&[("ENABLED", "true"), wrong]).has_errors(), "{wrong:?}");
    }
}

fn with_env(text: &str, pairs: &[(&str, &str)]) -> Report {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(&format!("model_list: []\ngeneral_settings: {text}"), &pairs.collect::<HashMap<_, _>>())
}

#[test]
fn alerts_go_where_they_are_wanted() {
    let env = [("SLACK_WEBHOOK_URL", "https://slack/a"), ("WEBHOOK_URL", "http://ours/b?c=d")];
    let places = |config: Option<Config>| {
        let alerting = config.unwrap().general.alerting?;
        let slack: Vec<String> = alerting.slack.iter().map(|url| url.expose().to_owned()).collect();
        Some((slack, alerting.webhook.map(|url| url.expose().to_owned())))
    };
    for (text, slack, webhook) in [
        ("{alerting: [slack]}", &["https://slack/a"][..], None),
        ("{alerting: [webhook], alert_types: [budget_alerts, llm_too_slow]}", &[], Some("http://ours/b?c=d")),
        (
            "{alerting: [slack], alert_to_webhook_url: {budget_alerts: ['http://x', 'http://y']}}",
            &["http://x", "http://y"],
            None,
        ),
        ("{alerting: [slack], alert_to_webhook_url: {budget_alerts: 'http://x'}}", &["http://x"], None),
    ] {
        let (found_slack, found) = places(with_env(text, &env).config).unwrap();
        assert_eq!(
            (found_slack.iter().map(String::as_str).collect::<Vec<_>>(), found.as_deref()),
            (slack.to_vec(), webhook),
            "{text}"
        );
    }
    for none in ["{}", "{alerting: []}", "{alerting: [slack], alert_types: [llm_exceptions]}", "{alerting: [email]}"] {
        assert_eq!(places(with_env(none, &env).config), None, "{none}");
    }
    let nowhere = with_env("{alerting: [slack, email]}", &[]);
    assert!(places(nowhere.config).is_none() && nowhere.problems.len() >= 2, "{:?}", nowhere.problems);
    let wrong = with_env("{alerting: [webhook]}", &[("WEBHOOK_URL", "canary://secret")]);
    assert!(wrong.problems.iter().any(|problem| problem.to_string().contains("expected an address")));
    assert!(!format!("{:?}", wrong.problems).contains("canary"), "{:?}", wrong.problems);
}

#[test]
fn the_price_table_is_where_file_or_environment_say() {
    let read = |text: &str, pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(&format!("model_list: []\nlitellm_settings: {text}"), &pairs.collect::<HashMap<_, _>>())
    };
    let place = |text: &str, pairs: &[(&str, &str)]| match read(text, pairs).config.unwrap().general.cost_map {
        CostMap::BuiltIn => "built-in".to_owned(),
        CostMap::Local => "local".to_owned(),
        CostMap::File(path) => format!("file {}", path.display()),
        CostMap::Address { url, min_models, max_shrink } => format!("{} {min_models:?} {max_shrink:?}", url.expose()),
    };
    let exported = ("LITELLM_MODEL_COST_MAP_URL", "https://x/prices.json?t=1");
    let least = [("MODEL_COST_MAP_MIN_MODEL_COUNT", "7"), ("MODEL_COST_MAP_MAX_SHRINK_RATIO", "0.25")];
    for (text, pairs, found) in [
        ("{}", &[][..], "built-in"),
        ("{model_cost_map_url: ''}", &[], "built-in"),
        ("{model_cost_map_url: ./prices.json}", &[exported], "file ./prices.json"),
        ("{model_cost_map_url: 'file:///etc/prices.json'}", &[], "file /etc/prices.json"),
        ("{}", &[exported], "https://x/prices.json?t=1 None None"),
        ("{}", &[exported, least[0], least[1]], "https://x/prices.json?t=1 Some(7) Some(0.25)"),
        ("{model_cost_map_url: ./prices.json}", &[("LITELLM_LOCAL_MODEL_COST_MAP", "True")], "local"),
        ("{}", &[exported, ("LITELLM_LOCAL_MODEL_COST_MAP", "false")], "https://x/prices.json?t=1 None None"),
    ] {
        assert_eq!(place(text, pairs), found, "{text} {pairs:?}");
    }
    for wrong in ["ftp://x/canary", "https://", "http:// canary", "https://user:canary@x/prices.json"] {
        let report = read("{}", &[("LITELLM_MODEL_COST_MAP_URL", wrong)]);
        assert!(report.has_errors(), "{wrong}");
        assert!(!format!("{:?}", report.problems).contains("canary"), "{:?}", report.problems);
    }
    assert!(read("{}", &[exported, ("MODEL_COST_MAP_MIN_MODEL_COUNT", "many")]).has_errors());
}

#[test]
fn discounts_and_margins_are_parts_of_a_price() {
    let terms = |text: &str| config(&format!("litellm_settings: {text}")).general.cost_terms;
    let all = terms(
        "{cost_discount_config: {openai: 0.05}, cost_margin_config: {global: 0.1, azure: {percentage: '0.2', fixed_amount: 0.001}}}",
    );
    let margin = |percentage, fixed_amount| Margin { percentage, fixed_amount };
    assert_eq!(all.of("openai"), (0.05, margin(0.1, 0.0)));
    assert_eq!(all.of("azure"), (0.0, margin(0.2, 0.001)));
    assert_eq!(terms("{}").of("openai"), (0.0, Margin::default()));
    for wrong in [
        "{cost_discount_config: {openai: 1.5}}",
        "{cost_discount_config: {openai: much}}",
        "{cost_margin_config: {openai: -0.1}}",
        "{cost_margin_config: {global: 11}}",
        "{cost_margin_config: {global: {percent: 1}}}",
        "{cost_margin_config: {global: {fixed_amount: -1}}}",
    ] {
        assert!(super::read(&format!("model_list: []\nlitellm_settings: {wrong}")).has_errors(), "{wrong}");
    }
}
