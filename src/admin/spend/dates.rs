//! Dates and times as LiteLLM reads and writes them, all in UTC.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use crate::error::{Error, Kind};
use crate::store::spend::DAY_MS;

/// The day of a time in milliseconds.
pub fn day_of(ms: i64) -> i64 {
    ms.div_euclid(DAY_MS)
}

/// A date, alone or with a time of day, as milliseconds; and whether it was alone.
fn read(text: &str) -> Option<(i64, bool)> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some((at.as_millisecond(), false));
    }
    let at: DateTime = text.parse().ok()?;
    let is_alone = text.len() <= "2026-11-20".len();
    Some((at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond(), is_alone))
}

/// From when until when, in milliseconds; a date without a time as the end is that whole day.
///
/// # Errors
/// [`Kind::InvalidParameter`]: one is missing, or no date.
pub fn range(start: Option<&str>, end: Option<&str>) -> Result<(i64, i64), Error> {
    let (Some(start), Some(end)) = (start, end) else {
        return Err(Error::new(Kind::InvalidParameter, "Please provide start_date and end_date"));
    };
    let bad = |what: &str| {
        Error::new(Kind::InvalidParameter, format!("{what} must be a date: YYYY-MM-DD or YYYY-MM-DD HH:MM:SS"))
    };
    let (from, _) = read(start).ok_or_else(|| bad("start_date"))?;
    let (until, is_day) = read(end).ok_or_else(|| bad("end_date"))?;
    // A second given is a second included.
    Ok((from, until.saturating_add(if is_day { DAY_MS } else { 1_000 })))
}

/// First and last day, in days since 1970.
///
/// # Errors
/// As [`range`].
pub fn days(start: Option<&str>, end: Option<&str>) -> Result<(i64, i64), Error> {
    let (from, until) = range(start, end)?;
    Ok((day_of(from), day_of(until - 1)))
}

/// `2026-11-20`.
pub fn date(day: i64) -> String {
    date_of(day).map_or_else(String::new, |date| date.to_string())
}

/// `Nov 20`.
pub fn month_and_day(day: i64) -> String {
    date_of(day).map_or_else(String::new, |date| date.strftime("%b %d").to_string())
}

fn date_of(day: i64) -> Option<Date> {
    let at = Timestamp::from_second(day.checked_mul(DAY_MS / 1_000)?).ok()?;
    Some(at.to_zoned(TimeZone::UTC).date())
}

/// `2026-11-20T22:27:22.590000Z`.
pub fn with_micros(ms: i64) -> String {
    time(ms, "%Y-%m-%dT%H:%M:%S%.6fZ")
}

/// `2026-11-20T22:27:22.590+00:00`.
pub fn with_zone(ms: i64) -> String {
    time(ms, "%Y-%m-%dT%H:%M:%S%.3f+00:00")
}

fn time(ms: i64, format: &str) -> String {
    // Beyond the calendar's end is its end.
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    let at = at.round(Unit::Millisecond).unwrap_or(at);
    at.to_zoned(TimeZone::UTC).strftime(format).to_string()
}
