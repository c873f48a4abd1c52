//! `/global/spend` and below: what the whole gateway spends. Where no dates are asked for, it is the last thirty days.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::names::{alias, known};
use super::{Reports, dates, digest, listed, object};
use crate::error::Error;
use crate::store;
use crate::store::spend::query::{Dimension, Usage, UsageFilter, UsageOrder, Used};

/// Days that are looked back.
const LAST_DAYS: i64 = 30;
/// Models that are told of unless `limit` says otherwise.
const MODELS: usize = 10;
/// Customers that are told of.
const CUSTOMERS: usize = 100;
/// Teams whose totals are told.
const TEAMS: usize = 10;
/// LiteLLM's word for calls of no team.
pub const UNASSIGNED: &str = "Unassigned";

/// What they are asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GlobalQuery {
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    pub api_key: Option<String>,
    /// With commas; `all-tags` is all.
    pub tags: Option<String>,
    pub limit: Option<usize>,
}

/// The body of `POST /global/spend/end_users`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EndUsersQuery {
    #[serde(rename = "api_key")]
    pub api_key: Option<String>,
    pub start_time: Option<String>,
    pub end_time: Option<String>,
}

/// What must be one of some values, of a query.
struct Only {
    keys: Vec<String>,
    tags: Vec<String>,
}

impl Only {
    fn of(query: &GlobalQuery) -> Self {
        let tags = listed(query.tags.as_deref());
        let all = tags.iter().any(|tag| tag == "all-tags");
        Self {
            keys: query.api_key.as_deref().map(digest).into_iter().collect(),
            tags: if all { Vec::new() } else { tags },
        }
    }

