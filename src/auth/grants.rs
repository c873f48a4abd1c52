//! Who may give what: nobody gives more than he has. Pure: what somebody has is an argument.
//!
//! Two questions. [`Giver::may_give_to`]: is the receiver (a user, a team, an organization, a role) within the giver's
//! reach? [`Rights::within`]: are the rights that are given within those of the giver? What is not said is not
//! unlimited: it becomes what the giver has.

use super::members::Models;
use super::role::Role;
use crate::error::{Error, Kind, Management};

/// An entry of `models` that no model has: the key may call none.
pub const NO_MODELS: &str = "no-default-models";
/// Entries of `models` that stand for all.
const ALL_MODELS: [&str; 4] = ["*", "all-proxy-models", "all-team-models", "all-org-models"];

/// What a key, a user or a team may do. What is empty or `None` is not limited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rights {
    /// Names and patterns.
    pub models: Vec<String>,
    /// Paths, beginnings of paths with `*`, names of groups.
    pub routes: Vec<String>,
    pub budget: Option<Budget>,
    /// Further budgets (`budget_limits`), each with a duration of its own. All of them hold.
    pub windows: Vec<Budget>,
    /// Each of [`COUNTS`], in its order.
    pub counts: [Option<i64>; COUNTS.len()],
}

/// The members of a request that limit by a number.
pub const COUNTS: [&str; 4] = ["max_parallel_requests", "rpm_limit", "tpm_limit", "tpd_limit"];

/// Money in a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Dollars.
    pub max: f64,
    /// After which it starts anew; `None`: never.
    pub duration: Option<Duration>,
}

impl Budget {
    /// For people: `10 per 1d`.
    pub fn shown(&self) -> String {
        let duration = self.duration.as_ref().map_or("ever", |duration| &duration.text);
        format!("{} per {duration}", self.max)
    }
}

/// A `budget_duration`.
#[derive(Clone, Debug, PartialEq)]
pub struct Duration {
    /// As it was said.
    pub text: String,
    /// In an even calendar.
    pub seconds: i64,
}

impl Rights {
    /// These rights as somebody can give them who has no more than `bound`: what is not said becomes what he has.
    ///
    /// # Errors
    /// What is said and goes beyond.
    pub fn within(self, bound: &Rights) -> Result<Rights, Error> {
        let mut counts = [None; COUNTS.len()];
        for (index, name) in COUNTS.iter().enumerate() {
            let (given, most) = (self.counts.get(index).copied().flatten(), bound.counts.get(index).copied().flatten());
            if let (Some(given), Some(most)) = (given, most)
                && given > most
            {
                return Err(too_much(name, &given.to_string(), &most.to_string()));
            }
            if let Some(count) = counts.get_mut(index) {
                *count = given.or(most);
            }
        }
        Ok(Rights {
            models: listed("models", self.models, &bound.models, model_is_within)?,
            routes: listed("allowed_routes", self.routes, &bound.routes, route_is_within)?,
            budget: budget_within(self.budget, bound.budget.as_ref())?,
            windows: windows_within(self.windows, &bound.windows)?,
            counts,
        })
    }

    /// The same with those models only that are among these too. None are no bound.
    #[must_use]
    pub fn only(mut self, allowed: &[String]) -> Rights {
        if self.models.is_empty() || allowed.is_empty() {
            self.models.extend_from_slice(allowed);
            return self;
        }
        let of_both = |entry: &&String| model_is_within(entry, allowed) && model_is_within(entry, &self.models);
        let mut models: Vec<String> = self.models.iter().filter(of_both).cloned().collect();
        let further = allowed.iter().filter(of_both).filter(|entry| !self.models.contains(entry));
        models.extend(further.cloned());
        if models.is_empty() {
            models.push(NO_MODELS.to_owned());
        }
        Rights { models, ..self }
    }

    /// The same for somebody who had `old` before: what stays as it was is given to nobody anew.
    ///
    /// # Errors
    /// What is new and goes beyond.
    pub fn changed_within(self, old: &Rights, bound: &Rights) -> Result<Rights, Error> {
        let (models, routes) = (self.models == old.models, self.routes == old.routes);
        let (budget, windows) = (self.budget == old.budget, self.windows == old.windows);
        let (mut new, mut kept) = (self.clone(), [false; COUNTS.len()]);
        for ((count, old), kept) in new.counts.iter_mut().zip(old.counts).zip(&mut kept) {
            *kept = *count == old;
            *count = count.filter(|_| !*kept);
        }
        new.models.retain(|_| !models);
        new.routes.retain(|_| !routes);
        new.budget = new.budget.filter(|_| !budget);
        new.windows.retain(|_| !windows);
        let mut given = new.within(bound)?;
        for ((count, old), kept) in given.counts.iter_mut().zip(old.counts).zip(kept) {
            *count = if kept { old } else { *count };
        }
        Ok(Rights {
            models: if models { self.models } else { given.models },
            routes: if routes { self.routes } else { given.routes },
            budget: if budget { self.budget } else { given.budget },
            windows: if windows { self.windows } else { given.windows },
            counts: given.counts,
        })
    }
}

fn listed(
    name: &str,
    given: Vec<String>,
    bound: &[String],
    is_within: fn(&str, &[String]) -> bool,
) -> Result<Vec<String>, Error> {
    if bound.is_empty() {
        return Ok(given);
    }
    if given.is_empty() {
        return Ok(bound.to_vec());
    }
    match given.iter().find(|entry| !is_within(entry, bound)) {
        Some(entry) => Err(too_much(name, &format!("'{entry}'"), &format!("{bound:?}"))),
        None => Ok(given),
    }
}

