//! The store as people see it: what the configuration declares is laid over what is stored.
//!
//! Of a declared and a stored object of one kind and id the declared one is seen, as it is for requests; the stored one
//! waits until the file declares it no more. On pages the declared ones come last, whatever the order: they are no part of
//! the database's. Nothing declared can be changed here: [`View::declares`] tells who must refuse it.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

use super::database::Store;
use super::failure::Failure;
use super::objects::{Filter, Kind, LONGEST_PAGE, Object, Order, Page};

/// Objects by kind, ordered by id.
type ByKind = HashMap<Kind, Vec<Arc<Object>>>;

/// The store with what is declared. A clone is the same. Whatever is no object is read from the store itself.
#[derive(Clone, Debug)]
pub struct View {
    store: Store,
    declared: Arc<ByKind>,
}

impl View {
    /// The store with these objects laid over it.
    pub fn new(store: Store, declared: impl IntoIterator<Item = Arc<Object>>) -> Self {
        let mut by_kind = ByKind::new();
        for object in declared {
            by_kind.entry(object.kind).or_default().push(object);
        }
        by_kind.values_mut().for_each(|objects| objects.sort_by(|one, other| one.id.cmp(&other.id)));
        Self { store, declared: Arc::new(by_kind) }
    }

    /// The store alone.
    pub fn stored(&self) -> &Store {
        &self.store
    }

    /// Whether the configuration declares this object.
    pub fn declares(&self, kind: Kind, id: &str) -> bool {
        self.declared(kind, id).is_some()
    }

    /// One object.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn get(&self, kind: Kind, id: &str) -> Result<Option<Object>, Failure> {
        match self.declared(kind, id) {
            Some(object) => Ok(Some(Object::clone(object))),
            None => self.store.get(kind, id).await,
        }
    }

    /// A page of objects, the declared ones last.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn list(&self, kind: Kind, filter: &Filter<'_>, page: Page) -> Result<Vec<Object>, Failure> {
        if !self.has(kind) {
            return self.store.list(kind, filter, page).await;
        }
        let hidden = self.hidden(kind).await?;
        let of_stored = Filter { without: Some(&hidden), ..*filter };
        let mut found = self.store.list(kind, &of_stored, page).await?;
        let limit = page.limit.clamp(1, LONGEST_PAGE) as usize;
        if found.len() < limit {
            let stored = self.store.count(kind, &of_stored).await?;
            let skipped = usize::try_from(page.offset.saturating_sub(stored)).unwrap_or(usize::MAX);
            let (declared, room) = (self.matching(kind, filter), limit - found.len());
            found.extend(declared.into_iter().skip(skipped).take(room).map(|object| Object::clone(object)));
        }
        Ok(found)
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn count(&self, kind: Kind, filter: &Filter<'_>) -> Result<u64, Failure> {
        if !self.has(kind) {
            return self.store.count(kind, filter).await;
        }
        let hidden = self.hidden(kind).await?;
        let stored = self.store.count(kind, &Filter { without: Some(&hidden), ..*filter }).await?;
        Ok(stored + self.matching(kind, filter).len() as u64)
    }

    /// All of a kind, the declared ones last.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Corrupt`].
    pub async fn all(&self, kind: Kind, filter: &Filter<'_>) -> Result<Vec<Object>, Failure> {
        let mut found = self.store.all(kind, filter).await?;
        found.retain(|object| !self.declares(kind, &object.id));
        found.extend(self.matching(kind, filter).into_iter().map(|object| Object::clone(object)));
        Ok(found)
    }

    fn has(&self, kind: Kind) -> bool {
        self.declared.contains_key(&kind)
    }

    fn declared(&self, kind: Kind, id: &str) -> Option<&Arc<Object>> {
        let objects = self.declared.get(&kind)?;
        let at = objects.binary_search_by(|object| object.id.as_str().cmp(id)).ok()?;
        objects.get(at)
    }

    fn matching(&self, kind: Kind, filter: &Filter<'_>) -> Vec<&Arc<Object>> {
        let objects = self.declared.get(&kind).into_iter().flatten();
        objects.filter(|object| is_wanted(object, filter)).collect()
    }

    /// The ids of stored objects in whose place declared ones are seen.
    async fn hidden(&self, kind: Kind) -> Result<Vec<String>, Failure> {
        let declared = self.declared.get(&kind).map_or(&[][..], Vec::as_slice);
        let mut hidden = Vec::new();
        for some in declared.chunks(LONGEST_PAGE as usize) {
            let ids: Vec<String> = some.iter().map(|object| object.id.clone()).collect();
            let page = Page { order: Order::ById, ..Page::ALL };
            let stored = self.store.list(kind, &Filter { ids: Some(&ids), ..Filter::default() }, page).await?;
            hidden.extend(stored.into_iter().map(|object| object.id));
        }
        Ok(hidden)
    }
}

