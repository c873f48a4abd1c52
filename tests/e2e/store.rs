//! The store on both of its databases: the same checks.

use futures::future::join_all;
use serde_json::{Map, Value, json};
use tollgate::secret::Secret;
use tollgate::store::alerts::{Claim, Crossing};
use tollgate::store::audit::Line;
use tollgate::store::changes::News;
use tollgate::store::{Audit, AuditFilter, Change, Counter, Failure, Filter, Kind, Location, Object, Page, Store};

use crate::support::eventually_async;
use crate::support::servers::Server;

fn doc(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn key(id: &str, alias: Option<&str>, team: Option<&str>) -> Object {
    let team_id = team.map(str::to_owned);
    Object {
        alias: alias.map(str::to_owned),
        team_id,
        ..Object::new(Kind::Key, id, doc(json!({"token": id, "n": 1.5})))
    }
}

async fn on_sqlite() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    let store = Store::at(&Location::Sqlite(path.into()), 4).unwrap();
    store.migrate().await.unwrap();
    (store, folder)
}

async fn on_postgres() -> (Store, Server) {
    let server = Server::postgres().await;
    let store = Store::at(&Location::Postgres(Secret::new(server.postgres_url())), 4).unwrap();
    store.migrate().await.unwrap();
    (store, server)
}

/// Access groups have names of their own, and whoever has one is found by it.
async fn groups(store: &Store) {
    let named = |kind: Kind, id: &str| {
        let held = doc(json!({"access_group_ids": [format!("100%_{id}")]}));
        Change::Put(Object { alias: Some("group".to_owned()), ..Object::new(kind, id, held) })
    };
    let put = async |kind: Kind, id: &str| store.commit(&[named(kind, id)], 1).await;
    assert_eq!(put(Kind::AccessGroup, "g1").await, Ok(()));
    assert!(put(Kind::AccessGroup, "g2").await.is_err(), "another group of this name");
    for team in ["t1", "t2"] {
        assert_eq!(put(Kind::Team, team).await, Ok(()), "teams may have one name");
    }
    let found = async |text: &str| {
        let teams = store.all(Kind::Team, &Filter { mentions: Some(text), ..Filter::default() }).await.unwrap();
        teams.into_iter().map(|team| team.id).collect::<Vec<_>>()
    };
    assert_eq!(found("\"100%_t2\"").await, ["t2"]);
    assert_eq!(found("\"access_group_ids\":[\"").await, ["t1", "t2"]);
    assert_eq!(found("100_").await, [] as [String; 0], "letter for letter");
}

/// Counters that are written with a change, found with those below them.
async fn counters(store: &Store) {
    let counter = |scope: &str, id: &str, budget: &str, spent| Counter {
        scope: scope.to_owned(),
        id: id.to_owned(),
        budget: budget.to_owned(),
        spent,
        resets_at: 9,
    };
    let written = [
        counter("model_per_key", "k", "", 1),
        counter("model_per_key", "k:m%", "30d", 2),
        counter("model_per_key", "k_:m", "", 3),
        counter("model_per_key", "kk:m", "", 4),
        counter("key", "k", "", 5),
    ];
    store.commit(&written.clone().map(Change::Spent), 0).await.unwrap();
    let mut found = store.counters_under("model_per_key", "k").await.unwrap();
    found.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(found, written[..2]);
    let again = Change::Spent(Counter { spent: 7, ..written[4].clone() });
    let taken = Change::Put(Object { version: 9, ..key("nobody", None, None) });
    assert_eq!(store.commit(&[again.clone(), taken], 0).await, Err(Failure::Changed));
    assert_eq!(store.counters_under("key", "k").await.unwrap(), written[4..], "nothing of a commit that failed");
    store.commit(&[again], 0).await.unwrap();
    assert_eq!(store.counters_under("key", "k").await.unwrap()[0].spent, 7);
}

/// However many commit at once, each gets through, and the numbers of their changes have no gap.
#[tokio::test]
async fn commits_at_once_wait_for_one_another() {
    const AT_ONCE: usize = 300;
    let server = Server::postgres().await;
    let store = Store::at(&Location::Postgres(Secret::new(server.postgres_url())), 16).unwrap();
    store.migrate().await.unwrap();
    let commit = |number: usize| {
        let store = store.clone();
        async move { store.commit(&[Change::Put(key(&format!("k{number}"), None, None))], 0).await }
    };
    for done in join_all((0..AT_ONCE).map(|number| tokio::spawn(commit(number)))).await {
        done.unwrap().unwrap();
    }
    assert_eq!(store.count(Kind::Key, &Filter::default()).await, Ok(AT_ONCE as u64));
    let last = i64::try_from(AT_ONCE).unwrap();
    assert!(matches!(store.news(0).await, Ok(News::Of(changed, seen)) if (changed.len(), seen) == (AT_ONCE, last)));
}

