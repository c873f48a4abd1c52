//! Nobody gives more than he has.

use proptest::prelude::*;

use super::*;
use crate::auth::role::{ROLES, Role};

fn rights() -> impl Strategy<Value = Rights> {
    let model = prop::sample::select(vec![
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-*",
        "*-mini",
        "g*o*",
        "claude",
        "*",
        "all-proxy-models",
        "all-team-models",
        "all-org-models",
        NO_MODELS,
    ]);
    let route = prop::sample::select(vec![
        "llm_api_routes",
        "info_routes",
        "/key/info",
        "/key/*",
        "/key/generate",
        "/v1/*",
        "*",
    ]);
    let texts = |one: prop::sample::Select<&'static str>| prop::collection::vec(one.prop_map(str::to_owned), 0..3);
    let duration = prop::option::of(prop::sample::select(vec![("1d", 86_400), ("7d", 604_800), ("1mo", 2_592_000)]));
    let budget = (0..4_u8, duration).prop_map(|(max, duration)| Budget {
        max: f64::from(max),
        duration: duration.map(|(text, seconds)| Duration { text: text.to_owned(), seconds }),
    });
    let windows = prop::collection::vec(
        (0..4_u8, prop::sample::select(vec![("1d", 86_400), ("24h", 86_400), ("7d", 604_800)])).prop_map(
            |(max, (text, seconds))| Budget {
                max: f64::from(max),
                duration: Some(Duration { text: text.to_owned(), seconds }),
            },
        ),
        0..3,
    );
    let counts = prop::array::uniform4(prop::option::of(0..4_i64));
    let named = prop::array::uniform4(prop::collection::btree_map(one_of(&OFFERED), 0..4_u64, 0..3));
    let of_models = prop::collection::btree_map(one_of(&OFFERED), budget.clone(), 0..3);
    let enforced = prop::collection::vec(one_of(&["user", "metadata"]), 0..2);
    let lists = (texts(model), texts(route), enforced);
    (lists, prop::option::of(budget), windows, of_models, counts, named, prop::option::of(0..4_i64)).prop_map(
        |((models, routes, enforced), budget, windows, of_models, counts, named, expires)| Rights {
            models,
            routes,
            budget,
            windows,
            of_models,
            counts,
            named,
            enforced,
            expires,
        },
    )
}

/// Models by names of which one is part of another.
const OFFERED: [&str; 4] = ["gpt-4o", "openai/gpt-4o", "azure/openai/gpt-4o", "claude"];

fn one_of(names: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(names).prop_map(str::to_owned)
}

/// Dollars for a model, in a day and in two years, by all its budgets that the data plane asks.
fn spendable_on(rights: &Rights, model: &str) -> [f64; 2] {
    let has_own = rights.of_models.contains_key(model);
    let holds = |name: &str| name == model || (!has_own && crate::auth::members::is_part(name, model));
    let budgets = rights.of_models.iter().filter(|(name, _)| holds(name));
    budgets.fold([f64::INFINITY; 2], |least, (_, budget)| {
        let [day, ever] = spendable(Some(budget));
        [least[0].min(day), least[1].min(ever)]
    })
}

/// Whether these limits of models, tags and parameters, and this end, are no more than those.
fn narrows(got: &Rights, bound: &Rights) -> bool {
    let is_less = |model: &&str| {
        let pairs = spendable_on(got, model).into_iter().zip(spendable_on(bound, model));
        pairs.into_iter().all(|(left, right)| left <= right)
    };
    let named = got.named.iter().zip(&bound.named);
    let is_held =
        |(got, bound): (&Named, &Named)| bound.iter().all(|(of, most)| got.get(of).is_some_and(|it| it <= most));
    OFFERED.iter().all(is_less)
        && named.into_iter().all(is_held)
        && bound.enforced.iter().all(|param| got.enforced.contains(param))
        && is_no_more(got.expires, bound.expires)
}

