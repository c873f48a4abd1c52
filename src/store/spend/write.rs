//! A batch of calls into the database: all of it or nothing, and nothing twice.
//!
//! Two things keep a call from counting twice. The lane's position is compared and moved in the same transaction: a batch
//! whose commit was not heard of is not written again. And a call whose id is there already, because another lane has
//! told of it too, adds to nothing. Every statement's rows are sorted, and the tables come in one order, so that nodes
//! which write at once wait for each other one way only.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use foldhash::fast::RandomState;
use sqlx::{AnyConnection, Connection, Row as _};

use super::batch::Batch;
use super::daily::Daily;
use super::row::{Account, Common, Row};
use crate::limiter::terms::{TOKENS_A_DAY, in_tokens};
use crate::store::database::Store;
use crate::store::failure::Failure;
use crate::store::journal::Position;
use crate::store::statement::Statement;

/// The longest that one batch may take; then the store counts as away.
pub const BATCH_WAIT: Duration = Duration::from_secs(10);
/// Rows in one statement to PostgreSQL, where each is a round trip. Shorter ones have a power of two, so that a few
/// prepared statements serve for ever.
pub const POSTGRES_ROWS: usize = 64;
/// The same to SQLite, in this process.
pub const SQLITE_ROWS: usize = 64;

/// Pages that a batch touches in all indexes, and some more: 8 MiB in the connection that writes. With SQLite's own
/// 2 MiB each page is read again for each batch.
const SQLITE_CACHE: &str = "PRAGMA cache_size = -8192";

/// A row's own columns come with each row, what rows have in common once for all of a statement.
const LOGS: &str = " INTO spend_logs (call_id, request_id, session_id, doc, started_at, ended_at, status, prompt_tokens, \
     completion_tokens, total_tokens, cost, api_key, user_id, team_id, organization_id, end_user, model_group, model, \
     model_id, provider, call_type) SELECT own.column1, own.column2, own.column3, own.column4, own.column5, own.column6, \
     own.column7, own.column8, own.column9, own.column10, own.column11, common.column2, common.column3, common.column4, \
     common.column5, common.column6, common.column7, common.column8, common.column9, common.column10, common.column11 \
     FROM (VALUES ";
const COMMONS: &str = ") AS own CROSS JOIN (VALUES ";
const JOINED: &str = ") AS common WHERE common.column1 = own.column12";
/// The number of what no row has in common with another.
const NOBODYS: i64 = -1;
const INSERT_COUNTERS: &str = "INSERT INTO spend_counters (scope, id, budget, spent, resets_at) VALUES ";
/// A newer window begins anew, an older one is over. A counter without a window takes part in the one that begins.
const CHARGE_COUNTERS: &str = " ON CONFLICT (scope, id, budget) DO UPDATE SET spent = CASE \
     WHEN spend_counters.resets_at > 0 AND excluded.resets_at > spend_counters.resets_at THEN excluded.spent \
     WHEN excluded.resets_at > 0 AND excluded.resets_at < spend_counters.resets_at THEN spend_counters.spent \
     WHEN spend_counters.spent > 9223372036854775807 - excluded.spent THEN 9223372036854775807 \
     ELSE spend_counters.spent + excluded.spent END, resets_at = CASE \
     WHEN excluded.resets_at > spend_counters.resets_at THEN excluded.resets_at ELSE spend_counters.resets_at END";

/// What did not come to pass.
#[derive(Debug)]
pub enum Refused {
    /// The lane's position is another: this batch, or a part of it, is in the database already.
    Moved,
    /// The store is away.
    Failed(Failure),
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// How many of `left` rows the next statement takes.
pub fn chunk_of(left: usize, most: usize) -> usize {
    if left >= most { most } else { 1 << left.max(1).ilog2() }
}

impl Store {
    /// How far a lane was taken over. One that is not known yet begins at `known`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn lane_position(&self, lane: &str, known: Position, now: i64) -> Result<Position, Failure> {
        let mut query = Statement::new("INSERT INTO spend_lanes (lane, segment, at_byte, used_at) VALUES (");
        query.bind(lane.to_owned()).push(", ").bind_list([stored(known.segment), stored(known.offset), now]);
        query.push(") ON CONFLICT (lane) DO UPDATE SET used_at = excluded.used_at RETURNING segment, at_byte");
        let rows = self.in_time(query.rows(&self.pool())).await?;
        let row = rows.first().ok_or_else(|| Failure::Corrupt("a lane that is not there".to_owned()))?;
        let (segment, offset): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Position { segment: segment.cast_unsigned(), offset: offset.cast_unsigned() })
    }

    /// Takes over a batch that begins at `from`. Returns how many calls were new.
    ///
    /// # Errors
    /// [`Refused`]; nothing was written, unless the answer to the commit was lost.
    pub(super) async fn take_over(
        &self,
        lane: &str,
        from: Position,
        batch: Batch,
        keeps_logs: bool,
        now: i64,
    ) -> Result<u64, Refused> {
        let mut connection = self.in_time(self.pool().acquire()).await.map_err(Refused::Failed)?;
        let form = if self.is_shared() { Form::Postgres } else { Form::Sqlite };
        if form == Form::Sqlite {
            self.in_time(sqlx::query(SQLITE_CACHE).execute(&mut *connection)).await.map_err(Refused::Failed)?;
        }
        let work = async {
            let ways = Ways { form, keeps_logs, tells_new: false, now };
            match write(&mut connection, lane, from, &batch, ways).await? {
                Some(count) => Ok(count),
                // Some were there: which ones has to be told.
                None => {
                    let told = write(&mut connection, lane, from, &batch, Ways { tells_new: true, ..ways }).await?;
                    Ok(told.unwrap_or_default())
                }
            }
        };
        match tokio::time::timeout(BATCH_WAIT, work).await {
            Ok(done) => done,
            Err(_) => {
                // It may hang for ever, and would then be one less in the pool.
                connection.close_on_drop();
                Err(Refused::Failed(Failure::Unavailable("no answer in time".to_owned())))
            }
        }
    }
}

