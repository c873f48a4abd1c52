//! `POST /team/model/add`, `/team/model/delete`

use serde_json::json;

use super::bounds::texts;
use super::given;
use super::new::check_within_organization;
use super::row;
use super::standing::{self, Standing};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::control::changing::put;
use crate::admin::fields::{Field, Shape, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::detailed;
use crate::error::{Error, Management};
use crate::store::Object;

const FIELDS: &[Field] = &[needed("team_id", Shape::Text), needed("models", Shape::Texts)];

/// What becomes of a team's models by those that are said.
type Edit = fn(Vec<String>, &[String]) -> Result<Vec<String>, Error>;

/// More models for a team. A team that may call all of them is then limited to these.
pub async fn add(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, call, Standing::Owner, |models, said| {
        let mut models = models;
        for model in said {
            if !models.contains(model) {
                models.push(model.clone());
            }
        }
        Ok(models)
    })
    .await
}

/// Fewer. The last one stays: a list without any would allow all.
pub async fn remove(control: &Control, call: Call) -> Result<Reply, Error> {
    set(control, call, Standing::TeamAdmin, |models, said| {
        let left: Vec<String> = models.iter().filter(|model| !said.contains(model)).cloned().collect();
        if left.is_empty() && !models.is_empty() {
            let text = "No model would be left, and an empty list allows all models. Set models to \
                        ['no-default-models'] instead.";
            return Err(detailed(Management::DetailRefused, text));
        }
        Ok(left)
    })
    .await
}

async fn set(control: &Control, call: Call, least: Standing, edit: Edit) -> Result<Reply, Error> {
    let fields = call.body(FIELDS)?;
    let team_id = fields.text("team_id").unwrap_or_default();
    let said = fields.texts("models");
    let done = control.change(|| async {
        let (before, _) = standing::team(control, &call.requester, team_id, least).await?;
        let mut doc = before.doc.clone();
        doc.insert("models".to_owned(), json!(edit(texts(&before.doc, "models"), &said)?));
        given::check(control, &call.requester, Some(&before.doc), &doc).await?;
        check_within_organization(control, &doc).await?;
        let after = Object { doc, ..before.clone() };
        Ok((put(&call, "updated", Some(&before), after).into(), ()))
    });
    done.await?;
    Ok(Reply::json(row::stored(control, team_id).await?))
}