/// What PostgreSQL cannot hold is no outage. SQLite holds all of it.
#[tokio::test]
async fn a_value_that_cannot_be_is_no_outage() {
    let (store, _server) = on_postgres().await;
    let asked = store.get(Kind::Customer, "a\0b").await;
    assert!(matches!(asked, Err(Failure::Refused(_))), "{asked:?}");
    // Longer than an entry of an index may be, and not to be made shorter.
    let mut hash = 0_u64;
    let long: String = std::iter::repeat_with(|| {
        hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:08x}", hash >> 32)
    })
    .take(2_000)
    .collect();
    let made = store.commit(&[Change::Put(key(&long, None, None))], 0).await;
    assert!(matches!(made, Err(Failure::Refused(_))), "{made:?}");
    let (store, _folder) = on_sqlite().await;
    assert_eq!(store.get(Kind::Customer, "a\0b").await, Ok(None));
    assert_eq!(store.commit(&[Change::Put(key(&long, None, None))], 0).await, Ok(()));
}

/// What was told of limits is forgotten when spending is set below them.
async fn told(store: &Store) {
    let crossing = |id: &str, event, amount| Crossing {
        scope: "user",
        id: id.to_owned(),
        budget: String::new(),
        event,
        amount,
        resets_at: 0,
    };
    let all = [crossing("u", "soft", 500), crossing("u", "left_15", 1_000), crossing("u", "crossed", 1_000)];
    let claimed = async || {
        let mut claimed = Vec::new();
        for crossing in all.iter().chain([&crossing("other", "soft", 500)]) {
            claimed.push(store.claim_alert(crossing, 1).await.unwrap());
        }
        claimed
    };
    let (ours, told, not_yet) = (Claim::Ours, Claim::Told, Claim::NotYet);
    let set = async |id: &str, spent| store.set_spent(("user", id, ""), spent, || None).await.unwrap();
    set("u", 1_000).await;
    assert_eq!(claimed().await, [ours, ours, ours, not_yet], "the store knows nothing of the last one");
    set("other", 500).await;
    assert_eq!(claimed().await, [told, told, told, ours]);
    // Set back and spent again: nobody has to see what was between. A node that has not heard of it tells nothing.
    for (spent, meanwhile, again) in [
        (850, [told; 4], [told; 4]),
        (849, [told, not_yet, not_yet, told], [told, ours, ours, told]),
        (499, [not_yet, not_yet, not_yet, told], [ours, ours, ours, told]),
    ] {
        set("u", spent).await;
        assert_eq!(claimed().await, meanwhile, "{spent}");
        set("u", 1_000).await;
        assert_eq!(claimed().await, again, "{spent}");
    }
    store.reset_all_spent("team", Vec::new).await.unwrap();
    assert_eq!(claimed().await, [told; 4]);
    store.reset_all_spent("user", Vec::new).await.unwrap();
    assert_eq!(claimed().await, [not_yet; 4]);
}

