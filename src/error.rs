//! What went wrong, whose fault it is, whether it may be tried again, and what the client is told.
//!
//! [`Kind::row`] is THE table: no other file of this crate names a status code for a failure. An [`Error`] carries two
//! texts: `message` leaves the house, `detail` is for the log only.

mod envelope;
mod management;

use std::time::Duration;

pub use envelope::Envelope;
pub use management::Management;

/// Which LiteLLM release's statuses and error types are answered (`tollgate.litellm_compat`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// LiteLLM 1.80 (December 2025).
    V1_80,
    /// LiteLLM 1.106 (November 2026).
    #[default]
    V1_106,
}

impl Compat {
    /// The release that is imitated.
    pub fn version(self) -> &'static str {
        match self {
            Self::V1_80 => "1.80.10",
            Self::V1_106 => "1.106.2",
        }
    }
}

/// Who has to change something so that the same call succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client's request.
    Caller,
    /// The provider, or the way to it.
    Upstream,
    /// This gateway or its configuration.
    Us,
}

/// Where the same request may be sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nowhere: the answer would be the same.
    Never,
    /// Only on another deployment: this one will not change its mind.
    Elsewhere,
    /// Anywhere, after a pause where there is only one deployment.
    Anywhere,
}

/// What went wrong, one name for each case that a client, a metric or a retry rule tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    // the caller's request
    NoKey,
    MalformedKey,
    UnknownKey,
    KeyBlocked,
    KeyExpired,
    RouteNotAllowed,
    NoDatabase,
    RoleNeeded,
    IpNotAllowed,
    InvalidJson,
    MissingModel,
    MissingParameter,
    InvalidParameter,
    UnsupportedParams,
    ModelNotAllowed,
    ModelNotAllowedForTeam,
    ModelNotAllowedForUser,
    ModelNotAllowedForOrganization,
    ModelNotAllowedForProject,
    ModelNotAllowedForCustomer,
    LimitReached,
    BudgetExceeded,
    UnknownModel,
    NoSuchPath,
    OtherMethod,
    NoSuchModel,
    NoSuchResponse,
    BodyTooLarge,
    EncodedBody,
    BodyTimeout,
    ClientGone,
    // the provider's answer
    BadRequest,
    Authentication,
    PermissionDenied,
    NotFound,
    Unprocessable,
    ContextWindow,
    ContentPolicy,
    RateLimited,
    InternalServer,
    ServiceUnavailable,
    ProviderOverloaded,
    // the way to the provider
    Connection,
    Timeout,
    GarbledAnswer,
    BrokenStream,
    /// A second answer, asked for in the place of a broken one, says something else. No fault of who gave it.
    OtherWords,
    // us
    KeysUnavailable,
    BudgetUnavailable,
    Draining,
    Overloaded,
    AllInCooldown,
    TagsNotAllowed,
    /// The budget of every deployment, or of its provider, is used up.
    OutlayExceeded,
    Internal,
    /// A call to the management API.
    Management(Management),
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// HTTP status to the client.
    pub status: u16,
    /// `error.type` of the OpenAI envelope; `None` is JSON `null`.
    pub error_type: Option<&'static str>,
    /// LiteLLM's exception class: the prefix of the message and the label `exception_class`.
    pub exception_class: &'static str,
    /// Whose fault it is.
    pub fault: Fault,
    /// Whether it may be tried again.
    pub retry: Retry,
}

