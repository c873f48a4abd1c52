//! Sums of the roll-ups, by whatever a report groups them.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::store::database::Store;
use crate::store::failure::Failure;
use crate::store::statement::Statement;

/// Lines that are read at once at most.
pub const LONGEST_PAGE: u32 = 10_000;
/// A cost is summed in two parts, whole micro-dollars and the rest: the sum of pico-dollars may be more than 63 bits.
const MICRO: i128 = 1_000_000;

/// What sums are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Days since 1970, as a text.
    Day,
    /// The digest.
    Key,
    User,
    Team,
    Organization,
    Customer,
    /// A call counts under each of its tags, and not at all if it has none.
    Tag,
    ModelGroup,
    Model,
    Provider,
    CallType,
}

impl Dimension {
    fn column(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Key => "api_key",
            Self::User => "user_id",
            Self::Team => "team_id",
            Self::Organization => "organization_id",
            Self::Customer => "end_user",
            Self::Tag => "tag",
            Self::ModelGroup => "model_group",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::CallType => "call_type",
        }
    }
}

/// Which days and what of them.
#[derive(Clone, Debug, Default)]
pub struct UsageFilter<'a> {
    /// First day, in days since 1970.
    pub from_day: i64,
    /// Last day, inclusive.
    pub to_day: i64,
    /// Each of these must be one of its values; of an empty list it does not matter.
    pub only: Vec<(Dimension, &'a [String])>,
    /// Lines without a value for this are left out.
    pub given: Option<Dimension>,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageOrder {
    /// In the order of the dimensions, days backwards.
    #[default]
    Names,
    /// What did cost most.
    Cost,
}

/// A part of what is found.
#[derive(Clone, Copy, Debug)]
pub struct UsagePage {
    pub order: UsageOrder,
    pub offset: u64,
    /// At most [`LONGEST_PAGE`].
    pub limit: u32,
}

/// Sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub requests: i64,
    pub failed_requests: i64,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    pub total_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    /// Pico-dollars.
    pub cost: i128,
    /// Of the requests that did not fail.
    pub response_ms: i64,
}

impl Used {
    /// Adds other sums.
    pub fn add(&mut self, other: &Used) {
        for (sum, more) in [
            (&mut self.requests, other.requests),
            (&mut self.failed_requests, other.failed_requests),
            (&mut self.prompt_tokens, other.prompt_tokens),
            (&mut self.completion_tokens, other.completion_tokens),
            (&mut self.total_tokens, other.total_tokens),
            (&mut self.cache_read_tokens, other.cache_read_tokens),
            (&mut self.cache_write_tokens, other.cache_write_tokens),
            (&mut self.response_ms, other.response_ms),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.cost += other.cost;
    }

    /// For JSON that wants a number.
    #[expect(clippy::cast_precision_loss, reason = "exact below 9,007 dollars, and to 15 digits above")]
    pub fn dollars(&self) -> f64 {
        self.cost as f64 / 1e12
    }
}

/// Sums and what they are of: one text for each dimension that was asked for, in that order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    pub names: Vec<String>,
    pub used: Used,
}

impl Usage {
    /// The name in this place; empty if there are not so many.
    pub fn name(&self, at: usize) -> &str {
        self.names.get(at).map_or("", String::as_str)
    }

    /// The day, where [`Dimension::Day`] was asked for in this place.
    pub fn day(&self, at: usize) -> i64 {
        self.name(at).parse().unwrap_or_default()
    }
}

