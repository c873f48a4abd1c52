//! Objects of what the configuration declares, in the same words as stored ones.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::rows::MEMBER_BUDGET_ID;
use crate::auth::KeyDigest;
use crate::auth::members::key_name;
use crate::config::{Budget, Credential, Governance, Key, Member, Team, UseLimits, User};
use crate::store::{Kind, Object};

/// What stands in place of a credential's value.
pub const MASK: &str = "********";

/// A credential as people may see it: its values are not in it.
pub fn credential(credential: &Credential) -> Object {
    let values: Map<String, Value> = credential.values.keys().map(|name| (name.clone(), json!(MASK))).collect();
    let mut doc = Map::new();
    doc.insert("credential_name".to_owned(), json!(credential.name));
    doc.insert("credential_values".to_owned(), Value::Object(values));
    doc.insert("credential_info".to_owned(), Value::Object(credential.info.clone()));
    Object::new(Kind::Credential, credential.name.clone(), doc)
}

/// Keys, users, teams and what they bring, by kind and id. Of two keys with one digest the first counts.
pub fn objects(governance: &Governance) -> HashMap<(Kind, String), Arc<Object>> {
    let mut all = HashMap::new();
    let mut add = |object: Object| {
        all.entry((object.kind, object.id.clone())).or_insert_with(|| Arc::new(object));
    };
    governance.keys.iter().map(key).for_each(&mut add);
    for declared in &governance.teams {
        let members = members(declared, &governance.users);
        add(team(declared, &members));
        budget_of_members(declared).into_iter().for_each(&mut add);
        members.iter().flat_map(|member| membership(declared, member)).for_each(&mut add);
    }
    governance.users.iter().map(|declared| user(declared, &governance.teams)).for_each(&mut add);
    all
}

fn key(key: &Key) -> Object {
    let plain = key.api_key.expose();
    let id = KeyDigest::of(plain).to_string();
    let mut doc = limits(key.limits, &key.budget);
    doc.extend(windows(&key.windows));
    doc.extend(metadata(&key.metadata));
    doc.insert("models".to_owned(), json!(key.models));
    doc.insert("token".to_owned(), json!(id));
    doc.insert("key_name".to_owned(), json!(key_name(plain)));
    doc.insert("key_alias".to_owned(), json!(key.key_alias));
    doc.insert("expires".to_owned(), json!(key.expires));
    object(Kind::Key, id, doc, (key.key_alias.clone(), key.user_id.clone(), key.team_id.clone()))
}

/// The members that the team names, and those who name it.
fn members(team: &Team, users: &[User]) -> Vec<Member> {
    let mut members = team.members.clone();
    for user in users.iter().filter(|user| user.teams.contains(&team.team_id)) {
        if !members.iter().any(|member| member.user_id == user.user_id) {
            members.push(Member { user_id: user.user_id.clone(), ..Member::default() });
        }
    }
    members
}

fn team(team: &Team, members: &[Member]) -> Object {
    let mut doc = limits(team.limits, &team.budget);
    doc.extend(windows(&team.windows));
    doc.insert("models".to_owned(), json!(team.models));
    doc.insert("team_alias".to_owned(), json!(team.team_alias));
    let member = |member: &Member| {
        let role = if member.is_admin { "admin" } else { "user" };
        json!({"user_id": member.user_id, "user_email": null, "role": role})
    };
    doc.insert("members_with_roles".to_owned(), members.iter().map(member).collect());
    // Which budget members have is not for the metadata to say.
    let mut said = team.metadata.clone();
    said.shift_remove(MEMBER_BUDGET_ID);
    said.extend(budget_of_members(team).map(|budget| (MEMBER_BUDGET_ID.to_owned(), json!(budget.id))));
    doc.extend(metadata(&said));
    let id = team.team_id.clone();
    object(Kind::Team, id.clone(), doc, (team.team_alias.clone(), None, Some(id)))
}

/// The budget of members who have none of their own, if the team says anything of it.
fn budget_of_members(team: &Team) -> Option<Object> {
    let (limits, budget) = &team.of_member;
    let is_said = *limits != UseLimits::default() || *budget != Budget::default();
    is_said.then(|| budget_object(format!("team_members:{}", team.team_id), *limits, budget))
}

/// A member, and the budget of their own that they may have.
fn membership(team: &Team, member: &Member) -> Vec<Object> {
    let id = format!("{}:{}", team.team_id, member.user_id);
    let own = member.max_budget.map(|max| {
        let (limits, usual) = &team.of_member;
        budget_object(format!("team_member:{id}"), *limits, &Budget { max_budget: Some(max), ..usual.clone() })
    });
    let mut doc = Map::new();
    doc.insert("budget_id".to_owned(), json!(own.as_ref().map(|budget| &budget.id)));
    let found_by = (None, Some(member.user_id.clone()), Some(team.team_id.clone()));
    [object(Kind::TeamMember, id, doc, found_by)].into_iter().chain(own).collect()
}

fn budget_object(id: String, of: UseLimits, budget: &Budget) -> Object {
    let mut doc = limits(of, budget);
    doc.insert("budget_id".to_owned(), json!(id));
    Object::new(Kind::Budget, id, doc)
}

