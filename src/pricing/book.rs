//! The price table in force: the one that is compiled in, or the operator's in its place.

use std::sync::LazyLock;

use arc_swap::ArcSwap;
use bytes::Bytes;

use super::Table;
use super::table::BUILTIN;

/// Models in the table that is compiled in.
static BUILTIN_MODELS: LazyLock<usize> = LazyLock::new(|| Table::builtin().models().count());

/// LiteLLM's `MODEL_COST_MAP_MIN_MODEL_COUNT`, unless the environment says another.
pub const MIN_MODELS: usize = 50;
/// LiteLLM's `MODEL_COST_MAP_MAX_SHRINK_RATIO`, unless the environment says another.
pub const MAX_SHRINK: f64 = 0.5;

/// A text that cannot be the price table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no table.
    #[error("this is no JSON object of models: {0}")]
    Garbled(String),
    /// It is a part of one, perhaps.
    #[error("a table of {models} models is too small: it needs {least}")]
    Small { models: usize, least: usize },
}

/// How many models make a table whole that somebody else keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Least {
    /// So many at least.
    pub models: usize,
    /// And this part of what is compiled in.
    pub part: f64,
}

impl Least {
    /// Any table that has something in it.
    pub const ANYTHING: Self = Self { models: 1, part: 0.0 };

    fn models(self) -> usize {
        if self.part <= 0.0 {
            return self.models;
        }
        #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "some thousand models")]
        let part = (*BUILTIN_MODELS as f64 * self.part.min(1.0)).ceil() as usize;
        self.models.max(part)
    }
}

impl Default for Least {
    fn default() -> Self {
        Self { models: MIN_MODELS, part: MAX_SHRINK }
    }
}

/// The table as text, in LiteLLM's schema.
#[derive(Debug)]
struct Edition {
    text: Bytes,
    models: usize,
}

/// Where the table is looked up. Its text is kept and not what it says: that is read when a configuration is put together,
/// and forgotten.
#[derive(Debug, Default)]
pub struct Book {
    /// `None`: the one that is compiled in.
    operators: ArcSwap<Option<Edition>>,
}

impl Book {
    /// The table, read anew: some milliseconds and megabytes, so ask once and let go of it.
    pub fn table(&self) -> Table {
        // What was taken could be read.
        Table::parse(&self.text()).unwrap_or_default()
    }

    /// Its text, which is not copied.
    pub fn text(&self) -> Bytes {
        let own = self.operators.load().as_ref().as_ref().map(|own| own.text.clone());
        own.unwrap_or(Bytes::from_static(BUILTIN.as_bytes()))
    }

    /// Models in it.
    pub fn models(&self) -> usize {
        let own = self.operators.load().as_ref().as_ref().map(|own| own.models);
        own.unwrap_or_else(|| *BUILTIN_MODELS)
    }

    /// Whether it is the operator's.
    pub fn is_operators(&self) -> bool {
        self.operators.load().is_some()
    }

    /// Takes a table instead of the one before, and says how many models it has.
    ///
    /// # Errors
    /// [`Unusable`]; the one before stays.
    pub fn replace(&self, text: Bytes, least: Least) -> Result<usize, Unusable> {
        let table = Table::parse(&text).map_err(|error| Unusable::Garbled(error.to_string()))?;
        let (models, least) = (table.models().count(), least.models());
        if models < least {
            return Err(Unusable::Small { models, least });
        }
        self.operators.store(Some(Edition { text, models }).into());
        Ok(models)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::prices::{ServiceTier, Unit};

    const OWN: &str = r#"{"own": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-6}}"#;

    fn input_price(book: &Book, model: &str) -> Option<String> {
        let table = book.table();
        let prices = &table.find("openai", model)?.prices;
        Some(prices.get(Unit::Input, 0, ServiceTier::Standard)?.to_string())
    }

    #[test]
    fn the_operators_table_stands_in_the_place_of_the_built_in_one() {
        let book = Book::default();
        assert!(!book.is_operators() && book.models() >= 400 && !book.text().is_empty());
        assert_eq!((input_price(&book, "gpt-4o").is_some(), input_price(&book, "own")), (true, None));
        assert_eq!(book.replace(OWN.into(), Least::ANYTHING), Ok(1));
        assert!(book.is_operators() && book.models() == 1 && book.text() == OWN);
        assert_eq!((input_price(&book, "gpt-4o"), input_price(&book, "own").as_deref()), (None, Some("0.000001")));
    }

    #[test]
    fn what_is_no_whole_table_changes_nothing() {
        let book = Book::default();
        let half = book.models().div_ceil(2);
        assert_eq!(book.replace(OWN.into(), Least::default()), Err(Unusable::Small { models: 1, least: half }));
        let few = Least { models: 2, part: 0.0 };
        assert_eq!(book.replace(OWN.into(), few), Err(Unusable::Small { models: 1, least: 2 }));
        for garbled in ["", "[]", "{", "<html>", "{\"own\": 1}", "{}", "null"] {
            book.replace(garbled.into(), Least::ANYTHING).unwrap_err();
        }
        assert!(!book.is_operators() && input_price(&book, "gpt-4o").is_some());
        assert_eq!(book.replace(book.text(), Least::default()), Ok(book.models()));
    }
}
