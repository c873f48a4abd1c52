//! What a team is given by somebody who is no proxy admin.

use serde_json::{Map, Value};

use super::bounds::{check_given_models, texts};
use crate::admin::control::Control;
use crate::admin::keys::bound::check_groups;
use crate::admin::requester::Requester;
use crate::auth::grants::Rights;
use crate::error::Error;

/// Refuses models and access groups that neither the team (`before`) has already nor the caller's key may call. A group is
/// what is in it: no pattern stands for its name.
///
/// # Errors
/// 403, and the store's.
pub async fn check(
    control: &Control,
    requester: &Requester,
    before: Option<&Map<String, Value>>,
    after: &Map<String, Value>,
) -> Result<(), Error> {
    if requester.is_admin() {
        return Ok(());
    }
    check_given_models(&requester.models, before, after)?;
    let old = before.map(|before| texts(before, "models"));
    let has_all = requester.models.is_empty() || old.as_ref().is_some_and(Vec::is_empty);
    if has_all {
        return Ok(());
    }
    let models = old.into_iter().flatten().chain(requester.models.iter().cloned()).collect();
    let own = Rights { models, ..Rights::default() };
    let groups = before.map(|before| texts(before, "access_group_ids")).unwrap_or_default();
    let further = texts(after, "access_group_ids").into_iter().filter(|group| !groups.contains(group));
    let given: Vec<String> = texts(after, "models").into_iter().chain(further).collect();
    check_groups(control, &given, &own).await
}
