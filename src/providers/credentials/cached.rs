//! One value that runs out, fetched by whoever needs it first and kept for everyone else.
//!
//! While the value is fresh a caller pays for one atomic load. Shortly before its end one caller starts a refresh in
//! the background and everybody goes on with the old value. Only without a usable value do callers wait: one of them
//! fetches, the others take what it gets, its failure included, and none waits longer than the limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use crate::error::{Error, Kind};

/// How long one caller waits for a credential.
pub const WAIT: Duration = Duration::from_secs(10);

/// How long before its end a value is fetched anew. The clouds' metadata servers hand out the next one no earlier.
const REFRESH_BEFORE: Duration = Duration::from_secs(5 * 60);

/// A value that ends sooner than this may have run out when the provider looks at it.
const TOO_LATE: Duration = Duration::from_secs(10);

/// Between two refreshes in the background, so that a failing or unwilling endpoint is not asked with each request.
const PAUSE: Duration = Duration::from_secs(30);

/// A value and its end.
#[derive(Debug)]
pub struct Fresh<V> {
    pub value: V,
    /// `None`: it does not run out.
    pub expires: Option<SystemTime>,
}

/// Where the value comes from.
pub trait Source: Send + Sync + 'static {
    type Value: Send + Sync + 'static;

    /// Who is asked, for messages.
    fn name(&self) -> &'static str;

    /// Asks once. Errors of kind `Authentication`, `Connection`, `GarbledAnswer`; nothing secret in them.
    fn fetch(&self, now: SystemTime) -> impl Future<Output = Result<Fresh<Self::Value>, Error>> + Send;
}

/// See the module.
pub struct Cached<S: Source>(Arc<Inner<S>>);

impl<S: Source> Cached<S> {
    pub fn new(source: S) -> Self {
        Self::with_limit(source, WAIT)
    }

    /// With a limit of its own, for tests.
    pub fn with_limit(source: S, limit: Duration) -> Self {
        Self(Arc::new(Inner {
            source,
            limit,
            kept: ArcSwapOption::empty(),
            turn: Mutex::new(None),
            failures: AtomicU64::new(0),
            next_refresh: AtomicU64::new(0),
        }))
    }

    /// The value as of `now`. Must be called inside of a Tokio runtime.
    pub async fn get(&self, now: SystemTime) -> Result<Arc<Kept<S::Value>>, Error> {
        let Some(kept) = self.0.usable(now) else {
            return self.0.within_limit(self.0.fetch_in_turn(now)).await;
        };
        if kept.refresh_at.is_some_and(|at| at <= now) && self.0.claims_refresh(now) {
            let inner = Arc::clone(&self.0);
            tokio::spawn(async move { inner.refresh(now).await });
        }
        Ok(kept)
    }
}

/// A value as it is kept.
#[derive(Debug)]
pub struct Kept<V> {
    pub value: V,
    expires: Option<SystemTime>,
    refresh_at: Option<SystemTime>,
}

impl<V> Kept<V> {
    fn new(fresh: Fresh<V>, now: SystemTime) -> Self {
        // A value that lives only minutes is refreshed in the last quarter of its life.
        let margin = |end: SystemTime| (end.duration_since(now).unwrap_or_default() / 4).min(REFRESH_BEFORE);
        Self {
            value: fresh.value,
            expires: fresh.expires,
            refresh_at: fresh.expires.and_then(|end| end.checked_sub(margin(end))),
        }
    }
}

struct Inner<S: Source> {
    source: S,
    limit: Duration,
    kept: ArcSwapOption<Kept<S::Value>>,
    /// Held by the caller that fetches; says how the last fetch failed.
    turn: Mutex<Option<Error>>,
    failures: AtomicU64,
    /// Seconds since 1970.
    next_refresh: AtomicU64,
}

impl<S: Source> Inner<S> {
    fn usable(&self, now: SystemTime) -> Option<Arc<Kept<S::Value>>> {
        self.kept.load_full().filter(|kept| kept.expires.is_none_or(|end| now + TOO_LATE < end))
    }