impl Kind {
    /// THE table. Statuses and types are LiteLLM's, observed on both releases.
    #[expect(clippy::too_many_lines, reason = "one table is easier to read than its halves")]
    pub fn row(self, compat: Compat) -> Row {
        use Fault::{Caller, Upstream, Us};
        use Retry::{Anywhere, Elsewhere, Never};
        let old = compat == Compat::V1_80;
        let bad_request = if old { None } else { Some("invalid_request_error") };
        let not_allowed = if old { 401 } else { 403 };
        let internal = if old { None } else { Some("internal_server_error") };
        let (status, error_type, exception_class, fault, retry) = match self {
            Kind::Management(management) => return management.row(compat),
            Kind::NoKey | Kind::MalformedKey | Kind::RoleNeeded | Kind::KeyBlocked => {
                (401, Some("auth_error"), "ProxyException", Caller, Never)
            }
            Kind::UnknownKey => (401, Some("token_not_found_in_db"), "ProxyException", Caller, Never),
            Kind::NoDatabase => (400, Some("no_db_connection"), "ProxyException", Caller, Never),
            Kind::IpNotAllowed => (403, Some("auth_error"), "ProxyException", Caller, Never),
            Kind::InvalidJson | Kind::InvalidParameter => {
                (400, Some("invalid_request_error"), "BadRequestError", Caller, Never)
            }
            Kind::KeyExpired => (if old { 400 } else { 401 }, Some("expired_key"), "ProxyException", Caller, Never),
            Kind::RouteNotAllowed => (403, Some("auth_error"), "ProxyException", Caller, Never),
            Kind::ModelNotAllowed => (not_allowed, Some("key_model_access_denied"), "ProxyException", Caller, Never),
            Kind::ModelNotAllowedForTeam => {
                (not_allowed, Some("team_model_access_denied"), "ProxyException", Caller, Never)
            }
            Kind::ModelNotAllowedForUser => {
                (not_allowed, Some("user_model_access_denied"), "ProxyException", Caller, Never)
            }
            Kind::ModelNotAllowedForOrganization => {
                (not_allowed, Some("org_model_access_denied"), "ProxyException", Caller, Never)
            }
            Kind::ModelNotAllowedForProject => {
                (not_allowed, Some("project_model_access_denied"), "ProxyException", Caller, Never)
            }
            Kind::ModelNotAllowedForCustomer => {
                (not_allowed, Some("customer_model_access_denied"), "ProxyException", Caller, Never)
            }
            Kind::LimitReached if old => (429, Some("None"), "ProxyException", Caller, Never),
            Kind::LimitReached => (429, Some("throttling_error"), "ProxyException", Caller, Never),
            Kind::BudgetExceeded if old => (400, Some("budget_exceeded"), "ProxyException", Caller, Never),
            Kind::BudgetExceeded => (422, Some("budget_exceeded"), "ProxyException", Caller, Never),
            Kind::UnsupportedParams => (400, Some("invalid_request_error"), "UnsupportedParamsError", Caller, Never),
            Kind::MissingModel | Kind::UnknownModel => (400, bad_request, "BadRequestError", Caller, Never),
            Kind::MissingParameter if old => (500, Some("None"), "ProxyException", Caller, Never),
            Kind::MissingParameter => (400, Some("invalid_request_error"), "BadRequestError", Caller, Never),
            Kind::NoSuchPath | Kind::NoSuchModel => (404, None, "NotFoundError", Caller, Never),
            Kind::NoSuchResponse => (404, bad_request, "NotFoundError", Caller, Never),
            Kind::OtherMethod => (405, None, "NotFoundError", Caller, Never),
            Kind::BodyTooLarge => (413, Some("invalid_request_error"), "BadRequestError", Caller, Never),
            Kind::EncodedBody => (415, Some("invalid_request_error"), "BadRequestError", Caller, Never),
            Kind::BodyTimeout => (408, Some("invalid_request_error"), "Timeout", Caller, Never),
            Kind::ClientGone => (499, None, "ClientDisconnected", Caller, Never),
            Kind::BadRequest => (400, bad_request, "BadRequestError", Caller, Never),
            Kind::Authentication if old => (401, None, "AuthenticationError", Us, Elsewhere),
            Kind::Authentication => (401, bad_request, "BadRequestError", Us, Elsewhere),
            Kind::PermissionDenied if old => (403, None, "PermissionDeniedError", Us, Elsewhere),
            Kind::PermissionDenied => (403, bad_request, "BadRequestError", Us, Elsewhere),
            Kind::NotFound if old => (404, None, "NotFoundError", Us, Never),
            Kind::NotFound => (404, bad_request, "BadRequestError", Us, Never),
            Kind::Unprocessable => (422, bad_request, "BadRequestError", Caller, Never),
            Kind::ContextWindow => (400, bad_request, "ContextWindowExceededError", Caller, Never),
            Kind::ContentPolicy => (400, bad_request, "ContentPolicyViolationError", Caller, Never),
            Kind::RateLimited => (429, Some("throttling_error"), "RateLimitError", Upstream, Anywhere),
            Kind::InternalServer => (500, internal, "InternalServerError", Upstream, Anywhere),
            Kind::ServiceUnavailable => (503, internal, "ServiceUnavailableError", Upstream, Anywhere),
            Kind::ProviderOverloaded => (503, internal, "ServiceUnavailableError", Upstream, Anywhere),
            Kind::Connection => (500, internal, "InternalServerError", Upstream, Anywhere),
            Kind::GarbledAnswer => (500, internal, "InternalServerError", Upstream, Anywhere),
            Kind::BrokenStream | Kind::OtherWords => (500, None, "APIConnectionError", Upstream, Never),
            Kind::Timeout => (408, bad_request, "Timeout", Upstream, Anywhere),
            Kind::AllInCooldown if old => (429, Some("None"), "RouterRateLimitError", Upstream, Never),
            Kind::AllInCooldown => (429, Some("all_deployments_in_cooldown"), "RouterRateLimitError", Upstream, Never),
            Kind::OutlayExceeded => (429, Some("None"), "ProxyException", Us, Never),
            Kind::TagsNotAllowed => (401, Some("None"), "ProxyException", Caller, Never),
            Kind::KeysUnavailable => (503, Some("no_db_connection"), "ServiceUnavailableError", Us, Never),
            Kind::BudgetUnavailable => (503, Some("budget_unavailable"), "ServiceUnavailableError", Us, Never),
            Kind::Draining | Kind::Overloaded => (503, internal, "ServiceUnavailableError", Us, Never),
            Kind::Internal => (500, internal, "InternalServerError", Us, Never),
        };
        Row { status, error_type, exception_class, fault, retry }
    }

