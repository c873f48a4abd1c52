//! Single steps of a walk; whole ones are simulated with all that is around them (`proxy/simulation`).

use super::*;
use crate::router::fallback::ByModel;
use crate::router::plan::{DeploymentSpec, GroupSpec, MemberSpec, RouterPlan};

const NOW: Instant = Instant::from_nanos(1);

/// Groups, each with deployments of these orders.
fn router(groups: &[(&str, &[i32])]) -> Router {
    let mut deployments = Vec::new();
    let mut member = |order: &i32| {
        deployments.push(DeploymentSpec::default());
        MemberSpec { order: *order, ..MemberSpec::even(DeploymentIx(deployments.len() as u32 - 1)) }
    };
    let mut spec = |(name, orders): &(&str, &[i32])| {
        let members = orders.iter().map(&mut member).collect();
        GroupSpec { name: (*name).into(), members, retry: None }
    };
    let groups = groups.iter().map(&mut spec).collect();
    Router::new(RouterPlan { deployments, groups, ..RouterPlan::default() }).unwrap()
}

fn lists(pairs: &[(&str, &str)]) -> FallbackLists {
    let one = |(from, to): &(&str, &str)| ((*from).to_owned(), vec![Fallback::to(*to)]);
    FallbackLists { general: pairs.iter().map(one).collect::<ByModel>(), ..FallbackLists::default() }
}

fn begin(router: &Router, lists: &FallbackLists, model: &str) -> Walk {
    let group = router.resolve(model, 0).unwrap().group;
    Walk::begin(router, lists, Start { model: model.to_owned(), group, num_retries: Some(0), holder: None })
}

fn hop(walk: &mut Walk, router: &Router, lists: &FallbackLists) -> bool {
    let enter = |fallback: &Fallback| router.resolve(&fallback.model, 0).map(|resolved| (resolved.group, ()));
    walk.hop(router, lists, Kind::ServiceUnavailable, enter).is_some()
}

/// Takes the next deployment, which fails so.
fn fails(walk: &mut Walk, router: &Router, lists: &FallbackLists, kind: Kind) -> Next {
    let pick = router.pick(walk.group(), walk.input(NOW, 1, &Needs::NONE)).unwrap();
    assert!(walk.takes(router, &pick, false));
    let missed = Missed { deployment: pick.deployment, kind, retry_after: None, max_retries: None };
    walk.failed(router, lists, &missed, NOW, 1, &Needs::NONE)
}

#[test]
fn a_model_that_was_asked_or_that_nobody_serves_takes_nothing_over() {
    let router = router(&[("a", &[0]), ("b", &[0])]);
    let both_ways = lists(&[("a", "b"), ("b", "a")]);
    let mut walk = begin(&router, &both_ways, "a");
    assert!(walk.has_fallback(&router, &both_ways));
    assert!(hop(&mut walk, &router, &both_ways) && walk.model() == "b");
    assert!(!walk.has_fallback(&router, &both_ways));
    assert!(!walk.leads_on(&router, &both_ways, DeploymentIx(1), NOW, &Needs::NONE));
    assert!(!hop(&mut walk, &router, &both_ways));
    let nobodys = lists(&[("a", "x")]);
    assert!(!begin(&router, &nobodys, "a").has_fallback(&router, &nobodys));
}

#[test]
fn who_stands_in_an_order_that_was_left_is_nobody_to_go_on_to() {
    let router = router(&[("a", &[1, 1, 2])]);
    let none = lists(&[]);
    let mut walk = begin(&router, &none, "a");
    assert!(walk.leads_on(&router, &none, DeploymentIx(0), NOW, &Needs::NONE));
    assert_eq!(fails(&mut walk, &router, &none, Kind::InternalServer), Next::GiveUp);
    assert!(!walk.leads_on(&router, &none, DeploymentIx(2), NOW, &Needs::NONE));
}

#[test]
fn the_second_of_two_that_fail_at_once_waits_for_nothing() {
    let router = router(&[("a", &[0, 0])]);
    let none = lists(&[]);
    let mut walk = begin(&router, &none, "a");
    assert_eq!(fails(&mut walk, &router, &none, Kind::RateLimited), Next::GiveUp);
    let retry_after = Some(Duration::from_secs(30));
    let missed = Missed { deployment: DeploymentIx(1), kind: Kind::RateLimited, retry_after, max_retries: None };
    assert_eq!(walk.failed(&router, &none, &missed, NOW, 1, &Needs::NONE), Next::GiveUp);
}
