//! What was spent is set back while calls are on their way to the database.

use super::*;

/// Waits until so many calls have arrived in the database.
async fn arrived(store: &Store, key: &str, calls: usize) {
    eventually_async("all calls", async || (rows(store, key).await.len() == calls).then_some(())).await;
}

/// Whether the database and this process agree, once so many calls have arrived.
async fn both_say(gateway: &Gateway, store: &Store, key: &str, (calls, cents): (usize, i64)) {
    arrived(store, key, calls).await;
    assert_eq!(counted(store, key).await, cents * CENT, "in the database");
    assert!((shown(gateway, key).await - cents as f64 / 100.0).abs() < 1e-9, "{}", shown(gateway, key).await);
}

async fn resets(database: Option<&Server>) {
    let upstream = upstream().await;
    let mut gateway = gateway(&upstream, database, None).await;
    let store = store_of(&gateway, database);
    let key = new_key(&gateway, &json!({"max_budget": 10.0})).await;
    let spend = async |gateway: &Gateway, calls: usize| {
        for _ in 0..calls {
            assert_eq!(gateway.call(&cent(&key)).await.status, 200);
        }
    };
    let set = async |gateway: &Gateway, path: &str, body: Value| {
        let answer = gateway.call(&Request::post(path, &body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    // Some of these calls are in the database, the last ones are not.
    let mut calls = 0;
    for round in 0..4 {
        spend(&gateway, 3 + round).await;
        set(&gateway, &format!("/key/{key}/reset_spend"), json!({"reset_to": 0.01})).await;
        spend(&gateway, 1).await;
        calls += 4 + round;
        both_say(&gateway, &store, &key, (calls, 2)).await;
    }
    spend(&gateway, 3).await;
    set(&gateway, "/global/spend/reset", json!({})).await;
    spend(&gateway, 1).await;
    both_say(&gateway, &store, &key, (calls + 4, 1)).await;
    spend(&gateway, 2).await;
    set(&gateway, "/key/update", json!({"key": key, "spend": 0.5})).await;
    // What is on its way arrives in the next process.
    gateway.kill();
    gateway.start_again().await;
    both_say(&gateway, &store, &key, (calls + 6, 50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_exact_on_sqlite() {
    resets(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_exact_on_postgres() {
    resets(Some(&Server::postgres().await)).await;
}

/// Calls and resets at once: whatever a reset took off here it took off there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resets_beside_calls_leave_both_counts_equal() {
    let upstream = upstream().await;
    let mut gateway = gateway(&upstream, None, None).await;
    let store = store_of(&gateway, None);
    let key = new_key(&gateway, &json!({"max_budget": 100.0})).await;
    let calls = async {
        for _ in 0..40 {
            let some = (0..5).map(|_| async { gateway.call(&cent(&key)).await.status });
            assert!(futures::future::join_all(some).await.into_iter().all(|status| status == 200));
        }
    };
    let resets = async {
        for _ in 0..25 {
            let path = format!("/key/{key}/reset_spend");
            assert_eq!(gateway.call(&Request::post(&path, &json!({"reset_to": 0}))).await.status, 200);
        }
    };
    tokio::join!(calls, resets);
    arrived(&store, &key, 200).await;
    // The larger of both is shown, and after a restart the database's: nothing but equal counts stays the same.
    let before = shown(&gateway, &key).await;
    let stored = counted(&store, &key).await;
    gateway.kill();
    gateway.start_again().await;
    assert!((shown(&gateway, &key).await - before).abs() < 1e-9 && stored >= 0, "{before} {stored}");
}

/// Whatever of its budgets is used up stays used up, whoever gets the new plain text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_plain_text_brings_no_new_budget() {
    let upstream = upstream().await;
    let gateway = gateway(&upstream, None, None).await;
    for limits in [
        json!({"max_budget": 0.02}),
        json!({"budget_limits": [{"budget_duration": "30d", "max_budget": 0.02}]}),
        json!({"model_max_budget": {"m": {"budget_limit": 0.02, "time_period": "30d"}}}),
    ] {
        let key = new_key(&gateway, &limits).await;
        let call = async |key: &str| gateway.call(&cent(key)).await.status;
        assert_eq!([call(&key).await, call(&key).await, call(&key).await], [200, 200, 422], "{limits}");
        // The calls may or may not be in the database by now, and the old key works on or does not.
        let mut last = key.clone();
        for grace_period in ["", "1h", ""] {
            let body = json!({"key": last, "grace_period": grace_period});
            let new = gateway.call(&Request::post("/key/regenerate", &body)).await.json();
            last = new["key"].as_str().unwrap().to_owned();
            assert_eq!(call(&last).await, 422, "{limits}");
        }
    }
}
