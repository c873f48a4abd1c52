//! Nothing dies.

use std::sync::atomic::Ordering;

use tollgate::store::Counter;

use super::*;

async fn moves(store: &Store) {
    let place = tempfile::tempdir().unwrap();
    let lanes = lanes_in(place.path());
    append(&lanes, 0..2_500);
    // Told twice, near and far from each other.
    append(&lanes, 2_400..2_500);
    append(&lanes, 0..10);
    let mut mover = mover(store, &lanes);
    let status = mover.status();
    assert_eq!((status.pending_records(), status.lag_seconds(0)), (2_610, 0));
    mover.drain().await.unwrap();
    assert_holds(store, 2_500).await;
    assert_eq!((status.pending_records(), status.pending_bytes()), (0, 0));
    assert_eq!(status.moved.load(Ordering::Relaxed), 2_500);
    assert!(status.known.load(Ordering::Relaxed) >= 10);
    assert_eq!(used(store).await.failed_requests, 250);
    assert!(status.journal_bytes() < 2 * LIMITS.segment_bytes, "what is moved is deleted");

    // Another process later finds nothing to do, but what is new.
    drop((mover, lanes));
    let lanes = lanes_in(place.path());
    let mut mover = super::mover(store, &lanes);
    let status = mover.status();
    append(&lanes, 2_500..2_600);
    mover.drain().await.unwrap();
    assert_eq!((status.moved.load(Ordering::Relaxed), status.known.load(Ordering::Relaxed)), (100, 0));
    assert_eq!(status.pending_records(), 0);
    assert_holds(store, 2_600).await;
}

/// Two nodes whose journals tell of the same calls write them at once, in opposite orders.
async fn race(store: &Store) {
    const CALLS: usize = 3_000;
    let before = rows(store).await;
    let places = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let nodes = places.each_ref().map(|place| lanes_in(place.path()));
    let append = |lanes: &Lanes, number: usize| {
        lanes.own().journal.append(&call(&format!("race-{number}"), number)).unwrap();
    };
    for number in 0..CALLS {
        append(&nodes[0], number);
        append(&nodes[1], CALLS - 1 - number);
    }
    let movers = nodes.each_ref().map(|lanes| {
        let mut mover = mover(store, lanes);
        let status = mover.status();
        // A database may refuse one of two that met; whoever is refused comes again.
        let work = tokio::spawn(async move { while mover.drain().await.is_err() {} });
        (work, status)
    });
    let mut taken = 0;
    for (work, status) in movers {
        work.await.unwrap();
        taken += status.moved.load(Ordering::Relaxed);
        assert_eq!(status.failures.load(Ordering::Relaxed), 0, "they do not stand in each other's way");
    }
    assert_eq!(taken, CALLS as u64);
    assert_holds(store, before + CALLS).await;
}

/// Appends one call that costs this much to a counter whose window ends then, and moves it.
async fn charge(store: &Store, lanes: &Arc<Lanes>, id: &str, cost: i64, resets_at: u64) {
    let charges = vec![Charge { scope: "key", id: "k", budget: "1d", resets_at }];
    lanes.own().journal.append(&Record { call_id: id, cost, charges, ..Record::default() }).unwrap();
    mover(store, lanes).drain().await.unwrap();
}

async fn windows(store: &Store) {
    let place = tempfile::tempdir().unwrap();
    let lanes = lanes_in(place.path());
    let now = || async { store.counters_of(&[("key", "k")]).await.unwrap() };
    let of = |id: &str, budget: &str, spent, resets_at| Counter {
        scope: "key".to_owned(),
        id: id.to_owned(),
        budget: budget.to_owned(),
        spent,
        resets_at,
    };
    let is = |spent, resets_at| vec![of("k", "1d", spent, resets_at)];
    charge(store, &lanes, "w1", 5, 0).await;
    assert_eq!(now().await, is(5, 0));
    charge(store, &lanes, "w2", 10, 1_000).await;
    assert_eq!(now().await, is(15, 1_000), "the first window that is known takes what was spent before");
    charge(store, &lanes, "w3", 1, 1_000).await;
    assert_eq!(now().await, is(16, 1_000));
    charge(store, &lanes, "w4", 2, 2_000).await;
    assert_eq!(now().await, is(2, 2_000), "a new window begins with nothing");
    charge(store, &lanes, "w5", 100, 1_000).await;
    assert_eq!(now().await, is(2, 2_000), "an old one is over");
    charge(store, &lanes, "w6", 3, 0).await;
    assert_eq!(now().await, is(5, 2_000));
    charge(store, &lanes, "w7", i64::MAX, 2_000).await;
    assert_eq!(now().await, is(i64::MAX, 2_000), "no sum turns negative");
    // All of it in one batch is the same as one after another.
    let journal = &lanes.own().journal;
    for (number, (cost, resets_at)) in
        [(1, 3_000), (10, 2_000), (100, 4_000), (1_000, 3_000), (2, 4_000)].iter().enumerate()
    {
        let charges = vec![Charge { scope: "key", id: "k", budget: "1d", resets_at: *resets_at }];
        let id = format!("one batch {number}");
        journal.append(&Record { call_id: &id, cost: *cost, charges, ..Record::default() }).unwrap();
    }
    mover(store, &lanes).drain().await.unwrap();
    assert_eq!(now().await, is(102, 4_000));

    // Of what this node has counted, 5 are not here yet.
    store.set_spent(("key", "k", "1d"), 12, || Some(of("k", "1d", 107, 4_000))).await.unwrap();
    assert_eq!(now().await, is(7, 4_000));
    store.set_spent(("key", "l", ""), 7, || None).await.unwrap();
    let known = store.counters_of(&[("key", "k"), ("key", "none"), ("key", "l")]).await.unwrap();
    assert_eq!(known.len(), 2);
    assert!(known.contains(&of("k", "1d", 7, 4_000)));
    assert!(store.counters_of(&[]).await.unwrap().is_empty());
    assert!(known.contains(&of("l", "", 7, 0)));
    store.set_spent(("key", "n", "tpd"), 7, || None).await.unwrap();
    store.reset_all_spent("key", || vec![of("k", "1d", 9, 4_000), of("m", "", 3, 0)]).await.unwrap();
    assert_eq!(now().await, is(-2, 4_000));
    charge(store, &lanes, "w8", 2, 4_000).await;
    assert_eq!(now().await, is(0, 4_000), "what was on its way has come");
    assert_eq!(spent(store, "key", "m").await, -3);
    assert_eq!(spent(store, "key", "l").await, 0);
    assert_eq!(spent(store, "key", "n").await, 7, "tokens a day are no money");
}

