//! Which deployment served a session, a prompt's beginning or a key last, so that the next request of the kind finds its
//! provider's cache warm. A preference, never a reason to choose a deployment that cannot serve.
//!
//! A table of fixed size without locks: each entry is one atomic. A bucket that is full forgets what would be forgotten
//! first.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::plan::DeploymentIx;
use crate::clock::Instant;

/// Sessions, prompts and keys that are remembered at one time; half a megabyte.
pub const ENTRIES: usize = 1 << 16;

/// Places that one key may stand in.
const WAYS: usize = 4;

/// Deployments beyond this number are not remembered.
pub const DEPLOYMENTS_MAX: u32 = 1 << DEPLOYMENT_BITS;

/// The longest time that is remembered: seconds are kept modulo 2²⁰, 12 days.
pub const LONGEST: Duration = Duration::from_secs(5 * 24 * 3600);

const DEPLOYMENT_BITS: u32 = 16;
const SECOND_BITS: u32 = 20;
const SECONDS: u64 = 1 << SECOND_BITS;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// What a request may have in common with an earlier one, as hashes that nobody outside can choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AffinityKeys {
    /// The session that it belongs to.
    pub session: Option<u64>,
    /// The beginning of its conversation.
    pub conversation: Option<u64>,
    /// The part of its prompt that is marked to be cached.
    pub marked: Option<u64>,
    /// The key that it came with.
    pub caller: Option<u64>,
}

impl AffinityKeys {
    /// Nothing.
    pub(super) const NONE: Self = Self { session: None, conversation: None, marked: None, caller: None };
}

/// How long each is remembered. `None`: not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AffinityTimes {
    /// `session_affinity`.
    pub session: Option<Duration>,
    /// `prompt_caching`: as long as the provider's cache is likely warm.
    pub prompt: Option<Duration>,
    /// `deployment_affinity`.
    pub caller: Option<Duration>,
}

impl AffinityTimes {
    /// Whether anything is remembered.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// The keys that count, each with its time; the strongest first.
    fn keys(&self, keys: &AffinityKeys) -> impl Iterator<Item = (u64, Duration)> {
        // A session and a prompt of the same hash are two things.
        let salted = |key: Option<u64>, salt: u64, time: Option<Duration>| {
            Some((key?.rotate_left(salt as u32).wrapping_add(salt), time?.min(LONGEST)))
        };
        let all = [
            salted(keys.session, 1, self.session),
            salted(keys.conversation, 2, self.prompt),
            salted(keys.marked, 3, self.prompt),
            salted(keys.caller, 4, self.caller),
        ];
        all.into_iter().flatten()
    }
}

/// See the file.
pub struct AffinityTable {
    /// Tag of the key, deployment, second of its end. Zero: nothing.
    entries: Box<[AtomicU64]>,
}

impl Default for AffinityTable {
    fn default() -> Self {
        Self { entries: (0..ENTRIES).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl std::fmt::Debug for AffinityTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AffinityTable").finish_non_exhaustive()
    }
}

impl AffinityTable {
    /// The deployments that served these keys, the strongest bond first.
    pub(super) fn find(
        &self,
        now: Instant,
        keys: &AffinityKeys,
        times: &AffinityTimes,
    ) -> impl Iterator<Item = DeploymentIx> {
        times.keys(keys).filter_map(move |(key, _)| self.get(key, now))
    }

    /// Remembers who served these keys.
    pub(super) fn remember(&self, now: Instant, keys: &AffinityKeys, times: &AffinityTimes, who: DeploymentIx) {
        times.keys(keys).for_each(|(key, time)| self.put(key, now, time, who));
    }

    fn get(&self, key: u64, now: Instant) -> Option<DeploymentIx> {
        let entries = self.bucket(key).iter().map(|entry| Entry::unpack(entry.load(Relaxed)));
        let mut own = entries.filter(|entry| entry.tag == tag(key) && entry.lives_on(now).is_some());
        own.next().map(|entry| DeploymentIx(entry.deployment))
    }

    fn put(&self, key: u64, now: Instant, time: Duration, who: DeploymentIx) {
        if who.0 >= DEPLOYMENTS_MAX {
            return;
        }
        let end = (second(now) + time.as_secs().max(1)) % SECONDS;
        let entry = Entry { tag: tag(key), deployment: who.0, end };
        let order = |place: &&AtomicU64| {
            let known = Entry::unpack(place.load(Relaxed));
            // Its own place first, then one that is free, then the one that ends first.
            if known.tag == entry.tag { None } else { Some(known.lives_on(now)) }
        };
        if let Some(place) = self.bucket(key).iter().min_by_key(order) {
            place.store(entry.pack(), Relaxed);
        }
    }

