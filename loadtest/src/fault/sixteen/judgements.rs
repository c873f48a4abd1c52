//! Recorded faults and what they are worth: the judges themselves under test.

use std::time::Duration;

use serde_json::json;

use super::cases::{BACKUP_PROMPT, CASES, TOKENS, VARIATIONS};
use super::judge::verdict;
use super::record::{Bill, Record, Told, Try};
use crate::fault::card::Mark::{self, Fail, Partial, Pass, Safe};
use crate::fault::scale::Scale;
use crate::fault::transcript::{BACKUP_WORD, End, PRIMARY_WORD, Transcript, words};

fn transcript(word: &str, count: usize, end: End, took: f64) -> Transcript {
    Transcript {
        status: 200,
        text: words(word, 0..count),
        models: ["S16-backup".to_owned()].into(),
        finish_reason: (count == TOKENS).then(|| "stop".to_owned()),
        usage: Some(json!({"prompt_tokens": BACKUP_PROMPT, "completion_tokens": TOKENS})),
        end,
        took: Duration::from_secs_f64(took),
        ..Transcript::default()
    }
}

fn whole(word: &str, took: f64) -> Transcript {
    transcript(word, TOKENS, End::Done, took)
}

fn error(status: u16, count: usize, message: &str) -> Transcript {
    let error = Some(message.to_owned());
    Transcript { status, error, ..transcript(PRIMARY_WORD, count, End::Ended, 1.0) }
}

fn tries(at: &[f64]) -> Vec<Try> {
    at.iter().map(|at| Try { at: Duration::from_secs_f64(*at), has_prefill: false }).collect()
}

/// A call, and when primary and fallback were tried.
fn record(transcript: Transcript, primary: &[f64], backup: &[f64]) -> Record {
    Record {
        scale: Scale(1.0),
        tokens: TOKENS,
        told: vec![Told { sent: Duration::ZERO, transcript }],
        primary: tries(primary),
        backup: tries(backup),
        afterwards: whole(BACKUP_WORD, 0.1),
        backup_names: vec!["S16-backup".to_owned()],
        bill: Bill { charges: vec![7, 7], expected: 7 },
    }
}

fn check(id: &str, record: &Record, mark: Mark) {
    let case = CASES.iter().chain(&VARIATIONS).find(|case| case.id == id).unwrap();
    let verdict = verdict(case, record);
    assert_eq!(verdict.mark, mark, "{id}: {}; {record:?}", verdict.reason());
}

#[test]
fn waiting_is_told_from_hammering() {
    check("S01", &record(whole("w", 2.1), &[0.0, 2.0], &[]), Pass);
    check("S01", &record(whole("w", 0.5), &[0.0, 0.5], &[]), Partial);
    check("S01", &record(whole("b", 0.5), &[0.0], &[0.1]), Partial);
    check("S01", &record(whole("w", 0.5), &[0.0, 0.1, 0.2], &[]), Fail);
    check("S01", &record(error(429, 0, "later"), &[0.0], &[]), Safe);
    check("S02", &record(whole("b", 2.0), &[0.0, 0.4, 1.5], &[1.6]), Pass);
    check("S02", &record(whole("b", 0.1), &[0.0], &[0.1]), Pass);
    check("S02", &record(whole("b", 2.0), &[0.0, 0.5, 1.0, 1.5], &[1.6]), Partial);
    check("S02", &record(whole("b", 0.2), &[0.0, 0.01], &[0.1]), Partial);
    check("S02", &record(whole("b", 3.0), &[0.0, 0.3, 0.7, 1.3, 2.1], &[2.6]), Partial);
    check("S04", &record(whole("b", 2.0), &[0.0, 0.5, 1.2], &[1.3]), Pass);
    check("S04", &record(whole("b", 9.0), &[0.0, 0.5, 1.2, 2.0, 3.0, 4.0, 5.0], &[6.0]), Partial);
    check("S04", &record(error(503, 0, "no"), &[0.0, 0.5, 1.2], &[]), Safe);
}

#[test]
fn who_is_asked_again_counts() {
    check("S03", &record(whole("w", 0.5), &[0.0, 0.5], &[]), Pass);
    check("S03", &record(whole("b", 0.5), &[0.0], &[0.1]), Partial);
    check("S05", &record(whole("b", 0.5), &[0.0, 0.1], &[0.1]), Pass);
    check("S05", &record(transcript("b", 0, End::Broken, 0.1), &[0.0], &[]), Fail);
    check("S06", &record(whole("b", 10.1), &[0.0], &[10.0]), Pass);
    check("S06", &record(whole("b", 20.1), &[0.0, 10.0], &[20.0]), Partial);
    check("S06", &record(whole("b", 40.0), &[0.0], &[39.0]), Partial);
    check("S06", &record(transcript("b", 0, End::Silent, 60.0), &[0.0], &[]), Fail);
    check("S12", &record(whole("b", 0.1), &[0.0], &[0.1]), Pass);
    check("S12", &record(whole("b", 0.9), &[0.0, 0.5], &[0.8]), Partial);
}

