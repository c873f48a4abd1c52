//! What a request needs, and who it therefore goes to; what is remembered.

use super::super::affinity::{AffinityKeys, AffinityTimes};
use super::super::needs::{Capabilities, Facts, ModelType};
use super::super::plan::{Checks, GroupSpec};
use super::super::purse::{Outlook, Purse};
use super::super::tags::{Match, Said};
use super::strategies::{pick_for, with};
use super::*;
use crate::drawing::Shown;

fn checked(checks: Checks, strategy: Strategy, facts: Vec<Facts>) -> Router {
    let members = even(facts.len() as u32);
    with(RouterPlan { checks, strategy, ..RouterPlan::default() }, members, facts)
}

/// Everybody who is picked over many draws.
fn picked(router: &Router, now: Instant, needs: &Needs) -> Result<Vec<u32>, NoneLeft> {
    let mut seen = Vec::new();
    for seed in 0..200 {
        seen.push(pick_for(router, now, seed, needs)?.deployment.0);
    }
    seen.sort_unstable();
    seen.dedup();
    Ok(seen)
}

fn tagged(tags: &[&str]) -> Facts {
    Facts { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..Facts::default() }
}

fn texts(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

fn said(tags: &[String]) -> Said<'_> {
    Said { tags, ..Said::default() }
}

/// A choice after these were tried.
fn after<'a>(tried: &'a TriedSet, needs: &'a Needs, now: Instant) -> PickInput<'a> {
    PickInput { now, random: 1, tried, above_order: None, untried_only: false, holder: None, needs }
}

#[test]
fn tags_lead_to_those_that_have_them_else_to_the_defaults() {
    let of_tags = |router: &Router, tags: &[&str]| Needs { tags: router.tags(said(&texts(tags))), ..Needs::NONE };
    let check = |with, members: &[&[&str]], tags: &[&str], expected: Result<&[u32], NoneLeft>| {
        let facts = members.iter().map(|tags| tagged(tags)).collect();
        let router = checked(Checks { tags: Some(with), ..Checks::default() }, Strategy::SimpleShuffle, facts);
        let got = picked(&router, at(0), &of_tags(&router, tags));
        assert_eq!(got, expected.map(<[u32]>::to_vec), "{members:?} {tags:?}");
    };
    let members: &[&[&str]] = &[&["free"], &["paid", "eu"], &["default"], &[]];
    check(Match::Any, members, &["free"], Ok(&[0]));
    check(Match::Any, members, &["eu", "free"], Ok(&[0, 1]));
    check(Match::All, members, &["eu", "paid"], Ok(&[1]));
    check(Match::All, members, &["eu", "free"], Ok(&[2]));
    check(Match::Any, members, &["unknown"], Ok(&[2]));
    check(Match::Any, members, &[], Ok(&[2]));
    let no_default: &[&[&str]] = &[&["free"], &["paid"], &[]];
    check(Match::Any, no_default, &[], Ok(&[0, 1, 2]));
    check(Match::Any, no_default, &["unknown"], Err(NoneLeft::NotByTags));
}

#[test]
fn a_tags_deployment_in_cooldown_leaves_the_defaults() {
    let facts = vec![tagged(&["free"]), tagged(&["default"])];
    let router = checked(Checks { tags: Some(Match::Any), ..Checks::default() }, Strategy::SimpleShuffle, facts);
    let free = Needs { tags: router.tags(said(&texts(&["free"]))), ..Needs::NONE };
    cool(&router, [0], at(2_000));
    assert_eq!(picked(&router, at(0), &free), Ok(vec![1]));
    cool(&router, [1], at(1_000));
    // Who asks again comes back to the deployment with the tag.
    assert_eq!(picked(&router, at(0), &free), Err(NoneLeft::AllInCooldown(Duration::from_secs(2))));
    let tried = tried(&[0]);
    assert!(!router.other_healthy(GROUP, None, &tried, at(0), &free));
}

