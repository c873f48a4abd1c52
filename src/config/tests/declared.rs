//! People in teams, and credentials with a name.

use serde_json::json;

use super::{config, lines, read};
use crate::config::{Budget, Member, Severity};
use crate::secret::Secret;

#[test]
fn members_are_ids_or_mappings_and_are_merged() {
    let teams = config(
        "teams: [{team_id: t, members: [a, {user_id: b, role: admin, max_budget_in_team: 2}], team_member_budget: 1,\n\
         team_member_budget_duration: 1d, team_member_rpm_limit: 3, team_member_tpm_limit: 4}]\n\
         team_settings: [{team_id: t, admins: [a], members_with_roles: [{user_id: c, role: user}], team_member_budget: 9}]\n\
         users: [{user_id: d, teams: [t], user_role: internal}]\n",
    )
    .governance;
    let member = |id: &str, is_admin, max_budget| Member { user_id: id.to_owned(), is_admin, max_budget };
    let team = &teams.teams[0];
    assert_eq!(team.members, [member("a", true, None), member("b", true, Some(2.0)), member("c", false, None)]);
    let (limits, budget) = &team.of_member;
    assert_eq!((limits.rpm_limit, limits.tpm_limit), (Some(3), Some(4)));
    assert_eq!((budget.max_budget, budget.budget_duration.as_deref()), (Some(1.0), Some("1d")));
    let user = &teams.users[0];
    assert_eq!((user.teams.as_slice(), user.user_role.as_deref()), (&["t".to_owned()][..], Some("internal_user")));
}

#[test]
fn what_is_wrong_with_people_and_credentials_is_told() {
    let model = "model_list: [{model_name: a, litellm_params: {model: gpt-4o, api_key: k}}]\n";
    for (text, line) in [
        (
            "teams: [{team_id: t, members: [[a]]}]",
            "teams[0].members[0]: expected a user's id, or a mapping that has a \
            user_id, found a list",
        ),
        ("teams: [{team_id: t, members: [{role: user}]}]", "teams[0].members[0].user_id: is missing"),
        (
            "teams: [{team_id: t, members: [{user_id: a, role: owner}]}]",
            "teams[0].members[0].role: is neither admin nor \
            user",
        ),
        (
            "users: [{user_id: a, user_role: king}]",
            "users[0].user_role: is none of LiteLLM's roles, such as internal_user",
        ),
        (
            "key_settings: [{api_key: k, expires: soon}]",
            "key_settings[0].expires: is no time such as 2027-01-31T18:00:00Z",
        ),
        ("key_settings: [{api_key: k, metadata: [a]}]", "key_settings[0].metadata: expected a mapping, found a list"),
        (
            "key_settings: [{api_key: k, metadata: {tags: [[a]]}}]",
            "key_settings[0].metadata.tags: expected text at [0], found a list",
        ),
        (
            "teams: [{team_id: t, metadata: {model_rpm_limit: {gpt: many}}}]",
            "teams[0].metadata.model_rpm_limit.gpt: expected a whole number of 0 or more, found text",
        ),
        (
            "key_settings: [{api_key: k, tpd_limit: many}]",
            "key_settings[0].tpd_limit: expected a whole number of 0 or more, found text",
        ),
        (
            "users: [{user_id: a, budget_limits: [{max_budget: 3}]}]",
            "users[0].budget_limits[0].budget_duration: is missing",
        ),
        (
            "key_settings: [{api_key: k, budget_limits: [{max_budget: 3, budget_duration: 1d}, {max_budget: 4, budget_duration: 1d}]}]",
            "key_settings[0].budget_limits: has two windows of 1d",
        ),
        ("credential_list: [{credential_values: {}}]", "credential_list[0].credential_name: is missing"),
    ] {
        let found = lines(&format!("{model}{text}"), Severity::Error);
        assert!(found.iter().any(|found| found == line), "{text}: {found:?}");
    }
    let warned = lines(&format!("{model}users: [{{user_id: a, teams: [none]}}]"), Severity::Warning);
    assert!(warned.iter().any(|line| line.starts_with("users[0].teams: names a team")), "{warned:?}");
    // What has started before starts.
    let said = format!("{model}key_settings: [{{api_key: k, duration: 30d}}]");
    let warned = lines(&said, Severity::Warning);
    assert!(warned.iter().any(|line| line.starts_with("key_settings[0].duration: HAS NO EFFECT")), "{warned:?}");
    assert_eq!(lines(&said, Severity::Error), [] as [&str; 0]);
}

