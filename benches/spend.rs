//! How many calls a second are moved from the journal to the database, and what reports about them cost.
//!
//! `TOLLGATE_BENCH_CALLS` says how many (30,000), `TOLLGATE_BENCH_DATABASE` is the URL of an empty PostgreSQL database;
//! without it SQLite is measured.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench whose store is broken must stop")]

use std::sync::Arc;
use std::time::Instant;

use tollgate::secret::Secret;
use tollgate::store::journal::{Charge, Journal, Key, Lanes, Limits, Record};
use tollgate::store::spend::query::{
    Dimension, LogFilter, LogOrder, LogPage, Outcome, UsageFilter, UsageOrder, UsagePage,
};
use tollgate::store::spend::{Mover, Settings};
use tollgate::store::{Location, Store};

const DAY: i64 = 20_000;
const DAYS: usize = 30;

/// Calls of 1,000 keys in 50 teams with 20 models, spread over a month.
fn append(journal: &Journal, number: usize, of: usize) {
    let digest = (number % 1000) as u32;
    let mut key = [0; 32];
    key[..4].copy_from_slice(&digest.to_le_bytes());
    let (id, request_id) = (uuid::Uuid::new_v4().to_string(), format!("chatcmpl-{number}"));
    let (team, user) = (format!("team-{}", digest % 50), format!("user-{}@example.com", digest % 200));
    let (model, hex) = (format!("model-{}", number % 20), format!("{digest:064x}"));
    let started_ms = DAY as u64 * 86_400_000 + (number * DAYS) as u64 * 86_400_000 / of as u64;
    let charge = |scope, id| Charge { scope, id, budget: "", resets_at: 0 };
    let record = Record {
        call_id: &id,
        request_id: &request_id,
        started_ms,
        ended_ms: started_ms + 900,
        completion_start_ms: started_ms + 200,
        key: Key::Digest(key),
        user: &user,
        team: &team,
        model_group: &model,
        model: &model,
        model_id: "d0c7a1e5b2f94",
        provider: "some-provider",
        api_base: "https://api.example.com/v1",
        call_type: "acompletion",
        status: if number.is_multiple_of(50) { 500 } else { 200 },
        prompt_tokens: 1234,
        completion_tokens: 321,
        total_tokens: 1555,
        cost: 6_295_000_000,
        tags: if number.is_multiple_of(4) { vec!["production", "search"] } else { Vec::new() },
        requester_ip: "10.20.30.40",
        charges: vec![charge("key", &hex), charge("team", &team), charge("user", &user)],
        ..Record::default()
    };
    journal.append(&record).unwrap();
}

async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let done = work.await;
    println!("{what}: {:?}", start.elapsed());
    done
}

async fn reports(store: &Store) {
    let page = LogPage { order: LogOrder::Started, ascending: false, offset: 0, limit: 50 };
    let (none, key) = (LogFilter::default(), format!("{:0<64}", "07"));
    for (what, filter) in [
        ("newest calls", none),
        ("calls of a key", LogFilter { api_key: Some(&key), ..none }),
        ("calls of a team", LogFilter { team_id: Some("team-7"), ..none }),
        ("calls of a model", LogFilter { model: Some("model-7"), ..none }),
        ("calls of a customer that is none", LogFilter { end_user: Some("nobody"), ..none }),
        ("failed calls", LogFilter { outcome: Some(Outcome::Failure), ..none }),
        ("one call", LogFilter { request_id: Some("chatcmpl-77"), ..none }),
    ] {
        timed(what, store.spend_logs(&filter, page)).await.unwrap();
        timed("  counted", store.count_spend_logs(&filter)).await.unwrap();
    }
    timed("dearest calls", store.spend_logs(&none, LogPage { order: LogOrder::Cost, ..page })).await.unwrap();
    let all = UsageFilter { from_day: DAY, to_day: DAY + DAYS as i64, ..UsageFilter::default() };
    let lines = UsagePage { order: UsageOrder::Cost, offset: 0, limit: 10_000 };
    timed("a month's total", store.used(&all)).await.unwrap();
    for (what, by) in [
        ("days", &[Dimension::Day][..]),
        ("keys", &[Dimension::Key]),
        ("tags", &[Dimension::Tag]),
        ("days, keys, models", &[Dimension::Day, Dimension::Key, Dimension::Model]),
    ] {
        timed(what, store.usage(by, &all, lines)).await.unwrap();
    }
    let team = ["team-7".to_owned()];
    let of_team = UsageFilter { only: vec![(Dimension::Team, &team)], ..all };
    timed("a team's days", store.usage(&[Dimension::Day], &of_team, lines)).await.unwrap();
}

#[tokio::main]
async fn main() {
    let calls = std::env::var("TOLLGATE_BENCH_CALLS").map_or(30_000, |text| text.parse().unwrap());
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let location = match std::env::var("TOLLGATE_BENCH_DATABASE") {
        Ok(url) => Location::Postgres(Secret::new(&url)),
        Err(_) => Location::Sqlite(place.path().join("tollgate.db").into()),
    };
    let store = Store::at(&location, 4).unwrap();
    store.migrate().await.unwrap();
    let lanes = Arc::new(Lanes::open(&place.path().join("journal"), Limits::default()).unwrap());
    (0..calls).for_each(|number| append(&lanes.own().journal, number, calls));
    let mut mover = Mover::new(store.clone(), lanes, Settings::default());
    let start = Instant::now();
    mover.drain().await.unwrap();
    println!("{calls} calls moved, {:.0} a second", calls as f64 / start.elapsed().as_secs_f64());
    reports(&store).await;
}
