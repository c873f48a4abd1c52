//! `/spend/logs`: single calls, or sums a day; `/spend/logs/v2` and `/spend/logs/ui`: page by page;
//! `/spend/logs/session/ui`: those of one session.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::names::known;
use super::row::{List, row};
use super::{Reports, dates, digest, object};
use crate::error::{Compat, Error, Kind};
use crate::pricing::Money;
use crate::store;
use crate::store::spend::Call;
use crate::store::spend::query::logs::{COUNTED, LONGEST_PAGE};
use crate::store::spend::query::{Dimension, LogFilter, LogOrder, LogPage, Outcome, UsageFilter, UsageOrder, Used};

/// Calls that `/spend/logs` shows at most; there are pages for more.
pub const MOST_CALLS: usize = 10_000;
/// Calls of a page unless `page_size` says otherwise.
pub const PAGE_SIZE: u32 = 50;

/// What `/spend/logs` is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LogsQuery {
    pub request_id: Option<String>,
    /// The digest, or the key itself.
    pub api_key: Option<String>,
    pub user_id: Option<String>,
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    /// With dates: sums a day, unless this is false.
    pub summarize: Option<bool>,
}

/// What `/spend/logs/v2` is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PagedQuery {
    pub request_id: Option<String>,
    pub api_key: Option<String>,
    pub user_id: Option<String>,
    pub team_id: Option<String>,
    pub end_user: Option<String>,
    pub session_id: Option<String>,
    pub model: Option<String>,
    pub model_id: Option<String>,
    /// `success` or `failure`.
    pub status_filter: Option<String>,
    /// In dollars.
    pub min_spend: Option<f64>,
    pub max_spend: Option<f64>,
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    /// From 1.
    pub page: Option<u32>,
    pub page_size: Option<u32>,
    /// A member of a row: `startTime`, `spend`, ...
    pub sort_by: Option<String>,
    /// `asc` or `desc`.
    pub sort_order: Option<String>,
}

/// What `/spend/logs/session/ui` is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SessionQuery {
    pub session_id: String,
    /// From 1.
    pub page: Option<u32>,
    pub page_size: Option<u32>,
}

/// `GET /spend/logs`.
///
/// # Errors
/// No dates, or the store is away.
pub async fn logs(reports: &Reports<'_>, query: &LogsQuery) -> Result<Value, Error> {
    let api_key = query.api_key.as_deref().map(digest);
    let range = match (&query.start_date, &query.end_date) {
        (Some(start), Some(end)) => Some(dates::range(Some(start), Some(end))?),
        _ => None,
    };
    let summarize = query.summarize.unwrap_or(true) && query.request_id.is_none();
    if let Some((from, until)) = range.filter(|_| summarize) {
        return per_day(reports, query, api_key, dates::day_of(from), dates::day_of(until - 1)).await;
    }
    let filter = LogFilter {
        request_id: query.request_id.as_deref(),
        api_key: api_key.as_deref(),
        user_id: query.user_id.as_deref(),
        from: range.map(|(from, _)| from),
        until: range.map(|(_, until)| until),
        ..LogFilter::default()
    };
    let found = newest(reports, &filter).await?;
    rows(reports, &found, List::Whole).await.map(Value::Array)
}

/// The newest calls that fit, [`MOST_CALLS`] at most. Each page begins where the last one ended: calls that arrive
/// meanwhile move nothing.
async fn newest(reports: &Reports<'_>, filter: &LogFilter<'_>) -> Result<Vec<Call>, Error> {
    let mut found: Vec<Call> = Vec::new();
    while found.len() < MOST_CALLS {
        let last = found.last().map(|call| (call.started_at, call.call_id.clone()));
        let before = last.as_ref().map(|(started_at, call_id)| (*started_at, call_id.as_str()));
        let page = LogPage { limit: LONGEST_PAGE, ..NEWEST };
        let more = reports.calls(&LogFilter { before, ..*filter }, page).await?;
        let is_last = more.len() < LONGEST_PAGE as usize;
        found.extend(more);
        if is_last {
            break;
        }
    }
    Ok(found)
}

const NEWEST: LogPage = LogPage { order: LogOrder::Started, ascending: false, offset: 0, limit: PAGE_SIZE };

async fn rows(reports: &Reports<'_>, calls: &[Call], list: List) -> Result<Vec<Value>, Error> {
    let keys = known(reports.store, store::Kind::Key, calls.iter().map(|call| &*call.api_key)).await?;
    let teams = known(reports.store, store::Kind::Team, calls.iter().map(|call| &*call.team_id)).await?;
    Ok(calls.iter().map(|call| row(call, &keys, &teams, reports.compat, list)).collect())
}

/// One line a day: all of it, and by user, model and key. Days at the end without calls are told too.
async fn per_day(
    reports: &Reports<'_>,
    query: &LogsQuery,
    api_key: Option<String>,
    from_day: i64,
    to_day: i64,
) -> Result<Value, Error> {
    let (keys, users) = (Vec::from_iter(api_key), Vec::from_iter(query.user_id.clone()));
    let only = vec![(Dimension::Key, &*keys), (Dimension::User, &*users)];
    let filter = UsageFilter { from_day, to_day, only, given: None };
    let by = [Dimension::Day, Dimension::Key, Dimension::User, Dimension::Model];
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    for usage in reports.usage(&by, &filter, UsageOrder::Names).await? {
        let day = days.entry(usage.day(0)).or_default();
        day.all.add(&usage.used);
        for (group, place) in [(&mut day.keys, 1), (&mut day.users, 2), (&mut day.models, 3)] {
            group.entry(usage.name(place).to_owned()).or_default().add(&usage.used);
        }
    }
    let last = days.keys().next_back().copied();
    let told = days.iter().map(|(number, day)| day.told(*number));
    let empty = last.into_iter().flat_map(|last| last + 1..=to_day).map(empty_day);
    Ok(told.chain(empty).collect())
}

