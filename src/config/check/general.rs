//! `general_settings`, and those of `litellm_settings` that concern the proxy as a whole.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::{Sections, alerting, cost_map, cost_terms, rotation, sharing};
use crate::config::raw::keys;
use crate::config::raw::section::Section;
use crate::config::{Env, General, HealthChecks, UseLimits};
use crate::secret::Secret;

/// Largest body unless said, in MiB.
const MAX_REQUEST_SIZE_MB: u64 = 100;
/// Between two rounds of health checks unless said.
const HEALTH_CHECK_INTERVAL: Duration = Duration::from_secs(300);
/// Keys that stand in tutorials.
const PUBLIC_KEYS: [&str; 5] = ["sk-1234", "sk-master-key", "sk-12345", "sk-123", "sk-litellm"];
/// A key below this length is guessed, not known.
const SHORTEST_KEY: usize = 12;

pub(super) fn read(sections: &Sections<'_>, env: &dyn Env) -> General {
    let Sections { top, litellm, general, router } = *sections;
    let master_key = master_key(general, env);
    let weak_master_key = master_key.as_ref().is_none_or(is_weak);
    let routing = "enable_health_check_routing";
    let health = HealthChecks {
        background: general.flag("background_health_checks").unwrap_or(false),
        interval: general.duration("health_check_interval").unwrap_or(HEALTH_CHECK_INTERVAL),
        routing: general.flag(routing).or_else(|| router.flag(routing)).unwrap_or(true),
        details: general.flag("health_check_details").unwrap_or(true),
    };
    let metrics = "require_auth_for_metrics_endpoint";
    General {
        master_key,
        weak_master_key,
        allowed_ips: allowed_ips(general),
        use_x_forwarded_for: general.flag("use_x_forwarded_for").unwrap_or(false),
        max_request_bytes: general.count("max_request_size_mb").unwrap_or(MAX_REQUEST_SIZE_MB).saturating_mul(1 << 20),
        key_header: header_name(general, "litellm_key_header_name"),
        health,
        require_auth_for_metrics: litellm.flag(metrics).or_else(|| general.flag(metrics)).unwrap_or(false),
        always_include_stream_usage: general.flag("always_include_stream_usage").unwrap_or(false),
        completion_model: general.text("completion_model"),
        image_generation_model: general.text("image_generation_model"),
        drop_params: litellm.flag("drop_params").unwrap_or(false),
        modify_params: litellm.flag("modify_params").unwrap_or(false),
        json_logs: litellm.flag("json_logs"),
        log_level: log_level(litellm, env),
        turn_off_message_logging: litellm.flag("turn_off_message_logging").unwrap_or(false),
        global: UseLimits {
            rpm_limit: general.count("global_rpm_limit"),
            tpm_limit: general.count("global_tpm_limit"),
            max_parallel_requests: general.count("global_max_parallel_requests"),
            ..UseLimits::default()
        },
        max_in_flight_requests_per_worker: general.count("max_in_flight_requests_per_worker"),
        database_url: database_url(top, general, env),
        database_connection_pool_limit: general.small_count("database_connection_pool_limit"),
        user_header_name: header_name(general, "user_header_name"),
        spend_logs_retention: general.wait("maximum_spend_logs_retention_period"),
        spend_logs_retention_interval: general.wait("maximum_spend_logs_retention_interval"),
        disable_spend_logs: general.flag("disable_spend_logs").unwrap_or(false),
        disable_spend_updates: general.flag("disable_spend_updates").unwrap_or(false),
        sharing: sharing::read(sections, env),
        alerting: alerting::read(general, env),
        cost_map: cost_map::read(litellm, env),
        cost_terms: cost_terms::read(litellm),
        key_rotation: rotation::read(general, env),
        budget_exceeded_status: budget_exceeded_status(litellm),
    }
}

/// A file that names a variable which is not set did not mean an open gateway.
fn master_key(general: Section<'_>, env: &dyn Env) -> Option<Secret> {
    let exported = || env.get("LITELLM_MASTER_KEY").filter(|key| !key.is_empty()).map(Secret::new);
    let key = general.secret("master_key").or_else(exported);
    match &key {
        Some(key) if is_weak(key) => general.warning("master_key", "is publicly known, or too short to be a secret"),
        Some(_) => {}
        None if general.map().contains_key("master_key") => {
            general.error("master_key", "is empty, or its variable is not set; take it out to let everybody in");
        }
        None => general.warning("master_key", "is not set: every client is an administrator"),
    }
    key
}

fn is_weak(key: &Secret) -> bool {
    PUBLIC_KEYS.contains(&key.expose()) || key.expose().len() < SHORTEST_KEY
}

/// An HTTP status that says no.
fn budget_exceeded_status(litellm: Section<'_>) -> Option<u16> {
    let status = litellm.count("budget_exceeded_status_code")?;
    let status = u16::try_from(status).ok().filter(|status| {
        http::StatusCode::from_u16(*status).is_ok_and(|status| status.is_client_error() || status.is_server_error())
    });
    if status.is_none() {
        litellm.error("budget_exceeded_status_code", "expected an HTTP status of an error, such as 429");
    }
    status
}

fn header_name(general: Section<'_>, setting: &'static str) -> Option<String> {
    let name = http::HeaderName::try_from(general.text(setting)?);
    if name.is_err() {
        general.error(setting, "cannot be a header's name");
    }
    name.ok().map(|name| name.as_str().to_owned())
}

fn allowed_ips(general: Section<'_>) -> Vec<IpNet> {
    let nets = general.texts("allowed_ips").into_iter().filter_map(|text| {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        if net.is_err() {
            general.error("allowed_ips", "holds something that is neither an address nor a network such as 10.0.0.0/8");
        }
        net.ok()
    });
    nets.collect()
}

/// `log_level` of a tutorial, `set_verbose`, or `LITELLM_LOG`.
fn log_level(litellm: Section<'_>, env: &dyn Env) -> Option<String> {
    let level = |name: &str| match name.to_ascii_lowercase().as_str() {
        "debug" => Some("debug"),
        "info" => Some("info"),
        "warning" | "warn" => Some("warn"),
        "error" | "critical" => Some("error"),
        _ => None,
    };
    if let Some(name) = litellm.text("log_level") {
        let level = level(&name);
        if level.is_none() {
            litellm.error("log_level", "expected DEBUG, INFO, WARNING, ERROR or CRITICAL");
        }
        return level.map(str::to_owned);
    }
    let verbose = litellm.flag("set_verbose").unwrap_or(false).then_some("debug");
    let named = env.get("LITELLM_LOG");
    verbose.or_else(|| named.as_deref().and_then(level)).map(str::to_owned)
}

fn database_url(top: Section<'_>, general: Section<'_>, env: &dyn Env) -> Option<Secret> {
    let tutorial = top.with("database", |database| {
        database.check_keys(&keys::DATABASE);
        ["connection_string", "database_url", "url"].into_iter().find_map(|key| database.secret(key))
    });
    let said = general.secret("database_url").or(tutorial.flatten());
    said.or_else(|| env.get("DATABASE_URL").filter(|url| !url.is_empty()).map(Secret::new))
}