#[test]
fn late_answers_are_not_right() {
    check("S07", &record(whole("b", 10.5), &[0.0], &[10.0]), Pass);
    check("S07", &record(whole("b", 16.0), &[0.0], &[15.5]), Partial);
    check("S07", &record(whole("w", 20.5), &[0.0], &[]), Partial);
    check("S11", &record(whole("w", 0.6), &[0.0], &[]), Pass);
    check("S11", &record(whole("w", 9.0), &[0.0], &[]), Partial);
    let mut uncounted = whole("w", 0.6);
    uncounted.usage = None;
    check("S11", &record(uncounted, &[0.0], &[]), Partial);
    check("S11", &record(transcript("w", TOKENS, End::Broken, 0.6), &[0.0], &[]), Fail);
}

#[test]
fn a_cut_may_be_rescued_or_told_but_never_hidden() {
    for id in ["S08", "S09", "S14"] {
        check(id, &record(whole("w", 1.0), &[0.0], &[0.5]), Pass);
        check(id, &record(error(200, 40, "cut"), &[0.0], &[]), Safe);
        check(id, &record(transcript("w", 40, End::Done, 0.5), &[0.0], &[]), Fail);
        check(id, &record(transcript("w", 40, End::Ended, 0.5), &[0.0], &[]), Fail);
        check(id, &record(transcript("w", 40, End::Broken, 0.5), &[0.0], &[]), Fail);
    }
    check("S09", &record(whole("w", 31.0), &[0.0], &[]), Partial);
    check("S09", &record(whole("w", 46.0), &[0.0], &[40.0]), Partial);
    check("S14", &record(error(200, 40, "400: prefill_not_supported"), &[0.0], &[0.5]), Fail);
    let mut gone_on = record(whole("w", 1.0), &[0.0], &[0.5]);
    check("P08", &gone_on, Partial);
    gone_on.backup[0].has_prefill = true;
    check("P08", &gone_on, Pass);
    let mut twice = whole("w", 1.0);
    twice.text = words(PRIMARY_WORD, 0..40) + &words(PRIMARY_WORD, 0..TOKENS);
    check("S14", &record(twice, &[0.0], &[0.5]), Fail);
}

#[test]
fn garbage_may_be_skipped_but_not_passed_on() {
    let mut skipped = whole("w", 1.0);
    skipped.text = words(PRIMARY_WORD, 0..9) + &words(PRIMARY_WORD, 10..TOKENS);
    check("S10", &record(skipped.clone(), &[0.0], &[]), Pass);
    check("S10", &record(error(200, 9, "unreadable"), &[0.0], &[]), Pass);
    check("S10", &record(whole("w", 1.0), &[0.0], &[0.5]), Pass);
    skipped.malformed = 1;
    check("S10", &record(skipped, &[0.0], &[]), Fail);
    check("S10", &record(transcript("w", 9, End::Done, 1.0), &[0.0], &[]), Fail);
    let mut unwell = record(error(200, 9, "unreadable"), &[0.0], &[]);
    unwell.afterwards = transcript("b", 0, End::Broken, 0.1);
    check("S10", &unwell, Fail);
}

#[test]
fn a_refusal_is_passed_on_with_its_reason() {
    check("S13", &record(error(400, 0, "ContentPolicyViolationError: content_policy_violation"), &[0.0], &[]), Pass);
    check("S13", &record(error(400, 0, "Bad request"), &[0.0], &[]), Partial);
    check("S13", &record(error(500, 0, "content_policy_violation"), &[0.0], &[]), Partial);
    check("S13", &record(error(400, 0, "content_policy_violation"), &[0.0, 0.5], &[]), Partial);
    check("S13", &record(error(400, 0, "content_policy_violation"), &[0.0], &[0.5]), Fail);
    check("S13", &record(whole("b", 0.5), &[0.0], &[0.1]), Fail);
}

#[test]
fn an_outage_is_bridged_and_its_end_is_noticed() {
    let call = |sent: f64, word: &str| Told { sent: Duration::from_secs_f64(sent), transcript: whole(word, 0.1) };
    let outage = |told: Vec<Told>| Record { told, ..record(whole("b", 0.1), &[0.0, 64.0], &[0.1]) };
    check("S15", &outage(vec![call(0.0, "b"), call(4.0, "b"), call(64.0, "w")]), Pass);
    check("S15", &outage(vec![call(0.0, "b"), call(64.0, "b"), call(92.0, "w")]), Partial);
    check("S15", &outage(vec![call(0.0, "b"), call(4.0, "b")]), Partial);
    let mut refused = call(4.0, "b");
    refused.transcript = error(503, 0, "no");
    check("S15", &outage(vec![call(0.0, "b"), refused, call(64.0, "w")]), Safe);
    check("S15", &outage(Vec::new()), Fail);
}

#[test]
fn the_answer_and_the_bill_name_the_fallback() {
    let right = || record(whole("b", 0.1), &[0.0], &[0.1]);
    check("S16", &right(), Pass);
    let mut misnamed = right();
    misnamed.told[0].transcript.models = ["S16".to_owned()].into();
    check("S16", &misnamed, Partial);
    let mut miscounted = right();
    miscounted.told[0].transcript.usage = Some(json!({"prompt_tokens": 12, "completion_tokens": TOKENS}));
    check("S16", &miscounted, Partial);
    let mut overcharged = right();
    overcharged.bill.charges = vec![7, 7, 60];
    check("S16", &overcharged, Partial);
}
