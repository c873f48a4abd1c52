//! `/user/daily/activity` and its like: a day's sums, broken down by model, provider, key and whose it was.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::names::{Known, alias, known};
use super::{LINES_AT_ONCE, Reports, dates, digest, listed, object};
use crate::auth::MASTER_USER;
use crate::error::{Compat, Error};
use crate::store;
use crate::store::spend::call::MASTER_KEY;
use crate::store::spend::query::{Dimension, Usage, UsageFilter, UsageOrder, UsagePage, Used};

/// Lines of a page unless `page_size` says otherwise, and at most.
pub const PAGE_SIZE: u32 = 1_000;

/// Whose activity it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    User,
    Team,
    Organization,
    Customer,
    Tag,
}

/// What it is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DailyQuery {
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    pub user_id: Option<String>,
    /// These lists are with commas.
    pub team_ids: Option<String>,
    pub organization_ids: Option<String>,
    pub end_user_ids: Option<String>,
    pub tags: Option<String>,
    /// The upstream's model.
    pub model: Option<String>,
    pub api_key: Option<String>,
    /// From 1.
    pub page: Option<u32>,
    pub page_size: Option<u32>,
}

const BY: [Dimension; 6] =
    [Dimension::Day, Dimension::Key, Dimension::ModelGroup, Dimension::Model, Dimension::Provider, Dimension::CallType];
/// Where each stands in a line's names, with whose it is behind them.
const KEY: usize = 1;
const ENTITY: usize = BY.len();
const BREAKDOWNS: [(&str, usize); 5] =
    [("models", 3), ("model_groups", 2), ("providers", 4), ("endpoints", 5), ("entities", ENTITY)];

/// `GET /{user,team,organization,customer,tag}/daily/activity`.
///
/// # Errors
/// No dates, or the store is away.
pub async fn activity(reports: &Reports<'_>, entity: Entity, query: &DailyQuery) -> Result<Value, Error> {
    let lists = Lists::of(query);
    let filter = lists.filter(entity, query)?;
    let by = by(entity);
    let number = query.page.unwrap_or(1).max(1);
    let limit = query.page_size.unwrap_or(PAGE_SIZE).clamp(1, PAGE_SIZE);
    let offset = u64::from(number - 1) * u64::from(limit);
    let page = UsagePage { order: UsageOrder::Names, offset, limit };
    let all = reports.count_usage(&by, &filter).await?;
    let lines = reports.usage_page(&by, &filter, page).await?;
    told(reports, entity, &lines, u64::from(number), all.div_ceil(limit.into()).max(1)).await
}

/// `GET /{user,team,…}/daily/activity/aggregated`: all of it at once.
///
/// # Errors
/// No dates, or the store is away.
pub async fn aggregated(reports: &Reports<'_>, entity: Entity, query: &DailyQuery) -> Result<Value, Error> {
    const { assert!(LINES_AT_ONCE > PAGE_SIZE) };
    let lists = Lists::of(query);
    let filter = lists.filter(entity, query)?;
    let lines = reports.usage(&by(entity), &filter, UsageOrder::Names).await?;
    told(reports, entity, &lines, 1, 1).await
}

fn by(entity: Entity) -> Vec<Dimension> {
    BY.into_iter().chain([entity.dimension()]).collect()
}

impl Entity {
    fn dimension(self) -> Dimension {
        match self {
            Self::User => Dimension::User,
            Self::Team => Dimension::Team,
            Self::Organization => Dimension::Organization,
            Self::Customer => Dimension::Customer,
            Self::Tag => Dimension::Tag,
        }
    }
}

/// What must be one of some values.
struct Lists([(Dimension, Vec<String>); 7]);

