//! A finished call on its way from a record of the journal to the database.
//!
//! Many calls have their key, team, model … in common, and their costs go to the same budgets: these texts are kept once.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::DAY_MS;
use super::call::{HEALTH_CHECK_KEY, MASTER_KEY, Rest, is_failure};
use crate::limiter;
use crate::store::counters::KEY_TOTAL;
use crate::store::journal::{Charge, Key, Record};

/// More tokens than any call has. Without a limit, sums of what a broken provider claims would not fit.
const MOST_TOKENS: u64 = 1_000_000_000_000;

/// A row of `spend_logs`. Times in milliseconds since 1970, money in pico-dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub call_id: String,
    pub request_id: String,
    pub session_id: String,
    /// [`Rest`] as JSON.
    pub doc: String,
    pub started_at: i64,
    pub ended_at: i64,
    /// HTTP's.
    pub status: i64,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    pub total_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    pub cost: i64,
    /// The number of its [`Common`].
    pub common: usize,
    pub tags: Vec<String>,
    /// The numbers of the [`Account`]s that its cost goes to, each with the end of its window: seconds since 1970; 0: never.
    pub charges: Vec<(usize, i64)>,
}

/// What many calls have in common; an empty text is nobody or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// The digest in hex, or [`MASTER_KEY`], [`HEALTH_CHECK_KEY`].
    pub api_key: String,
    pub user_id: String,
    pub team_id: String,
    pub organization_id: String,
    pub end_user: String,
    pub model_group: String,
    pub model: String,
    pub model_id: String,
    pub provider: String,
    pub call_type: String,
}

/// A budget counter that costs go to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    pub scope: String,
    pub id: String,
    pub budget: String,
}

/// Things that are kept once, each under a number.
#[derive(Debug)]
pub struct Known<T> {
    numbers: HashMap<Box<[u8]>, usize, RandomState>,
    all: Vec<T>,
    /// The parts that are looked for, one behind the other.
    wanted: Vec<u8>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), all: Vec::new(), wanted: Vec::new() }
    }
}

impl<T> Known<T> {
    /// The number of the thing of these parts, which is made where it is not known yet.
    fn number(&mut self, parts: &[&[u8]], make: impl FnOnce() -> T) -> usize {
        self.wanted.clear();
        for part in parts {
            // Where one part ends and the next begins is part of what they say.
            self.wanted.extend_from_slice(&part.len().to_le_bytes());
            self.wanted.extend_from_slice(part);
        }
        if let Some(number) = self.numbers.get(self.wanted.as_slice()) {
            return *number;
        }
        self.all.push(make());
        self.numbers.insert(self.wanted.as_slice().into(), self.all.len() - 1);
        self.all.len() - 1
    }

    /// All of them, in the order of their numbers.
    pub fn into_all(self) -> Vec<T> {
        self.all
    }
}

impl Row {
    /// What the database keeps of a record.
    pub fn of(record: &Record<'_>, commons: &mut Known<Common>, accounts: &mut Known<Account>) -> Self {
        let tags: Vec<String> = record.tags.iter().map(|tag| text(tag)).collect();
        let (cache_read_tokens, cache_write_tokens) =
            (tokens(record.cache_read_tokens), tokens(record.cache_write_tokens));
        let rest = Rest {
            completion_start: number(record.completion_start_ms),
            api_base: text(record.api_base),
            error_class: text(record.error_class),
            tags: tags.clone(),
            requester_ip: text(record.requester_ip),
            spend_logs_metadata: text(record.spend_logs_metadata),
            cache_read_tokens,
            cache_write_tokens,
            reasoning_tokens: tokens(record.reasoning_tokens),
            output_cost: record.output_cost.clamp(0, original(record)),
            adjustment: record.adjustment,
            cache_hit: record.cache_hit,
        };
        Self {
            call_id: text(record.call_id),
            request_id: text(record.request_id),
            session_id: text(record.session_id),
            doc: serde_json::to_string(&rest).unwrap_or_else(|_| "{}".to_owned()),
            started_at: number(record.started_ms),
            ended_at: number(record.ended_ms),
            status: record.status.into(),
            prompt_tokens: tokens(record.prompt_tokens),
            completion_tokens: tokens(record.completion_tokens),
            total_tokens: tokens(record.total_tokens),
            cache_read_tokens,
            cache_write_tokens,
            cost: record.cost.max(0),
            common: commons.number(&Common::parts(record), || Common::of(record)),
            tags,
            charges: charges(record, accounts),
        }
    }

