//! What new keys, users and teams have that do not say otherwise, and what no key may have more of.

use serde_json::{Map, Value, json};

use crate::auth::Role;
use crate::config::raw::keys;
use crate::config::raw::section::Section;
use crate::config::{Defaults, KeyGeneration, KeyRule};
use crate::limiter::Window;

pub(super) fn read(litellm: Section<'_>) -> Defaults {
    Defaults {
        key: litellm.with("default_key_generate_params", key).unwrap_or_default(),
        upper_bounds: litellm.with("upperbound_key_generate_params", upper_bounds).unwrap_or_default(),
        user: with_money(litellm, litellm.with("default_internal_user_params", user).unwrap_or_default()),
        team: litellm.with("default_team_params", team).unwrap_or_default(),
    }
}

/// What `max_internal_user_budget` and `internal_user_budget_duration` say besides.
fn with_money(litellm: Section<'_>, mut user: Map<String, Value>) -> Map<String, Value> {
    let money = litellm.number("max_internal_user_budget").map(Value::from);
    let duration = window(litellm, "internal_user_budget_duration");
    for (name, said) in [("max_budget", money), ("budget_duration", duration)] {
        if let Some(said) = said {
            user.entry(name).or_insert(said);
        }
    }
    user
}

/// Who may make keys; `None`: nothing is said of it.
pub(super) fn key_generation(litellm: Section<'_>) -> Option<KeyGeneration> {
    litellm.with("key_generation_settings", |section| {
        section.check_keys(&keys::KEY_GENERATION);
        let of_team = section.with("team_key_generation", |section| {
            section.check_keys(&keys::TEAM_KEY_GENERATION);
            rule(section, "allowed_team_member_roles", |role| ["admin", "user"].contains(&role))
        });
        let personal = section.with("personal_key_generation", |section| {
            section.check_keys(&keys::PERSONAL_KEY_GENERATION);
            rule(section, "allowed_user_roles", |role| Role::named(role).is_some())
        });
        KeyGeneration { of_team: of_team.unwrap_or_default(), personal: personal.unwrap_or_default() }
    })
}

fn rule(section: Section<'_>, name: &str, is_role: fn(&str) -> bool) -> KeyRule {
    let roles = section.get(name).map(|_| section.texts(name));
    for role in roles.iter().flatten().filter(|role| !is_role(role)) {
        section.warning(name, format!("nobody has the role {role:?}"));
    }
    KeyRule { roles, required: section.texts("required_params") }
}

/// Members that are there, each in its shape.
struct Members<'a> {
    section: Section<'a>,
    found: Map<String, Value>,
}

impl<'a> Members<'a> {
    fn of(section: Section<'a>, known: &keys::Known) -> Self {
        section.check_keys(known);
        Self { section, found: Map::new() }
    }

    fn put(&mut self, name: &str, value: Option<Value>) {
        self.found.extend(value.map(|value| (name.to_owned(), value)));
    }

    fn money(mut self) -> Self {
        self.put("max_budget", self.section.number("max_budget").map(Value::from));
        self.put("budget_duration", window(self.section, "budget_duration"));
        self
    }

    fn counts(mut self, names: &[&str]) -> Self {
        for name in names {
            let count = self.section.count(name);
            if count.is_some_and(|count| i64::try_from(count).is_err()) {
                self.section.error(name, "is too large");
            }
            self.put(name, count.map(Value::from));
        }
        self
    }

    fn texts(mut self, names: &[&str]) -> Self {
        for name in names {
            let texts = self.section.get(name).map(|_| json!(self.section.texts(name)));
            self.put(name, texts);
        }
        self
    }
}

/// A duration in the words of the requests that it stands in for.
fn window(section: Section<'_>, name: &str) -> Option<Value> {
    let text = section.text(name)?;
    // A key has no `daily` end.
    let is_one =
        Window::parse(&text).is_some() && (name != "duration" || text.starts_with(|c: char| c.is_ascii_digit()));
    if !is_one {
        section.error(name, "must be a duration such as 30s, 5m, 1h, 7d, 1mo");
    }
    Some(text.into())
}

fn key(section: Section<'_>) -> Map<String, Value> {
    let members = Members::of(section, &keys::DEFAULT_KEY).money();
    let mut members = members.counts(&["max_parallel_requests", "tpm_limit", "rpm_limit"]).texts(&["models"]);
    members.put("duration", window(section, "duration"));
    for name in ["user_id", "team_id"] {
        members.put(name, section.text(name).map(Value::from));
    }
    members.put("metadata", section.mapping("metadata").cloned().map(Value::Object));
    members.found
}

fn upper_bounds(section: Section<'_>) -> Map<String, Value> {
    let members = Members::of(section, &keys::UPPER_BOUNDS).money();
    let mut members = members.counts(&["max_parallel_requests", "tpm_limit", "rpm_limit"]);
    members.put("duration", window(section, "duration"));
    members.found
}

fn user(section: Section<'_>) -> Map<String, Value> {
    let members = Members::of(section, &keys::DEFAULT_USER).money();
    let members = members.counts(&["max_parallel_requests", "tpm_limit", "rpm_limit"]);
    let mut members = members.texts(&["models", "available_teams"]);
    let role = section.text("user_role");
    if role.as_deref().is_some_and(|role| Role::named(role).is_none()) {
        section.error("user_role", "is no role, such as internal_user or internal_user_viewer");
    }
    members.put("user_role", role.map(Value::from));
    members.put("teams", teams(section));
    members.found
}

/// Ids, alone or in an object.
fn teams(section: Section<'_>) -> Option<Value> {
    let teams = section.get("teams").map(|_| section.list("teams"))?;
    if teams.iter().any(|team| !(team.is_string() || team.get("team_id").is_some_and(Value::is_string))) {
        section.error("teams", "must be team ids, or mappings with a team_id");
    }
    Some(json!(teams))
}

fn team(section: Section<'_>) -> Map<String, Value> {
    let members = Members::of(section, &keys::DEFAULT_TEAM).money();
    members.counts(&["tpm_limit", "rpm_limit"]).texts(&["models", "team_member_permissions"]).found
}
