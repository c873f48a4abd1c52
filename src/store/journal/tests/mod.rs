//! Tests of the journal. Most run on [`Memory`]: quick enough for every byte of a file and every file operation.

mod concurrency;
mod faults;
mod kill;
mod lanes;
mod recovery;

use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
pub use crate::store::files::memory::Memory;

/// Small segments, so that a few records make several.
pub const SMALL: Limits = Limits { segment_bytes: 1000, total_bytes: 1 << 20 };

/// A record that is known by its id, and differs from others in more than that.
pub fn call(id: &str) -> Record<'_> {
    let size = id.len() as u64 * 1000;
    Record { call_id: id, team: id, ended_ms: 1_700_000_000_000, prompt_tokens: size, cost: 7, ..Record::default() }
}

pub fn open(files: &Memory, limits: Limits) -> (Journal, Recovered) {
    Journal::open_on(Arc::new(files.clone()), limits).unwrap()
}

/// Ids of all records; each record must be one that [`call`] made.
pub fn ids(journal: &Journal) -> Vec<String> {
    let mut found = Vec::new();
    let took = journal.replay(Position::default(), |record, _| {
        assert_eq!(*record, call(record.call_id), "an invented record");
        found.push(record.call_id.to_owned());
        ControlFlow::Continue(())
    });
    took.unwrap();
    found
}

/// As many appended calls, and their ids.
pub fn fill(journal: &Journal, count: usize) -> Vec<String> {
    let ids: Vec<String> = (0..count).map(|at| format!("call-{at}")).collect();
    ids.iter().for_each(|id| journal.append(&call(id)).unwrap());
    ids
}

prop_compose! {
    fn any_key()(code in 0..4_u8, digest in any::<[u8; 32]>()) -> Key {
        [Key::None, Key::Master, Key::HealthCheck, Key::Digest(digest)][usize::from(code)]
    }
}

prop_compose! {
    fn any_record()(
        texts in prop::array::uniform16(".{0,20}"),
        numbers in prop::array::uniform9(any::<u64>()),
        costs in any::<[i64; 7]>(),
        key in any_key(),
        tags in prop::collection::vec(".{0,9}", 0..5),
        charges in prop::collection::vec((".{0,9}", ".{0,90}", ".{0,9}", any::<u64>()), 0..5),
        status in any::<u16>(),
        cache_hit in any::<bool>(),
    ) -> Vec<u8> {
        let [call_id, request_id, user, team, organization, end_user, model_group, model, model_id, provider, api_base,
            call_type, error_class, session_id, requester_ip, spend_logs_metadata] = texts.each_ref().map(String::as_str);
        let [started_ms, ended_ms, completion_start_ms, prompt_tokens, completion_tokens, total_tokens,
            cache_read_tokens, cache_write_tokens, reasoning_tokens] = numbers;
        let [cost, output_cost, discount, margin, fixed, discount_rate, margin_rate] = costs;
        let adjustment = Adjustment { discount, margin, fixed, discount_rate, margin_rate };
        let charge = |(scope, id, budget, resets_at)| Charge { scope, id, budget, resets_at };
        let charges = charges.iter().map(|(scope, id, budget, at)| charge((scope, id, budget, *at))).collect();
        let record = Record { call_id, request_id, started_ms, ended_ms, completion_start_ms, key, user, team,
            organization, end_user, model_group, model, model_id, provider, api_base, call_type, status, error_class,
            prompt_tokens, completion_tokens, total_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
            cost, output_cost, adjustment, tags: tags.iter().map(String::as_str).collect(), session_id,
            spend_logs_metadata, requester_ip, cache_hit, charges, ..Record::default() };
        let mut bytes = Vec::new();
        record.encode_into(&mut bytes);
        assert_eq!(Record::decode(&bytes), Some(record));
        bytes
    }
}

