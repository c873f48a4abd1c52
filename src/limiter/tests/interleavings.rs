//! Every interleaving of two or three threads at the atomics, walked through by loom. `cargo test --lib --features loom interleavings`;
//! the other tests of the limiter cannot run then, since loom's atomics live in its model only.

use loom::sync::Arc;
use loom::thread;

use crate::clock::Instant;
use crate::limiter::budget::{Budget, BudgetLimits};
use crate::limiter::lease::{Grant, Moment, Places, PlacesReply};
use crate::limiter::parallel::{Parallel, Room};
use crate::limiter::purse::Purse;
use crate::limiter::rate::Rate;
use crate::limiter::window::Window;

const NOW: Instant = Instant::from_nanos(0);
const AT: Moment = Moment { now: NOW, era: 1, nodes: 1 };
const LENT: Room = Room::Lent(1);
const WHOLE: Room = Room::Part(1);

fn budget(max: i64, window: &str) -> Arc<Budget> {
    Arc::new(Budget::new(BudgetLimits { max: Some(max), window: Window::parse(window), ..BudgetLimits::default() }))
}

#[test]
fn a_rate_gives_its_last_token_once() {
    loom::model(|| {
        let rate = Arc::new(Rate::per_minute(2));
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let rate = Arc::clone(&rate);
                thread::spawn(move || rate.try_take(NOW, 1).is_ok())
            })
            .collect();
        let own = rate.try_take(NOW, 1).is_ok();
        let taken = workers.into_iter().map(|worker| worker.join().unwrap()).filter(|&ok| ok).count();
        assert_eq!(taken + usize::from(own), 2);
        assert_eq!(rate.remaining(NOW), 0);
    });
}

#[test]
fn giving_back_while_others_take_loses_nothing() {
    loom::model(|| {
        let rate = Arc::new(Rate::per_minute(5));
        let worker = thread::spawn({
            let rate = Arc::clone(&rate);
            move || {
                let taken = rate.try_take(NOW, 2).unwrap();
                rate.give_back(NOW, taken, 2);
            }
        });
        let _two = rate.try_take(NOW, 2).unwrap();
        rate.charge(NOW, 1);
        worker.join().unwrap();
        assert_eq!(rate.remaining(NOW), 2);
    });
}

#[test]
fn a_limit_that_changes_meets_a_taker_and_a_giver() {
    loom::model(|| {
        let rate = std::sync::Arc::new(Rate::per_minute(4));
        let held = rate.try_take(NOW, 1).unwrap();
        let worker = thread::spawn({
            let rate = std::sync::Arc::clone(&rate);
            move || {
                rate.give_back(NOW, held, 1);
                rate.try_take(NOW, 2).is_ok()
            }
        });
        let changed = rate.relimited(8);
        assert!(worker.join().unwrap());
        // Two of four were four of eight, or two of eight; a carried position is rounded up.
        assert!([3, 4, 5, 6].contains(&changed.remaining(NOW)), "{}", changed.remaining(NOW));
        assert_eq!(changed.remaining(NOW), rate.remaining(NOW));
        let left = changed.remaining(NOW);
        assert!(rate.try_take(NOW, left).is_ok() && changed.try_take(NOW, 1).is_err());
    });
}

#[test]
fn a_new_maximum_misses_no_money() {
    loom::model(|| {
        let free = Arc::new(Budget::new(BudgetLimits::default()));
        free.settle(0, 3);
        let worker = thread::spawn({
            let free = Arc::clone(&free);
            move || free.settle(0, 4)
        });
        let capped = free.relimited(BudgetLimits { max: Some(10), ..BudgetLimits::default() });
        let reserved = capped.try_reserve(5, 0).is_ok();
        worker.join().unwrap();
        assert_eq!((capped.spent(), capped.reserved()), (7, if reserved { 5 } else { 0 }));
        assert!(capped.try_reserve(4, 0).is_err());
    });
}

#[test]
fn two_limits_on_requests_in_flight_share_the_count() {
    loom::model(|| {
        let wide = Parallel::new(2);
        let narrow = wide.relimited(1);
        let worker = thread::spawn(move || {
            let entered = narrow.enter(WHOLE);
            if entered {
                narrow.leave();
            }
            entered
        });
        let entered = wide.enter(WHOLE);
        let other = worker.join().unwrap();
        assert!(entered || other);
        assert_eq!(wide.inside(), u64::from(entered));
    });
}

/// Shared requests at once, of which the store has lent so many.
fn lent(limit: u64, held: u64) -> (Arc<Places>, Parallel) {
    let places = Arc::new(Places::new());
    let parallel = places.limited(limit);
    (0..held).for_each(|_| assert!(places.wait()));
    let call = places.call(AT, false).unwrap();
    assert_eq!((call.keep, call.target), (0, held));
    places.apply(&call, &PlacesReply::Held { held, others: limit - held, wanted: 0 }, AT);
    (0..held).for_each(|_| places.wait_no_more());
    (places, parallel)
}

#[test]
fn nobody_enters_a_place_that_is_given_back() {
    loom::model(|| {
        let (places, parallel) = lent(3, 2);
        assert!(parallel.enter(LENT));
        let worker = thread::spawn(move || parallel.enter(LENT));
        let call = places.call(AT, true);
        let entered = worker.join().unwrap();
        // Whoever came in first: what the node says that it keeps is all that it uses.
        match call {
            Some(call) => assert_eq!((call.keep, call.target, entered), (1, 1, false)),
            None => assert!(entered),
        }
    });
}

