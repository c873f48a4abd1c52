//! What was spent, as this node counts it and as the store remembers it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::Control;
use crate::error::{Compat, Error};
use crate::limiter;
use crate::pricing::Money;
use crate::store::{KEY_TOTAL, Kind, Object};

impl Control {
    /// What each of these has spent in its window, as whoever has heard of more says: the desk counts this node's calls
    /// when they happen, the store those of all nodes a moment later.
    ///
    /// # Errors
    /// [`crate::error::Management::StoreAway`].
    pub async fn spent(&self, scope: limiter::Kind, ids: &[&str]) -> Result<Vec<Money>, Error> {
        let names: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let stored: HashMap<String, i64> = self.store.spent(scope.as_str(), &names, self.now() / 1_000).await?;
        let of = |id: &&str| {
            let stored = Money::from_pico(stored.get(*id).copied().unwrap_or_default().max(0));
            self.desk.spent(scope, id).map_or(stored, |live| live.max(stored))
        };
        Ok(ids.iter().map(of).collect())
    }

    /// What each of these keys has spent over all windows, where the release shows it. The store alone remembers it.
    async fn totals(&self, scope: limiter::Kind, ids: &[&str]) -> Result<HashMap<String, i64>, Error> {
        if scope != limiter::Kind::Key || self.settings.compat == Compat::V1_80 {
            return Ok(HashMap::new());
        }
        let names: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        Ok(self.store.spent(KEY_TOTAL, &names, self.now() / 1_000).await?)
    }

    /// Objects of one kind as they are shown, with `spend` if their kind has a budget, and `total_spend` of keys.
    ///
    /// # Errors
    /// [`crate::error::Management::StoreAway`].
    pub async fn shown_with_spend(&self, objects: &[Object]) -> Result<Vec<Map<String, Value>>, Error> {
        let mut shown: Vec<Map<String, Value>> = objects.iter().map(|object| self.shown(object)).collect();
        let Some(scope) = objects.first().and_then(|object| scope_of(object.kind)) else { return Ok(shown) };
        let ids: Vec<&str> = objects.iter().map(|object| object.id.as_str()).collect();
        let totals = self.totals(scope, &ids).await?;
        for ((row, id), spent) in shown.iter_mut().zip(&ids).zip(self.spent(scope, &ids).await?) {
            row.insert("spend".to_owned(), json!(spent.dollars()));
            if scope == limiter::Kind::Key {
                // Of this window nobody has heard of less than of all.
                let total = Money::from_pico(totals.get(*id).copied().unwrap_or_default()).max(spent);
                row.insert("total_spend".to_owned(), json!(total.dollars()));
            }
        }
        Ok(shown)
    }
}

/// Under what the limiter counts the spend of a kind of objects.
fn scope_of(kind: Kind) -> Option<limiter::Kind> {
    match kind {
        Kind::Key => Some(limiter::Kind::Key),
        Kind::User => Some(limiter::Kind::User),
        Kind::Team => Some(limiter::Kind::Team),
        Kind::TeamMember => Some(limiter::Kind::TeamMember),
        Kind::Organization => Some(limiter::Kind::Organization),
        Kind::Project => Some(limiter::Kind::Project),
        Kind::Customer => Some(limiter::Kind::Customer),
        Kind::Tag => Some(limiter::Kind::Tag),
        Kind::OrganizationMember
        | Kind::Budget
        | Kind::Model
        | Kind::Credential
        | Kind::AccessGroup
        | Kind::Setting => None,
    }
}
