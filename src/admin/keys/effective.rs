//! What a key may do when it is used: what its document says, its access groups, and the budget that it names. The same of
//! a team or a project.

use serde_json::{Map, Value, json};

use crate::admin::budgets::held;
use crate::admin::control::Control;
use crate::admin::limits;
use crate::admin::teams::bounds::texts;
use crate::admin::teams::draft::member_budget_id;
use crate::admin::teams::members::row::follow;
use crate::auth::grants::{COUNTS, Rights};
use crate::error::Error;
use crate::store::{Kind, Object};

/// What a budget says for whoever names it, besides [`COUNTS`].
const OF_BUDGET: [&str; 4] = ["max_budget", "budget_duration", "budget_limits", "model_max_budget"];

/// The rights of a stored key, team or project.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn rights(control: &Control, key: &Object) -> Result<Rights, Error> {
    Ok(over(&key.doc, &budget(control, held::budget_id(key)).await?))
}

/// What limits a user as a member of a team, with its usual budget where no budget of their own says anything.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn of_member(control: &Control, team: &str, user: &str) -> Result<Rights, Error> {
    let member = control.store.get(Kind::TeamMember, &format!("{team}:{user}")).await?;
    let team = control.store.get(Kind::Team, team).await?;
    let own = member.as_ref().and_then(held::budget_id);
    let usual = team.as_ref().and_then(|team| member_budget_id(&team.doc));
    let [mut own, usual] = [budget(control, own).await?, budget(control, usual).await?];
    follow(&mut own, &usual);
    Ok(over(&member.map(|member| member.doc).unwrap_or_default(), &own))
}

async fn budget(control: &Control, id: Option<&str>) -> Result<Map<String, Value>, Error> {
    let Some(id) = id else { return Ok(Map::new()) };
    Ok(control.store.get(Kind::Budget, id).await?.map(|budget| budget.doc).unwrap_or_default())
}

/// What the key says, and the budget where the key says nothing. Of the key's models those remain that the budget allows.
fn over(key: &Map<String, Value>, budget: &Map<String, Value>) -> Rights {
    let mut doc = key.clone();
    for name in OF_BUDGET.into_iter().chain(COUNTS) {
        let is_said = doc.get(name).is_some_and(|value| !value.is_null() && *value != json!([]) && *value != json!({}));
        if let Some(value) = budget.get(name).filter(|_| !is_said) {
            doc.insert(name.to_owned(), value.clone());
        }
    }
    let mut rights = limits::rights(&doc);
    // Without models there is nothing that groups add to.
    if !rights.models.is_empty() {
        rights.models.extend(texts(key, "access_group_ids").into_iter().filter(|id| !id.contains('*')));
    }
    rights.only(&texts(budget, "allowed_models"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: Value, budget: Value) -> Rights {
        over(key.as_object().unwrap(), budget.as_object().unwrap())
    }

    #[test]
    fn a_key_may_what_it_and_its_budget_say() {
        let budget = json!({"max_budget": 10.0, "budget_duration": "1d", "tpd_limit": 7, "rpm_limit": 3,
            "budget_limits": [{"budget_duration": "7d", "max_budget": 20}], "model_max_budget": {"a": {"max_budget": 1}}});
        let key =
            json!({"max_budget": 4.0, "rpm_limit": null, "tpm_limit": 5, "budget_limits": [], "model_max_budget": {}});
        let both = json!({"max_budget": 4.0, "budget_duration": "1d", "tpd_limit": 7, "rpm_limit": 3, "tpm_limit": 5,
            "budget_limits": [{"budget_duration": "7d", "max_budget": 20}], "model_max_budget": {"a": {"max_budget": 1}}});
        assert_eq!(of(key, budget), limits::rights(both.as_object().unwrap()));
    }

    #[test]
    fn groups_add_to_models_and_a_budget_takes_away() {
        for (key, budget, models) in [
            (json!({"models": ["a"], "access_group_ids": ["g", "*"]}), json!({}), &["a", "g"][..]),
            (json!({"access_group_ids": ["g"]}), json!({}), &[]),
            (json!({"access_group_ids": ["g"]}), json!({"allowed_models": ["b"]}), &["b"]),
            (json!({"models": ["a", "b"]}), json!({"allowed_models": ["b", "c"]}), &["b"]),
            (json!({"models": ["a"]}), json!({"allowed_models": ["c"]}), &["no-default-models"]),
        ] {
            assert_eq!(of(key.clone(), budget).models, models, "{key}");
        }
    }
}
