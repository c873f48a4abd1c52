//! Keys, users and teams, at the top level or under `general_settings`. [`members`] are the people in teams.

use std::collections::{BTreeMap, BTreeSet};

use super::metadata::{self, metadata};
use super::{Sections, budgets, defaults, members};
use crate::config::raw::keys;
use crate::config::raw::section::Section;
use crate::config::{Budget, Governance, Key, Team, UseLimits, User};

pub(super) fn read(sections: &Sections<'_>) -> Governance {
    let litellm = sections.litellm;
    let mut all = Governance {
        global: Budget {
            max_budget: litellm.number("max_budget"),
            budget_duration: period(litellm, "budget_duration"),
        },
        global_windows: windows(litellm),
        max_end_user_budget: litellm.number("max_end_user_budget"),
        max_end_user_budget_id: litellm.text("max_end_user_budget_id"),
        throttle: throttle(litellm),
        tag_budgets: budgets::of_tags(litellm),
        defaults: defaults::read(litellm),
        key_generation: defaults::key_generation(litellm),
        timezone: timezone(litellm),
        apply_user_budget_to_team_keys: sections.general.flag("apply_user_budget_to_team_keys").unwrap_or(false),
        ..Governance::default()
    };
    for place in [sections.top, sections.general] {
        all.keys.extend(place.each("key_settings", key));
        for list in ["teams", "team_settings"] {
            place.each(list, team).into_iter().for_each(|team| merge(&mut all.teams, team));
        }
    }
    for place in [sections.top, sections.general] {
        all.users.extend(place.each("users", |entry| user(entry, &all.teams)));
    }
    all
}

/// As with LiteLLM what is no such part is none: keys over their budget are refused.
fn throttle(litellm: Section<'_>) -> Option<f64> {
    const NAME: &str = "budget_exceeded_throttle_percentage";
    let said = litellm.number(NAME)?;
    let is_part = said > 0.0 && said <= 1.0;
    if !is_part {
        litellm.warning(NAME, "is not above 0 and at most 1: keys over their budget are refused");
    }
    is_part.then_some(said)
}

fn key(entry: Section<'_>) -> Option<Key> {
    entry.check_keys(&keys::KEY);
    let rates = entry.with("rate_limit", |limit| {
        limit.check_keys(&keys::KEY_RATE_LIMIT);
        (limit.count("requests_per_minute"), limit.count("tokens_per_minute"))
    });
    let (requests, tokens) = rates.unwrap_or_default();
    let mut periods = periods(entry).into_iter();
    let own = Budget { max_budget: max_budget(entry), budget_duration: period(entry, "budget_duration") };
    let limits = use_limits(entry);
    let api_key = entry.secret("api_key").or_else(|| entry.secret("key"));
    // A reference to a variable that is not set has been warned of: that key is known to nobody, the others work.
    if !["api_key", "key"].iter().any(|member| entry.map().contains_key(*member)) {
        entry.error("api_key", "is missing");
    }
    if entry.get("duration").is_some() {
        entry.warning(
            "duration",
            "HAS NO EFFECT, the key does NOT end: it would begin anew with each start. Say when the key ends by expires, \
             such as 2027-01-31",
        );
    }
    Some(Key {
        api_key: api_key?,
        key_alias: entry.text("key_alias"),
        user_id: entry.text("user_id"),
        team_id: entry.text("team_id"),
        limits: UseLimits {
            rpm_limit: limits.rpm_limit.or(requests),
            tpm_limit: limits.tpm_limit.or(tokens),
            ..limits
        },
        budget: if own.max_budget.is_some() { own } else { periods.next().unwrap_or(own) },
        windows: periods.chain(windows(entry)).collect(),
        models: entry.texts("models"),
        expires: expires(entry),
        metadata: metadata(entry),
    })
}

/// A key's `budget` in the words of tutorials: money for a month, a week, a day.
fn periods(entry: Section<'_>) -> Vec<Budget> {
    let periods = entry.with("budget", |budget| {
        budget.check_keys(&keys::KEY_BUDGET);
        let limits = [("monthly_limit", "monthly"), ("weekly_limit", "weekly"), ("daily_limit", "daily")];
        let said = limits.into_iter().filter_map(|(limit, period)| Some((budget.number(limit)?, period.to_owned())));
        said.map(|(max, period)| Budget { max_budget: Some(max), budget_duration: Some(period) }).collect()
    });
    periods.unwrap_or_default()
}

/// The moment from which on a key is none; a date is its first moment, and what has no zone is in UTC.
fn expires(entry: Section<'_>) -> Option<String> {
    let said = entry.text("expires")?;
    let said = said.trim();
    let moment = [said.to_owned(), format!("{said}Z"), format!("{said}T00:00:00Z")];
    let moment = moment.iter().find_map(|text| text.parse::<jiff::Timestamp>().ok());
    if moment.is_none() {
        entry.error("expires", "is no time such as 2027-01-31T18:00:00Z");
    }
    moment.map(|moment| moment.to_string())
}

