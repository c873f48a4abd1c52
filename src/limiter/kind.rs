//! What sort of thing is limited.

use std::fmt;

/// What sort of thing is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Key,
    /// A key whose budget is used up, and that goes on more slowly; its id is the key's.
    ThrottledKey,
    User,
    Team,
    /// A user within a team; its id is `team:user`.
    TeamMember,
    Organization,
    Project,
    /// An end user, as the request names them.
    Customer,
    /// A model as one key may use it; its id is `key:model`.
    ModelPerKey,
    /// A model as one team may use it; its id is `team:model`.
    ModelPerTeam,
    /// A model as one user may use it; its id is `user:model`.
    ModelPerUser,
    /// A model as one organization may use it; its id is `organization:model`.
    ModelPerOrganization,
    /// A model as one project may use it; its id is `project:model`.
    ModelPerProject,
    /// A model as one member of a team may use it; its id is `team:user:model`.
    ModelPerTeamMember,
    /// A model as one end user may use it; its id is `customer:model`.
    ModelPerCustomer,
    /// A model as requests with one tag may use it; its id is `tag:model`.
    ModelPerTag,
    /// Requests with a tag, as one key may make them; its id is `key:tag`.
    TagPerKey,
    Tag,
    Deployment,
    /// All deployments of one provider.
    Provider,
    /// The whole gateway.
    Global,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Key,
        Self::ThrottledKey,
        Self::User,
        Self::Team,
        Self::TeamMember,
        Self::Organization,
        Self::Project,
        Self::Customer,
        Self::ModelPerKey,
        Self::ModelPerTeam,
        Self::ModelPerUser,
        Self::ModelPerOrganization,
        Self::ModelPerProject,
        Self::ModelPerTeamMember,
        Self::ModelPerCustomer,
        Self::ModelPerTag,
        Self::TagPerKey,
        Self::Tag,
        Self::Deployment,
        Self::Provider,
        Self::Global,
    ];

    /// Its name in stores. It never changes: rows and keys are found by it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::ThrottledKey => "throttled_key",
            Self::User => "user",
            Self::Team => "team",
            Self::TeamMember => "team_member",
            Self::Organization => "organization",
            Self::Project => "project",
            Self::Customer => "customer",
            Self::ModelPerKey => "model_per_key",
            Self::ModelPerTeam => "model_per_team",
            Self::ModelPerUser => "model_per_user",
            Self::ModelPerOrganization => "model_per_organization",
            Self::ModelPerProject => "model_per_project",
            Self::ModelPerTeamMember => "model_per_team_member",
            Self::ModelPerCustomer => "model_per_customer",
            Self::ModelPerTag => "model_per_tag",
            Self::TagPerKey => "tag_per_key",
            Self::Tag => "tag",
            Self::Deployment => "deployment",
            Self::Provider => "provider",
            Self::Global => "global",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::named("Key"), None);
    }
}
