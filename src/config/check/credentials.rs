//! What the credentials of a deployment amount to: a signer, a fetcher of tokens, or nothing beyond its key.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::connection::Connection;
use crate::config::Env;
use crate::config::raw::section::Section;
use crate::providers::credentials::{Cloud, Credentials};
use crate::providers::{Dialect, cloud};
use crate::secret::Secret;

/// Parameters that say where a call goes, not who makes it.
const PLACES: [&str; 7] = [
    "aws_region_name",
    "region_name",
    "aws_bedrock_runtime_endpoint",
    "vertex_project",
    "vertex_ai_project",
    "vertex_location",
    "vertex_ai_location",
];

/// The credentials made so far: deployments that say the same share one signer, so that a hundred of them fetch one
/// token.
pub(super) struct Made {
    /// `litellm_settings.enable_azure_ad_token_refresh`: a deployment on Azure that states nothing uses the machine's own
    /// identity.
    ambient_entra: bool,
    known: RefCell<Vec<(Key, Arc<Credentials>)>>,
}

/// What credentials are made of, besides the environment, which is the same for all.
#[derive(PartialEq)]
struct Key {
    dialect: Dialect,
    region: String,
    params: BTreeMap<String, Secret>,
    api_key: Option<Secret>,
}

impl Made {
    /// None so far.
    pub fn new(litellm: Section<'_>) -> Self {
        Self::none_yet(litellm.flag("enable_azure_ad_token_refresh").unwrap_or(false))
    }

    /// None so far, where the setting is known.
    pub fn none_yet(ambient_entra: bool) -> Self {
        Self { ambient_entra, known: RefCell::default() }
    }

    /// The setting.
    pub fn ambient_entra(&self) -> bool {
        self.ambient_entra
    }

    /// The credentials of a deployment. What is wrong with them is a warning: LiteLLM finds out at the first call, and
    /// other deployments need not suffer for it.
    pub fn read(
        &self,
        params: Section<'_>,
        connection: &Connection,
        said: &BTreeMap<String, Secret>,
        env: &dyn Env,
    ) -> Option<Arc<Credentials>> {
        // An empty variable is an unset one, as every SDK has it.
        let variable = |name: &str| env.get(name).filter(|value| !value.is_empty());
        let param =
            |name: &str| said.get(name).filter(|value| !value.is_empty()).map(|value| value.expose().to_owned());
        let dialect = connection.provider.dialect;
        let region = match dialect {
            Dialect::Bedrock => cloud::aws_region(&connection.upstream_model, &param, &variable),
            _ => String::new(),
        };
        let cloud = match dialect {
            Dialect::Bedrock => Cloud::Aws { region: &region },
            Dialect::Vertex => Cloud::Google,
            Dialect::Azure => Cloud::Entra { ambient: self.ambient_entra },
            _ => return None,
        };
        let own = said.iter().filter(|(name, _)| !PLACES.contains(&name.as_str()));
        let key = Key {
            dialect,
            region: region.clone(),
            params: own.map(|(name, value)| (name.clone(), value.clone())).collect(),
            api_key: connection.api_key.clone(),
        };
        if let Some((_, made)) = self.known.borrow().iter().find(|(known, _)| *known == key) {
            return Some(Arc::clone(made));
        }
        match Credentials::from_params(cloud, said, connection.api_key.as_ref(), &variable) {
            Ok(credentials) => {
                let made = Arc::new(credentials?);
                self.known.borrow_mut().push((key, Arc::clone(&made)));
                Some(made)
            }
            Err(reason) => {
                params.warning("model", format!("calls will fail: {reason}"));
                None
            }
        }
    }
}
