//! End users whom the calls of a key are the first to name, and the budget that the key has for them (`end_user_budget_id`).
//!
//! As with LiteLLM they are entered with it, and keep it whoever calls for them later; who is entered already keeps what they
//! have. Only such a key enters anybody: all others leave unknown end users unknown.

use serde_json::{Map, json};

use super::live::Live;
use crate::clock::unix_millis;
use crate::store::database::STORE_WAIT;
use crate::store::{Change, Failure, Kind, Object, Store};

impl Live {
    /// Whether an end user is entered, as far as is known here.
    pub fn is_entered(&self, end_user: &str) -> bool {
        self.object(Kind::Customer, end_user).is_some()
    }

    /// Enters an end user with this budget, unless they are entered, or there is no such budget. Nobody waits longer than
    /// [`STORE_WAIT`].
    ///
    /// # Errors
    /// [`Failure`]: the store cannot tell, or takes nothing. Then nobody knows what limits them.
    pub async fn enter(&self, end_user: &str, budget_id: &str) -> Result<(), Failure> {
        let Some(store) = &self.store else { return Ok(()) };
        let late = |_| Err(Failure::Unavailable("no answer in time".to_owned()));
        tokio::time::timeout(STORE_WAIT, self.enter_in(store, end_user, budget_id)).await.unwrap_or_else(late)
    }

    async fn enter_in(&self, store: &Store, end_user: &str, budget_id: &str) -> Result<(), Failure> {
        if !self.learn(store, Kind::Budget, budget_id).await? || self.learn(store, Kind::Customer, end_user).await? {
            return Ok(());
        }
        let closed = |_| Failure::Unavailable("closed".to_owned());
        let _permit = self.entries.acquire().await.map_err(closed)?;
        let doc = Map::from_iter(
            [("user_id", end_user), ("budget_id", budget_id)].map(|(name, value)| (name.to_owned(), json!(value))),
        );
        let entered = [Change::Put(Object::new(Kind::Customer, end_user, doc))];
        let now = unix_millis();
        match store.commit(&entered, now).await {
            // Somebody was faster: they have what they were entered with.
            Ok(()) | Err(Failure::Exists) => self.changed(&[(Kind::Customer, end_user.to_owned())], now / 1_000).await,
            Err(failure) => Err(failure),
        }
    }

    /// Whether there is such an object; the store is asked once.
    async fn learn(&self, store: &Store, kind: Kind, id: &str) -> Result<bool, Failure> {
        if !self.is_known(&(kind, id.to_owned())) {
            self.refresh(store, kind, id.to_owned()).await?;
        }
        Ok(self.object(kind, id).is_some())
    }
}
