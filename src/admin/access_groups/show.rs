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

/// All groups.
pub async fn list(control: &Control, _: Call) -> Result<Reply, Error> {
    let groups = all(control).await?;
    let shown: Vec<Value> = groups.iter().map(|(name, models)| shown(control, name, models)).collect();
    Ok(Reply::json(json!({"access_groups": shown})))
}

/// One of them.
pub async fn info(control: &Control, call: Call) -> Result<Reply, Error> {
    let name = call.param("access_group");
    let text = format!("Access group '{name}' not found.");
    let groups = all(control).await?;
    let models = groups.get(name).ok_or_else(|| detailed(Management::DetailNoSuchObject, &text))?;
    Ok(Reply::json(shown(control, name, models)))
}

async fn all(control: &Control) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut groups = of_file(control);
    for group in control.store.all(Kind::AccessGroup, &Filter::default()).await? {
        let models = models_of(&group);
        groups.insert(group.id, models);
    }
    Ok(groups)
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
