//! What can go wrong in the control plane: the part of the one table that the management API needs.

use super::{Compat, Fault, Retry, Row};

/// Why a management call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Management {
    /// What is asked for cannot be: a value outside its bounds, members that contradict each other.
    Refused,
    /// The caller's role is high enough, but the object is somebody else's, or more is given than the caller has.
    NotYours,
    /// The key may not call this route (`allowed_routes`).
    RouteNotAllowed,
    /// The team's members may not do this with its keys (`team_member_permissions`).
    NotForMembers,
    /// There is no such key, user, team …
    NoSuchObject,
    /// It is there already.
    Exists,
    /// [`Management::Refused`] in FastAPI's envelope, where LiteLLM's handler does not translate its own exception.
    DetailRefused,
    /// [`Management::NotYours`] in FastAPI's envelope.
    DetailNotYours,
    /// [`Management::NoSuchObject`] in FastAPI's envelope.
    DetailNoSuchObject,
    /// [`Management::Exists`] in FastAPI's envelope.
    DetailExists,
    /// The request does not have the form that the route wants: FastAPI's list of what is wrong.
    Invalid,
    /// The store does not answer.
    StoreAway,
    /// Others change the same objects faster than this call can.
    TooManyChanges,
}

impl Management {
    /// Its line of the table.
    pub(super) fn row(self, compat: Compat) -> Row {
        let old = compat == Compat::V1_80;
        let (status, error_type, fault) = match self {
            Self::Refused => (400, Some("bad_request_error"), Fault::Caller),
            Self::NotYours => (403, Some("auth_error"), Fault::Caller),
            Self::RouteNotAllowed if old => (401, Some("auth_error"), Fault::Caller),
            Self::RouteNotAllowed => (403, None, Fault::Caller),
            Self::NotForMembers => (401, Some("team_member_permission_error"), Fault::Caller),
            Self::NoSuchObject => (404, Some("not_found_error"), Fault::Caller),
            Self::Exists if old => (400, Some("bad_request_error"), Fault::Caller),
            Self::Exists => (409, Some("bad_request_error"), Fault::Caller),
            Self::DetailRefused => (400, None, Fault::Caller),
            Self::DetailNotYours => (403, None, Fault::Caller),
            Self::DetailNoSuchObject => (404, None, Fault::Caller),
            Self::DetailExists if old => (400, None, Fault::Caller),
            Self::DetailExists => (409, None, Fault::Caller),
            Self::Invalid => (422, None, Fault::Caller),
            Self::StoreAway => (503, Some("no_db_connection"), Fault::Us),
            Self::TooManyChanges => (503, Some("internal_server_error"), Fault::Us),
        };
        Row { status, error_type, exception_class: "ProxyException", fault, retry: Retry::Never }
    }

    /// Whether it comes in FastAPI's envelope.
    pub(super) fn is_fastapi(self) -> bool {
        matches!(
            self,
            Self::DetailRefused
                | Self::DetailNotYours
                | Self::DetailNoSuchObject
                | Self::DetailExists
                | Self::Invalid
                | Self::RouteNotAllowed
        )
    }
}
