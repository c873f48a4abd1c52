//! `/spend/keys`, `/spend/users`, `/spend/tags`: who spent how much, the most first.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reports, dates, dollars, object, refused};
use crate::error::Error;
use crate::store::spend::query::{Dimension, UsageFilter, UsageOrder};
use crate::store::{Filter, Kind};

/// What they are asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OwnersQuery {
    /// Of users: only this one.
    pub user_id: Option<String>,
    /// Of tags.
    pub start_date: Option<String>,
    pub end_date: Option<String>,
}

/// `GET /spend/keys`, `GET /spend/users`: the objects of this kind with `spend` as the counters of this scope have it.
///
/// # Errors
/// The store is away.
pub async fn objects(
    reports: &Reports<'_>,
    kind: Kind,
    scope: &'static str,
    query: &OwnersQuery,
) -> Result<Value, Error> {
    let ids = query.user_id.as_ref().filter(|_| kind == Kind::User).map(std::slice::from_ref);
    let found = reports.store.all(kind, &Filter { ids, ..Filter::default() }).await.map_err(refused)?;
    let counters = match ids {
        Some([id]) => reports.store.counters_of(&[(scope, id)]).await.map_err(refused)?,
        _ => reports.store.all_counters(scope).await.map_err(refused)?,
    };
    let of_duration = counters.iter().filter(|counter| counter.budget.is_empty());
    let counters: HashMap<&str, i64> = of_duration.map(|counter| (&*counter.id, counter.spent)).collect();
    let spent = |id: &str| counters.get(id).copied().unwrap_or_default();
    let mut found: Vec<_> = found.into_iter().map(|object| (spent(&object.id), object.doc)).collect();
    found.sort_by_key(|(spent, _)| std::cmp::Reverse(*spent));
    let told = found.into_iter().map(|(spent, mut doc)| {
        doc.insert("spend".to_owned(), dollars(spent).into());
        Value::Object(doc)
    });
    Ok(told.collect())
}

/// `GET /spend/tags`.
///
/// # Errors
/// A date that is none, or the store is away.
pub async fn tags(reports: &Reports<'_>, query: &OwnersQuery) -> Result<Value, Error> {
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