/// What may be called, asked of the rules that the data plane asks.
fn models_of(rights: &Rights) -> Vec<&'static str> {
    let all = ["gpt-4o", "gpt-4o-mini", "gpt-5", "claude", "claude-mini", "gemini-pro"];
    let models = Models(rights.models.clone());
    all.into_iter().filter(|model| models.allow(model)).collect()
}

fn routes_of(rights: &Rights) -> Vec<&'static str> {
    let all = ["llm_api_routes", "info_routes", "/key/info", "/key/generate", "/v1/models", "/user/new"];
    let is_allowed = |route: &str| rights.routes.is_empty() || route_is_within(route, &rights.routes);
    all.into_iter().filter(|route| is_allowed(route)).collect()
}

/// Dollars in a window of this length, by the narrowest of them.
fn most_in(windows: &[Budget], seconds: i64) -> f64 {
    let alike = windows.iter().filter(|window| window.duration.as_ref().is_some_and(|own| own.seconds == seconds));
    alike.map(|window| window.max).fold(f64::INFINITY, f64::min)
}

fn is_no_more(left: Option<i64>, right: Option<i64>) -> bool {
    right.is_none_or(|right| left.is_some_and(|left| left <= right))
}

/// Dollars in a day and in two years: enough to tell every two of these budgets apart.
fn spendable(budget: Option<&Budget>) -> [f64; 2] {
    [1, 720].map(|days| match budget {
        None => f64::INFINITY,
        Some(Budget { max, duration: None }) => *max,
        Some(Budget { max, duration: Some(duration) }) => {
            let windows = (days * 86_400_i64).div_euclid(duration.seconds).max(1);
            max * f64::from(i32::try_from(windows).unwrap())
        }
    })
}

