//! What a request holds, and what becomes of it.

use std::time::Duration;

use super::*;
use crate::limiter::scope::Standing;
use crate::limiter::{BudgetLimits, Kind, Limits, OnExceeded, Reason};

fn scope(kind: Kind, requests: u64, tokens: u64, parallel: u64, max: Pico) -> Arc<Scope> {
    let budget = BudgetLimits { max: Some(max), ..BudgetLimits::default() };
    let limits = Limits {
        requests: Some(requests),
        tokens: Some(tokens),
        parallel: Some(parallel),
        budgets: vec![budget.clone(), budget],
    };
    Arc::new(Scope::new(kind, "x", limits))
}

fn remaining(scope: &Scope) -> Vec<u64> {
    scope.standings(Instant::default()).map(|standing| standing.remaining).collect()
}

fn money(scope: &Scope) -> Vec<(Pico, Pico)> {
    scope.budgets().iter().map(|budget| (budget.spent(), budget.reserved())).collect()
}

const ASK: Ask = Ask { tokens: 40, cost: 7, now: Instant::from_nanos(0), wall: 0, downgraded: false };

#[test]
fn settled_and_dropped_requests_leave_what_they_should() {
    let scope = scope(Kind::Key, 10, 100, 5, 100);
    let scopes = [Arc::clone(&scope)];
    let first = admit(&scopes, &ASK).unwrap();
    let second = admit(&scopes, &ASK).unwrap();
    assert_eq!(remaining(&scope), [8, 20, 3]);
    assert_eq!(money(&scope), [(0, 14), (0, 14)]);
    first.settle(&Actual { tokens: 45, cost: 3, now: ASK.now });
    assert_eq!(remaining(&scope), [8, 15, 4]);
    assert_eq!(money(&scope), [(3, 7), (3, 7)]);
    drop(second);
    assert_eq!(remaining(&scope), [8, 55, 5], "the request stays counted");
    assert_eq!(money(&scope), [(3, 0), (3, 0)]);
}

#[test]
fn what_a_part_has_used_is_counted_whatever_becomes_of_the_rest() {
    let scope = scope(Kind::Key, 10, 100, 5, 100);
    let scopes = [Arc::clone(&scope)];
    let mut first = admit(&scopes, &ASK).unwrap();
    first.spend(10, 2);
    first.settle(&Actual { tokens: 5, cost: 3, now: ASK.now });
    assert_eq!((remaining(&scope), money(&scope)), (vec![9, 85, 5], vec![(5, 0), (5, 0)]));
    let mut second = admit(&scopes, &ASK).unwrap();
    second.spend(10, 2);
    drop(second);
    assert_eq!((remaining(&scope), money(&scope)), (vec![8, 75, 5], vec![(7, 0), (7, 0)]));
}

#[test]
fn money_is_taken_once_more_everywhere_or_nowhere() {
    let (rich, poor) = (scope(Kind::Team, 10, 1000, 5, 100), scope(Kind::Key, 10, 1000, 5, 15));
    let scopes = [Arc::clone(&rich), Arc::clone(&poor)];
    let mut held = admit(&scopes, &ASK).unwrap();
    assert!(held.extend());
    assert_eq!((money(&rich), money(&poor)), (vec![(0, 14), (0, 14)], vec![(0, 14), (0, 14)]));
    assert!(!held.extend());
    assert_eq!((money(&rich), money(&poor)), (vec![(0, 14), (0, 14)], vec![(0, 14), (0, 14)]));
    held.spend(1, 5);
    held.settle(&Actual { tokens: 5, cost: 6, now: ASK.now });
    assert_eq!((money(&rich), money(&poor)), (vec![(11, 0), (11, 0)], vec![(11, 0), (11, 0)]));
}

/// The second scope refuses; nothing is left behind at the first.
fn refused(key: [i64; 4], meter: Option<Meter>, wait: Option<Duration>) {
    let team = scope(Kind::Team, 10, 100, 5, 100);
    let [requests, tokens, parallel, max] = key;
    let count = |value: i64| value.try_into().unwrap();
    let key = scope(Kind::Key, count(requests), count(tokens), count(parallel), max);
    let scopes = [Arc::clone(&team), Arc::clone(&key)];
    let before = (remaining(&team), money(&team), money(&key), remaining(&key));
    let refusal = admit(&scopes, &ASK).map(drop).unwrap_err();
    assert_eq!(refusal.scope.kind(), Kind::Key);
    let met = match refusal.reason {
        Reason::Limit(standing) => Some(standing.meter),
        Reason::Budget(_) | Reason::BudgetUnknown(_) => None,
    };
    assert_eq!((met, refusal.retry_after), (meter, wait));
    assert_eq!((remaining(&team), money(&team), money(&key), remaining(&key)), before);
}

