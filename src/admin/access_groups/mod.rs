//! Access groups: several models under one name. The name stands in `models` of keys, teams and users for all of them, and the
//! id in `access_group_ids` of keys and teams gives them besides those.
//!
//! `/access_group/*` ([`edit`], [`show`]) knows them by their models alone, `/v1/access_group` ([`unified`]) by an id, with whom
//! they are assigned to ([`assigned`]). Both speak of the same groups: one that is made in the first way has its name for an id.
//! A file makes such groups by `model_info.access_groups`; those are shown by the first and not changed here.

pub(super) mod assigned;
pub(super) mod edit;
pub(super) mod show;
pub(super) mod unified;
