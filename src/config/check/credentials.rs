//! What the credentials of a deployment amount to: a signer, a fetcher of tokens, or nothing beyond its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::connection::Connection;
use crate::config::Env;
use crate::config::raw::section::Section;
use crate::providers::credentials::{Cloud, Credentials};
use crate::providers::{Dialect, cloud};
use crate::secret::Secret;

/// The credentials of a deployment. What is wrong with them is a warning: LiteLLM finds out at the first call, and other
/// deployments need not suffer for it.
pub(super) fn read(
    params: Section<'_>,
    connection: &Connection,
    said: &BTreeMap<String, Secret>,
    env: &dyn Env,
) -> Option<Arc<Credentials>> {
    let variable = |name: &str| env.get(name);
    let param = |name: &str| said.get(name).map(|value| value.expose().to_owned());
    let region = cloud::aws_region(&connection.upstream_model, &param, &variable);
    let cloud = match connection.provider.dialect {
        Dialect::Bedrock => Cloud::Aws { region: &region },
        Dialect::Vertex => Cloud::Google,
        Dialect::Azure => Cloud::Entra { ambient: false },
        _ => return None,
    };
    match Credentials::from_params(cloud, said, connection.api_key.as_ref(), &variable) {
        Ok(credentials) => credentials.map(Arc::new),
        Err(reason) => {
            params.warning("model", format!("calls will fail: {reason}"));
            None
        }
    }
}