impl Store {
    /// Sums by these dimensions.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn usage(
        &self,
        by: &[Dimension],
        filter: &UsageFilter<'_>,
        page: UsagePage,
    ) -> Result<Vec<Usage>, Failure> {
        let mut query = Statement::new("SELECT ");
        for dimension in by {
            // A driver-independent text.
            query.push("CAST(").push(dimension.column()).push(" AS TEXT), ");
        }
        query.push(
            "CAST(SUM(requests) AS BIGINT), CAST(SUM(failed_requests) AS BIGINT), CAST(SUM(prompt_tokens) AS BIGINT), \
             CAST(SUM(completion_tokens) AS BIGINT), CAST(SUM(total_tokens) AS BIGINT), \
             CAST(SUM(cache_read_tokens) AS BIGINT), CAST(SUM(cache_write_tokens) AS BIGINT), \
             CAST(SUM(response_ms) AS BIGINT), CAST(SUM(cost / 1000000) AS BIGINT), \
             CAST(SUM(cost % 1000000) AS BIGINT) FROM spend_daily",
        );
        narrow(&mut query, by, filter);
        group(&mut query, by);
        query.push(" ORDER BY ");
        if page.order == UsageOrder::Cost {
            query.push("SUM(cost / 1000000) DESC");
        }
        for (index, dimension) in by.iter().enumerate() {
            query.push(if index > 0 || page.order == UsageOrder::Cost { ", " } else { "" }).push(dimension.column());
            query.push(if *dimension == Dimension::Day { " DESC" } else { "" });
        }
        if by.is_empty() && page.order == UsageOrder::Names {
            query.push("1");
        }
        query.push(" LIMIT ").bind(i64::from(page.limit.min(LONGEST_PAGE)));
        query.push(" OFFSET ").bind(page.offset.min(i64::MAX.unsigned_abs()).cast_signed());
        let rows = self.in_time(query.rows(&self.pool())).await?;
        rows.iter().map(|row| usage(row, by.len())).collect()
    }

    /// How many lines [`Store::usage`] has in all.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn count_usage(&self, by: &[Dimension], filter: &UsageFilter<'_>) -> Result<u64, Failure> {
        let mut query = Statement::new("SELECT COUNT(*) FROM (SELECT 1 FROM spend_daily");
        narrow(&mut query, by, filter);
        group(&mut query, by);
        query.push(") AS lines");
        let rows = self.in_time(query.rows(&self.pool())).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok(count.unsigned_abs())
    }

    /// One sum over everything that fits.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn used(&self, filter: &UsageFilter<'_>) -> Result<Used, Failure> {
        let page = UsagePage { order: UsageOrder::Names, offset: 0, limit: 1 };
        Ok(self.usage(&[], filter, page).await?.first().map(|usage| usage.used).unwrap_or_default())
    }
}

fn narrow(query: &mut Statement, by: &[Dimension], filter: &UsageFilter<'_>) {
    query.push(" WHERE day >= ").bind(filter.from_day).push(" AND day <= ").bind(filter.to_day);
    let is_by_tag = by.contains(&Dimension::Tag)
        || filter.given == Some(Dimension::Tag)
        || filter.only.iter().any(|(dimension, values)| *dimension == Dimension::Tag && !values.is_empty());
    query.push(if is_by_tag { " AND tag <> ''" } else { " AND tag = ''" });
    if let Some(given) = filter.given.filter(|given| *given != Dimension::Tag && *given != Dimension::Day) {
        query.push(" AND ").push(given.column()).push(" <> ''");
    }
    let only = filter.only.iter().filter(|(dimension, values)| *dimension != Dimension::Day && !values.is_empty());
    for (dimension, values) in only {
        let column = dimension.column();
        query.push(" AND ").push(column).push(" IN (").bind_list(values.to_vec()).push(")");
        if values.iter().all(|value| !value.is_empty()) {
            // So that the index of those that are somebody's can be used.
            query.push(" AND ").push(column).push(" <> ''");
        }
    }
}

fn group(query: &mut Statement, by: &[Dimension]) {
    for (index, dimension) in by.iter().enumerate() {
        query.push(if index == 0 { " GROUP BY " } else { ", " }).push(dimension.column());
    }
}

fn usage(row: &AnyRow, dimensions: usize) -> Result<Usage, Failure> {
    let names = (0..dimensions).map(|at| row.try_get(at)).collect::<Result<Vec<String>, _>>()?;
    // Of no line at all a sum is no number.
    let sum = |at: usize| row.try_get::<Option<i64>, _>(dimensions + at).map(Option::unwrap_or_default);
    let used = Used {
        requests: sum(0)?,
        failed_requests: sum(1)?,
        prompt_tokens: sum(2)?,
        completion_tokens: sum(3)?,
        total_tokens: sum(4)?,
        cache_read_tokens: sum(5)?,
        cache_write_tokens: sum(6)?,
        response_ms: sum(7)?,
        cost: i128::from(sum(8)?) * MICRO + i128::from(sum(9)?),
    };
    Ok(Usage { names, used })
}
