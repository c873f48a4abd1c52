//! A stored model as LiteLLM shows it: with its texts sealed.

use serde_json::{Map, Value, json};

use super::entries::object;
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::error::{Compat, Error};
use crate::store::{Kind, Object};

/// `LiteLLM_ProxyModelTable`.
const ROW: &[Column] = &[
    column("model_id"),
    column("model_name"),
    column("litellm_params"),
    column("model_info"),
    column("created_at").time(),
    column("created_by"),
    column("updated_at").time(),
    column("updated_by"),
];

/// Parameters that LiteLLM says `false` of where nobody said anything.
const FLAGS: [&str; 3] = ["use_litellm_proxy", "use_in_pass_through", "merge_reasoning_content_in_choices"];
const NEW_FLAGS: [&str; 2] = ["allow_client_keepalive_override", "use_xai_oauth"];

/// The row of a model as it is stored now.
pub async fn stored(control: &Control, id: &str) -> Result<Map<String, Value>, Error> {
    let found = control.store.get(Kind::Model, id).await?;
    Ok(found.map(|model| of(control, &model)).unwrap_or_default())
}

/// The row of a model.
pub fn of(control: &Control, model: &Object) -> Map<String, Value> {
    let mut known = control.shown(model);
    let compat = control.settings.compat;
    known.insert("litellm_params".to_owned(), Value::Object(with_flags(object(&model.doc, "litellm_params"), compat)));
    let mut info = Map::from_iter([("id".to_owned(), json!(model.id)), ("db_model".to_owned(), json!(false))]);
    info.extend(object(&model.doc, "model_info"));
    known.insert("model_info".to_owned(), Value::Object(info));
    row(ROW, &known, compat, Clockface::Zulu)
}

/// The parameters with those that LiteLLM adds.
pub fn with_flags(mut params: Map<String, Value>, compat: Compat) -> Map<String, Value> {
    let new = NEW_FLAGS.iter().filter(|_| compat == Compat::V1_106);
    for name in FLAGS.iter().chain(new) {
        params.entry(*name).or_insert_with(|| json!(false));
    }
    params
}
