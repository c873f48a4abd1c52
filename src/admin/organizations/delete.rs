//! `DELETE /organization/delete`

use super::{find, row};
use crate::admin::budgets::held;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::delete;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::admin::teams;
use crate::error::{Error, Management};
use crate::store::{Change, Filter, Kind, Object};

const FIELDS: &[Field] = &[needed("organization_ids", Shape::Texts)];

/// Organizations that end, with their teams, their keys and their memberships.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let mut ids = call.body(FIELDS)?.texts("organization_ids");
    ids.dedup();
    if ids.is_empty() {
        return Err(detailed(Management::DetailRefused, "No organization_ids passed in"));
    }
    let done = control.change(|| async {
        let mut changes = Vec::new();
        let mut gone = Vec::new();
        for id in &ids {
            let organization = find(control, id).await?;
            changes.extend(end(control, &call, &organization).await?);
            gone.push(organization);
        }
        // Shown as they were: afterwards their budgets are not there any more.
        Ok((changes, row::with_members(control, &gone).await?))
    });
    Ok(Reply::json(done.await?))
}

async fn end(control: &Control, call: &Call, organization: &Object) -> Result<Vec<Change>, Error> {
    let mut changes = vec![Change::Put(organization.clone())];
    let filter = Filter { organization_id: Some(&organization.id), ..Filter::default() };
    let teams = control.store.all(Kind::Team, &filter).await?;
    for team in &teams {
        changes.extend(teams::delete::end(control, call, team).await?);
    }
    for key in control.store.all(Kind::Key, &filter).await? {
        // Those of its teams go with them.
        if !teams.iter().any(|team| key.team_id.as_deref() == Some(&team.id)) {
            changes.extend(delete(call, &key));
        }
    }
    for member in control.store.all(Kind::OrganizationMember, &filter).await? {
        changes.extend(held::gone(control, call, &member).await?);
    }
    changes.extend(held::gone(control, call, organization).await?);
    Ok(changes)
}
