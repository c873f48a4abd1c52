//! The people in a team. The team's document has the list with their roles; each member has an object of their own
//! (`team:user`) that holds their budget, and the user's document has the list of their teams.

pub(in crate::admin) mod add;
pub(in crate::admin) mod bulk;
pub(in crate::admin) mod delete;
pub(in crate::admin) mod join;
pub(in crate::admin) mod people;
pub(in crate::admin) mod roster;
pub(in crate::admin) mod row;
pub(in crate::admin) mod update;
