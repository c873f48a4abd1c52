//! In which order requests wait for a place: the lowest `priority` number first, and among equals each key in its turn.
//!
//! Turns are those of start-time fair queueing (Goyal, Vin, Cheng 1996): a request's tag is the number of requests of its
//! key before it, counted from where the queue has got to; the lowest tag is next. So a key with a hundred requests waits
//! behind a key with one, and what a key had yesterday is not held against it.
//!
//! A full queue takes one more if that goes before the last one, which then has to leave: a key that fills the queue keeps
//! nobody else out of it.

use std::collections::{BTreeMap, HashMap};

/// The most that may wait for one group, whatever is configured.
pub const LENGTH_MAX: usize = 10_000;

/// Keys remembered without a request that waits, before those are forgotten whose turns are over.
const IDLE_FLOWS: usize = 64;

/// Who wants to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// LiteLLM's `priority`: the lower the number, the sooner.
    pub priority: i64,
    /// Tells keys apart.
    pub flow: u64,
}

/// A place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    priority: i64,
    /// The turn.
    tag: u64,
    /// Who came first, where turns are equal.
    number: u64,
    flow: u64,
}

/// What became of a request that wants to wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Entered<T> {
    /// It waits, and nobody had to leave.
    In(Ticket),
    /// It waits in the place of this one, which was last.
    InPlaceOf(Ticket, T),
    /// There is no room.
    Full,
}

/// Requests that wait; `T` stands for one.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: BTreeMap<Ticket, T>,
    levels: BTreeMap<i64, Level>,
    entered: u64,
}

/// What must be known of the requests of one priority.
#[derive(Debug, Default)]
struct Level {
    length: usize,
    /// The highest tag that was called.
    reached: u64,
    flows: HashMap<u64, Flow>,
}

/// A key's requests.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    waiting: usize,
    /// The tag of its next one, unless the queue has gone further.
    next: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), levels: BTreeMap::new(), entered: 0 }
    }
}

impl<T> Queue<T> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many may have to be called before a newcomer of this priority.
    pub fn ahead_of(&self, priority: i64) -> usize {
        self.levels.range(..=priority).map(|(_, level)| level.length).sum()
    }

    /// Lets one wait, if there is room for `most`.
    pub fn enter(&mut self, claim: Claim, most: usize, waiter: T) -> Entered<T> {
        let flow = self.levels.get(&claim.priority).map(|level| (level.reached, level.flows.get(&claim.flow)));
        let tag = flow.map_or(0, |(reached, flow)| flow.map_or(reached, |flow| flow.next.max(reached)));
        let ticket = Ticket { priority: claim.priority, tag, number: self.entered, flow: claim.flow };
        let mut displaced = None;
        if self.waiting.len() >= most {
            let last = self.waiting.last_key_value().map(|(last, _)| *last);
            let Some(last) = last.filter(|last| ticket < *last) else { return Entered::Full };
            displaced = self.leave(last);
        }
        self.entered += 1;
        self.insert(ticket, waiter);
        if let Some(flow) = self.levels.get_mut(&claim.priority).and_then(|level| level.flows.get_mut(&claim.flow)) {
            flow.next = tag + 1;
        }
        match displaced {
            Some(displaced) => Entered::InPlaceOf(ticket, displaced),
            None => Entered::In(ticket),
        }
    }

    /// Takes the first one out, to be served.
    pub fn call(&mut self) -> Option<(Ticket, T)> {
        let ticket = *self.waiting.first_key_value()?.0;
        self.serve(ticket)
    }

    /// The first one behind another.
    pub fn call_after(&mut self, ticket: Ticket) -> Option<(Ticket, T)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let next = *self.waiting.range((Excluded(ticket), Unbounded)).next()?.0;
        self.serve(next)
    }

    /// Puts one back that was called in vain, where it was.
    pub fn put_back(&mut self, ticket: Ticket, waiter: T) {
        self.insert(ticket, waiter);
    }

    /// Takes one out that does not wait any longer; `None` if it was called already.
    pub fn leave(&mut self, ticket: Ticket) -> Option<T> {
        let waiter = self.remove(ticket)?;
        // Turns that were not taken are not held against the key.
        if let Some(level) = self.levels.get_mut(&ticket.priority)
            && level.flows.get(&ticket.flow).is_some_and(|flow| flow.waiting == 0)
        {
            level.flows.remove(&ticket.flow);
        }
        Some(waiter)
    }

    fn serve(&mut self, ticket: Ticket) -> Option<(Ticket, T)> {
        let waiter = self.remove(ticket)?;
        if let Some(level) = self.levels.get_mut(&ticket.priority) {
            level.reached = level.reached.max(ticket.tag);
            level.forget_idle();
        }
        Some((ticket, waiter))
    }

    fn insert(&mut self, ticket: Ticket, waiter: T) {
        let level = self.levels.entry(ticket.priority).or_default();
        level.length += 1;
        let flow = level.flows.entry(ticket.flow).or_default();
        flow.waiting += 1;
        flow.next = flow.next.max(ticket.tag + 1);
        self.waiting.insert(ticket, waiter);
    }

    fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let waiter = self.waiting.remove(&ticket)?;
        if let Some(level) = self.levels.get_mut(&ticket.priority) {
            level.length = level.length.saturating_sub(1);
            if let Some(flow) = level.flows.get_mut(&ticket.flow) {
                flow.waiting = flow.waiting.saturating_sub(1);
            }
            if level.length == 0 {
                self.levels.remove(&ticket.priority);
            }
        }
        Some(waiter)
    }
}

