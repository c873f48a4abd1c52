//! What keys have spent over all windows, in a store of a release that did not count it.

use sqlx::{AnyConnection, Connection};
use tollgate::store::{Change, Counter, KEY_TOTAL};

use super::*;

/// The migration that begins the counters.
const VERSION: i64 = 4;

/// As if that migration had not been.
async fn migrate_again(store: &Store, url: &str) {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let forget = format!("DELETE FROM _sqlx_migrations WHERE version = {VERSION}");
    assert_eq!(sqlx::query(&forget).execute(&mut connection).await.unwrap().rows_affected(), 1);
    connection.close().await.unwrap();
    store.migrate().await.unwrap();
}

async fn totals_begin_with_what_is_known(store: &Store, url: &str) {
    let place = tempfile::tempdir().unwrap();
    let lanes = lanes_in(place.path());
    // Three calls of each of three keys.
    append(&lanes, 0..9);
    mover(store, &lanes).drain().await.unwrap();
    let key = |number: u8| format!("{number:02x}").repeat(32);
    let counter = |scope: &str, number, spent, resets_at| {
        let (scope, budget) = (scope.to_owned(), String::new());
        Change::Spent(Counter { scope, id: key(number), budget, spent, resets_at })
    };
    let changes = [
        // Imported with more than it has spent here.
        counter("key", 1, 10 * COST, 0),
        // Its window is new, and one call was counted of all.
        counter("key", 2, 2 * COST, 2_000_000_000),
        counter(KEY_TOTAL, 2, COST, 0),
        // Nothing else is known of it, and it was set back with something on its way.
        counter("key", 7, 5, 0),
        counter("key", 8, -5, 0),
        // All is counted.
        counter(KEY_TOTAL, 9, 77, 0),
    ];
    store.commit(&changes, 1).await.unwrap();
    for times in ["once", "twice"] {
        migrate_again(store, url).await;
        for (number, expected) in [(0, 3 * COST), (1, 10 * COST), (2, 3 * COST), (7, 5), (8, 0), (9, 77)] {
            assert_eq!(spent(store, KEY_TOTAL, &key(number)).await, expected, "key {number}, {times}");
        }
        assert_eq!(spent(store, "key", &key(2)).await, 2 * COST);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_begins_totals() {
    let (store, folder) = on_sqlite().await;
    let url = format!("sqlite://{}", folder.path().join("tollgate.db").display());
    totals_begin_with_what_is_known(&store, &url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_begins_totals() {
    let (store, server) = on_postgres().await;
    totals_begin_with_what_is_known(&store, &server.postgres_url()).await;
}
