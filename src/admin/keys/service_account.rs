//! `POST /key/service-account/generate`

use serde_json::json;

use super::fields::all_with;
use super::generate::make;
use super::rules;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::reply::Reply;
use crate::admin::rights::refused;
use crate::error::Error;
use crate::store::Kind;

/// Makes a key that belongs to a team and to no user.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let mut said = call.body(&all_with(&[]))?;
    let Some(team) = said.text("team_id") else {
        let text = "team_id is required for service account keys. Please specify `team_id` in the request body.";
        return Err(refused(text).param("team_id"));
    };
    if control.store.get(Kind::Team, team).await?.is_none() {
        let text = "team_id does not exist in the database. Please specify a valid `team_id` in the request body.";
        return Err(refused(text).param("team_id"));
    }
    rules::check(control, &call, &said).await?;
    said.take("user_id");
    let mut metadata = said.object("metadata").cloned().unwrap_or_default();
    let name = said.text("key_alias").map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
    metadata.entry("service_account_id").or_insert_with(|| json!(name));
    said.set("metadata", metadata);
    Ok(Reply::json(make(control, &call, said).await?))
}
