//! What needs no database.

use super::batch::{BATCH_RECORDS, Batch, count};
use super::call::{Call, Rest};
use super::row::{Known, Row};
use super::write::{POSTGRES_ROWS, chunk_of};
use crate::store::files::memory::Memory;
use crate::store::journal::{Charge, Journal, Key, Limits, Position, Record};

#[test]
fn any_record_is_a_row_that_a_database_takes() {
    let record = Record {
        call_id: "a\0b",
        key: Key::Digest([0xab; 32]),
        started_ms: u64::MAX,
        prompt_tokens: u64::MAX,
        cost: i64::MIN,
        output_cost: 7,
        status: 499,
        tags: vec!["\0"],
        charges: vec![Charge { scope: "key", id: "\0", budget: "", resets_at: u64::MAX }],
        ..Record::default()
    };
    let (mut commons, mut accounts) = (Known::default(), Known::default());
    let row = Row::of(&record, &mut commons, &mut accounts);
    let rest: Rest = serde_json::from_str(&row.doc).unwrap();
    assert_eq!((&*row.call_id, &*row.tags[0], &*rest.tags[0]), ("a\u{fffd}b", "\u{fffd}", "\u{fffd}"));
    assert_eq!((row.started_at, row.cost, rest.output_cost), (i64::MAX, 0, 0));
    assert!(row.prompt_tokens < i64::MAX / 1_000_000, "a million of them have a sum");
    assert_eq!(row.duration_ms(), 0, "the end before the beginning");
    assert!(!row.is_failure(), "a client that left");
    assert!(Row { status: 429, ..row.clone() }.is_failure() && Call { status: 429, ..Call::default() }.is_failure());
    let accounts = accounts.into_all();
    assert_eq!((&*row.charges, &*accounts[0].id), (&[(0, i64::MAX), (1, 0)][..], "\u{fffd}"));
    assert_eq!((&*accounts[1].scope, &*accounts[1].id), ("key_total", "\u{fffd}"), "over all windows");
    assert_eq!(commons.into_all()[row.common].api_key, "ab".repeat(32));
}

#[test]
fn what_calls_have_in_common_is_kept_once() {
    let (mut commons, mut accounts) = (Known::default(), Known::default());
    let charge = |id| Charge { scope: "team", id, budget: "", resets_at: 0 };
    let base = Record { user: "a", team: "bc", charges: vec![charge("x"), charge("y")], ..Record::default() };
    let others = [
        base.clone(),
        Record { call_id: "2", started_ms: 7, cost: 9, charges: vec![charge("y")], ..base.clone() },
        Record { user: "ab", team: "c", ..base.clone() },
        Record { key: Key::Digest([7; 32]), ..base.clone() },
        Record { key: Key::Master, ..base.clone() },
        Record { key: Key::HealthCheck, ..base.clone() },
        base,
    ];
    let rows = others.map(|record| Row::of(&record, &mut commons, &mut accounts));
    assert_eq!(rows.each_ref().map(|row| row.common), [0, 0, 1, 2, 3, 4, 0]);
    assert_eq!((&*rows[0].charges, &*rows[1].charges), (&[(0, 0), (1, 0)][..], &[(1, 0)][..]));
    let commons = commons.into_all();
    assert_eq!((&*commons[1].user_id, &*commons[1].team_id, commons.len()), ("ab", "c", 5));
    let strange = ["\0", "\u{fffd}"].map(charge);
    let row = Row::of(&Record { charges: strange.to_vec(), ..Record::default() }, &mut Known::default(), &mut accounts);
    assert_eq!((&*row.charges, accounts.into_all().len()), (&[(2, 0), (2, 0)][..], 3), "one account to the database");
}

#[test]
fn batches_are_sorted_bounded_and_follow_one_another() {
    let files = Memory::default();
    let limits = Limits { segment_bytes: 2_000, total_bytes: 1 << 20 };
    let (journal, _) = Journal::open_on(std::sync::Arc::new(files), limits).unwrap();
    for at in 0..100 {
        let id = format!("{}", 1000 - at / 2);
        journal.append(&Record { call_id: &id, ended_ms: at + 1, ..Record::default() }).unwrap();
    }
    let (mut at, mut records, mut ids) = (Position::default(), 0, Vec::new());
    for round in 0.. {
        let batch = Batch::read(&journal, at, 7).unwrap();
        assert_eq!(count(&journal, at, batch.to).unwrap(), batch.records);
        if batch.records == 0 {
            break;
        }
        assert!(batch.records <= 7 && batch.rows.len() <= 4, "each id is there twice: {round}");
        assert_eq!((batch.oldest_ms, batch.newest_ms), (records + 1, records + batch.records));
        assert!(batch.rows.is_sorted_by_key(|row| &row.call_id));
        records += batch.records;
        ids.extend(batch.rows.into_iter().map(|row| row.call_id));
        at = batch.to;
    }
    ids.dedup();
    ids.sort();
    ids.dedup();
    assert_eq!((records, ids.len(), at), (100, 50, journal.end()));
    assert_eq!(count(&journal, Position::default(), at).unwrap(), 100);
}

#[test]
fn few_lengths_of_statements() {
    for rows in 0..=BATCH_RECORDS {
        let (mut left, mut lengths) = (rows, Vec::new());
        while left > 0 {
            lengths.push(chunk_of(left, POSTGRES_ROWS));
            left -= chunk_of(left, POSTGRES_ROWS);
        }
        assert_eq!(lengths.iter().sum::<usize>(), rows);
        assert!(lengths.iter().all(|length| length.is_power_of_two() && *length <= POSTGRES_ROWS));
        assert!(lengths.len() <= rows / POSTGRES_ROWS + 6);
    }
}
