//! `model_list`: its entries one by one, and what they are together.

use std::collections::HashSet;

use super::deployment::{self, Common};
use crate::config::Deployment;
use crate::config::raw::section::Section;

pub(super) fn read(top: Section<'_>, common: &Common<'_>) -> Vec<Deployment> {
    let mut ids = HashSet::new();
    let deployments = top.each("model_list", |entry| {
        let mut deployment = deployment::read(entry, common)?;
        if let Some(id) = next_free(&ids, &deployment.id) {
            entry.warning_here("equal to an entry before it, or has its model_info.id; counted as one more deployment");
            deployment.id = id;
        }
        ids.insert(deployment.id.clone());
        Some(deployment)
    });
    if top.list("model_list").is_empty() {
        top.warning("model_list", "there are no models");
    }
    deployments
}

/// Another id when this one is taken.
fn next_free(taken: &HashSet<String>, id: &str) -> Option<String> {
    taken.contains(id).then_some(())?;
    (2..).map(|number: u32| format!("{id}-{number}")).find(|id| !taken.contains(id))
}
