//! People in teams, and credentials with a name.

use serde_json::json;

use super::{config, lines, read};
use crate::config::{Member, Severity};
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
        ("credential_list: [{credential_values: {}}]", "credential_list[0].credential_name: is missing"),
    ] {
        let found = lines(&format!("{model}{text}"), Severity::Error);
        assert!(found.iter().any(|found| found == line), "{text}: {found:?}");
    }
    let warned = lines(&format!("{model}users: [{{user_id: a, teams: [none]}}]"), Severity::Warning);
    assert!(warned.iter().any(|line| line.starts_with("users[0].teams: names a team")), "{warned:?}");
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
