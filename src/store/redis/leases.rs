//! What the data plane asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::{FromRedisValue, RedisResult, ScriptInvocation};
use dashmap::DashMap;
use futures::future::join_all;
use tokio::time::{Instant, sleep, timeout_at};

use super::connection::{BadAddress, Connection, Damage, Tls};
use super::flights::Flights;
use super::health::Health;
use super::ledger::Ledger;
use super::scripts::{self, Beginning, Scripts};
use crate::clock::{Clock, unix_millis};
use crate::limiter::lease::{
    Account, Line, MoneyCall, MoneyReply, NO_PLACE_FOR, Outage, PlacesCall, PlacesReply, RateCall, RateReply,
};
use crate::limiter::{self, Ask, Cluster, Pico, Refusal, Reservation, Scope};
use crate::secret::Secret;

/// How long a request waits for leases, all in all.
pub const LEASE_WAIT: Duration = Duration::from_millis(200);
/// How often it asks again within that time: others may take what came.
const TRIES: usize = 8;
/// Epochs are numbers that Redis's scripts know exactly.
const EPOCHS: std::ops::Range<u64> = 1..1 << 53;

/// Where Redis is, and what to do without it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://[user:password@]host[:port][/database]`, `rediss://` over TLS.
    pub url: Secret,
    pub tls: Tls,
    /// What all keys begin with. Gateways with the same one are one cluster.
    pub namespace: String,
    pub outage: Outage,
}

/// Lends from Redis to this node's scopes.
pub struct Leases {
    pub(super) clock: Clock,
    pub(super) namespace: String,
    /// What Redis knows this process by.
    pub(super) node: String,
    pub(super) cluster: Arc<Cluster>,
    pub(super) connection: Connection,
    pub(super) scripts: Scripts,
    pub(super) health: Health,
    pub(super) flights: Flights,
    /// Scopes that have borrowed, and how long ago they were used: rounds of looking.
    pub(super) lessees: DashMap<u64, (Arc<Scope>, u32), foldhash::fast::RandomState>,
    ledger: Option<Arc<dyn Ledger>>,
    sequence: AtomicU64,
}

