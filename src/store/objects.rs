//! What is managed: objects in LiteLLM's own words.

use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::Store;
use super::failure::Failure;
use super::statement::Statement;

/// Rows that are read at once at most, whatever a page asks for.
pub const LONGEST_PAGE: u32 = 1_000;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Its id is the digest in hex.
    Key,
    User,
    Team,
    /// A user in a team: `team:user`.
    TeamMember,
    Organization,
    /// A user in an organization: `organization:user`.
    OrganizationMember,
    Project,
    /// An end user.
    Customer,
    Budget,
    Tag,
    /// A deployment that was added at run time.
    Model,
    Credential,
    AccessGroup,
    /// A setting of the whole gateway.
    Setting,
}

/// Every kind and its name in the database.
const KINDS: [(Kind, &str); 14] = [
    (Kind::Key, "key"),
    (Kind::User, "user"),
    (Kind::Team, "team"),
    (Kind::TeamMember, "team_member"),
    (Kind::Organization, "organization"),
    (Kind::OrganizationMember, "organization_member"),
    (Kind::Project, "project"),
    (Kind::Customer, "customer"),
    (Kind::Budget, "budget"),
    (Kind::Tag, "tag"),
    (Kind::Model, "model"),
    (Kind::Credential, "credential"),
    (Kind::AccessGroup, "access_group"),
    (Kind::Setting, "setting"),
];

impl Kind {
    /// Its name in the database.
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// One object. `doc` is what LiteLLM's API shows of it; the other members are what it is found by.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub kind: Kind,
    pub id: String,
    /// A name for people; of keys unique.
    pub alias: Option<String>,
    /// Whose it is.
    pub user_id: Option<String>,
    /// Whose team's it is.
    pub team_id: Option<String>,
    /// Whose organization's it is.
    pub organization_id: Option<String>,
    /// 0: not stored yet. Each change adds 1.
    pub version: i64,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
    pub doc: Map<String, Value>,
}

impl Object {
    /// A new one, to be stored.
    pub fn new(kind: Kind, id: impl Into<String>, doc: Map<String, Value>) -> Self {
        Self {
            kind,
            id: id.into(),
            alias: None,
            user_id: None,
            team_id: None,
            organization_id: None,
            version: 0,
            created_at: 0,
            updated_at: 0,
            doc,
        }
    }
}

/// Which objects are wanted. What is `None` does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    pub user_id: Option<&'a str>,
    pub team_id: Option<&'a str>,
    pub organization_id: Option<&'a str>,
    /// The whole alias.
    pub alias: Option<&'a str>,
    /// Only those that have one.
    pub has_alias: bool,
    /// A part of id or alias, letter for letter.
    pub text: Option<&'a str>,
    /// What its document must have in it, letter for letter: for what is found by nothing else. All rows are looked at.
    pub mentions: Option<&'a str>,
    /// One of these; an empty list is none of them.
    pub ids: Option<&'a [String]>,
    /// None of these.
    pub without: Option<&'a [String]>,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
    ByAlias,
    ById,
}

/// Which part of what is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub order: Order,
    /// At most [`LONGEST_PAGE`].
    pub limit: u32,
    pub offset: u64,
}

impl Page {
    /// The page of this number, from 1.
    pub fn number(number: u64, size: u32) -> Self {
        let limit = size.clamp(1, LONGEST_PAGE);
        Self { order: Order::default(), limit, offset: number.saturating_sub(1).saturating_mul(u64::from(limit)) }
    }

    /// As much as is read at once.
    pub const ALL: Self = Self { order: Order::OldestFirst, limit: LONGEST_PAGE, offset: 0 };
}

const COLUMNS: &str =
    "kind, id, alias, user_id, team_id, organization_id, version, created_at, updated_at, doc FROM objects";