#[test]
fn tags_mean_nothing_unless_filtering_is_on() {
    let router = checked(Checks::default(), Strategy::SimpleShuffle, vec![tagged(&["free"]), tagged(&["paid"])]);
    assert!(!router.wanted(GROUP).tags);
    let free = Needs { tags: router.tags(said(&texts(&["free"]))), ..Needs::NONE };
    assert_eq!(picked(&router, at(0), &free), Ok(vec![0, 1]));
}

#[test]
fn bans_and_demands_come_before_wishes() {
    let check = |members: &[Facts], tags: &[&str], expected: Result<&[u32], NoneLeft>| {
        let checks = Checks { tags: Some(Match::Any), tag_prefix: "route:".into(), ..Checks::default() };
        let router = checked(checks, Strategy::SimpleShuffle, members.to_vec());
        let needs = Needs { tags: router.tags(said(&texts(tags))), ..Needs::NONE };
        assert_eq!(picked(&router, at(0), &needs), expected.map(<[u32]>::to_vec), "{tags:?}");
    };
    let members = [tagged(&["high", "a"]), tagged(&["high", "b"]), tagged(&["low", "a"]), tagged(&[])];
    check(&members, &["!a"], Ok(&[1, 3]));
    check(&members, &["&high"], Ok(&[0, 1]));
    check(&members, &["&high", "&a"], Ok(&[0]));
    check(&members, &["&high", "a", "!b"], Ok(&[0]));
    check(&members, &["low", "!a"], Err(NoneLeft::NotByTags));
    check(&members, &["&high", "&low"], Err(NoneLeft::NotByTags));
    let with_default = [tagged(&["default", "a"]), tagged(&["b"]), tagged(&["c"])];
    check(&with_default, &["!b"], Ok(&[0]));
    check(&with_default, &["!a"], Err(NoneLeft::NotByTags));
    check(&with_default, &["&b"], Ok(&[1]));
    check(&with_default, &["nobody's"], Ok(&[0]));
    check(&with_default, &["route:nobody's"], Err(NoneLeft::NotByTags));
    let open: Vec<Facts> = with_default.iter().map(|facts| Facts { fails_open: true, ..facts.clone() }).collect();
    check(&open, &["!a"], Ok(&[0]));
    check(&open, &["&b", "&c"], Ok(&[0]));
    check(&open, &["&b", "&invented", "!b"], Ok(&[0]));
    check(&open, &["&b", "&invented"], Err(NoneLeft::NotByTags));
    check(&open, &["route:nobody's"], Ok(&[0]));
}

#[test]
fn what_the_key_demands_is_not_given_up() {
    let open = |tags: &[&str]| Facts { fails_open: true, ..tagged(tags) };
    let facts = vec![open(&["default", "us"]), open(&["eu"])];
    let router = checked(Checks { tags: Some(Match::Any), ..Checks::default() }, Strategy::SimpleShuffle, facts);
    let of = |tags: &[&str], inherited: &[&str]| {
        let (tags, inherited) = (texts(tags), texts(inherited));
        let needs = Needs { tags: router.tags(Said { inherited: &inherited, ..said(&tags) }), ..Needs::NONE };
        picked(&router, at(0), &needs)
    };
    assert_eq!(of(&["&eu", "!eu"], &[]), Ok(vec![0]));
    assert_eq!(of(&["&eu", "!eu"], &["&eu"]), Ok(vec![1]));
    assert_eq!(of(&["&eu", "!eu"], &["&eu", "!eu"]), Err(NoneLeft::NotByTags));
}

/// Has enough for calls of at most so many tokens of output.
#[derive(Debug)]
struct Pays(u64);

impl Purse for Pays {
    fn has(&self, outlook: &Outlook, _now: Instant) -> bool {
        outlook.is_accountable && outlook.output_tokens.unwrap_or(0) <= self.0
    }
}