impl Leases {
    /// Nothing borrowed, not connected: [`Leases::run`] connects. Without a `ledger` budgets that Redis does not know
    /// begin with what this node has heard of them.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn new(settings: &Settings, clock: Clock, ledger: Option<Arc<dyn Ledger>>) -> Result<Arc<Self>, BadAddress> {
        Ok(Arc::new(Self {
            clock,
            namespace: settings.namespace.clone(),
            node: uuid::Uuid::new_v4().simple().to_string(),
            cluster: Arc::new(Cluster::new(settings.outage)),
            connection: Connection::at(&settings.url, &settings.tls)?,
            scripts: Scripts::new(),
            health: Health::default(),
            flights: Flights::default(),
            lessees: DashMap::default(),
            ledger,
            sequence: AtomicU64::new(0),
        }))
    }

    /// What scopes are to be made with ([`Scope::shared`]); and whether Redis answers, how many nodes there are.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Counts for metrics.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// As [`limiter::admit`], and borrows what is missing: at most [`LEASE_WAIT`], and only if something is missing.
    ///
    /// # Errors
    /// The [`Refusal`] of a scope that has no more, anywhere; or of one of which nobody knows
    /// ([`limiter::Reason::BudgetUnknown`]).
    pub async fn admit(self: &Arc<Self>, scopes: &[Arc<Scope>], ask: &Ask) -> Result<Reservation, Refusal> {
        let first = limiter::admit(scopes, ask);
        match first {
            Err(refusal) if refusal.is_leasable() => self.admit_with_more(scopes, *ask, refusal).await,
            decided => decided,
        }
    }

    async fn admit_with_more(
        self: &Arc<Self>,
        scopes: &[Arc<Scope>],
        mut ask: Ask,
        mut refusal: Refusal,
    ) -> Result<Reservation, Refusal> {
        self.health.waited();
        let deadline = Instant::now() + LEASE_WAIT;
        let (mut line, mut is_answered) = (Line::default(), true);
        for _ in 0..TRIES {
            if !line.stand(scopes, &refusal, ask.now) {
                return Err(refusal);
            }
            let leased = timeout_at(deadline, self.lease_in_line(scopes, &mut ask, &line, &refusal)).await;
            let in_time = leased.is_ok();
            // Who waits for a place that may come back is not without an answer when his time is over.
            is_answered = leased.unwrap_or(is_answered && refusal.is_full());
            ask.now = ask.now.max(self.clock.now());
            match limiter::admit(scopes, &ask) {
                Err(next) if next.is_leasable() && in_time => refusal = next,
                Err(next) if next.is_leasable() => break,
                decided => return decided,
            }
        }
        if is_answered {
            return limiter::admit(scopes, &ask);
        }
        limiter::admit_alone(scopes, &ask).map_err(Refusal::unanswered)
    }

    /// Borrows what these scopes lack for this request, and waits until that is done: at most as long as Redis and the
    /// database may take. Whether Redis has answered.
    pub async fn lease(self: &Arc<Self>, scopes: &[Arc<Scope>], ask: &Ask) -> bool {
        self.lease_all(scopes, ask, &Line::default()).await.unwrap_or(true)
    }

    /// As [`Leases::lease`], places too. Where Redis has just said that there are none, it is asked again a moment later.
    async fn lease_in_line(
        self: &Arc<Self>,
        scopes: &[Arc<Scope>],
        ask: &mut Ask,
        line: &Line,
        refusal: &Refusal,
    ) -> bool {
        if let Some(is_answered) = self.lease_all(scopes, ask, line).await {
            return is_answered;
        }
        if refusal.is_full() {
            sleep(NO_PLACE_FOR).await;
            ask.now = ask.now.max(self.clock.now());
        }
        self.lease_all(scopes, ask, line).await.unwrap_or(true)
    }

    /// `None`: there is nothing to be asked for.
    async fn lease_all(self: &Arc<Self>, scopes: &[Arc<Scope>], ask: &Ask, line: &Line) -> Option<bool> {
        let lacking = scopes.iter().filter(|scope| scope.want(ask)).chain(line.lacking(ask.now));
        let flights: Vec<_> = lacking.filter_map(|scope| self.fly(scope, false)).collect();
        if flights.is_empty() {
            return None;
        }
        let landed = join_all(flights.into_iter().map(|landing| landing.wait())).await;
        Some(landed.into_iter().all(|is_answered| is_answered))
    }

    /// Says on all nodes what is spent of a budget, whatever was before: for an administrator's reset. The database is not
    /// told. What other nodes have borrowed of the old count they may use until they speak with Redis next, and what they
    /// have spent in the last quarter of a second and not reported comes on top.
    ///
    /// `false`: there is no such budget here, or Redis does not answer.
    pub async fn set_spent(self: &Arc<Self>, scope: &Arc<Scope>, budget: &str, spent: Pico) -> bool {
        let place = scope.budgets().iter().position(|known| &*known.limits().name == budget);
        let Some(place) = place else { return false };
        // What was spent here until now belongs to the old count. One conversation may be on its way already.
        for _ in 0..2 {
            if let Some(landing) = self.fly(scope, false) {
                landing.wait().await;
            }
        }
        let is_said = self.begin_with(scope, place, spent, true).await.is_some();
        if is_said {
            scope.restore(budget, spent, None);
        }
        is_said
    }

    /// Begins the count of a budget that Redis does not know. The first of several nodes does it.
    pub(super) async fn begin(&self, scope: &Scope, place: usize) -> Option<()> {
        let budget = scope.budgets().get(place)?;
        let before = match &self.ledger {
            Some(ledger) => ledger.spent(scope.kind(), scope.id(), &budget.limits().name).await,
            None => Ok(super::Before::default()),
        };
        let before = match before {
            Ok(before) => before,
            Err(error) => {
                tracing::warn!(%error, "nobody can say what was spent of a budget");
                return None;
            }
        };
        let is_over = before.resets_at.is_some_and(|at| at <= self.wall());
        let spent = if is_over { 0 } else { before.spent };
        // What this node has heard last may be later than the database.
        self.begin_with(scope, place, spent.max(budget.spent()), false).await
    }

    async fn begin_with(&self, scope: &Scope, place: usize, spent: Pico, is_forced: bool) -> Option<()> {
        let budget = scope.budgets().get(place)?;
        budget.roll_over(self.wall());
        let beginning = Beginning {
            epoch: fastrand::u64(EPOCHS),
            ends: budget.resets_at().unwrap_or(0),
            span: budget.limits().window,
            spent: (spent.max(0).saturating_add(999) / 1_000).unsigned_abs(),
            is_forced,
        };
        let key = self.key(scope, Account::Budget(place));
        self.invoke::<i64>(self.scripts.begin(&key, &beginning, self.wall())).await.map(drop)
    }

    pub(super) async fn say_rate(&self, scope: &Scope, account: Account, call: &RateCall) -> Option<RateReply> {
        self.invoke(self.scripts.rate(&self.key(scope, account), call)).await.map(scripts::rate_reply)
    }

    pub(super) async fn say_places(&self, scope: &Scope, account: Account, call: &PlacesCall) -> Option<PlacesReply> {
        let (lessee, sequence) = (self.lessee(scope)?, self.next_sequence());
        let said = self.scripts.places(&self.key(scope, account), &lessee, sequence, call);
        self.invoke::<Vec<u64>>(said).await.map(|numbers| scripts::places_reply(&numbers))
    }

    pub(super) async fn say_money(&self, scope: &Scope, place: usize, call: &MoneyCall) -> Option<MoneyReply> {
        let (lessee, sequence) = (self.lessee(scope)?, self.next_sequence());
        let key = self.key(scope, Account::Budget(place));
        let said = self.scripts.money(&key, &lessee, sequence, call, self.wall());
        self.invoke::<Vec<i64>>(said).await.map(|numbers| scripts::money_reply(&numbers))
    }

    /// What Redis knows a scope of this process by.
    fn lessee(&self, scope: &Scope) -> Option<String> {
        Some(format!("{}.{}", self.node, scope.lessee()?))
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Says that this node lives, or leaves. How many do.
    pub(super) async fn beat(&self, stays: bool) -> Option<u64> {
        let key = format!("{}:nodes", self.namespace);
        self.invoke(self.scripts.beat(&key, &self.node, stays)).await
    }

    /// Nobody waits for Redis: without a connection there is no answer.
    pub(super) async fn invoke<T: FromRedisValue>(&self, script: ScriptInvocation<'_>) -> Option<T> {
        let mut connection = self.connection.get()?;
        self.health.called();
        let answer = script.invoke_async(&mut connection).await;
        if answer.is_ok() {
            self.connection.answered();
        }
        self.understood(answer)
    }

    /// The answer, if it is one. An error is told to whoever has to know.
    pub(super) fn understood<T>(&self, answer: RedisResult<T>) -> Option<T> {
        let error = match answer {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        self.health.failed();
        if self.connection.failed(&error) == Damage::Server && self.cluster.is_up() {
            self.cluster.set_up(false);
            tracing::warn!(why = error.category(), "Redis does not answer: limits are this node's own");
        }
        None
    }

    /// Keeps those that have borrowed, to give back what they do not use.
    pub(super) fn remember(&self, scope: &Arc<Scope>) {
        let Some(lessee) = scope.lessee().filter(|_| scope.is_lessee()) else { return };
        self.lessees.entry(lessee).or_insert_with(|| (Arc::clone(scope), 0)).0 = Arc::clone(scope);
    }

    /// Seconds since 1970.
    pub(super) fn wall(&self) -> i64 {
        unix_millis() / 1_000
    }

    fn key(&self, scope: &Scope, account: Account) -> String {
        let of = |name: &str| scripts::key(&self.namespace, scope.kind(), scope.id(), name);
        match account {
            Account::Requests => of("requests"),
            Account::Tokens => of("tokens"),
            Account::Places => of("places"),
            Account::Budget(place) => {
                let name = scope.budgets().get(place).map_or("", |budget| &budget.limits().name);
                of(&format!("budget:{name}"))
            }
        }
    }
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leases").field("node", &self.node).field("health", &self.health).finish_non_exhaustive()
    }
}
