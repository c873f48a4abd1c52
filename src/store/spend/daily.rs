//! The roll-up of a day: what a report reads instead of every call.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use sqlx::AnyConnection;

use super::DAY_MS;
use super::row::{Common, Row};
use super::write::{Form, chunk_of};

/// What lines are told apart by, in the order of the table's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    day: i64,
    texts: [String; 10],
}

/// Columns, in the order in which they are bound.
const INSERT: &str = "INSERT INTO spend_daily (day, api_key, user_id, team_id, organization_id, end_user, tag, model_group, \
     model, provider, call_type, requests, failed_requests, prompt_tokens, completion_tokens, total_tokens, \
     cache_read_tokens, cache_write_tokens, cost, response_ms) VALUES ";
const ADD: &str = " ON CONFLICT (day, api_key, user_id, team_id, organization_id, end_user, tag, model_group, model, \
     provider, call_type) DO UPDATE SET \
     requests = spend_daily.requests + excluded.requests, \
     failed_requests = spend_daily.failed_requests + excluded.failed_requests, \
     prompt_tokens = spend_daily.prompt_tokens + excluded.prompt_tokens, \
     completion_tokens = spend_daily.completion_tokens + excluded.completion_tokens, \
     total_tokens = spend_daily.total_tokens + excluded.total_tokens, \
     cache_read_tokens = spend_daily.cache_read_tokens + excluded.cache_read_tokens, \
     cache_write_tokens = spend_daily.cache_write_tokens + excluded.cache_write_tokens, \
     cost = CASE WHEN spend_daily.cost > 9223372036854775807 - excluded.cost THEN 9223372036854775807 \
     ELSE spend_daily.cost + excluded.cost END, \
     response_ms = spend_daily.response_ms + excluded.response_ms";

/// What is summed up, in the order of the columns.
type Sums = [i64; 9];

/// Sums of some calls, by line.
#[derive(Debug)]
pub struct Daily<'a> {
    commons: &'a [Common],
    /// By the number of what calls have in common, and the day.
    whole: HashMap<(usize, i64), Sums, RandomState>,
    tagged: BTreeMap<Line, Sums>,
}

impl<'a> Daily<'a> {
    /// None yet, of calls that have these in common.
    pub fn new(commons: &'a [Common]) -> Self {
        Self { commons, whole: HashMap::default(), tagged: BTreeMap::new() }
    }

    /// Adds a call: once, and once for each of its tags.
    pub fn add(&mut self, row: &Row) {
        let is_failure = row.is_failure();
        let sums = [
            1,
            is_failure.into(),
            row.prompt_tokens,
            row.completion_tokens,
            row.total_tokens,
            row.cache_read_tokens,
            row.cache_write_tokens,
            row.cost,
            if is_failure { 0 } else { row.duration_ms().min(DAY_MS) },
        ];
        add(self.whole.entry((row.common, row.day())).or_default(), &sums);
        let mut tags: Vec<&str> = row.tags.iter().map(String::as_str).filter(|tag| !tag.is_empty()).collect();
        tags.sort_unstable();
        tags.dedup();
        let Some(common) = self.commons.get(row.common) else { return };
        for tag in tags {
            add(self.tagged.entry(Line::of(common, row.day(), tag)).or_default(), &sums);
        }
    }

    /// Adds these sums to the database's, in the order of the lines.
    pub async fn write(self, connection: &mut AnyConnection, form: Form) -> Result<(), sqlx::Error> {
        let mut lines = self.tagged;
        for ((number, day), sums) in self.whole {
            if let Some(common) = self.commons.get(number) {
                add(lines.entry(Line::of(common, day, "")).or_default(), &sums);
            }
        }
        let mut lines: Vec<(Line, Sums)> = lines.into_iter().collect();
        while !lines.is_empty() {
            let rest = lines.split_off(chunk_of(lines.len(), form.most()));
            let mut query = form.statement(INSERT);
            for (index, (line, sums)) in std::mem::replace(&mut lines, rest).into_iter().enumerate() {
                query.push(if index == 0 { "(" } else { ", (" }).bind(line.day).push(", ");
                query.bind_list(line.texts).push(", ").bind_list(sums).push(")");
            }
            query.push(ADD);
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

fn add(line: &mut Sums, sums: &Sums) {
    line.iter_mut().zip(sums).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
}

impl Line {
    fn of(common: &Common, day: i64, tag: &str) -> Self {
        let texts = [
            &common.api_key,
            &common.user_id,
            &common.team_id,
            &common.organization_id,
            &common.end_user,
            tag,
            &common.model_group,
            &common.model,
            &common.provider,
            &common.call_type,
        ];
        Self { day, texts: texts.map(str::to_owned) }
    }
}
