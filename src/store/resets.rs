//! What was spent is set by an administrator. Calls that have ended and are not in the database yet belong to what was
//! before: what they are going to add is taken off in advance.
//!
//! What was told of a limit that is crossed no longer is forgotten with it, whatever nodes have seen.
//!
//! Nobody else writes counters meanwhile, so there is one moment between what is in the database and what is on its way:
//! the one in which `counted` is asked, which sets the live counters and says what they were.

use std::collections::HashMap;

use sqlx::{AnyConnection, Row};

use super::alerts;
use super::counters::Counter;
use super::database::Store;
use super::failure::Failure;
use super::statement::Statement;
use crate::limiter::terms::TOKENS_A_DAY;

/// By id and name of the budget: spent, and the window's end in seconds since 1970.
type Stored = HashMap<(String, String), (i64, i64)>;

impl Store {
    /// Sets what is spent of one budget. `counted` is asked once, when the database's word stands still: what this node
    /// has counted of it, and in which window (`resets_at`; 0: never ends). `None`: it counts nothing of it.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]; then nothing was written, though `counted` may have been asked.
    pub async fn set_spent(
        &self,
        (scope, id, budget): (&str, &str, &str),
        spent: i64,
        counted: impl FnOnce() -> Option<Counter> + Send,
    ) -> Result<(), Failure> {
        let work = async {
            let mut transaction = self.pool().begin().await?;
            self.hold_counters(&mut transaction, scope, Some(id)).await?;
            let stored = stored(&mut transaction, scope, Some(id)).await?;
            let known = stored.get(&(id.to_owned(), budget.to_owned())).copied();
            let counter = match counted() {
                Some(counted) => after(counted, known, spent),
                None => Counter {
                    scope: scope.to_owned(),
                    id: id.to_owned(),
                    budget: budget.to_owned(),
                    spent,
                    resets_at: known.map_or(0, |(_, resets_at)| resets_at),
                },
            };
            write(&mut transaction, counter).await?;
            alerts::forget_uncrossed(&mut transaction, (scope, id, budget), spent).await?;
            transaction.commit().await
        };
        self.in_time(work).await
    }

    /// Sets all money that is spent of one kind of scopes to nothing; windows stay, and so do tokens a day. `counted` is asked once, as with
    /// [`Store::set_spent`], for all counters that this node has.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]; then nothing was written, though `counted` may have been asked.
    pub async fn reset_all_spent(
        &self,
        scope: &str,
        counted: impl FnOnce() -> Vec<Counter> + Send,
    ) -> Result<(), Failure> {
        let work = async {
            let mut transaction = self.pool().begin().await?;
            self.hold_counters(&mut transaction, scope, None).await?;
            let stored = stored(&mut transaction, scope, None).await?;
            let counted = counted();
            let mut query = Statement::new("UPDATE spend_counters SET spent = 0 WHERE scope = ");
            query.bind(scope.to_owned()).push(" AND budget <> ").bind(TOKENS_A_DAY.to_owned());
            query.execute(&mut *transaction).await?;
            for counted in counted {
                let known = stored.get(&(counted.id.clone(), counted.budget.clone())).copied();
                let counter = after(counted, known, 0);
                if counter.spent != 0 {
                    write(&mut transaction, counter).await?;
                }
            }
            alerts::forget_all(&mut transaction, scope).await?;
            transaction.commit().await
        };
        self.in_time(work).await
    }

    /// Lets nobody else write counters until the transaction ends.
    async fn hold_counters(
        &self,
        connection: &mut AnyConnection,
        scope: &str,
        id: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        if self.is_shared() {
            // The whole table: who holds rows of it while he waits for others would be waited for in turn.
            let lock = "LOCK TABLE spend_counters IN SHARE ROW EXCLUSIVE MODE";
            return sqlx::query(lock).execute(connection).await.map(|_| ());
        }
        // To SQLite who writes anything is the only one who writes.
        let mut query = Statement::new("UPDATE spend_counters SET spent = spent WHERE scope = ");
        query.bind(scope.to_owned()).push(" AND id = ").bind(id.unwrap_or_default().to_owned());
        query.execute(connection).await.map(|_| ())
    }
}

/// What the database is to say, so that with what is on its way it will be `spent`.
fn after(counted: Counter, stored: Option<(i64, i64)>, spent: i64) -> Counter {
    let (before, resets_at) = stored.unwrap_or((0, counted.resets_at));
    if resets_at > counted.resets_at && counted.resets_at != 0 {
        // Others are in a newer window: what is on its way from here adds nothing to it.
        return Counter { spent, resets_at, ..counted };
    }
    // Of an older window nothing counts. A counter without a window takes part in the one that begins.
    let is_of_now = resets_at == counted.resets_at || resets_at == 0 || counted.resets_at == 0;
    let before = if is_of_now { before } else { 0 };
    let on_its_way = counted.spent.saturating_sub(before).max(0);
    Counter { spent: spent.saturating_sub(on_its_way), resets_at: counted.resets_at.max(resets_at), ..counted }
}

async fn stored(connection: &mut AnyConnection, scope: &str, id: Option<&str>) -> Result<Stored, sqlx::Error> {
    let mut query = Statement::new("SELECT id, budget, spent, resets_at FROM spend_counters WHERE scope = ");
    query.bind(scope.to_owned());
    if let Some(id) = id {
        query.push(" AND id = ").bind(id.to_owned());
    }
    let rows = query.rows(connection).await?;
    let found = rows.iter().map(|row| {
        let key = (row.try_get("id")?, row.try_get("budget")?);
        Ok((key, (row.try_get("spent")?, row.try_get("resets_at")?)))
    });
    found.collect()
}

pub(super) async fn write(connection: &mut AnyConnection, counter: Counter) -> Result<(), sqlx::Error> {
    let mut query = Statement::new("INSERT INTO spend_counters (scope, id, budget, spent, resets_at) VALUES (");
    query.bind_list([counter.scope, counter.id, counter.budget]).push(", ");
    query.bind_list([counter.spent, counter.resets_at]);
    query
        .push(") ON CONFLICT (scope, id, budget) DO UPDATE SET spent = excluded.spent, resets_at = excluded.resets_at");
    query.execute(connection).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_is_taken_off_in_advance() {
        let check = |(counted, window): (i64, i64), stored: Option<(i64, i64)>, to: i64, expected: (i64, i64)| {
            let counter = Counter {
                scope: "key".to_owned(),
                id: "k".to_owned(),
                budget: String::new(),
                spent: counted,
                resets_at: window,
            };
            let after = after(counter, stored, to);
            assert_eq!((after.spent, after.resets_at), expected, "{counted} {stored:?} {to}");
        };
        check((5, 0), Some((5, 0)), 0, (0, 0));
        check((5, 0), Some((3, 0)), 0, (-2, 0));
        check((5, 0), Some((3, 0)), 4, (2, 0));
        check((5, 0), None, 1, (-4, 0));
        // Other nodes have spent what was not heard of here.
        check((5, 0), Some((8, 0)), 0, (0, 0));
        check((5, 100), Some((3, 100)), 0, (-2, 100));
        // The database has not heard of this window, or this node not of that one.
        check((5, 100), Some((9, 50)), 0, (-5, 100));
        check((5, 100), Some((9, 200)), 1, (1, 200));
        check((5, 100), Some((3, 0)), 0, (-2, 100));
    }
}
