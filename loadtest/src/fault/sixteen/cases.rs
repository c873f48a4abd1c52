//! The table: what each primary does, and by what its judge goes.

use std::time::Duration;

use super::judge::{self, Judge};
use crate::fault::scale::Scale;
use crate::fault::stage::{Moment, Prefill};
use crate::fault::transcript::{BACKUP_WORD, PRIMARY_WORD};
use crate::mock::settings::Settings;

/// Tokens of a whole answer.
pub const TOKENS: usize = 60;
/// Dollars of one, from a primary: none of it may be charged where the fallback answers.
pub const PRIMARY_TOKEN_COST: f64 = 1.0;
/// Dollars of one, from a fallback.
pub const BACKUP_TOKEN_COST: f64 = 0.001;
/// The same in pico-dollars.
pub const BACKUP_TOKEN: i64 = 1_000_000_000;
/// Prompt tokens that a fallback counts, so that its usage is told from any other.
pub const BACKUP_PROMPT: usize = 31;
/// Seconds from token to token.
const PACE: f64 = 0.01;
/// S15: for so many seconds the primary is away.
pub const OUTAGE: f64 = 60.0;
/// S15: a request every so many seconds.
pub const OUTAGE_STEP: f64 = 4.0;
/// S15: after its outage the primary must answer again in so many seconds.
pub const RETURN_LIMIT: f64 = 30.0;

/// A fault.
pub struct Case {
    pub id: &'static str,
    pub title: &'static str,
    /// Adds the fault to a healthy answer.
    pub primary: fn(&mut Settings, Moment, Scale),
    pub judge: Judge,
    /// The fallback has the primary's words, because what it says may have to fit behind them.
    pub is_rescue: bool,
    pub prefill: Prefill,
    /// The fallback's `model_info` says that it takes one.
    pub says_prefill: bool,
}

impl Case {
    /// The fallback's model.
    pub fn backup(&self) -> String {
        format!("{}-backup", self.id)
    }

    /// How the primary answers.
    pub fn primary_settings(&self, moment: Moment, scale: Scale) -> Settings {
        let mut settings = Self::answer(PRIMARY_WORD, scale);
        (self.primary)(&mut settings, moment, scale);
        settings
    }

    /// How the fallback answers.
    pub fn backup_settings(&self, scale: Scale) -> Settings {
        let word = if self.is_rescue { PRIMARY_WORD } else { BACKUP_WORD };
        Settings { prompt: BACKUP_PROMPT, ..Self::answer(word, scale) }
    }

    fn answer(word: &str, scale: Scale) -> Settings {
        let pace = scale.pause(PACE).max(Duration::from_millis(1));
        Settings { tokens: TOKENS, word: word.to_owned(), pace, ..Settings::default() }
    }
}

const fn case(id: &'static str, title: &'static str, primary: fn(&mut Settings, Moment, Scale), judge: Judge) -> Case {
    Case { id, title, primary, judge, is_rescue: false, prefill: Prefill::Honoured, says_prefill: false }
}

const fn rescue(case: Case, prefill: Prefill) -> Case {
    Case { is_rescue: true, prefill, ..case }
}

const fn saying(case: Case) -> Case {
    Case { says_prefill: true, ..case }
}

/// Not of FailoverBench: its three cuts once more, with a fallback that says that it takes a prefill. One setting beyond
/// the defaults, so they are no part of the sixteen.
pub const VARIATIONS: [Case; 3] = [
    saying(rescue(case("P08", "as S08, the fallback takes a prefill", cut, judge::goes_on), Prefill::Honoured)),
    saying(rescue(case("P09", "as S09, the fallback takes a prefill", stalls, judge::goes_on), Prefill::Honoured)),
    saying(rescue(case("P14", "as S14, the fallback claims to take one", cut, judge::restarts), Prefill::Refused)),
];

fn status(settings: &mut Settings, status: u16) {
    settings.faults.status = Some(status);
}

fn cut(settings: &mut Settings, _: Moment, _: Scale) {
    settings.faults.cut = Some(40);
}

/// In the order of their numbers.
pub const CASES: [Case; 16] = [
    case("S01", "429 once with Retry-After: 2", asks_to_wait_once, judge::waits_and_comes_back),
    case("S02", "429 always, no Retry-After", |it, _, _| status(it, 429), judge::backs_off_and_fails_over),
    case("S03", "500 once", fails_once, judge::tries_the_same_again),
    case("S04", "503 always", |it, _, _| status(it, 503), judge::fails_over),
    case("S05", "TCP reset before the header", |it, _, _| it.faults.reset = true, judge::answers_somehow),
    case("S06", "accepts, never answers", |it, _, _| it.faults.hang = true, judge::times_out_once),
    case("S07", "header at once, first token after 20 s", late_first_token, judge::limits_the_first_token),
    rescue(case("S08", "cut after 40 of 60 tokens", cut, judge::rescues), Prefill::Honoured),
    rescue(case("S09", "silent after 20 tokens for 30 s", stalls, judge::rescues_from_a_stall), Prefill::Honoured),
    rescue(case("S10", "tenth event is invalid JSON", garbage, judge::survives_garbage), Prefill::Honoured),
    case("S11", "complete, but without [DONE]", |it, _, _| it.no_done = true, judge::ends_without_done),
    case("S12", "400 context_length_exceeded", context_window, judge::takes_a_larger_model),
    case("S13", "400 content_policy_violation", content_policy, judge::passes_the_refusal_on),
    rescue(case("S14", "cut, and the fallback refuses a prefill", cut, judge::restarts), Prefill::Refused),
    case("S15", "503 for 60 s, then well", outage, judge::comes_back_after_the_outage),
    case(
        "S16",
        "503 always: who answered, who is paid",
        |it, _, _| status(it, 503),
        judge::names_and_bills_the_fallback,
    ),
];

fn asks_to_wait_once(it: &mut Settings, moment: Moment, _: Scale) {
    if moment.number == 0 {
        status(it, 429);
        // Whole seconds: this one is never made quicker.
        it.faults.retry_after = Some(2);
    }
}

fn fails_once(it: &mut Settings, moment: Moment, _: Scale) {
    if moment.number == 0 {
        status(it, 500);
    }
}

fn late_first_token(it: &mut Settings, _: Moment, scale: Scale) {
    it.first = scale.pause(20.0);
}

fn stalls(it: &mut Settings, _: Moment, scale: Scale) {
    it.faults.stall = Some(20);
    it.faults.stall_for = scale.pause(30.0);
}

fn garbage(it: &mut Settings, _: Moment, _: Scale) {
    it.faults.garbage = Some(10);
}

fn context_window(it: &mut Settings, _: Moment, _: Scale) {
    it.faults.code = Some("context_length_exceeded".to_owned());
}

fn content_policy(it: &mut Settings, _: Moment, _: Scale) {
    it.faults.code = Some("content_policy_violation".to_owned());
}

fn outage(it: &mut Settings, moment: Moment, scale: Scale) {
    if moment.since_first < scale.pause(OUTAGE) {
        status(it, 503);
    }
}