#[test]
fn who_has_no_money_is_not_chosen() {
    let pays = |most: Option<u64>| DeploymentSpec {
        purse: most.map(|most| Arc::new(Pays(most)) as Arc<dyn Purse>),
        ..DeploymentSpec::default()
    };
    let of = |each: &[Option<u64>], strategy| {
        let groups = vec![GroupSpec { name: "g".into(), members: even(each.len() as u32), retry: None }];
        let deployments = each.iter().map(|most| pays(*most)).collect();
        Router::new(RouterPlan { deployments, groups, strategy, ..RouterPlan::default() }).unwrap()
    };
    let asks = |tokens| Needs {
        outlook: Some(Outlook {
            drawing: None,
            by_name: 0,
            prompt_tokens: 0,
            shown: Shown::default(),
            output_tokens: Some(tokens),
            answers: 1,
            wall: 0,
            is_accountable: tokens < 100,
        }),
        ..Needs::NONE
    };
    for strategy in STRATEGIES {
        let router = of(&[Some(5), Some(10), None], strategy);
        assert!(router.wanted(GROUP).money);
        for (tokens, expected) in [(6, vec![1, 2]), (11, vec![2]), (100, vec![2])] {
            assert_eq!(picked(&router, at(0), &asks(tokens)), Ok(expected), "{strategy:?} {tokens}");
        }
        let router = of(&[Some(5), Some(10)], strategy);
        assert_eq!(picked(&router, at(0), &asks(11)), Err(NoneLeft::OverBudget), "{strategy:?}");
        assert!(!router.other_healthy(GROUP, None, &tried(&[1]), at(0), &asks(6)), "{strategy:?}");
        cool(&router, [1], at(1_000));
        let cooling = NoneLeft::AllInCooldown(Duration::from_secs(1));
        assert_eq!(picked(&router, at(0), &asks(6)), Err(cooling), "{strategy:?}: the one that has it comes back");
    }
    assert!(!of(&[None], Strategy::SimpleShuffle).wanted(GROUP).money);
}

#[test]
fn a_client_is_known_by_its_name() {
    let code = Facts { tag_regex: vec![regex::Regex::new("^User-Agent: code/").unwrap()], ..Facts::default() };
    let check = |others: &[&str], tags: &[&str], agent: &str, expected: Result<&[u32], NoneLeft>| {
        let facts = vec![code.clone(), tagged(others)];
        let router = checked(Checks { tags: Some(Match::Any), ..Checks::default() }, Strategy::SimpleShuffle, facts);
        assert!(router.knows_clients());
        let tags = texts(tags);
        let needs = Needs { tags: router.tags(Said { user_agent: Some(agent), ..said(&tags) }), ..Needs::NONE };
        assert_eq!(picked(&router, at(0), &needs), expected.map(<[u32]>::to_vec), "{others:?} {tags:?} {agent}");
    };
    check(&["default"], &[], "code/1", Ok(&[0]));
    check(&["default"], &[], "curl/8", Ok(&[1]));
    check(&["default"], &[], "", Ok(&[1]));
    check(&["paid"], &[], "", Ok(&[0, 1]));
    check(&["paid"], &[], "curl/8", Err(NoneLeft::NotByTags));
    check(&["paid"], &["!paid"], "code/1", Ok(&[0]));
    check(&["paid"], &["&paid"], "code/1", Ok(&[1]));
    check(&["paid"], &["paid"], "code/1", Ok(&[0, 1]));
}

