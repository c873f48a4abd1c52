//! The PostgreSQL database of a LiteLLM proxy, which is only read.
//!
//! Its releases differ in their columns, so a row is read as one JSON object (`to_jsonb`): a column that is missing is a
//! member that is missing. Tables are read in pages by their primary key, so that many rows are never in memory at once.
//! [`opening`] opens what LiteLLM has encrypted.

pub mod opening;

use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::{Location, Store};
use super::failure::Failure;
use super::statement::Statement;
use crate::secret::Secret;

/// Rows that are read at once.
pub const PAGE: usize = 100;
/// Connections: one statement runs at a time.
const CONNECTIONS: u32 = 1;
/// Rows in one question for rows that others name: below PostgreSQL's limit of parameters.
const MOST_NAMED: usize = 1_000;
/// Prisma's parameter of a URL that says where the tables are.
const SCHEMA: &str = "schema=";

/// A table of LiteLLM's.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    /// The same in SQL's quotes.
    quoted: &'static str,
    /// The columns of a unique key of texts.
    key: Key,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    One(&'static str),
    Two(&'static str, &'static str),
}

/// Its tables, by their names in Prisma's schema.
pub mod tables {
    use super::{Key, Table};

    macro_rules! table {
        ($constant:ident, $name:literal, $key:expr) => {
            pub const $constant: Table = Table { name: $name, quoted: concat!('"', $name, '"'), key: $key };
        };
    }

    table!(BUDGETS, "LiteLLM_BudgetTable", Key::One("budget_id"));
    table!(ORGANIZATIONS, "LiteLLM_OrganizationTable", Key::One("organization_id"));
    table!(USERS, "LiteLLM_UserTable", Key::One("user_id"));
    table!(ORGANIZATION_MEMBERS, "LiteLLM_OrganizationMembership", Key::Two("organization_id", "user_id"));
    table!(TEAMS, "LiteLLM_TeamTable", Key::One("team_id"));
    table!(TEAM_MEMBERS, "LiteLLM_TeamMembership", Key::Two("team_id", "user_id"));
    table!(PROJECTS, "LiteLLM_ProjectTable", Key::One("project_id"));
    table!(CUSTOMERS, "LiteLLM_EndUserTable", Key::One("user_id"));
    table!(TAGS, "LiteLLM_TagTable", Key::One("tag_name"));
    table!(KEYS, "LiteLLM_VerificationToken", Key::One("token"));
    table!(REPLACED_KEYS, "LiteLLM_DeprecatedVerificationToken", Key::One("token"));
    table!(CREDENTIALS, "LiteLLM_CredentialsTable", Key::One("credential_name"));
    table!(MODELS, "LiteLLM_ProxyModelTable", Key::One("model_id"));
    // Read only where others name its rows.
    table!(ALIASES, "LiteLLM_ModelTable", Key::One("id"));
    table!(PERMISSIONS, "LiteLLM_ObjectPermissionTable", Key::One("object_permission_id"));
}

/// A connection to it.
#[derive(Clone, Debug)]
pub struct LiteLlm(Store);

impl LiteLlm {
    /// The database at this address, as LiteLLM's `DATABASE_URL` says it. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]: this is no address of PostgreSQL's.
    pub fn at(url: &Secret) -> Result<Self, Failure> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme)) {
            return Err(Failure::Unavailable("its address does not begin with postgres://".to_owned()));
        }
        Store::at(&Location::Postgres(Secret::new(with_search_path(url.expose()))), CONNECTIONS).map(Self)
    }

    /// Whether this release has such a table.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn has(&self, table: &Table) -> Result<bool, Failure> {
        let mut query = Statement::new("SELECT 1 WHERE to_regclass(CAST(");
        query.bind(table.quoted).push(" AS TEXT)) IS NOT NULL");
        Ok(self.ask(query.row(&self.0.pool())).await?.is_some())
    }

    /// The rows behind this one, at most [`PAGE`] of them, in the order of the key.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn page(
        &self,
        table: &Table,
        after: Option<&Map<String, Value>>,
    ) -> Result<Vec<Map<String, Value>>, Failure> {
        let value = |column: &str| {
            let value = after.and_then(|row| row.get(column)).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| Failure::Corrupt(format!("{}: no {column}", table.name)))
        };
        let mut query = Statement::new("SELECT CAST(to_jsonb(t) AS TEXT) FROM ");
        query.push(table.quoted).push(" t");
        match table.key {
            Key::One(column) => {
                if after.is_some() {
                    query.push(" WHERE t.").push(column).push(" > ").bind(value(column)?);
                }
                query.push(" ORDER BY t.").push(column);
            }
            Key::Two(first, second) => {
                if after.is_some() {
                    query.push(" WHERE (t.").push(first).push(", t.").push(second).push(") > (");
                    query.bind_list([value(first)?, value(second)?]).push(")");
                }
                query.push(" ORDER BY t.").push(first).push(", t.").push(second);
            }
        }
        query.push(" LIMIT ").bind(i64::try_from(PAGE).unwrap_or(i64::MAX));
        let rows = self.ask(query.rows(&self.0.pool())).await?;
        rows.iter().map(|row| object(table, row)).collect()
    }

    /// The rows whose first column of the key is one of these; none if this release has no such table.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn named(&self, table: &Table, ids: &[String]) -> Result<Vec<Map<String, Value>>, Failure> {
        let mut found = Vec::new();
        if ids.is_empty() || !self.has(table).await? {
            return Ok(found);
        }
        let (Key::One(column) | Key::Two(column, _)) = table.key;
        for ids in ids.chunks(MOST_NAMED) {
            let mut query = Statement::new("SELECT CAST(to_jsonb(t) AS TEXT) FROM ");
            query.push(table.quoted).push(" t WHERE CAST(t.").push(column).push(" AS TEXT) IN (");
            query.bind_list(ids.to_vec()).push(")");
            for row in &self.ask(query.rows(&self.0.pool())).await? {
                found.push(object(table, row)?);
            }
        }
        Ok(found)
    }

    /// An answer in time, or whose there is none.
    async fn ask<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
        self.0.in_time(work).await.map_err(|failure| match failure {
            Failure::Unavailable(why) => Failure::Unavailable(format!("LiteLLM's database: {why}")),
            failure => failure,
        })
    }
}

fn object(table: &Table, row: &AnyRow) -> Result<Map<String, Value>, Failure> {
    let text: String = row.try_get(0)?;
    serde_json::from_str(&text).map_err(|error| Failure::Corrupt(format!("{}: {error}", table.name)))
}

/// The same address with Prisma's `schema` in PostgreSQL's words; its other parameters do no harm.
fn with_search_path(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else { return url.to_owned() };
    let turned = query.split('&').map(|parameter| match parameter.strip_prefix(SCHEMA) {
        Some(schema) => format!("options[search_path]={schema}"),
        None => parameter.to_owned(),
    });
    format!("{address}?{}", turned.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_prismas_is_one_of_postgresqls() {
        for (url, expected) in [
            ("postgres://u:p@h/d", "postgres://u:p@h/d"),
            (
                "postgresql://h/d?schema=lite&connection_limit=5",
                "postgresql://h/d?options[search_path]=lite&connection_limit=5",
            ),
        ] {
            assert_eq!(with_search_path(url), expected);
            assert!(LiteLlm::at(&Secret::new(url)).is_ok(), "{url}");
        }
        for url in ["", "mysql://h/d", "sqlite://litellm.db", "h/d"] {
            assert!(LiteLlm::at(&Secret::new(url)).is_err(), "{url}");
        }
    }
}