fn user(user: &User, teams: &[Team]) -> Object {
    let mut doc = limits(user.limits, &user.budget);
    doc.extend(windows(&user.windows));
    doc.extend(metadata(&user.metadata));
    doc.insert("models".to_owned(), json!(user.models));
    doc.insert("user_email".to_owned(), json!(user.user_email));
    doc.insert("user_alias".to_owned(), json!(user.user_alias));
    doc.insert("aliases".to_owned(), json!(user.aliases));
    if let Some(role) = &user.user_role {
        doc.insert("user_role".to_owned(), json!(role));
    }
    let is_in = |team: &&Team| {
        let names_them = team.members.iter().any(|member| member.user_id == user.user_id);
        names_them || user.teams.contains(&team.team_id)
    };
    let teams: Vec<&str> = teams.iter().filter(is_in).map(|team| team.team_id.as_str()).collect();
    doc.insert("teams".to_owned(), json!(teams));
    let id = user.user_id.clone();
    object(Kind::User, id.clone(), doc, (user.user_email.clone(), Some(id), None))
}

type FoundBy = (Option<String>, Option<String>, Option<String>);

fn object(kind: Kind, id: String, doc: Map<String, Value>, (alias, user_id, team_id): FoundBy) -> Object {
    let mut object = Object { alias, user_id, team_id, ..Object::new(kind, id, doc) };
    for (name, value) in [("user_id", &object.user_id), ("team_id", &object.team_id)] {
        object.doc.insert(name.to_owned(), json!(value));
    }
    object
}

/// What is not said is not in it: an answer says what stands in its place.
fn limits(limits: UseLimits, budget: &Budget) -> Map<String, Value> {
    let said = [
        ("max_budget", budget.max_budget.map(Value::from)),
        ("budget_duration", budget.budget_duration.clone().map(Value::from)),
        ("rpm_limit", limits.rpm_limit.map(Value::from)),
        ("tpm_limit", limits.tpm_limit.map(Value::from)),
        ("tpd_limit", limits.tpd_limit.map(Value::from)),
        ("max_parallel_requests", limits.max_parallel_requests.map(Value::from)),
    ];
    said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Further windows of a budget, if there are any.
fn windows(windows: &[Budget]) -> Option<(String, Value)> {
    let shown = windows.iter().map(|one| json!({"budget_duration": one.budget_duration, "max_budget": one.max_budget}));
    (!windows.is_empty()).then(|| ("budget_limits".to_owned(), shown.collect()))
}

/// What people say of an object, if they do.
fn metadata(said: &Map<String, Value>) -> Option<(String, Value)> {
    (!said.is_empty()).then(|| ("metadata".to_owned(), Value::Object(said.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::Live;
    use crate::governance::plan::{Rows, Rules, seat};
    use crate::governance::rows::Row;
    use crate::limiter::Kind as ScopeKind;

    fn governance() -> Governance {
        let text = "
model_list: [{model_name: a, litellm_params: {model: openai/a}}]
users: [{user_id: ada, user_email: ada@x, user_role: internal_user_viewer}, {user_id: bob, teams: [red]}]
teams:
  - team_id: red
    members: [ada, {user_id: eve, role: admin, max_budget_in_team: 2}]
    team_member_budget: 1
    team_member_budget_duration: 1d
    team_member_rpm_limit: 3
team_settings: [{team_id: red, team_alias: Red, admins: [ada]}]
";
        crate::config::load(text, &HashMap::<String, String>::new()).usable().unwrap().governance
    }

    #[test]
    fn members_have_their_place_in_the_team_and_its_budget() {
        let objects = objects(&governance());
        let of = |kind: Kind, id: &str| &objects[&(kind, id.to_owned())];
        let member = |id: &str, role: &str| json!({"user_id": id, "user_email": null, "role": role});
        let team = of(Kind::Team, "red");
        let expected = json!([member("ada", "admin"), member("eve", "admin"), member("bob", "user")]);
        assert_eq!((&team.doc["members_with_roles"], team.alias.as_deref()), (&expected, Some("Red")));
        for user in ["ada", "bob"] {
            assert_eq!(of(Kind::User, user).doc["teams"], json!(["red"]), "{user}");
        }
        assert_eq!(of(Kind::User, "ada").alias.as_deref(), Some("ada@x"));
        let live = Live::new(None, &governance(), Rules::default(), None, None);
        for (user, max) in [("ada", 1), ("bob", 1), ("eve", 2), ("a guest", 1)] {
            let row = Row { team_id: Some("red".into()), user_id: Some(user.into()), ..Row::default() };
            let plan = seat("digest", row, &live, &Rules::default());
            let member = plan.scopes.iter().find(|scope| scope.kind == ScopeKind::TeamMember).unwrap();
            let budget = &member.limits.budgets[0];
            assert_eq!(budget.max, Some(max * 1_000_000_000_000), "{user}");
            assert_eq!((member.limits.requests, budget.window.is_some()), (Some(3), true), "{user}");
        }
        assert_eq!(live.row(Kind::User, "ada").unwrap().user_role.as_deref(), Some("internal_user_viewer"));
    }
}
