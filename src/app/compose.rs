//! From the configuration to the parts of the data plane.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderName;
use pingora_core::connectors::TransportConnector;

use super::facts::facts;
use super::format_of;
use super::groups::groups;
use super::models::Models;
use super::plane::{LiveDesk, Plane};
use super::prices::PriceList;
use super::routing_shown::router_settings;
use super::spend::Spend;
use super::{outlays, overload};
use crate::admin;
use crate::auth::allow_list::AllowList;
use crate::clock::{Clock, unix_millis};
use crate::config::{self, AccessLog, Affinity, Config};
use crate::governance::plan::Rules;
use crate::governance::rows::{LimitRow, WindowRow};
use crate::governance::{Live, declared};
use crate::limiter::Zone;
use crate::limiter::lease::{Alone, Outage};
use crate::pricing::{Book, Table};
use crate::proxy::Shared;
use crate::proxy::checkup::Checkups;
use crate::proxy::counting::Counting;
use crate::proxy::loans::Loans;
use crate::proxy::snapshot::{Settings, Snapshot};
use crate::router::affinity::AffinityTimes;
use crate::router::fallback::FallbackLists;
use crate::router::plan::{
    AliasSpec, Checks, CooldownPolicy, DeploymentIx, DeploymentSpec, LatencyArgs, RouterPlan, Strategy,
};
use crate::router::retry::RetryPolicy;
use crate::router::state::DeploymentState;
use crate::router::tags::Match;
use crate::router::{self, Router};
use crate::store::journal::Lanes;
use crate::store::redis::{Leases, Settings as LeaseSettings, Tls};
use crate::store::{SealKey, Store, View};
use crate::telemetry;
use crate::telemetry::metrics::Metrics;

/// How long a provider's prompt cache is likely warm: five minutes after its last use, as Anthropic and OpenAI say.
const WARM: Duration = Duration::from_secs(5 * 60);

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
    /// Who changes what is managed.
    pub control: Arc<admin::Control>,
}

/// Builds everything.
///
/// # Errors
/// A text that says which part of the configuration cannot be used.
pub fn compose(config: &Config, store: Store, seal: SealKey, lanes: Arc<Lanes>) -> Result<Parts, String> {
    let metrics = Arc::new(Metrics::new().map_err(|error| error.to_string())?);
    let clock = Clock::start();
    let access_log = telemetry::access_line::AccessLog::new(log_format(config), metrics.access_lines_dropped.clone());
    count_panics(&metrics);
    let leases = leases(config, clock, &store)?;
    let cluster = leases.as_ref().map(|leases| Arc::clone(leases.cluster()));
    let master_key = config.general.master_key.as_ref();
    let live = Live::new(master_key, &config.governance, rules(config), Some(store.clone()), cluster);
    let live = Arc::new(live);
    let prices = PriceList::open(config)?;
    let snapshot = self::snapshot(config, (&live, &prices.book), &metrics, clock, None)?;
    let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
    let spend = Arc::new(Spend::new(&config.general, lanes, store.clone()));
    let known = (Arc::clone(&live), Arc::clone(&metrics));
    let models = Models::new(config, (known, prices), clock, (store.clone(), seal.clone()), Arc::clone(&snapshot));
    let models = Arc::new(models);
    let control = Arc::new(control(config, &live, &models, leases.clone(), (store, seal)));
    let shared = Shared {
        live,
        control: Some(Arc::new(Plane(admin::ControlPlane::new(Arc::clone(&control))))),
        connector: TransportConnector::new(None),
        metrics,
        access_log: Arc::new(access_log),
        clock,
        leases: leases.clone(),
        loans: Loans::default(),
        journal: Arc::clone(&spend.lanes.own().journal),
        counting: Counting::start(),
        conversations: Arc::default(),
        checkups: Arc::new(Checkups::new(config.general.health.background)),
        shares: Arc::default(),
        keyless: Arc::default(),
        pages: Arc::new(tokio::sync::Semaphore::new(1)),
        draining: AtomicBool::new(false),
    };
    Ok(Parts { snapshot, shared: Arc::new(shared), models, spend, leases, control })
}

