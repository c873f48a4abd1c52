//! What somebody is allowed to do, in LiteLLM's words.

/// A role of LiteLLM's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything. The holder of the master key, or anybody where no master key is set.
    ProxyAdmin,
    /// Sees everything, changes nothing.
    ProxyAdminViewer,
    /// Everything within their organizations.
    OrgAdmin,
    /// Sees and changes what is theirs. Also the holder of a key that no user has.
    InternalUser,
    /// Sees what is theirs.
    InternalUserViewer,
    /// A team that calls as such: models, and what it has used.
    Team,
    /// An end user: models only.
    Customer,
}

/// Every role and its name.
pub const ROLES: [(Role, &str); 7] = [
    (Role::ProxyAdmin, "proxy_admin"),
    (Role::ProxyAdminViewer, "proxy_admin_viewer"),
    (Role::OrgAdmin, "org_admin"),
    (Role::InternalUser, "internal_user"),
    (Role::InternalUserViewer, "internal_user_viewer"),
    (Role::Team, "team"),
    (Role::Customer, "customer"),
];

/// Other names that are understood.
const ALIASES: [(&str, Role); 3] =
    [("admin", Role::ProxyAdmin), ("internal", Role::InternalUser), ("external", Role::Customer)];

impl Role {
    /// The role of this name, or of one of the aliases `admin`, `internal`, `external`.
    pub fn named(name: &str) -> Option<Self> {
        let known = ROLES.iter().find(|(_, known)| *known == name).map(|(role, _)| *role);
        known.or_else(|| ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, role)| *role))
    }

    /// LiteLLM's name.
    pub fn as_str(self) -> &'static str {
        ROLES.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }

    /// Whether they see what belongs to others.
    pub fn sees_all(self) -> bool {
        matches!(self, Self::ProxyAdmin | Self::ProxyAdminViewer)
    }

    /// The same of somebody who may do no more than an internal user.
    #[must_use]
    pub fn lowered(self) -> Self {
        match self {
            Self::ProxyAdmin | Self::OrgAdmin => Self::InternalUser,
            Self::ProxyAdminViewer => Self::InternalUserViewer,
            other => other,
        }
    }

    /// Whether they may change anything at all through the management API.
    pub fn changes(self) -> bool {
        matches!(self, Self::ProxyAdmin | Self::OrgAdmin | Self::InternalUser)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for (role, name) in ROLES {
            assert_eq!(Role::named(name), Some(role));
            assert_eq!(role.as_str(), name);
        }
        assert_eq!(Role::named("admin"), Some(Role::ProxyAdmin));
        assert_eq!(Role::named("internal"), Some(Role::InternalUser));
        assert_eq!(Role::named("external"), Some(Role::Customer));
        assert_eq!(Role::named("PROXY_ADMIN"), None);
    }

    #[test]
    fn lowered_is_never_more() {
        for (role, _) in ROLES {
            let lowered = role.lowered();
            assert!(!lowered.sees_all() && lowered != Role::OrgAdmin, "{role:?}");
            assert!(role.changes() || !lowered.changes(), "{role:?}");
        }
        assert_eq!(Role::InternalUser.lowered(), Role::InternalUser);
    }
}
