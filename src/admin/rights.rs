//! Who may call a route at all. What they see or change there is the handler's to decide.

use serde_json::Value;

use super::control::Control;
use super::organizations::admins;
use super::requester::Requester;
use super::routes::Route;
use crate::auth::Role;
use crate::error::{Error, Kind, Management};

/// What a route needs. A role that has a right has nothing else by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing, not even a key.
    Open,
    /// To see what is one's own; the handler narrows it down.
    SeeOwn,
    /// To change what is one's own.
    ChangeOwn,
    /// To see an organization of one's own, and what is in it.
    SeeOrganization,
    /// To change an organization of one's own, and what is in it.
    ChangeOrganization,
    /// To see everything.
    SeeAll,
    /// To change everything.
    ChangeAll,
}

/// Every right that somebody must have, for tests that walk through them.
pub const RIGHTS: [Right; 6] = [
    Right::SeeOwn,
    Right::ChangeOwn,
    Right::SeeOrganization,
    Right::ChangeOrganization,
    Right::SeeAll,
    Right::ChangeAll,
];

impl Right {
    /// Whether a route of this right only shows.
    pub fn only_sees(self) -> bool {
        matches!(self, Self::Open | Self::SeeOwn | Self::SeeOrganization | Self::SeeAll)
    }

    /// By the caller's role alone; an organization's admins have the organizations' rights by their membership.
    fn is_of(self, requester: &Requester) -> bool {
        let role = requester.role;
        match self {
            Self::Open => true,
            Self::SeeOwn => role != Role::Customer,
            Self::ChangeOwn => requester.changes(),
            Self::SeeOrganization => requester.sees_all() || role == Role::OrgAdmin,
            Self::ChangeOrganization => requester.changes() && matches!(role, Role::ProxyAdmin | Role::OrgAdmin),
            Self::SeeAll => requester.sees_all(),
            Self::ChangeAll => requester.is_admin(),
        }
    }
}

/// Lets a caller pass whose key and whose role allow the route. `path` is the one that was asked for.
///
/// # Errors
/// LiteLLM's refusals, and the store's.
pub async fn check(control: &Control, route: &Route, path: &str, requester: &Requester) -> Result<(), Error> {
    if route.right == Right::Open {
        return Ok(());
    }
    let routes = &requester.allowed_routes;
    if !routes.is_empty() && !routes.iter().any(|allowed| covers(allowed, route, path)) {
        return Err(route_not_allowed(routes, path));
    }
    if OF_MASTER.contains(&route.path) && !requester.is_master {
        let text = format!("Authentication Error, Tried to access route={path}, which is only for MASTER KEY");
        return Err(Error::new(Kind::RoleNeeded, text).param("None"));
    }
    match route.right.is_of(requester) || leads_any(control, route.right, requester).await? {
        true => Ok(()),
        false if OF_ADMINS.contains(&route.path) => Err(admin_needed(requester)),
        false => Err(role_needed(path, requester)),
    }
}

/// Whether the right is one that the admins of organizations have, and the caller is one by membership.
async fn leads_any(control: &Control, right: Right, requester: &Requester) -> Result<bool, Error> {
    let is_theirs = matches!(right, Right::SeeOrganization | Right::ChangeOrganization);
    Ok(is_theirs && !admins::administered(control, requester).await?.is_empty())
}

/// Routes that no key opens but the master key, whoever holds it.
pub(super) const OF_MASTER: [&str; 1] = ["/global/spend/reset"];

/// Routes that change models: LiteLLM refuses them in words of their own.
const OF_ADMINS: [&str; 3] = ["/model/new", "/model/update", "/model/delete"];

fn admin_needed(requester: &Requester) -> Error {
    let text = format!(
        "User does not have permission to make this model call. Your role={}. You can only make model calls if you are a \
         PROXY_ADMIN.",
        requester.role_name(),
    );
    detailed(Management::DetailNotYours, &text)
}

/// Routes of this table that LiteLLM counts among those that ask models something.
const OF_MODELS: [&str; 1] = ["/utils/token_counter"];

/// Whether an entry of `allowed_routes` is about this route: its path, the beginning of one with `*` at its end, or the
/// name of one of LiteLLM's groups.
fn covers(allowed: &str, route: &Route, path: &str) -> bool {
    match allowed {
        "management_routes" => true,
        "info_routes" => route.right.only_sees(),
        "llm_api_routes" | "openai_routes" => OF_MODELS.contains(&route.path),
        _ => match allowed.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => allowed == path || allowed == route.path,
        },
    }
}

fn route_not_allowed(routes: &[String], path: &str) -> Error {
    let text = format!(
        "Virtual key is not allowed to call this route. Only allowed to call routes: {}. Tried to call route: {path}",
        python_list(routes)
    );
    Error::new(Kind::Management(Management::RouteNotAllowed), text).param("None")
}

fn role_needed(path: &str, requester: &Requester) -> Error {
    let text = format!(
        "Authentication Error, Only proxy admin can be used to generate, delete, update info for new \
         keys/users/teams. Route={path}. Your role={}. Your user_id={}",
        requester.role_name(),
        masked(requester.user_id.as_deref().unwrap_or_default()),
    );
    Error::new(Kind::RoleNeeded, text).param("None")
}

/// A list of texts as LiteLLM's messages show it.
pub fn python_list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("'{text}'")).collect();
    format!("[{}]", quoted.join(", "))
}

/// The first six letters and the last two of an id.
fn masked(id: &str) -> String {
    let letters: Vec<char> = id.chars().collect();
    match letters.len() {
        0..=8 => "***".to_owned(),
        length => {
            let shown: String = letters.iter().take(6).collect();
            let last: String = letters.iter().skip(length - 2).collect();
            format!("{shown}{}{last}", "*".repeat(length - 8))
        }
    }
}

/// A refusal about one object.
pub fn not_yours(message: impl Into<String>) -> Error {
    Error::new(Kind::Management(Management::NotYours), message).param("None")
}

/// A refusal of what was asked for, in LiteLLM's envelope.
pub fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::Management(Management::Refused), message).param("None")
}

/// There is no such thing.
pub fn not_found(message: impl Into<String>) -> Error {
    Error::new(Kind::Management(Management::NoSuchObject), message)
}

/// `{"detail": {"error": message}}`, as many of LiteLLM's handlers answer.
pub fn detailed(kind: Management, message: &str) -> Error {
    let told = Value::from_iter([("error", message)]);
    Error::new(Kind::Management(kind), message).told(&told)
}
