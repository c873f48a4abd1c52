//! Where the price table is: `litellm_settings.model_cost_map_url`, or LiteLLM's variables of the environment.

use std::path::PathBuf;

use crate::config::raw::section::Section;
use crate::config::{CostMap, Env};
use crate::secret::Secret;

const KEY: &str = "model_cost_map_url";
const VARIABLE: &str = "LITELLM_MODEL_COST_MAP_URL";
/// `True`: the built-in table, whatever else is said.
const LOCAL: &str = "LITELLM_LOCAL_MODEL_COST_MAP";
const MIN_MODELS: &str = "MODEL_COST_MAP_MIN_MODEL_COUNT";
const MAX_SHRINK: &str = "MODEL_COST_MAP_MAX_SHRINK_RATIO";

pub(super) fn read(litellm: Section<'_>, env: &dyn Env) -> CostMap {
    if env.get(LOCAL).is_some_and(|said| said.trim().eq_ignore_ascii_case("true")) {
        return CostMap::Local;
    }
    named(litellm, env).unwrap_or_default()
}

fn named(litellm: Section<'_>, env: &dyn Env) -> Option<CostMap> {
    let said = litellm.text(KEY).map(|said| (KEY, said));
    let exported = || env.get(VARIABLE).map(|said| (VARIABLE, said));
    let (name, said) = said.or_else(exported).filter(|(_, said)| !said.trim().is_empty())?;
    let said = said.trim();
    match said.split_once("://") {
        None => Some(CostMap::File(said.into())),
        Some(("file", path)) => Some(CostMap::File(PathBuf::from(path))),
        Some(("http" | "https", _)) if said.parse::<http::Uri>().is_ok_and(|uri| is_plain(&uri)) => {
            Some(CostMap::Address {
                url: Secret::new(said.to_owned()),
                min_models: number(litellm, env, MIN_MODELS),
                max_shrink: number(litellm, env, MAX_SHRINK),
            })
        }
        // It is not repeated: an address may hold a token.
        Some(_) => {
            litellm
                .problems()
                .error(name, "expected the path of a file, or an address, http:// or https://, without a user");
            None
        }
    }
}

/// Whether it names a host and no user, whose password nobody would send.
fn is_plain(uri: &http::Uri) -> bool {
    uri.authority().is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
}

fn number<T: std::str::FromStr>(litellm: Section<'_>, env: &dyn Env, name: &str) -> Option<T> {
    let said = env.get(name).filter(|said| !said.trim().is_empty())?;
    let number = said.trim().parse().ok();
    if number.is_none() {
        litellm.problems().error(name, format!("expected a number, found {said:?}"));
    }
    number
}
