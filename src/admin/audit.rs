//! `GET /audit`, `GET /audit/{id}`

use serde_json::{Value, json};

use super::call::Call;
use super::control::Control;
use super::fields::{Field, Shape, field};
use super::reply::Reply;
use super::rights::{detailed, refused};
use super::times;
use crate::error::{Error, Management};
use crate::store::audit::Line;
use crate::store::{AuditFilter, Page};

const QUERY: &[Field] = &[
    field("page", Shape::Whole),
    field("page_size", Shape::Whole),
    field("changed_by", Shape::Text),
    field("changed_by_api_key", Shape::Text),
    field("action", Shape::Text),
    field("table_name", Shape::Text),
    field("object_id", Shape::Text),
    field("start_date", Shape::Text),
    field("end_date", Shape::Text),
];

/// Lines of a page, unless the request says otherwise.
const PAGE_SIZE: i64 = 10;
/// And at most.
const LARGEST_PAGE: i64 = 100;

/// Who changed what, newest first.
pub async fn list(control: &Control, call: Call) -> Result<Reply, Error> {
    let query = call.query(QUERY)?;
    let time = |name: &str| match query.text(name) {
        None => Ok(None),
        Some(text) => match times::milliseconds(text).or_else(|| times::milliseconds(&format!("{text}T00:00:00Z"))) {
            Some(time) => Ok(Some(time)),
            None => Err(refused(format!("Invalid {name}: '{text}'. Expected a date or a time with its zone."))),
        },
    };
    let filter = AuditFilter {
        id: None,
        changed_by: query.text("changed_by"),
        api_key: query.text("changed_by_api_key"),
        action: query.text("action"),
        table_name: query.text("table_name"),
        object_id: query.text("object_id"),
        from: time("start_date")?,
        until: time("end_date")?,
    };
    let number = query.whole("page").unwrap_or(1).max(1);
    let size = query.whole("page_size").unwrap_or(PAGE_SIZE).clamp(1, LARGEST_PAGE);
    let page = Page::number(u64::try_from(number).unwrap_or(1), u32::try_from(size).unwrap_or(1));
    let total = control.store.audit_count(&filter).await?;
    let lines = control.store.audit(&filter, page).await?;
    Ok(Reply::json(json!({
        "audit_logs": lines.iter().map(shown).collect::<Vec<_>>(),
        "total": total,
        "page": number,
        "page_size": size,
        "total_pages": total.div_ceil(u64::try_from(size).unwrap_or(1)),
    })))
}

/// One line.
pub async fn one(control: &Control, call: Call) -> Result<Reply, Error> {
    let id = call.param("id");
    let filter = AuditFilter { id: Some(id), ..AuditFilter::default() };
    let lines = control.store.audit(&filter, Page::number(1, 1)).await?;
    let line = lines
        .first()
        .ok_or_else(|| detailed(Management::DetailNoSuchObject, &format!("Audit log with ID {id} not found")))?;
    Ok(Reply::json(shown(line)))
}

fn shown(line: &Line) -> Value {
    json!({
        "id": line.audit.id,
        "updated_at": times::zulu(line.at),
        "changed_by": line.audit.changed_by,
        "changed_by_api_key": line.audit.api_key,
        "action": line.audit.action,
        "table_name": line.audit.table_name,
        "object_id": line.audit.object_id,
        "before_value": line.audit.before,
        "updated_values": line.audit.after,
    })
}
