//! What an upstream's misbehaviour may look like to a client.

use std::ops::RangeInclusive;

use super::table::{Right, Row};
use super::wire::TOKENS;
use crate::fault::card::{Mark, Verdict};
use crate::fault::transcript::{Outcome, Transcript, Voice};

/// More bytes than these are not taken of anything that has no end.
const MOST_TAKEN: u64 = 512 << 20;
/// Statuses of a provider's fault.
const OF_PROVIDERS: RangeInclusive<u16> = 500..=599;
/// LiteLLM's for a provider that is too slow.
const TIMEOUT: u16 = 408;
const LIMITED: u16 = 429;

/// All that is known of one.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// With a healthy fallback.
    pub with_fallback: Transcript,
    /// With none, and without retries.
    pub alone: Transcript,
    /// A call to a healthy model afterwards.
    pub afterwards: Transcript,
    /// Where the upstream sent the gateway, and it went.
    pub was_followed: bool,
    /// A header of the upstream has become two, or has kept a control character.
    pub is_injected: bool,
    /// Bytes that the gateway took.
    pub taken: u64,
}

/// The first call decides; the others can only make it worse.
pub fn verdict(row: &Row, record: &Record) -> Verdict {
    let well = record.afterwards.outcome(TOKENS);
    let alone = alone(row.right, &record.alone);
    with_fallback(row.right, &record.with_fallback.outcome(TOKENS))
        .unless(alone.is_ok(), Mark::Partial, || format!("alone: {}", alone.unwrap_or_else(|wrong| wrong)))
        .unless(well == Outcome::Whole(Voice::Backup), Mark::Fail, || format!("not well afterwards: {well:?}"))
        .unless(!record.was_followed, Mark::Fail, || "followed the redirect".to_owned())
        .unless(!record.is_injected, Mark::Fail, || "a header was injected".to_owned())
        .unless(record.taken <= MOST_TAKEN, Mark::Fail, || format!("{} MiB were taken", record.taken >> 20))
}

fn with_fallback(right: Right, outcome: &Outcome) -> Verdict {
    let verdict = Verdict::pass();
    match (right, outcome) {
        (Right::Rescued, Outcome::Refused(message)) => verdict.noting(format!("told: {message}")),
        (Right::Elsewhere | Right::Limited, Outcome::Whole(Voice::Primary)) => {
            verdict.unless(false, Mark::Fail, || "an answer was made of it".to_owned())
        }
        (_, Outcome::Whole(_)) => verdict,
        (_, Outcome::Refused(message)) => verdict.unless(false, Mark::Safe, || format!("error: {message}")),
        (_, Outcome::Wrong(what)) => verdict.unless(false, Mark::Fail, || what.clone()),
    }
}

/// What is wrong without a fallback.
fn alone(right: Right, transcript: &Transcript) -> Result<String, String> {
    let status = transcript.status;
    let is_providers = OF_PROVIDERS.contains(&status) || status == TIMEOUT;
    let is_right = match transcript.outcome(TOKENS) {
        Outcome::Refused(_) => match right {
            Right::Elsewhere | Right::Either => is_providers,
            Right::Limited => status == LIMITED,
            Right::Rescued => true,
        },
        Outcome::Whole(_) => right == Right::Either,
        Outcome::Wrong(what) => return Err(what),
    };
    if is_right { Ok(String::new()) } else { Err(format!("status {status}, {:?}", transcript.outcome(TOKENS))) }
}

/// Whether a head holds what no head may: a field that nobody sent, a control character.
pub fn is_injected(head: &str) -> bool {
    let mut lines = head.split("\r\n");
    lines.any(|line| line.to_ascii_lowercase().starts_with("set-cookie") || line.contains(['\r', '\n', '\0']))
}

#[cfg(test)]
mod tests {
    use super::super::table::{Ask, rows};
    use super::*;
    use crate::fault::transcript::{BACKUP_WORD, End, PRIMARY_WORD, words};

    fn told(word: &str, count: usize, end: End) -> Transcript {
        let finish_reason = (count == TOKENS).then(|| "stop".to_owned());
        Transcript { status: 200, text: words(word, 0..count), finish_reason, end, ..Transcript::default() }
    }

    fn error(status: u16) -> Transcript {
        Transcript { status, error: Some("no".to_owned()), end: End::Done, ..Transcript::default() }
    }

    fn check(right: Right, with_fallback: &Transcript, alone: &Transcript, mark: Mark) {
        let row = rows(([127, 0, 0, 1], 1).into()).into_iter().find(|row| row.right == right).unwrap();
        let afterwards = told(BACKUP_WORD, TOKENS, End::Done);
        let record = Record {
            with_fallback: with_fallback.clone(),
            alone: alone.clone(),
            afterwards,
            was_followed: false,
            is_injected: false,
            taken: 9,
        };
        assert_eq!(verdict(&row, &record).mark, mark, "{right:?} {record:?}");
        let record = Record { was_followed: true, ..record };
        assert_eq!(verdict(&row, &record).mark, Mark::Fail);
    }

    #[test]
    fn what_is_of_no_use_is_answered_elsewhere() {
        let (ours, theirs) = (told(BACKUP_WORD, TOKENS, End::Done), told(PRIMARY_WORD, TOKENS, End::Done));
        check(Right::Elsewhere, &ours, &error(500), Mark::Pass);
        check(Right::Elsewhere, &ours, &error(408), Mark::Pass);
        check(Right::Elsewhere, &ours, &error(429), Mark::Partial);
        check(Right::Elsewhere, &ours, &error(200), Mark::Partial);
        check(Right::Elsewhere, &error(500), &error(500), Mark::Safe);
        check(Right::Elsewhere, &theirs, &error(500), Mark::Fail);
        check(Right::Elsewhere, &told(BACKUP_WORD, 0, End::Done), &error(500), Mark::Fail);
        check(Right::Limited, &ours, &error(429), Mark::Pass);
        check(Right::Limited, &ours, &error(500), Mark::Partial);
    }

    #[test]
    fn what_may_be_understood_is_whole_or_refused() {
        let (ours, theirs) = (told(BACKUP_WORD, TOKENS, End::Done), told(PRIMARY_WORD, TOKENS, End::Done));
        check(Right::Either, &theirs, &theirs, Mark::Pass);
        check(Right::Either, &ours, &error(500), Mark::Pass);
        check(Right::Either, &told(PRIMARY_WORD, 3, End::Done), &error(500), Mark::Fail);
        check(Right::Rescued, &theirs, &error(200), Mark::Pass);
        check(Right::Rescued, &error(200), &error(200), Mark::Pass);
        check(Right::Rescued, &told(PRIMARY_WORD, 2, End::Done), &error(200), Mark::Fail);
        check(Right::Rescued, &theirs, &told(PRIMARY_WORD, 2, End::Broken), Mark::Partial);
    }

    #[test]
    fn headers_are_looked_at() {
        assert!(!is_injected("HTTP/1.1 200 OK\r\nx-a: b\r\n\r\n"));
        assert!(is_injected("HTTP/1.1 200 OK\r\nx-a: b\r\nSet-Cookie: evil=1\r\n\r\n"));
        assert!(is_injected("HTTP/1.1 200 OK\r\nx-a: b\0c\r\n\r\n"));
    }

    #[test]
    fn the_table_has_every_way_to_ask() {
        let rows = rows(([127, 0, 0, 1], 1).into());
        assert!(rows.len() >= 30);
        for ask in [Ask::Json, Ask::Stream, Ask::Large] {
            assert!(rows.iter().any(|row| row.ask == ask));
        }
    }
}
