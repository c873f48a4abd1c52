//! A statement and its parameters. Values never stand in the text: only [`Statement::bind`] takes what is not a literal
//! of this crate.

use std::fmt::Write;

use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow};
use sqlx::{Any, AnyExecutor, Arguments, Encode, Type};

/// Numbered parameters (`$1`), which SQLite and PostgreSQL both understand; sqlx's own builder writes `?` here.
pub(super) struct Statement {
    text: String,
    arguments: AnyArguments<'static>,
    is_bound: bool,
    is_numbered: bool,
}

impl Statement {
    pub fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), arguments: AnyArguments::default(), is_bound: true, is_numbered: true }
    }

    /// One whose parameters SQLite takes in their order (`?`): to it a numbered one is a name, which it looks for among
    /// all names of the statement each time.
    pub fn of_sqlite(text: &'static str) -> Self {
        Self { is_numbered: false, ..Self::new(text) }
    }

    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A parameter at this place.
    pub fn bind<T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'static, Any> + Type<Any> + 'static,
    {
        self.is_bound &= self.arguments.add(value).is_ok();
        if self.is_numbered {
            // Writing to a text does not fail.
            let _written = write!(self.text, "${}", self.arguments.len());
        } else {
            self.text.push('?');
        }
        self
    }

    /// Parameters with commas between them.
    pub fn bind_list<T>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self
    where
        T: Encode<'static, Any> + Type<Any> + 'static,
    {
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.bind(value);
        }
        self
    }

    pub async fn execute<'c>(self, on: impl AnyExecutor<'c>) -> Result<AnyQueryResult, sqlx::Error> {
        self.check()?;
        sqlx::query_with(&self.text, self.arguments).execute(on).await
    }

    pub async fn rows<'c>(self, on: impl AnyExecutor<'c>) -> Result<Vec<AnyRow>, sqlx::Error> {
        self.check()?;
        sqlx::query_with(&self.text, self.arguments).fetch_all(on).await
    }

    pub async fn row<'c>(self, on: impl AnyExecutor<'c>) -> Result<Option<AnyRow>, sqlx::Error> {
        self.check()?;
        sqlx::query_with(&self.text, self.arguments).fetch_optional(on).await
    }

    fn check(&self) -> Result<(), sqlx::Error> {
        if self.is_bound { Ok(()) } else { Err(sqlx::Error::Encode("a parameter cannot be written".into())) }
    }
}
