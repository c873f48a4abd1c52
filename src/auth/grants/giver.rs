//! Who gives to whom: is the receiver within the giver's reach?

use crate::auth::role::Role;
use crate::error::{Error, Kind, Management};

/// Who gives. Team and organization are those of the receiver.
#[derive(Clone, Copy, Debug)]
pub struct Giver<'a> {
    pub role: Role,
    /// Nobody, without one.
    pub user_id: Option<&'a str>,
    /// Whether they are an admin of the team.
    pub leads_team: bool,
    /// Whether they are in the team, and its members may do what is asked.
    pub works_in_team: bool,
    /// Whether they are an admin of the organization (of the team's, if a team is named): by their membership, whatever
    /// their own role is.
    pub leads_organization: bool,
}

/// Who gets it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receiver<'a> {
    pub user_id: Option<&'a str>,
    /// Whether the user is in the team, or in the organization if no team is named.
    pub is_known_there: bool,
    pub team_id: Option<&'a str>,
    pub organization_id: Option<&'a str>,
    /// A role that they get by it.
    pub role: Option<Role>,
}

impl Giver<'_> {
    /// Whether the receiver is within reach.
    ///
    /// # Errors
    /// Who is not.
    pub fn may_give_to(&self, receiver: &Receiver<'_>) -> Result<(), Error> {
        if self.role == Role::ProxyAdmin {
            return Ok(());
        }
        let Some(own) = self.user_id.filter(|_| self.role.changes()) else {
            return Err(refuse("Your role may not change anything".to_owned()));
        };
        if let Some(role) = receiver.role {
            self.may_make(role)?;
        }
        if let Some(organization) = receiver.organization_id
            && !self.leads_organization
        {
            return Err(refuse(format!("You are not an admin of the organization={organization}")));
        }
        let leads = self.leads_organization || (receiver.team_id.is_some() && self.leads_team);
        let is_self = receiver.user_id == Some(own);
        if let Some(team) = receiver.team_id
            && !(leads || self.works_in_team && is_self)
        {
            return Err(refuse(format!("User={own} is not a Proxy Admin or Team Admin for team={team}")));
        }
        match receiver.user_id {
            Some(user) if !(is_self || leads && receiver.is_known_there) => {
                Err(refuse(format!("User can only create keys for themselves. Got user_id={user}, Your ID={own}")))
            }
            None if !leads => Err(refuse(format!("User can only create keys for themselves. Your ID={own}"))),
            _ => Ok(()),
        }
    }

    fn may_make(&self, role: Role) -> Result<(), Error> {
        let is_below = matches!(role, Role::InternalUser | Role::InternalUserViewer | Role::Team | Role::Customer);
        if self.leads_organization && is_below {
            return Ok(());
        }
        Err(refuse(format!("Only proxy admin can give the role {}", role.as_str())))
    }
}

fn refuse(text: String) -> Error {
    Error::new(Kind::Management(Management::NotYours), text).param("None")
}
