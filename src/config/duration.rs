//! Durations as files spell them: a number of seconds, or a number with a unit.

use std::time::Duration;

/// `30`, `1.5`, `"500ms"`, `"5s"`, `"2m"`, `"24h"`, `"30d"`, `"1w"`, `"1mo"` (30 days), `"monthly"`.
/// `None`: not a duration, or negative.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = match text.trim() {
        // LiteLLM's words for the periods of a budget.
        "hourly" => "1h",
        "daily" => "1d",
        "weekly" => "1w",
        "monthly" => "1mo",
        text => text,
    };
    // `1e3` is a number.
    let unit_at = match text.parse::<f64>() {
        Ok(_) => text.len(),
        Err(_) => text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()),
    };
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 7.0 * 86_400.0,
        "mo" => 30.0 * 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        for (text, expected) in [
            ("30", Some(30_000)),
            ("1.5", Some(1500)),
            ("1e3", Some(1_000_000)),
            ("500ms", Some(500)),
            (" 5 s ", Some(5000)),
            ("2m", Some(120_000)),
            ("24h", Some(86_400_000)),
            ("30d", Some(2_592_000_000)),
            ("1mo", Some(2_592_000_000)),
            ("monthly", Some(2_592_000_000)),
            ("-1", None),
            ("5 parsecs", None),
            ("", None),
            ("s", None),
            ("nan", None),
            ("1e300", None),
            ("inf", None),
        ] {
            assert_eq!(parse_duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }
}