/// Sums of one day, in whole pico-dollars: what is told of them is exact.
#[derive(Default)]
struct Day {
    all: Used,
    keys: BTreeMap<String, Used>,
    users: BTreeMap<String, Used>,
    models: BTreeMap<String, Used>,
}

impl Day {
    fn told(&self, number: i64) -> Value {
        let spends = |group: &BTreeMap<String, Used>| -> Map<String, Value> {
            group.iter().map(|(name, used)| (name.clone(), used.dollars().into())).collect()
        };
        let mut line = Map::new();
        line.insert("users".to_owned(), spends(&self.users).into());
        line.insert("models".to_owned(), spends(&self.models).into());
        line.insert("spend".to_owned(), self.all.dollars().into());
        line.extend(spends(&self.keys));
        line.insert("startTime".to_owned(), dates::date(number).into());
        Value::Object(line)
    }
}

fn empty_day(number: i64) -> Value {
    json!({"users": {}, "models": {}, "spend": 0, "startTime": dates::date(number)})
}

/// `GET /spend/logs/v2`, `GET /spend/logs/ui`.
///
/// # Errors
/// No dates, an order that is none, or the store is away.
pub async fn paged(reports: &Reports<'_>, query: &PagedQuery) -> Result<Value, Error> {
    let (from, until) = dates::range(query.start_date.as_deref(), query.end_date.as_deref())?;
    let api_key = query.api_key.as_deref().map(digest);
    let pico = |dollars: f64| Money::from_dollars_f64(dollars).map(Money::pico);
    let filter = LogFilter {
        request_id: query.request_id.as_deref(),
        api_key: api_key.as_deref(),
        user_id: query.user_id.as_deref(),
        team_id: query.team_id.as_deref(),
        end_user: query.end_user.as_deref(),
        session_id: query.session_id.as_deref(),
        model: query.model.as_deref(),
        model_id: query.model_id.as_deref(),
        outcome: outcome(query.status_filter.as_deref())?,
        from: Some(from),
        until: Some(until),
        least_cost: query.min_spend.and_then(pico),
        most_cost: query.max_spend.and_then(pico),
        ..LogFilter::default()
    };
    let order = (order(query.sort_by.as_deref())?, query.sort_order.as_deref() == Some("asc"));
    told(reports, &filter, order, (query.page, query.page_size)).await
}

/// `GET /spend/logs/session/ui`: in the order in which they began.
///
/// # Errors
/// The store is away.
pub async fn of_session(reports: &Reports<'_>, query: &SessionQuery) -> Result<Value, Error> {
    let filter = LogFilter { session_id: Some(&query.session_id), ..LogFilter::default() };
    told(reports, &filter, (LogOrder::Started, true), (query.page, query.page_size)).await
}

/// One page, and how many there are.
async fn told(
    reports: &Reports<'_>,
    filter: &LogFilter<'_>,
    (order, ascending): (LogOrder, bool),
    (number, size): (Option<u32>, Option<u32>),
) -> Result<Value, Error> {
    let number = number.unwrap_or(1).max(1);
    let limit = size.unwrap_or(PAGE_SIZE).clamp(1, LONGEST_PAGE);
    let page = LogPage { order, ascending, offset: u64::from(number - 1) * u64::from(limit), limit };
    let counted = reports.count_calls(filter).await?;
    let calls = reports.calls(filter, page).await?;
    let total = counted.min(COUNTED);
    let mut answer = object([
        ("data", rows(reports, &calls, List::Paged).await?.into()),
        ("total", total.into()),
        ("page", number.into()),
        ("page_size", limit.into()),
        ("total_pages", total.div_ceil(limit.into()).into()),
    ]);
    if let (Some(members), false) = (answer.as_object_mut(), reports.compat == Compat::V1_80) {
        members.insert("total_is_capped".to_owned(), (counted > COUNTED).into());
    }
    Ok(answer)
}

fn outcome(text: Option<&str>) -> Result<Option<Outcome>, Error> {
    match text {
        None | Some("") => Ok(None),
        Some("success") => Ok(Some(Outcome::Success)),
        Some("failure") => Ok(Some(Outcome::Failure)),
        Some(_) => Err(Error::new(Kind::InvalidParameter, "status_filter must be success or failure")),
    }
}

fn order(text: Option<&str>) -> Result<LogOrder, Error> {
    match text {
        None | Some("" | "startTime") => Ok(LogOrder::Started),
        Some("endTime") => Ok(LogOrder::Ended),
        Some("request_duration_ms") => Ok(LogOrder::Duration),
        Some("spend") => Ok(LogOrder::Cost),
        Some("total_tokens") => Ok(LogOrder::Tokens),
        Some("model") => Ok(LogOrder::Model),
        Some(_) => Err(Error::new(
            Kind::InvalidParameter,
            "sort_by must be startTime, endTime, request_duration_ms, spend, total_tokens or model",
        )),
    }
}
