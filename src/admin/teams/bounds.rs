//! What one thing may have of another: a team of its organization, a project of its team; and what the admins of a team
//! may change of it. Pure.

use serde_json::{Map, Value};

use super::fields::{ADMIN_ONLY, ADMIN_ONLY_METADATA, BY_TEAM_ADMIN, ON_EXCEEDED, RESERVED_METADATA};
use crate::admin::limits::{amount, windows};
use crate::admin::rights::{detailed, not_yours, python_list};
use crate::auth::grants::Budget;
use crate::auth::members::Models;
use crate::error::{Error, Management};

/// Amounts that a part cannot have more of than the whole.
const AMOUNTS: [&str; 4] = ["max_budget", "tpm_limit", "rpm_limit", "tpd_limit"];
/// Entries of `models` that stand for all that there are.
const ALL_MODELS: [&str; 4] = ["*", "all-proxy-models", "all-org-models", "all-team-models"];
/// An entry of `models` that no model has.
const NO_MODELS: &str = "no-default-models";

/// Refuses what a part is given beyond the whole. What it does not say is limited by the whole anyway, at each request.
///
/// # Errors
/// 400 in LiteLLM's words, with what the part and the whole are called.
pub fn check(
    part: &Map<String, Value>,
    whole: &Map<String, Value>,
    part_name: &str,
    whole_name: &str,
) -> Result<(), Error> {
    for name in AMOUNTS {
        if let (Some(given), Some(most)) = (number(part, name), number(whole, name))
            && given > most
        {
            let text = format!("{part_name} {name} ({given}) exceeds {whole_name}'s {name} ({most})");
            return Err(detailed(Management::DetailRefused, &text));
        }
    }
    let most = windows(whole);
    for given in windows(part) {
        let is_alike = |most: &&Budget| {
            most.duration.as_ref().map(|it| it.seconds) == given.duration.as_ref().map(|it| it.seconds)
        };
        if let Some(most) = most.iter().filter(is_alike).find(|most| given.max > most.max) {
            let (given, most) = (given.shown(), most.shown());
            let text = format!("{part_name} budget_limits ({given}) exceeds {whole_name}'s budget_limits ({most})");
            return Err(detailed(Management::DetailRefused, &text));
        }
    }
    let most = texts(whole, "models");
    match texts(part, "models").iter().find(|model| !covers(&most, model)) {
        Some(model) => {
            let allowed = python_list(&most);
            let text = format!("Model '{model}' not in {whole_name}'s allowed models. Allowed models={allowed}");
            Err(detailed(Management::DetailRefused, &text))
        }
        None => Ok(()),
    }
}

/// Whether a model, a pattern or a special entry is among those that are allowed; an empty list allows all.
pub fn covers(allowed: &[String], model: &str) -> bool {
    let is_all = |entry: &str| ALL_MODELS.contains(&entry);
    if allowed.is_empty() || model == NO_MODELS || allowed.iter().any(|entry| is_all(entry)) {
        return true;
    }
    // A word for all models is no name that a pattern stands for.
    !is_all(model) && Models(allowed.to_vec()).allow(model)
}

/// Refuses what the admin of a team may not change of it: they arrange what the team has, and do not make it more.
///
/// # Errors
/// 403.
pub fn check_own_change(
    said: &Map<String, Value>,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(), Error> {
    let changed = |name: &str| said_of(before, name) != said_of(after, name);
    for name in said.keys().filter(|name| !BY_TEAM_ADMIN.contains(&name.as_str())) {
        let lowered = AMOUNTS.contains(&name.as_str()) && is_lowered(before, after, name);
        let narrowed = name == "models" && is_narrowed(before, after);
        if changed(name) && !lowered && !narrowed {
            return Err(not_yours(format!(
                "Only proxy admins can change '{name}' of a team. Team admins can lower limits."
            )));
        }
    }
    check_unchanged(before, after, &[], &RESERVED_METADATA)
}

/// Refuses what not even the admins of a team's organization may change of it.
///
/// # Errors
/// 403.
pub fn check_organizations_change(before: &Map<String, Value>, after: &Map<String, Value>) -> Result<(), Error> {
    check_unchanged(before, after, &ADMIN_ONLY, &ADMIN_ONLY_METADATA)
}

fn check_unchanged(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    own: &[&str],
    in_metadata: &[&str],
) -> Result<(), Error> {
    let own = own.iter().find(|name| said_of(before, name) != said_of(after, name));
    let none = Map::new();
    let [old, new] = [before, after].map(|doc| doc.get("metadata").and_then(Value::as_object).unwrap_or(&none));
    match own.or_else(|| in_metadata.iter().find(|name| said_of(old, name) != said_of(new, name))) {
        Some(name) => Err(not_yours(format!("Only proxy admins can change '{name}' of a team."))),
        None => Ok(()),
    }
}

/// What is said of it; what means the same as nothing is nothing.
fn said_of<'a>(doc: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    doc.get(name).filter(|value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::String(text) => name != ON_EXCEEDED || !matches!(text.as_str(), "" | "block"),
        _ => true,
    })
}

