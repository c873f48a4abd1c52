//! What needs no database.

use super::batch::{BATCH_RECORDS, Batch, count};
use super::call::{Account, Call};
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
        ..Record::default()
    };
    let call = Call::of(&record);
    assert_eq!((&*call.call_id, &*call.rest.tags[0]), ("a\u{fffd}b", "\u{fffd}"));
    assert_eq!(call.api_key, "ab".repeat(32));
    assert_eq!((call.started_at, call.cost, call.rest.output_cost), (i64::MAX, 0, 0));
    assert!(call.prompt_tokens < i64::MAX / 1_000_000, "a million of them have a sum");
    assert_eq!(call.duration_ms(), 0, "the end before the beginning");
    assert!(!call.is_failure(), "a client that left");
    assert!(Call { status: 429, ..Call::default() }.is_failure());
    let account = Account::of(&Charge { scope: "key", id: "\0", budget: "", resets_at: u64::MAX });
    assert_eq!((&*account.id, account.resets_at), ("\u{fffd}", i64::MAX));
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
        assert!(batch.records <= 7 && batch.calls.len() <= 4, "each id is there twice: {round}");
        assert_eq!((batch.oldest_ms, batch.newest_ms), (records + 1, records + batch.records));
        assert!(batch.calls.is_sorted_by_key(|call| &call.call_id));
        records += batch.records;
        ids.extend(batch.calls.into_iter().map(|call| call.call_id));
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
