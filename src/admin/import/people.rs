//! Users, teams, and who is in what.

use serde_json::{Map, Value, json};

use super::cells::{counter, id, members, set_times, text};
use super::holders::{MADE_BY, without_colon};
use super::related::Related;
use super::{Found, Row};
use crate::admin::fields::{Field, Shape, field};
use crate::admin::teams;
use crate::admin::teams::members::join::member_id;
use crate::admin::teams::members::roster;
use crate::admin::teams::members::row::document;
use crate::admin::users::{self, PROXY_BUDGET_USER};
use crate::auth::Role;
use crate::governance::plan::GLOBAL;
use crate::limiter;
use crate::store::{Counter, Kind, Object};

/// What stands in a user's row and is no member of a request; the password stays where it is.
const OF_USER: &[Field] =
    &[field("teams", Shape::Texts), field("budget_duration", Shape::Text), field("object_permission_id", Shape::Text)];
/// The same of a team.
const OF_TEAM: &[Field] = &[
    field("members_with_roles", Shape::List),
    field("admins", Shape::Texts),
    field("members", Shape::Texts),
    field("object_permission_id", Shape::Text),
];
const OF_ORGANIZATION_MEMBER: &[Field] = &[field("user_role", Shape::Text), field("budget_id", Shape::Text)];

const TIMES: &[&str] = &["created_at", "budget_reset_at"];

/// A user. What LiteLLM's user for the budget of the whole gateway has spent is what everybody has.
pub fn user(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let id = id(row, "user_id")?;
    let mut doc = members(row, &[users::fields::STORED, OF_USER])?;
    set_times(&mut doc, row, TIMES)?;
    set_permission(&mut doc, row, related);
    if let Some(role) = text(row, "user_role").and_then(Role::named) {
        doc.insert("user_role".to_owned(), json!(role.as_str()));
    }
    let spent = match id {
        PROXY_BUDGET_USER => counter(limiter::Kind::Global, GLOBAL, row, None),
        id => counter(limiter::Kind::User, id, row, None),
    };
    Ok(vec![Found::counted(users::draft::object(id, doc), spent)])
}

/// Somebody in an organization. LiteLLM counts what they spend there, and stops nobody by it.
pub fn organization_member(row: &Row, _: &Related) -> Result<Vec<Found>, String> {
    let (organization, user) = (without_colon(row, "organization_id")?, id(row, "user_id")?);
    let mut doc = members(row, &[OF_ORGANIZATION_MEMBER])?;
    set_times(&mut doc, row, &["created_at"])?;
    doc.insert("user_id".to_owned(), json!(user));
    doc.insert("organization_id".to_owned(), json!(organization));
    Ok(vec![Found::uncounted(Object {
        user_id: Some(user.to_owned()),
        organization_id: Some(organization.to_owned()),
        ..Object::new(Kind::OrganizationMember, format!("{organization}:{user}"), doc)
    })])
}

/// A team.
pub fn team(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let id = without_colon(row, "team_id")?;
    let mut doc = members(row, &[teams::fields::OWN, OF_TEAM, MADE_BY])?;
    set_times(&mut doc, row, TIMES)?;
    set_permission(&mut doc, row, related);
    doc.insert("team_id".to_owned(), json!(id));
    if let Some(aliases) = related.aliases(row) {
        doc.insert("litellm_model_table".to_owned(), json!({"model_aliases": aliases}));
    }
    let counter = counter(limiter::Kind::Team, id, row, None);
    Ok(vec![Found::counted(teams::new::team(id, doc, None), counter)])
}

/// A member of a team whom LiteLLM has a row of.
pub fn team_member(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let (team, user) = (without_colon(row, "team_id")?, id(row, "user_id")?);
    let spent = counter(limiter::Kind::TeamMember, &member_id(team, user), row, related.budget(row));
    Ok(vec![member(team, user, text(row, "budget_id"), spent)])
}

/// The members whom LiteLLM has no row of: releases have made one only for those with a budget.
pub fn listed_members(row: &Row, related: &Related) -> Result<Vec<Found>, String> {
    let (Ok(team), Ok(listed)) = (without_colon(row, "team_id"), members(row, &[OF_TEAM])) else {
        // The team itself was passed over for it.
        return Ok(Vec::new());
    };
    let new = roster::user_ids(&listed).into_iter().filter(|user| !related.has_member(team, user));
    Ok(new.map(|user| member(team, &user, None, None)).collect())
}

fn member(team: &str, user: &str, budget_id: Option<&str>, counter: Option<Counter>) -> Found {
    let object = Object {
        team_id: Some(team.to_owned()),
        user_id: Some(user.to_owned()),
        ..Object::new(Kind::TeamMember, member_id(team, user), document(team, user, budget_id))
    };
    Found::counted(object, counter)
}

/// What somebody may use of tools and their like stands with them.
pub(super) fn set_permission(doc: &mut Map<String, Value>, row: &Row, related: &Related) {
    if let Some(permission) = related.permission(row) {
        doc.insert("object_permission".to_owned(), json!(permission));
    }
}
