//! `GET /key/aliases`

use serde_json::json;

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field};
use crate::admin::reply::Reply;
use crate::error::{Compat, Error};
use crate::store::{Filter, Kind, Order, Page};

const QUERY: &[Field] = &[field("page", Shape::Whole), field("size", Shape::Whole), field("search", Shape::Text)];

/// Aliases of a page, unless the request says otherwise.
const PAGE_SIZE: u32 = 50;

/// The aliases of the keys that the caller may see, in their order.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let requester = &call.requester;
    let own = requester.user_id.as_deref().unwrap_or_default();
    let filter = Filter {
        user_id: Some(own).filter(|_| !requester.sees_all()),
        text: query.text("search"),
        has_alias: true,
        ..Filter::default()
    };
    if control.settings.compat == Compat::V1_80 {
        let keys = control.store.all(Kind::Key, &filter).await?;
        let mut aliases: Vec<String> = keys.into_iter().filter_map(|key| key.alias).collect();
        aliases.sort_unstable();
        return Ok(Reply::json(json!({"aliases": aliases})));
    }
    let number = query.whole("page").and_then(|page| u64::try_from(page).ok()).unwrap_or(1).max(1);
    let size = query.whole("size").and_then(|size| u32::try_from(size).ok()).unwrap_or(PAGE_SIZE).clamp(1, 100);
    let total = control.store.count(Kind::Key, &filter).await?;
    let page = Page { order: Order::ByAlias, ..Page::number(number, size) };
    let keys = control.store.list(Kind::Key, &filter, page).await?;
    let aliases: Vec<String> = keys.into_iter().filter_map(|key| key.alias).collect();
    Ok(Reply::json(json!({
        "aliases": aliases,
        "total_count": total,
        "current_page": number,
        "total_pages": total.div_ceil(u64::from(size)),
        "size": size,
    })))
}
