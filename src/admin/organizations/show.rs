//! `GET /organization/info`, `GET /organization/list`

use serde_json::json;

use super::{find, row};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field, needed};
use crate::admin::finding::by_ids;
use crate::admin::reply::Reply;
use crate::admin::rights::{detailed, not_yours};
use crate::error::{Error, Management};
use crate::store::{Filter, Kind};

const QUERY: &[Field] = &[needed("organization_id", Shape::Text)];
const OLD_BODY: &[Field] = &[needed("organizations", Shape::Texts)];
const LIST: &[Field] = &[field("org_id", Shape::Text), field("org_alias", Shape::Text)];

/// One organization, for its members.
pub async fn info(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let id = query.text("organization_id").unwrap_or_default();
    let found = find(control, id).await?;
    if let Some(own) = own(control, &call).await?
        && !own.iter().any(|own| own == id)
    {
        return Err(not_yours(format!("You are not a member of the organization {id}.")));
    }
    let shown = row::with_members(control, &[found]).await?;
    Ok(Reply::json(shown.into_iter().next().unwrap_or_default()))
}

/// `POST /organization/info`, as it was before: several at once.
pub async fn several(control: &Control, call: Call) -> Result<Reply, Error> {
    let ids = call.body(OLD_BODY)?.texts("organizations");
    if ids.is_empty() {
        let text = "Specify list of organization id's to query. Passed in=[]";
        return Err(detailed(Management::DetailRefused, text));
    }
    let found = by_ids(control, Kind::Organization, &ids).await?;
    Ok(Reply::json(json!(row::rows(control, &found).await?)))
}

/// All organizations, or those that the caller is in.
pub async fn list(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(LIST)?;
    let found = match own(control, &call).await? {
        Some(own) => by_ids(control, Kind::Organization, &own).await?,
        None => control.store.all(Kind::Organization, &Filter::default()).await?,
    };
    let is_wanted = |id: &str, alias: Option<&str>| {
        query.text("org_id").is_none_or(|wanted| wanted == id)
            && query
                .text("org_alias")
                .is_none_or(|wanted| alias.is_some_and(|alias| alias.to_lowercase().contains(&wanted.to_lowercase())))
    };
    let found: Vec<_> = found.into_iter().filter(|it| is_wanted(&it.id, it.alias.as_deref())).collect();
    Ok(Reply::json(row::with_members(control, &found).await?))
}

/// The organizations of a caller who does not see all.
async fn own(control: &Control, call: &Call) -> Result<Option<Vec<String>>, Error> {
    if call.requester.sees_all() {
        return Ok(None);
    }
    let Some(user_id) = call.requester.user_id.as_deref() else { return Ok(Some(Vec::new())) };
    let filter = Filter { user_id: Some(user_id), ..Filter::default() };
    let members = control.store.all(Kind::OrganizationMember, &filter).await?;
    Ok(Some(members.into_iter().filter_map(|member| member.organization_id).collect()))
}