/// In whose words statements of many rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Postgres,
    Sqlite,
}

impl Form {
    /// Rows in one statement.
    pub fn most(self) -> usize {
        match self {
            Self::Postgres => POSTGRES_ROWS,
            Self::Sqlite => SQLITE_ROWS,
        }
    }

    /// How an insertion of many rows begins. A batch is all or nothing, so SQLite need not note how to take back one
    /// statement alone.
    fn insert(self) -> &'static str {
        match self {
            Self::Postgres => "INSERT",
            Self::Sqlite => "INSERT OR FAIL",
        }
    }

    pub(super) fn statement(self, text: &'static str) -> Statement {
        match self {
            Self::Postgres => Statement::new(text),
            Self::Sqlite => Statement::of_sqlite(text),
        }
    }
}

/// How a batch is written.
#[derive(Clone, Copy)]
struct Ways {
    form: Form,
    keeps_logs: bool,
    /// The database tells which rows are new, which costs it something.
    tells_new: bool,
    now: i64,
}

/// Writes a batch, and says how many calls were new. `None`: some rows were there already, and nothing was written because
/// the database does not tell which.
async fn write(
    connection: &mut AnyConnection,
    lane: &str,
    from: Position,
    batch: &Batch,
    ways: Ways,
) -> Result<Option<u64>, Refused> {
    let mut transaction = connection.begin().await?;
    if !advance(&mut transaction, lane, from, batch.to, ways.now).await? {
        return Err(Refused::Moved);
    }
    let new = match (ways.keeps_logs, ways.tells_new) {
        (false, _) => None,
        (true, true) => Some(insert_telling(&mut transaction, batch, ways.form).await?),
        (true, false) if insert(&mut transaction, batch, ways.form).await? => None,
        (true, false) => return Ok(None),
    };
    let (mut daily, mut charges) = (Daily::new(&batch.commons), Charges::default());
    let mut count = 0;
    for row in batch.rows.iter().filter(|row| new.as_ref().is_none_or(|new| new.contains(&row.call_id))) {
        count += 1;
        daily.add(row);
        charges.add(row, &batch.accounts);
    }
    daily.write(&mut transaction, ways.form).await?;
    charges.write(&batch.accounts, &mut transaction, ways.form).await?;
    transaction.commit().await?;
    Ok(Some(count))
}

