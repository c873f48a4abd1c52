//! Entries of `model_list` that come after the file: models which are added at run time.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use super::credentials::Made;
use super::deployment::{self, Common};
use crate::config::raw::problems::Problems;
use crate::config::raw::references::{Overlay, resolve};
use crate::config::raw::section::{Section, kind};
use crate::config::{Credential, Deployment, Env, Problem, Severity};
use crate::providers::Provider;

/// The path of a single entry in what is said of it.
const PLACE: &str = "model";

/// What the file says that concerns every model: its variables, its providers, its credentials.
#[derive(Clone, Default)]
pub struct ModelRules {
    added: (HashMap<String, String>, HashMap<String, String>),
    declared: Vec<&'static Provider>,
    ambient_entra: bool,
    listed: Vec<Credential>,
}

impl ModelRules {
    pub(super) fn new(
        env: &Overlay<'_>,
        declared: &[&'static Provider],
        credentials: &Made,
        listed: Vec<Credential>,
    ) -> Self {
        let ambient_entra = credentials.ambient_entra();
        Self { added: env.added(), declared: declared.to_vec(), ambient_entra, listed }
    }

    /// `credential_list`.
    pub fn credentials(&self) -> &[Credential] {
        &self.listed
    }

    /// Reads one entry as if it stood in the file, references to the environment included. Problems have paths such as
    /// `model.litellm_params.rpm`.
    ///
    /// # Errors
    /// All problems, warnings too, when the entry would refuse a start.
    pub fn read(&self, entry: &Value, env: &dyn Env) -> Result<(Deployment, Vec<Problem>), Vec<Problem>> {
        let problems = Problems::default();
        let env = Overlay::with(env, self.added.clone());
        let mut entry = entry.clone();
        resolve(&mut entry, PLACE, &env, &problems);
        let common = Common {
            env: &env,
            declared: &self.declared,
            credentials: Made::none_yet(self.ambient_entra),
            listed: &self.listed,
            is_file: false,
        };
        let deployment = match entry.as_object() {
            Some(map) => deployment::read(Section::new(PLACE, map, &problems), &common),
            None => {
                problems.error(PLACE, format!("expected a mapping, found {}", kind(&entry)));
                None
            }
        };
        let problems = problems.into_list();
        match deployment.filter(|_| !problems.iter().any(|problem| problem.severity == Severity::Error)) {
            Some(deployment) => Ok((deployment, problems)),
            None => Err(problems),
        }
    }
}

/// Variables may hold secrets.
impl fmt::Debug for ModelRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelRules").field("declared", &self.declared.len()).finish_non_exhaustive()
    }
}
