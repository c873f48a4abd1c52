//! What a key may do when it is used: what its document says, its access groups, and the budget that it names.

use serde_json::{Map, Value, json};

use crate::admin::budgets::held;
use crate::admin::control::Control;
use crate::admin::limits;
use crate::admin::teams::bounds::texts;
use crate::auth::grants::{COUNTS, Rights};
use crate::error::Error;
use crate::store::{Kind, Object};

/// What a budget says for whoever names it, besides [`COUNTS`].
const OF_BUDGET: [&str; 3] = ["max_budget", "budget_duration", "budget_limits"];

/// The rights of a stored key.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn rights(control: &Control, key: &Object) -> Result<Rights, Error> {
    let budget = match held::budget_id(key) {
        Some(id) => control.store.get(Kind::Budget, id).await?,
        None => None,
    };
    Ok(over(&key.doc, &budget.map(|budget| budget.doc).unwrap_or_default()))
}

/// What the key says, and the budget where the key says nothing. Of the key's models those remain that the budget allows.
fn over(key: &Map<String, Value>, budget: &Map<String, Value>) -> Rights {
    let mut doc = key.clone();
    for name in OF_BUDGET.into_iter().chain(COUNTS) {
        let is_said = doc.get(name).is_some_and(|value| !value.is_null() && *value != json!([]));
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
            "budget_limits": [{"budget_duration": "7d", "max_budget": 20}]});
        let key = json!({"max_budget": 4.0, "rpm_limit": null, "tpm_limit": 5, "budget_limits": []});
        let both = json!({"max_budget": 4.0, "budget_duration": "1d", "tpd_limit": 7, "rpm_limit": 3, "tpm_limit": 5,
            "budget_limits": [{"budget_duration": "7d", "max_budget": 20}]});
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
