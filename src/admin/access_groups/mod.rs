//! `/access_group/*`: several models under one name, which stands in `models` of keys, teams and users for all of them.
//! A file makes such groups by `model_info.access_groups`; those are shown and not changed here.

pub(super) mod edit;
pub(super) mod show;
