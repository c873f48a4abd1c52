//! The roll-up of a day: what a report reads instead of every call.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::DAY_MS;
use super::call::Call;
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

/// Sums of some calls, by line.
#[derive(Debug, Default)]
pub struct Daily(BTreeMap<Line, [i64; 9]>);

impl Daily {
    /// Adds a call: once, and once for each of its tags.
    pub fn add(&mut self, call: &Call) {
        let is_failure = call.is_failure();
        let sums = [
            1,
            is_failure.into(),
            call.prompt_tokens,
            call.completion_tokens,
            call.total_tokens,
            call.rest.cache_read_tokens,
            call.rest.cache_write_tokens,
            call.cost,
            if is_failure { 0 } else { call.duration_ms().min(DAY_MS) },
        ];
        let mut tags: Vec<&str> = call.rest.tags.iter().map(String::as_str).collect();
        tags.push("");
        tags.sort_unstable();
        tags.dedup();
        for tag in tags {
            let line = self.0.entry(Line::of(call, tag)).or_default();
            line.iter_mut().zip(sums).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        }
    }

    /// Adds these sums to the database's, in the order of the lines.
    pub async fn write(self, connection: &mut AnyConnection, form: Form) -> Result<(), sqlx::Error> {
        let mut lines: Vec<(Line, [i64; 9])> = self.0.into_iter().collect();
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

impl Line {
    fn of(call: &Call, tag: &str) -> Self {
        let texts = [
            &call.api_key,
            &call.user_id,
            &call.team_id,
            &call.organization_id,
            &call.end_user,
            tag,
            &call.model_group,
            &call.model,
            &call.provider,
            &call.call_type,
        ];
        Self { day: call.started_at.div_euclid(DAY_MS), texts: texts.map(str::to_owned) }
    }
}
