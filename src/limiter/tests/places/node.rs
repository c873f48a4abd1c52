//! A node, and the requests that wait there.

use std::sync::Arc;

use super::SCOPES;
use crate::clock::Instant;
use crate::limiter::lease::{Cluster, Line, Outage, PlacesCall};
use crate::limiter::{Kind, Limits, Reservation, Scope};

pub struct Node {
    pub cluster: Arc<Cluster>,
    pub scopes: [Arc<Scope>; SCOPES],
    /// What the store knows it by; another one after a crash.
    pub lessee: u64,
    pub open: Vec<Reservation>,
    pub waiting: Vec<Waiter>,
    pub flights: [Option<(PlacesCall, u64)>; SCOPES],
    pub heard_at: [Instant; SCOPES],
}

pub struct Waiter {
    pub line: Line,
    pub tries: u32,
}

impl Node {
    /// One whose store answers, and knows of nothing yet.
    pub fn new(lessee: u64, nodes: u64, limits: [u64; SCOPES], now: Instant) -> Self {
        let cluster = Arc::new(Cluster::new(Outage::default()));
        cluster.set_up(true);
        cluster.set_nodes(nodes);
        let limits_of = |limit| Limits { parallel: Some(limit), ..Limits::default() };
        let scope = |kind, limit| Arc::new(Scope::shared(kind, "x", limits_of(limit), &cluster));
        let scopes = [scope(Kind::Team, limits[0]), scope(Kind::Key, limits[1])];
        let (flights, open, waiting) = (Default::default(), Vec::new(), Vec::new());
        Self { cluster, scopes, lessee, open, waiting, flights, heard_at: [now; SCOPES] }
    }

    pub fn inside(&self, which: usize) -> u64 {
        self.scopes[which].parallel.as_ref().unwrap().inside()
    }

    /// Places that are in use, or may be at any moment.
    pub fn used(&self, which: usize) -> u64 {
        let count = self.scopes[which].parallel.as_ref().unwrap().count();
        count.inside.max(count.held_in(self.cluster.era()))
    }
}