#[test]
fn a_group_or_a_key_decides_for_itself() {
    let own = |tag_filtering| vec![Facts { tag_filtering, ..tagged(&["free"]) }, tagged(&["paid"])];
    for (router_wide, group, key, filters) in [
        (None, Some(true), false, true),
        (Some(Match::Any), Some(false), false, false),
        (Some(Match::Any), Some(false), true, true),
        (None, None, true, true),
        (None, None, false, false),
    ] {
        let router = checked(Checks { tags: router_wide, ..Checks::default() }, Strategy::SimpleShuffle, own(group));
        let tags = texts(&["free"]);
        let needs = Needs { tags: router.tags(Said { is_asked_for: key, ..said(&tags) }), ..Needs::NONE };
        let expected = if filters { vec![0] } else { vec![0, 1] };
        assert_eq!(picked(&router, at(0), &needs), Ok(expected), "{router_wide:?} {group:?} {key}");
    }
}

fn windows(windows: &[Option<u64>]) -> Vec<Facts> {
    windows.iter().map(|window| Facts { max_input_tokens: *window, ..Facts::default() }).collect()
}

fn long(prompt_tokens: u64) -> Needs {
    Needs { prompt_tokens, least_prompt_tokens: prompt_tokens * 4 / 5, ..Needs::NONE }
}

#[test]
fn a_prompt_goes_where_it_fits() {
    let pre_call = Checks { pre_call: true, ..Checks::default() };
    let router = checked(pre_call.clone(), Strategy::SimpleShuffle, windows(&[Some(100), Some(1_000), None]));
    assert!(router.wanted(GROUP).tokens);
    assert_eq!(picked(&router, at(0), &long(90)), Ok(vec![0, 1, 2]));
    assert_eq!(picked(&router, at(0), &long(110)), Ok(vec![1, 2]));
    assert_eq!(picked(&router, at(0), &long(5_000)), Ok(vec![2]), "an unknown window is not too short");
    let router = checked(pre_call, Strategy::SimpleShuffle, windows(&[Some(100), Some(1_000)]));
    assert_eq!(picked(&router, at(0), &long(1_100)), Ok(vec![1]), "it may fit");
    let too_long = NoneLeft::PromptTooLong { max_input_tokens: 1_000, prompt_tokens: 2_000 };
    assert_eq!(picked(&router, at(0), &long(2_000)), Err(too_long));
    cool(&router, [1], at(1_000));
    let cooling = NoneLeft::AllInCooldown(Duration::from_secs(1));
    assert_eq!(picked(&router, at(0), &long(900)), Err(cooling), "the one that it fits into comes back");
}

#[test]
fn who_must_stay_in_a_region_goes_nowhere_else() {
    let at_place = |region: &str| Facts { region: Some(region.to_owned()), ..Facts::default() };
    let facts = vec![at_place("eu-west-1"), at_place("us-east-1"), at_place("Europe-west4"), Facts::default()];
    let router = checked(Checks::default(), Strategy::SimpleShuffle, facts);
    let stays = |region: &str| Needs { region: Some(region.to_owned()), ..Needs::NONE };
    assert_eq!(picked(&router, at(0), &stays("eu")), Ok(vec![0, 2]));
    assert_eq!(picked(&router, at(0), &stays("ap")), Err(NoneLeft::NotInRegion), "nor where nobody says where it is");
    cool(&router, [0, 2], at(1_000));
    assert_eq!(picked(&router, at(0), &stays("eu")), Err(NoneLeft::AllInCooldown(Duration::from_secs(1))));
}

#[test]
fn long_prompts_go_to_the_largest_window() {
    let checks = Checks { context_threshold: Some(500), ..Checks::default() };
    let router = checked(checks, Strategy::SimpleShuffle, windows(&[Some(8_000), Some(100_000), None, Some(100_000)]));
    assert_eq!(picked(&router, at(0), &long(500)), Ok(vec![0, 1, 2, 3]));
    assert_eq!(picked(&router, at(0), &long(501)), Ok(vec![1, 3]));
    cool(&router, [1, 3], at(1_000));
    assert_eq!(picked(&router, at(0), &long(501)), Ok(vec![0]), "the largest of those that are there");
}

