//! The whole harness, quicker: pauses and waits are shortened together.

use std::time::Duration;

/// What is allowed beyond a shortened limit: the machine does not become quicker.
const GRACE: Duration = Duration::from_secs(10);

/// A factor for every pause of an upstream and every wait of the gateway that is a setting; 1 = as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale(pub f64);

impl Scale {
    /// Whether nothing is changed, in the gateway's settings either.
    pub fn is_whole(self) -> bool {
        (self.0 - 1.0).abs() < f64::EPSILON
    }

    /// A pause.
    pub fn pause(self, seconds: f64) -> Duration {
        Duration::from_secs_f64((seconds * self.0).max(0.0))
    }

    /// A limit that somebody must keep.
    pub fn limit(self, seconds: f64) -> Duration {
        self.pause(seconds) + if self.is_whole() { Duration::ZERO } else { GRACE }
    }

    /// A setting of the gateway.
    pub fn setting(self, seconds: f64) -> String {
        format!("{}ms", self.pause(seconds).as_millis().max(1))
    }
}

/// For `--scale`.
///
/// # Errors
/// It is not above 0 and at most 1.
pub fn parse_scale(text: &str) -> Result<Scale, String> {
    let factor = text.parse::<f64>().ok().filter(|factor| *factor > 0.0 && *factor <= 1.0);
    factor.map(Scale).ok_or_else(|| format!("{text}: not above 0 and at most 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_keep_room_for_the_machine() {
        assert_eq!(Scale(1.0).limit(15.0), Duration::from_secs(15));
        assert_eq!(Scale(0.1).limit(15.0), Duration::from_millis(11_500));
        assert_eq!((Scale(0.1).pause(20.0), Scale(0.1).setting(5.0)), (Duration::from_secs(2), "500ms".to_owned()));
        assert!(parse_scale("0").is_err() && parse_scale("2").is_err() && parse_scale("0.05").is_ok());
    }
}