    /// Whether it failed; a client that left early is no failure.
    pub fn is_failure(&self) -> bool {
        is_failure(self.status)
    }

    /// How long it took, in milliseconds.
    pub fn duration_ms(&self) -> i64 {
        self.ended_at.saturating_sub(self.started_at).max(0)
    }

    /// Days since 1970.
    pub fn day(&self) -> i64 {
        self.started_at.div_euclid(DAY_MS)
    }
}

impl Common {
    fn of(record: &Record<'_>) -> Self {
        Self {
            api_key: key(&record.key),
            user_id: text(record.user),
            team_id: text(record.team),
            organization_id: text(record.organization),
            end_user: text(record.end_user),
            model_group: text(record.model_group),
            model: text(record.model),
            model_id: text(record.model_id),
            provider: text(record.provider),
            call_type: text(record.call_type),
        }
    }

    /// What it is told apart by.
    fn parts<'a>(record: &'a Record<'_>) -> [&'a [u8]; 10] {
        let key: &[u8] = match &record.key {
            Key::None => b"",
            Key::Master => b"m",
            Key::HealthCheck => b"h",
            Key::Digest(digest) => digest,
        };
        [
            key,
            record.user.as_bytes(),
            record.team.as_bytes(),
            record.organization.as_bytes(),
            record.end_user.as_bytes(),
            record.model_group.as_bytes(),
            record.model.as_bytes(),
            record.model_id.as_bytes(),
            record.provider.as_bytes(),
            record.call_type.as_bytes(),
        ]
    }
}

impl Account {
    /// The number of a charge's account, and the end of its window.
    fn charged(charge: &Charge<'_>, known: &mut Known<Self>) -> (usize, i64) {
        // As the database has them: it does not take one account twice in a statement.
        let [scope, id, budget] = [charge.scope, charge.id, charge.budget].map(clean);
        let parts = [scope.as_bytes(), id.as_bytes(), budget.as_bytes()];
        let make = || Self { scope: scope.to_string(), id: id.to_string(), budget: budget.to_string() };
        (known.number(&parts, make), number(charge.resets_at))
    }
}

/// Where a record's cost goes: what it was charged to, and what its key has spent at all.
fn charges(record: &Record<'_>, accounts: &mut Known<Account>) -> Vec<(usize, i64)> {
    let of_key = |charge: &&Charge<'_>| charge.scope == limiter::Kind::Key.as_str() && charge.budget.is_empty();
    let totals =
        record.charges.iter().filter(of_key).map(|charge| Charge { scope: KEY_TOTAL, resets_at: 0, ..*charge });
    record.charges.iter().copied().chain(totals).map(|charge| Account::charged(&charge, accounts)).collect()
}

/// PostgreSQL's texts have no NUL.
fn clean(text: &str) -> Cow<'_, str> {
    if memchr::memchr(0, text.as_bytes()).is_some() { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

fn text(text: &str) -> String {
    clean(text).into_owned()
}

/// The price before anything was taken off or put on.
fn original(record: &Record<'_>) -> i64 {
    record.cost.saturating_sub(record.adjustment.margin).saturating_add(record.adjustment.discount).max(0)
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn tokens(count: u64) -> i64 {
    number(count.min(MOST_TOKENS))
}

fn key(key: &Key) -> String {
    match key {
        Key::None => String::new(),
        Key::Master => MASTER_KEY.to_owned(),
        Key::HealthCheck => HEALTH_CHECK_KEY.to_owned(),
        Key::Digest(digest) => {
            let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
            digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
        }
    }
}
