//! Which deployments a caller may see: those that they may call.

use std::collections::HashMap;

use serde_json::Value;

use crate::admin::control::Control;
use crate::admin::desk::ModelView;
use crate::admin::requester::Requester;
use crate::admin::teams::bounds::texts;
use crate::auth::members::Models;
use crate::error::Error;
use crate::store::{Filter, Kind};

/// Entries of `models` that take nothing away: what they stand for is in another of the lists.
const NO_LIMIT: [&str; 4] = ["*", "all-proxy-models", "all-team-models", "all-org-models"];

/// What limits a caller; all of it holds.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    sees_all: bool,
    lists: Vec<Vec<String>>,
    team_id: Option<String>,
    /// Which access groups have a model, by the model's name.
    groups: HashMap<String, Vec<String>>,
}

impl Sight {
    /// Of this caller: the models of their key, those of its team, else of its user, and those of its organization.
    ///
    /// # Errors
    /// The store's.
    pub async fn of(control: &Control, requester: &Requester) -> Result<Self, Error> {
        let mut sight = Self { sees_all: requester.sees_all(), ..Self::default() };
        if sight.sees_all {
            return Ok(sight);
        }
        sight.lists.push(requester.models.clone());
        sight.team_id.clone_from(&requester.team_id);
        let owner = match (requester.team_id.as_deref(), requester.user_id.as_deref()) {
            (Some(team), _) => control.store.get(Kind::Team, team).await?,
            (None, Some(user)) => control.store.get(Kind::User, user).await?,
            (None, None) => None,
        };
        let of_owner = owner.as_ref().and_then(|owner| owner.organization_id.as_deref());
        if let Some(organization) = requester.organization_id.as_deref().or(of_owner) {
            let organization = control.store.get(Kind::Organization, organization).await?;
            sight.lists.extend(organization.map(|organization| texts(&organization.doc, "models")));
        }
        sight.lists.extend(owner.map(|owner| texts(&owner.doc, "models")));
        for group in control.store.all(Kind::AccessGroup, &Filter::default()).await? {
            for model in texts(&group.doc, "model_names") {
                sight.groups.entry(model).or_default().push(group.id.clone());
            }
        }
        Ok(sight)
    }

    /// Whether a deployment is seen.
    pub fn sees(&self, view: &ModelView) -> bool {
        let team = view.model_info.get("team_id").and_then(Value::as_str);
        let is_of_another_team = team.is_some() && team != self.team_id.as_deref();
        self.sees_all || (!is_of_another_team && self.allows(public_name(view), &access_groups(view)))
    }

    /// Whether a model of this name, in these groups, may be called.
    pub fn allows(&self, name: &str, of_file: &[String]) -> bool {
        let none = Vec::new();
        let groups = self.groups.get(name).unwrap_or(&none);
        let is_named = |entry: &String| {
            NO_LIMIT.contains(&entry.as_str())
                || groups.contains(entry)
                || of_file.contains(entry)
                || fits(entry, name)
                // A pattern is seen where a name that it stands for may be called.
                || fits(name, entry)
        };
        self.sees_all || self.lists.iter().all(|list| list.is_empty() || list.iter().any(is_named))
    }
}

/// Whether the name is meant by the entry.
fn fits(entry: &str, name: &str) -> bool {
    !NO_LIMIT.contains(&entry) && Models(vec![entry.to_owned()]).allow(name)
}

/// The name by which clients call it: a team's model has another one within.
pub fn public_name(view: &ModelView) -> &str {
    view.model_info.get("team_public_model_name").and_then(Value::as_str).unwrap_or(&view.model_name)
}

/// `model_info.access_groups`.
pub fn access_groups(view: &ModelView) -> Vec<String> {
    texts(&view.model_info, "access_groups")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(name: &str, info: Value) -> ModelView {
        ModelView {
            id: name.to_owned(),
            model_name: name.to_owned(),
            provider: "p".to_owned(),
            litellm_params: serde_json::Map::new(),
            model_info: info.as_object().unwrap().clone(),
            is_stored: false,
        }
    }

    #[test]
    fn a_caller_sees_what_they_may_call() {
        for (lists, seen) in [
            (json!([[]]), ["gpt-4o", "claude", "openai/*"].as_slice()),
            (json!([["gpt-4o"]]), &["gpt-4o"]),
            (json!([["all-proxy-models"]]), &["gpt-4o", "claude", "openai/*"]),
            (json!([["no-default-models"]]), &[]),
            (json!([["all-team-models"], ["claude"]]), &["claude"]),
            (json!([["gpt-4o", "claude"], ["claude"]]), &["claude"]),
            (json!([["openai/gpt-4o"]]), &["openai/*"]),
            (json!([["openai/*"]]), &["openai/*"]),
            (json!([["claud*"]]), &["claude"]),
            (json!([["fast"]]), &["gpt-4o"]),
            (json!([["beta"]]), &["claude"]),
            (json!([["gpt-4o"], ["no-default-models"]]), &[]),
        ] {
            let sight = Sight {
                lists: serde_json::from_value(lists.clone()).unwrap(),
                groups: HashMap::from([("claude".to_owned(), vec!["beta".to_owned()])]),
                ..Sight::default()
            };
            let views = [
                view("gpt-4o", json!({"access_groups": ["fast"]})),
                view("claude", json!({})),
                view("openai/*", json!({})),
            ];
            let found: Vec<&str> = views.iter().filter(|it| sight.sees(it)).map(|it| it.model_name.as_str()).collect();
            assert_eq!(found, seen, "{lists}");
        }
    }

    #[test]
    fn a_teams_model_is_its_own() {
        let theirs = view("model_name_t_1", json!({"team_id": "t", "team_public_model_name": "gpt-4o"}));
        let of = |team: Option<&str>, sees_all| Sight {
            sees_all,
            team_id: team.map(str::to_owned),
            lists: vec![vec!["gpt-4o".to_owned()]],
            ..Sight::default()
        };
        assert!(of(Some("t"), false).sees(&theirs));
        assert!(of(None, true).sees(&theirs));
        assert!(!of(None, false).sees(&theirs));
        assert!(!of(Some("u"), false).sees(&theirs));
    }
}
