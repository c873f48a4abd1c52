//! `/model/*`, `/model_group/*`: deployments, those of the file and those that are added at run time.
//!
//! - [`secrets`] seals what a stored model's parameters say, [`entries`] makes entries of `model_list` of stored models,
//!   which the configuration's rules read as if they stood in the file.
//! - [`cost_map`] is what they cost where nobody says it, [`cost_schedule`] when that is read anew.
//! - [`view`] is a deployment as people may see it, [`visible`] which of them a caller may see, [`columns`] in which
//!   form.

pub mod block;
pub(super) mod columns;
pub mod cost_map;
pub mod cost_schedule;
pub(super) mod delete;
pub(super) mod draft;
pub mod entries;
pub(super) mod groups;
pub(super) mod info;
pub(super) mod new;
pub(super) mod row;
pub mod secrets;
pub(super) mod update;
pub mod view;
pub(super) mod visible;