fn user(entry: Section<'_>, teams: &[Team]) -> Option<User> {
    entry.check_keys(&keys::USER);
    let mut aliases = BTreeMap::new();
    entry.with("aliases", |section| {
        for alias in section.map().keys() {
            aliases.extend(section.text(alias).map(|model| (alias.clone(), model)));
        }
    });
    Some(User {
        user_id: id(entry, "user_id")?,
        user_email: entry.text("user_email"),
        user_alias: entry.text("user_alias"),
        models: entry.texts("models"),
        limits: use_limits(entry),
        budget: budget(entry),
        windows: windows(entry),
        aliases,
        user_role: members::role(entry),
        teams: members::teams_of_user(entry, teams),
        metadata: metadata(entry),
    })
}

fn team(entry: Section<'_>) -> Option<Team> {
    entry.check_keys(&keys::TEAM);
    Some(Team {
        team_id: id(entry, "team_id")?,
        team_alias: entry.text("team_alias"),
        members: members::of_team(entry),
        of_member: members::limits(entry),
        models: entry.texts("models"),
        limits: use_limits(entry),
        budget: budget(entry),
        windows: windows(entry),
        metadata: metadata(entry),
    })
}

fn use_limits(entry: Section<'_>) -> UseLimits {
    UseLimits {
        rpm_limit: entry.count("rpm_limit"),
        tpm_limit: entry.count("tpm_limit"),
        tpd_limit: entry.count("tpd_limit"),
        max_parallel_requests: entry.count("max_parallel_requests"),
    }
}

fn id(entry: Section<'_>, key: &str) -> Option<String> {
    let id = entry.text(key).filter(|id| !id.is_empty());
    if id.is_none() {
        entry.error(key, "is missing");
    }
    id
}

/// LiteLLM's words, else those of tutorials.
fn budget(entry: Section<'_>) -> Budget {
    Budget {
        max_budget: max_budget(entry),
        budget_duration: period(entry, "budget_duration").or_else(|| period(entry, "duration")),
    }
}

fn max_budget(entry: Section<'_>) -> Option<f64> {
    entry.number("max_budget").or_else(|| entry.number("spend_limit"))
}

/// Further windows, each of another duration: two of one would count together.
fn windows(entry: Section<'_>) -> Vec<Budget> {
    let windows = entry.each("budget_limits", window);
    let mut known = BTreeSet::new();
    let durations = windows.iter().filter_map(|window| window.budget_duration.as_deref());
    if let Some(again) = durations.into_iter().find(|duration| !known.insert(*duration)) {
        entry.error("budget_limits", format!("has two windows of {again}"));
    }
    windows
}

/// A further window; both of it must be said.
fn window(entry: Section<'_>) -> Option<Budget> {
    entry.check_keys(&keys::NAMED_BUDGET);
    let max_budget = entry.number("max_budget").or_else(|| entry.number("budget_limit"));
    let budget_duration = period(entry, "budget_duration").or_else(|| period(entry, "time_period"));
    for (name, is_said) in [("max_budget", max_budget.is_some()), ("budget_duration", budget_duration.is_some())] {
        if !is_said && !entry.map().contains_key(name) {
            entry.error(name, "is missing");
        }
    }
    Some(Budget { max_budget: Some(max_budget?), budget_duration: Some(budget_duration?) })
}

/// A duration as it was said, once it is known to be one.
pub(super) fn period(entry: Section<'_>, key: &str) -> Option<String> {
    entry.wait(key)?;
    entry.text(key)
}

fn timezone(litellm: Section<'_>) -> Option<String> {
    let name = litellm.text("timezone")?;
    if jiff::tz::TimeZone::get(&name).is_err() {
        litellm.error("timezone", "is no time zone of the IANA database, such as Europe/Berlin");
    }
    Some(name)
}

/// Two lists may speak of one team; the later one adds what the earlier did not say.
fn merge(teams: &mut Vec<Team>, team: Team) {
    let Some(known) = teams.iter_mut().find(|known| known.team_id == team.team_id) else {
        teams.push(team);
        return;
    };
    known.team_alias = known.team_alias.take().or(team.team_alias);
    members::merge(&mut known.members, team.members);
    members::merge_limits(&mut known.of_member, team.of_member);
    known.models.extend(team.models);
    known.limits.rpm_limit = known.limits.rpm_limit.or(team.limits.rpm_limit);
    known.limits.tpm_limit = known.limits.tpm_limit.or(team.limits.tpm_limit);
    known.limits.max_parallel_requests = known.limits.max_parallel_requests.or(team.limits.max_parallel_requests);
    known.limits.tpd_limit = known.limits.tpd_limit.or(team.limits.tpd_limit);
    known.budget.max_budget = known.budget.max_budget.or(team.budget.max_budget);
    known.budget.budget_duration = known.budget.budget_duration.take().or(team.budget.budget_duration);
    if known.windows.is_empty() {
        known.windows = team.windows;
    }
    metadata::merge(&mut known.metadata, team.metadata);
}
