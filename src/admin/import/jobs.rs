//! LiteLLM's tables, and what becomes of their rows.

use super::cells::text;
use super::related::{Need, Related};
use super::{Found, Row, holders, keys, models, people};
use crate::store::Kind;
use crate::store::litellm::{Table, tables};

/// One table.
pub struct Job {
    /// What its rows are, for people.
    pub what: &'static str,
    pub table: Table,
    pub kind: Kind,
    /// How a row is called in a report; never a secret.
    pub name: fn(&Row) -> String,
    pub needs: &'static [Need],
    /// Whether another job has read the same rows: then nobody is told what of them is not kept.
    pub is_second: bool,
    /// The objects of a row, or why there are none.
    pub read: fn(&Row, &Related) -> Result<Vec<Found>, String>,
}

/// All of them: what is named comes before what names it.
pub const JOBS: [Job; 14] = [
    Job { needs: &[], ..job("budgets", tables::BUDGETS, Kind::Budget, |row| one(row, "budget_id"), holders::budget) },
    job(
        "organizations",
        tables::ORGANIZATIONS,
        Kind::Organization,
        |row| one(row, "organization_id"),
        holders::organization,
    ),
    job("users", tables::USERS, Kind::User, |row| one(row, "user_id"), people::user),
    Job {
        needs: &[],
        ..job(
            "organization members",
            tables::ORGANIZATION_MEMBERS,
            Kind::OrganizationMember,
            |row| two(row, "organization_id"),
            people::organization_member,
        )
    },
    Job {
        needs: &[Need::Permission, Need::Aliases],
        ..job("teams", tables::TEAMS, Kind::Team, |row| one(row, "team_id"), people::team)
    },
    job("projects", tables::PROJECTS, Kind::Project, |row| one(row, "project_id"), holders::project),
    job("team members", tables::TEAM_MEMBERS, Kind::TeamMember, |row| two(row, "team_id"), people::team_member),
    Job {
        needs: &[Need::Members],
        is_second: true,
        ..job("listed team members", tables::TEAMS, Kind::TeamMember, |row| one(row, "team_id"), people::listed_members)
    },
    job("customers", tables::CUSTOMERS, Kind::Customer, |row| one(row, "user_id"), holders::customer),
    job("tags", tables::TAGS, Kind::Tag, |row| one(row, "tag_name"), holders::tag),
    job("keys", tables::KEYS, Kind::Key, keys::name, keys::key),
    Job { needs: &[], ..job("replaced keys", tables::REPLACED_KEYS, Kind::Key, keys::name, keys::replaced) },
    Job {
        needs: &[],
        ..job(
            "credentials",
            tables::CREDENTIALS,
            Kind::Credential,
            |row| one(row, "credential_name"),
            models::credential,
        )
    },
    Job { needs: &[], ..job("models", tables::MODELS, Kind::Model, |row| one(row, "model_id"), models::model) },
];

const fn job(
    what: &'static str,
    table: Table,
    kind: Kind,
    name: fn(&Row) -> String,
    read: fn(&Row, &Related) -> Result<Vec<Found>, String>,
) -> Job {
    Job { what, table, kind, name, needs: &[Need::Budget, Need::Permission], is_second: false, read }
}

fn one(row: &Row, column: &str) -> String {
    text(row, column).unwrap_or_default().to_owned()
}

/// As a member's object is called.
fn two(row: &Row, column: &str) -> String {
    format!("{}:{}", one(row, column), one(row, "user_id"))
}
