//! Keys, users and teams that a file declares (`key_settings`, `users`, `teams`, `team_settings`). Type-checked and kept;
//! no effect yet.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::secret::Secret;

/// Money that may be spent in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Dollars.
    pub max_budget: Option<f64>,
    /// After which spending starts again at 0; `None`: never.
    pub budget_duration: Option<Duration>,
}

/// One of `key_settings`.
#[derive(Clone, Debug)]
pub struct Key {
    pub api_key: Secret,
    /// Requests per minute.
    pub rpm_limit: Option<u64>,
    /// Tokens per minute.
    pub tpm_limit: Option<u64>,
    pub budget: Budget,
    /// Groups it may call; empty: all. May hold `*`.
    pub models: Vec<String>,
}

/// One of `users`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct User {
    pub user_id: String,
    pub user_email: Option<String>,
    /// Groups they may call; empty: all.
    pub models: Vec<String>,
    pub budget: Budget,
    /// Their own names for groups.
    pub aliases: BTreeMap<String, String>,
}

/// One of `teams` or `team_settings`; entries of one `team_id` are merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Team {
    pub team_id: String,
    pub team_alias: Option<String>,
    /// User ids.
    pub members: Vec<String>,
    /// Groups it may call; empty: all. May hold `*`.
    pub models: Vec<String>,
    pub budget: Budget,
}

/// All that is declared.
#[derive(Clone, Debug, Default)]
pub struct Governance {
    pub keys: Vec<Key>,
    pub users: Vec<User>,
    pub teams: Vec<Team>,
}
