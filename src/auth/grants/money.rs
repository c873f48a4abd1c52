//! Budgets, and which of them is no more than another.

use std::collections::BTreeMap;

use super::too_much;
use crate::auth::members::is_part;
use crate::error::Error;

/// Money in a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Dollars.
    pub max: f64,
    /// After which it starts anew; `None`: never.
    pub duration: Option<Duration>,
}

/// A `budget_duration`.
#[derive(Clone, Debug, PartialEq)]
pub struct Duration {
    /// As it was said.
    pub text: String,
    /// In an even calendar.
    pub seconds: i64,
}

impl Budget {
    /// For people: `10 per 1d`.
    pub fn shown(&self) -> String {
        let duration = self.duration.as_ref().map_or("ever", |duration| &duration.text);
        format!("{} per {duration}", self.max)
    }

    /// Whether it starts anew before that one does: the same money more often is more money.
    fn is_shorter(&self, other: &Self) -> bool {
        let seconds = |of: &Self| of.duration.as_ref().map_or(i64::MAX, |duration| duration.seconds);
        seconds(self) < seconds(other)
    }

    /// One that is no more than either: the less money, in the longer time.
    fn least(self, other: &Self) -> Self {
        let max = self.max.min(other.max);
        let duration = if self.is_shorter(other) { other.duration.clone() } else { self.duration };
        Self { max, duration }
    }
}

/// The budget that is said, or the bound's.
pub(super) fn budget_within(given: Option<Budget>, bound: Option<&Budget>) -> Result<Option<Budget>, Error> {
    let Some(bound) = bound else { return Ok(given) };
    let Some(given) = given else { return Ok(Some(bound.clone())) };
    if given.max > bound.max {
        return Err(too_much("max_budget", &given.max.to_string(), &bound.max.to_string()));
    }
    if let Some(duration) = given.duration.as_ref().filter(|_| given.is_shorter(bound)) {
        let most = bound.duration.as_ref().map_or("None", |bound| &bound.text);
        return Err(too_much("budget_duration", &duration.text, most));
    }
    Ok(Some(given))
}

/// Each of the bound's windows is there with no more money: said, or taken over. One of another length only narrows.
pub(super) fn windows_within(mut given: Vec<Budget>, bound: &[Budget]) -> Result<Vec<Budget>, Error> {
    let said = given.len();
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

/// Each of the bound's models has no more money: said, or taken over, also of models that may not be called now. A further
/// model only narrows, unless a budget of the bound's is for it too and its own would take it out of there. What is taken
/// over takes no model out of a budget that is said.
pub(super) fn models_within(
    given: BTreeMap<String, Budget>,
    bound: &BTreeMap<String, Budget>,
) -> Result<BTreeMap<String, Budget>, Error> {
    let refused = |(model, given): (&String, &Budget), (of, most): (&String, &Budget)| {
        too_much("model_max_budget", &format!("{model}: {}", given.shown()), &format!("{of}: {}", most.shown()))
    };
    for own in given.iter().filter(|(model, _)| !bound.contains_key(*model)) {
        if let Some(most) = bound.iter().find(|(of, _)| is_part(of, own.0)) {
            return Err(refused(own, most));
        }
    }
    let mut held = given.clone();
    for most in bound {
        match given.get_key_value(most.0) {
            Some(own) if own.1.max > most.1.max || own.1.is_shorter(most.1) => return Err(refused(own, most)),
            Some(_) => {}
            None => {
                let for_it = given.iter().filter(|(of, _)| is_part(of, most.0));
                let least = for_it.fold(most.1.clone(), |most, (_, said)| most.least(said));
                held.insert(most.0.clone(), least);
            }
        }
    }
    Ok(held)
}

/// The less of two budgets.
pub(super) fn least_budget(one: Option<Budget>, other: Option<&Budget>) -> Option<Budget> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.least(other)),
        (one, other) => one.or_else(|| other.cloned()),
    }
}

/// All the windows of two, of those of one length the one with less money.
pub(super) fn least_windows(mut one: Vec<Budget>, other: &[Budget]) -> Vec<Budget> {
    for other in other {
        let is_alike = |one: &Budget| seconds(one) == seconds(other);
        if !one.iter().any(|one| is_alike(one) && one.max <= other.max) {
            one.retain(|one| !is_alike(one));
            one.push(other.clone());
        }
    }
    one
}

/// All the models of two, each with no more money than a budget of the other's leaves it.
pub(super) fn least_models(
    one: &BTreeMap<String, Budget>,
    other: &BTreeMap<String, Budget>,
) -> BTreeMap<String, Budget> {
    let mut least = BTreeMap::new();
    for (own, bound) in [(one, other), (other, one)] {
        for (model, budget) in own {
            let for_it =
                bound.iter().filter(|(of, _)| *of == model || (!bound.contains_key(model) && is_part(of, model)));
            least.insert(model.clone(), for_it.fold(budget.clone(), |budget, (_, most)| budget.least(most)));
        }
    }
    least
}

fn seconds(window: &Budget) -> Option<i64> {
    window.duration.as_ref().map(|duration| duration.seconds)
}
