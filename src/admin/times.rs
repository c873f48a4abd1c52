//! Times in JSON.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Milliseconds since 1970 as LiteLLM's API tells them: `2026-11-20T22:27:10.069000Z`, whole seconds without a fraction.
pub fn zulu(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    let format = if milliseconds % 1_000 == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.6fZ" };
    time.strftime(format).to_string()
}

/// The same with the offset that Python writes for UTC, where LiteLLM's answer is no Pydantic model.
pub fn with_offset(zulu: &str) -> String {
    match zulu.strip_suffix('Z') {
        Some(time) => format!("{time}+00:00"),
        None => zulu.to_owned(),
    }
}

/// Milliseconds since 1970 of a time that [`zulu`] wrote, or another with a zone.
pub fn milliseconds(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// The same of a time without a zone, too, which is UTC's.
pub fn moment(text: &str) -> Option<i64> {
    milliseconds(text).or_else(|| milliseconds(&format!("{text}Z")))
}

/// The longest time that is understood, in units: a typing error must not end beyond the calendar.
const LONGEST: i64 = 1_000_000;

/// `30s`, `5m`, `1h`, `7d`, `2w`, `1mo`: how often, and which unit.
fn parsed(text: &str) -> Option<(i64, &str)> {
    let (count, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let count = count.parse().ok().filter(|count| (1..=LONGEST).contains(count))?;
    Some((count, unit))
}

/// The moment that lies this time after `now` (milliseconds since 1970), to the millisecond; a month is the calendar's.
/// `None`: this is no time, or it ends beyond the calendar.
pub fn after(now: i64, text: &str) -> Option<i64> {
    let (count, unit) = parsed(text)?;
    let span = match unit {
        "s" => Span::new().try_seconds(count),
        "m" => Span::new().try_minutes(count),
        "h" => Span::new().try_hours(count),
        "d" => Span::new().try_days(count),
        "w" => Span::new().try_weeks(count),
        "mo" => Span::new().try_months(count),
        _ => return None,
    };
    let now = Timestamp::from_millisecond(now).ok()?.to_zoned(TimeZone::UTC);
    Some(now.checked_add(span.ok()?).ok()?.timestamp().as_millisecond())
}

/// Its seconds in an even calendar, to compare it with others. Also LiteLLM's words for budgets, `daily` and the like.
pub fn length(text: &str) -> Option<i64> {
    let text = match text {
        "hourly" => "1h",
        "daily" => "1d",
        "weekly" => "7d",
        "monthly" => "1mo",
        text => text,
    };
    let (count, unit) = parsed(text)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "mo" => 30 * 86_400,
        _ => return None,
    };
    Some(count * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_like_litellms() {
        assert_eq!(zulu(1_795_213_630_069), "2026-11-20T22:27:10.069000Z");
        assert_eq!(zulu(1_796_083_200_000), "2026-12-01T00:00:00Z");
        assert_eq!(with_offset("2026-12-01T00:00:00Z"), "2026-12-01T00:00:00+00:00");
        assert_eq!(milliseconds("2026-11-20T22:27:10.069000Z"), Some(1_795_213_630_069));
        assert_eq!(milliseconds("2026-11-20T22:27:10+00:00"), Some(1_795_213_630_000));
        assert_eq!(milliseconds("tomorrow"), None);
    }

    #[test]
    fn a_time_from_now_is_exact() {
        let now = 1_795_213_630_069;
        for (text, expected) in [
            ("30s", Some("2026-11-20T22:27:40.069000Z")),
            ("30d", Some("2026-12-20T22:27:10.069000Z")),
            ("1w", Some("2026-11-27T22:27:10.069000Z")),
            ("1mo", Some("2026-12-20T22:27:10.069000Z")),
            ("3mo", Some("2027-02-20T22:27:10.069000Z")),
            ("0d", None),
            ("-1d", None),
            ("1y", None),
            ("d", None),
            ("", None),
            ("1000000mo", None),
        ] {
            assert_eq!(after(now, text).map(zulu).as_deref(), expected, "{text}");
        }
        // From the end of a long month to the end of a short one.
        let january = milliseconds("2027-01-31T12:00:00Z").unwrap();
        assert_eq!(after(january, "1mo").map(zulu).as_deref(), Some("2027-02-28T12:00:00Z"));
        assert_eq!((length("1w"), length("weekly"), length("x")), (Some(604_800), Some(604_800), None));
    }
}
