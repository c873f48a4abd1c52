//! When a budget starts anew: LiteLLM's reading of `budget_duration`.
//!
//! Windows are aligned to the calendar of a time zone, not to the moment in which a key was made: `1d` ends at midnight,
//! `7d` (and `1w`) on Monday, `30d` and `1mo` on the first of the month, any other `Nd` at the midnight N days after
//! today's. `Nh` ends at the next multiple of N hours after midnight, `Nm` of minutes in the hour, `Ns` of seconds in
//! the minute; a last, shorter stretch is run over into the next day, hour or minute, as LiteLLM does.
//! Beyond LiteLLM: more than one month, and hours beyond a day (it cuts `48h` down to the next midnight).
//!
//! The zones are those of the IANA database as jiff bundles it: no file is read.

use std::fmt;

use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// The longest window, in units: a typing error must not end beyond the calendar.
const LONGEST: i64 = 1_000_000;

/// How long a budget lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    count: i64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Month,
}

/// Where midnight is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// A zone by its IANA name, such as `Europe/Berlin`. `None`: there is no such zone.
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().map(Self)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl Window {
    /// `30s`, `5m`, `1h`, `7d`, `2w`, `1mo`, `hourly`, `daily`, `weekly`, `monthly`. `None`: not a duration, or zero.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "hourly" => "1h",
            "daily" => "1d",
            "weekly" => "7d",
            "monthly" => "1mo",
            text => text,
        };
        let (count, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let count: i64 = count.parse().ok()?;
        let (times, unit) = match unit {
            "s" => (1, Unit::Second),
            "m" => (1, Unit::Minute),
            "h" => (1, Unit::Hour),
            "d" => (1, Unit::Day),
            "w" => (7, Unit::Day),
            "mo" => (1, Unit::Month),
            _ => return None,
        };
        let count = count.checked_mul(times).filter(|count| (1..=LONGEST).contains(count))?;
        Some(Self { count, unit })
    }

    /// The end of the window that `now` is in; both are seconds since 1970. Always later than `now`.
    pub fn next_reset(self, now: i64, zone: &Zone) -> i64 {
        // Beyond jiff's calendar (the year 9999) a window has its plain length.
        self.on_calendar(now, zone).filter(|&end| end > now).unwrap_or_else(|| now.saturating_add(self.seconds()))
    }

    fn on_calendar(self, now: i64, zone: &Zone) -> Option<i64> {
        let now = zone.0.to_datetime(Timestamp::from_second(now).ok()?);
        let today = DateTime::from(now.date());
        let hour = now.date().at(now.hour(), 0, 0, 0);
        let minute = now.date().at(now.hour(), now.minute(), 0, 0);
        let multiple = |value: i8| (i64::from(value) / self.count + 1) * self.count;
        let end = match (self.unit, self.count) {
            (Unit::Second, _) => plus(minute, Span::new().try_seconds(multiple(now.second())).ok()?),
            (Unit::Minute, _) => plus(hour, Span::new().try_minutes(multiple(now.minute())).ok()?),
            (Unit::Hour, _) => plus(today, Span::new().try_hours(multiple(now.hour())).ok()?),
            (Unit::Day, 7) => now.date().nth_weekday(1, Weekday::Monday).ok().map(DateTime::from),
            (Unit::Day, 30) => plus(first_of_month(now), 1.month()),
            (Unit::Day, days) => plus(today, Span::new().try_days(days).ok()?),
            (Unit::Month, months) => plus(first_of_month(now), Span::new().try_months(months).ok()?),
        };
        Some(zone.0.to_timestamp(end?).ok()?.as_second())
    }

    /// Its length in an even calendar.
    fn seconds(self) -> i64 {
        let unit = match self.unit {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3_600,
            Unit::Day => 86_400,
            Unit::Month => 30 * 86_400,
        };
        self.count * unit
    }
}

/// As it may be parsed: `30s`, `7d`, `1mo`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => "s",
            Unit::Minute => "m",
            Unit::Hour => "h",
            Unit::Day => "d",
            Unit::Month => "mo",
        };
        write!(f, "{}{unit}", self.count)
    }
}

fn plus(start: DateTime, span: Span) -> Option<DateTime> {
    start.checked_add(span).ok()
}