/// Whether every model of an entry is one of the bound's. An entry may be a pattern: its star is a letter like others for
/// the bound's patterns, which only a star of theirs stands for.
fn model_is_within(entry: &str, bound: &[String]) -> bool {
    let stands_for_all = |entry: &str| ALL_MODELS.contains(&entry);
    if entry == NO_MODELS || bound.iter().any(|bound| stands_for_all(bound)) {
        return true;
    }
    !stands_for_all(entry) && Models(bound.to_vec()).allow(entry)
}

fn route_is_within(entry: &str, bound: &[String]) -> bool {
    bound.iter().any(|bound| match bound.strip_suffix('*') {
        Some(beginning) => entry.starts_with(beginning),
        None => entry == bound,
    })
}

fn budget_within(given: Option<Budget>, bound: Option<&Budget>) -> Result<Option<Budget>, Error> {
    let Some(bound) = bound else { return Ok(given) };
    let Some(given) = given else { return Ok(Some(bound.clone())) };
    if given.max > bound.max {
        return Err(too_much("max_budget", &given.max.to_string(), &bound.max.to_string()));
    }
    // The same money more often is more money.
    if let Some(duration) = &given.duration
        && bound.duration.as_ref().is_none_or(|bound| duration.seconds < bound.seconds)
    {
        let most = bound.duration.as_ref().map_or("None", |bound| &bound.text);
        return Err(too_much("budget_duration", &duration.text, most));
    }
    Ok(Some(given))
}

/// Each of the bound's windows is there with no more money: said, or taken over. One of another length only narrows.
fn windows_within(mut given: Vec<Budget>, bound: &[Budget]) -> Result<Vec<Budget>, Error> {
    let said = given.len();
    let seconds = |window: &Budget| window.duration.as_ref().map(|duration| duration.seconds);
    for bound in bound {
        let is_alike = |given: &&Budget| seconds(given) == seconds(bound);
        if given.iter().filter(is_alike).any(|given| given.max <= bound.max) {
            continue;
        }
        match given.iter().take(said).find(is_alike) {
            Some(given) => return Err(too_much("budget_limits", &given.shown(), &bound.shown())),
            None => given.push(bound.clone()),
        }
    }
    Ok(given)
}

fn too_much(what: &str, given: &str, most: &str) -> Error {
    let text = format!("You cannot give more than you have. {what}={given}, yours={most}");
    Error::new(Kind::Management(Management::NotYours), text).param("None")
}

/// Who gives. Team and organization are those of the receiver.
#[derive(Clone, Copy, Debug)]
pub struct Giver<'a> {
    pub role: Role,
    /// Nobody, without one.
    pub user_id: Option<&'a str>,
    /// Whether they are an admin of the team.
    pub leads_team: bool,
    /// Whether they are in the team, and its members may do what is asked.
    pub works_in_team: bool,
    /// Whether they are an admin of the organization (of the team's, if a team is named): by their membership, whatever
    /// their own role is.
    pub leads_organization: bool,
}

/// Who gets it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receiver<'a> {
    pub user_id: Option<&'a str>,
    /// Whether the user is in the team, or in the organization if no team is named.
    pub is_known_there: bool,
    pub team_id: Option<&'a str>,
    pub organization_id: Option<&'a str>,
    /// A role that they get by it.
    pub role: Option<Role>,
}

impl Giver<'_> {
    /// Whether the receiver is within reach.
    ///
    /// # Errors
    /// Who is not.
    pub fn may_give_to(&self, receiver: &Receiver<'_>) -> Result<(), Error> {
        if self.role == Role::ProxyAdmin {
            return Ok(());
        }
        let Some(own) = self.user_id.filter(|_| self.role.changes()) else {
            return Err(refuse("Your role may not change anything".to_owned()));
        };
        if let Some(role) = receiver.role {
            self.may_make(role)?;
        }
        if let Some(organization) = receiver.organization_id
            && !self.leads_organization
        {
            return Err(refuse(format!("You are not an admin of the organization={organization}")));
        }
        let leads = self.leads_organization || (receiver.team_id.is_some() && self.leads_team);
        let is_self = receiver.user_id == Some(own);
        if let Some(team) = receiver.team_id
            && !(leads || self.works_in_team && is_self)
        {
            return Err(refuse(format!("User={own} is not a Proxy Admin or Team Admin for team={team}")));
        }
        match receiver.user_id {
            Some(user) if !(is_self || leads && receiver.is_known_there) => {
                Err(refuse(format!("User can only create keys for themselves. Got user_id={user}, Your ID={own}")))
            }
            None if !leads => Err(refuse(format!("User can only create keys for themselves. Your ID={own}"))),
            _ => Ok(()),
        }
    }

    fn may_make(&self, role: Role) -> Result<(), Error> {
        let is_below = matches!(role, Role::InternalUser | Role::InternalUserViewer | Role::Team | Role::Customer);
        if self.leads_organization && is_below {
            return Ok(());
        }
        Err(refuse(format!("Only proxy admin can give the role {}", role.as_str())))
    }
}

fn refuse(text: String) -> Error {
    Error::new(Kind::Management(Management::NotYours), text).param("None")
}

#[cfg(test)]
mod tests;
