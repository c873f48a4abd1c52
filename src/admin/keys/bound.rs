//! What the key that is used may do, and so what may be had by it: no key that it makes, or hands out, may do more.

use serde_json::Value;

use super::access::{For, leads};
use super::effective;
use crate::admin::access_groups::show;
use crate::admin::control::Control;
use crate::admin::organizations::admins;
use crate::admin::requester::Requester;
use crate::admin::rights::not_yours;
use crate::auth::Role;
use crate::auth::grants::Rights;
use crate::error::Error;
use crate::store::{Kind, Object};

/// What the key that is used may give to a key that is there: a limited key cannot make one that is not.
///
/// What holds for its calls beside its own limits is counted where its key is asked again: a team's limits for the team's
/// keys, a user's for the user's. Who makes a key outside of the team of the one that is used leaves those behind, so that
/// they become the new key's own: else whoever has a key of a limited team would have all. The same of a project, in which
/// only proxy admins put keys.
///
/// # Errors
/// 403 of a key that is there no more; [`crate::error::Management::StoreAway`].
pub(super) async fn of_key(control: &Control, requester: &Requester, to: &For<'_>) -> Result<Rights, Error> {
    let Some(key) = used(control, requester).await? else {
        let (models, routes) = (requester.models.clone(), requester.allowed_routes.clone());
        return Ok(Rights { models, routes, ..Rights::default() });
    };
    let mut rights = effective::rights(control, &key).await?;
    let is_personal = to.team_id.is_none() && to.organization_id.is_none();
    let is_near = is_personal || to.team_id.is_some() && to.team_id == key.team_id.as_deref();
    let project = project_of(&key).filter(|project| is_near && to.project_id != Some(project));
    let left = [(Kind::Team, key.team_id.as_deref().filter(|_| is_personal)), (Kind::Project, project)];
    for (kind, id) in left {
        let Some(id) = id else { continue };
        if let Some(whole) = control.store.get(kind, id).await? {
            rights = rights.least(&effective::rights(control, &whole).await?);
        }
    }
    if let (true, Some(team), Some(user)) = (is_personal, &key.team_id, &key.user_id) {
        rights = rights.least(&effective::of_member(control, team, user).await?);
    }
    Ok(rights)
}

/// The key that is used, stored or declared. `None`: no key is needed, or it is the master key.
///
/// # Errors
/// 403 if it is there no more: of what it might do nobody knows the bounds; [`crate::error::Management::StoreAway`].
pub(super) async fn used(control: &Control, requester: &Requester) -> Result<Option<Object>, Error> {
    let Some(digest) = requester.key.as_deref().filter(|_| !requester.is_master) else { return Ok(None) };
    match control.store.get(Kind::Key, digest).await? {
        Some(mut key) => {
            // One that was replaced counts as the new one, but ends before it.
            let ends = requester.ends.as_ref().map(|end| ("expires".to_owned(), Value::from(end.as_str())));
            key.doc.extend(ends);
            Ok(Some(key))
        }
        None => Err(not_yours("The key that you use is there no more")),
    }
}

fn project_of(key: &Object) -> Option<&str> {
    key.doc.get("project_id").and_then(Value::as_str)
}

/// Refuses an access group that is given as if it were a model: a pattern stands for the group's name and not for what is
/// in it. One that is had by its name may be given, and one of which each model is had.
///
/// # Errors
/// 403.
pub async fn check_groups(control: &Control, given: &[String], own: &Rights) -> Result<(), Error> {
    let named = given.iter().filter(|entry| !own.models.is_empty() && !own.models.contains(entry));
    for entry in named.filter(|entry| !entry.contains('*')) {
        let models = show::named(control, entry).await?;
        if !models.is_empty() {
            Rights { models, ..Rights::default() }.within(own)?;
        }
    }
    Ok(())
}

/// Lets pass whose own key may do all that this key may: who gets it in plain text gets its rights. Who leads its team or
/// organization may get one of somebody else that ends later, or does not enforce the parameters that theirs does.
///
/// # Errors
/// 403.
pub async fn check_covers(control: &Control, requester: &Requester, key: &Object) -> Result<(), Error> {
    if requester.is_admin() || requester.key.as_deref() == Some(&key.id) {
        return Ok(());
    }
    let rights = effective::rights(control, key).await?;
    let to = For {
        user_id: key.user_id.as_deref(),
        team_id: key.team_id.as_deref(),
        organization_id: None,
        present_organization: key.organization_id.as_deref(),
        project_id: project_of(key),
    };
    let mut own = of_key(control, requester, &to).await?;
    if !requester.is_user(to.user_id) && leads(control, requester, key).await? {
        own.expires = None;
        own.enforced.clear();
    }
    let covered = rights.clone().within(&own)?;
    if covered != rights {
        return Err(not_yours("The key that you use may do less than this key"));
    }
    check_is_no_more(control, requester, key.user_id.as_deref()).await
}

/// Refuses a plain text for somebody who may do more than the caller: a key acts as its user. Who sees everything, and an
/// admin of an organization that is not the caller's.
///
/// # Errors
/// 403.
pub async fn check_is_no_more(control: &Control, requester: &Requester, user: Option<&str>) -> Result<(), Error> {
    let Some(user) = user.filter(|user| !requester.is_admin() && !requester.is_user(Some(user))) else {
        return Ok(());
    };
    let stored = control.store.get(Kind::User, user).await?;
    let role = stored.as_ref().and_then(|user| user.doc.get("user_role")?.as_str()).and_then(Role::named);
    let led = admins::administered(control, requester).await?;
    let is_more = role.is_some_and(Role::sees_all)
        || admins::of_user(control, user).await?.iter().any(|organization| !led.contains(organization));
    if is_more {
        Err(not_yours(format!("User={user} may do more than you: you cannot have their keys")))
    } else {
        Ok(())
    }
}