impl Level {
    /// A key whose turns are over has the next one as if it were new.
    fn forget_idle(&mut self) {
        if self.flows.len() > 2 * self.length + IDLE_FLOWS {
            let reached = self.reached;
            self.flows.retain(|_, flow| flow.waiting > 0 || flow.next > reached);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::draws::Draws;

    fn claim(priority: i64, flow: u64) -> Claim {
        Claim { priority, flow }
    }

    fn enter(queue: &mut Queue<&'static str>, priority: i64, flow: u64, name: &'static str) -> Ticket {
        match queue.enter(claim(priority, flow), LENGTH_MAX, name) {
            Entered::In(ticket) => ticket,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn drain(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.call().map(|(_, name)| name)).collect()
    }

    #[test]
    fn the_lower_number_goes_first_and_then_who_came_first() {
        let mut queue = Queue::default();
        for (priority, name) in [(5, "late"), (0, "first"), (5, "later"), (-1, "before all"), (0, "second")] {
            enter(&mut queue, priority, 1, name);
        }
        assert_eq!((queue.ahead_of(-2), queue.ahead_of(0), queue.ahead_of(9)), (0, 3, 5));
        assert_eq!(drain(&mut queue), ["before all", "first", "second", "late", "later"]);
        assert!(queue.is_empty() && queue.levels.is_empty());
    }

    #[test]
    fn keys_take_turns() {
        let mut queue = Queue::default();
        for name in ["a1", "a2", "a3", "a4"] {
            enter(&mut queue, 0, 1, name);
        }
        enter(&mut queue, 0, 2, "b1");
        enter(&mut queue, 0, 2, "b2");
        assert_eq!(queue.call().unwrap().1, "a1");
        enter(&mut queue, 0, 3, "c1");
        assert_eq!(drain(&mut queue), ["b1", "c1", "a2", "b2", "a3", "a4"]);
    }

    #[test]
    fn a_key_that_comes_back_at_once_does_not_go_before_one_that_waits() {
        let mut queue = Queue::default();
        for name in ["b1", "b2", "b3"] {
            enter(&mut queue, 0, 2, name);
        }
        let mut served = Vec::new();
        enter(&mut queue, 0, 1, "a");
        for _ in 0..6 {
            let (_, name) = queue.call().unwrap();
            served.push(name);
            if name == "a" {
                enter(&mut queue, 0, 1, "a");
            }
        }
        assert_eq!(served, ["b1", "a", "b2", "a", "b3", "a"]);
    }

    #[test]
    fn who_was_called_in_vain_keeps_his_place() {
        let mut queue = Queue::default();
        for name in ["one", "two", "three"] {
            enter(&mut queue, 0, 1, name);
        }
        let (one, name) = queue.call().unwrap();
        let (two, other) = queue.call_after(one).unwrap();
        assert_eq!((name, other), ("one", "two"));
        queue.put_back(one, name);
        assert_eq!(queue.call_after(two).unwrap().1, "three");
        queue.put_back(two, other);
        assert_eq!(drain(&mut queue), ["one", "two"]);
    }

    #[test]
    fn who_leaves_leaves_no_trace() {
        let mut queue = Queue::default();
        let tickets: Vec<Ticket> = (0..100).map(|_| enter(&mut queue, 0, 1, "gone")).collect();
        enter(&mut queue, 0, 2, "b1");
        enter(&mut queue, 0, 2, "b2");
        assert!(tickets.iter().all(|ticket| queue.leave(*ticket).is_some()));
        assert_eq!(queue.leave(tickets[0]), None);
        enter(&mut queue, 0, 1, "a1");
        assert_eq!(drain(&mut queue), ["b1", "a1", "b2"]);
    }

    #[test]
    fn a_full_queue_takes_who_goes_before_the_last() {
        let mut queue = Queue::default();
        for name in ["a1", "a2", "a3"] {
            assert!(matches!(queue.enter(claim(5, 1), 3, name), Entered::In(_)));
        }
        assert_eq!(queue.enter(claim(5, 1), 3, "a4"), Entered::Full);
        assert_eq!(queue.enter(claim(6, 2), 3, "less urgent"), Entered::Full);
        assert!(matches!(queue.enter(claim(5, 2), 3, "b1"), Entered::InPlaceOf(_, "a3")));
        assert!(matches!(queue.enter(claim(0, 1), 3, "urgent"), Entered::InPlaceOf(_, "a2")));
        assert_eq!(queue.len(), 3);
        assert_eq!(drain(&mut queue), ["urgent", "a1", "b1"]);
        assert_eq!(queue.enter(claim(0, 1), 0, "nowhere"), Entered::Full);
    }

    /// Random keys come, are called, come back and leave: the order is kept, counts are right, and nothing is remembered
    /// of an empty queue.
    #[test]
    fn whatever_happens_nobody_is_lost_and_nobody_is_remembered() {
        for seed in 0..64 {
            let mut draws = Draws::new(seed);
            let mut queue: Queue<u64> = Queue::default();
            let mut inside: Vec<Ticket> = Vec::new();
            let mut called: Vec<(Ticket, u64)> = Vec::new();
            for step in 0..2_000 {
                match draws.below(5) {
                    0 | 1 => {
                        let flow = draws.below(200) as u64;
                        match queue.enter(claim(draws.below(3) as i64, flow), 50, step) {
                            Entered::In(ticket) => inside.push(ticket),
                            Entered::InPlaceOf(ticket, _) => {
                                inside.sort_unstable();
                                assert!(inside.pop().is_some_and(|last| ticket < last));
                                inside.push(ticket);
                            }
                            Entered::Full => assert!(inside.len() >= 50),
                        }
                    }
                    2 => {
                        inside.sort_unstable();
                        let first = queue.call();
                        assert_eq!(first.map(|(ticket, _)| ticket), inside.first().copied());
                        if let Some(first) = first {
                            inside.remove(0);
                            called.push(first);
                        }
                    }
                    3 => {
                        if let Some((ticket, waiter)) = called.pop() {
                            queue.put_back(ticket, waiter);
                            inside.push(ticket);
                        }
                    }
                    _ => {
                        if !inside.is_empty() {
                            let gone = inside.swap_remove(draws.below(inside.len()));
                            assert!(queue.leave(gone).is_some());
                        }
                    }
                }
                assert_eq!((queue.len(), queue.ahead_of(2)), (inside.len(), inside.len()));
                assert!(queue.levels.values().all(|level| level.flows.len() <= 2 * level.length + IDLE_FLOWS + 50));
            }
            while queue.call().is_some() {}
            assert!(queue.levels.is_empty());
        }
    }
}
