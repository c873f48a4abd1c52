//! From what LiteLLM has encrypted to what is sealed here.

use serde_json::{Map, Value, json};

use crate::config::ModelRules;
use crate::store::SealKey;
use crate::store::litellm::opening::{Opened, Opener};

/// The keys of both.
pub struct Vault {
    /// LiteLLM's; `None`: neither `LITELLM_SALT_KEY` nor a master key is known.
    pub opener: Option<Opener>,
    /// Ours; `None` where nothing is to be stored.
    pub seal: Option<SealKey>,
    /// How a model is read that is added at run time.
    pub rules: ModelRules,
}

impl Vault {
    /// The members, each text of which LiteLLM has encrypted by itself.
    ///
    /// # Errors
    /// Which of them does not open, for people; tells no secret.
    pub fn open(&self, sealed: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        let opener =
            self.opener.as_ref().ok_or("is encrypted: set LITELLM_SALT_KEY, or the master key that LiteLLM had")?;
        let open = |(name, value): (&String, &Value)| {
            let Some(text) = value.as_str() else { return Ok((name.clone(), value.clone())) };
            match opener.open(text) {
                Opened::Plain(plain) => Ok((name.clone(), json!(plain.expose()))),
                Opened::Never => Ok((name.clone(), value.clone())),
                Opened::NotOurs => {
                    Err(format!("does not open ({name}): LITELLM_SALT_KEY, or the master key, is not what LiteLLM had"))
                }
            }
        };
        sealed.iter().map(open).collect()
    }
}