/// What several gateways share, if they share anything.
fn leases(config: &Config, clock: Clock, store: &Store) -> Result<Option<Arc<Leases>>, String> {
    let Some(sharing) = &config.general.sharing else { return Ok(None) };
    let alone = |is_open: bool| if is_open { Alone::Whole } else { Alone::Part };
    let settings = LeaseSettings {
        url: sharing.url.clone(),
        tls: tls(&sharing.tls)?,
        namespace: sharing.namespace.clone(),
        outage: Outage { rates: alone(sharing.rates_open), money: alone(sharing.budgets_open) },
    };
    let leases = Leases::new(&settings, clock, Some(Arc::new(store.clone())));
    leases.map(Some).map_err(|_| "the address of Redis, or its certificates, cannot be read".to_owned())
}

/// Reads the files that TLS to Redis needs.
fn tls(files: &config::RedisTls) -> Result<Tls, String> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()));
    let authorities = files.authorities.as_deref().map(read).transpose()?;
    let own = files.own.as_ref().map(|(certificate, key)| Ok::<_, String>((read(certificate)?, read(key)?)));
    Ok(Tls { authorities, own: own.transpose()? })
}

/// What requests see of a configuration. What was known of deployments and sessions in the snapshot `before` is kept.
///
/// # Errors
/// A text that says which part of it cannot be used.
pub fn snapshot(
    config: &Config,
    (live, book): (&Live, &Book),
    metrics: &Metrics,
    clock: Clock,
    before: Option<&Snapshot>,
) -> Result<Snapshot, String> {
    // Read for this and forgotten: a request needs what is known of its own deployment only.
    let table = book.table();
    let mut plan = plan(config, &table, clock);
    let purses = outlays::purses(config, live, &table, metrics);
    for (spec, purse) in plan.deployments.iter_mut().zip(purses.each()) {
        spec.purse = purse.clone().map(|purse| purse as Arc<dyn router::purse::Purse>);
    }
    if let Some(before) = before {
        keep(&mut plan, config, before);
    }
    let router = Router::new(plan).map_err(|error| error.to_string())?;
    Snapshot::build(config, router, settings(config)?, purses, metrics, &table, before)
}

/// Counters, latencies and cooldowns of deployments that stay, and who served which session.
fn keep(plan: &mut RouterPlan, config: &Config, before: &Snapshot) {
    let known = (0..).zip(&before.targets);
    let states: HashMap<&str, &Arc<DeploymentState>> =
        known.filter_map(|(index, target)| Some((&*target.id, before.router.state(DeploymentIx(index))?))).collect();
    for (spec, deployment) in plan.deployments.iter_mut().zip(&config.deployments) {
        if let Some(state) = states.get(deployment.id.as_str()) {
            spec.state = Arc::clone(state);
        }
    }
    plan.affinity = before.router.affinity();
    plan.lending = before.router.lending().cloned();
}

fn control(
    config: &Config,
    live: &Arc<Live>,
    models: &Arc<Models>,
    leases: Option<Arc<Leases>>,
    (store, seal): (Store, SealKey),
) -> admin::Control {
    let (live, of_desk) = (Arc::clone(live), Arc::clone(models));
    let desk = LiveDesk { live: Arc::clone(&live), store: store.clone(), models: of_desk, leases };
    let defaults = config.governance.defaults.clone();
    let settings = admin::Settings {
        compat: config.tollgate.litellm_compat,
        zone: live.rules().zone.clone(),
        default_key: defaults.key,
        upper_bounds: defaults.upper_bounds,
        default_user: defaults.user,
        default_team: defaults.team,
        key_generation: config.governance.key_generation.clone(),
        max_budget: config.governance.global.max_budget,
        provider_budgets: config.router.provider_budgets.clone(),
        seal: Some(seal),
        router_settings: router_settings(config),
        model_rules: config.model_rules.clone(),
        prices: Arc::clone(&models.prices.book),
    };
    let credentials = config.model_rules.credentials().iter().map(|known| Arc::new(declared::credential(known)));
    let declared = declared::objects(&config.governance).into_values().chain(credentials);
    admin::Control::new(View::new(store, declared), Arc::new(desk), settings, Arc::new(crate::clock::unix_millis))
}

