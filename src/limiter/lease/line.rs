//! Who waits for a place that another node may give back.
//!
//! A request stands in the line of each scope in which it found none; the node keeps one place for each that waits. No more
//! may wait than there can ever be places.

use std::sync::Arc;

use super::super::scope::{Meter, Reason, Refusal, Scope};
use crate::clock::Instant;

/// The lines in which one request stands; dropped: it waits no more.
#[derive(Debug, Default)]
pub struct Line(Vec<Arc<Scope>>);

impl Line {
    /// A request was refused, and tries again: it takes its place in the line of the scope that refused it; when it does so
    /// for the first time, also of others of `scopes` that have none for it. A scope that refuses again makes it leave the
    /// lines of the others, so that nobody keeps a place for it there.
    ///
    /// `false`: too many wait.
    pub fn stand(&mut self, scopes: &[Arc<Scope>], refusal: &Refusal, now: Instant) -> bool {
        if !refusal.is_full() {
            return true;
        }
        if self.holds(&refusal.scope) {
            self.leave(|scope| !Arc::ptr_eq(scope, &refusal.scope));
            return true;
        }
        let is_first = self.0.is_empty();
        if !self.join(&refusal.scope) {
            return false;
        }
        for scope in scopes.iter().filter(|_| is_first) {
            if !self.holds(scope) && scope.lacks_place(now) {
                self.join(scope);
            }
        }
        true
    }

    /// Whether the request waits there.
    pub fn holds(&self, scope: &Arc<Scope>) -> bool {
        self.0.iter().any(|known| Arc::ptr_eq(known, scope))
    }

    /// Those in whose lines it stands, and of which a place should be asked for.
    pub fn lacking(&self, now: Instant) -> impl Iterator<Item = &Arc<Scope>> {
        self.0.iter().filter(move |scope| scope.lacks_place(now))
    }

    fn join(&mut self, scope: &Arc<Scope>) -> bool {
        let is_in = scope.link.as_ref().is_some_and(|link| link.places.wait());
        if is_in {
            self.0.push(Arc::clone(scope));
        }
        is_in
    }

    fn leave(&mut self, which: impl Fn(&Arc<Scope>) -> bool) {
        self.0.retain(|scope| {
            let is_over = which(scope);
            if is_over {
                scope.wait_no_more();
            }
            !is_over
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.leave(|_| true);
    }
}

impl Refusal {
    /// Whether it is for want of a place.
    pub fn is_full(&self) -> bool {
        matches!(self.reason, Reason::Limit(standing) if standing.meter == Meter::Parallel)
    }
}

impl Scope {
    fn wait_no_more(self: &Arc<Self>) {
        let Some(link) = &self.link else { return };
        link.places.wait_no_more();
        if link.places.has_surplus(link.cluster.nodes()) {
            link.hurry(self);
        }
    }
}
