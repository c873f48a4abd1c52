//! What a provider's answer says is left of its own limits: OpenAI's `x-ratelimit-…` headers, which most imitate, and
//! Anthropic's `anthropic-ratelimit-…`.

use std::time::Duration;

use jiff::Timestamp;

use crate::allowance::{Left, RateLimits};

/// Names of one limit's headers: remaining, limit, reset.
type Names = [&'static str; 3];

const REQUESTS: [Names; 2] = [
    ["x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests"],
    [
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-reset",
    ],
];

const TOKENS: [Names; 4] = [
    ["x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens"],
    ["anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-reset"],
    [
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-limit",
        "anthropic-ratelimit-input-tokens-reset",
    ],
    [
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-limit",
        "anthropic-ratelimit-output-tokens-reset",
    ],
];

/// Reads the headers; `header` looks one up, `unix_millis` is now.
pub fn read<'h>(header: impl Fn(&str) -> Option<&'h str>, unix_millis: i64) -> RateLimits {
    let left = |[remaining, limit, reset]: &Names| {
        Some(Left {
            remaining: count(header(remaining)?)?,
            limit: header(limit).and_then(count),
            reset: header(reset).and_then(|text| span(text, unix_millis)),
        })
    };
    let part = |left: &Left| left.remaining as f64 / left.limit.unwrap_or(left.remaining).max(1) as f64;
    RateLimits {
        requests: REQUESTS.iter().find_map(left),
        tokens: TOKENS.iter().filter_map(left).min_by(|one, other| part(one).total_cmp(&part(other))),
    }
}

/// A whole number; some providers write it as a decimal, or say -1 when they count nothing.
fn count(text: &str) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| Some(text.parse::<f64>().ok().filter(|number| *number >= 0.0)? as u64))
}

/// `6m0s`, `20ms`, `1h2m3.5s`, seconds, or the time itself.
fn span(text: &str, unix_millis: i64) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    if let Ok(until) = text.parse::<Timestamp>() {
        return Some(Duration::from_millis(u64::try_from(until.as_millisecond() - unix_millis).unwrap_or(0)));
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let (number, unit) = rest.split_at(rest.find(|sign: char| sign.is_ascii_alphabetic())?);
        let end = unit.find(|sign: char| !sign.is_ascii_alphabetic()).unwrap_or(unit.len());
        let (unit, after) = unit.split_at(end);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let span = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        sum = sum.checked_add(span)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-02T03:04:05Z.
    const NOW: i64 = 1_767_323_045_000;

    fn of(lines: &[(&str, &'static str)]) -> RateLimits {
        read(|name| lines.iter().find(|(known, _)| *known == name).map(|(_, value)| *value), NOW)
    }

    #[test]
    fn spans_are_read_in_every_spelling() {
        let millis = |text| span(text, NOW).map(|span| span.as_millis());
        for (text, expected) in [
            ("6m0s", Some(360_000)),
            ("20ms", Some(20)),
            ("1h2m3.5s", Some(3_723_500)),
            ("1d", Some(86_400_000)),
            ("7.66s", Some(7_660)),
            ("59", Some(59_000)),
            ("0.5", Some(500)),
            ("2026-01-02T03:04:10Z", Some(5_000)),
            ("2026-01-02T03:04:00Z", Some(0)),
            ("", None),
            ("soon", None),
            ("5y", None),
            ("-1", None),
            ("1e400s", None),
            ("m", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }

    #[test]
    fn both_families_are_read() {
        let openai = of(&[
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-tokens", "149984"),
        ]);
        let left = |remaining, limit, seconds: Option<u64>| {
            Some(Left { remaining, limit, reset: seconds.map(Duration::from_secs) })
        };
        assert_eq!(openai, RateLimits { requests: left(59, Some(60), Some(1)), tokens: left(149_984, None, None) });
        let anthropic = of(&[
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-01-02T03:04:06Z"),
            ("anthropic-ratelimit-tokens-remaining", "90"),
            ("anthropic-ratelimit-tokens-limit", "100"),
            ("anthropic-ratelimit-output-tokens-remaining", "10"),
            ("anthropic-ratelimit-output-tokens-limit", "100"),
        ]);
        assert_eq!(anthropic, RateLimits { requests: left(0, None, Some(1)), tokens: left(10, Some(100), None) });
        assert_eq!(of(&[("x-ratelimit-remaining-requests", "-1")]), RateLimits::default());
    }
}
