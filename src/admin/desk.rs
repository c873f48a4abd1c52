//! What the control plane must know of this moment, and whom it tells of changes. The data plane keeps the desk.

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::limiter;
use crate::pricing::{Money, Prices};
use crate::store;

/// One deployment as people may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelView {
    /// `model_info.id`.
    pub id: String,
    /// The name that clients call it by.
    pub model_name: String,
    /// The provider's name.
    pub provider: String,
    /// Without any secret.
    pub litellm_params: Map<String, Value>,
    /// As LiteLLM shows it, `id` and `db_model` included.
    pub model_info: Map<String, Value>,
    /// Whether it was added at run time; then it can be changed and deleted.
    pub is_stored: bool,
}

/// Where the price table comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceSource {
    /// `local`: the one that is compiled in; `remote`, `file`.
    pub name: &'static str,
    /// Where the operator keeps one, without secrets.
    pub place: Option<String>,
    /// The environment wants the one that is compiled in.
    pub is_forced: bool,
    /// Why it could not be read last.
    pub failure: Option<String>,
}

/// The live state of this node.
#[async_trait]
pub trait Desk: Send + Sync {
    /// What was spent in this window of the budget. `None`: this node does not count it, the store knows.
    fn spent(&self, scope: limiter::Kind, id: &str) -> Option<Money>;

    /// What this node counts of the scope of this id, and of those whose ids begin with `id:`, each budget.
    fn counters_under(&self, scope: limiter::Kind, id: &str) -> Vec<store::Counter>;

    /// These objects were changed, made or deleted, and the change is stored: it takes effect before this returns.
    async fn changed(&self, objects: &[(store::Kind, String)]);

    /// Sets what was spent in this window, here and in the store.
    ///
    /// # Errors
    /// When the store does not take it.
    async fn set_spent(&self, scope: limiter::Kind, id: &str, spent: Money) -> Result<(), store::Failure>;

    /// The same with nothing, for all of one kind and for each of their budgets.
    ///
    /// # Errors
    /// When the store does not take it.
    async fn reset_spent(&self, scope: limiter::Kind) -> Result<(), store::Failure>;

    /// What a deployment's calls cost. `None`: there is no such deployment.
    fn prices(&self, deployment: &str) -> Option<Prices>;

    /// All deployments, those of the configuration first.
    fn models(&self) -> Vec<ModelView>;

    /// Where the price table comes from.
    fn price_source(&self) -> PriceSource;

    /// Reads the price table anew where the operator keeps one, because somebody has asked for it at this time, and says
    /// how many models it has. Calls that begin from now on cost what it says.
    ///
    /// # Errors
    /// Why not; prices are as before.
    async fn reload_prices(&self, asked_at: &str) -> Result<usize, String>;
}