#[test]
fn who_leaves_gives_his_place_back_once() {
    loom::model(|| {
        let (places, parallel) = lent(3, 1);
        assert!(parallel.enter(LENT));
        let worker = thread::spawn({
            let places = Arc::clone(&places);
            move || {
                parallel.leave();
                // It is said soon, unless it was said already.
                (places.has_surplus(1), parallel.enter(LENT))
            }
        });
        let said = places.call(AT, false);
        let (is_urgent, again) = worker.join().unwrap();
        match said {
            Some(call) => assert_eq!((call.keep, call.target, again), (0, 0, false)),
            None => assert!(is_urgent && again),
        }
    });
}

#[test]
fn an_answer_meets_a_lower_limit() {
    loom::model(|| {
        let (places, parallel) = lent(3, 1);
        assert!(places.wait() && places.wait());
        let call = places.call(AT, false).unwrap();
        assert_eq!((call.keep, call.target), (1, 2));
        let worker = thread::spawn({
            let parallel = parallel.clone();
            move || parallel.relimited(1)
        });
        places.apply(&call, &PlacesReply::Held { held: 2, others: 1, wanted: 0 }, AT);
        worker.join().unwrap();
        let entered = (0..2).filter(|_| parallel.enter(LENT)).count();
        assert!(entered <= 1, "{entered} of a limit of 1");
    });
}

/// A shared budget's purse with this much borrowed.
fn borrowed(amount: i64) -> Arc<Purse> {
    let purse = Purse::new(true, i64::MAX, Some(Box::new(Grant::new())));
    let grant = purse.grant().unwrap();
    assert!(grant.set_held(grant.held(), amount));
    Arc::new(purse)
}

#[test]
fn what_is_given_back_is_not_spent_too() {
    loom::model(|| {
        let purse = borrowed(10_000);
        let worker = thread::spawn({
            let purse = Arc::clone(&purse);
            move || {
                let is_in = purse.commit_leased(purse.grant().unwrap(), 6_000).is_some();
                if is_in {
                    purse.settle(6_000, 5_000);
                }
                is_in
            }
        });
        let grant = purse.grant().unwrap();
        let held = grant.withdraw(7_000);
        let is_in = worker.join().unwrap();
        assert!(is_in || held == Some(3_000));
        assert_eq!(grant.left() + purse.committed(), held.unwrap_or(10_000));
        assert!(grant.left() >= 0);
    });
}

#[test]
fn a_late_answer_does_not_lend_into_a_new_window() {
    loom::model(|| {
        let purse = borrowed(10_000);
        assert!(purse.commit_leased(purse.grant().unwrap(), 4_000).is_some());
        let seen = purse.grant().unwrap().held();
        let worker = thread::spawn({
            let purse = Arc::clone(&purse);
            move || {
                purse.settle(4_000, 3_000);
                purse.grant().unwrap().set_held(seen, 20_000);
            }
        });
        purse.empty();
        worker.join().unwrap();
        let grant = purse.grant().unwrap();
        // Whatever came first: nothing of the old window's lease is left.
        assert!(grant.held() < 0);
        assert_eq!(grant.left(), -purse.committed());
        assert_eq!(purse.committed(), purse.spent());
        assert!([0, 3_000].contains(&purse.spent()));
    });
}

#[test]
fn a_budget_is_not_overspent() {
    loom::model(|| {
        let budget = budget(10, "");
        let spend = |budget: &Budget| {
            let reserved = budget.try_reserve(6, 0).is_ok();
            if reserved {
                budget.settle(6, 5);
            }
            assert!(budget.spent() <= 10);
        };
        let worker = thread::spawn({
            let budget = Arc::clone(&budget);
            move || spend(&budget)
        });
        spend(&budget);
        worker.join().unwrap();
        // Either the second came while the first was out, and was refused, or after it, and did not fit.
        assert_eq!((budget.spent(), budget.reserved()), (5, 0));
    });
}

#[test]
fn a_new_window_meets_a_settlement() {
    loom::model(|| {
        let budget = budget(10, "1d");
        budget.try_reserve(4, 0).unwrap();
        budget.settle(4, 4);
        budget.try_reserve(6, 0).unwrap();
        let worker = thread::spawn({
            let budget = Arc::clone(&budget);
            move || budget.settle(6, 5)
        });
        budget.roll_over(86_400);
        worker.join().unwrap();
        // The settlement came into the old window or into the new one; nothing is reserved, nothing counted twice.
        assert!([0, 5].contains(&budget.spent()), "{}", budget.spent());
        assert_eq!(budget.reserved(), 0);
    });
}

#[test]
fn two_who_see_the_end_of_a_window_end_it_once() {
    loom::model(|| {
        let budget = budget(10, "1d");
        budget.try_reserve(10, 0).unwrap();
        budget.settle(10, 10);
        let worker = thread::spawn({
            let budget = Arc::clone(&budget);
            move || budget.try_reserve(6, 86_400).is_ok()
        });
        let own = budget.try_reserve(6, 86_400).is_ok();
        let other = worker.join().unwrap();
        assert!(own || other);
        assert!(!(own && other), "12 of 10");
        assert_eq!((budget.spent(), budget.reserved()), (0, 6));
    });
}
