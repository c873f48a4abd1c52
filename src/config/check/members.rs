//! Who is in which of the declared teams, and as what.

use super::governance::period;
use crate::auth::Role;
use crate::config::raw::keys;
use crate::config::raw::section::{Section, kind, text};
use crate::config::{Budget, Member, Team, UseLimits};

/// The role of who manages a team, and of all others.
const ADMIN: &str = "admin";
const USER: &str = "user";

/// `members` and `members_with_roles`, ids or mappings, and `admins`.
pub(super) fn of_team(entry: Section<'_>) -> Vec<Member> {
    let mut members = Vec::new();
    for list in ["members", "members_with_roles"] {
        for (index, item) in entry.list(list).iter().enumerate() {
            let place = format!("{list}[{index}]");
            let read = match item.as_object() {
                Some(map) => mapped(Section::new(&entry.path(&place), map, entry.problems())),
                None => named(entry, &place, text(item), kind(item)),
            };
            merge(&mut members, read.into_iter().collect());
        }
    }
    let admins = entry.texts("admins").into_iter();
    merge(&mut members, admins.map(|user_id| Member { user_id, is_admin: true, max_budget: None }).collect());
    members
}

fn named(entry: Section<'_>, place: &str, id: Option<String>, found: &str) -> Option<Member> {
    let id = id.filter(|id| !id.is_empty());
    if id.is_none() {
        entry.error(place, format!("expected a user's id, or a mapping that has a user_id, found {found}"));
    }
    id.map(|user_id| Member { user_id, ..Member::default() })
}

fn mapped(entry: Section<'_>) -> Option<Member> {
    entry.check_keys(&keys::MEMBER);
    let role = entry.text("role");
    if role.as_deref().is_some_and(|role| ![ADMIN, USER].contains(&role)) {
        entry.error("role", "is neither admin nor user");
    }
    let user_id = entry.text("user_id").filter(|id| !id.is_empty());
    if user_id.is_none() {
        entry.error("user_id", "is missing");
    }
    Some(Member {
        user_id: user_id?,
        is_admin: role.as_deref() == Some(ADMIN),
        max_budget: entry.number("max_budget_in_team"),
    })
}

/// What each member may use who has nothing of their own.
pub(super) fn limits(entry: Section<'_>) -> (UseLimits, Budget) {
    let limits = UseLimits {
        rpm_limit: entry.count("team_member_rpm_limit"),
        tpm_limit: entry.count("team_member_tpm_limit"),
        ..UseLimits::default()
    };
    let budget = Budget {
        max_budget: entry.number("team_member_budget"),
        budget_duration: period(entry, "team_member_budget_duration"),
    };
    (limits, budget)
}

/// Adds members; of one who is there already, what was not said before.
pub(super) fn merge(known: &mut Vec<Member>, more: Vec<Member>) {
    for member in more {
        match known.iter_mut().find(|known| known.user_id == member.user_id) {
            Some(known) => {
                known.is_admin |= member.is_admin;
                known.max_budget = known.max_budget.or(member.max_budget);
            }
            None => known.push(member),
        }
    }
}

/// The same for what each member may use.
pub(super) fn merge_limits((limits, budget): &mut (UseLimits, Budget), more: (UseLimits, Budget)) {
    limits.rpm_limit = limits.rpm_limit.or(more.0.rpm_limit);
    limits.tpm_limit = limits.tpm_limit.or(more.0.tpm_limit);
    budget.max_budget = budget.max_budget.or(more.1.max_budget);
    budget.budget_duration = budget.budget_duration.take().or(more.1.budget_duration);
}

/// `user_role` in LiteLLM's own words.
pub(super) fn role(entry: Section<'_>) -> Option<String> {
    let said = entry.text("user_role").filter(|role| !role.is_empty())?;
    let role = Role::named(&said);
    if role.is_none() {
        entry.error("user_role", "is none of LiteLLM's roles, such as internal_user");
    }
    role.map(|role| role.as_str().to_owned())
}

/// A user's `teams`; one that is made at run time gets its members there.
pub(super) fn teams_of_user(entry: Section<'_>, declared: &[Team]) -> Vec<String> {
    let (known, unknown): (Vec<_>, Vec<_>) =
        entry.texts("teams").into_iter().partition(|id| declared.iter().any(|team| team.team_id == *id));
    if !unknown.is_empty() {
        entry.warning("teams", "names a team that the file does not declare, which has no effect");
    }
    known
}
