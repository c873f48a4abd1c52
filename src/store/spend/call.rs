//! A finished call as the database knows it.

use serde::{Deserialize, Serialize};

use crate::error::{Compat, Kind};
use crate::store::journal::Adjustment;

/// What stands for the master key where others have a digest: LiteLLM's word.
pub const MASTER_KEY: &str = "litellm_proxy_master_key";
/// What stands for no key in the gateway's own health checks: LiteLLM's word.
pub const HEALTH_CHECK_KEY: &str = "litellm-internal-health-check";
/// The least status of a failure.
pub(super) const FIRST_FAILURE: i64 = 400;

/// A row of `spend_logs`. Times in milliseconds since 1970, money in pico-dollars; an empty text is nobody or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The gateway's id of it.
    pub call_id: String,
    /// The id of the answer.
    pub request_id: String,
    pub started_at: i64,
    pub ended_at: i64,
    /// The digest in hex, or [`MASTER_KEY`], [`HEALTH_CHECK_KEY`].
    pub api_key: String,
    pub user_id: String,
    pub team_id: String,
    pub organization_id: String,
    pub end_user: String,
    pub session_id: String,
    pub model_group: String,
    pub model: String,
    pub model_id: String,
    pub provider: String,
    pub call_type: String,
    /// HTTP's.
    pub status: i64,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    pub total_tokens: i64,
    pub cost: i64,
    pub rest: Rest,
}

/// What no query looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rest {
    /// When the answer began; 0: never.
    #[serde(skip_serializing_if = "is_zero")]
    pub completion_start: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_base: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error_class: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub requester_ip: String,
    /// What the client wants to be said of it: a JSON object as a text, or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub spend_logs_metadata: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read_tokens: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_tokens: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning_tokens: i64,
    /// Of the cost.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_cost: i64,
    #[serde(skip_serializing_if = "is_nothing")]
    pub adjustment: Adjustment,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cache_hit: bool,
}

impl Call {
    /// Whether it failed; a client that left early is no failure.
    pub fn is_failure(&self) -> bool {
        is_failure(self.status)
    }

    /// How long it took, in milliseconds.
    pub fn duration_ms(&self) -> i64 {
        self.ended_at.saturating_sub(self.started_at).max(0)
    }
}

/// Whether this is the status of a failure.
pub(super) fn is_failure(status: i64) -> bool {
    status >= FIRST_FAILURE && status != client_gone()
}

/// The status of a client that did not wait.
pub(super) fn client_gone() -> i64 {
    Kind::ClientGone.row(Compat::default()).status.into()
}

fn is_nothing(adjustment: &Adjustment) -> bool {
    *adjustment == Adjustment::default()
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}