/// What limits depend on beside the limited.
fn rules(config: &Config) -> Rules {
    let (governance, global) = (&config.governance, config.general.global);
    let dollars = |max_budget: Option<f64>| LimitRow { max_budget, ..LimitRow::default() };
    let of_budget = |budget: &config::Budget| LimitRow {
        budget_duration: budget.budget_duration.clone(),
        ..dollars(budget.max_budget)
    };
    let window = |budget: &config::Budget| WindowRow {
        budget_duration: budget.budget_duration.clone(),
        max_budget: budget.max_budget,
    };
    Rules {
        zone: governance.timezone.as_deref().and_then(Zone::named).unwrap_or_default(),
        user_budget_for_team_keys: governance.apply_user_budget_to_team_keys,
        customer: dollars(governance.max_end_user_budget),
        customer_budget: governance.max_end_user_budget_id.clone(),
        throttle: governance.throttle,
        tags: governance.tag_budgets.iter().map(|(tag, budget)| (tag.clone(), of_budget(budget))).collect(),
        global: LimitRow {
            rpm_limit: global.rpm_limit,
            tpm_limit: global.tpm_limit,
            max_parallel_requests: global.max_parallel_requests,
            ..of_budget(&governance.global)
        },
        global_windows: governance.global_windows.iter().map(window).collect(),
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
    let header_name = |setting, name: Option<&str>| {
        name.map(HeaderName::try_from).transpose().map_err(|error| format!("{setting}: {error}"))
    };
    Ok(Settings {
        compat: config.tollgate.litellm_compat,
        timeouts: config.tollgate.timeouts,
        max_body: usize::try_from(general.max_request_bytes).unwrap_or(usize::MAX),
        allow_list: AllowList::new(general.allowed_ips.clone()),
        use_x_forwarded_for: general.use_x_forwarded_for,
        key_header: header_name("litellm_key_header_name", general.key_header.as_deref())?,
        metrics_need_key: general.require_auth_for_metrics,
        always_stream_usage: general.always_include_stream_usage,
        budget_exceeded_status: general.budget_exceeded_status,
        user_header_name: header_name("user_header_name", general.user_header_name.as_deref())?,
        completion_model: general.completion_model.clone(),
        image_generation_model: general.image_generation_model.clone(),
        max_in_flight: overload::max_in_flight(config),
        patience: overload::patience(config),
        rescue: config.tollgate.rescue,
        access_log: config.tollgate.access_log != AccessLog::Off,
        keeps_spend: !general.disable_spend_updates,
    })
}

/// What the router is built from.
pub(super) fn plan(config: &Config, table: &Table, clock: Clock) -> RouterPlan {
    let router = &config.router;
    let retry = RetryPolicy {
        num_retries: router.num_retries,
        per_class: router.retry_policy,
        retry_after: router.retry_after,
        backoff_factor: router.backoff_factor,
    };
    let (groups, virtual_groups) = groups(config, retry);
    RouterPlan {
        deployments: config.deployments.iter().map(|own| deployment(config, own, table)).collect(),
        groups,
        aliases: router
            .aliases
            .iter()
            .map(|(alias, to)| AliasSpec { alias: alias.clone(), model: to.model.clone(), hidden: to.hidden })
            .collect(),
        virtual_groups,
        strategy: strategy(router.strategy),
        latency: LatencyArgs { buffer: router.lowest_latency_buffer, ttl: router.latency_ttl },
        checks: checks(router),
        calendar: calendar(clock),
        lending: config.general.sharing.as_ref().map(|_| Arc::default()),
        affinity: Arc::default(),
        retry,
        cooldown: CooldownPolicy {
            disabled: router.disable_cooldowns,
            cooldown_time: router.cooldown_time,
            allowed_fails: router.allowed_fails,
            allowed_fails_policy: router.allowed_fails_policy.unwrap_or_default(),
        },
        fallbacks: FallbackLists {
            refusals_anywhere: config.tollgate.rescue.refusals_anywhere,
            ..router.fallbacks.clone()
        },
        hedging: config.tollgate.hedging.clone(),
    }
}

/// The router's own name for it.
pub(super) fn strategy(strategy: config::Strategy) -> Strategy {
    match strategy {
        config::Strategy::SimpleShuffle | config::Strategy::ProviderBudget => Strategy::SimpleShuffle,
        config::Strategy::LeastBusy => Strategy::LeastBusy,
        config::Strategy::LatencyBased => Strategy::Latency,
        config::Strategy::UsageBased => Strategy::UsageBased,
        config::Strategy::UsageBasedV2 => Strategy::UsageBasedV2,
        config::Strategy::CostBased => Strategy::CostBased,
        config::Strategy::Lar1 => Strategy::Lar1,
        config::Strategy::WeightedRoundRobin => Strategy::WeightedRoundRobin,
        config::Strategy::RateLimitAware => Strategy::RateLimitAware,
    }
}

fn checks(router: &config::RouterSettings) -> Checks {
    let affinity = |affinity: &Affinity| AffinityTimes {
        session: affinity.session.then_some(router.affinity_ttl),
        prompt: affinity.prompt.then_some(WARM),
        caller: affinity.key.then_some(router.affinity_ttl),
    };
    Checks {
        pre_call: router.pre_call_checks,
        tags: router.tag_filtering.map(tag_match),
        tag_match: tag_match(router.tag_match_any),
        tag_prefix: router.tag_routing_prefix.clone(),
        context_threshold: router.conditional.context_threshold,
        cost_threshold: router.conditional.cost_threshold,
        confidence: router.confidence,
        affinity: affinity(&router.affinity),
        group_affinity: router.group_affinity.iter().map(|(name, own)| (name.clone(), affinity(own))).collect(),
    }
}

fn tag_match(any: bool) -> Match {
    if any { Match::Any } else { Match::All }
}

/// How long the calendar had lasted when the clock started.
fn calendar(clock: Clock) -> Duration {
    let since = i64::try_from(clock.now().nanos() / 1_000_000).unwrap_or_default();
    Duration::from_millis((unix_millis() - since).max(0).unsigned_abs())
}

/// `model_info.allowed_fails`.
fn allowed_fails(deployment: &config::Deployment) -> Option<u32> {
    let said = deployment.model_info.get("allowed_fails").and_then(serde_json::Value::as_u64)?;
    u32::try_from(said).ok()
}

fn deployment(config: &Config, deployment: &config::Deployment, table: &Table) -> DeploymentSpec {
    DeploymentSpec {
        cooldown_time: deployment.cooldown_time,
        allowed_fails: allowed_fails(deployment),
        facts: facts(deployment, table),
        parallel: overload::parallel(config, deployment),
        ..DeploymentSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot_of(models: &[&str], before: Option<&Snapshot>) -> Snapshot {
        let entry = |name: &&str| format!("  - {{model_name: {name}, litellm_params: {{model: openai/{name}}}}}\n");
        let text = format!("model_list:\n{}", models.iter().map(entry).collect::<String>());
        let config = config::load(&text, &HashMap::<String, String>::new()).usable().unwrap();
        let live = Live::new(None, &config.governance, rules(&config), None, None);
        snapshot(&config, (&live, &Book::default()), &Metrics::new().unwrap(), Clock::start(), before).unwrap()
    }

    #[test]
    fn what_is_known_of_deployments_outlives_a_change_of_others() {
        let state = |snapshot: &Snapshot, index| Arc::clone(snapshot.router.state(DeploymentIx(index)).unwrap());
        let before = snapshot_of(&["a", "b"], None);
        let after = snapshot_of(&["c", "b"], Some(&before));
        assert!(Arc::ptr_eq(&state(&before, 1), &state(&after, 1)));
        assert!(!Arc::ptr_eq(&state(&before, 0), &state(&after, 0)));
        assert!(Arc::ptr_eq(&before.router.affinity(), &after.router.affinity()));
    }
}
