//! What people call keys and teams.

use std::collections::{BTreeSet, HashMap};

use crate::error::Error;
use crate::store::{Filter, Kind, Object, View};

use super::refused;

/// Ids that one statement asks for.
const MOST_IDS: usize = 1_000;

/// Objects by id; one that is gone is not there.
pub type Known = HashMap<String, Object>;

/// What is known of these ids.
pub async fn known<'a>(store: &View, kind: Kind, ids: impl IntoIterator<Item = &'a str>) -> Result<Known, Error> {
    let ids: BTreeSet<&str> = ids.into_iter().filter(|id| !id.is_empty()).collect();
    let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    let mut found = Known::new();
    for some in ids.chunks(MOST_IDS) {
        let filter = Filter { ids: Some(some), ..Filter::default() };
        let objects = store.all(kind, &filter).await.map_err(refused)?;
        found.extend(objects.into_iter().map(|object| (object.id.clone(), object)));
    }
    Ok(found)
}

/// The alias of an id.
pub fn alias<'a>(known: &'a Known, id: &str) -> Option<&'a str> {
    known.get(id).and_then(|object| object.alias.as_deref())
}
