//! `DELETE /project/delete`

use serde_json::{Value, json};

use super::{find, row};
use crate::admin::budgets::held;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::admin::teams::standing::{self, Standing};
use crate::error::{Error, Management};
use crate::store::{Change, Filter, Kind};

const FIELDS: &[Field] = &[needed("project_ids", Shape::Texts)];

/// Projects that end. One that keys belong to does not: they would work on without its limits.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let ids = call.body(FIELDS)?.texts("project_ids");
    let done = control.change(|| async {
        let mut changes = Vec::new();
        let mut gone = Vec::new();
        for id in &ids {
            let project = find(control, id).await?;
            let team_id = project.team_id.as_deref().unwrap_or_default();
            standing::team(control, &call.requester, team_id, Standing::Owner).await?;
            let filter = Filter { team_id: Some(team_id), ..Filter::default() };
            let keys = control.store.all(Kind::Key, &filter).await?;
            let count = keys.iter().filter(|key| key.doc.get("project_id") == Some(&Value::from(id.as_str()))).count();
            if count > 0 {
                let text =
                    format!("Cannot delete project {id}: {count} key(s) are associated with it. Delete them first.");
                return Err(detailed(Management::DetailRefused, &text));
            }
            changes.push(Change::Put(project.clone()));
            changes.extend(held::gone(control, &call, &project).await?);
            gone.push(project);
        }
        Ok((changes, row::rows(control, &gone).await?))
    });
    Ok(Reply::json(json!(done.await?)))
}