#[test]
fn keys_users_and_teams_say_as_much_as_stored_ones() {
    let declared = config(
        "key_settings:\n\
         - {api_key: k, expires: 2031-01-31, tpd_limit: 9, budget_limits: [{time_period: 1d, budget_limit: 2}],\n\
         \x20  metadata: {tags: ci, model_rpm_limit: {a: '3'}, note: {who: [me]}}}\n\
         - {api_key: l, expires: '2031-01-31T10:00:00+02:00', budget: {daily_limit: 1, monthly_limit: 9}}\n\
         - {api_key: m, max_budget: 20, budget: {weekly_limit: 4}}\n\
         users: [{user_id: u, user_alias: U, tpd_limit: 8, budget_limits: [{budget_duration: 7d, max_budget: 3}], metadata: {x: 1}}]\n\
         teams: [{team_id: t, metadata: {tags: [a], x: 1}}]\n\
         team_settings: [{team_id: t, tpd_limit: 7, budget_limits: [{budget_duration: 7d, max_budget: 3}], metadata: {x: 2, y: 3}}]\n",
    )
    .governance;
    let window = |max, duration: &str| Budget { max_budget: Some(max), budget_duration: Some(duration.to_owned()) };
    let key = &declared.keys[0];
    assert_eq!((key.limits.tpd_limit, &key.windows), (Some(9), &vec![window(2.0, "1d")]));
    let metadata = json!({"tags": ["ci"], "model_rpm_limit": {"a": 3}, "note": {"who": ["me"]}});
    assert_eq!(json!(key.metadata), metadata, "in the form in which it is read");
    let ends: Vec<Option<&str>> = declared.keys.iter().map(|key| key.expires.as_deref()).collect();
    assert_eq!(ends, [Some("2031-01-31T00:00:00Z"), Some("2031-01-31T08:00:00Z"), None]);
    let of = |index: usize| (&declared.keys[index].budget, declared.keys[index].windows.as_slice());
    assert_eq!(of(1), (&window(9.0, "monthly"), &[window(1.0, "daily")][..]), "all that is said holds");
    let ever = Budget { max_budget: Some(20.0), budget_duration: None };
    assert_eq!(of(2), (&ever, &[window(4.0, "weekly")][..]));
    let (user, team) = (&declared.users[0], &declared.teams[0]);
    assert_eq!((user.user_alias.as_deref(), user.limits.tpd_limit), (Some("U"), Some(8)));
    assert_eq!((&user.windows, json!(user.metadata)), (&vec![window(3.0, "7d")], json!({"x": 1})));
    assert_eq!((team.limits.tpd_limit, &team.windows), (Some(7), &vec![window(3.0, "7d")]));
    assert_eq!(json!(team.metadata), json!({"tags": ["a"], "x": 1, "y": 3}), "what was said first counts");
}

#[test]
fn a_credential_fills_what_an_entry_does_not_say() {
    let text = |key: &str| {
        format!(
            "credential_list: [{{credential_name: c, credential_values: {{api_key: {key}, api_base: 'http://of-c/v1'}}}}]\n\
             model_list:\n\
             - {{model_name: a, litellm_params: {{model: openai/a, litellm_credential_name: c, api_base: 'http://own/v1'}}}}\n\
             - {{model_name: b, litellm_params: {{model: openai/b, litellm_credential_name: c}}}}\n\
             - {{model_name: d, litellm_params: {{model: openai/d, litellm_credential_name: nobodys, api_key: k}}}}\n"
        )
    };
    let report = read(&text("os.environ/KEY"));
    let warned = report.problems.iter().filter(|problem| problem.path.ends_with("litellm_credential_name"));
    assert_eq!(
        warned.map(|problem| problem.path.as_str()).collect::<Vec<_>>(),
        ["model_list[2].litellm_params.litellm_credential_name"]
    );
    let config = report.usable().unwrap();
    let host = |index: usize| config.deployments[index].endpoint.as_ref().unwrap().host.clone();
    assert_eq!((host(0), host(1)), ("own".to_owned(), "of-c".to_owned()));
    for deployment in &config.deployments[..2] {
        assert_eq!(deployment.api_key, Some(Secret::new("sk-canary-of-the-environment")));
        assert_eq!(deployment.shown_params["litellm_credential_name"], "c");
    }
    assert!(!format!("{config:?}").contains("canary"));
    let other = read(&text("sk-other")).usable().unwrap();
    assert_eq!(other.deployments[1].id, config.deployments[1].id, "another key, the same deployment");
    let added = |name: &str| {
        let params = json!({"model": "openai/x", "litellm_credential_name": name});
        config.model_rules.read(&json!({"model_name": "x", "litellm_params": params}), &super::environment())
    };
    assert_eq!(added("c").unwrap().0.endpoint.unwrap().host, "of-c");
    assert!(added("nobodys").is_err());
}