impl Lists {
    fn of(query: &DailyQuery) -> Self {
        let one = |text: &Option<String>| text.clone().filter(|text| !text.is_empty()).into_iter().collect();
        Self([
            (Dimension::User, one(&query.user_id)),
            (Dimension::Team, listed(query.team_ids.as_deref())),
            (Dimension::Organization, listed(query.organization_ids.as_deref())),
            (Dimension::Customer, listed(query.end_user_ids.as_deref())),
            (Dimension::Tag, listed(query.tags.as_deref())),
            (Dimension::Model, one(&query.model)),
            (Dimension::Key, listed(query.api_key.as_deref()).iter().map(|key| digest(key)).collect()),
        ])
    }

    fn filter(&self, entity: Entity, query: &DailyQuery) -> Result<UsageFilter<'_>, Error> {
        let (from_day, to_day) = dates::days(query.start_date.as_deref(), query.end_date.as_deref())?;
        // Of users also what was nobody's: LiteLLM's whole usage is told here.
        let given = if entity == Entity::User { None } else { Some(entity.dimension()) };
        let only = self.0.iter().map(|(dimension, values)| (*dimension, values.as_slice())).collect();
        Ok(UsageFilter { from_day, to_day, only, given })
    }
}

/// Sums and, of each key, sums.
#[derive(Default)]
struct Group {
    used: Used,
    keys: BTreeMap<String, Used>,
}

impl Group {
    fn add(&mut self, line: &Usage) {
        self.used.add(&line.used);
        self.keys.entry(line.name(KEY).to_owned()).or_default().add(&line.used);
    }
}

#[derive(Default)]
struct Day {
    all: Group,
    groups: [BTreeMap<String, Group>; BREAKDOWNS.len()],
}

async fn told(reports: &Reports<'_>, entity: Entity, lines: &[Usage], page: u64, pages: u64) -> Result<Value, Error> {
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    let mut all = Used::default();
    for line in lines {
        all.add(&line.used);
        let day = days.entry(line.day(0)).or_default();
        day.all.add(line);
        for ((_, place), groups) in BREAKDOWNS.iter().zip(&mut day.groups) {
            if !line.name(*place).is_empty() {
                groups.entry(line.name(*place).to_owned()).or_default().add(line);
            }
        }
    }
    let keys = known(reports.store, store::Kind::Key, lines.iter().map(|line| line.name(KEY))).await?;
    let teams = match entity {
        Entity::Team => known(reports.store, store::Kind::Team, lines.iter().map(|line| line.name(ENTITY))).await?,
        _ => Known::new(),
    };
    let teller = Teller { keys, teams, compat: reports.compat, entity };
    let results: Vec<Value> = days.iter().rev().map(|(day, sums)| teller.day(*day, sums)).collect();
    Ok(object([("results", results.into()), ("metadata", teller.totals(&all, page, pages))]))
}

struct Teller {
    keys: Known,
    teams: Known,
    compat: Compat,
    entity: Entity,
}

impl Teller {
    fn day(&self, day: i64, sums: &Day) -> Value {
        let mut breakdown = Map::new();
        breakdown.insert("mcp_servers".to_owned(), json!({}));
        for ((name, _), groups) in BREAKDOWNS.iter().zip(&sums.groups) {
            let groups = groups.iter().map(|(group, sums)| {
                let shown = if *name == "endpoints" { endpoint(group) } else { group };
                (shown.to_owned(), self.group(if *name == "entities" { group } else { "" }, sums))
            });
            breakdown.insert((*name).to_owned(), Value::Object(groups.collect()));
        }
        breakdown.insert("api_keys".to_owned(), self.keys(&sums.all.keys));
        object([
            ("date", dates::date(day).into()),
            ("metrics", self.metrics(&sums.all.used)),
            ("breakdown", Value::Object(breakdown)),
        ])
    }

    fn group(&self, entity: &str, group: &Group) -> Value {
        let metadata = match self.entity {
            Entity::Team if !entity.is_empty() => json!({"team_alias": alias(&self.teams, entity)}),
            _ => json!({}),
        };
        object([
            ("metrics", self.metrics(&group.used)),
            ("metadata", metadata),
            ("api_key_breakdown", self.keys(&group.keys)),
        ])
    }

