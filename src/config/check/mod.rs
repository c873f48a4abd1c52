//! What the file means: each section is read on its own, every problem is noted, and what could be understood becomes
//! a [`Config`].

mod affinity;
mod alerting;
mod budgets;
mod connection;
mod cost_map;
mod cost_terms;
mod credential_list;
mod credentials;
mod defaults;
mod deployment;
mod fallbacks;
mod general;
mod governance;
mod groups;
mod members;
mod metadata;
mod model_list;
mod model_rules;
mod providers;
mod retries;
mod rotation;
mod router;
mod sharing;
mod shown;
mod strategy;
mod tollgate;

pub use model_rules::ModelRules;

use serde_json::{Map, Value};

use super::Config;
use super::raw::keys;
use super::raw::problems::Problems;
use super::raw::references::Overlay;
use super::raw::section::Section;

/// The sections that several readers look into; an absent one is empty.
#[derive(Clone, Copy)]
struct Sections<'a> {
    top: Section<'a>,
    litellm: Section<'a>,
    router: Section<'a>,
    general: Section<'a>,
}

/// Reads a resolved tree.
pub(super) fn check(root: &Map<String, Value>, env: &Overlay<'_>, problems: &Problems) -> Config {
    let empty = Map::new();
    let top = Section::new("", root, problems);
    let section = |name: &'static str| Section::new(name, top.mapping(name).unwrap_or(&empty), problems);
    let sections = Sections {
        top,
        litellm: section("litellm_settings"),
        router: section("router_settings"),
        general: section("general_settings"),
    };
    top.check_keys(&keys::TOP);
    let declared = providers::read(top);
    let credentials = credentials::Made::new(sections.litellm);
    let listed = credential_list::read(&sections);
    let model_rules = ModelRules::new(env, &declared, &credentials, listed.clone());
    let common = deployment::Common { env, declared: &declared, credentials, listed: &listed, is_file: true };
    let deployments = model_list::read(top, &common);
    sections.litellm.check_keys(&keys::LITELLM_SETTINGS);
    sections.router.check_keys(&keys::ROUTER_SETTINGS);
    sections.general.check_keys(&keys::GENERAL_SETTINGS);
    let mut router = router::read(&sections, &declared);
    let virtual_groups = groups::read(&sections, &deployments, &mut router);
    fallbacks::warn_about_unknown_groups(&sections, &router, &virtual_groups, &deployments);
    Config {
        general: general::read(&sections, env),
        governance: governance::read(&sections),
        tollgate: tollgate::read(&sections),
        model_rules,
        deployments,
        virtual_groups,
        router,
    }
}
