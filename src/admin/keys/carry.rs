//! What a key has spent goes over to its successor: every budget of its own and of its models, each in its window, so that
//! nobody gets a second budget for a new plain text; and what it has spent at all.
//!
//! What the old key's calls in flight cost stays with the old key: nobody knows it yet.

use std::collections::BTreeMap;

use crate::admin::control::Control;
use crate::error::Error;
use crate::limiter;
use crate::store::{Change, Counter, KEY_TOTAL};

/// Whose counters are found by a key's digest.
const KINDS: [limiter::Kind; 2] = [limiter::Kind::Key, limiter::Kind::ModelPerKey];

/// What is to be written with the new key: of each counter what whoever has heard of more says, this node or the store.
///
/// # Errors
/// [`crate::error::Management::StoreAway`].
pub async fn carried(control: &Control, old: &str, new: &str) -> Result<Vec<Change>, Error> {
    let mut counters = BTreeMap::new();
    let mut own = None;
    for kind in KINDS {
        let stored = control.store.counters_under(kind.as_str(), old).await?;
        own = own.or_else(|| stored.iter().find(|counter| is_own(counter, old)).cloned());
        for counter in stored.into_iter().chain(control.desk.counters_under(kind, old)) {
            let key = (counter.scope.clone(), counter.id.clone(), counter.budget.clone());
            let known = counters.remove(&key);
            counters.insert(key, known.map_or(counter.clone(), |known| later(known, counter)));
        }
    }
    let total = control.store.counters_of(&[(KEY_TOTAL, old)]).await?.pop();
    let total = total_of(total, own, counters.values().find(|counter| is_own(counter, old)));
    let renamed = counters.into_values().chain(total).filter_map(|counter| {
        let id = format!("{new}{}", counter.id.strip_prefix(old)?);
        // Below nothing while calls from before a reset are on their way to the old key.
        Some(Change::Spent(Counter { id, spent: counter.spent.max(0), ..counter }))
    });
    Ok(renamed.collect())
}

/// Whether it is of the key's own budget, the one of `budget_duration`.
fn is_own(counter: &Counter, key: &str) -> bool {
    counter.scope == limiter::Kind::Key.as_str() && counter.id == key && counter.budget.is_empty()
}

/// What the key has spent over all windows, of which only the store knows: with what this node has heard of before it, and
/// never less than what is carried of the present window.
fn total_of(total: Option<Counter>, stored: Option<Counter>, carried: Option<&Counter>) -> Option<Counter> {
    let Some(carried) = carried else { return total };
    let is_newer = |stored: &Counter| stored.resets_at != 0 && carried.resets_at > stored.resets_at;
    // Below nothing where what is on its way was taken off in advance.
    let before = stored.filter(|stored| !is_newer(stored)).map_or(0, |stored| stored.spent);
    let unheard = carried.spent.saturating_sub(before).max(0);
    let known = total.map_or(0, |total| total.spent.max(0));
    let spent = known.saturating_add(unheard).max(carried.spent);
    (spent > 0).then(|| Counter { scope: KEY_TOTAL.to_owned(), spent, resets_at: 0, ..carried.clone() })
}

/// Of two words on one counter the one of the newer window; in one window, the greater sum. A counter without a window
/// takes part in any.
fn later(one: Counter, other: Counter) -> Counter {
    let are_of_two_windows = one.resets_at != 0 && other.resets_at != 0 && one.resets_at != other.resets_at;
    if are_of_two_windows {
        return if one.resets_at > other.resets_at { one } else { other };
    }
    let (spent, resets_at) = (one.spent.max(other.spent), one.resets_at.max(other.resets_at));
    Counter { spent, resets_at, ..one }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter((spent, resets_at): (i64, i64)) -> Counter {
        Counter { scope: "key".to_owned(), id: "k".to_owned(), budget: String::new(), spent, resets_at }
    }

    #[test]
    fn the_newer_window_counts_and_in_one_the_greater_sum() {
        let check = |one: (i64, i64), other: (i64, i64), expected: (i64, i64)| {
            let got = later(counter(one), counter(other));
            assert_eq!((got.spent, got.resets_at), expected, "{one:?} {other:?}");
        };
        check((5, 0), (3, 0), (5, 0));
        check((3, 100), (5, 100), (5, 100));
        check((9, 100), (1, 200), (1, 200));
        check((1, 200), (9, 100), (1, 200));
        check((4, 0), (2, 100), (4, 100));
        check((0, 0), (2, 100), (2, 100));
    }

    #[test]
    fn the_total_hears_of_what_the_store_has_not() {
        let check =
            |total: Option<i64>, stored: Option<(i64, i64)>, carried: Option<(i64, i64)>, expected: Option<i64>| {
                let total = total.map(|spent| Counter { scope: KEY_TOTAL.to_owned(), ..counter((spent, 0)) });
                let got = total_of(total, stored.map(counter), carried.map(counter).as_ref());
                assert_eq!(got.as_ref().map(|total| (total.spent, total.resets_at)), expected.map(|spent| (spent, 0)));
                assert!(got.is_none_or(|total| total.scope == KEY_TOTAL));
            };
        check(None, None, None, None);
        check(Some(8), None, None, Some(8));
        check(Some(80), Some((5, 0)), Some((9, 0)), Some(84));
        check(Some(80), Some((5, 100)), Some((5, 100)), Some(80));
        check(Some(80), Some((5, 100)), Some((2, 200)), Some(82));
        check(None, Some((5, 0)), Some((5, 0)), Some(5));
        check(None, None, Some((3, 100)), Some(3));
        // Set back, with 2 on their way.
        check(Some(80), Some((-2, 0)), Some((0, 0)), Some(82));
    }
}
