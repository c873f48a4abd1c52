//! Who is limited by what: the limits of declared keys, their teams and users, built once from the configuration. All keys
//! of a team share the team's counters.

use std::collections::HashMap;
use std::sync::Arc;

use crate::auth::keys::Caller;
use crate::auth::members::{Member, Models, key_name};
use crate::auth::{KeyDigest, KeyRing};
use crate::config::{Budget, Config, Key, UseLimits};
use crate::limiter::{BudgetLimits, Kind, Limits, Scope, Window};
use crate::pricing::Money;

/// The scopes of each virtual key.
#[derive(Debug, Default)]
pub struct Scopes {
    members: Vec<Vec<Arc<Scope>>>,
}

impl Scopes {
    /// The key ring with the declared keys, and what limits each of them.
    pub fn build(config: &Config) -> (KeyRing, Self) {
        let governance = &config.governance;
        let teams: HashMap<&str, Arc<Scope>> = governance
            .teams
            .iter()
            .map(|team| (&*team.team_id, Arc::new(scope(Kind::Team, &team.team_id, team.limits, &team.budget))))
            .collect();
        let users: HashMap<&str, Arc<Scope>> = governance
            .users
            .iter()
            .map(|user| (&*user.user_id, Arc::new(scope(Kind::User, &user.user_id, user.limits, &user.budget))))
            .collect();
        let mut members = Vec::with_capacity(governance.keys.len());
        let mut scopes = Vec::with_capacity(governance.keys.len());
        for key in &governance.keys {
            let digest = KeyDigest::of(key.api_key.expose());
            let team = key.team_id.as_deref().and_then(|id| teams.get(id));
            let user = key.user_id.as_deref().and_then(|id| users.get(id));
            let own = scope(Kind::Key, &digest.to_string(), key.limits, &key.budget);
            let own = Arc::new(own.labelled(label(key)));
            let all = [Some(&own), team, user].into_iter().flatten();
            scopes.push(all.filter(|scope| scope.is_limited()).cloned().collect());
            members.push(member(config, key, digest));
        }
        let keys = KeyRing::new(config.general.master_key.as_ref()).with_members(members);
        (keys, Self { members: scopes })
    }

    /// What limits a caller.
    pub fn of(&self, caller: &Caller) -> &[Arc<Scope>] {
        caller.member.and_then(|member| self.members.get(member as usize)).map_or(&[], Vec::as_slice)
    }
}

fn member(config: &Config, key: &Key, digest: KeyDigest) -> Member {
    let team = config.governance.teams.iter().find(|team| Some(&team.team_id) == key.team_id.as_ref());
    Member {
        digest,
        key_name: key_name(key.api_key.expose()),
        models: Models(key.models.clone()),
        team_models: Models(team.map(|team| team.models.clone()).unwrap_or_default()),
    }
}

fn scope(kind: Kind, id: &str, limits: UseLimits, budget: &Budget) -> Scope {
    let window = budget.budget_duration.as_deref().and_then(Window::parse);
    let max = budget.max_budget.and_then(Money::from_dollars_f64).map(Money::pico);
    let budgets = max.map(|max| BudgetLimits { max: Some(max), window, ..BudgetLimits::default() });
    let limits = Limits {
        requests: limits.rpm_limit,
        tokens: limits.tpm_limit,
        parallel: limits.max_parallel_requests,
        budgets: budgets.into_iter().collect(),
    };
    Scope::new(kind, id, limits)
}

/// `alias (sk-...AWOQ)`, as LiteLLM names a key to people.
fn label(key: &Key) -> String {
    format!("{} ({})", key.key_alias.as_deref().unwrap_or("key"), key_name(key.api_key.expose()))
}
