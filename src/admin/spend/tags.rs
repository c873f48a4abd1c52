//! `/spend/tags`: which tag did cost how much, the most first.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reports, dates, object};
use crate::error::Error;
use crate::store::spend::query::{Dimension, UsageFilter, UsageOrder};

/// What it is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TagsQuery {
    pub start_date: Option<String>,
    pub end_date: Option<String>,
}

/// `GET /spend/tags`.
///
/// # Errors
/// A date that is none, or the store is away.
pub async fn tags(reports: &Reports<'_>, query: &TagsQuery) -> Result<Value, Error> {
    let (from_day, to_day) = match (query.start_date.as_deref(), query.end_date.as_deref()) {
        (None, None) => (0, i64::MAX),
        (start, end) => dates::days(start, end)?,
    };
    let filter = UsageFilter { from_day, to_day, only: Vec::new(), given: Some(Dimension::Tag) };
    let found = reports.usage(&[Dimension::Tag], &filter, UsageOrder::Cost).await?;
    let told = found.iter().map(|usage| {
        object([
            ("individual_request_tag", json!(usage.name(0))),
            ("log_count", usage.used.requests.into()),
            ("total_spend", usage.used.dollars().into()),
        ])
    });
    Ok(told.collect())
}