#[test]
fn a_refusal_leaves_nothing_behind() {
    refused([0, 100, 5, 100], Some(Meter::Requests), None);
    refused([10, 0, 5, 100], Some(Meter::Tokens), None);
    refused([10, 100, 0, 100], Some(Meter::Parallel), None);
    refused([10, 100, 5, 6], None, None);
    // Over everything: it reads about the money.
    refused([0, 0, 0, 0], None, None);
}

#[test]
fn a_request_that_is_larger_than_the_limit_passes_once_and_is_counted_in_full() {
    let scope = scope(Kind::Key, 10, 30, 5, 100);
    let scopes = [Arc::clone(&scope)];
    let minutes = |half: u64| Instant::from_nanos(half * 30_000_000_000);
    let first = admit(&scopes, &ASK).unwrap();
    assert_eq!(remaining(&scope), [9, 0, 4]);
    let refusal = admit(&scopes, &ASK).map(drop).unwrap_err();
    assert!(matches!(refusal.reason, Reason::Limit(Standing { meter: Meter::Tokens, limit: 30, remaining: 0 })));
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(60)));
    // It used as much as a minute and a half has: 15 are a debt.
    first.settle(&Actual { tokens: 45, cost: 3, now: ASK.now });
    let later = admit(&scopes, &Ask { tokens: 1, now: minutes(1), ..ASK }).map(drop).unwrap_err();
    assert_eq!(later.retry_after, Some(Duration::from_secs(2)));
    let second = admit(&scopes, &Ask { now: minutes(3), ..ASK }).unwrap();
    // What was taken is what is given back, whatever was asked for.
    drop(second);
    let left = scope.standings(minutes(3)).find(|standing| standing.meter == Meter::Tokens).unwrap();
    assert_eq!(left.remaining, 30);
    let third = admit(&scopes, &Ask { now: minutes(3), ..ASK }).unwrap();
    third.settle(&Actual { tokens: 12, cost: 3, now: minutes(3) });
    let left = scope.standings(minutes(3)).find(|standing| standing.meter == Meter::Tokens).unwrap();
    assert_eq!(left.remaining, 18);
}

#[test]
fn a_dearer_model_has_what_is_missing_set_aside_or_nothing_more() {
    let (key, team) = (scope(Kind::Key, 10, 100, 5, 100), scope(Kind::Team, 10, 100, 5, 20));
    let scopes = [Arc::clone(&key), Arc::clone(&team)];
    let mut held = admit(&scopes, &ASK).unwrap();
    held.reprice(7).unwrap();
    assert_eq!(money(&team), [(0, 7), (0, 7)], "there is enough");
    held.reprice(12).unwrap();
    assert_eq!((money(&key), money(&team)), (vec![(0, 12); 2], vec![(0, 12); 2]));
    let refusal = held.reprice(21).unwrap_err();
    assert!(matches!(refusal.reason, Reason::Budget(_)));
    assert_eq!(refusal.scope.kind(), Kind::Team);
    assert_eq!((money(&key), money(&team)), (vec![(0, 12); 2], vec![(0, 12); 2]));
    held.reprice(4).unwrap();
    assert_eq!((money(&key), money(&team)), (vec![(0, 4); 2], vec![(0, 4); 2]), "a cheaper one needs less");
    held.reprice(12).unwrap();
    held.settle(&Actual { tokens: 40, cost: 11, now: ASK.now });
    assert_eq!((money(&key), money(&team)), (vec![(11, 0); 2], vec![(11, 0); 2]));
}

#[test]
fn another_model_of_the_same_price_asks_nothing_of_a_budget_that_is_used_up() {
    let scope = scope(Kind::Key, 10, 100, 5, 7);
    let mut held = admit(&[Arc::clone(&scope)], &ASK).unwrap();
    held.reprice(7).unwrap();
    held.reprice(2).unwrap();
    assert_eq!(money(&scope), [(0, 2), (0, 2)]);
    held.reprice(7).unwrap();
    assert!(held.reprice(8).is_err());
    assert_eq!(money(&scope), [(0, 7), (0, 7)]);
}

