//! `/global/activity` and below: requests and tokens a day.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::names::{alias, known};
use super::{Reports, dates, object};
use crate::error::{Compat, Error, Kind};
use crate::store;
use crate::store::spend::query::{Dimension, LogFilter, Usage, UsageFilter, UsageOrder, Used};

/// Models or deployments that are told of: those with most.
const MOST_GROUPS: usize = 10;
/// LiteLLM's word for keys without an alias, and for those that are gone.
const UNNAMED: &str = "Unnamed Key";

/// What they are asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ActivityQuery {
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    /// Of exceptions.
    pub model_group: Option<String>,
}

impl ActivityQuery {
    async fn usage(&self, reports: &Reports<'_>, by: &[Dimension]) -> Result<Vec<Usage>, Error> {
        let (from_day, to_day) = dates::days(self.start_date.as_deref(), self.end_date.as_deref())?;
        let filter = UsageFilter { from_day, to_day, ..UsageFilter::default() };
        let mut found = reports.usage(by, &filter, UsageOrder::Names).await?;
        // Days forwards.
        found.reverse();
        Ok(found)
    }
}

fn day(usage: &Usage) -> [(&'static str, Value); 3] {
    [
        ("date", dates::month_and_day(usage.day(0)).into()),
        ("api_requests", usage.used.requests.into()),
        ("total_tokens", usage.used.total_tokens.into()),
    ]
}

/// `GET /global/activity`.
///
/// # Errors
/// No dates, or the store is away.
pub async fn all(reports: &Reports<'_>, query: &ActivityQuery) -> Result<Value, Error> {
    let days = query.usage(reports, &[Dimension::Day]).await?;
    Ok(object([
        ("daily_data", days.iter().map(|usage| object(day(usage))).collect()),
        ("sum_api_requests", days.iter().map(|usage| usage.used.requests).sum::<i64>().into()),
        ("sum_total_tokens", days.iter().map(|usage| usage.used.total_tokens).sum::<i64>().into()),
    ]))
}

/// `GET /global/activity/model`.
///
/// # Errors
/// No dates, or the store is away.
pub async fn per_model(reports: &Reports<'_>, query: &ActivityQuery) -> Result<Value, Error> {
    let mut models: BTreeMap<String, (Vec<Value>, i64, i64)> = BTreeMap::new();
    for usage in query.usage(reports, &[Dimension::Day, Dimension::ModelGroup]).await? {
        let (days, requests, tokens) = models.entry(usage.name(1).to_owned()).or_default();
        let [date, api_requests, total_tokens] = day(&usage);
        days.push(object([("model_group", usage.name(1).into()), date, api_requests, total_tokens]));
        *requests += usage.used.requests;
        *tokens += usage.used.total_tokens;
    }
    let mut models: Vec<_> = models.into_iter().collect();
    models.sort_by_key(|(_, (_, requests, _))| -requests);
    let told = models.into_iter().take(MOST_GROUPS).map(|(model, (days, requests, tokens))| {
        object([
            ("model", model.into()),
            ("daily_data", days.into()),
            ("sum_api_requests", requests.into()),
            ("sum_total_tokens", tokens.into()),
        ])
    });
    Ok(told.collect())
}

/// `GET /global/activity/cache_hits`, by the keys' aliases, kinds of calls and models. No answer comes from a cache of the
/// gateway's; what providers have read from theirs, and written to it, is told beside.
///
/// # Errors
/// No dates, or the store is away.
pub async fn cache_hits(reports: &Reports<'_>, query: &ActivityQuery) -> Result<Value, Error> {
    let found = query.usage(reports, &[Dimension::Key, Dimension::CallType, Dimension::Model]).await?;
    let keys = known(reports.store, store::Kind::Key, found.iter().map(|usage| usage.name(0))).await?;
    let mut lines: BTreeMap<[&str; 3], Used> = BTreeMap::new();
    for usage in &found {
        let name = alias(&keys, usage.name(0)).unwrap_or(UNNAMED);
        lines.entry([name, usage.name(1), usage.name(2)]).or_default().add(&usage.used);
    }
    let told = lines.into_iter().map(|([name, call_type, model], used)| {
        object([
            ("api_key", name.into()),
            ("call_type", call_type.into()),
            ("model", model.into()),
            ("total_rows", used.requests.into()),
            ("cache_hit_true_rows", 0.into()),
            ("failed_rows", used.failed_requests.into()),
            ("cached_completion_tokens", 0.into()),
            ("generated_completion_tokens", used.completion_tokens.into()),
            ("cache_read_input_tokens", used.cache_read_tokens.into()),
            ("cache_creation_input_tokens", used.cache_write_tokens.into()),
        ])
    });
    Ok(told.collect())
}

/// Answers that said to wait, by day and deployment.
async fn exceptions_of(reports: &Reports<'_>, query: &ActivityQuery) -> Result<Vec<(i64, String, i64)>, Error> {
    let (from, until) = dates::range(query.start_date.as_deref(), query.end_date.as_deref())?;
    let Some(model_group) = query.model_group.as_deref() else {
        return Err(Error::new(Kind::InvalidParameter, "Please provide model_group").param("model_group"));
    };
    let status = Kind::RateLimited.row(Compat::default()).status;
    let filter = LogFilter {
        model_group: Some(model_group),
        status: Some(status.into()),
        from: Some(from),
        until: Some(until),
        ..LogFilter::default()
    };
    reports.calls_by_day(&filter).await
}

fn exceptions_a_day(days: &BTreeMap<i64, i64>) -> Value {
    let line =
        |(day, count): (&i64, &i64)| json!({"date": dates::month_and_day(*day), "num_rate_limit_exceptions": count});
    days.iter().map(line).collect()
}

/// `GET /global/activity/exceptions`.
///
/// # Errors
/// No dates, no model group, or the store is away.
pub async fn exceptions(reports: &Reports<'_>, query: &ActivityQuery) -> Result<Value, Error> {
    let mut days: BTreeMap<i64, i64> = BTreeMap::new();
    for (day, _, count) in exceptions_of(reports, query).await? {
        *days.entry(day).or_default() += count;
    }
    Ok(object([
        ("daily_data", exceptions_a_day(&days)),
        ("sum_num_rate_limit_exceptions", days.values().sum::<i64>().into()),
    ]))
}

/// `GET /global/activity/exceptions/deployment`. `api_base` is the deployment's id: two of them may have one address.
///
/// # Errors
/// As [`exceptions`].
pub async fn exceptions_per_deployment(reports: &Reports<'_>, query: &ActivityQuery) -> Result<Value, Error> {
    let mut deployments: BTreeMap<String, BTreeMap<i64, i64>> = BTreeMap::new();
    for (day, deployment, count) in exceptions_of(reports, query).await? {
        *deployments.entry(deployment).or_default().entry(day).or_default() += count;
    }
    let mut deployments: Vec<_> = deployments.into_iter().collect();
    deployments.sort_by_key(|(_, days)| -days.values().sum::<i64>());
    let told = deployments.into_iter().take(MOST_GROUPS).map(|(deployment, days)| {
        object([
            ("api_base", deployment.into()),
            ("daily_data", exceptions_a_day(&days)),
            ("sum_num_rate_limit_exceptions", days.values().sum::<i64>().into()),
        ])
    });
    Ok(told.collect())
}
