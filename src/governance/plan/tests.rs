//! What a key's seat says of roles and models.

use serde_json::json;

use super::*;

struct Known(Vec<(store::Kind, &'static str, serde_json::Value)>);

impl Rows for Known {
    fn row(&self, kind: store::Kind, id: &str) -> Option<Row> {
        let (_, _, doc) = self.0.iter().find(|(known, name, _)| *known == kind && *name == id)?;
        Row::of(&store::Object::new(kind, id, doc.as_object()?.clone()))
    }
}

fn may(known: &Known, key: serde_json::Value, model: &str) -> Result<(), crate::auth::access::Denied> {
    let row = Row::of(&store::Object::new(store::Kind::Key, "k", key.as_object().unwrap().clone())).unwrap();
    seat("digest", row, known, &Rules::default()).access.may_call(model, &["of-file".to_owned()])
}

#[test]
fn access_groups_give_more_than_models_at_their_own_level() {
    use crate::auth::access::Denied;
    use store::Kind::{AccessGroup, Team};
    let known = Known(vec![
        (AccessGroup, "g", json!({"model_names": ["b"]})),
        (Team, "narrow", json!({"models": ["a"]})),
        (Team, "wide", json!({"models": ["a"], "access_group_ids": ["g"]})),
    ]);
    let key =
        |team: Option<&str>, groups: &[&str]| json!({"models": ["a"], "access_group_ids": groups, "team_id": team});
    let denied = |level| Err(Denied::Model(level));
    for (team, groups, model, expected) in [
        (None, &["g"][..], "b", Ok(())),
        (None, &["g"], "a", Ok(())),
        (None, &["g"], "c", denied(Level::Key)),
        (None, &["of-file"], "c", Ok(())),
        (None, &["*", "none"], "b", denied(Level::Key)),
        (Some("narrow"), &["g"], "b", denied(Level::Team)),
        (Some("wide"), &["g"], "b", Ok(())),
        (Some("wide"), &[], "b", denied(Level::Key)),
    ] {
        assert_eq!(may(&known, key(team, groups), model), expected, "{team:?} {groups:?} {model}");
    }
    let unlimited = json!({"access_group_ids": ["g"]});
    assert_eq!(may(&known, unlimited, "c"), Ok(()), "who may call all models has nothing to be added to");
}

#[test]
fn a_budget_may_leave_only_some_models() {
    use crate::auth::access::Denied;
    use store::Kind::{Budget, Team, TeamMember, User};
    let known = Known(vec![
        (Budget, "b", json!({"allowed_models": ["a", "g"]})),
        (store::Kind::AccessGroup, "g", json!({"model_names": ["b"]})),
        (Team, "t", json!({})),
        (TeamMember, "t:ann", json!({"budget_id": "b"})),
        (Team, "of members", json!({"metadata": {"team_member_budget_id": "b"}})),
        (User, "ben", json!({"budget_id": "b"})),
    ]);
    for (key, level) in [
        (json!({"budget_id": "b"}), Level::Key),
        (json!({"team_id": "t", "user_id": "ann"}), Level::TeamMember),
        (json!({"team_id": "of members", "user_id": "ann"}), Level::TeamMember),
        (json!({"user_id": "ben"}), Level::User),
    ] {
        assert_eq!(may(&known, key.clone(), "a"), Ok(()), "{key}");
        assert_eq!(may(&known, key.clone(), "b"), Ok(()), "{key}");
        assert_eq!(may(&known, key.clone(), "c"), Err(Denied::Model(level)), "{key}");
    }
    for key in [json!({"team_id": "t", "user_id": "ben"}), json!({"team_id": "t"})] {
        assert_eq!(may(&known, key.clone(), "c"), Ok(()), "{key}");
    }
}

#[test]
fn members_follow_their_team_in_what_is_not_their_own() {
    use store::Kind::{Budget, Team, TeamMember};
    let of = |own: serde_json::Value, usual: serde_json::Value, member: serde_json::Value| {
        let team = json!({"metadata": {"team_member_budget_id": "usual"}});
        let known = Known(vec![
            (Budget, "own", own),
            (Budget, "usual", usual),
            (Team, "t", team),
            (TeamMember, "t:ann", member),
        ]);
        let row = Row { team_id: Some("t".into()), user_id: Some("ann".into()), ..Row::default() };
        let plan = seat("digest", row, &known, &Rules::default());
        assert!(plan.needs.contains(&(Budget, "usual".to_owned())), "a change of it is heard of");
        let member = plan.scopes.into_iter().find(|scope| scope.kind == Kind::TeamMember).unwrap();
        let first = member.limits.budgets.into_iter().next().unwrap();
        (first.max, first.window.is_some(), member.limits.requests)
    };
    let usual = || json!({"max_budget": 5, "budget_duration": "1d", "rpm_limit": 7});
    let dollars = |amount: i64| Some(amount * 1_000_000_000_000);
    for (own, member, expected) in [
        (json!({}), json!({}), (dollars(5), true, Some(7))),
        (json!({}), json!({"budget_id": "usual"}), (dollars(5), true, Some(7))),
        (json!({"rpm_limit": 2}), json!({"budget_id": "own"}), (dollars(5), true, Some(2))),
        (
            json!({"max_budget": null, "allowed_models": ["a"]}),
            json!({"budget_id": "own"}),
            (dollars(5), true, Some(7)),
        ),
        (json!({"max_budget": 9}), json!({"budget_id": "own"}), (dollars(9), false, Some(7))),
        (json!({"max_budget": 9, "budget_duration": "7d"}), json!({"budget_id": "own"}), (dollars(9), true, Some(7))),
        (json!({}), json!({"max_budget": 9}), (dollars(9), false, Some(7))),
    ] {
        assert_eq!(of(own.clone(), usual(), member.clone()), expected, "{own} {member}");
        let lower = of(own, json!({"max_budget": 3}), member);
        assert_eq!(lower.0, if expected.0 == dollars(5) { dollars(3) } else { expected.0 }, "{lower:?}");
    }
}

#[test]
fn a_user_of_no_role_may_change_what_is_theirs() {
    let of = |role: Option<&str>| user_role(&Row { user_role: role.map(str::to_owned), ..Row::default() });
    assert_eq!(Role::named(&of(None)), Some(Role::InternalUser));
    assert_eq!(of(Some("internal_user_viewer")), "internal_user_viewer");
}