/// Whatever a client or a provider says, a database takes it: one that did not would stop all others behind it.
async fn hostile(store: &Store) {
    let place = tempfile::tempdir().unwrap();
    let lanes = lanes_in(place.path());
    // Texts that no index compresses.
    let noise = |seed: u64| {
        let mut state = seed;
        let letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from_u32(0x100 + (state >> 33) as u32 % 0xc000).unwrap_or('x')
        };
        (0..600).map(letter).collect::<String>()
    };
    let texts: Vec<String> = (0..12).map(noise).collect();
    let [a, b, c, d, e, f, g, h, i, j, k, l] = texts.each_ref_array();
    for id in ["hostile\0id", "'); DROP TABLE spend_logs; --", "\u{fffe}\u{1f600}"] {
        let charges = vec![Charge { scope: a, id: b, budget: c, resets_at: u64::MAX }; 3];
        let record = Record {
            call_id: id,
            request_id: l,
            started_ms: u64::MAX,
            ended_ms: 0,
            completion_start_ms: u64::MAX,
            key: Key::Digest([255; 32]),
            user: d,
            team: e,
            organization: f,
            end_user: g,
            model_group: h,
            model: i,
            provider: j,
            call_type: k,
            status: u16::MAX,
            prompt_tokens: u64::MAX,
            completion_tokens: u64::MAX,
            total_tokens: u64::MAX,
            cache_read_tokens: u64::MAX,
            cost: i64::MAX,
            tags: vec![a, b, "\0", "", "%"],
            charges,
            ..Record::default()
        };
        lanes.own().journal.append(&record).unwrap();
    }
    mover(store, &lanes).drain().await.unwrap();
    assert_eq!(rows(store).await, 3);
    assert_eq!(used(store).await.requests, 0, "in a day far away");
    let far = UsageFilter { from_day: 0, to_day: i64::MAX, ..UsageFilter::default() };
    assert_eq!(store.used(&far).await.unwrap().cost, i128::from(i64::MAX));
}

trait EachRef {
    fn each_ref_array(&self) -> [&str; 12];
}

impl EachRef for Vec<String> {
    fn each_ref_array(&self) -> [&str; 12] {
        std::array::from_fn(|at| self[at].as_str())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_has_each_call_once() {
    let (store, _folder) = on_sqlite().await;
    moves(&store).await;
    race(&store).await;
    windows(&store).await;
    hostile(&on_sqlite().await.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_has_each_call_once() {
    let (store, _server) = on_postgres().await;
    moves(&store).await;
    race(&store).await;
    windows(&store).await;
    hostile(&on_postgres().await.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rows_each_call_counts_once_too() {
    let (store, _folder) = on_sqlite().await;
    let place = tempfile::tempdir().unwrap();
    let lanes = lanes_in(place.path());
    append(&lanes, 0..1_500);
    for _ in 0..2 {
        let settings = Settings { keeps_logs: false };
        Mover::new(store.clone(), Arc::clone(&lanes), settings).drain().await.unwrap();
    }
    assert_eq!(rows(&store).await, 0);
    assert_eq!(used(&store).await.requests, 1_500);
    assert_eq!(spent(&store, "global", "all").await, 1_500 * COST);
}

/// At the start of a process one mover takes what earlier ones have left, and another follows then.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_mover_took_does_not_wait() {
    let (store, _folder) = on_sqlite().await;
    let place = tempfile::tempdir().unwrap();
    append(&lanes_in(place.path()), 0..1_500);
    let lanes = lanes_in(place.path());
    append(&lanes, 1_500..1_600);
    mover(&store, &lanes).drain().await.unwrap();
    append(&lanes, 1_600..1_700);
    let mut next = mover(&store, &lanes);
    let status = next.status();
    append(&lanes, 1_700..1_703);
    // The second finds that nothing is left.
    next.drain().await.unwrap();
    next.drain().await.unwrap();
    assert_eq!(status.pending_records(), 0);
    append(&lanes, 1_703..1_705);
    assert_eq!(status.pending_records(), 2);
    assert_holds(&store, 1_703).await;
}

/// A process that ended has left its lane, another takes it over while it works.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_left_is_taken_over() {
    let (store, _folder) = on_sqlite().await;
    let place = tempfile::tempdir().unwrap();
    let old = lanes_in(place.path());
    append(&old, 0..1_200);
    let new = lanes_in(place.path());
    append(&new, 1_200..1_300);
    let mut mover = mover(&store, &new);
    let status = mover.status();
    mover.drain().await.unwrap();
    assert_holds(&store, 100).await;
    drop(old);
    mover.drain().await.unwrap();
    assert_holds(&store, 1_300).await;
    assert_eq!(status.pending_records(), 0);
    assert_eq!(Lanes::open(place.path(), LIMITS).unwrap().own().recovered.records, 0, "its lane is free and empty");
}
