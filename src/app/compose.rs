//! From the configuration to the parts of the data plane.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use http::HeaderName;
use pingora_core::connectors::TransportConnector;

use super::format_of;
use super::models::Models;
use super::plane::{LiveDesk, Plane};
use super::spend::Spend;
use crate::admin;
use crate::auth::allow_list::AllowList;
use crate::clock::Clock;
use crate::config::{self, AccessLog, Config};
use crate::governance::Live;
use crate::governance::plan::Rules;
use crate::governance::rows::LimitRow;
use crate::limiter::Zone;
use crate::limiter::lease::{Alone, Outage};
use crate::proxy::Shared;
use crate::proxy::control::ControlPlane;
use crate::proxy::counting::Counting;
use crate::proxy::snapshot::{Settings, Snapshot};
use crate::router::Router;
use crate::router::plan::{
    AliasSpec, CooldownPolicy, DeploymentIx, DeploymentSpec, GroupSpec, MemberSpec, RouterPlan, Strategy,
    VirtualGroupSpec,
};
use crate::router::retry::RetryPolicy;
use crate::store::journal::Lanes;
use crate::store::redis::{Leases, Settings as LeaseSettings};
use crate::store::{SealKey, Store};
use crate::telemetry;
use crate::telemetry::metrics::Metrics;

/// What `serve` runs.
pub struct Parts {
    /// The configuration for requests.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// What requests share.
    pub shared: Arc<Shared>,
    /// Models that are added at run time.
    pub models: Arc<Models>,
    /// The way of what was spent.
    pub spend: Arc<Spend>,
    /// What is shared with other gateways.
    pub leases: Option<Arc<Leases>>,
}

/// Builds everything.
///
/// # Errors
/// A text that says which part of the configuration cannot be used.
pub fn compose(config: &Config, store: Store, seal: SealKey, lanes: Arc<Lanes>) -> Result<Parts, String> {
    let metrics = Arc::new(Metrics::new().map_err(|error| error.to_string())?);
    let snapshot = Arc::new(ArcSwap::from_pointee(self::snapshot(config, &metrics)?));
    let access_log = telemetry::access_line::AccessLog::new(log_format(config), metrics.access_lines_dropped.clone());
    count_panics(&metrics);
    let clock = Clock::start();
    let leases = leases(config, clock, &store)?;
    let cluster = leases.as_ref().map(|leases| Arc::clone(leases.cluster()));
    let master_key = config.general.master_key.as_ref();
    let live = Live::new(master_key, &config.governance, rules(config), Some(store.clone()), cluster);
    let live = Arc::new(live);
    let spend = Arc::new(Spend::new(&config.general, lanes, store.clone()));
    let models = Models::new(config, Arc::clone(&metrics), store.clone(), seal.clone(), Arc::clone(&snapshot));
    let models = Arc::new(models);
    let control = control_plane(config, &live, &models, leases.clone(), (store, seal));
    let shared = Shared {
        live,
        control: Some(control),
        connector: TransportConnector::new(None),
        metrics,
        access_log: Arc::new(access_log),
        clock,
        leases: leases.clone(),
        journal: Arc::clone(&spend.lanes.own().journal),
        counting: Counting::start(),
        conversations: Arc::default(),
        draining: AtomicBool::new(false),
    };
    Ok(Parts { snapshot, shared: Arc::new(shared), models, spend, leases })
}

/// What several gateways share, if they share anything.
fn leases(config: &Config, clock: Clock, store: &Store) -> Result<Option<Arc<Leases>>, String> {
    let Some(sharing) = &config.general.sharing else { return Ok(None) };
    let alone = |is_open: bool| if is_open { Alone::Whole } else { Alone::Part };
    let settings = LeaseSettings {
        url: sharing.url.clone(),
        namespace: sharing.namespace.clone(),
        outage: Outage { rates: alone(sharing.rates_open), money: alone(sharing.budgets_open) },
    };
    let leases = Leases::new(&settings, clock, Some(Arc::new(store.clone())));
    leases.map(Some).map_err(|_| "the address of Redis cannot be read".to_owned())
}

/// What requests see of a configuration.
///
/// # Errors
/// A text that says which part of it cannot be used.
pub fn snapshot(config: &Config, metrics: &Metrics) -> Result<Snapshot, String> {
    let router = Router::new(plan(config)).map_err(|error| error.to_string())?;
    Snapshot::build(config, router, settings(config)?, metrics)
}

fn control_plane(
    config: &Config,
    live: &Arc<Live>,
    models: &Arc<Models>,
    leases: Option<Arc<Leases>>,
    (store, seal): (Store, SealKey),
) -> Arc<dyn ControlPlane> {
    let (live, models) = (Arc::clone(live), Arc::clone(models));
    let desk = LiveDesk { live: Arc::clone(&live), store: store.clone(), models, leases };
    let defaults = config.governance.defaults.clone();
    let settings = admin::Settings {
        compat: config.tollgate.litellm_compat,
        zone: live.rules().zone.clone(),
        default_key: defaults.key,
        upper_bounds: defaults.upper_bounds,
        default_user: defaults.user,
        default_team: defaults.team,
        max_budget: config.governance.global.max_budget,
        seal: Some(seal),
        model_rules: config.model_rules.clone(),
    };
    let control = admin::Control::new(store, Arc::new(desk), settings, Arc::new(crate::clock::unix_millis));
    Arc::new(Plane(admin::ControlPlane::new(Arc::new(control))))
}

