//! `GET /user/list`, `GET /user/get_users`

use serde_json::{Value, json};

use super::row;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, fault, field, invalid};
use crate::admin::organizations::admins;
use crate::admin::reply::Reply;
use crate::admin::requester::Requester;
use crate::error::Error;
use crate::store::{Filter, Kind, Object, Order, Page};

const QUERY: &[Field] = &[
    field("role", Shape::Text),
    field("user_ids", Shape::Text),
    field("user_email", Shape::Text),
    field("team", Shape::Text),
    field("page", Shape::Whole),
    field("page_size", Shape::Whole),
    field("sort_by", Shape::Text),
    field("sort_order", Shape::OneOf(&["asc", "desc"])),
];

/// Users of a page, unless the request says otherwise.
const PAGE_SIZE: i64 = 25;
/// And at most.
const LARGEST_PAGE: i64 = 100;

/// Users, newest first.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let page = query.whole("page").unwrap_or(1);
    let size = query.whole("page_size").unwrap_or(PAGE_SIZE);
    if page < 1 || !(1..=LARGEST_PAGE).contains(&size) {
        let name = if page < 1 { "page" } else { "page_size" };
        let text = format!("Input should be greater than or equal to 1 and at most {LARGEST_PAGE}");
        return Err(invalid(vec![fault("value_error", &[json!("query"), json!(name)], &text, json!(query.get(name)))]));
    }
    let mut ids: Option<Vec<String>> =
        query.text("user_ids").map(|ids| ids.split(',').map(|id| id.trim().to_owned()).collect());
    if !call.requester.sees_all() {
        let led = led_by(control, &call.requester).await?;
        ids = Some(match ids {
            Some(ids) => ids.into_iter().filter(|id| led.contains(id)).collect(),
            None => led,
        });
    }
    let filter = Filter { ids: ids.as_deref(), text: query.text("user_email"), ..Filter::default() };
    let order = if query.text("sort_order") == Some("asc") { Order::OldestFirst } else { Order::NewestFirst };
    let (number, size) = (u64::try_from(page).unwrap_or(1), u32::try_from(size).unwrap_or(1));
    let part = Page { order, ..Page::number(number, size) };
    let (users, total) = match (query.text("role"), query.text("team")) {
        (None, None) => {
            let users = control.store.list(Kind::User, &filter, part).await?;
            (users, control.store.count(Kind::User, &filter).await?)
        }
        // What stands in documents only is looked for in all of them.
        (role, team) => {
            let mut users = control.store.all(Kind::User, &filter).await?;
            users.retain(|user| is_of(user, role, team));
            users.sort_by_key(|user| if order == Order::OldestFirst { user.created_at } else { -user.created_at });
            let total = users.len() as u64;
            let first = usize::try_from(part.offset).unwrap_or(usize::MAX);
            (users.into_iter().skip(first).take(part.limit as usize).collect(), total)
        }
    };
    let pages = total.div_ceil(u64::from(size));
    let users = rows(control, &users).await?;
    Ok(Reply::json(json!({
        "users": users, "total": total, "page": page, "page_size": size, "total_pages": pages,
    })))
}

fn is_of(user: &Object, role: Option<&str>, team: Option<&str>) -> bool {
    let has_role = role.is_none_or(|role| user.doc.get("user_role").and_then(Value::as_str) == Some(role));
    let teams = user.doc.get("teams").and_then(Value::as_array);
    let is_in = |team: &str| teams.is_some_and(|teams| teams.iter().any(|known| known == team));
    has_role && team.is_none_or(is_in)
}

async fn rows(control: &Control, users: &[Object]) -> Result<Vec<Value>, Error> {
    let shown = row::shown(control, users).await?;
    let mut rows = Vec::with_capacity(users.len());
    for (user, shown) in users.iter().zip(shown) {
        let of_user = Filter { user_id: Some(&user.id), ..Filter::default() };
        let keys = control.store.count(Kind::Key, &of_user).await?;
        rows.push(Value::Object(row::listed(&shown, keys, control.settings.compat)));
    }
    Ok(rows)
}

/// The members of all organizations that somebody leads.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn led_by(control: &Control, requester: &Requester) -> Result<Vec<String>, Error> {
    let mut led = Vec::new();
    for organization in admins::administered(control, requester).await? {
        let of_it = Filter { organization_id: Some(&organization), ..Filter::default() };
        let members = control.store.all(Kind::OrganizationMember, &of_it).await?;
        led.extend(members.into_iter().filter_map(|member| member.user_id));
    }
    led.sort_unstable();
    led.dedup();
    Ok(led)
}