#[test]
fn who_would_cost_too_much_is_left_out_but_not_the_cheapest() {
    let facts = |cost| Facts { input_cost: Some(cost), output_cost: Some(cost), ..Facts::default() };
    let checks = Checks { cost_threshold: Some(0.01), ..Checks::default() };
    let router = checked(checks, Strategy::SimpleShuffle, vec![facts(1e-6), facts(1e-5), facts(3e-5)]);
    let needs = |prompt_tokens, output_tokens| Needs { prompt_tokens, output_tokens, ..Needs::NONE };
    assert_eq!(picked(&router, at(0), &needs(100, 100)), Ok(vec![0, 1, 2]));
    assert_eq!(picked(&router, at(0), &needs(300, 100)), Ok(vec![0, 1]));
    assert_eq!(picked(&router, at(0), &needs(100_000, 0)), Ok(vec![0]));
}

#[test]
fn abilities_are_preferred_never_demanded() {
    let able = |capabilities| Facts { capabilities, ..Facts::default() };
    let (vision, tools) = (Capabilities::VISION, Capabilities::TOOLS);
    let facts = vec![able(tools), able(tools.and(vision)), able(vision), able(Capabilities::NONE)];
    for strategy in STRATEGIES {
        let router = checked(Checks::default(), strategy, facts.clone());
        assert_eq!(router.wanted(GROUP).capabilities, vision.and(tools));
        let needs = |capabilities| Needs { capabilities, ..Needs::NONE };
        let mut all = picked(&router, at(0), &needs(tools.and(vision)));
        assert_eq!(all, Ok(vec![1]), "{strategy:?}");
        cool(&router, [1], at(1_000));
        all = picked(&router, at(0), &needs(vision));
        assert_eq!(all, Ok(vec![2]), "{strategy:?}");
        cool(&router, [2], at(1_000));
        assert!(picked(&router, at(0), &needs(vision)).is_ok(), "{strategy:?}");
    }
    let same = checked(Checks::default(), Strategy::SimpleShuffle, vec![able(vision), able(vision)]);
    assert!(same.wanted(GROUP).capabilities.is_empty(), "where all are alike nobody looks");
}

#[test]
fn a_retry_prefers_the_able_one_that_failed_to_one_that_cannot() {
    let able = |capabilities| Facts { capabilities, ..Facts::default() };
    let facts = vec![able(Capabilities::VISION), able(Capabilities::NONE)];
    let router = checked(Checks::default(), Strategy::SimpleShuffle, facts);
    let needs = Needs { capabilities: Capabilities::VISION, ..Needs::NONE };
    let tried = tried(&[0]);
    assert_eq!(router.pick(GROUP, after(&tried, &needs, at(0))).unwrap().deployment, DeploymentIx(0));
}

#[test]
fn confidence_chooses_the_kind_of_deployment() {
    let of_type = |model_type| Facts { model_type: Some(model_type), ..Facts::default() };
    let types = [ModelType::Local, ModelType::CloudFast, ModelType::CloudSmart, ModelType::Deep];
    let router = checked(Checks::default(), Strategy::Lar1, types.map(of_type).to_vec());
    let thresholds = router.wanted(GROUP).confidence.unwrap();
    for (confidence, unverified, memory, expected) in [
        (0.29, false, false, 2),
        (0.3, false, false, 1),
        (0.5, false, false, 0),
        (0.7, false, false, 3),
        (0.9, true, true, 2),
        (0.9, false, true, 1),
    ] {
        let needs = Needs { model_type: Some(thresholds.model_type(confidence, unverified, memory)), ..Needs::NONE };
        assert_eq!(picked(&router, at(0), &needs), Ok(vec![expected]), "{confidence}");
    }
}

const BONDS: AffinityTimes =
    AffinityTimes { session: Some(Duration::from_secs(60)), prompt: Some(Duration::from_secs(30)), caller: None };

