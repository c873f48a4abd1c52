//! Questions about what was moved.

use tollgate::store::spend::query::{Dimension, LogFilter, LogOrder, LogPage, Outcome, UsageOrder, UsagePage};

use super::*;

const ALL: UsagePage = UsagePage { order: UsageOrder::Names, offset: 0, limit: 10_000 };
const FIRST: LogPage = LogPage { order: LogOrder::Started, ascending: false, offset: 0, limit: 1_000 };

/// Sixty calls on three days, from DAY on.
async fn filled(store: &Store) {
    let place = tempfile::tempdir().unwrap();
    let lanes = lanes_in(place.path());
    for number in 0..60 {
        let (id, answer) = (format!("id-{number:02}"), format!("chatcmpl-{number}"));
        let mut record = call(&id, number);
        record.started_ms += DAY_MS * (number as u64 / 20);
        record.ended_ms = record.started_ms + number as u64;
        record.request_id = &answer;
        record.user = ["ann", "bob", ""][number % 3];
        record.end_user = if number == 7 { "customer" } else { "" };
        record.cost = COST * number as i64;
        record.api_base = "https://api.example.com";
        lanes.own().journal.append(&record).unwrap();
    }
    mover(store, &lanes).drain().await.unwrap();
}

async fn ids(store: &Store, filter: LogFilter<'_>, page: LogPage) -> Vec<String> {
    let found = store.spend_logs(&filter, page).await.unwrap();
    if page.offset == 0 && page.limit == 1_000 {
        assert_eq!(store.count_spend_logs(&filter).await.unwrap(), found.len() as u64);
    }
    found.into_iter().map(|call| call.call_id).collect()
}

async fn logs(store: &Store) {
    let none = LogFilter::default();
    assert_eq!(ids(store, none, FIRST).await.len(), 60);
    let page = LogPage { offset: 10, limit: 2, ..FIRST };
    assert_eq!(ids(store, none, page).await, ["id-49", "id-48"]);
    let last = store.spend_logs(&none, LogPage { limit: 11, ..FIRST }).await.unwrap().pop().unwrap();
    let older = LogFilter { before: Some((last.started_at, &last.call_id)), ..none };
    let limit = LogPage { limit: 2, ..FIRST };
    assert_eq!(
        (&*last.call_id, ids(store, older, limit).await),
        ("id-49", vec!["id-48".to_owned(), "id-47".to_owned()])
    );
    let twin = LogFilter { before: Some((last.started_at, "id-5")), ..none };
    assert_eq!(ids(store, twin, limit).await, ["id-49", "id-48"], "of the same moment, by their ids");
    let by_cost = LogPage { order: LogOrder::Cost, ascending: true, limit: 2, ..FIRST };
    assert_eq!(ids(store, none, by_cost).await, ["id-00", "id-01"]);
    let by_duration = LogPage { order: LogOrder::Duration, limit: 1, ..FIRST };
    assert_eq!(ids(store, none, by_duration).await, ["id-59"]);
    for id in ["id-07", "chatcmpl-7"] {
        assert_eq!(ids(store, LogFilter { request_id: Some(id), ..none }, FIRST).await, ["id-07"]);
    }
    assert_eq!(ids(store, LogFilter { user_id: Some("ann"), ..none }, FIRST).await.len(), 20);
    assert_eq!(ids(store, LogFilter { user_id: Some(""), ..none }, FIRST).await.len(), 20);
    assert_eq!(ids(store, LogFilter { team_id: Some("team-1"), ..none }, FIRST).await.len(), 30);
    assert_eq!(ids(store, LogFilter { end_user: Some("customer"), ..none }, FIRST).await, ["id-07"]);
    assert_eq!(ids(store, LogFilter { api_key: Some(&"02".repeat(32)), ..none }, FIRST).await.len(), 20);
    assert!(ids(store, LogFilter { model: Some("' OR 1=1"), ..none }, FIRST).await.is_empty());
    assert_eq!(ids(store, LogFilter { outcome: Some(Outcome::Failure), ..none }, FIRST).await.len(), 6);
    assert_eq!(ids(store, LogFilter { outcome: Some(Outcome::Success), ..none }, FIRST).await.len(), 54);
    let second_day = (DAY + 1) * DAY_MS as i64;
    let range = LogFilter { from: Some(second_day), until: Some(second_day + DAY_MS as i64), ..none };
    assert_eq!(ids(store, range, FIRST).await.len(), 20);
    let costs = LogFilter { least_cost: Some(COST * 10), most_cost: Some(COST * 11), ..none };
    assert_eq!(ids(store, costs, FIRST).await, ["id-11", "id-10"]);
    let days = store.spend_logs_by_day(&LogFilter { status: Some(500), ..none }).await.unwrap();
    assert_eq!(days, [(DAY, String::new(), 2), (DAY + 1, String::new(), 2), (DAY + 2, String::new(), 2)]);
    let call = store.spend_logs(&LogFilter { request_id: Some("id-08"), ..none }, FIRST).await.unwrap().remove(0);
    assert_eq!((call.cost, call.duration_ms(), call.is_failure()), (COST * 8, 8, false));
    assert_eq!(
        (&*call.rest.api_base, &*call.rest.tags),
        ("https://api.example.com", &["search", "night"].map(str::to_owned)[..])
    );
}

