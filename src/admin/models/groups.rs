//! `GET /model_group/info`: what the deployments of one name can do together.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::info::seen;
use super::view::facts;
use super::visible::{Sight, public_name};
use crate::admin::call::Call;
use crate::admin::columns::Absent::{False, List};
use crate::admin::columns::{Clockface, Column, column, row};
use crate::admin::control::Control;
use crate::admin::desk::ModelView;
use crate::admin::fields::{Field, Shape, field};
use crate::admin::reply::Reply;
use crate::error::{Error, Kind as ErrorKind};
use crate::pricing::Table;

const QUERY: &[Field] = &[field("model_group", Shape::Text)];

const COLUMNS: &[Column] = &[
    column("model_group"),
    column("providers").or(List),
    column("max_input_tokens"),
    column("max_output_tokens"),
    column("input_cost_per_token"),
    column("output_cost_per_token"),
    column("input_cost_per_pixel"),
    column("mode"),
    column("tpm"),
    column("rpm"),
    column("itpm").new(),
    column("otpm").new(),
    column("supports_parallel_function_calling").or(False),
    column("supports_vision").or(False),
    column("supports_web_search").or(False),
    column("supports_url_context").or(False),
    column("supports_reasoning").or(False),
    column("supports_function_calling").or(False),
    column("supports_fast_mode").or(False).new(),
    column("supported_reasoning_efforts").or(List).new(),
    column("supported_openai_params").or(List),
    column("configurable_clientside_auth_params"),
    column("is_public_model_group").or(False),
    column("health_status").new(),
    column("health_response_time").new(),
    column("health_checked_at").new(),
];

/// Of several deployments the largest counts.
const LARGEST: [&str; 5] =
    ["max_input_tokens", "max_output_tokens", "input_cost_per_token", "output_cost_per_token", "input_cost_per_pixel"];
/// What all of them take together.
const SUMS: [&str; 4] = ["tpm", "rpm", "itpm", "otpm"];
/// What one of them can do.
const ABILITIES: [&str; 6] = [
    "supports_parallel_function_calling",
    "supports_vision",
    "supports_web_search",
    "supports_url_context",
    "supports_reasoning",
    "supports_function_calling",
];

/// The groups that the caller may call. A pattern is shown as the models that it stands for and that are known.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let mut views = seen(control, &call).await?;
    if views.iter().any(|view| public_name(view).contains('*')) {
        let sight = Sight::of(control, &call.requester).await?;
        let book = Arc::clone(&control.settings.prices);
        // Some milliseconds of reading: not on a thread that serves others.
        let expanded = tokio::task::spawn_blocking(move || expanded(views, &book.table(), &sight)).await;
        views = expanded.map_err(|error| {
            Error::new(ErrorKind::Internal, "Models could not be listed.").detail(error.to_string())
        })?;
    }
    let mut names: Vec<&str> = Vec::new();
    for view in &views {
        let name = public_name(view);
        if !names.contains(&name) && query.text("model_group").is_none_or(|wanted| wanted == name) {
            names.push(name);
        }
    }
    let compat = control.settings.compat;
    let groups = names.into_iter().map(|name| {
        let members: Vec<&ModelView> = views.iter().filter(|view| public_name(view) == name).collect();
        Value::Object(row(COLUMNS, &group(name, &members), compat, Clockface::Zulu))
    });
    Ok(Reply::json(json!({"data": groups.collect::<Vec<_>>()})))
}

fn group(name: &str, members: &[&ModelView]) -> Map<String, Value> {
    let mut group = Map::new();
    let mut providers: Vec<&str> = members.iter().map(|view| view.provider.as_str()).collect();
    providers.dedup();
    group.insert("model_group".to_owned(), json!(name));
    group.insert("providers".to_owned(), json!(providers));
    for name in LARGEST {
        let values = members.iter().filter_map(|view| view.model_info.get(name)?.as_f64());
        group.insert(name.to_owned(), json!(values.max_by(f64::total_cmp)));
    }
    for name in SUMS {
        let values: Vec<u64> = members.iter().filter_map(|view| limit(view, name)).collect();
        let sum = values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
        group.insert(name.to_owned(), json!((!values.is_empty()).then_some(sum)));
    }
    for name in ABILITIES {
        let can = members.iter().any(|view| view.model_info.get(name) == Some(&json!(true)));
        group.insert(name.to_owned(), json!(can));
    }
    for name in ["mode", "supported_openai_params"] {
        let said = members.iter().find_map(|view| view.model_info.get(name)).cloned();
        group.extend(said.map(|said| (name.to_owned(), said)));
    }
    group
}

fn limit(view: &ModelView, name: &str) -> Option<u64> {
    view.litellm_params.get(name).or_else(|| view.model_info.get(name))?.as_u64()
}

/// Patterns replaced by the models of their provider that the table knows and the caller may call.
fn expanded(views: Vec<ModelView>, table: &Table, sight: &Sight) -> Vec<ModelView> {
    let mut all = Vec::with_capacity(views.len());
    for view in views {
        let Some((before, behind)) = public_name(&view).split_once('*').map(|(a, b)| (a.to_owned(), b.to_owned()))
        else {
            all.push(view);
            continue;
        };
        let mut models: Vec<_> = table.models().filter(|(_, model)| *model.provider == *view.provider).collect();
        models.sort_unstable_by_key(|(name, _)| *name);
        for (entry, model) in models {
            let bare = entry.strip_prefix(&*view.provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(entry);
            let name = format!("{before}{bare}{behind}");
            let groups = super::visible::access_groups(&view);
            if sight.allows(&name, &groups) {
                let mut info = view.model_info.clone();
                info.shift_remove("team_public_model_name");
                info.extend(facts(model));
                all.push(ModelView { model_name: name, model_info: info, ..view.clone() });
            }
        }
    }
    all
}
