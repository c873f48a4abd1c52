//! Who may give what: nobody gives more than he has. Pure: what somebody has is an argument.
//!
//! Two questions. [`Giver::may_give_to`]: is the receiver (a user, a team, an organization, a role) within the giver's
//! reach? [`Rights::within`]: are the rights that are given within those of the giver? What is not said is not
//! unlimited: it becomes what the giver has. That holds for limits of single models and tags name by name: each of the
//! giver's is the receiver's too, said with no more or taken over, whatever models the receiver may call now.
//!
//! Counters are nobody's rights: who may spend 10 may give several keys that may spend 10 each.

mod giver;
mod least;
mod money;

use std::collections::BTreeMap;

use super::members::Models;
use crate::error::{Error, Kind, Management};

pub use giver::{Giver, Receiver};
pub use money::{Budget, Duration};

use money::{budget_within, models_within, windows_within};

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
    /// Budgets of single models (`model_max_budget`), by their names.
    pub of_models: BTreeMap<String, Budget>,
    /// Each of [`COUNTS`], in its order.
    pub counts: [Option<i64>; COUNTS.len()],
    /// Each of [`NAMED`], in its order: numbers by the names of models or tags.
    pub named: [Named; NAMED.len()],
    /// Parameters that each request must have (`enforced_params`): the more of them, the less it may.
    pub enforced: Vec<String>,
    /// When it ends, in milliseconds since 1970.
    pub expires: Option<i64>,
}

/// Numbers that limit calls of a model, or with a tag.
pub type Named = BTreeMap<String, u64>;

/// The members of a request that limit by a number.
pub const COUNTS: [&str; 4] = ["max_parallel_requests", "rpm_limit", "tpm_limit", "tpd_limit"];
/// The members that limit by a number for each model or tag.
pub const NAMED: [&str; 4] = ["model_rpm_limit", "model_tpm_limit", "tag_rpm_limit", "tag_tpm_limit"];

impl Rights {
    /// These rights as somebody can give them who has no more than `bound`: what is not said becomes what he has. What
    /// would end later ends with him: a usual duration, counted from now, always does.
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
        let mut named = self.named;
        for ((name, given), bound) in NAMED.iter().zip(&mut named).zip(&bound.named) {
            hold(name, given, bound)?;
        }
        Ok(Rights {
            models: listed("models", self.models, &bound.models, model_is_within)?,
            routes: listed("allowed_routes", self.routes, &bound.routes, route_is_within)?,
            budget: budget_within(self.budget, bound.budget.as_ref())?,
            windows: windows_within(self.windows, &bound.windows)?,
            of_models: models_within(self.of_models, &bound.of_models)?,
            counts,
            named,
            enforced: both(self.enforced, &bound.enforced),
            expires: self.expires.into_iter().chain(bound.expires).min(),
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
        let kept = self.clone();
        let mut new = self;
        let (models, routes) = (new.models == old.models, new.routes == old.routes);
        let (budget, windows) = (new.budget == old.budget, new.windows == old.windows);
        let (of_models, expires) = (new.of_models == old.of_models, new.expires == old.expires);
        let enforced = new.enforced == old.enforced;
        let counts: Vec<bool> = new.counts.iter().zip(&old.counts).map(|(new, old)| new == old).collect();
        let named: Vec<bool> = new.named.iter().zip(&old.named).map(|(new, old)| new == old).collect();
        new.models.retain(|_| !models);
        new.routes.retain(|_| !routes);
        new.budget = new.budget.filter(|_| !budget);
        new.windows.retain(|_| !windows);
        new.of_models.retain(|_, _| !of_models);
        new.expires = new.expires.filter(|_| !expires);
        new.counts.iter_mut().zip(&counts).filter(|(_, kept)| **kept).for_each(|(count, _)| *count = None);
        new.named.iter_mut().zip(&named).filter(|(_, kept)| **kept).for_each(|(named, _)| named.clear());
        let mut given = new.within(bound)?;
        let of_counts = given.counts.iter_mut().zip(kept.counts).zip(counts);
        of_counts.filter(|(_, kept)| *kept).for_each(|((given, kept), _)| *given = kept);
        let of_named = given.named.iter_mut().zip(kept.named).zip(named);
        of_named.filter(|(_, kept)| *kept).for_each(|((given, kept), _)| *given = kept);
        Ok(Rights {
            models: if models { kept.models } else { given.models },
            routes: if routes { kept.routes } else { given.routes },
            budget: if budget { kept.budget } else { given.budget },
            windows: if windows { kept.windows } else { given.windows },
            of_models: if of_models { kept.of_models } else { given.of_models },
            counts: given.counts,
            named: given.named,
            enforced: if enforced { kept.enforced } else { given.enforced },
            expires: if expires { kept.expires } else { given.expires },
        })
    }
}

/// Puts the bound's numbers beside those that are given.
///
/// # Errors
/// One that is given is larger.
fn hold(name: &str, given: &mut Named, bound: &Named) -> Result<(), Error> {
    for (of, most) in bound {
        match given.get(of) {
            Some(given) if given > most => {
                return Err(too_much(name, &format!("{of}: {given}"), &format!("{of}: {most}")));
            }
            Some(_) => {}
            None => drop(given.insert(of.clone(), *most)),
        }
    }
    Ok(())
}

/// What is in either list.
fn both(mut one: Vec<String>, other: &[String]) -> Vec<String> {
    let further = other.iter().filter(|entry| !one.contains(entry)).cloned().collect::<Vec<_>>();
    one.extend(further);
    one
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

fn too_much(what: &str, given: &str, most: &str) -> Error {
    let text = format!("You cannot give more than you have. {what}={given}, yours={most}");
    Error::new(Kind::Management(Management::NotYours), text).param("None")
}

#[cfg(test)]
mod tests;
