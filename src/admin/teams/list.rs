//! `GET /team/list`, `GET /v2/team/list`, `GET /team/available`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::members::roster;
use super::{info, members, row, standing};
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Fields, Shape, fault, field, invalid};
use crate::admin::organizations::admins::administers;
use crate::admin::reply::Reply;
use crate::admin::rights::not_yours;
use crate::error::Error;
use crate::store::{Filter, Kind, Object, Order, Page};

const QUERY: &[Field] = &[field("user_id", Shape::Text), field("organization_id", Shape::Text)];

const PAGED: &[Field] = &[
    field("user_id", Shape::Text),
    field("organization_id", Shape::Text),
    field("team_id", Shape::Text),
    field("team_alias", Shape::Text),
    field("search", Shape::Text),
    field("page", Shape::Whole),
    field("page_size", Shape::Whole),
    field("sort_by", Shape::Text),
    field("sort_order", Shape::OneOf(&["asc", "desc"])),
];

/// Teams on a page, unless the request says otherwise.
const PAGE_SIZE: u32 = 10;
/// And at most.
const LARGEST_PAGE: i64 = 100;

/// All teams that the caller may see, with their keys and members.
pub async fn all(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let ids = visible(control, &call, &query).await?;
    let filter = Filter { organization_id: query.text("organization_id"), ids: ids.as_deref(), ..Filter::default() };
    let mut teams = control.store.all(Kind::Team, &filter).await?;
    teams.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    let mut shown = Vec::with_capacity(teams.len());
    for (team, mut row) in teams.iter().zip(row::rows(control, &teams).await?) {
        let filter = Filter { team_id: Some(&team.id), ..Filter::default() };
        let members = control.store.all(Kind::TeamMember, &filter).await?;
        let mut keys = control.store.all(Kind::Key, &filter).await?;
        if standing::of(control, &call.requester, team).await? == standing::Standing::Member {
            keys.retain(|key| call.requester.is_user(key.user_id.as_deref()));
        }
        row.insert("members_count".to_owned(), json!(roster::all(&team.doc).count()));
        row.insert("team_memberships".to_owned(), json!(members::row::memberships(control, &members, None).await?));
        row.insert("keys".to_owned(), json!(info::key_rows(control, &keys).await?));
        shown.push(Value::Object(row));
    }
    Ok(Reply::json(shown))
}

/// A page of them, without keys.
pub async fn paged(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(PAGED)?;
    let (number, size) = page(&query)?;
    let mut ids = visible(control, &call, &query).await?;
    if let Some(team_id) = query.text("team_id") {
        let is_visible = ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == team_id));
        ids = Some(if is_visible { vec![team_id.to_owned()] } else { Vec::new() });
    }
    let filter = Filter {
        organization_id: query.text("organization_id"),
        text: query.text("search").or(query.text("team_alias")),
        ids: ids.as_deref(),
        ..Filter::default()
    };
    let order = match (query.text("sort_by"), query.text("sort_order")) {
        (Some("team_alias"), _) => Order::ByAlias,
        (Some("team_id"), _) => Order::ById,
        (_, Some("asc")) => Order::OldestFirst,
        _ => Order::NewestFirst,
    };
    let total = control.store.count(Kind::Team, &filter).await?;
    let teams = control.store.list(Kind::Team, &filter, Page { order, ..Page::number(number, size) }).await?;
    let mut rows = Vec::with_capacity(teams.len());
    for (team, mut row) in teams.iter().zip(row::rows(control, &teams).await?) {
        let keys = control.store.count(Kind::Key, &Filter { team_id: Some(&team.id), ..Filter::default() }).await?;
        row.insert("keys_count".to_owned(), json!(keys));
        row.insert("members_count".to_owned(), json!(roster::all(&team.doc).count()));
        rows.push(row);
    }
    Ok(Reply::json(json!({
        "teams": rows,
        "total": total,
        "page": number,
        "page_size": size,
        "total_pages": total.div_ceil(u64::from(size)),
    })))
}

/// The teams that a user may join by themselves and is not in.
pub async fn available(control: &Control, call: Call) -> Result<Reply, Error> {
    let open = open_teams(control);
    let mut teams = control.store.all(Kind::Team, &Filter { ids: Some(&open), ..Filter::default() }).await?;
    teams.retain(|team| {
        let user_id = call.requester.user_id.as_deref();
        user_id.is_none_or(|user_id| roster::find(&team.doc, Some(user_id), None).is_none())
    });
    let shown = teams.iter().map(|team| {
        json!({
            "team_id": team.id,
            "team_alias": team.alias,
            "description": team.doc.get("metadata").and_then(|all| all.get("description")),
            "members_count": roster::all(&team.doc).count(),
        })
    });
    Ok(Reply::json(shown.collect::<Vec<_>>()))
}

/// `default_internal_user_params.available_teams` of the configuration.
pub fn open_teams(control: &Control) -> Vec<String> {
    super::bounds::texts(&control.settings.default_user, "available_teams")
}

/// The teams that the caller may see, narrowed to those of the user whom the request names; `None`: all.
async fn visible(control: &Control, call: &Call, query: &Fields) -> Result<Option<Vec<String>>, Error> {
    let requester = &call.requester;
    let named = query.text("user_id").filter(|user| !user.is_empty());
    if requester.sees_all() {
        return match named {
            Some(user) => Ok(Some(of_user(control, user).await?.into_iter().collect())),
            None => Ok(None),
        };
    }
    if named.is_some() && !requester.is_user(named) {
        return Err(not_yours("Only admin users can query all teams/other teams.").param("user_id"));
    }
    let organization = query.text("organization_id");
    if named.is_none() && administers(control, requester, organization).await? {
        return Ok(None);
    }
    let mut own = match requester.user_id.as_deref() {
        Some(user) => of_user(control, user).await?,
        None => BTreeSet::new(),
    };
    own.extend(requester.team_id.clone().filter(|_| named.is_none()));
    Ok(Some(own.into_iter().collect()))
}

/// The teams that a user is in.
///
/// # Errors
/// The store's.
pub async fn of_user(control: &Control, user_id: &str) -> Result<BTreeSet<String>, Error> {
    let filter = Filter { user_id: Some(user_id), ..Filter::default() };
    let members: Vec<Object> = control.store.all(Kind::TeamMember, &filter).await?;
    Ok(members.into_iter().filter_map(|member| member.team_id).collect())
}

fn page(query: &Fields) -> Result<(u64, u32), Error> {
    let number = query.whole("page").unwrap_or(1);
    let size = query.whole("page_size").unwrap_or(i64::from(PAGE_SIZE));
    let wrong = |name: &str, text: &str| {
        let kind = if text.contains("less") { "less_than_equal" } else { "greater_than_equal" };
        Err(invalid(vec![fault(kind, &[json!("query"), json!(name)], text, json!(query.get(name)))]))
    };
    match (u64::try_from(number), u32::try_from(size)) {
        (Ok(0) | Err(_), _) => wrong("page", "Input should be greater than or equal to 1"),
        (_, Ok(0) | Err(_)) => wrong("page_size", "Input should be greater than or equal to 1"),
        _ if size > LARGEST_PAGE => wrong("page_size", "Input should be less than or equal to 100"),
        (Ok(number), Ok(size)) => Ok((number, size)),
    }
}