/// First, because it makes SQLite a writer at once.
async fn advance(
    connection: &mut AnyConnection,
    lane: &str,
    from: Position,
    to: Position,
    now: i64,
) -> Result<bool, sqlx::Error> {
    let mut query = Statement::new("UPDATE spend_lanes SET segment = ");
    query.bind(stored(to.segment)).push(", at_byte = ").bind(stored(to.offset)).push(", used_at = ").bind(now);
    query.push(" WHERE lane = ").bind(lane.to_owned());
    query.push(" AND segment = ").bind(stored(from.segment)).push(" AND at_byte = ").bind(stored(from.offset));
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Inserts all of them. `false`: some were there.
async fn insert(connection: &mut AnyConnection, batch: &Batch, form: Form) -> Result<bool, sqlx::Error> {
    for query in insertions(batch, form) {
        let (rows, mut query) = query;
        query.push(" ON CONFLICT (call_id) DO NOTHING");
        if query.execute(&mut *connection).await?.rows_affected() != rows {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Inserts those that are not there yet. Returns their ids: also while another node inserts the same, a row is new to
/// one of them only, because the other waits at the row until the first has committed.
async fn insert_telling(
    connection: &mut AnyConnection,
    batch: &Batch,
    form: Form,
) -> Result<HashSet<String>, sqlx::Error> {
    let mut new = HashSet::with_capacity(batch.rows.len());
    for (_, mut query) in insertions(batch, form) {
        query.push(" ON CONFLICT (call_id) DO NOTHING RETURNING call_id");
        for row in query.rows(&mut *connection).await? {
            new.insert(row.try_get(0)?);
        }
    }
    Ok(new)
}

/// Statements for all of them, each with the number of its rows.
fn insertions(batch: &Batch, form: Form) -> impl Iterator<Item = (u64, Statement)> {
    let mut rows = batch.rows.as_slice();
    std::iter::from_fn(move || {
        let (chunk, rest) = rows.split_at(chunk_of(rows.len(), form.most()).min(rows.len()));
        rows = rest;
        (!chunk.is_empty()).then(|| (chunk.len() as u64, insertion(chunk, &batch.commons, form)))
    })
}

fn insertion(rows: &[Row], commons: &[Common], form: Form) -> Statement {
    let mut query = form.statement(form.insert());
    query.push(LOGS);
    let mut places: HashMap<usize, i64, RandomState> = HashMap::default();
    let mut used: Vec<&Common> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let place = *places.entry(row.common).or_insert_with(|| {
            used.extend(commons.get(row.common));
            used.len() as i64
        });
        query.push(if index == 0 { "(" } else { ", (" });
        query.bind_list(own_texts(row)).push(", ").bind_list(own_numbers(row, place)).push(")");
    }
    query.push(COMMONS);
    // As many as a power of two, so that there are few different statements.
    let nobody = Common::default();
    for index in 0..used.len().next_power_of_two() {
        let place = if index < used.len() { index as i64 + 1 } else { NOBODYS };
        query.push(if index == 0 { "(" } else { ", (" }).bind(place).push(", ");
        query.bind_list(common_texts(used.get(index).copied().unwrap_or(&nobody))).push(")");
    }
    query.push(JOINED);
    if form == Form::Postgres {
        // SQLite goes through the rows as they come; here the planner decides.
        query.push(" ORDER BY own.column1");
    }
    query
}

fn own_texts(row: &Row) -> [String; 4] {
    [&row.call_id, &row.request_id, &row.session_id, &row.doc].map(Clone::clone)
}

fn own_numbers(row: &Row, place: i64) -> [i64; 8] {
    [
        row.started_at,
        row.ended_at,
        row.status,
        row.prompt_tokens,
        row.completion_tokens,
        row.total_tokens,
        row.cost,
        place,
    ]
}

fn common_texts(common: &Common) -> [String; 10] {
    let texts = [
        &common.api_key,
        &common.user_id,
        &common.team_id,
        &common.organization_id,
        &common.end_user,
        &common.model_group,
        &common.model,
        &common.model_id,
        &common.provider,
        &common.call_type,
    ];
    texts.map(Clone::clone)
}

/// What some calls add to counters: of each account, by its number, the newest window and its end.
#[derive(Debug, Default)]
struct Charges(HashMap<usize, (i64, i64), RandomState>);

impl Charges {
    /// Adds what a call costs, or its tokens where tokens are counted.
    fn add(&mut self, row: &Row, accounts: &[Account]) {
        for (account, ends) in &row.charges {
            let is_of_tokens = accounts.get(*account).is_some_and(|account| account.budget == TOKENS_A_DAY);
            let amount = if is_of_tokens { in_tokens(row.total_tokens.unsigned_abs()) } else { row.cost };
            let (spent, resets_at) = self.0.entry(*account).or_default();
            if *resets_at > 0 && ends > resets_at {
                *spent = 0;
            }
            if *ends == 0 || ends >= resets_at {
                *spent = spent.saturating_add(amount);
                *resets_at = *ends.max(resets_at);
            }
        }
    }

    /// Adds these to the database's, in the order of the accounts.
    async fn write(self, accounts: &[Account], connection: &mut AnyConnection, form: Form) -> Result<(), sqlx::Error> {
        let known = self.0.into_iter().filter_map(|(number, sums)| Some((accounts.get(number)?, sums)));
        let mut lines: Vec<_> = known.collect();
        lines.sort_unstable();
        while !lines.is_empty() {
            let rest = lines.split_off(chunk_of(lines.len(), form.most()));
            let mut query = form.statement(INSERT_COUNTERS);
            for (index, line) in std::mem::replace(&mut lines, rest).into_iter().enumerate() {
                let (Account { scope, id, budget }, (spent, resets_at)) = line;
                let texts = [scope, id, budget].map(Clone::clone);
                query.push(if index == 0 { "(" } else { ", (" }).bind_list(texts).push(", ");
                query.bind_list([spent, resets_at]).push(")");
            }
            query.push(CHARGE_COUNTERS);
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

fn stored(value: u64) -> i64 {
    value.cast_signed()
}