proptest! {
    #[test]
    fn any_sequence_of_records_comes_back(written in prop::collection::vec(any_record(), 0..30), restarts in 0..3) {
        let files = Memory::default();
        let (mut journal, _) = open(&files, SMALL);
        for (at, bytes) in written.iter().enumerate() {
            journal.append(&Record::decode(bytes).unwrap()).unwrap();
            if restarts > 0 && at % 10 == 9 {
                journal = open(&files, SMALL).0;
            }
        }
        for journal in [journal, open(&files, SMALL).0] {
            let mut read = Vec::new();
            journal.replay(Position::default(), |record, _| {
                let mut bytes = Vec::new();
                record.encode_into(&mut bytes);
                read.push(bytes);
                ControlFlow::Continue(())
            })?;
            prop_assert_eq!(&read, &written);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Record::decode(&bytes);
        let _ = frame::first(&bytes);
        let files = Memory::default();
        files.put("0000000000000001.spend", &bytes);
        let (journal, _) = open(&files, SMALL);
        prop_assert!(ids(&journal).is_empty());
    }
}

#[test]
fn fields_that_were_encoded_before_come_back_like_the_others() {
    let digest = Key::Digest([7; 32]);
    let of_key = Alike::of(&Record { key: digest, user: "u", team: "t", organization: "o", ..Record::default() });
    let of_deployment =
        Alike::of(&Record { model: "m", provider: "openai", api_base: "http://x", ..Record::default() });
    let mut bytes = Vec::new();
    Record { team: "", alike: [Some(&of_key), Some(&of_deployment)], ..call("one") }.encode_into(&mut bytes);
    let whole = Record {
        key: digest,
        user: "u",
        team: "t",
        organization: "o",
        model: "m",
        provider: "openai",
        api_base: "http://x",
        ..call("one")
    };
    assert_eq!(Record::decode(&bytes), Some(whole));
}

#[test]
fn a_field_of_a_later_release_is_stepped_over() {
    let mut bytes = Vec::new();
    call("one").encode_into(&mut bytes);
    bytes.extend_from_slice(&[200, 3, 1, 2, 3]);
    assert_eq!(Record::decode(&bytes), Some(call("one")));
    bytes[0] += 1;
    assert_eq!(Record::decode(&bytes), None, "another version");
}

#[test]
fn what_is_too_long_is_cut_at_a_character() {
    let long = "ä".repeat(MAX_SCOPE_ID);
    let text = long.as_str();
    let charge = Charge { scope: text, id: text, budget: text, resets_at: u64::MAX };
    let metadata = "x".repeat(MAX_METADATA);
    let record = Record {
        call_id: "1",
        request_id: text,
        user: text,
        team: text,
        organization: text,
        end_user: text,
        model_group: text,
        model: text,
        model_id: text,
        provider: text,
        api_base: text,
        call_type: text,
        error_class: text,
        session_id: text,
        requester_ip: text,
        spend_logs_metadata: &metadata,
        cost: i64::MAX,
        tags: vec![text; MAX_TAGS + 1],
        charges: vec![charge; MAX_CHARGES + 1],
        ..Record::default()
    };
    let mut bytes = Vec::new();
    record.encode_into(&mut bytes);
    assert!(bytes.len() < record::MAX_RECORD);
    let read = Record::decode(&bytes).unwrap();
    assert_eq!(read.team, "ä".repeat(MAX_TEXT / 2));
    assert_eq!((read.tags.len(), read.charges.len()), (MAX_TAGS, MAX_CHARGES));
    assert_eq!(read.charges[0].id, "ä".repeat(MAX_SCOPE_ID / 2));
    assert_eq!(read.spend_logs_metadata, metadata);
    let longer = "x".repeat(MAX_METADATA + 1);
    bytes.clear();
    Record { spend_logs_metadata: &longer, ..call("1") }.encode_into(&mut bytes);
    assert_eq!(Record::decode(&bytes), Some(call("1")), "left out, not cut");
}