/// Stored, found, changed, deleted; all of a commit or nothing.
async fn objects(store: &Store) {
    let puts = [Change::Put(key("a", Some("first"), Some("t"))), Change::Put(key("b", None, Some("t")))];
    store.commit(&puts, 1_000).await.unwrap();
    let stored = store.get(Kind::Key, "a").await.unwrap().unwrap();
    assert_eq!((stored.version, stored.created_at, stored.updated_at), (1, 1_000, 1_000));
    assert_eq!(stored.doc, doc(json!({"token": "a", "n": 1.5})));
    assert_eq!(store.get(Kind::User, "a").await, Ok(None));

    assert_eq!(store.commit(&[Change::Put(key("a", None, None))], 0).await, Err(Failure::Exists));
    let both = [Change::Put(key("c", None, None)), Change::Put(key("d", Some("first"), None))];
    assert_eq!(store.commit(&both, 0).await, Err(Failure::AliasTaken));
    assert_eq!(store.get(Kind::Key, "c").await, Ok(None), "nothing of a commit that failed");
    // Only keys have aliases of their own.
    let team = Object { alias: Some("first".to_owned()), ..Object::new(Kind::Team, "t", Map::new()) };
    store.commit(&[Change::Put(team)], 0).await.unwrap();

    let changed = Object { team_id: None, ..stored.clone() };
    store.commit(&[Change::Put(changed)], 2_000).await.unwrap();
    assert_eq!(store.commit(&[Change::Put(stored)], 0).await, Err(Failure::Changed));
    let of_team = Filter { team_id: Some("t"), ..Filter::default() };
    assert_eq!(ids(store, &of_team).await, ["b"]);
    assert_eq!(store.count(Kind::Key, &of_team).await, Ok(1));
    let by_text = Filter { text: Some("irs"), ..Filter::default() };
    assert_eq!(ids(store, &by_text).await, ["a"]);
    assert!(ids(store, &Filter { text: Some("%"), ..Filter::default() }).await.is_empty(), "no wildcard");
    let some = ["b".to_owned(), "none' OR 1=1 --".to_owned()];
    assert_eq!(ids(store, &Filter { ids: Some(&some), ..Filter::default() }).await, ["b"]);
    assert!(ids(store, &Filter { ids: Some(&[]), ..Filter::default() }).await.is_empty());

    let audit = Audit {
        id: "1".to_owned(),
        changed_by: "admin".to_owned(),
        api_key: "digest".to_owned(),
        action: "deleted".to_owned(),
        table_name: "LiteLLM_VerificationToken".to_owned(),
        object_id: "a".to_owned(),
        before: Some(Map::new()),
        after: None,
    };
    let gone = [Change::Delete(Kind::Key, "a".to_owned()), Change::Audit(audit.clone())];
    store.commit(&gone, 3_000).await.unwrap();
    let of_admin =
        AuditFilter { changed_by: Some("admin"), from: Some(3_000), until: Some(3_001), ..Default::default() };
    let lines = store.audit(&of_admin, Page::ALL).await.unwrap();
    assert_eq!(lines, [Line { at: 3_000, audit }]);
    assert_eq!(store.audit_count(&AuditFilter { from: Some(3_001), ..of_admin }).await, Ok(0));
    assert!(store.spent("api_key", &["a".to_owned()], 0).await.unwrap().is_empty());
    assert_eq!(ids(store, &Filter::default()).await, ["b"]);
    for number in 0..25 {
        store.commit(&[Change::Put(key(&format!("k{number:02}"), None, None))], 4_000 + number).await.unwrap();
    }
    let page = store.list(Kind::Key, &Filter::default(), Page::number(2, 10)).await.unwrap();
    assert_eq!(page.iter().map(|object| &*object.id).collect::<Vec<_>>()[..2], ["k14", "k13"]);
    assert_eq!(store.all(Kind::Key, &Filter::default()).await.unwrap().len(), 26);
}

async fn ids(store: &Store, filter: &Filter<'_>) -> Vec<String> {
    let found = store.list(Kind::Key, filter, Page::ALL).await.unwrap();
    found.into_iter().map(|object| object.id).collect()
}

/// What many write at once is told to everybody in one order and without a gap.
async fn news(store: &Store) {
    let start = store.last_change().await.unwrap();
    let writers = (0..16).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { store.commit(&[Change::Put(key(&format!("w{number}"), None, None))], 0).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    let News::Of(mut told, last) = store.news(start).await.unwrap() else { panic!("too many") };
    told.sort();
    let mut expected: Vec<_> = (0..16).map(|number| (Kind::Key, format!("w{number}"))).collect();
    expected.sort();
    assert_eq!((told, last), (expected, start + 16));
    assert_eq!(store.news(last).await, Ok(News::Of(Vec::new(), last)));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_objects() {
    let (store, _folder) = on_sqlite().await;
    objects(&store).await;
    groups(&store).await;
    counters(&store).await;
    told(&store).await;
    news(&store).await;
    store.migrate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_objects_and_comes_back() {
    let (store, mut server) = on_postgres().await;
    objects(&store).await;
    groups(&store).await;
    counters(&store).await;
    told(&store).await;
    news(&store).await;
    store.migrate().await.unwrap();
    server.stop();
    assert!(matches!(store.ping().await, Err(Failure::Unavailable(_))));
    server.start().await;
    // A door that was found closed counts as closed for a moment.
    eventually_async("the database", async || store.ping().await.ok()).await;
    assert!(store.get(Kind::Key, "b").await.unwrap().is_some());
}