impl From<Store> for View {
    /// Nothing is declared.
    fn from(store: Store) -> Self {
        Self::new(store, [])
    }
}

impl Deref for View {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

fn is_wanted(object: &Object, filter: &Filter<'_>) -> bool {
    let fits = |wanted: Option<&str>, has: &Option<String>| wanted.is_none() || wanted == has.as_deref();
    let holds =
        |text: &str| object.id.contains(text) || object.alias.as_ref().is_some_and(|alias| alias.contains(text));
    fits(filter.user_id, &object.user_id)
        && fits(filter.team_id, &object.team_id)
        && fits(filter.organization_id, &object.organization_id)
        && fits(filter.alias, &object.alias)
        && (!filter.has_alias || object.alias.as_ref().is_some_and(|alias| !alias.is_empty()))
        && filter.text.is_none_or(holds)
        && filter.mentions.is_none_or(|text| Value::Object(object.doc.clone()).to_string().contains(text))
        && filter.ids.is_none_or(|ids| ids.contains(&object.id))
        && filter.without.is_none_or(|ids| !ids.contains(&object.id))
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::super::commit::Change;
    use super::super::database::Location;
    use super::*;

    fn object(id: &str, alias: &str, team: Option<&str>) -> Object {
        let new = Object::new(Kind::Key, id, Map::new());
        Object { alias: Some(alias.to_owned()), team_id: team.map(str::to_owned), ..new }
    }

    /// `a` and `c` are stored, `b` and `c` declared.
    async fn view(folder: &tempfile::TempDir) -> View {
        let store = Store::at(&Location::Sqlite(folder.path().join("test.db").into()), 1).unwrap();
        store.migrate().await.unwrap();
        let stored = [object("a", "stored a", Some("t")), object("c", "stored c", None)];
        store.commit(&stored.map(Change::Put), 0).await.unwrap();
        let declared = [object("c", "declared c", Some("t")), object("b", "declared b", None)];
        View::new(store, declared.map(Arc::new))
    }

    fn ids(objects: &[Object]) -> Vec<&str> {
        objects.iter().map(|object| object.id.as_str()).collect()
    }

    #[tokio::test]
    async fn what_is_declared_is_seen_in_the_place_of_what_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let view = view(&folder).await;
        let alias = |object: Option<Object>| object.and_then(|object| object.alias);
        assert_eq!(alias(view.get(Kind::Key, "c").await.unwrap()).as_deref(), Some("declared c"));
        assert_eq!(alias(view.stored().get(Kind::Key, "c").await.unwrap()).as_deref(), Some("stored c"));
        assert_eq!(view.get(Kind::Team, "c").await.unwrap(), None);
        assert_eq!((view.declares(Kind::Key, "a"), view.declares(Kind::Key, "c")), (false, true));
        let every = Filter::default();
        assert_eq!(ids(&view.all(Kind::Key, &every).await.unwrap()), ["a", "b", "c"]);
        assert_eq!(view.count(Kind::Key, &every).await.unwrap(), 3);
        let of_team = Filter { team_id: Some("t"), ..Filter::default() };
        assert_eq!(ids(&view.list(Kind::Key, &of_team, Page::ALL).await.unwrap()), ["a", "c"]);
        let named = Filter { alias: Some("stored c"), ..Filter::default() };
        assert_eq!(view.count(Kind::Key, &named).await.unwrap(), 0, "it is hidden");
        let wanted = ["b".to_owned(), "x".to_owned()];
        let some = Filter { ids: Some(&wanted), ..Filter::default() };
        assert_eq!(ids(&view.list(Kind::Key, &some, Page::ALL).await.unwrap()), ["b"]);
        let text = Filter { text: Some("decl"), ..Filter::default() };
        assert_eq!(view.count(Kind::Key, &text).await.unwrap(), 2);
        let nameless = Object { alias: None, ..object("n", "", None) };
        let view = View::new(view.stored().clone(), [nameless, object("b", "declared b", None)].map(Arc::new));
        let with_alias = Filter { has_alias: true, ..Filter::default() };
        assert_eq!(ids(&view.all(Kind::Key, &with_alias).await.unwrap()), ["a", "c", "b"]);
    }

    #[tokio::test]
    async fn every_page_has_its_part_once() {
        let folder = tempfile::tempdir().unwrap();
        let view = view(&folder).await;
        view.stored().commit(&[Change::Put(object("d", "stored d", None))], 0).await.unwrap();
        for size in 1..=5 {
            let mut found = Vec::new();
            for number in 1..=5 {
                let page = Page { order: Order::ById, ..Page::number(number, size) };
                found.extend(view.list(Kind::Key, &Filter::default(), page).await.unwrap());
            }
            assert_eq!(ids(&found), ["a", "d", "b", "c"], "{size}");
        }
    }
}
