//! Who changed what, read back.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::commit::Audit;
use super::database::Store;
use super::failure::Failure;
use super::objects::{LONGEST_PAGE, Page};
use super::statement::Statement;

/// A line of the audit log, and when it was written (milliseconds since 1970).
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub at: i64,
    pub audit: Audit,
}

/// Which lines are wanted. What is `None` does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter<'a> {
    pub id: Option<&'a str>,
    pub changed_by: Option<&'a str>,
    pub api_key: Option<&'a str>,
    pub action: Option<&'a str>,
    pub table_name: Option<&'a str>,
    pub object_id: Option<&'a str>,
    /// From this time on.
    pub from: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
}

const COLUMNS: &str =
    "SELECT id, at, changed_by, api_key, action, table_name, object_id, before_doc, after_doc FROM audit_log";

impl Store {
    /// A page of the audit log, newest first.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn audit(&self, filter: &AuditFilter<'_>, page: Page) -> Result<Vec<Line>, Failure> {
        let mut query = Statement::new(COLUMNS);
        narrow(&mut query, filter);
        query.push(" ORDER BY at DESC, id LIMIT ").bind(i64::from(page.limit.clamp(1, LONGEST_PAGE)));
        query.push(" OFFSET ").bind(i64::try_from(page.offset).unwrap_or(i64::MAX));
        let rows = self.in_time(query.rows(&self.pool())).await?;
        rows.iter().map(line).collect()
    }

    /// How many lines there are.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn audit_count(&self, filter: &AuditFilter<'_>) -> Result<u64, Failure> {
        let mut query = Statement::new("SELECT COUNT(*) FROM audit_log");
        narrow(&mut query, filter);
        let row = self.in_time(query.row(&self.pool())).await?;
        let count = row.map_or(Ok(0), |row| row.try_get::<i64, _>(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

fn narrow(query: &mut Statement, filter: &AuditFilter<'_>) {
    query.push(" WHERE 1 = 1");
    for (column, value) in [
        (" AND id = ", filter.id),
        (" AND changed_by = ", filter.changed_by),
        (" AND api_key = ", filter.api_key),
        (" AND action = ", filter.action),
        (" AND table_name = ", filter.table_name),
        (" AND object_id = ", filter.object_id),
    ] {
        if let Some(value) = value {
            query.push(column).bind(value.to_owned());
        }
    }
    for (column, value) in [(" AND at >= ", filter.from), (" AND at < ", filter.until)] {
        if let Some(value) = value {
            query.push(column).bind(value);
        }
    }
}

fn line(row: &AnyRow) -> Result<Line, Failure> {
    let doc = |column: &str| -> Result<_, Failure> {
        let text: Option<String> = row.try_get(column)?;
        let read = text.map(|text| serde_json::from_str(&text)).transpose();
        read.map_err(|error| Failure::Corrupt(format!("audit log: {error}")))
    };
    Ok(Line {
        at: row.try_get("at")?,
        audit: Audit {
            id: row.try_get("id")?,
            changed_by: row.try_get("changed_by")?,
            api_key: row.try_get("api_key")?,
            action: row.try_get("action")?,
            table_name: row.try_get("table_name")?,
            object_id: row.try_get("object_id")?,
            before: doc("before_doc")?,
            after: doc("after_doc")?,
        },
    })
}
