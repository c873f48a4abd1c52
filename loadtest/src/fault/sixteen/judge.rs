//! What a record is worth, fault by fault.
//!
//! A whole answer in the right way passes; in another way it is partial; a clear error is safe, because the client knows;
//! all else fails.

use std::cmp::Reverse;

use super::cases::{BACKUP_PROMPT, Case, OUTAGE, RETURN_LIMIT};
use super::record::{Record, Told};
use crate::fault::card::{Mark, Verdict};
use crate::fault::transcript::{Outcome, PRIMARY_WORD, Voice, words};

/// By what a fault is judged.
pub type Judge = fn(&Record) -> Verdict;

/// Tries of one provider that are taken for patience; more are an attack.
const MOST_TRIES: usize = 6;
/// A back-off begins with at least so many seconds.
const LEAST_BACK_OFF: f64 = 0.1;
/// Two pauses that differ by less than this share of them have no jitter.
const EQUAL_SHARE: f64 = 0.01;
/// Seconds in which a provider that never answers must have been left.
const SILENCE_LIMIT: f64 = 30.0;

/// The judge's word, and whether the gateway is still well.
pub fn verdict(case: &Case, record: &Record) -> Verdict {
    let well = record.afterwards.outcome(record.tokens);
    let is_well = well == Outcome::Whole(Voice::Backup);
    (case.judge)(record).unless(is_well, Mark::Fail, || format!("not well afterwards: {well:?}"))
}

/// Whole passes, an error is safe, all else fails.
fn worth(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Whole(_) => Verdict::pass(),
        Outcome::Refused(message) => Verdict::pass().unless(false, Mark::Safe, || format!("error: {message}")),
        Outcome::Wrong(what) => Verdict::pass().unless(false, Mark::Fail, || what.clone()),
    }
}

/// The call's worth, with the tries of both upstreams.
fn answered(record: &Record) -> Verdict {
    let (primary, backup) = (record.primary.len(), record.backup.len());
    worth(&record.outcome()).noting(format!("tries: primary {primary}, fallback {backup}"))
}

fn answered_by_fallback(record: &Record) -> Verdict {
    let by_primary = record.is_whole_of(Voice::Primary);
    answered(record).unless(!by_primary, Mark::Partial, || "the primary answered".to_owned())
}

fn within(verdict: Verdict, record: &Record, seconds: f64) -> Verdict {
    let took = record.call().took;
    let is_late = record.is_whole() && took > record.scale.limit(seconds);
    verdict.unless(!is_late, Mark::Partial, || format!("took {:.1} s, {seconds} s are right", took.as_secs_f64()))
}

fn tried_once(verdict: Verdict, record: &Record) -> Verdict {
    let tries = record.primary.len();
    verdict.unless(tries == 1, Mark::Partial, || format!("the primary was tried {tries} times, once is right"))
}

pub fn waits_and_comes_back(record: &Record) -> Verdict {
    let early = record.tries_within(1.5);
    let first = record.gaps().first().copied();
    answered(record)
        .unless(!record.is_whole_of(Voice::Backup), Mark::Partial, || "failed over instead of waiting".to_owned())
        .unless(first.is_none_or(|gap| gap >= 1.8), Mark::Partial, || {
            format!("came back after {:.1} s", first.unwrap_or_default())
        })
        .unless(early <= 2, Mark::Fail, || format!("{early} tries in 1.5 s"))
}

pub fn backs_off_and_fails_over(record: &Record) -> Verdict {
    let (early, all, gaps) = (record.tries_within(3.0), record.primary.len(), record.gaps());
    let shortest = gaps.iter().copied().reduce(f64::min);
    let is_equal = |pair: &[f64]| (pair[1] - pair[0]).abs() <= EQUAL_SHARE * pair[0];
    let is_regular = gaps.len() >= 2 && gaps.windows(2).all(is_equal);
    answered_by_fallback(record)
        .unless(early <= 4, Mark::Partial, || format!("{early} tries in 3 s"))
        .unless(all <= MOST_TRIES, Mark::Partial, || format!("{all} tries in all"))
        .unless(shortest.is_none_or(|gap| gap >= LEAST_BACK_OFF), Mark::Partial, || "tried again at once".to_owned())
        .unless(!is_regular, Mark::Partial, || "backs off without jitter".to_owned())
}

pub fn tries_the_same_again(record: &Record) -> Verdict {
    answered(record)
        .unless(!record.is_whole_of(Voice::Backup), Mark::Partial, || "failed over instead of trying again".to_owned())
}

pub fn fails_over(record: &Record) -> Verdict {
    let tries = record.primary.len();
    answered_by_fallback(record).unless(tries <= MOST_TRIES, Mark::Partial, || format!("{tries} tries of the primary"))
}

pub fn answers_somehow(record: &Record) -> Verdict {
    let tries = record.primary.len();
    answered(record).unless(tries <= MOST_TRIES, Mark::Partial, || format!("{tries} tries of the primary"))
}

pub fn times_out_once(record: &Record) -> Verdict {
    tried_once(within(answered_by_fallback(record), record, SILENCE_LIMIT), record)
}

pub fn limits_the_first_token(record: &Record) -> Verdict {
    within(answered_by_fallback(record), record, 15.0)
}

pub fn rescues(record: &Record) -> Verdict {
    let with_prefill = record.backup.iter().filter(|it| it.has_prefill).count();
    let verdict = answered(record);
    if with_prefill > 0 { verdict.noting(format!("{with_prefill} with a prefill")) } else { verdict }
}

