//! `GET /model/info`, `/v1/model/info`, `/v2/model/info`

use serde_json::{Value, json};

use super::columns::MODEL_INFO;
use super::row::with_flags;
use super::visible::{Sight, public_name};
use crate::admin::call::Call;
use crate::admin::columns::{Clockface, row};
use crate::admin::control::Control;
use crate::admin::desk::ModelView;
use crate::admin::fields::{Field, Shape, field};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::error::{Compat, Error, Management};

const QUERY: &[Field] = &[field("litellm_model_id", Shape::Text)];

const PAGED: &[Field] = &[
    field("model", Shape::Text),
    field("modelId", Shape::Text),
    field("search", Shape::Text),
    field("teamId", Shape::Text),
    field("page", Shape::Whole),
    field("size", Shape::Whole),
    field("sortBy", Shape::Text),
    field("sortOrder", Shape::OneOf(&["asc", "desc"])),
    field("debug", Shape::Flag),
];

/// Models on a page, unless the request says otherwise, and at most.
const PAGE_SIZE: usize = 50;
const LARGEST_PAGE: usize = 1_000;

/// All deployments that the caller may call, or the one that is asked for.
pub async fn all(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let mut views = seen(control, &call).await?;
    if let Some(id) = query.text("litellm_model_id") {
        views.retain(|view| view.id == id);
        if views.is_empty() {
            let text = format!("Model id = {id} not found on litellm proxy");
            return Err(detailed(Management::DetailRefused, &text));
        }
    }
    let compat = control.settings.compat;
    Ok(Reply::json(json!({"data": views.iter().map(|view| shown(view, compat)).collect::<Vec<_>>()})))
}

/// A page of them.
pub async fn paged(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(PAGED)?;
    let mut views = seen(control, &call).await?;
    let is = |wanted: Option<&str>, text: &str| wanted.is_none_or(|wanted| wanted == text);
    let search = query.text("search").map(str::to_lowercase);
    views.retain(|view| {
        let name = public_name(view);
        let team = view.model_info.get("team_id").and_then(Value::as_str).unwrap_or_default();
        is(query.text("model"), name)
            && is(query.text("modelId"), &view.id)
            && is(query.text("teamId"), team)
            && search.as_ref().is_none_or(|search| name.to_lowercase().contains(search))
    });
    if query.text("sortBy") == Some("model_name") {
        views.sort_by(|one, other| public_name(one).cmp(public_name(other)));
        if query.text("sortOrder") == Some("desc") {
            views.reverse();
        }
    }
    let number = |name: &str| query.whole(name).and_then(|number| usize::try_from(number).ok()).filter(|n| *n > 0);
    let page = number("page").unwrap_or(1);
    let size = number("size").unwrap_or(PAGE_SIZE).min(LARGEST_PAGE);
    let compat = control.settings.compat;
    let part = views.iter().skip((page - 1).saturating_mul(size)).take(size);
    let part = part.map(|view| {
        let mut shown = shown(view, compat);
        if query.flag("debug") == Some(true) {
            // LiteLLM shows its Python client there; here is none.
            shown["openai_client"] = json!("None");
        }
        shown
    });
    Ok(Reply::json(json!({
        "data": part.collect::<Vec<_>>(),
        "total_count": views.len(),
        "current_page": page,
        "total_pages": views.len().div_ceil(size),
        "size": size,
    })))
}

/// The deployments that the caller may call.
pub(in crate::admin) async fn seen(control: &Control, call: &Call) -> Result<Vec<ModelView>, Error> {
    let sight = Sight::of(control, &call.requester).await?;
    let mut views = control.desk.models();
    views.retain(|view| sight.sees(view));
    Ok(views)
}

fn shown(view: &ModelView, compat: Compat) -> Value {
    let mut info = row(MODEL_INFO, &view.model_info, compat, Clockface::Zulu);
    for (name, value) in &view.model_info {
        // What the operator says of it besides; what another release would show is left out.
        if !info.contains_key(name) && !MODEL_INFO.iter().any(|column| column.is(name)) {
            info.insert(name.clone(), value.clone());
        }
    }
    json!({
        "model_name": view.model_name,
        "litellm_params": with_flags(view.litellm_params.clone(), compat),
        "model_info": info,
    })
}
