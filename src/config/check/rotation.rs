//! Whether keys become new ones by themselves: said in variables of the environment only, as in LiteLLM.

use std::time::Duration;

use crate::config::raw::section::Section;
use crate::config::{Env, KeyRotation, parse_duration};

const ENABLED: &str = "LITELLM_KEY_ROTATION_ENABLED";
const EVERY: &str = "LITELLM_KEY_ROTATION_CHECK_INTERVAL_SECONDS";
const GRACE_PERIOD: &str = "LITELLM_KEY_ROTATION_GRACE_PERIOD";
/// Between two looks at which keys are due.
const A_DAY: Duration = Duration::from_secs(86_400);

pub(super) fn read(general: Section<'_>, env: &dyn Env) -> Option<KeyRotation> {
    if !env.get(ENABLED)?.eq_ignore_ascii_case("true") {
        return None;
    }
    let problems = general.problems();
    let every = env.get(EVERY).filter(|text| !text.is_empty()).and_then(|text| {
        let seconds = text.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
        if seconds.is_none() {
            problems.error(EVERY, "expected seconds, 1 or more");
        }
        seconds
    });
    let grace_period = env.get(GRACE_PERIOD).filter(|text| !text.is_empty());
    let is_one = |text: &str| parse_duration(text).is_some() && text.ends_with(|c: char| c.is_ascii_alphabetic());
    if grace_period.as_deref().is_some_and(|text| !is_one(text) || text.contains('.')) {
        problems.error(GRACE_PERIOD, "expected a duration such as 24h, 2d");
    }
    Some(KeyRotation { every: every.unwrap_or(A_DAY), grace_period })
}