#[test]
fn who_has_left_is_settled_later() {
    let scope = scope(Kind::Key, 10, 100, 5, 100);
    let mut held = admit(&[Arc::clone(&scope)], &ASK).unwrap();
    held.leave();
    held.leave();
    assert_eq!((remaining(&scope), money(&scope)), (vec![9, 60, 5], vec![(0, 7), (0, 7)]));
    held.settle(&Actual { tokens: 45, cost: 3, now: ASK.now });
    assert_eq!((remaining(&scope), money(&scope)), (vec![9, 55, 5], vec![(3, 0), (3, 0)]));
}

#[test]
fn a_panic_gives_everything_back() {
    let scope = scope(Kind::Key, 10, 100, 5, 100);
    let scopes = [Arc::clone(&scope)];
    let worker = std::thread::spawn(move || {
        let _held = admit(&scopes, &ASK).unwrap();
        panic!("on purpose");
    });
    assert!(worker.join().is_err());
    assert_eq!((remaining(&scope), money(&scope)), (vec![9, 100, 5], vec![(0, 0), (0, 0)]));
}

#[test]
fn what_is_held_of_old_limits_comes_back_under_the_new_ones() {
    let old = scope(Kind::Key, 10, 100, 5, 100);
    let first = admit(&[Arc::clone(&old)], &ASK).unwrap();
    let second = admit(&[Arc::clone(&old)], &ASK).unwrap();
    let budget = BudgetLimits { max: Some(1_000), ..BudgetLimits::default() };
    let limits =
        Limits { requests: Some(20), tokens: Some(200), parallel: Some(2), budgets: vec![budget.clone(), budget] };
    let new = old.relimited(&limits, Some("new".into()));
    assert_eq!((new.id(), new.label(), old.label()), ("x", Some("new"), None));
    assert_eq!(remaining(&new), [16, 40, 0]);
    assert_eq!(money(&new), [(0, 14), (0, 14)]);
    assert!(admit(&[Arc::new(new.relimited(&new_limits(2), None))], &ASK).is_err());
    first.settle(&Actual { tokens: 50, cost: 3, now: ASK.now });
    drop(second);
    assert_eq!(money(&new), [(3, 0), (3, 0)]);
    assert_eq!(new.standings(ASK.now).last().unwrap().remaining, 2);
}

/// Two at once and nothing else.
fn new_limits(parallel: u64) -> Limits {
    Limits { parallel: Some(parallel), ..Limits::default() }
}

#[test]
fn budgets_that_are_over_do_as_they_say() {
    let over = |on_exceeded| {
        let budget = BudgetLimits { max: Some(5), on_exceeded, ..BudgetLimits::default() };
        [Arc::new(Scope::new(Kind::Key, "x", Limits { budgets: vec![budget], ..Limits::default() }))]
    };
    let scopes = over(OnExceeded::Warn);
    let held = admit(&scopes, &ASK).unwrap();
    assert_eq!(held.warnings().map(|(scope, budget)| (scope.id(), budget.reserved())).collect::<Vec<_>>(), [("x", 7)]);
    held.settle(&Actual { cost: 6, ..Actual::default() });
    assert_eq!(money(&scopes[0]), [(6, 0)]);
    let scopes = over(OnExceeded::Downgrade("small".into()));
    let refusal = admit(&scopes, &ASK).map(drop).unwrap_err();
    assert_eq!(refusal.instead.as_deref(), Some("small"));
    let held = admit(&scopes, &Ask { downgraded: true, ..ASK }).unwrap();
    assert_eq!(held.warnings().count(), 1);
    drop(held);
    assert_eq!(money(&scopes[0]), [(0, 0)]);
    assert_eq!(admit(&over(OnExceeded::Block), &ASK).map(drop).unwrap_err().instead, None);
}

#[test]
fn money_without_a_maximum_is_counted() {
    let limits = Limits { budgets: vec![BudgetLimits::default()], ..Limits::default() };
    let scope = Arc::new(Scope::new(Kind::Key, "x", limits));
    let held = admit(&[Arc::clone(&scope)], &ASK).unwrap();
    assert_eq!(money(&scope), [(0, 0)]);
    held.settle(&Actual { cost: 9, ..Actual::default() });
    assert_eq!(scope.spent(), 9);
    assert!(scope.restore("", 5, None) && !scope.restore("1d", 5, None));
    assert_eq!(scope.spent(), 5);
    scope.set_spent(4);
    assert_eq!(scope.spent(), 4);
    scope.reset(0);
    assert_eq!(scope.spent(), 0);
}

#[test]
fn scopes_without_limits_are_not_held() {
    let scopes = [Arc::new(Scope::new(Kind::Global, "", Limits::default()))];
    assert_eq!(admit(&scopes, &ASK).unwrap().scopes().count(), 0);
}
