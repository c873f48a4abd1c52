//! A tag as LiteLLM shows it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::admin::budgets::held;
use crate::admin::columns::Absent::{List, NoMoney, Object as Empty};
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::error::Error;
use crate::store::Object;

const ROW: &[Column] = &[
    column("name"),
    column("description"),
    column("models").or(List),
    column("model_rpm_limit").ours(),
    column("model_tpm_limit").ours(),
    column("model_info").or(Empty),
    column("spend").or(NoMoney),
    column("budget_id"),
    column("created_at").time(),
    column("updated_at").time(),
    column("created_by"),
    column("litellm_budget_table"),
];

/// Their rows, with what was spent under them and the names of their models.
pub async fn rows(control: &Control, tags: &[Object]) -> Result<Vec<Value>, Error> {
    let budgets = held::shown(control, tags).await?;
    let names: HashMap<String, String> =
        control.desk.models().into_iter().map(|model| (model.id, model.model_name)).collect();
    let shown = control.shown_with_spend(tags).await?.into_iter().map(|mut known| {
        held::beside(&mut known, &budgets);
        known.insert("model_info".to_owned(), json!(model_names(&known, &names)));
        Value::from(row(ROW, &known, control.settings.compat, Clockface::Zulu))
    });
    Ok(shown.collect())
}

/// What the ids among a tag's models are called.
fn model_names(tag: &Map<String, Value>, names: &HashMap<String, String>) -> Map<String, Value> {
    let ids = tag.get("models").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let named = ids.iter().filter_map(Value::as_str).filter_map(|id| Some((id.to_owned(), json!(names.get(id)?))));
    named.collect()
}
