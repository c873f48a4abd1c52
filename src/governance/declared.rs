//! Objects of what the configuration declares, in the same words as stored ones.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::auth::KeyDigest;
use crate::auth::members::key_name;
use crate::config::{Budget, Governance, UseLimits};
use crate::store::{Kind, Object};

/// All of them, by kind and id. Of two keys with one digest the first counts.
pub fn objects(governance: &Governance) -> HashMap<(Kind, String), Arc<Object>> {
    let mut all = HashMap::new();
    let mut add = |object: Object| {
        all.entry((object.kind, object.id.clone())).or_insert_with(|| Arc::new(object));
    };
    for key in &governance.keys {
        let plain = key.api_key.expose();
        let id = KeyDigest::of(plain).to_string();
        let mut doc = limits(key.limits, &key.budget, &key.models);
        doc.insert("token".to_owned(), json!(id));
        doc.insert("key_name".to_owned(), json!(key_name(plain)));
        doc.insert("key_alias".to_owned(), json!(key.key_alias));
        let found_by = (key.key_alias.clone(), key.user_id.clone(), key.team_id.clone());
        add(object(Kind::Key, id, doc, found_by));
    }
    for team in &governance.teams {
        let mut doc = limits(team.limits, &team.budget, &team.models);
        doc.insert("team_alias".to_owned(), json!(team.team_alias));
        doc.insert("members".to_owned(), json!(team.members));
        let id = team.team_id.clone();
        add(object(Kind::Team, id.clone(), doc, (team.team_alias.clone(), None, Some(id))));
    }
    for user in &governance.users {
        let mut doc = limits(user.limits, &user.budget, &user.models);
        doc.insert("user_email".to_owned(), json!(user.user_email));
        doc.insert("aliases".to_owned(), json!(user.aliases));
        let id = user.user_id.clone();
        add(object(Kind::User, id.clone(), doc, (None, Some(id), None)));
    }
    all
}

type FoundBy = (Option<String>, Option<String>, Option<String>);

fn object(kind: Kind, id: String, doc: Map<String, Value>, (alias, user_id, team_id): FoundBy) -> Object {
    let mut object = Object { alias, user_id, team_id, ..Object::new(kind, id, doc) };
    for (name, value) in [("user_id", &object.user_id), ("team_id", &object.team_id)] {
        object.doc.insert(name.to_owned(), json!(value));
    }
    object
}

fn limits(limits: UseLimits, budget: &Budget, models: &[String]) -> Map<String, Value> {
    let doc = json!({
        "models": models,
        "max_budget": budget.max_budget,
        "budget_duration": budget.budget_duration,
        "rpm_limit": limits.rpm_limit,
        "tpm_limit": limits.tpm_limit,
        "max_parallel_requests": limits.max_parallel_requests,
    });
    match doc {
        Value::Object(doc) => doc,
        _ => Map::new(),
    }
}