proptest! {
    #[test]
    fn a_receivers_rights_are_never_more(given in rights(), own in rights(), of_team in rights()) {
        let Ok(got) = given.within(&own).and_then(|got| got.within(&of_team)) else { return Ok(()) };
        for bound in [&own, &of_team] {
            for model in models_of(&got) {
                prop_assert!(models_of(bound).contains(&model), "{model}: {got:?} of {bound:?}");
            }
            for route in routes_of(&got) {
                prop_assert!(routes_of(bound).contains(&route), "{route}: {got:?} of {bound:?}");
            }
            for (left, right) in spendable(got.budget.as_ref()).into_iter().zip(spendable(bound.budget.as_ref())) {
                prop_assert!(left <= right, "{got:?} of {bound:?}");
            }
            for (left, right) in got.counts.into_iter().zip(bound.counts) {
                prop_assert!(is_no_more(left, right), "{got:?} of {bound:?}");
            }
            for seconds in [86_400, 604_800] {
                let (left, right) = (most_in(&got.windows, seconds), most_in(&bound.windows, seconds));
                prop_assert!(left <= right, "{got:?} of {bound:?}");
            }
            prop_assert!(narrows(&got, bound), "{got:?} of {bound:?}");
        }
    }

    #[test]
    fn what_is_least_is_within_both(one in rights(), whole in rights()) {
        let least = one.clone().least(&whole);
        for bound in [&one, &whole] {
            for model in models_of(&least) {
                prop_assert!(models_of(bound).contains(&model), "{model}: {least:?} of {bound:?}");
            }
            for (left, right) in spendable(least.budget.as_ref()).into_iter().zip(spendable(bound.budget.as_ref())) {
                prop_assert!(left <= right, "{least:?} of {bound:?}");
            }
            for seconds in [86_400, 604_800] {
                prop_assert!(most_in(&least.windows, seconds) <= most_in(&bound.windows, seconds));
            }
            for (left, right) in least.counts.into_iter().zip(bound.counts) {
                prop_assert!(is_no_more(left, right));
            }
            prop_assert!(narrows(&least, bound), "{least:?} of {bound:?}");
        }
        prop_assert_eq!(least.routes, one.routes);
    }

    #[test]
    fn what_two_lists_leave_is_in_both(one in rights(), other in rights()) {
        for model in models_of(&one.clone().only(&other.models)) {
            prop_assert!(models_of(&one).contains(&model) && models_of(&other).contains(&model), "{model}");
        }
    }

    #[test]
    fn a_change_adds_nothing_that_the_giver_does_not_have(asked in rights(), old in rights(), own in rights()) {
        let Ok(got) = asked.clone().changed_within(&old, &own) else { return Ok(()) };
        for model in models_of(&got) {
            prop_assert!(models_of(&own).contains(&model) || got.models == old.models);
        }
        for route in routes_of(&got) {
            prop_assert!(routes_of(&own).contains(&route) || got.routes == old.routes);
        }
        for seconds in [86_400, 604_800] {
            let is_within = most_in(&got.windows, seconds) <= most_in(&own.windows, seconds);
            prop_assert!(is_within || got.windows == old.windows);
        }
        for ((got, old), own) in got.counts.into_iter().zip(old.counts).zip(own.counts) {
            prop_assert!(is_no_more(got, own) || got == old);
        }
        // What is as it was is left out on both sides: each by itself may be what stays.
        let but = |rights: &Rights| Rights {
            of_models: if got.of_models == old.of_models { BTreeMap::new() } else { rights.of_models.clone() },
            enforced: if got.enforced == old.enforced { Vec::new() } else { rights.enforced.clone() },
            expires: rights.expires.filter(|_| got.expires != old.expires),
            named: std::array::from_fn(|at| {
                if got.named[at] == old.named[at] { Named::new() } else { rights.named[at].clone() }
            }),
            ..Rights::default()
        };
        prop_assert!(narrows(&but(&got), &but(&own)), "{got:?} of {own:?}");
        let same = old.clone().changed_within(&old, &own).unwrap();
        prop_assert_eq!(same, old);
    }

    #[test]
    fn what_is_given_is_what_was_asked_for_or_what_the_giver_has(given in rights(), own in rights()) {
        let Ok(got) = given.clone().within(&own) else { return Ok(()) };
        let expected = |given: &Vec<String>, own: &Vec<String>| {
            if given.is_empty() { own.clone() } else { given.clone() }
        };
        prop_assert_eq!(&got.models, &expected(&given.models, &own.models));
        prop_assert_eq!(&got.routes, &expected(&given.routes, &own.routes));
        prop_assert_eq!(got.budget, given.budget.or(own.budget));
    }

    #[test]
    fn nobody_but_an_admin_reaches_beyond_his_own(
        role in prop::sample::select(ROLES.map(|(role, _)| role).to_vec()),
        given in prop::option::of(prop::sample::select(ROLES.map(|(role, _)| role).to_vec())),
        user in prop::option::of(prop::sample::select(vec!["me", "you"])),
        who in prop::option::of(Just("me")),
        flags: [bool; 6],
    ) {
        let [leads_team, works_in_team, leads_organization, is_known_there, has_team, has_organization] = flags;
        let giver = Giver { role, user_id: who, leads_team, works_in_team, leads_organization };
        let receiver = Receiver {
            user_id: user,
            is_known_there,
            team_id: has_team.then_some("team"),
            organization_id: has_organization.then_some("org"),
            role: given,
        };
        if giver.may_give_to(&receiver).is_err() || role == Role::ProxyAdmin {
            return Ok(());
        }
        prop_assert!(role.changes() && who.is_some());
        prop_assert!(!matches!(given, Some(Role::ProxyAdmin | Role::ProxyAdminViewer | Role::OrgAdmin)));
        prop_assert!(given.is_none() || leads_organization);
        prop_assert!(!has_organization || leads_organization);
        prop_assert!(!has_team || leads_team || leads_organization || works_in_team);
        // Somebody else's, or nobody's, is only what one leads.
        prop_assert!(user == Some("me") || leads_organization || (has_team && leads_team));
        prop_assert!(user != Some("you") || is_known_there);
        // The role of an organization's admin gives nothing: being its admin does.
        let alike = Giver { role: Role::InternalUser, ..giver };
        prop_assert!(alike.may_give_to(&receiver).is_ok());
    }
}

