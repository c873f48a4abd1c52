//! What the rows of a page name of other tables.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::Row;
use super::cells::text;
use super::vault::Vault;
use crate::store::Failure;
use crate::store::litellm::tables::{ALIASES, BUDGETS, PERMISSIONS, TEAM_MEMBERS};
use crate::store::litellm::{LiteLlm, Table};

/// What is looked up for the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The budget of `budget_id`.
    Budget,
    /// The aliases of a team's `model_id`.
    Aliases,
    /// The row of `object_permission_id`.
    Permission,
    /// The rows of a team's members.
    Members,
}

/// What was found.
#[derive(Default)]
pub struct Related<'a> {
    budgets: HashMap<String, Row>,
    aliases: HashMap<String, Row>,
    permissions: HashMap<String, Row>,
    members: HashSet<(String, String)>,
    /// For what is encrypted.
    pub vault: Option<&'a Vault>,
}

impl<'a> Related<'a> {
    /// Looks up what these rows name.
    ///
    /// # Errors
    /// LiteLLM's database does not answer.
    pub async fn of(from: &LiteLlm, rows: &[Row], needs: &[Need], vault: Option<&'a Vault>) -> Result<Self, Failure> {
        let mut related = Self { vault, ..Self::default() };
        for need in needs {
            match need {
                Need::Budget => related.budgets = by_id(from, &BUDGETS, rows, "budget_id").await?,
                Need::Permission => {
                    related.permissions = by_id(from, &PERMISSIONS, rows, "object_permission_id").await?;
                }
                Need::Aliases => {
                    let ids: Vec<String> = rows.iter().filter_map(model_id).collect();
                    let found = from.named(&ALIASES, &ids).await?;
                    related.aliases =
                        found.into_iter().filter_map(|row| Some((row.get("id")?.to_string(), row))).collect();
                }
                Need::Members => {
                    let found = from.named(&TEAM_MEMBERS, &ids(rows, "team_id")).await?;
                    let member = |row: &Row| Some((text(row, "team_id")?.to_owned(), text(row, "user_id")?.to_owned()));
                    related.members = found.iter().filter_map(member).collect();
                }
            }
        }
        Ok(related)
    }

    /// The budget that a row holds.
    pub fn budget(&self, row: &Row) -> Option<&Row> {
        self.budgets.get(text(row, "budget_id")?)
    }

    /// What a row may use of tools and their like.
    pub fn permission(&self, row: &Row) -> Option<&Row> {
        self.permissions.get(text(row, "object_permission_id")?)
    }

    /// A team's names for models. LiteLLM has stored them as a text of JSON too.
    pub fn aliases(&self, row: &Row) -> Option<Value> {
        let aliases = self.aliases.get(&model_id(row)?)?.get("aliases")?;
        let read = aliases.as_str().and_then(|text| serde_json::from_str(text).ok());
        Some(read.unwrap_or_else(|| aliases.clone())).filter(Value::is_object)
    }

    /// Whether a member of a team has a row.
    pub fn has_member(&self, team_id: &str, user_id: &str) -> bool {
        self.members.contains(&(team_id.to_owned(), user_id.to_owned()))
    }
}

fn model_id(row: &Row) -> Option<String> {
    row.get("model_id").filter(|id| id.is_number()).map(Value::to_string)
}

fn ids(rows: &[Row], column: &str) -> Vec<String> {
    let mut ids: Vec<String> = rows.iter().filter_map(|row| text(row, column).map(str::to_owned)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

async fn by_id(from: &LiteLlm, table: &Table, rows: &[Row], column: &str) -> Result<HashMap<String, Row>, Failure> {
    let found = from.named(table, &ids(rows, column)).await?;
    Ok(found.into_iter().filter_map(|row| Some((text(&row, column)?.to_owned(), row))).collect())
}