    async fn within_limit<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::time::timeout(self.limit, work).await.unwrap_or_else(|_| {
            let seconds = self.limit.as_secs_f32();
            Err(Error::new(Kind::Timeout, format!("{} gave no credential within {seconds} s", self.source.name())))
        })
    }

    async fn fetch_in_turn(&self, now: SystemTime) -> Result<Arc<Kept<S::Value>>, Error> {
        let failures_before = self.failures.load(Ordering::Acquire);
        let mut last_failure = self.turn.lock().await;
        if let Some(kept) = self.usable(now) {
            return Ok(kept);
        }
        if self.failures.load(Ordering::Acquire) != failures_before
            && let Some(error) = last_failure.as_ref()
        {
            return Err(error.clone());
        }
        match self.source.fetch(now).await {
            Ok(fresh) => {
                *last_failure = None;
                Ok(self.keep(fresh, now))
            }
            Err(error) => {
                *last_failure = Some(error.clone());
                self.failures.fetch_add(1, Ordering::AcqRel);
                Err(error)
            }
        }
    }

    fn keep(&self, fresh: Fresh<S::Value>, now: SystemTime) -> Arc<Kept<S::Value>> {
        let kept = Arc::new(Kept::new(fresh, now));
        self.kept.store(Some(Arc::clone(&kept)));
        kept
    }

    /// Whether this caller is the one that refreshes.
    fn claims_refresh(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let due = self.next_refresh.load(Ordering::Relaxed);
        let next = now + PAUSE.as_secs();
        due <= now && self.next_refresh.compare_exchange(due, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    async fn refresh(&self, now: SystemTime) {
        let outcome = self
            .within_limit(async {
                let _turn = self.turn.lock().await;
                self.source.fetch(now).await
            })
            .await;
        match outcome {
            Ok(fresh) => {
                self.keep(fresh, now);
            }
            Err(error) => tracing::warn!(%error, "a credential was not refreshed; the old one is used while it lasts"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Values count up; each lives an hour.
    #[derive(Clone, Default)]
    struct Counter {
        calls: Arc<AtomicUsize>,
        failing: bool,
        hanging: bool,
    }

    impl Source for Counter {
        type Value = usize;

        fn name(&self) -> &'static str {
            "the counter"
        }

        async fn fetch(&self, now: SystemTime) -> Result<Fresh<usize>, Error> {
            let value = self.calls.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if self.hanging {
                std::future::pending::<()>().await;
            }
            if self.failing {
                return Err(Error::new(Kind::Authentication, "no"));
            }
            Ok(Fresh { value, expires: Some(now + Duration::from_secs(3600)) })
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    #[tokio::test]
    async fn a_value_is_fetched_once_and_refreshed_before_its_end() {
        let source = Counter::default();
        let cached = Cached::new(source.clone());
        for _ in 0..100 {
            assert_eq!(cached.get(at(0)).await.unwrap().value, 0);
        }
        // Five minutes before the end the old value still serves, and one refresh starts, however many ask.
        for _ in 0..10 {
            assert_eq!(cached.get(at(3301)).await.unwrap().value, 0);
        }
        while cached.get(at(3302)).await.unwrap().value == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(source.calls.load(Ordering::SeqCst), 2);
        // Long after the end of the second there is nothing to serve meanwhile.
        assert_eq!(cached.get(at(9000)).await.unwrap().value, 2);
    }

    #[tokio::test]
    async fn callers_share_one_fetch_and_its_failure() {
        for failing in [false, true] {
            let source = Counter { failing, ..Counter::default() };
            let cached = Cached::new(source.clone());
            let outcomes = futures::future::join_all((0..100).map(|_| cached.get(at(0)))).await;
            assert!(outcomes.iter().all(|outcome| outcome.is_err() == failing));
            assert_eq!(source.calls.load(Ordering::SeqCst), 1);
            // A failure is not remembered for those who ask later.
            assert_eq!(cached.get(at(0)).await.is_err(), failing);
            assert_eq!(source.calls.load(Ordering::SeqCst), if failing { 2 } else { 1 });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_limit() {
        let cached = Cached::new(Counter { hanging: true, ..Counter::default() });
        let started = tokio::time::Instant::now();
        let outcomes = futures::future::join_all((0..20).map(|_| cached.get(at(0)))).await;
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            assert_eq!(
                (error.kind, error.message.as_str()),
                (Kind::Timeout, "the counter gave no credential within 10 s")
            );
        }
        assert_eq!(started.elapsed(), WAIT);
    }
}
