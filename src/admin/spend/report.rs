//! `/global/spend/report`: by team or customer a day, or by key.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::names::{alias, known};
use super::{Reports, dates, digest, object};
use crate::error::{Error, Kind};
use crate::store;
use crate::store::spend::query::{Dimension, UsageFilter, UsageOrder, Used};

/// LiteLLM's word for calls of no team, here.
const NO_TEAM: &str = "Unassigned Team";

/// What it is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReportQuery {
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    /// `team`, `customer` or `api_key`.
    pub group_by: Option<String>,
    /// Each of these asks for the form by key.
    pub api_key: Option<String>,
    pub internal_user_id: Option<String>,
    pub team_id: Option<String>,
    pub customer_id: Option<String>,
}

/// `GET /global/spend/report`.
///
/// # Errors
/// No dates, another `group_by`, or the store is away.
pub async fn report(reports: &Reports<'_>, query: &ReportQuery) -> Result<Value, Error> {
    let (from_day, to_day) = dates::days(query.start_date.as_deref(), query.end_date.as_deref())?;
    let keys = Vec::from_iter(query.api_key.as_deref().map(digest));
    let users = Vec::from_iter(query.internal_user_id.clone());
    let teams = Vec::from_iter(query.team_id.clone());
    let customers = Vec::from_iter(query.customer_id.clone());
    let only = vec![
        (Dimension::Key, &*keys),
        (Dimension::User, &*users),
        (Dimension::Team, &*teams),
        (Dimension::Customer, &*customers),
    ];
    let filter = UsageFilter { from_day, to_day, only, given: None };
    if !keys.is_empty() || !users.is_empty() {
        return by_key(reports, &filter).await;
    }
    match query.group_by.as_deref().unwrap_or("team") {
        "team" => by_day(reports, &filter, &TEAMS).await,
        "customer" => by_day(reports, &filter, &CUSTOMERS).await,
        "api_key" => by_key(reports, &filter).await,
        _ => {
            let message = "group_by must be team, customer or api_key";
            Err(Error::new(Kind::InvalidParameter, message).param("group_by"))
        }
    }
}

/// How a report by day calls things.
struct Form {
    by: Dimension,
    list: &'static str,
    name: &'static str,
}

const TEAMS: Form = Form { by: Dimension::Team, list: "teams", name: "team_name" };
const CUSTOMERS: Form = Form { by: Dimension::Customer, list: "customers", name: "customer" };

async fn by_day(reports: &Reports<'_>, filter: &UsageFilter<'_>, form: &Form) -> Result<Value, Error> {
    let by = [Dimension::Day, form.by, Dimension::Model, Dimension::Key];
    let lines = reports.usage(&by, filter, UsageOrder::Names).await?;
    let known = match form.by {
        Dimension::Team => known(reports.store, store::Kind::Team, lines.iter().map(|line| line.name(1))).await?,
        _ => super::names::Known::new(),
    };
    let mut days: BTreeMap<i64, BTreeMap<&str, (Used, Vec<Value>)>> = BTreeMap::new();
    for line in &lines {
        let id = line.name(1);
        let name = match form.by {
            Dimension::Team if id.is_empty() => NO_TEAM,
            _ => alias(&known, id).unwrap_or(id),
        };
        let (used, metadata) = days.entry(line.day(0)).or_default().entry(name).or_default();
        used.add(&line.used);
        metadata.push(object([
            ("model", line.name(2).into()),
            ("spend", line.used.dollars().into()),
            ("api_key", line.name(3).into()),
            ("total_tokens", line.used.total_tokens.into()),
        ]));
    }
    let told = days.into_iter().map(|(day, names)| {
        let names = names.into_iter().map(
            |(name, (used, metadata))| json!({form.name: name, "total_spend": used.dollars(), "metadata": metadata}),
        );
        let group_by_day = format!("{}T00:00:00+00:00", dates::date(day));
        object([("group_by_day", group_by_day.into()), (form.list, names.collect())])
    });
    Ok(told.collect())
}

async fn by_key(reports: &Reports<'_>, filter: &UsageFilter<'_>) -> Result<Value, Error> {
    let lines = reports.usage(&[Dimension::Key, Dimension::Model], filter, UsageOrder::Names).await?;
    let mut keys: BTreeMap<&str, (Used, Vec<Value>)> = BTreeMap::new();
    for line in &lines {
        let (used, models) = keys.entry(line.name(0)).or_default();
        used.add(&line.used);
        models.push(object([
            ("model", line.name(1).into()),
            ("total_cost", line.used.dollars().into()),
            ("total_input_tokens", line.used.prompt_tokens.into()),
            ("total_output_tokens", line.used.completion_tokens.into()),
        ]));
    }
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_by_key(|(_, (used, _))| -used.cost);
    let told = keys.into_iter().map(|(key, (used, models))| {
        object([
            ("api_key", key.into()),
            ("total_cost", used.dollars().into()),
            ("total_input_tokens", used.prompt_tokens.into()),
            ("total_output_tokens", used.completion_tokens.into()),
            ("model_details", models.into()),
        ])
    });
    Ok(told.collect())
}