impl Store {
    /// One object.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn get(&self, kind: Kind, id: &str) -> Result<Option<Object>, Failure> {
        let mut query = Statement::new("SELECT ");
        query.push(COLUMNS).push(" WHERE kind = ").bind(kind.as_str()).push(" AND id = ").bind(id.to_owned());
        let row = self.in_time(query.row(&self.pool())).await?;
        row.as_ref().map(object).transpose()
    }

    /// A page of objects.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn list(&self, kind: Kind, filter: &Filter<'_>, page: Page) -> Result<Vec<Object>, Failure> {
        if filter.ids.is_some_and(<[String]>::is_empty) {
            return Ok(Vec::new());
        }
        let mut query = Statement::new("SELECT ");
        query.push(COLUMNS);
        narrow(&mut query, kind, filter);
        query.push(match page.order {
            Order::NewestFirst => " ORDER BY created_at DESC, id",
            Order::OldestFirst => " ORDER BY created_at, id",
            Order::ByAlias => " ORDER BY alias, id",
            Order::ById => " ORDER BY id",
        });
        query.push(" LIMIT ").bind(i64::from(page.limit.clamp(1, LONGEST_PAGE)));
        query.push(" OFFSET ").bind(i64::try_from(page.offset).unwrap_or(i64::MAX));
        let rows = self.in_time(query.rows(&self.pool())).await?;
        rows.iter().map(object).collect()
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn count(&self, kind: Kind, filter: &Filter<'_>) -> Result<u64, Failure> {
        if filter.ids.is_some_and(<[String]>::is_empty) {
            return Ok(0);
        }
        let mut query = Statement::new("SELECT COUNT(*) FROM objects");
        narrow(&mut query, kind, filter);
        let row = self.in_time(query.row(&self.pool())).await?;
        let count = row.map_or(Ok(0), |row| row.try_get::<i64, _>(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// All of a kind, page by page.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn all(&self, kind: Kind, filter: &Filter<'_>) -> Result<Vec<Object>, Failure> {
        let mut found = Vec::new();
        loop {
            let page = Page { order: Order::ById, offset: found.len() as u64, ..Page::ALL };
            let more = self.list(kind, filter, page).await?;
            let is_last = more.len() < LONGEST_PAGE as usize;
            found.extend(more);
            if is_last {
                return Ok(found);
            }
        }
    }
}

fn narrow(query: &mut Statement, kind: Kind, filter: &Filter<'_>) {
    query.push(" WHERE kind = ").bind(kind.as_str());
    for (column, value) in [
        (" AND user_id = ", filter.user_id),
        (" AND team_id = ", filter.team_id),
        (" AND organization_id = ", filter.organization_id),
        (" AND alias = ", filter.alias),
    ] {
        if let Some(value) = value {
            query.push(column).bind(value.to_owned());
        }
    }
    if filter.has_alias {
        // What is NULL is not unequal either.
        query.push(" AND alias <> ''");
    }
    if let Some(text) = filter.text {
        let pattern = like(text);
        query.push(" AND (id LIKE ").bind(pattern.clone()).push(" ESCAPE '!' OR alias LIKE ");
        query.bind(pattern).push(" ESCAPE '!')");
    }
    if let Some(text) = filter.mentions {
        query.push(" AND doc LIKE ").bind(like(text)).push(" ESCAPE '!'");
    }
    if let Some(ids) = filter.ids {
        query.push(" AND id IN (").bind_list(ids.to_vec()).push(")");
    }
    if let Some(ids) = filter.without.filter(|ids| !ids.is_empty()) {
        query.push(" AND id NOT IN (").bind_list(ids.to_vec()).push(")");
    }
}

/// A pattern that holds the text itself: its own `%` and `_` mean themselves.
fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

fn object(row: &AnyRow) -> Result<Object, Failure> {
    let kind: String = row.try_get("kind")?;
    let doc: String = row.try_get("doc")?;
    let id: String = row.try_get("id")?;
    Ok(Object {
        kind: Kind::named(&kind).ok_or_else(|| Failure::Corrupt(format!("an object of kind {kind:?}")))?,
        doc: serde_json::from_str(&doc).map_err(|error| Failure::Corrupt(format!("{kind} {id}: {error}")))?,
        id,
        alias: row.try_get("alias")?,
        user_id: row.try_get("user_id")?,
        team_id: row.try_get("team_id")?,
        organization_id: row.try_get("organization_id")?,
        version: row.try_get("version")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