/// Refuses models and access groups that a team is given by a key that may not call them; `allowed` are the key's, none are
/// all. What a team that is there (`before`) has already nobody gives it anew.
///
/// # Errors
/// 403.
pub fn check_given_models(
    allowed: &[String],
    before: Option<&Map<String, Value>>,
    after: &Map<String, Value>,
) -> Result<(), Error> {
    let (old, new) = (before.map(|before| texts(before, "models")), texts(after, "models"));
    let had_all = old.as_ref().is_some_and(Vec::is_empty);
    if new.is_empty() && !had_all && !allowed.is_empty() {
        return Err(not_yours("You cannot give access to all models: your key may call some only."));
    }
    let groups = before.map(|before| texts(before, "access_group_ids")).unwrap_or_default();
    let further = texts(after, "access_group_ids").into_iter().filter(|group| !groups.contains(group));
    let is_new = |model: &String| old.as_ref().is_none_or(|old| !covers(old, model));
    match new.into_iter().filter(is_new).chain(further).find(|model| !covers(allowed, model)) {
        Some(model) => Err(not_yours(format!("You cannot give access to model={model}: your key may not call it."))),
        None => Ok(()),
    }
}

fn is_lowered(before: &Map<String, Value>, after: &Map<String, Value>, name: &str) -> bool {
    number(after, name).is_some_and(|new| number(before, name).is_none_or(|old| new <= old))
}

fn is_narrowed(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let (old, new) = (texts(before, "models"), texts(after, "models"));
    !new.is_empty() && new.iter().all(|model| covers(&old, model))
}

fn number(doc: &Map<String, Value>, name: &str) -> Option<f64> {
    amount(doc.get(name)?)
}

/// A list of texts in a document.
pub fn texts(doc: &Map<String, Value>, name: &str) -> Vec<String> {
    let list = doc.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_part_has_no_more_than_the_whole() {
        let whole = map(json!({"max_budget": 10.0, "rpm_limit": 5, "tpd_limit": 7, "models": ["gpt-4o", "openai/*"],
            "budget_limits": [{"budget_duration": "1d", "max_budget": 2}]}));
        for (part, fine) in [
            (json!({}), true),
            (json!({"max_budget": 10.0, "rpm_limit": 5, "tpm_limit": 99, "models": ["gpt-4o", "openai/x"]}), true),
            (json!({"models": ["no-default-models"]}), true),
            (json!({"max_budget": 10.1}), false),
            (json!({"budget_limits": [{"budget_duration": "24h", "max_budget": 2}]}), true),
            (json!({"budget_limits": [{"budget_duration": "7d", "max_budget": 20}]}), true),
            (json!({"budget_limits": [{"budget_duration": "daily", "max_budget": "2.1"}]}), false),
            (json!({"rpm_limit": 6}), false),
            (json!({"tpd_limit": 7}), true),
            (json!({"tpd_limit": 8}), false),
            (json!({"models": ["gpt-4o", "claude"]}), false),
            (json!({"models": ["*"]}), false),
            (json!({"models": ["all-team-models"]}), false),
            (json!({"models": ["all-org-models"]}), false),
            (json!({"models": ["all-proxy-models"]}), false),
        ] {
            assert_eq!(check(&map(part.clone()), &whole, "Team", "organization").is_ok(), fine, "{part}");
        }
    }

    #[test]
    fn the_admin_of_a_team_arranges_and_does_not_grow() {
        let before = map(json!({
            "team_alias": "a", "max_budget": 10.0, "models": ["gpt-4o", "claude"], "tpm_limit": null,
            "metadata": {"x": 1, "model_rpm_limit": {"gpt-4o": 3}}, "organization_id": "o",
        }));
        for (said, fine) in [
            (json!({"team_alias": "b", "team_member_budget": 3.0}), true),
            (json!({"max_budget": 9.0, "tpm_limit": 7, "models": ["claude"]}), true),
            (json!({"max_budget": 10.0}), true),
            (json!({"max_budget": 11.0}), false),
            (json!({"max_budget": null}), false),
            (json!({"models": []}), false),
            (json!({"models": ["gpt-4o", "o3"]}), false),
            (json!({"models": ["all-proxy-models"]}), false),
            (json!({"models": ["all-org-models"]}), false),
            (json!({"organization_id": null}), false),
            (json!({"blocked": true}), false),
            (json!({"metadata": {"x": 2, "model_rpm_limit": {"gpt-4o": 3}}}), true),
            (json!({"metadata": {"model_rpm_limit": {"gpt-4o": 4}}}), false),
            (json!({"metadata": {"model_rpm_limit": {"gpt-4o": 3}, "on_budget_exceeded": "warn"}}), false),
            (json!({"metadata": {}}), false),
            (json!({"blocked": false}), true),
            (
                json!({"metadata": {"x": 1, "model_rpm_limit": {"gpt-4o": 3}, "guardrails": [], "tpm_limit_type": null,
                    "model_tpm_limit": {}, "disable_global_guardrails": false, "on_budget_exceeded": "block"}}),
                true,
            ),
        ] {
            let said = map(said);
            let mut after = before.clone();
            after.extend(said.clone());
            assert_eq!(check_own_change(&said, &before, &after).is_ok(), fine, "{said:?}");
        }
    }

    proptest! {
        #[test]
        fn narrowing_again_and_again_never_widens(
            first in proptest::collection::vec("[a-c]\\*?|all-team-models|all-org-models|\\*", 0..4),
            second in proptest::collection::vec("[a-c]{1,2}\\*?|all-proxy-models|all-org-models|\\*", 0..4),
            model in "[a-c]{1,3}",
        ) {
            let (before, after) = (map(json!({"models": first})), map(json!({"models": second})));
            if is_narrowed(&before, &after) && covers(&second, &model) {
                prop_assert!(covers(&first, &model), "{first:?} {second:?} {model}");
            }
        }
    }
}
