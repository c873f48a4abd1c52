//! `POST /team/delete`

use serde_json::json;

use super::members::people::without_team;
use super::members::roster;
use super::standing::{self, Standing};
use crate::admin::budgets::held;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::delete;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};
use crate::store::{Change, Filter, Kind, Object};

const FIELDS: &[Field] = &[needed("team_ids", Shape::Texts)];

/// What belongs to a team and goes with it.
const BELONGINGS: [Kind; 4] = [Kind::Key, Kind::TeamMember, Kind::Project, Kind::Model];

/// Teams that end, with their keys, members, projects and models: all of them or, if one is not there, none.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let mut team_ids = call.body(FIELDS)?.texts("team_ids");
    team_ids.dedup();
    if team_ids.is_empty() {
        return Err(detailed(Management::DetailRefused, "No team_ids passed in"));
    }
    let done = control.change(|| async {
        let mut changes = Vec::new();
        for team_id in &team_ids {
            let (team, _) = standing::team(control, &call.requester, team_id, Standing::Owner).await?;
            changes.extend(end(control, &call, &team).await?);
        }
        Ok((changes, ()))
    });
    done.await?;
    Ok(Reply::json(json!({"deleted_teams": team_ids})))
}

/// The changes by which a team ends.
///
/// # Errors
/// The store's.
pub async fn end(control: &Control, call: &Call, team: &Object) -> Result<Vec<Change>, Error> {
    // Put first, so that a team which was changed since it was looked at (a new member, say) is looked at again.
    let mut changes = vec![Change::Put(team.clone())];
    let filter = Filter { team_id: Some(&team.id), ..Filter::default() };
    for kind in BELONGINGS {
        for belonging in control.store.all(kind, &filter).await? {
            changes.extend(held::gone(control, call, &belonging).await?);
        }
    }
    changes.extend(without_team(control, call, &roster::user_ids(&team.doc), &team.id).await?);
    let own_budget = super::draft::member_budget_id(&team.doc);
    changes.extend(held::released(control, call, (Kind::Team, &team.id), own_budget).await?);
    changes.extend(delete(call, team));
    Ok(changes)
}
