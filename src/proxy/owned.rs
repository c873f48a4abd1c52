//! Models that are one team's alone (`model_info.team_id`): its keys call them by a name that is theirs, other keys not at
//! all. Within they have another name, so that they never join the group of a name that others call.

use std::collections::HashMap;

use serde_json::Value;

use crate::config::Deployment;

/// Which models are whose. Empty in most gateways.
#[derive(Debug, Default)]
pub struct Owned {
    /// Team → the name that it calls → the name within.
    within: HashMap<String, HashMap<String, String>>,
    /// The name within → its team.
    owners: HashMap<String, String>,
}

impl Owned {
    /// Of all deployments.
    pub fn of(deployments: &[Deployment]) -> Self {
        let mut owned = Self::default();
        for deployment in deployments {
            let said = |name: &str| deployment.model_info.get(name).and_then(Value::as_str);
            if let (Some(team), Some(public)) = (said("team_id"), said("team_public_model_name")) {
                let (team, name) = (team.to_owned(), deployment.model_name.clone());
                owned.within.entry(team.clone()).or_default().insert(public.to_owned(), name.clone());
                owned.owners.insert(name, team);
            }
        }
        owned
    }

    /// The name that is looked for when a key of this team asks for a model.
    pub fn routed<'a>(&'a self, team: Option<&str>, model: &'a str) -> &'a str {
        if self.within.is_empty() {
            return model;
        }
        let name = team.and_then(|team| self.within.get(team)?.get(model));
        name.map_or(model, String::as_str)
    }

    /// Whether a model is none of another team's, by its name within.
    pub fn admits(&self, team: Option<&str>, model: &str) -> bool {
        self.owners.is_empty() || self.owners.get(model).is_none_or(|owner| team == Some(owner))
    }

    /// The names that a team has for models of its own.
    pub fn names(&self, team: Option<&str>) -> impl Iterator<Item = &str> {
        let names = team.and_then(|team| self.within.get(team));
        names.into_iter().flat_map(HashMap::keys).map(String::as_str)
    }

    /// Whether this is a team's model, by its name within: nobody is shown that one.
    pub fn is_within(&self, model: &str) -> bool {
        self.owners.contains_key(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned() -> Owned {
        let text = "model_list:\n\
            - {model_name: gpt, litellm_params: {model: openai/m, api_key: k}}\n\
            - {model_name: within, litellm_params: {model: openai/m, api_key: k}, \
               model_info: {team_id: blue, team_public_model_name: gpt}}\n";
        let env = HashMap::<String, String>::new();
        Owned::of(&crate::config::load(text, &env).usable().unwrap().deployments)
    }

    #[test]
    fn a_team_calls_its_own_by_its_own_name() {
        let owned = owned();
        for (team, model, expected) in [
            (Some("blue"), "gpt", "within"),
            (Some("blue"), "claude", "claude"),
            (Some("red"), "gpt", "gpt"),
            (None, "gpt", "gpt"),
        ] {
            assert_eq!(owned.routed(team, model), expected, "{team:?} {model}");
        }
        assert_eq!(owned.names(Some("blue")).collect::<Vec<_>>(), ["gpt"]);
        assert_eq!(owned.names(None).count() + owned.names(Some("red")).count(), 0);
    }

    #[test]
    fn nobody_else_calls_it() {
        let owned = owned();
        for (team, model, expected) in [
            (Some("blue"), "within", true),
            (Some("red"), "within", false),
            (None, "within", false),
            (None, "gpt", true),
        ] {
            assert_eq!(owned.admits(team, model), expected, "{team:?} {model}");
        }
        assert!(owned.is_within("within") && !owned.is_within("gpt"));
    }
}
