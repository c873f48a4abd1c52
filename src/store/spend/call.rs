//! A finished call as the database knows it.

use serde::{Deserialize, Serialize};

use crate::error::{Compat, Kind};
use crate::store::journal::{Charge, Key, Record};

/// What stands for the master key where others have a digest: LiteLLM's word.
pub const MASTER_KEY: &str = "litellm_proxy_master_key";
/// What stands for no key in the gateway's own health checks: LiteLLM's word.
pub const HEALTH_CHECK_KEY: &str = "litellm-internal-health-check";
/// More tokens than any call has. Without a limit, sums of what a broken provider claims would not fit.
const MOST_TOKENS: u64 = 1_000_000_000_000;
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
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read_tokens: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_tokens: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning_tokens: i64,
    /// Of the cost.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_cost: i64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cache_hit: bool,
}

/// A budget counter that a call's cost goes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    pub scope: String,
    pub id: String,
    pub budget: String,
    /// Seconds since 1970; 0: never.
    pub resets_at: i64,
}

impl Call {
    /// What the database keeps of a record.
    pub fn of(record: &Record<'_>) -> Self {
        Self {
            call_id: text(record.call_id),
            request_id: text(record.request_id),
            started_at: number(record.started_ms),
            ended_at: number(record.ended_ms),
            api_key: key(&record.key),
            user_id: text(record.user),
            team_id: text(record.team),
            organization_id: text(record.organization),
            end_user: text(record.end_user),
            session_id: text(record.session_id),
            model_group: text(record.model_group),
            model: text(record.model),
            model_id: text(record.model_id),
            provider: text(record.provider),
            call_type: text(record.call_type),
            status: record.status.into(),
            prompt_tokens: tokens(record.prompt_tokens),
            completion_tokens: tokens(record.completion_tokens),
            total_tokens: tokens(record.total_tokens),
            cost: record.cost.max(0),
            rest: Rest {
                completion_start: number(record.completion_start_ms),
                api_base: text(record.api_base),
                error_class: text(record.error_class),
                tags: record.tags.iter().map(|tag| text(tag)).collect(),
                requester_ip: text(record.requester_ip),
                cache_read_tokens: tokens(record.cache_read_tokens),
                cache_write_tokens: tokens(record.cache_write_tokens),
                reasoning_tokens: tokens(record.reasoning_tokens),
                output_cost: record.output_cost.clamp(0, record.cost.max(0)),
                cache_hit: record.cache_hit,
            },
        }
    }

    /// Whether it failed; a client that left early is no failure.
    pub fn is_failure(&self) -> bool {
        self.status >= FIRST_FAILURE && self.status != client_gone()
    }

    /// How long it took, in milliseconds.
    pub fn duration_ms(&self) -> i64 {
        self.ended_at.saturating_sub(self.started_at).max(0)
    }
}

impl Account {
    /// What the database keeps of a charge.
    pub fn of(charge: &Charge<'_>) -> Self {
        Self {
            scope: text(charge.scope),
            id: text(charge.id),
            budget: text(charge.budget),
            resets_at: number(charge.resets_at),
        }
    }
}

/// The status of a client that did not wait.
pub(super) fn client_gone() -> i64 {
    Kind::ClientGone.row(Compat::default()).status.into()
}

/// PostgreSQL's texts have no NUL.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn tokens(count: u64) -> i64 {
    number(count.min(MOST_TOKENS))
}

fn key(key: &Key) -> String {
    match key {
        Key::None => String::new(),
        Key::Master => MASTER_KEY.to_owned(),
        Key::HealthCheck => HEALTH_CHECK_KEY.to_owned(),
        Key::Digest(digest) => {
            let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
            digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
        }
    }
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}
