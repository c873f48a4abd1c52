//! `POST /team/update`

use serde_json::json;

use super::fields::{FURTHER, IN_METADATA, MEMBER_BUDGET, OWN};
use super::new::{check_within_organization, team};
use super::standing::{self, Standing};
use super::{bounds, draft, given, row};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Fields, Shape, needed};
use crate::admin::keys::bound::check_groups;
use crate::admin::limits::rights;
use crate::admin::reply::Reply;
use crate::admin::rights::not_yours;
use crate::error::Error;
use crate::store::{Change, Object};

const FIELDS: &[Field] = &[needed("team_id", Shape::Text)];

/// A team with other limits or another name. Its own admins may lower limits, not raise them.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let fields = call.body(&[FIELDS, OWN, IN_METADATA, MEMBER_BUDGET, FURTHER].concat())?;
    let team_id = fields.text("team_id").unwrap_or_default();
    let done = control.change(|| async {
        let (before, standing) = standing::team(control, &call.requester, team_id, Standing::TeamAdmin).await?;
        Ok((changes(control, &call, &fields, &before, standing).await?, ()))
    });
    done.await?;
    Ok(Reply::json(json!({"team_id": team_id, "data": row::stored(control, team_id).await?})))
}

async fn changes(
    control: &Control,
    call: &Call,
    fields: &Fields,
    before: &Object,
    standing: Standing,
) -> Result<Vec<Change>, Error> {
    let mut doc = before.doc.clone();
    draft::apply(control, &mut doc, fields)?;
    if standing < Standing::Owner {
        bounds::check_own_change(fields.map(), &before.doc, &doc)?;
        check_groups(control, &bounds::texts(&doc, "models"), &rights(&before.doc)).await?;
    }
    if !call.requester.is_admin() {
        bounds::check_organizations_change(&before.doc, &doc)?;
    }
    given::check(control, &call.requester, Some(&before.doc), &doc).await?;
    let after = team(&before.id, doc.clone(), Some(before));
    // An admin of one organization moves no team into another.
    if after.organization_id != before.organization_id && !call.requester.is_admin() {
        return Err(not_yours("Only proxy admins can move a team to another organization."));
    }
    check_within_organization(control, &doc).await?;
    let budget = draft::member_budget(control, call, &mut doc, fields, &before.id).await?;
    let mut changes: Vec<Change> = put(call, "updated", Some(before), Object { doc, ..after }).into();
    changes.extend(budget.changes);
    Ok(changes)
}
