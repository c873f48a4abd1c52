//! `GET /key/list`

use serde_json::{Value, json};

use super::access::{find, may_see, member_role};
use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Fields, Shape, fault, field, invalid};
use crate::admin::organizations::admins::administers;
use crate::admin::reply::Reply;
use crate::admin::requester::Requester;
use crate::admin::rights::not_yours;
use crate::error::Error;
use crate::store::{Filter, Kind, Object, Order, Page};

const QUERY: &[Field] = &[
    field("page", Shape::Whole),
    field("size", Shape::Whole),
    field("user_id", Shape::Text),
    field("team_id", Shape::Text),
    field("organization_id", Shape::Text),
    field("key_hash", Shape::Text),
    field("key_alias", Shape::Text),
    field("return_full_object", Shape::Flag),
    field("include_team_keys", Shape::Flag),
    field("sort_by", Shape::Text),
    field("sort_order", Shape::OneOf(&["asc", "desc"])),
];

/// Keys of a page, unless the request says otherwise.
const PAGE_SIZE: i64 = 10;
/// And at most.
const LARGEST_PAGE: i64 = 100;

/// The keys that the caller may see, newest first.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let (page, size) = page(&query)?;
    let user = user_filter(&call.requester, &query)?;
    if let Some(digest) = query.text("key_hash") {
        check_hash(control, &call.requester, digest).await?;
    }
    if !call.requester.sees_all() {
        check_scope(control, &call.requester, &query).await?;
    }
    let digests: Option<Vec<String>> = query.text("key_hash").map(|digest| vec![digest.to_owned()]);
    let filter = Filter {
        user_id: user.as_deref(),
        team_id: query.text("team_id"),
        organization_id: query.text("organization_id"),
        alias: query.text("key_alias"),
        ids: digests.as_deref(),
        ..Filter::default()
    };
    let order = match (query.text("sort_by"), query.text("sort_order")) {
        (Some("key_alias"), _) => Order::ByAlias,
        (Some("token"), _) => Order::ById,
        (_, Some("asc")) => Order::OldestFirst,
        _ => Order::NewestFirst,
    };
    let total = control.store.count(Kind::Key, &filter).await?;
    let number = u64::try_from(page).unwrap_or(1);
    let part = Page { order, ..Page::number(number, u32::try_from(size).unwrap_or(1)) };
    let keys = control.store.list(Kind::Key, &filter, part).await?;
    let is_full = query.flag("return_full_object") == Some(true);
    let shown = if is_full { full(control, &keys).await? } else { keys.iter().map(|key| json!(key.id)).collect() };
    let pages = total.div_ceil(u64::try_from(size).unwrap_or(1));
    Ok(Reply::json(json!({"keys": shown, "total_count": total, "current_page": page, "total_pages": pages})))
}

async fn full(control: &Control, keys: &[Object]) -> Result<Vec<Value>, Error> {
    let shown = control.shown_with_spend(keys).await?;
    let compat = control.settings.compat;
    Ok(keys.iter().zip(shown).map(|(key, shown)| Value::Object(row::model(key, shown, compat, true))).collect())
}

/// Number and size of the page.
fn page(query: &Fields) -> Result<(i64, i64), Error> {
    let page = query.whole("page").unwrap_or(1);
    let size = query.whole("size").unwrap_or(PAGE_SIZE);
    let mut faults = Vec::new();
    let mut check = |is_wrong: bool, kind: &str, name: &str, text: String| {
        if is_wrong {
            faults.push(fault(kind, &[json!("query"), json!(name)], &text, json!(query.get(name))));
        }
    };
    check(page < 1, "greater_than_equal", "page", "Input should be greater than or equal to 1".to_owned());
    check(size < 1, "greater_than_equal", "size", "Input should be greater than or equal to 1".to_owned());
    let text = format!("Input should be less than or equal to {LARGEST_PAGE}");
    check(size > LARGEST_PAGE, "less_than_equal", "size", text);
    if faults.is_empty() { Ok((page, size)) } else { Err(invalid(faults)) }
}

/// Whose keys: of somebody who does not see everything, only their own, unless a team or an organization is named.
fn user_filter(requester: &Requester, query: &Fields) -> Result<Option<String>, Error> {
    let named = query.text("user_id").filter(|user| !user.is_empty());
    if requester.sees_all() {
        return Ok(named.map(str::to_owned));
    }
    let Some(own) = requester.user_id.as_deref() else {
        let text = "You are not authorized to access this endpoint. No 'user_id' is associated with your API key.";
        return Err(not_yours(text).param("user_id"));
    };
    match named {
        Some(user) if user != own => {
            Err(not_yours("You are not authorized to check another user's keys").param("user_id"))
        }
        None if query.has("organization_id") => Ok(None),
        None if query.has("team_id") && query.flag("include_team_keys") == Some(true) => Ok(None),
        _ => Ok(Some(own.to_owned())),
    }
}

/// A named team or organization is one of the caller's; all keys of it are its admin's to see.
async fn check_scope(control: &Control, requester: &Requester, query: &Fields) -> Result<(), Error> {
    let own = requester.user_id.as_deref().unwrap_or_default();
    if let Some(team) = query.text("team_id") {
        let team = control.store.get(Kind::Team, team).await?;
        let role = team.as_ref().and_then(|team| member_role(&team.doc, own));
        let organization = team.as_ref().and_then(|team| team.organization_id.as_deref());
        let leads = role == Some("admin") || administers(control, requester, organization).await?;
        let wants_all = query.flag("include_team_keys") == Some(true);
        if !leads && (wants_all || role.is_none()) {
            return Err(not_yours("You are not authorized to check this team's keys").param("team_id"));
        }
    }
    let organization = query.text("organization_id");
    if organization.is_some() && !administers(control, requester, organization).await? {
        let text = "You are not authorized to check this organization's keys";
        return Err(not_yours(text).param("organization_id"));
    }
    Ok(())
}

async fn check_hash(control: &Control, requester: &Requester, digest: &str) -> Result<(), Error> {
    if requester.sees_all() {
        return Ok(());
    }
    let key = find(control, digest).await?;
    if may_see(requester, &key) {
        return Ok(());
    }
    let role = requester.role_name();
    Err(not_yours(format!("You are not allowed to access this key's info. Your role={role}")))
}
