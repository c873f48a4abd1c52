//! What stands behind a model's name: a deployment that the caller may call, else an entry of the price table.

use std::sync::Arc;

use serde_json::Value;

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::desk::ModelView;
use crate::admin::models::info::seen;
use crate::admin::models::visible::public_name;
use crate::error::{Error, Kind};
use crate::pricing::{Prices, Table};

/// A model whose prices are known.
pub struct Priced {
    pub prices: Prices,
    pub provider: String,
}

/// The prices of a group (of its first deployment that has some), or of a model of the table, with or without its
/// provider before it. `None`: nobody knows.
///
/// # Errors
/// The store's.
pub async fn find(control: &Control, call: &Call, name: &str) -> Result<Option<Priced>, Error> {
    let views = seen(control, call).await?;
    let name = group_of(control, name);
    let members = views.iter().filter(|view| public_name(view) == name || full_model(view) == Some(name));
    let known = members.filter_map(|view| {
        let prices = control.desk.prices(&view.id).filter(|prices| !prices.is_empty())?;
        Some(Priced { prices, provider: view.provider.clone() })
    });
    if let Some(known) = { known }.next() {
        return Ok(Some(known));
    }
    let (book, name) = (Arc::clone(&control.settings.prices), name.to_owned());
    // Some milliseconds of reading: not on a thread that serves others.
    let found = tokio::task::spawn_blocking(move || in_table(&book.table(), &name)).await;
    found.map_err(|error| Error::new(Kind::Internal, "Prices could not be read.").detail(error.to_string()))
}

fn in_table(table: &Table, name: &str) -> Option<Priced> {
    let behind_provider = || name.split_once('/').and_then(|(provider, model)| table.find(provider, model));
    let model = table.find_named(name).or_else(behind_provider).filter(|model| !model.prices.is_empty())?;
    Some(Priced { prices: model.prices.clone(), provider: model.provider.to_string() })
}

/// `<provider>/<model>`
fn full_model(view: &ModelView) -> Option<&str> {
    view.litellm_params.get("model").and_then(Value::as_str)
}

/// The name that a `model_group_alias` stands for; of any other name itself. Aliases are not followed twice.
fn group_of<'a>(control: &'a Control, name: &'a str) -> &'a str {
    let aliases = control.settings.router_settings.get("model_group_alias");
    let alias = aliases.and_then(|aliases| aliases.get(name)).and_then(|alias| alias.get("model"));
    alias.and_then(Value::as_str).unwrap_or(name)
}

/// The models behind the names that a caller may call.
pub struct Names(Vec<(String, String)>);

impl Names {
    /// Those of this caller: aliases, then groups.
    ///
    /// # Errors
    /// The store's.
    pub async fn of(control: &Control, call: &Call) -> Result<Self, Error> {
        let named = |view: &ModelView| {
            let model = full_model(view)?;
            let bare = model.strip_prefix(&view.provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model);
            Some((public_name(view).to_owned(), bare.to_owned()))
        };
        let groups: Vec<(String, String)> = seen(control, call).await?.iter().filter_map(named).collect();
        let aliases = control.settings.router_settings.get("model_group_alias").and_then(Value::as_object);
        let behind = |alias: &String| {
            let group = group_of(control, alias);
            let (_, model) = groups.iter().find(|(name, _)| name == group)?;
            Some((alias.clone(), model.clone()))
        };
        let aliases: Vec<(String, String)> =
            aliases.into_iter().flatten().filter_map(|(alias, _)| behind(alias)).collect();
        Ok(Self(aliases.into_iter().chain(groups).collect()))
    }

    /// The model of the first deployment that a name leads to.
    pub fn model_of(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, model)| model.clone())
    }
}
