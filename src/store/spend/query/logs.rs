//! Single calls.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::store::database::Store;
use crate::store::failure::Failure;
use crate::store::spend::DAY_MS;
use crate::store::spend::call::{Call, FIRST_FAILURE, client_gone};
use crate::store::statement::Statement;

/// Rows that are read at once at most, whatever a page asks for.
pub const LONGEST_PAGE: u32 = 1_000;
/// Rows that are counted at most: LiteLLM's limit.
pub const COUNTED: u64 = 10_000;

const COLUMNS: &str = "SELECT call_id, request_id, api_key, user_id, team_id, organization_id, end_user, session_id, \
     model_group, model, model_id, provider, call_type, doc, started_at, ended_at, status, prompt_tokens, \
     completion_tokens, total_tokens, cost FROM spend_logs";

/// How calls ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure,
}

/// Which calls are wanted. What is `None` does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogFilter<'a> {
    /// The gateway's id of the call, or the answer's id.
    pub request_id: Option<&'a str>,
    /// The digest.
    pub api_key: Option<&'a str>,
    pub user_id: Option<&'a str>,
    pub team_id: Option<&'a str>,
    pub end_user: Option<&'a str>,
    pub session_id: Option<&'a str>,
    /// The upstream's model.
    pub model: Option<&'a str>,
    pub model_group: Option<&'a str>,
    pub model_id: Option<&'a str>,
    pub outcome: Option<Outcome>,
    /// HTTP's.
    pub status: Option<i64>,
    /// Began at this time or later, milliseconds since 1970.
    pub from: Option<i64>,
    /// Began before this time.
    pub until: Option<i64>,
    /// Pico-dollars, at least.
    pub least_cost: Option<i64>,
    /// Pico-dollars, at most.
    pub most_cost: Option<i64>,
    /// Began before this call, or with it and has a smaller id: what follows it where the newest come first.
    pub before: Option<(i64, &'a str)>,
}

/// What comes first; equal ones in the order of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogOrder {
    #[default]
    Started,
    Ended,
    Duration,
    Cost,
    Tokens,
    Model,
}

/// A part of what is found.
#[derive(Clone, Copy, Debug)]
pub struct LogPage {
    pub order: LogOrder,
    pub ascending: bool,
    pub offset: u64,
    /// At most [`LONGEST_PAGE`].
    pub limit: u32,
}

impl Store {
    /// Calls that fit.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn spend_logs(&self, filter: &LogFilter<'_>, page: LogPage) -> Result<Vec<Call>, Failure> {
        let mut query = Statement::new(COLUMNS);
        narrow(&mut query, filter);
        query.push(match page.order {
            LogOrder::Started => " ORDER BY started_at",
            LogOrder::Ended => " ORDER BY ended_at",
            LogOrder::Duration => " ORDER BY ended_at - started_at",
            LogOrder::Cost => " ORDER BY cost",
            LogOrder::Tokens => " ORDER BY total_tokens",
            LogOrder::Model => " ORDER BY model",
        });
        query.push(if page.ascending { ", call_id" } else { " DESC, call_id DESC" });
        query.push(" LIMIT ").bind(i64::from(page.limit.min(LONGEST_PAGE)));
        query.push(" OFFSET ").bind(page.offset.min(i64::MAX.unsigned_abs()).cast_signed());
        self.in_time(query.rows(&self.pool())).await?.iter().map(call).collect()
    }

    /// How many calls fit; more than [`COUNTED`] are not counted: then it is one more.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn count_spend_logs(&self, filter: &LogFilter<'_>) -> Result<u64, Failure> {
        let mut query = Statement::new("SELECT COUNT(*) FROM (SELECT 1 FROM spend_logs");
        narrow(&mut query, filter);
        query.push(" LIMIT ").bind((COUNTED + 1).cast_signed()).push(") AS found");
        let rows = self.in_time(query.rows(&self.pool())).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok(count.unsigned_abs())
    }

    /// How many calls fit on each day (since 1970) and at each upstream's address, in this order.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn spend_logs_by_day(&self, filter: &LogFilter<'_>) -> Result<Vec<(i64, String, i64)>, Failure> {
        let mut query = Statement::new("SELECT started_at / ");
        query.bind(DAY_MS).push(" AS day, model_id, COUNT(*) FROM spend_logs");
        narrow(&mut query, filter);
        query.push(" GROUP BY 1, 2 ORDER BY 1, 2");
        let rows = self.in_time(query.rows(&self.pool())).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }
}

