//! Does a deployment answer? A look that costs no tokens: the list of its models, asked with its key; where its provider has
//! none, a connection. And what the last looks have found, for routing, `/health` and the metrics.
//!
//! Every look has a connection of its own: one that was kept says nothing about whether new ones are taken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::attempt::{self, Deadlines, Outgoing};
use super::gateway::Shared;
use super::target::Target;
use super::upstream::Upstream;
use crate::error::{Error, Kind};

/// A look may take so long, unless `model_info.health_check_timeout` says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// What background checks have found.
#[derive(Debug, Default)]
pub struct Checkups {
    /// Whether there are any: then `/health` tells of them and calls nobody.
    is_on: bool,
    /// By the deployment's id. Not on the way of requests.
    found: Mutex<HashMap<Arc<str>, Result<(), String>>>,
}

impl Checkups {
    /// None yet.
    pub fn new(is_on: bool) -> Self {
        Self { is_on, found: Mutex::default() }
    }

    /// Whether deployments are checked in the background.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Notes what a look has found.
    pub fn note(&self, id: &Arc<str>, found: Result<(), String>) {
        self.found().insert(Arc::clone(id), found);
    }

    /// What the last look has found; `None`: there was none.
    pub fn of(&self, id: &str) -> Option<Result<(), String>> {
        self.found().get(id).cloned()
    }

    /// Forgets deployments that are not served any more.
    pub fn keep(&self, is_served: impl Fn(&str) -> bool) {
        self.found().retain(|id, _| is_served(id));
    }

    fn found(&self) -> MutexGuard<'_, HashMap<Arc<str>, Result<(), String>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks once.
///
/// # Errors
/// What is wrong, for people: no connection, no answer in time, a key that is not accepted, a failure of the provider's. Any
/// other answer is one: a provider that has no list of models, or does not show it to this key, works.
pub async fn look(target: &Target, shared: &Shared) -> Result<(), String> {
    if target.mock_response.is_some() {
        return Ok(());
    }
    let Some(upstream) = &target.upstream else { return Err("no api_base".to_owned()) };
    let looking = async {
        match target.models_head() {
            Some(head) => status(upstream, shared, &head, target.check_timeout).await.map(Some),
            None => upstream.connect(&shared.connector).await.map(|_connection| None),
        }
    };
    match tokio::time::timeout(target.check_timeout, looking).await {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(status))) if !is_failure(status) => Ok(()),
        Ok(Ok(Some(status))) => Err(format!("the list of models was answered with status {status}")),
        Ok(Err(error)) => Err(error.message),
        Err(_elapsed) => Err("Request timed out.".to_owned()),
    }
}

async fn status(upstream: &Arc<Upstream>, shared: &Shared, head: &[u8], wait: Duration) -> Result<u16, Error> {
    let begin = Instant::now();
    let deadlines = Deadlines { first_byte: wait, between_bytes: wait, begin, end: begin + wait };
    let outgoing = Outgoing { head, body: &[] };
    attempt::send_anew(upstream, &shared.connector, &outgoing, deadlines).await.map(|answer| answer.status())
}

/// A key that is not accepted will not be for calls either. That a key may not see the list, or that there is none, says
/// nothing about calls.
fn is_failure(status: u16) -> bool {
    let answers = |status: http::StatusCode| status.is_success() || status.is_redirection();
    if http::StatusCode::from_u16(status).is_ok_and(answers) {
        return false;
    }
    matches!(
        Kind::of_upstream(status, ""),
        Kind::Authentication
            | Kind::InternalServer
            | Kind::ServiceUnavailable
            | Kind::ProviderOverloaded
            | Kind::Timeout
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_calls_would_meet_too_is_a_failure() {
        for status in [200, 204, 302, 400, 403, 404, 405, 429] {
            assert!(!is_failure(status), "{status}");
        }
        for status in [401, 408, 500, 502, 503, 504, 529] {
            assert!(is_failure(status), "{status}");
        }
    }

    #[test]
    fn what_was_found_is_kept_as_long_as_it_is_served() {
        let checkups = Checkups::new(true);
        assert_eq!(checkups.of("a"), None);
        checkups.note(&"a".into(), Err("away".to_owned()));
        checkups.note(&"b".into(), Ok(()));
        checkups.note(&"a".into(), Ok(()));
        assert_eq!((checkups.of("a"), checkups.of("b")), (Some(Ok(())), Some(Ok(()))));
        checkups.keep(|id| id == "b");
        assert_eq!((checkups.of("a"), checkups.of("b")), (None, Some(Ok(()))));
    }
}