#[test]
fn a_session_stays_while_its_deployment_can_serve() {
    let needs = Needs { affinity: AffinityKeys { session: Some(99), ..AffinityKeys::default() }, ..Needs::NONE };
    for strategy in STRATEGIES {
        for count in [3_usize, 40] {
            let checks = Checks { affinity: BONDS, ..Checks::default() };
            let router = checked(checks, strategy, vec![Facts::default(); count]);
            assert_eq!(router.wanted(GROUP).affinity, BONDS);
            let first = pick_for(&router, at(0), 1, &needs).unwrap().deployment;
            router.remember(GROUP, first, at(0), &needs);
            assert_eq!(picked(&router, at(59_000), &needs), Ok(vec![first.0]), "{strategy:?}");
            assert!(picked(&router, at(59_000), &Needs::NONE).unwrap().len() > 1, "{strategy:?}: others spread");
            cool(&router, [first.0], at(59_500));
            let others = picked(&router, at(59_000), &needs).unwrap();
            assert!(!others.contains(&first.0), "{strategy:?}: never a reason to choose one that rests");
            let next = DeploymentIx(others[0]);
            router.remember(GROUP, next, at(59_000), &needs);
            assert_eq!(picked(&router, at(59_900), &needs), Ok(vec![next.0]), "{strategy:?}: the cache is there now");
            let later = picked(&router, at(120_000), &needs).unwrap();
            assert!(later.len() > 1, "{strategy:?}: forgotten");
        }
    }
}

#[test]
fn a_bond_yields_to_orders_headroom_and_attempts() {
    let checks = Checks { affinity: BONDS, ..Checks::default() };
    let plan = RouterPlan { checks, ..RouterPlan::default() };
    let router = with(plan, ordered(&[1, 2, 2]), vec![Facts::default(); 3]);
    let needs = Needs { affinity: AffinityKeys { marked: Some(5), ..AffinityKeys::default() }, ..Needs::NONE };
    router.remember(GROUP, DeploymentIx(2), at(0), &needs);
    assert_eq!(picked(&router, at(0), &needs), Ok(vec![0]), "the lower order is there");
    cool(&router, [0], at(10_000));
    assert_eq!(picked(&router, at(0), &needs), Ok(vec![2]));
    let left = crate::allowance::Left { remaining: 0, limit: Some(5), reset: Some(Duration::from_secs(5)) };
    router.on_headroom(DeploymentIx(2), at(0), &crate::allowance::RateLimits { requests: Some(left), tokens: None });
    assert_eq!(picked(&router, at(0), &needs), Ok(vec![1]));
    let tried = tried(&[2]);
    assert_eq!(router.pick(GROUP, after(&tried, &needs, at(6_000))).unwrap().deployment, DeploymentIx(1));
}

#[test]
fn many_sessions_spread_and_each_holds() {
    const SESSIONS: u64 = 2_000;
    let checks = Checks { affinity: BONDS, ..Checks::default() };
    let router = checked(checks, Strategy::SimpleShuffle, vec![Facts::default(); 10]);
    let mut draws = Draws::new(4);
    let keys: Vec<u64> = (0..SESSIONS).map(|_| draws.next()).collect();
    let of = |key| Needs { affinity: AffinityKeys { session: Some(key), ..AffinityKeys::default() }, ..Needs::NONE };
    let mut serve = |key, now| {
        let needs = of(key);
        let deployment = pick_for(&router, now, draws.next(), &needs).unwrap().deployment;
        router.remember(GROUP, deployment, now, &needs);
        deployment.0
    };
    let first: Vec<u32> = keys.iter().map(|key| serve(*key, at(0))).collect();
    for round in 1..5 {
        let again: Vec<u32> = keys.iter().map(|key| serve(*key, at(round * 20_000))).collect();
        assert_eq!(first, again);
    }
    for deployment in 0..10 {
        let count = first.iter().filter(|first| **first == deployment).count();
        assert!((140..=260).contains(&count), "{count}");
    }
}
