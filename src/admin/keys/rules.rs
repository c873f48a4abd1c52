//! `litellm_settings.key_generation_settings`: who may make keys, and what they must say of them. It takes away, and gives
//! nothing: whom a key may be for is [`super::access`]'s to decide.

use super::access::member_role;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::Fields;
use crate::admin::rights::{python_list, refused};
use crate::config::KeyRule;
use crate::error::Error;
use crate::store::Kind;

/// Lets pass who may make the key that is asked for, and says what must be said. A key of a team is made by the rule
/// for teams, from which a proxy admin is free; any other by the rule for personal keys, for everybody.
///
/// # Errors
/// 400 in LiteLLM's words.
pub async fn check(control: &Control, call: &Call, said: &Fields) -> Result<(), Error> {
    let Some(rules) = &control.settings.key_generation else { return Ok(()) };
    match said.text("team_id") {
        Some(team) => {
            if control.store.get(Kind::Team, team).await?.is_none() {
                return Err(refused(format!("Unable to find team object in database. Team ID: {team}")));
            }
            if call.requester.is_admin() {
                return Ok(());
            }
            check_member(control, call, team, &rules.of_team).await?;
            check_required(said, &rules.of_team)
        }
        None => {
            let role = call.requester.role_name();
            if let Some(allowed) =
                rules.personal.roles.as_ref().filter(|roles| !roles.iter().any(|known| known == role))
            {
                let text = "Personal key creation has been restricted by admin.";
                return Err(refused(format!("{text} Allowed roles={}. Your role={role}", python_list(allowed))));
            }
            check_required(said, &rules.personal)
        }
    }
}

async fn check_member(control: &Control, call: &Call, team_id: &str, rule: &KeyRule) -> Result<(), Error> {
    let Some(allowed) = &rule.roles else { return Ok(()) };
    let user = call.requester.user_id.as_deref();
    let team = control.store.get(Kind::Team, team_id).await?;
    let role = team.as_ref().zip(user).and_then(|(team, user)| member_role(&team.doc, user));
    match role {
        Some(role) if allowed.iter().any(|known| known == role) => Ok(()),
        Some(role) => {
            let allowed = python_list(allowed);
            Err(refused(format!("Team member role {role} not in allowed_team_member_roles={allowed}")))
        }
        None => Err(refused(format!("User={} not assigned to team={team_id}", user.unwrap_or("None")))),
    }
}

fn check_required(said: &Fields, rule: &KeyRule) -> Result<(), Error> {
    match rule.required.iter().find(|name| said.get(name).is_none()) {
        Some(name) => Err(refused(format!("Required param {name} not in data"))),
        None => Ok(()),
    }
}