pub fn goes_on(record: &Record) -> Verdict {
    let has_gone_on = record.backup.iter().any(|it| it.has_prefill);
    rescues_from_a_stall(record).unless(has_gone_on, Mark::Partial, || "began anew instead of going on".to_owned())
}

pub fn rescues_from_a_stall(record: &Record) -> Verdict {
    let is_waited_out = record.is_whole() && record.backup.is_empty() && record.primary.len() <= 1;
    within(rescues(record), record, 45.0).unless(!is_waited_out, Mark::Partial, || "waited until it went on".to_owned())
}

/// To skip the event is right, to fail is right, and so is the whole answer from elsewhere.
pub fn survives_garbage(record: &Record) -> Verdict {
    let call = record.call();
    let without_tenth = words(PRIMARY_WORD, 0..9) + &words(PRIMARY_WORD, 10..record.tokens);
    let is_skipped = call.text == without_tenth && call.finish_reason.is_some() && call.malformed == 0;
    match record.outcome() {
        Outcome::Wrong(_) if is_skipped => Verdict::pass().noting("skipped the event"),
        Outcome::Refused(message) => Verdict::pass().noting(format!("failed clean: {message}")),
        _ => rescues(record),
    }
}

pub fn ends_without_done(record: &Record) -> Verdict {
    let counted = usage(record, "completion_tokens");
    within(answered(record), record, 8.0)
        .unless(record.backup.is_empty(), Mark::Partial, || "asked the fallback for it".to_owned())
        .unless(!record.is_whole() || counted == Some(record.tokens), Mark::Partial, || format!("usage {counted:?}"))
}

pub fn takes_a_larger_model(record: &Record) -> Verdict {
    tried_once(answered_by_fallback(record), record)
}

pub fn passes_the_refusal_on(record: &Record) -> Verdict {
    let (status, outcome, asked) = (record.call().status, record.outcome(), record.backup.len());
    let has_reason = matches!(&outcome, Outcome::Refused(message) if message.contains("content_policy_violation"));
    let verdict = match outcome {
        Outcome::Refused(message) => Verdict::pass().noting(message),
        Outcome::Whole(_) => Verdict::pass().unless(false, Mark::Fail, || "routed around the refusal".to_owned()),
        Outcome::Wrong(what) => Verdict::pass().unless(false, Mark::Fail, || what),
    };
    tried_once(verdict, record)
        .unless(asked == 0, Mark::Fail, || format!("the fallback was asked {asked} times"))
        .unless(has_reason, Mark::Partial, || "the provider's reason is lost".to_owned())
        .unless(status == 400, Mark::Partial, || format!("status {status}"))
}

pub fn restarts(record: &Record) -> Verdict {
    let is_masked = matches!(record.outcome(), Outcome::Refused(message) if message.contains("prefill"));
    rescues(record).unless(!is_masked, Mark::Fail, || "the prefill's error hides the cut".to_owned())
}

pub fn comes_back_after_the_outage(record: &Record) -> Verdict {
    let outcome = |told: &Told| told.transcript.outcome(record.tokens);
    let worst =
        record.told.iter().map(|told| (told, worth(&outcome(told)))).min_by_key(|(_, worth)| Reverse(worth.mark));
    let Some((told, worst)) = worst else { return worth(&Outcome::Wrong("nothing was asked".to_owned())) };
    // The primary's clock runs from its first request on.
    let begun = record.primary.first().map(|it| it.at).unwrap_or_default();
    let healed = begun + record.scale.pause(OUTAGE);
    let is_back = |told: &&Told| outcome(told) == Outcome::Whole(Voice::Primary);
    let back = record.told.iter().find(is_back).map(|told| told.sent.saturating_sub(healed));
    let after = back.unwrap_or_default().as_secs_f64();
    let limit = record.scale.limit(RETURN_LIMIT);
    let all_whole = worst.mark == Mark::Pass;
    Verdict::pass()
        .noting(format!("{} calls, {} tries of the primary", record.told.len(), record.primary.len()))
        .unless(all_whole, worst.mark, || format!("call at {:.0} s: {}", told.sent.as_secs_f64(), worst.reason()))
        .unless(back.is_some(), Mark::Partial, || "never came back to the primary".to_owned())
        .unless(back.is_none_or(|back| back <= limit), Mark::Partial, || format!("back {after:.1} s after"))
        .noting(if back.is_some() { format!("back after {after:.1} s") } else { String::new() })
}

pub fn names_and_bills_the_fallback(record: &Record) -> Verdict {
    let (call, bill) = (record.call(), &record.bill);
    let is_named = call.models.len() == 1 && call.models.iter().all(|model| record.backup_names.contains(model));
    let counted = (usage(record, "prompt_tokens"), usage(record, "completion_tokens"));
    let is_counted = counted == (Some(BACKUP_PROMPT), Some(record.tokens));
    // One for the call, one for the call afterwards.
    let is_billed = bill.charges == [bill.expected, bill.expected];
    let whole = record.is_whole();
    answered_by_fallback(record)
        .unless(!whole || is_named, Mark::Partial, || format!("the answer names {:?}", call.models))
        .unless(!whole || is_counted, Mark::Partial, || format!("usage {counted:?}"))
        .unless(!whole || is_billed, Mark::Partial, || format!("charged {:?} of {} each", bill.charges, bill.expected))
}

fn usage(record: &Record, name: &str) -> Option<usize> {
    record.call().usage.as_ref()?.get(name)?.as_u64().map(|count| count as usize)
}