fn narrow(query: &mut Statement, filter: &LogFilter<'_>) {
    query.push(" WHERE started_at >= ").bind(filter.from.unwrap_or(0));
    if let Some(until) = filter.until {
        query.push(" AND started_at < ").bind(until);
    }
    if let Some((started_at, call_id)) = filter.before {
        // The first comparison is why a database can use the index of times.
        query.push(" AND started_at <= ").bind(started_at).push(" AND (started_at < ").bind(started_at);
        query.push(" OR call_id < ").bind(call_id.to_owned()).push(")");
    }
    if let Some(id) = filter.request_id {
        query.push(" AND (call_id = ").bind(id.to_owned());
        query.push(" OR (request_id = ").bind(id.to_owned()).push(" AND request_id <> ''))");
    }
    // The second text is why a database can use the index of those that are somebody's.
    for (column, not_empty, value) in [
        (" AND api_key = ", "", filter.api_key),
        (" AND user_id = ", " AND user_id <> ''", filter.user_id),
        (" AND team_id = ", " AND team_id <> ''", filter.team_id),
        (" AND end_user = ", " AND end_user <> ''", filter.end_user),
        (" AND session_id = ", " AND session_id <> ''", filter.session_id),
        (" AND model = ", "", filter.model),
        (" AND model_group = ", "", filter.model_group),
        (" AND model_id = ", "", filter.model_id),
    ] {
        if let Some(value) = value {
            query.push(column).bind(value.to_owned()).push(if value.is_empty() { "" } else { not_empty });
        }
    }
    for (column, value) in
        [(" AND status = ", filter.status), (" AND cost >= ", filter.least_cost), (" AND cost <= ", filter.most_cost)]
    {
        if let Some(value) = value {
            query.push(column).bind(value);
        }
    }
    if filter.outcome == Some(Outcome::Failure) || filter.status.is_some_and(|status| status >= FIRST_FAILURE) {
        // A literal, so that a database can use the index of those that failed.
        query.push(" AND status >= 400");
    }
    match filter.outcome {
        None => {}
        Some(Outcome::Success) => {
            query.push(" AND (status < ").bind(FIRST_FAILURE).push(" OR status = ").bind(client_gone()).push(")");
        }
        Some(Outcome::Failure) => {
            query.push(" AND status <> ").bind(client_gone());
        }
    }
}

fn call(row: &AnyRow) -> Result<Call, Failure> {
    let call_id: String = row.try_get("call_id")?;
    let doc: String = row.try_get("doc")?;
    Ok(Call {
        rest: serde_json::from_str(&doc).map_err(|error| Failure::Corrupt(format!("call {call_id}: {error}")))?,
        call_id,
        request_id: row.try_get("request_id")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        api_key: row.try_get("api_key")?,
        user_id: row.try_get("user_id")?,
        team_id: row.try_get("team_id")?,
        organization_id: row.try_get("organization_id")?,
        end_user: row.try_get("end_user")?,
        session_id: row.try_get("session_id")?,
        model_group: row.try_get("model_group")?,
        model: row.try_get("model")?,
        model_id: row.try_get("model_id")?,
        provider: row.try_get("provider")?,
        call_type: row.try_get("call_type")?,
        status: row.try_get("status")?,
        prompt_tokens: row.try_get("prompt_tokens")?,
        completion_tokens: row.try_get("completion_tokens")?,
        total_tokens: row.try_get("total_tokens")?,
        cost: row.try_get("cost")?,
    })
}