fn first_of_month(now: DateTime) -> DateTime {
    DateTime::from(now.date().first_of_month())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(zone: &str, now: &str, duration: &str, expected: &str) {
        let second = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let zone = Zone::named(zone).unwrap();
        let reset = Window::parse(duration).unwrap().next_reset(second(now), &zone);
        let shown = Timestamp::from_second(reset).unwrap().to_string();
        assert_eq!(shown, expected, "{duration} from {now}");
    }

    #[test]
    fn resets_stand_where_litellm_puts_them() {
        // A Friday.
        let friday = "2026-11-20T22:27:10Z";
        for (now, duration, expected) in [
            (friday, "1d", "2026-11-21T00:00:00Z"),
            (friday, "daily", "2026-11-21T00:00:00Z"),
            (friday, "7d", "2026-11-23T00:00:00Z"),
            (friday, "1w", "2026-11-23T00:00:00Z"),
            (friday, "weekly", "2026-11-23T00:00:00Z"),
            ("2026-11-23T00:00:00Z", "7d", "2026-11-30T00:00:00Z"),
            (friday, "2w", "2026-12-04T00:00:00Z"),
            (friday, "30d", "2026-12-01T00:00:00Z"),
            (friday, "1mo", "2026-12-01T00:00:00Z"),
            (friday, "monthly", "2026-12-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "1mo", "2027-01-01T00:00:00Z"),
            (friday, "3mo", "2027-02-01T00:00:00Z"),
            (friday, "3d", "2026-11-23T00:00:00Z"),
            (friday, "1h", "2026-11-20T23:00:00Z"),
            (friday, "hourly", "2026-11-20T23:00:00Z"),
            ("2026-11-20T22:00:00Z", "1h", "2026-11-20T23:00:00Z"),
            (friday, "6h", "2026-11-21T00:00:00Z"),
            (friday, "5h", "2026-11-21T01:00:00Z"),
            (friday, "24h", "2026-11-21T00:00:00Z"),
            (friday, "48h", "2026-11-22T00:00:00Z"),
            (friday, "15m", "2026-11-20T22:30:00Z"),
            (friday, "90m", "2026-11-20T23:30:00Z"),
            (friday, "30s", "2026-11-20T22:27:30Z"),
            (friday, "7s", "2026-11-20T22:27:14Z"),
        ] {
            check("UTC", now, duration, expected);
        }
    }

    #[test]
    fn midnight_is_the_zones() {
        for (zone, now, duration, expected) in [
            ("Europe/Berlin", "2026-11-20T22:27:10Z", "1d", "2026-11-20T23:00:00Z"),
            ("Asia/Kolkata", "2026-11-20T22:27:10Z", "1d", "2026-11-21T18:30:00Z"),
            ("US/Eastern", "2026-12-01T03:00:00Z", "1mo", "2026-12-01T05:00:00Z"),
            // The day on which an hour comes twice, in that hour, both times.
            ("Europe/Berlin", "2026-10-25T00:10:00Z", "30m", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", "2026-10-25T01:10:00Z", "30m", "2026-10-25T01:40:00Z"),
            ("Europe/Berlin", "2026-10-24T22:30:00Z", "1d", "2026-10-25T23:00:00Z"),
        ] {
            check(zone, now, duration, expected);
        }
        assert_eq!(Zone::named("Middle/Earth"), None);
    }

    #[test]
    fn what_is_no_window() {
        for text in ["", "d", "7", "0d", "-1d", "1y", "1.5h", "7days", "99999999999999999999d", "1000001s", "d7"] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_reset_is_always_later(
            now: i64, count in 1..LONGEST, unit in prop::sample::select(vec!["s", "m", "h", "d", "mo"]),
            zone in prop::sample::select(vec!["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
        ) {
            let window = Window::parse(&format!("{count}{unit}")).unwrap();
            prop_assert_eq!(Window::parse(&window.to_string()), Some(window));
            let zone = Zone::named(zone).unwrap();
            for now in [now, now % 4_000_000_000] {
                prop_assert!(window.next_reset(now, &zone) > now || now > i64::MAX - window.seconds());
            }
        }
    }
}
