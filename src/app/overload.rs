//! What the process can take: requests at once, and how long they wait.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, Deployment};
use crate::proxy::waiting::{Patience, WAIT};
use crate::router::concurrency::Parallel;

/// Requests at once unless it is said, where there are files enough for them.
const IN_FLIGHT_MAX: u64 = 20_000;
/// The same where there are nearly no files.
const IN_FLIGHT_MIN: u64 = 16;
/// Files that are not for requests: the store, the journal, listeners, idle connections.
const FILES_RESERVED: u64 = 256;
/// A request has a connection on each side.
const FILES_PER_REQUEST: u64 = 2;

/// Takes as many open files as the system lets the process have: shells start it with few of them.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::debug!(%error, files = limit.current, "the limit of open files stays as it is");
    }
}

/// The lower of our own limit and LiteLLM's; without any, what there are files for: an overload must not end with none.
pub fn max_in_flight(config: &Config) -> i64 {
    let ours = config.tollgate.max_in_flight.and_then(|most| u64::try_from(most).ok());
    let stated = [ours, config.general.max_in_flight_requests_per_worker];
    let most = stated.into_iter().flatten().min().unwrap_or_else(|| by_files(getrlimit(Resource::Nofile).current));
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// `None`: there is no limit of files.
fn by_files(files: Option<u64>) -> u64 {
    let room = files.map(|files| files.saturating_sub(FILES_RESERVED) / FILES_PER_REQUEST);
    room.unwrap_or(IN_FLIGHT_MAX).clamp(IN_FLIGHT_MIN, IN_FLIGHT_MAX)
}

/// How many requests a deployment may have in flight. 0 is no limit, as in LiteLLM.
pub fn parallel(config: &Config, deployment: &Deployment) -> Parallel {
    let stated = deployment.limits.max_parallel_requests.or(config.router.default_max_parallel_requests);
    match stated.map(|most| u32::try_from(most).unwrap_or(u32::MAX)) {
        Some(0) => Parallel::Unlimited,
        Some(most) => Parallel::Fixed(most),
        None if config.tollgate.overload.adaptive_concurrency => Parallel::Adaptive,
        None => Parallel::Unlimited,
    }
}

/// How long requests wait for a deployment, and how many.
pub fn patience(config: &Config) -> Patience {
    let overload = &config.tollgate.overload;
    Patience {
        length: overload.queue_length,
        wait: overload.queue_wait.unwrap_or(WAIT),
        priority: config.router.default_priority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_files_for_each_request() {
        for (files, expected) in [
            (None, IN_FLIGHT_MAX),
            (Some(1_048_576), IN_FLIGHT_MAX),
            (Some(1_024), 384),
            (Some(4_096), 1_920),
            (Some(0), IN_FLIGHT_MIN),
        ] {
            assert_eq!(by_files(files), expected, "{files:?}");
        }
    }
}
