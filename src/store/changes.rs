//! What other nodes have changed.

use sqlx::Row;

use super::database::Store;
use super::failure::Failure;
use super::objects::Kind;
use super::statement::Statement;

/// Changes that are read at once.
const MOST: i64 = 1_000;

/// What was changed since somebody looked last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// These objects, and the number to ask with next time.
    Of(Vec<(Kind, String)>, i64),
    /// More than is remembered: everything must be read anew. With the number to ask with next time.
    TooMany(i64),
}

impl Store {
    /// The number of the last change.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn last_change(&self) -> Result<i64, Failure> {
        let row =
            self.in_time(sqlx::query("SELECT COALESCE(MAX(seq), 0) FROM changes").fetch_one(&self.pool())).await?;
        Ok(row.try_get(0)?)
    }

    /// What was changed behind this number.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn news(&self, after: i64) -> Result<News, Failure> {
        let mut query = Statement::new("SELECT seq, kind, id FROM changes WHERE seq > ");
        query.bind(after).push(" ORDER BY seq LIMIT ").bind(MOST);
        let rows = self.in_time(query.rows(&self.pool())).await?;
        let mut seen = after;
        let mut changed = Vec::with_capacity(rows.len());
        for row in &rows {
            let seq: i64 = row.try_get("seq")?;
            if seq != seen + 1 {
                return Ok(News::TooMany(self.last_change().await?));
            }
            seen = seq;
            let kind: String = row.try_get("kind")?;
            // A kind of a newer release is nothing that this one knows of.
            if let Some(kind) = Kind::named(&kind) {
                changed.push((kind, row.try_get("id")?));
            }
        }
        Ok(News::Of(changed, seen))
    }
}
