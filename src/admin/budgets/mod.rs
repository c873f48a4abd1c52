//! `/budget/*`: limits with a name, which customers, organizations, projects, tags, members and keys hold by it. Changing
//! one changes it for all who hold it. `/provider/budgets`: what the configuration lets providers cost.

pub(super) mod edit;
pub(super) mod held;
pub(super) mod limits;
pub(super) mod providers;
pub(super) mod row;
pub(super) mod settings;
pub(super) mod show;