/// What limits depend on beside the limited.
fn rules(config: &Config) -> Rules {
    let governance = &config.governance;
    let dollars = |max_budget: Option<f64>| LimitRow { max_budget, ..LimitRow::default() };
    Rules {
        zone: governance.timezone.as_deref().and_then(Zone::named).unwrap_or_default(),
        user_budget_for_team_keys: governance.apply_user_budget_to_team_keys,
        customer: dollars(governance.max_end_user_budget),
        global: LimitRow {
            budget_duration: governance.global.budget_duration.clone(),
            ..dollars(governance.global.max_budget)
        },
    }
}

/// How lines are written.
pub fn log_format(config: &Config) -> telemetry::log::Format {
    match config.general.json_logs {
        Some(true) => telemetry::log::Format::Json,
        _ => format_of(config.tollgate.log_format),
    }
}

/// A panic costs one request; Tokio swallows it, so it is counted and logged here.
fn count_panics(metrics: &Arc<Metrics>) {
    let metrics = Arc::clone(metrics);
    std::panic::set_hook(Box::new(move |panic| {
        metrics.panics.inc();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic: this is a bug, please report it");
    }));
}

fn settings(config: &Config) -> Result<Settings, String> {
    let general = &config.general;
    let key_header = general.key_header.as_deref().map(HeaderName::try_from).transpose();
    Ok(Settings {
        compat: config.tollgate.litellm_compat,
        timeouts: config.tollgate.timeouts,
        max_body: usize::try_from(general.max_request_bytes).unwrap_or(usize::MAX),
        allow_list: AllowList::new(general.allowed_ips.clone()),
        use_x_forwarded_for: general.use_x_forwarded_for,
        key_header: key_header.map_err(|error| format!("litellm_key_header_name: {error}"))?,
        metrics_need_key: general.require_auth_for_metrics,
        always_stream_usage: general.always_include_stream_usage,
        budget_exceeded_status: general.budget_exceeded_status,
        user_header_name: general.user_header_name.clone(),
        completion_model: general.completion_model.clone(),
        max_in_flight: max_in_flight(config),
        access_log: config.tollgate.access_log != AccessLog::Off,
    })
}

/// The lower of our own limit and LiteLLM's.
fn max_in_flight(config: &Config) -> Option<i64> {
    let ours = config.tollgate.max_in_flight.and_then(|most| i64::try_from(most).ok());
    let litellms = config.general.global_max_parallel_requests.and_then(|most| i64::try_from(most).ok());
    ours.into_iter().chain(litellms).min()
}

fn plan(config: &Config) -> RouterPlan {
    let router = &config.router;
    let retry = RetryPolicy {
        num_retries: router.num_retries,
        per_class: router.retry_policy,
        retry_after: router.retry_after,
    };
    RouterPlan {
        deployments: config.deployments.iter().map(deployment).collect(),
        groups: groups(config, retry),
        aliases: router
            .aliases
            .iter()
            .map(|(alias, to)| AliasSpec { alias: alias.clone(), model: to.model.clone(), hidden: to.hidden })
            .collect(),
        virtual_groups: config
            .virtual_groups
            .iter()
            .map(|group| VirtualGroupSpec { name: group.name.clone(), members: group.members.clone() })
            .collect(),
        strategy: match router.strategy {
            config::Strategy::LeastBusy => Strategy::LeastBusy,
            config::Strategy::LatencyBased => Strategy::Latency,
            _ => Strategy::SimpleShuffle,
        },
        retry,
        cooldown: CooldownPolicy {
            disabled: router.disable_cooldowns,
            cooldown_time: router.cooldown_time,
            allowed_fails: router.allowed_fails,
            allowed_fails_policy: router.allowed_fails_policy.unwrap_or_default(),
        },
    }
}

fn deployment(deployment: &config::Deployment) -> DeploymentSpec {
    DeploymentSpec { cooldown_time: deployment.cooldown_time, ..DeploymentSpec::default() }
}

/// One group a `model_name`, in the order of the file.
fn groups(config: &Config, retry: RetryPolicy) -> Vec<GroupSpec> {
    let mut groups: Vec<GroupSpec> = Vec::new();
    for (index, deployment) in config.deployments.iter().enumerate() {
        let member = MemberSpec {
            deployment: DeploymentIx(u32::try_from(index).unwrap_or(u32::MAX)),
            weight: deployment.weight.unwrap_or(0.0),
            rpm: deployment.limits.rpm.unwrap_or(0),
            tpm: deployment.limits.tpm.unwrap_or(0),
            order: deployment.order.and_then(|order| i32::try_from(order).ok()).unwrap_or(0),
        };
        match groups.iter_mut().find(|group| group.name == deployment.model_name) {
            Some(group) => group.members.push(member),
            None => groups.push(GroupSpec {
                name: deployment.model_name.clone(),
                members: vec![member],
                retry: config
                    .router
                    .model_group_retry_policy
                    .get(&deployment.model_name)
                    .map(|per_class| RetryPolicy { per_class: *per_class, ..retry }),
            }),
        }
    }
    groups
}