    fn keys(&self, keys: &BTreeMap<String, Used>) -> Value {
        let told = keys.iter().map(|(key, used)| {
            let members = [("metrics", self.metrics(used)), ("metadata", self.key(key))];
            (key.clone(), object(members))
        });
        Value::Object(told.collect())
    }

    fn key(&self, key: &str) -> Value {
        let found = self.keys.get(key);
        let mut members = Map::new();
        members.insert("key_alias".to_owned(), json!(alias(&self.keys, key)));
        members.insert("team_id".to_owned(), json!(found.and_then(|key| key.team_id.as_deref())));
        if self.compat != Compat::V1_80 {
            let user = if key == MASTER_KEY { Some(MASTER_USER) } else { found.and_then(|key| key.user_id.as_deref()) };
            members.insert("user_id".to_owned(), json!(user));
            members.insert("user_email".to_owned(), Value::Null);
            members.insert("key_exists".to_owned(), found.is_some().into());
        }
        Value::Object(members)
    }

    fn metrics(&self, used: &Used) -> Value {
        let is_new = self.compat != Compat::V1_80;
        let successful = used.requests - used.failed_requests;
        let members: [(&str, Value, bool); 17] = [
            ("spend", used.dollars().into(), true),
            ("flat_cost", 0.0.into(), is_new),
            ("prompt_tokens", used.prompt_tokens.into(), true),
            ("completion_tokens", used.completion_tokens.into(), true),
            ("cache_read_input_tokens", used.cache_read_tokens.into(), true),
            ("cache_creation_input_tokens", used.cache_write_tokens.into(), true),
            ("compression_saved_tokens", 0.into(), is_new),
            ("compression_savings_spend", 0.0.into(), is_new),
            ("prompt_caching_savings_spend", 0.0.into(), is_new),
            ("gateway_injected_caching_savings_spend", 0.0.into(), is_new),
            ("autorouter_savings_spend", 0.0.into(), is_new),
            ("total_tokens", used.total_tokens.into(), true),
            ("successful_requests", successful.into(), true),
            ("failed_requests", used.failed_requests.into(), true),
            ("api_requests", used.requests.into(), true),
            ("total_response_time_ms", used.response_ms.into(), is_new),
            ("timed_requests", successful.into(), is_new),
        ];
        let told = members.into_iter().filter(|(_, _, is_told)| *is_told);
        Value::Object(told.map(|(name, value, _)| (name.to_owned(), value)).collect())
    }

    /// The same sums under LiteLLM's other names, and the page.
    fn totals(&self, used: &Used, page: u64, pages: u64) -> Value {
        let mut members = Map::new();
        if let Value::Object(metrics) = self.metrics(used) {
            for (name, value) in metrics {
                let is_total = name.starts_with("total_");
                members.insert(if is_total { name } else { format!("total_{name}") }, value);
            }
        }
        members.insert("page".to_owned(), page.into());
        members.insert("total_pages".to_owned(), pages.into());
        members.insert("has_more".to_owned(), (page < pages).into());
        Value::Object(members)
    }
}

/// The route of a sort of call.
fn endpoint(call_type: &str) -> &str {
    match call_type.strip_prefix('a').unwrap_or(call_type) {
        "completion" => "/chat/completions",
        "text_completion" => "/completions",
        "embedding" => "/embeddings",
        "nthropic_messages" => "/v1/messages",
        "responses" => "/responses",
        "generate_content" | "generate_content_stream" => "/generateContent",
        "image_generation" => "/images/generations",
        "speech" => "/audio/speech",
        "transcription" => "/audio/transcriptions",
        "rerank" => "/rerank",
        "moderation" => "/moderations",
        _ => call_type,
    }
}
