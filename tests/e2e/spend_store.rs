//! Spend on its way from the journal to both databases: each call exactly once, whatever dies meanwhile.

mod moving;
mod outage;
mod reports;
mod totals;

use std::path::Path;
use std::sync::Arc;

use tollgate::secret::Secret;
use tollgate::store::journal::{Charge, Key, Lanes, Limits, Record};
use tollgate::store::spend::query::{UsageFilter, Used};
use tollgate::store::spend::{Mover, Settings};
use tollgate::store::{Location, Store};

use crate::support::servers::Server;

/// What each call costs, in pico-dollars.
const COST: i64 = 1_000_003;
/// 2023-11-14, in days since 1970.
const DAY: i64 = 19_675;
const DAY_MS: u64 = 86_400_000;

/// Small segments, so that the mover lets many go.
const LIMITS: Limits = Limits { segment_bytes: 20_000, total_bytes: 1 << 30 };

async fn on_sqlite() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (sqlite_at(folder.path()).await, folder)
}

async fn sqlite_at(folder: &Path) -> Store {
    let store = Store::at(&Location::Sqlite(folder.join("tollgate.db").into()), 4).unwrap();
    store.migrate().await.unwrap();
    store
}

async fn on_postgres() -> (Store, Server) {
    let server = Server::postgres().await;
    let store = postgres_at(&server.postgres_url());
    store.migrate().await.unwrap();
    (store, server)
}

fn postgres_at(url: &str) -> Store {
    Store::at(&Location::Postgres(Secret::new(url)), 4).unwrap()
}

/// A call of one of three keys; half of them with two tags.
fn call<'a>(id: &'a str, number: usize) -> Record<'a> {
    let charge = |scope, id| Charge { scope, id, budget: "", resets_at: 0 };
    let team = ["team-0", "team-1"][number % 2];
    Record {
        call_id: id,
        started_ms: DAY as u64 * DAY_MS + number as u64,
        ended_ms: DAY as u64 * DAY_MS + number as u64 + 10,
        key: Key::Digest([number as u8 % 3; 32]),
        team,
        model_group: "gpt",
        model: "gpt-4o",
        provider: "some-provider",
        call_type: "acompletion",
        status: if number % 10 == 9 { 500 } else { 200 },
        prompt_tokens: 3,
        completion_tokens: 4,
        total_tokens: 7,
        cost: COST,
        tags: if number.is_multiple_of(2) { vec!["search", "night"] } else { Vec::new() },
        charges: vec![charge("global", "all"), charge("team", team)],
        ..Record::default()
    }
}

fn lanes_in(place: &Path) -> Arc<Lanes> {
    Arc::new(Lanes::open(place, LIMITS).unwrap())
}

fn mover(store: &Store, lanes: &Arc<Lanes>) -> Mover {
    Mover::new(store.clone(), Arc::clone(lanes), Settings::default())
}

fn append(lanes: &Lanes, numbers: std::ops::Range<usize>) {
    for number in numbers {
        lanes.own().journal.append(&call(&format!("call-{number}"), number)).unwrap();
    }
}

/// Everything that was ever used.
async fn used(store: &Store) -> Used {
    store.used(&UsageFilter { from_day: 0, to_day: 100_000, ..UsageFilter::default() }).await.unwrap()
}

/// What is gone of a budget.
async fn spent(store: &Store, scope: &str, id: &str) -> i64 {
    store.counters_of(&[(scope, id)]).await.unwrap().iter().map(|counter| counter.spent).sum()
}

/// Rows, roll-ups and counters tell of the same calls, so many of them.
async fn assert_holds(store: &Store, calls: usize) {
    let rows = rows(store).await;
    assert_eq!(rows, calls, "rows");
    let used = used(store).await;
    assert_eq!((used.requests, used.cost), (calls as i64, i128::from(COST) * calls as i128), "roll-ups");
    assert_eq!(used.total_tokens, 7 * calls as i64);
    assert_eq!(spent(store, "global", "all").await, COST * calls as i64, "counter");
    let teams = spent(store, "team", "team-0").await + spent(store, "team", "team-1").await;
    assert_eq!(teams, COST * calls as i64, "counters of teams");
}

async fn rows(store: &Store) -> usize {
    use tollgate::store::spend::query::{LogFilter, LogOrder, LogPage};
    let mut found = 0;
    loop {
        let page = LogPage { order: LogOrder::Started, ascending: true, offset: found as u64, limit: 1_000 };
        match store.spend_logs(&LogFilter::default(), page).await.unwrap().len() {
            0 => return found,
            more => found += more,
        }
    }
}