    /// Of these days, or the last ones.
    fn filter(&self, reports: &Reports<'_>, days: Option<(i64, i64)>) -> UsageFilter<'_> {
        let (from_day, to_day) = days.unwrap_or_else(|| (reports.today() - LAST_DAYS, reports.today()));
        let only = vec![(Dimension::Key, &*self.keys), (Dimension::Tag, &*self.tags)];
        UsageFilter { from_day, to_day, only, given: None }
    }
}

fn days_of(query: &GlobalQuery) -> Result<(i64, i64), Error> {
    dates::days(query.start_date.as_deref(), query.end_date.as_deref())
}

/// `GET /global/spend`. `max_budget`: that of the whole gateway, in dollars; 0: none.
///
/// # Errors
/// The store is away.
pub async fn total(reports: &Reports<'_>, max_budget: f64) -> Result<Value, Error> {
    let only = Only::of(&GlobalQuery::default());
    let used = reports.used(&only.filter(reports, None)).await?;
    Ok(object([("spend", used.dollars().into()), ("max_budget", max_budget.into())]))
}

/// `GET /global/spend/logs`: spend a day.
///
/// # Errors
/// The store is away.
pub async fn per_day(reports: &Reports<'_>, query: &GlobalQuery) -> Result<Value, Error> {
    let only = Only::of(query);
    let days = reports.usage(&[Dimension::Day], &only.filter(reports, None), UsageOrder::Names).await?;
    let told = days.iter().rev().map(|usage| {
        let mut line = Map::new();
        if let Some(key) = only.keys.first() {
            line.insert("api_key".to_owned(), key.as_str().into());
        }
        line.insert("date".to_owned(), dates::date(usage.day(0)).into());
        line.insert("spend".to_owned(), usage.used.dollars().into());
        Value::Object(line)
    });
    Ok(told.collect())
}

/// Those that did cost most, and what they are.
async fn dearest(reports: &Reports<'_>, by: Dimension, filter: &UsageFilter<'_>) -> Result<Vec<Usage>, Error> {
    reports.usage(&[by], filter, UsageOrder::Cost).await
}

/// `GET /global/spend/keys`.
///
/// # Errors
/// The store is away.
pub async fn keys(reports: &Reports<'_>, query: &GlobalQuery) -> Result<Value, Error> {
    let only = Only::of(query);
    let mut found = dearest(reports, Dimension::Key, &only.filter(reports, None)).await?;
    found.truncate(query.limit.unwrap_or(usize::MAX));
    let keys = known(reports.store, store::Kind::Key, found.iter().map(|usage| usage.name(0))).await?;
    let told = found.iter().map(|usage| {
        let key = usage.name(0);
        object([
            ("api_key", key.into()),
            ("key_alias", json!(alias(&keys, key))),
            ("key_name", keys.get(key).and_then(|key| key.doc.get("key_name")).cloned().unwrap_or_default()),
            ("total_spend", usage.used.dollars().into()),
        ])
    });
    Ok(told.collect())
}

/// `GET /global/spend/models`.
///
/// # Errors
/// The store is away.
pub async fn models(reports: &Reports<'_>, query: &GlobalQuery) -> Result<Value, Error> {
    let only = Only::of(query);
    let found = dearest(reports, Dimension::Model, &only.filter(reports, None)).await?;
    let told = found.iter().take(query.limit.unwrap_or(MODELS)).map(|usage| {
        object([
            ("model", usage.name(0).into()),
            ("total_spend", usage.used.dollars().into()),
            ("total_tokens", usage.used.total_tokens.into()),
        ])
    });
    Ok(told.collect())
}

/// `GET /global/spend/provider`.
///
/// # Errors
/// No dates, or the store is away.
pub async fn providers(reports: &Reports<'_>, query: &GlobalQuery) -> Result<Value, Error> {
    let only = Only::of(query);
    let given = Some(Dimension::Provider);
    let filter = UsageFilter { given, ..only.filter(reports, Some(days_of(query)?)) };
    let found = dearest(reports, Dimension::Provider, &filter).await?;
    let told = found.iter().map(|usage| json!({"provider": usage.name(0), "spend": usage.used.dollars()}));
    Ok(told.collect())
}

/// `GET /global/spend/tags`.
///
/// # Errors
/// No dates, or the store is away.
pub async fn tags(reports: &Reports<'_>, query: &GlobalQuery) -> Result<Value, Error> {
    let only = Only::of(query);
    let found = dearest(reports, Dimension::Tag, &only.filter(reports, Some(days_of(query)?))).await?;
    let told = found
        .iter()
        .map(|usage| json!({"name": usage.name(0), "spend": usage.used.dollars(), "log_count": usage.used.requests}));
    Ok(object([("spend_per_tag", told.collect())]))
}

/// `GET /global/spend/all_tag_names`.
///
/// # Errors
/// The store is away.
pub async fn tag_names(reports: &Reports<'_>) -> Result<Value, Error> {
    names(reports, "tag_names", Dimension::Tag).await
}

/// `GET /global/all_end_users`.
///
/// # Errors
/// The store is away.
pub async fn end_user_names(reports: &Reports<'_>) -> Result<Value, Error> {
    names(reports, "end_users", Dimension::Customer).await
}

async fn names(reports: &Reports<'_>, member: &str, by: Dimension) -> Result<Value, Error> {
    let filter = UsageFilter { from_day: 0, to_day: i64::MAX, only: Vec::new(), given: Some(by) };
    let found = reports.usage(&[by], &filter, UsageOrder::Names).await?;
    Ok(object([(member, found.iter().map(|usage| usage.name(0)).collect())]))
}

/// `POST /global/spend/end_users`.
///
/// # Errors
/// A time that is none, or the store is away.
pub async fn end_users(reports: &Reports<'_>, query: &EndUsersQuery) -> Result<Value, Error> {
    let days = match (&query.start_time, &query.end_time) {
        (None, None) => None,
        (start, end) => {
            let first = dates::date(reports.today() - LAST_DAYS);
            let last = dates::date(reports.today());
            Some(dates::days(Some(start.as_deref().unwrap_or(&first)), Some(end.as_deref().unwrap_or(&last)))?)
        }
    };
    let only = Only::of(&GlobalQuery { api_key: query.api_key.clone(), ..GlobalQuery::default() });
    let found = dearest(reports, Dimension::Customer, &only.filter(reports, days)).await?;
    let told = found.iter().take(CUSTOMERS).map(|usage| {
        object([
            ("end_user", usage.name(0).into()),
            ("total_count", usage.used.requests.into()),
            ("total_spend", usage.used.dollars().into()),
        ])
    });
    Ok(told.collect())
}

/// `GET /global/spend/teams`: by day, and in all.
///
/// # Errors
/// The store is away.
pub async fn teams(reports: &Reports<'_>) -> Result<Value, Error> {
    let only = Only::of(&GlobalQuery::default());
    let by = [Dimension::Day, Dimension::Team];
    let found = reports.usage(&by, &only.filter(reports, None), UsageOrder::Names).await?;
    let known = known(reports.store, store::Kind::Team, found.iter().map(|usage| usage.name(1))).await?;
    let mut days: BTreeMap<i64, BTreeMap<&str, Used>> = BTreeMap::new();
    let mut totals: BTreeMap<&str, Used> = BTreeMap::new();
    for usage in &found {
        let id = usage.name(1);
        let team = if id.is_empty() { UNASSIGNED } else { alias(&known, id).unwrap_or(id) };
        // Two teams may have one alias.
        days.entry(usage.day(0)).or_default().entry(team).or_default().add(&usage.used);
        totals.entry(team).or_default().add(&usage.used);
    }
    let daily = days.iter().map(|(day, teams)| {
        let mut line = Map::new();
        line.insert("date".to_owned(), dates::date(*day).into());
        line.extend(teams.iter().map(|(team, spend)| ((*team).to_owned(), spend.dollars().into())));
        Value::Object(line)
    });
    let mut sorted: Vec<_> = totals.iter().collect();
    sorted.sort_by_key(|(_, spend)| -spend.cost);
    let told = sorted.iter().take(TEAMS).map(|(team, spend)| json!({"team_id": team, "total_spend": spend.dollars()}));
    Ok(object([
        ("daily_spend", daily.collect()),
        ("teams", totals.keys().copied().collect()),
        ("total_spend_per_team", told.collect()),
    ]))
}