    fn bucket(&self, key: u64) -> &[AtomicU64] {
        let start = (key as usize % (ENTRIES / WAYS)) * WAYS;
        self.entries.get(start..start + WAYS).unwrap_or_default()
    }
}

/// The part of a key that its place does not say; never zero, so that an empty place is nobody's.
fn tag(key: u64) -> u64 {
    (key >> (DEPLOYMENT_BITS + SECOND_BITS)).max(1)
}

fn second(now: Instant) -> u64 {
    now.nanos() / NANOS_PER_SECOND
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u64,
    deployment: u32,
    end: u64,
}

impl Entry {
    fn unpack(packed: u64) -> Self {
        Self {
            tag: packed >> (DEPLOYMENT_BITS + SECOND_BITS),
            deployment: (packed >> SECOND_BITS) as u32 & (DEPLOYMENTS_MAX - 1),
            end: packed % SECONDS,
        }
    }

    fn pack(self) -> u64 {
        (self.tag << (DEPLOYMENT_BITS + SECOND_BITS)) | (u64::from(self.deployment) << SECOND_BITS) | self.end
    }

    /// Seconds until its end; `None`: it is over, or was never there.
    fn lives_on(self, now: Instant) -> Option<u64> {
        let left = self.end.wrapping_sub(second(now)) % SECONDS;
        (self.tag != 0 && left > 0 && left <= LONGEST.as_secs()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: AffinityTimes =
        AffinityTimes { session: Some(Duration::from_secs(60)), prompt: Some(Duration::from_secs(30)), caller: None };

    fn at(seconds: u64) -> Instant {
        Instant::default() + Duration::from_secs(seconds)
    }

    fn session(key: u64) -> AffinityKeys {
        AffinityKeys { session: Some(key), ..AffinityKeys::default() }
    }

    #[test]
    fn what_is_remembered_is_found_until_its_time_is_over() {
        let table = AffinityTable::default();
        let found = |now, keys: &AffinityKeys| table.find(now, keys, &TIMES).map(|ix| ix.0).collect::<Vec<_>>();
        let both = AffinityKeys { session: Some(7), conversation: Some(7), marked: None, caller: Some(7) };
        table.remember(at(10), &session(7), &TIMES, DeploymentIx(3));
        assert_eq!(found(at(10), &both), [3], "a prompt is no session");
        table.remember(at(20), &AffinityKeys { session: None, ..both }, &TIMES, DeploymentIx(4));
        assert_eq!(found(at(49), &both), [3, 4]);
        assert_eq!(found(at(50), &both), [3]);
        assert_eq!(found(at(70), &both), [0_u32; 0]);
        table.remember(at(80), &session(7), &TIMES, DeploymentIx(5));
        assert_eq!(found(at(81), &session(7)), [5]);
        table.remember(at(80), &session(8), &TIMES, DeploymentIx(DEPLOYMENTS_MAX));
        assert_eq!(found(at(81), &session(8)), [0_u32; 0]);
    }

    #[test]
    fn a_full_bucket_forgets_what_ends_first() {
        let table = AffinityTable::default();
        // Keys of one bucket: they differ above its index.
        let key = |number: u64| (number << 40) | 5;
        for number in 0..=WAYS as u64 {
            table.put(key(number + 1), at(number), Duration::from_secs(60), DeploymentIx(number as u32));
        }
        assert_eq!(table.get(key(1), at(5)), None);
        for number in 1..=WAYS as u64 {
            assert_eq!(table.get(key(number + 1), at(5)), Some(DeploymentIx(number as u32)));
        }
        // One that is over gives its place first.
        table.put(key(2), at(5), Duration::from_secs(1), DeploymentIx(9));
        table.put(key(9), at(7), Duration::from_secs(60), DeploymentIx(10));
        assert_eq!(table.get(key(3), at(7)), Some(DeploymentIx(2)));
        assert_eq!(table.get(key(9), at(7)), Some(DeploymentIx(10)));
    }

    #[test]
    fn seconds_begin_anew_without_harm() {
        let table = AffinityTable::default();
        let late = at(SECONDS - 10);
        table.put(1 << 50, late, Duration::from_secs(60), DeploymentIx(1));
        assert_eq!(table.get(1 << 50, late + Duration::from_secs(59)), Some(DeploymentIx(1)));
        assert_eq!(table.get(1 << 50, late + Duration::from_secs(60)), None);
    }
}