#[test]
fn what_goes_beyond_is_named() {
    let own = Rights { models: vec!["gpt-*".to_owned()], counts: [None, Some(10), None, None], ..Rights::default() };
    let ask = |models: &[&str], rpm| Rights {
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        counts: [None, rpm, None, None],
        ..Rights::default()
    };
    assert!(ask(&["gpt-4o"], Some(10)).within(&own).is_ok());
    assert_eq!(ask(&[], None).within(&own).unwrap(), own);
    let refused = |rights: Rights| rights.within(&own).unwrap_err().message;
    assert!(refused(ask(&["gpt-4o", "claude"], None)).contains("models='claude'"));
    assert!(refused(ask(&["*"], None)).contains("models='*'"));
    assert!(refused(ask(&[], Some(11))).contains("rpm_limit=11, yours=10"));
    let window = |max, text: &str, seconds| Budget { max, duration: Some(Duration { text: text.to_owned(), seconds }) };
    let own = Rights { windows: vec![window(2.0, "1d", 86_400)], ..Rights::default() };
    let ask = |windows: Vec<Budget>| Rights { windows, ..Rights::default() };
    assert_eq!(ask(Vec::new()).within(&own).unwrap(), own, "what is not said is what the giver has");
    assert_eq!(ask(vec![window(1.0, "24h", 86_400)]).within(&own).unwrap().windows, [window(1.0, "24h", 86_400)]);
    let refused = ask(vec![window(3.0, "1d", 86_400)]).within(&own).unwrap_err().message;
    assert!(refused.contains("budget_limits=3 per 1d, yours=2 per 1d"), "{refused}");
}

#[test]
fn limits_of_models_are_given_on_by_their_names() {
    let named = |said: &[(&str, u64)]| said.iter().map(|(of, count)| ((*of).to_owned(), *count)).collect::<Named>();
    let budgets = |said: &[(&str, f64)]| {
        let budget = |max| Budget { max, duration: None };
        said.iter().map(|(of, max)| ((*of).to_owned(), budget(*max))).collect::<BTreeMap<_, _>>()
    };
    let rights = |counts: &[(&str, u64)], money: &[(&str, f64)]| Rights {
        named: [named(counts), Named::new(), Named::new(), Named::new()],
        of_models: budgets(money),
        ..Rights::default()
    };
    let own = rights(&[("gpt-4o", 5)], &[("gpt-4o", 2.0)]);
    assert_eq!(Rights::default().within(&own).unwrap(), own, "what is not said is what the giver has");
    let got = rights(&[("gpt-4o", 4), ("claude", 9)], &[("claude", 9.0)]).within(&own).unwrap();
    assert_eq!(got, rights(&[("claude", 9), ("gpt-4o", 4)], &[("claude", 9.0), ("gpt-4o", 2.0)]));
    let refused = |rights: Rights| rights.within(&own).unwrap_err().message;
    let text = refused(rights(&[("gpt-4o", 6)], &[]));
    assert!(text.contains("model_rpm_limit=gpt-4o: 6, yours=gpt-4o: 5"), "{text}");
    let text = refused(rights(&[], &[("gpt-4o", 2.5)]));
    assert!(text.contains("model_max_budget=gpt-4o: 2.5 per ever, yours=gpt-4o: 2 per ever"), "{text}");
    // A budget of its own would take the model out of the one that holds for all who offer it.
    let text = refused(rights(&[], &[("openai/gpt-4o", 1.0)]));
    assert!(text.contains("model_max_budget=openai/gpt-4o: 1 per ever, yours=gpt-4o: 2 per ever"), "{text}");
}
