//! Names that stand for groups: aliases, and virtual groups whose members are groups.
//!
//! `router: {type: weighted_round_robin, weights: {gpt-4-us: 0.6, gpt-4-eu: 0.4}}` of a tutorial says how the traffic is
//! shared but not what clients ask for. When the deployments of all named groups serve one model (`gpt-4` here), a
//! virtual group of that name is meant; otherwise the weights say nothing, and `load_balancing` is needed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Sections;
use crate::config::raw::keys;
use crate::config::raw::section::{Section, kind, number};
use crate::config::{Alias, Deployment, RouterSettings, VirtualGroup};

/// Whether a name is a group's, or matches a wildcard.
pub(super) fn is_known(name: &str, deployments: &[Deployment]) -> bool {
    deployments.iter().any(|deployment| match deployment.model_name.split_once('*') {
        Some((before, after)) => {
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        }
        None => deployment.model_name == name,
    })
}

/// Virtual groups of all spellings; aliases go to the router's settings.
pub(super) fn read(
    sections: &Sections<'_>,
    deployments: &[Deployment],
    router: &mut RouterSettings,
) -> Vec<VirtualGroup> {
    let mut groups = sections.router.each("load_balancing", load_balancing);
    sections.router.with("model_group_alias", |aliases| {
        for (name, value) in aliases.map() {
            match value {
                Value::Array(_) => {
                    aliases.warning(name, "a list is not LiteLLM's form; read as a group whose members are groups");
                    let members = aliases.texts(name).into_iter().map(|member| (member, 1.0)).collect();
                    groups.push(VirtualGroup { name: name.clone(), members });
                }
                value => {
                    if let Some(alias) = alias(aliases, name, value) {
                        router.aliases.insert(name.clone(), alias);
                    }
                }
            }
        }
    });
    groups.extend(sections.top.with("router", |router| weights(router, deployments)).flatten());
    let mut names: BTreeSet<String> = deployments.iter().map(|deployment| deployment.model_name.clone()).collect();
    groups.retain(|group| is_sound(sections, group, deployments, &mut names));
    for (name, alias) in &router.aliases {
        if !is_known(&alias.model, deployments) && !groups.iter().any(|group| group.name == alias.model) {
            let problem = format!("{:?}, which {name:?} stands for, is no model of this file", alias.model);
            sections.router.warning("model_group_alias", problem);
        }
    }
    groups
}

fn alias(aliases: Section<'_>, name: &str, value: &Value) -> Option<Alias> {
    match value {
        Value::String(model) => Some(Alias { model: model.clone(), hidden: false }),
        Value::Object(_) => aliases.with(name, |alias| {
            let hidden = alias.flag("hidden").unwrap_or(false);
            let model = alias.text("model");
            if model.is_none() {
                alias.error("model", "is missing");
            }
            Some(Alias { model: model?, hidden })
        })?,
        Value::Null => None,
        other => {
            aliases.error(name, format!("expected a model's name, found {}", kind(other)));
            None
        }
    }
}

fn load_balancing(entry: Section<'_>) -> Option<VirtualGroup> {
    entry.check_keys(&keys::LOAD_BALANCING);
    let models = entry.texts("models");
    let weights: Vec<Option<f64>> = entry.list("weights").iter().map(number).collect();
    if !weights.is_empty() && weights.len() != models.len() {
        entry.error("weights", format!("{} weights for {} models", weights.len(), models.len()));
        return None;
    }
    let name = entry.text("model_name");
    if name.is_none() {
        entry.error("model_name", "is missing");
    }
    let weight = |index: usize| if weights.is_empty() { Some(1.0) } else { *weights.get(index)? };
    let members = models.into_iter().enumerate().map(|(index, model)| Some((model, weight(index)?)));
    let Some(members) = members.collect::<Option<Vec<_>>>() else {
        entry.error("weights", "expected numbers");
        return None;
    };
    Some(VirtualGroup { name: name?, members })
}

fn weights(router: Section<'_>, deployments: &[Deployment]) -> Option<VirtualGroup> {
    router.with("weights", |weights| {
        let members: Option<Vec<(String, f64)>> =
            weights.map().keys().map(|group| Some((group.clone(), weights.number(group)?))).collect();
        let members = members?;
        let of_members =
            deployments.iter().filter(|deployment| members.iter().any(|(member, _)| *member == deployment.model_name));
        let models: BTreeSet<&str> = of_members.map(|deployment| deployment.upstream_model.as_str()).collect();
        let mut models = models.into_iter();
        match (models.next(), models.next()) {
            (Some(model), None) if !deployments.iter().any(|deployment| deployment.model_name == model) => {
                router.warning("weights", format!("read as a group {model:?} with these members"));
                Some(VirtualGroup { name: model.to_owned(), members })
            }
            _ => {
                let help = "no effect: it does not say what clients ask for; use router_settings.load_balancing";
                router.warning("weights", help);
                None
            }
        }
    })?
}

/// A group that can be chosen from: a name of its own, members that exist, weights that say something.
fn is_sound(
    sections: &Sections<'_>,
    group: &VirtualGroup,
    deployments: &[Deployment],
    names: &mut BTreeSet<String>,
) -> bool {
    let place = sections.router;
    let name = &group.name;
    let is_group = |member: &str| deployments.iter().any(|deployment| deployment.model_name == member);
    let unknown = group.members.iter().find(|(member, _)| !is_group(member));
    // A group may grow by carrying on under its own name: `gpt-4: [gpt-4, gpt-4-eu]`.
    let grows = group.members.iter().any(|(member, _)| member == name);
    let problem = if !names.insert(name.clone()) && !grows {
        format!("the group {name:?} is there already")
    } else if let Some((member, _)) = unknown {
        format!("{member:?} in the group {name:?} is no model of this file")
    } else if group.members.iter().any(|(_, weight)| *weight < 0.0) {
        format!("the group {name:?} has a weight below 0")
    } else if group.members.iter().all(|(_, weight)| *weight == 0.0) {
        format!("the group {name:?} has no member with a weight")
    } else {
        return true;
    };
    place.error("load_balancing", problem);
    false
}
