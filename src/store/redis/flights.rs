//! One conversation with Redis at a time for each scope, however many wait for it.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use futures::future::join_all;
use tokio::sync::watch;

use super::leases::Leases;
use crate::limiter::Scope;
use crate::limiter::lease::{Account, Call, Next};

/// How often a scope speaks in one flight: a new window, a new count, what is said then.
const ROUNDS: usize = 4;

/// The conversations that are on their way, by lessee.
#[derive(Debug, Default)]
pub(super) struct Flights(DashMap<u64, watch::Receiver<bool>, foldhash::fast::RandomState>);

impl Flights {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this scope speaks with Redis now.
    pub fn has(&self, scope: &Scope) -> bool {
        scope.lessee().is_some_and(|lessee| self.0.contains_key(&lessee))
    }
}

/// The end of a conversation.
pub(super) struct Landing(watch::Receiver<bool>);

impl Landing {
    /// Whether Redis has answered everything.
    pub async fn wait(mut self) -> bool {
        // The sender is dropped at the end.
        while self.0.changed().await.is_ok() {}
        *self.0.borrow()
    }
}

impl Leases {
    /// Joins the conversation of this scope, or begins one.
    pub(super) fn fly(self: &Arc<Self>, scope: &Arc<Scope>, is_idle: bool) -> Option<Landing> {
        let lessee = scope.lessee()?;
        match self.flights.0.entry(lessee) {
            Entry::Occupied(flying) => Some(Landing(flying.get().clone())),
            Entry::Vacant(free) => {
                let (end, landing) = watch::channel(false);
                free.insert(landing.clone());
                let (leases, scope) = (Arc::clone(self), Arc::clone(scope));
                tokio::spawn(async move {
                    let landed = Landed { leases: &leases, lessee, end };
                    if leases.speak(&scope, is_idle).await {
                        landed.end.send_replace(true);
                    }
                });
                Some(Landing(landing))
            }
        }
    }

    /// Says what the scope has to say, until there is nothing more. Whether all was answered.
    async fn speak(&self, scope: &Arc<Scope>, is_idle: bool) -> bool {
        let is_answered = self.exchange(scope, is_idle).await.is_some();
        self.remember(scope);
        is_answered
    }

    async fn exchange(&self, scope: &Arc<Scope>, is_idle: bool) -> Option<()> {
        for _ in 0..ROUNDS {
            let calls = scope.calls(self.clock.now(), self.wall(), is_idle);
            if calls.is_empty() {
                break;
            }
            let answers = join_all(calls.iter().map(|(account, call)| self.say(scope, *account, call))).await;
            let mut again = false;
            for next in answers {
                // Without an answer there is nothing to go on with.
                again |= next? != Next::Nothing;
            }
            if !again {
                break;
            }
        }
        Some(())
    }

    async fn say(&self, scope: &Arc<Scope>, account: Account, call: &Call) -> Option<Next> {
        match (account, call) {
            (Account::Budget(place), Call::Money(call)) => {
                let reply = self.say_money(scope, place, call).await?;
                let next = scope.hear_money(place, call, &reply, self.clock.now());
                if next == Next::Begin {
                    self.begin(scope, place).await?;
                }
                Some(next)
            }
            (_, Call::Rate(call)) => {
                let reply = self.say_rate(scope, account, call).await?;
                scope.hear_rate(account, call, &reply, self.clock.now());
                Some(Next::Nothing)
            }
            (_, Call::Places(call)) => {
                let reply = self.say_places(scope, account, call).await;
                let next = scope.hear_places(call, reply.as_ref(), self.clock.now());
                reply.map(|_| next)
            }
            (_, Call::Money(_)) => None,
        }
    }
}

/// Ends the flight, also if its task is.
struct Landed<'a> {
    leases: &'a Leases,
    lessee: u64,
    end: watch::Sender<bool>,
}

impl Drop for Landed<'_> {
    fn drop(&mut self) {
        self.leases.flights.0.remove(&self.lessee);
    }
}
