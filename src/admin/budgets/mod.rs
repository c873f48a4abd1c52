//! `/budget/*`: limits with a name, which customers, organizations, projects, tags, members and keys hold by it. Changing
//! one changes it for all who hold it.

pub(super) mod edit;
pub(super) mod held;
pub(super) mod limits;
pub(super) mod row;
pub(super) mod settings;
pub(super) mod show;
