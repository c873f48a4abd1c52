//! `GET /access_group/list`, `GET /access_group/{access_group}/info`

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::models::visible::{access_groups, public_name};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::admin::teams::bounds::texts;
use crate::error::{Error, Management};
use crate::store::{Filter, Kind, Object};

/// All groups, by their names.
pub async fn list(control: &Control, _: Call) -> Result<Reply, Error> {
    let groups = all(control).await?;
    let shown: Vec<Value> = groups.iter().map(|(name, models)| shown(control, name, models)).collect();
    Ok(Reply::json(json!({"access_groups": shown})))
}

/// One of them.
pub async fn info(control: &Control, call: Call) -> Result<Reply, Error> {
    let name = call.param("access_group");
    let text = format!("Access group '{name}' not found.");
    let models = match stored(control, name).await? {
        Some(group) => Some(models_of(&group)),
        None => of_file(control).remove(name),
    };
    let models = models.ok_or_else(|| detailed(Management::DetailNoSuchObject, &text))?;
    Ok(Reply::json(shown(control, name, &models)))
}

async fn all(control: &Control) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut groups = of_file(control);
    for group in control.store.all(Kind::AccessGroup, &Filter::default()).await? {
        let models = models_of(&group);
        groups.insert(group.alias.unwrap_or(group.id), models);
    }
    Ok(groups)
}

/// The stored group of this id, or else of this name.
///
/// # Errors
/// The store's.
pub(super) async fn stored(control: &Control, named: &str) -> Result<Option<Object>, Error> {
    if let Some(group) = control.store.get(Kind::AccessGroup, named).await? {
        return Ok(Some(group));
    }
    let of_name = Filter { alias: Some(named), ..Filter::default() };
    Ok(control.store.all(Kind::AccessGroup, &of_name).await?.pop())
}

/// The models of all groups of this name; none if there is none.
///
/// # Errors
/// [`Management::StoreAway`].
pub async fn named(control: &Control, name: &str) -> Result<Vec<String>, Error> {
    let stored = control.store.get(Kind::AccessGroup, name).await?;
    let of_file = of_file(control).remove(name).unwrap_or_default();
    Ok(stored.as_ref().map(models_of).into_iter().flatten().chain(of_file).collect())
}

/// The groups that `model_info.access_groups` makes.
pub(super) fn of_file(control: &Control) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for view in control.desk.models() {
        for group in access_groups(&view) {
            let models = groups.entry(group).or_default();
            if !models.iter().any(|name| name == public_name(&view)) {
                models.push(public_name(&view).to_owned());
            }
        }
    }
    groups
}

/// Whether a group has this name, or is found by it, but for the group of the id `own`.
///
/// # Errors
/// The store's.
pub(super) async fn is_taken(control: &Control, name: &str, own: Option<&str>) -> Result<bool, Error> {
    let is_other = |group: &Object| own != Some(group.id.as_str());
    let of_id = control.store.get(Kind::AccessGroup, name).await?;
    let of_name = Filter { alias: Some(name), ..Filter::default() };
    let of_name = control.store.all(Kind::AccessGroup, &of_name).await?;
    Ok(of_id.iter().chain(&of_name).any(is_other) || of_file(control).contains_key(name))
}

/// The models of a group.
pub(super) fn models_of(group: &Object) -> Vec<String> {
    texts(&group.doc, "model_names")
}

/// How many deployments have these names.
pub(super) fn deployments(control: &Control, models: &[String]) -> usize {
    control.desk.models().iter().filter(|view| models.iter().any(|name| name == public_name(view))).count()
}

fn shown(control: &Control, name: &str, models: &[String]) -> Value {
    json!({"access_group": name, "model_names": models, "deployment_count": deployments(control, models)})
}
