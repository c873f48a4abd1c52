//! What was spent, in LiteLLM's shapes: from the typed answers of the store to JSON.
//!
//! - [`logs`] answers `/spend/logs`, `/spend/logs/v2` and `/spend/logs/ui`; [`row`] is one call.
//! - [`daily`] answers `/user/daily/activity` and its like for teams, organizations, customers and tags.
//! - [`activity`] answers `/global/activity` and below.
//! - [`global`] answers `/global/spend` and below, but [`report`] answers `/global/spend/report`.
//! - [`tags`] answers `/spend/tags`.
//! - [`estimate`] answers `/cost/estimate`.
//!
//! [`answers`] are the routes: they read the request, and say by a [`Sight`] whose calls the report may tell of.
//! [`dates`] reads and writes dates, [`names`] knows what people call a key or a team.

pub mod activity;
pub mod answers;
pub mod daily;
pub mod dates;
pub mod estimate;
pub mod global;
pub mod logs;
mod names;
pub mod report;
pub mod row;
pub mod sight;
pub mod tags;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::sight::Sight;
use crate::error::{Compat, Error, Kind};
use crate::store::spend::Call;
use crate::store::spend::query::{Dimension, LogFilter, LogPage, Usage, UsageFilter, UsageOrder, UsagePage, Used};
use crate::store::{Failure, View};

/// Lines of roll-ups that one answer is made of at most.
const MOST_LINES: usize = 100_000;
/// Lines that are read at once.
const LINES_AT_ONCE: u32 = 10_000;

/// What every answer needs beside the question.
#[derive(Clone, Copy, Debug)]
pub struct Reports<'a> {
    pub store: &'a View,
    /// Which release's members are told.
    pub compat: Compat,
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// Whose calls are told of.
    pub sight: &'a Sight,
}

impl Reports<'_> {
    /// Today, in days since 1970.
    fn today(&self) -> i64 {
        dates::day_of(self.now_ms)
    }

    /// All lines of these sums.
    async fn usage(&self, by: &[Dimension], filter: &UsageFilter<'_>, order: UsageOrder) -> Result<Vec<Usage>, Error> {
        let mut found = Vec::new();
        loop {
            let page = UsagePage { order, offset: found.len() as u64, limit: LINES_AT_ONCE };
            let more = self.usage_page(by, filter, page).await?;
            let is_last = more.len() < LINES_AT_ONCE as usize;
            found.extend(more);
            if is_last {
                return Ok(found);
            }
            if found.len() >= MOST_LINES {
                tracing::warn!(lines = found.len(), "a report is cut: ask for fewer days");
                return Ok(found);
            }
        }
    }

    /// Some lines of these sums.
    async fn usage_page(
        &self,
        by: &[Dimension],
        filter: &UsageFilter<'_>,
        page: UsagePage,
    ) -> Result<Vec<Usage>, Error> {
        self.store.usage(by, &self.sight.of_usage(filter), page).await.map_err(refused)
    }

    /// How many lines they have.
    async fn count_usage(&self, by: &[Dimension], filter: &UsageFilter<'_>) -> Result<u64, Error> {
        self.store.count_usage(by, &self.sight.of_usage(filter)).await.map_err(refused)
    }

    /// One sum.
    async fn used(&self, filter: &UsageFilter<'_>) -> Result<Used, Error> {
        self.store.used(&self.sight.of_usage(filter)).await.map_err(refused)
    }

    /// Single calls.
    async fn calls(&self, filter: &LogFilter<'_>, page: LogPage) -> Result<Vec<Call>, Error> {
        let Some(filter) = self.sight.of_calls(filter) else { return Ok(Vec::new()) };
        self.store.spend_logs(&filter, page).await.map_err(refused)
    }

    /// How many calls there are.
    async fn count_calls(&self, filter: &LogFilter<'_>) -> Result<u64, Error> {
        let Some(filter) = self.sight.of_calls(filter) else { return Ok(0) };
        self.store.count_spend_logs(&filter).await.map_err(refused)
    }

    /// How many calls there are, by day and deployment.
    async fn calls_by_day(&self, filter: &LogFilter<'_>) -> Result<Vec<(i64, String, i64)>, Error> {
        let Some(filter) = self.sight.of_calls(filter) else { return Ok(Vec::new()) };
        self.store.spend_logs_by_day(&filter).await.map_err(refused)
    }
}

/// What the client is told when the store does not answer.
pub fn refused(failure: Failure) -> Error {
    match failure {
        Failure::Corrupt(why) => Error::new(Kind::Internal, "the database holds what is not understood").detail(why),
        failure @ Failure::Refused(_) => failure.into(),
        failure => Error::new(Kind::Overloaded, "the database is not available").detail(failure.to_string()),
    }
}

/// A list as a query has it: with commas.
fn listed(text: Option<&str>) -> Vec<String> {
    let words = text.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A digest; of a key in plain text its own.
fn digest(key: &str) -> String {
    if key.starts_with("sk-") { crate::auth::KeyDigest::of(key).to_string() } else { key.to_owned() }
}

/// Pico-dollars as a number of dollars.
fn dollars(pico: i64) -> f64 {
    crate::pricing::Money::from_pico(pico).dollars()
}

/// Members, in this order.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}
