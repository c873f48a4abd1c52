//! Many objects by their ids.

use super::control::Control;
use crate::error::Error;
use crate::store::objects::LONGEST_PAGE;
use crate::store::{Filter, Kind, Object};

/// The objects of these ids that are there, however many there are: a database takes only so many in one question.
///
/// # Errors
/// The store's.
pub async fn by_ids(control: &Control, kind: Kind, ids: &[String]) -> Result<Vec<Object>, Error> {
    let mut found = Vec::new();
    for ids in ids.chunks(LONGEST_PAGE as usize) {
        found.extend(control.store.all(kind, &Filter { ids: Some(ids), ..Filter::default() }).await?);
    }
    Ok(found)
}
