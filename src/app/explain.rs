//! `tollgate explain`: the plan that a request for a model would get, in words, without a call to anybody.

mod choice;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::prices::PriceList;
use super::{EXIT_CONFIG, complain, compose, has_errors, print_problems, say};
use crate::clock::Clock;
use crate::config::{self, Config, ProcessEnv};
use crate::providers::Endpoint;
use crate::router::Router;
use crate::router::fallback::{Asked, Fallback, FallbackLists};
use crate::router::patience;
use crate::router::plan::{GroupSpec, MemberSpec, RouterPlan};

/// Prints the plan; 0 if the configuration can be served and knows the model.
pub fn explain(path: &Path, model: &str) -> ExitCode {
    let report = config::load_file(path, &ProcessEnv);
    let has_errors = has_errors(&report.problems);
    let Some(config) = report.config.filter(|_| !has_errors) else {
        print_problems(&mut std::io::stderr(), &report.problems);
        return ExitCode::from(EXIT_CONFIG);
    };
    match plan_of(&config, model) {
        Ok(text) => {
            say(text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

fn plan_of(config: &Config, model: &str) -> Result<String, String> {
    let plan = compose::plan(config, &PriceList::open(config)?.book.table(), Clock::start());
    let router = Router::new(plan.clone()).map_err(|error| error.to_string())?;
    let resolved = router.resolve(model, 0);
    let Some(resolved) = resolved else {
        let known: Vec<&str> = router.visible_names().collect();
        return Err(format!("no model group serves {model:?}; there are: {}", known.join(", ")));
    };
    let Some(group) = plan.groups.get(resolved.group.0 as usize) else {
        return Err(format!("{model:?} has no group of its own"));
    };
    let mut text = String::new();
    let out = &mut text;
    let _infallible = writeln!(out, "model      {model}");
    let _infallible = writeln!(out, "group      {}", group.name);
    let _infallible = writeln!(out, "strategy   {}", plan.strategy.name());
    levels(out, config, &router, &plan, group);
    choice::filters(out, &router, &plan, resolved.group);
    failing(out, config, &plan, group);
    fallbacks(out, &router, &plan.fallbacks, Asked { model, group: &group.name });
    streams(out, config);
    Ok(text)
}

/// The deployments, the ones that are asked first at the top.
fn levels(out: &mut String, config: &Config, router: &Router, plan: &RouterPlan, group: &GroupSpec) {
    let mut orders: Vec<i32> = group.members.iter().map(|member| member.order).collect();
    orders.sort_unstable();
    orders.dedup();
    for (level, order) in orders.iter().enumerate() {
        let members: Vec<MemberSpec> = group.members.iter().filter(|member| member.order == *order).copied().collect();
        let shares = MemberSpec::shares(&members);
        let total: f64 = shares.iter().sum();
        let when = if level == 0 { "first" } else { "then" };
        let _infallible = writeln!(out, "{when:<10} order {order}, {} deployments", members.len());
        for (member, share) in members.iter().zip(&shares) {
            let Some(deployment) = config.deployments.get(member.deployment.0 as usize) else { continue };
            let place = deployment.endpoint.as_ref().map_or_else(String::new, Endpoint::url);
            let percent = if total > 0.0 { share / total * 100.0 } else { 0.0 };
            let model = format!("{}/{}", deployment.provider.name, deployment.upstream_model);
            let id = crate::proxy::target::short(&deployment.id);
            let _infallible = writeln!(out, "           {id:<24} {model:<40} {percent:>5.1} %  {place}");
            let spec = plan.deployments.get(member.deployment.0 as usize);
            let has = spec.map(|spec| choice::of_member(router, member, spec)).unwrap_or_default();
            if !has.is_empty() {
                let _infallible = writeln!(out, "             {has}");
            }
        }
    }
}

/// What becomes of a failure within the group.
fn failing(out: &mut String, config: &Config, plan: &RouterPlan, group: &GroupSpec) {
    let retry = group.retry.unwrap_or(plan.retry);
    let least = match retry.retry_after {
        Duration::ZERO => String::new(),
        least => format!(", at least {least:?}"),
    };
    let _infallible = writeln!(
        out,
        "retries    {} after the first attempt; at once where another deployment is left, else after a pause (Retry-After, or 0.5 s growing {}-fold to 8 s{least})",
        retry.num_retries, retry.backoff_factor
    );
    let rules = match (plan.cooldown.disabled, plan.cooldown.allowed_fails) {
        (true, _) => "off".to_owned(),
        (false, Some(allowed)) => format!("a deployment rests after more than {allowed} failures in a minute"),
        (false, None) => {
            format!(
                "a deployment rests after {} failures in a row, or when most of its requests fail",
                crate::router::IN_A_ROW
            )
        }
    };
    let time = config.router.cooldown_time.unwrap_or(crate::router::DEFAULT_COOLDOWN);
    let _infallible = writeln!(out, "cooldown   {rules}; for {time:?}, then one request finds out");
}

/// Who takes over, failure by failure.
fn fallbacks(out: &mut String, router: &Router, lists: &FallbackLists, asked: Asked<'_>) {
    use crate::error::Kind;
    let names = |kind| {
        let name = |fallback: &Fallback| match router.resolve(&fallback.model, 0) {
            Some(_) => fallback.model.clone(),
            None => format!("{} (no such model)", fallback.model),
        };
        let names: Vec<String> = lists.after(asked, kind).map(name).collect();
        if names.is_empty() || lists.max == 0 { "nobody".to_owned() } else { names.join(", ") }
    };
    let _infallible = writeln!(out, "fallbacks  after a failure: {}", names(Kind::ServiceUnavailable));
    let _infallible = writeln!(out, "           after a full context window: {}", names(Kind::ContextWindow));
    let _infallible = writeln!(out, "           after a refused prompt: {}", names(Kind::ContentPolicy));
    let _infallible = writeln!(out, "           {} hops at most", lists.max);
}

/// What becomes of streams that do not begin, or break.
fn streams(out: &mut String, config: &Config) {
    let rescue = config.tollgate.rescue;
    let first = match (config.router.stream_timeout, rescue.adaptive_first_token) {
        (Some(wait), _) => {
            format!("the first event is waited for {wait:?} (stream_timeout, unless a deployment has its own)")
        }
        (None, true) => format!(
            "the first event is waited for {:?}, or four times what is usual ({:?} where the model thinks); then the next is asked, if there is one",
            patience::FLOOR,
            patience::THINKING
        ),
        (None, false) => format!("the first event is waited for {:?}", config.tollgate.timeouts.first_byte),
    };
    let broken = match rescue.streams {
        true => format!("a broken one, or one silent for {:?}, goes on elsewhere where it can", rescue.stall),
        false => "a broken one ends with an error".to_owned(),
    };
    let _infallible = writeln!(out, "streams    {first}");
    let _infallible = writeln!(out, "           {broken}");
}