async fn usage(store: &Store) {
    let days = |from_day, to_day| UsageFilter { from_day, to_day, ..UsageFilter::default() };
    let all = days(DAY, DAY + 2);
    assert_eq!(store.used(&all).await.unwrap().cost, i128::from(COST) * (59 * 60 / 2));
    assert_eq!(store.used(&days(0, 1)).await.unwrap(), Used::default());
    let per_day = store.usage(&[Dimension::Day], &all, ALL).await.unwrap();
    let requests: Vec<_> = per_day.iter().map(|usage| (usage.day(0) - DAY, usage.used.requests)).collect();
    assert_eq!(requests, [(2, 20), (1, 20), (0, 20)]);
    let tags = store.usage(&[Dimension::Tag], &all, ALL).await.unwrap();
    let tags: Vec<_> = tags.iter().map(|usage| (usage.name(0), usage.used.requests)).collect();
    assert_eq!(tags, [("night", 30), ("search", 30)]);
    let by_cost = UsagePage { order: UsageOrder::Cost, offset: 0, limit: 1 };
    let users = store.usage(&[Dimension::User], &all, by_cost).await.unwrap();
    assert_eq!((users[0].name(0), users[0].used.requests), ("", 20));
    let given = UsageFilter { given: Some(Dimension::User), ..all.clone() };
    assert_eq!(store.usage(&[Dimension::User], &given, by_cost).await.unwrap()[0].name(0), "bob");
    assert_eq!(store.count_usage(&[Dimension::User, Dimension::Day], &given).await.unwrap(), 6);
    let (bob, search) = (["bob".to_owned()], ["search".to_owned()]);
    let only = UsageFilter { only: vec![(Dimension::User, &bob), (Dimension::Tag, &search)], ..all.clone() };
    assert_eq!(store.used(&only).await.unwrap().requests, 10);
    let nobody = UsageFilter { only: vec![(Dimension::User, &[])], ..all };
    assert_eq!(store.used(&nobody).await.unwrap().requests, 60, "an empty list asks for nothing");
}

/// Old calls go, in more than one step; what they did cost stays.
async fn retention(store: &Store) {
    let place = tempfile::tempdir().unwrap();
    let lanes = lanes_in(place.path());
    append(&lanes, 0..2_300);
    mover(store, &lanes).drain().await.unwrap();
    let before = used(store).await;
    let all = rows(store).await;
    let deleted = store.delete_spend_logs(DAY * DAY_MS as i64 + 2_100).await.unwrap();
    assert_eq!(deleted as usize, 2_100 + 20, "those of the first day, and the same of the other test");
    assert_eq!(rows(store).await, all - 2_120);
    assert_eq!(used(store).await, before);
    assert_eq!(spent(store, "global", "all").await, before.cost as i64);
    assert_eq!(store.delete_spend_logs(0).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_answers_reports() {
    let (store, _folder) = on_sqlite().await;
    filled(&store).await;
    logs(&store).await;
    usage(&store).await;
    retention(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_answers_reports() {
    let (store, _server) = on_postgres().await;
    filled(&store).await;
    logs(&store).await;
    usage(&store).await;
    retention(&store).await;
}
