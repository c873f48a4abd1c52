//! Who is calling, as the data plane found out.

pub use crate::auth::MASTER_USER;
use crate::auth::Role;

/// The caller of the management API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Of the master key `ProxyAdmin`, else the role of the key's user. A key that has no user may change nothing
    /// ([`Requester::changes`]), whatever stands here.
    pub role: Role,
    /// Whose key it is.
    pub user_id: Option<String>,
    /// Whose team's key it is.
    pub team_id: Option<String>,
    /// Whose organization's key it is.
    pub organization_id: Option<String>,
    /// The key's digest, 64 hex digits. `None`: no key is needed here.
    pub key: Option<String>,
    /// Whether it is the master key.
    pub is_master: bool,
    /// Models that the key may call; empty: all.
    pub models: Vec<String>,
    /// Routes that the key may call; empty: all that the role may.
    pub allowed_routes: Vec<String>,
    /// Whether somebody who is neither the key's user nor a proxy admin was handed its plain text: by it the user acts only
    /// where the key is ([`Requester::acts_in`]). Then `role` is an internal user's at most.
    pub is_lent: bool,
    /// When the key ends; one that was replaced has an end of its own. `None`: never.
    pub ends: Option<String>,
}

impl Requester {
    /// The holder of the master key with this digest, or anybody where no master key is set.
    pub fn master(key: Option<String>) -> Self {
        Self {
            role: Role::ProxyAdmin,
            user_id: Some(MASTER_USER.to_owned()),
            team_id: None,
            organization_id: None,
            key,
            is_master: true,
            models: Vec::new(),
            allowed_routes: Vec::new(),
            is_lent: false,
            ends: None,
        }
    }

    /// Somebody who was not asked for a key.
    pub fn nobody() -> Self {
        Self { role: Role::Customer, user_id: None, is_master: false, ..Self::master(None) }
    }

    /// Whether they may do everything.
    pub fn is_admin(&self) -> bool {
        self.role == Role::ProxyAdmin
    }

    /// Whether it is the gateway itself, which hands nothing to anybody.
    pub fn is_job(&self) -> bool {
        self.is_admin() && !self.is_master && self.key.is_none()
    }

    /// Whether they see what belongs to others.
    pub fn sees_all(&self) -> bool {
        self.role.sees_all()
    }

    /// Whether they may change what is theirs: only a user has something of their own.
    pub fn changes(&self) -> bool {
        self.role.changes() && self.user_id.is_some()
    }

    /// Whether the caller's user may act by this key for a team, which is in this organization, or for an organization where
    /// no team is named: everywhere, but by a key that is lent only in the key's own. An organization's key is one for its
    /// teams too.
    pub fn acts_in(&self, team: Option<&str>, organization: Option<&str>) -> bool {
        match (&self.team_id, &self.organization_id) {
            _ if !self.is_lent => true,
            (Some(own), _) => team == Some(own),
            (None, Some(own)) => organization == Some(own),
            (None, None) => false,
        }
    }

    /// The same by a key that is lent.
    #[must_use]
    pub fn lent(self) -> Self {
        Self { role: self.role.lowered(), is_lent: true, ..self }
    }

    /// Whether they are this user.
    pub fn is_user(&self, user_id: Option<&str>) -> bool {
        self.user_id.is_some() && self.user_id.as_deref() == user_id
    }

    /// The role as LiteLLM tells it: a key without a user has none.
    pub fn role_name(&self) -> &'static str {
        if self.user_id.is_some() { self.role.as_str() } else { "unknown" }
    }
}
