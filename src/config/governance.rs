//! Keys, users and teams that a file declares (`key_settings`, `users`, `teams`, `team_settings`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::secret::Secret;

/// Money that may be spent in a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// Dollars.
    pub max_budget: Option<f64>,
    /// After which spending starts again at 0, in LiteLLM's words (`30d`, `1mo`, `weekly`); `None`: never.
    pub budget_duration: Option<String>,
}

/// What may be used in a minute, in a day, or at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UseLimits {
    /// Requests per minute.
    pub rpm_limit: Option<u64>,
    /// Tokens per minute.
    pub tpm_limit: Option<u64>,
    /// Tokens a day.
    pub tpd_limit: Option<u64>,
    /// Requests at one time.
    pub max_parallel_requests: Option<u64>,
}

/// One of `key_settings`.
#[derive(Clone, Debug)]
pub struct Key {
    pub api_key: Secret,
    /// A name for people.
    pub key_alias: Option<String>,
    /// Whose it is.
    pub user_id: Option<String>,
    /// Whose team's it is.
    pub team_id: Option<String>,
    pub limits: UseLimits,
    pub budget: Budget,
    /// Further windows (`budget_limits`), each with both said.
    pub windows: Vec<Budget>,
    /// Groups it may call; empty: all. May hold `*`.
    pub models: Vec<String>,
    /// The moment from which on it is none, in ISO 8601; `None`: it is good for ever.
    pub expires: Option<String>,
    /// What people say of it, and what the gateway reads of that: `tags`, `model_rpm_limit` …
    pub metadata: Map<String, Value>,
}

/// One of `users`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct User {
    pub user_id: String,
    pub user_email: Option<String>,
    /// A name for people.
    pub user_alias: Option<String>,
    /// Groups they may call; empty: all.
    pub models: Vec<String>,
    pub limits: UseLimits,
    pub budget: Budget,
    /// Further windows, as of [`Key`].
    pub windows: Vec<Budget>,
    /// Their own names for groups.
    pub aliases: BTreeMap<String, String>,
    /// LiteLLM's name of what they may do; `None`: an internal user.
    pub user_role: Option<String>,
    /// Ids of declared teams that they are in.
    pub teams: Vec<String>,
    /// As of [`Key`].
    pub metadata: Map<String, Value>,
}

/// One of a team's `members`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    pub user_id: String,
    /// Whether they manage the team.
    pub is_admin: bool,
    /// Dollars of their own in this team.
    pub max_budget: Option<f64>,
}

/// One of `teams` or `team_settings`; entries of one `team_id` are merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Team {
    pub team_id: String,
    pub team_alias: Option<String>,
    pub members: Vec<Member>,
    /// What each member may use in this team who has nothing of their own (`team_member_budget` …).
    pub of_member: (UseLimits, Budget),
    /// Groups it may call; empty: all. May hold `*`.
    pub models: Vec<String>,
    pub limits: UseLimits,
    pub budget: Budget,
    /// Further windows, as of [`Key`].
    pub windows: Vec<Budget>,
    /// As of [`Key`].
    pub metadata: Map<String, Value>,
}

/// What is said of keys, users and teams that are made at run time, in the members of the requests that make them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// What a key has that does not say otherwise (`litellm_settings.default_key_generate_params`).
    pub key: Map<String, Value>,
    /// What no key may have more of (`litellm_settings.upperbound_key_generate_params`).
    pub upper_bounds: Map<String, Value>,
    /// What a user has that does not say otherwise (`litellm_settings.default_internal_user_params`).
    pub user: Map<String, Value>,
    /// What a team has that does not say otherwise (`litellm_settings.default_team_params`).
    pub team: Map<String, Value>,
}

/// Who may make keys, and what they must say of them (`litellm_settings.key_generation_settings`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyGeneration {
    /// `team_key_generation`: keys of a team. Its roles are those in the team, `admin` and `user`.
    pub of_team: KeyRule,
    /// `personal_key_generation`: all others. Its roles are those in the gateway.
    pub personal: KeyRule,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRule {
    /// Who may make one; `None`: whoever may otherwise.
    pub roles: Option<Vec<String>>,
    /// Members that the request must have.
    pub required: Vec<String>,
}

/// All that is declared.
#[derive(Clone, Debug, Default)]
pub struct Governance {
    pub keys: Vec<Key>,
    pub users: Vec<User>,
    pub teams: Vec<Team>,
    /// Of the whole gateway (`litellm_settings.max_budget`, `budget_duration`).
    pub global: Budget,
    /// Further windows of it (`litellm_settings.budget_limits`), each with both said.
    pub global_windows: Vec<Budget>,
    /// Dollars of an end user who has no budget of his own (`litellm_settings.max_end_user_budget`).
    pub max_end_user_budget: Option<f64>,
    /// The stored budget of an end user who has no limits of his own (`litellm_settings.max_end_user_budget_id`).
    pub max_end_user_budget_id: Option<String>,
    /// The part of its requests and tokens a minute that a key over its budget may go on with, if it is one that does
    /// (`litellm_settings.budget_exceeded_throttle_percentage`): above 0, at most 1.
    pub throttle: Option<f64>,
    /// Of requests with a tag (`litellm_settings.tag_budget_config`), by tag.
    pub tag_budgets: BTreeMap<String, Budget>,
    pub defaults: Defaults,
    /// `None`: the file says nothing of it.
    pub key_generation: Option<KeyGeneration>,
    /// Whose midnight ends a day (`litellm_settings.timezone`), in IANA's words; `None`: UTC.
    pub timezone: Option<String>,
    /// Whether a user's budget counts for keys of a team too (`general_settings.apply_user_budget_to_team_keys`).
    pub apply_user_budget_to_team_keys: bool,
}