    /// Whether LiteLLM answers it in FastAPI's envelope: what happens outside of the data plane.
    pub fn is_fastapi(self) -> bool {
        match self {
            Kind::Management(management) => management.is_fastapi(),
            kind => matches!(kind, Kind::NoSuchPath | Kind::OtherMethod | Kind::NoSuchModel | Kind::Draining),
        }
    }

    /// Whether it is about the key: LiteLLM answers these in its own envelope on every route.
    pub fn is_of_authentication(self) -> bool {
        matches!(
            self,
            Kind::NoKey
                | Kind::MalformedKey
                | Kind::UnknownKey
                | Kind::KeyBlocked
                | Kind::KeyExpired
                | Kind::NoDatabase
                | Kind::KeysUnavailable
                | Kind::RoleNeeded
                | Kind::IpNotAllowed
        )
    }

    /// The kind of a provider's answer with this status and error body. The body decides first: several providers
    /// report a full context window or a refused prompt as a plain 400.
    pub fn of_upstream(status: u16, body: &str) -> Kind {
        match status {
            400 | 413 if is_context_window(body) => Kind::ContextWindow,
            400 if is_content_policy(body) => Kind::ContentPolicy,
            401 => Kind::Authentication,
            403 => Kind::PermissionDenied,
            404 => Kind::NotFound,
            408 | 504 => Kind::Timeout,
            422 => Kind::Unprocessable,
            429 => Kind::RateLimited,
            503 => Kind::ServiceUnavailable,
            529 => Kind::ProviderOverloaded,
            400..=499 => Kind::BadRequest,
            _ => Kind::InternalServer,
        }
    }
}

/// Wordings of OpenAI, vLLM, Anthropic and their imitators.
fn is_context_window(body: &str) -> bool {
    ["context_length_exceeded", "maximum context length", "prompt is too long", "context window"]
        .iter()
        .any(|wording| body.contains(wording))
}

fn is_content_policy(body: &str) -> bool {
    ["content_policy_violation", "content_filter", "content management policy", "safety system"]
        .iter()
        .any(|wording| body.contains(wording))
}

/// A failed request, as the client and the log will know it.
#[derive(Clone, Debug)]
pub struct Error {
    /// What it was.
    pub kind: Kind,
    /// What the client is told. Never holds a secret, an upstream address or a prompt.
    pub message: String,
    /// `error.param` of the envelope.
    pub param: Option<&'static str>,
    /// For the `retry-after` header, and the floor of a pause before a retry.
    pub retry_after: Option<Duration>,
    /// Whether the message is JSON, which stands in FastAPI's envelope as it is: LiteLLM's `detail` is not always a text.
    pub is_json: bool,
    /// For the log only.
    pub detail: Option<Box<str>>,
    /// A status that the operator has chosen in place of the table's (`budget_exceeded_status_code`).
    pub chosen_status: Option<u16>,
}

impl Error {
    /// An error whose message is for the client.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            param: None,
            retry_after: None,
            is_json: false,
            detail: None,
            chosen_status: None,
        }
    }

    /// Names the parameter that was wrong.
    #[must_use]
    pub fn param(mut self, param: &'static str) -> Self {
        self.param = Some(param);
        self
    }

    /// Says it in JSON of its own, in FastAPI's envelope.
    #[must_use]
    pub fn told(mut self, told: &serde_json::Value) -> Self {
        self.message = told.to_string();
        self.is_json = true;
        self
    }

    /// Adds what only the log may know.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into_boxed_str());
        self
    }

    /// Says when to come again.
    #[must_use]
    pub fn retry_after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause;
        self
    }

    /// FastAPI's envelope, which LiteLLM's routes outside of the data plane answer with: `{"detail": …}`.
    pub fn to_detail_json(&self) -> String {
        match self.is_json {
            true => format!("{{\"detail\":{}}}", self.message),
            false => serde_json::json!({ "detail": self.message }).to_string(),
        }
    }

    /// HTTP status to the client.
    pub fn status(&self, compat: Compat) -> u16 {
        self.chosen_status.unwrap_or_else(|| self.kind.row(compat).status)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_releases_differ_where_litellm_does() {
        let status = |kind: Kind, compat| kind.row(compat).status;
        assert_eq!(status(Kind::MissingParameter, Compat::V1_80), 500);
        assert_eq!(status(Kind::MissingParameter, Compat::V1_106), 400);
        assert_eq!(Kind::BadRequest.row(Compat::V1_80).error_type, None);
        assert_eq!(Kind::Authentication.row(Compat::V1_80).exception_class, "AuthenticationError");
        assert_eq!(Kind::Authentication.row(Compat::V1_106).exception_class, "BadRequestError");
    }

    #[test]
    fn a_400_is_read_before_it_is_classed() {
        assert_eq!(Kind::of_upstream(400, "{\"code\":\"context_length_exceeded\"}"), Kind::ContextWindow);
        assert_eq!(Kind::of_upstream(400, "{\"code\":\"content_policy_violation\"}"), Kind::ContentPolicy);
        assert_eq!(Kind::of_upstream(400, "{}"), Kind::BadRequest);
        assert_eq!(Kind::of_upstream(529, "overloaded"), Kind::ProviderOverloaded);
    }
}
