//! Whose calls a report tells of. It is asked at the one place where reports read, so that none forgets it.

use crate::admin::requester::Requester;
use crate::admin::rights::not_yours;
use crate::error::Error;
use crate::store::spend::query::{Dimension, LogFilter, UsageFilter};

/// Whose calls somebody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight(Option<(Dimension, Vec<String>)>);

impl Sight {
    /// Everybody's.
    pub const ALL: Sight = Sight(None);

    /// Those of these only. `None`: nobody is named, and a list of nobody would narrow nothing.
    pub fn only(dimension: Dimension, ids: Vec<String>) -> Option<Self> {
        let is_somebody = !ids.is_empty() && ids.iter().all(|id| !id.is_empty());
        is_somebody.then_some(Self(Some((dimension, ids))))
    }

    /// What this caller may see on their own account: everything, else what their user did, else what their key did.
    ///
    /// # Errors
    /// 403 for who has neither.
    pub fn own(requester: &Requester) -> Result<Self, Error> {
        if requester.sees_all() {
            return Ok(Self::ALL);
        }
        let of = |dimension, id: Option<&String>| Self::only(dimension, id.cloned().into_iter().collect());
        of(Dimension::User, requester.user_id.as_ref())
            .or_else(|| of(Dimension::Key, requester.key.as_ref()))
            .ok_or_else(|| not_yours("Only a user or a key has spend of its own."))
    }

    /// Sums, of what is seen of them.
    pub fn of_usage<'a>(&'a self, filter: &UsageFilter<'a>) -> UsageFilter<'a> {
        let mut filter = filter.clone();
        filter.only.extend(self.0.as_ref().map(|(dimension, ids)| (*dimension, ids.as_slice())));
        filter
    }

    /// Calls, of what is seen of them; `None`: nothing.
    pub fn of_calls<'a>(&'a self, filter: &LogFilter<'a>) -> Option<LogFilter<'a>> {
        let mut filter = *filter;
        let Some((dimension, ids)) = &self.0 else { return Some(filter) };
        let asked = match dimension {
            Dimension::User => &mut filter.user_id,
            Dimension::Key => &mut filter.api_key,
            Dimension::Team => &mut filter.team_id,
            _ => return None,
        };
        // One of several has to be named: a filter holds one.
        let seen = match (*asked, ids.as_slice()) {
            (None, [only]) => Some(only.as_str()),
            (None, _) => None,
            (Some(asked), ids) => ids.iter().map(String::as_str).find(|id| *id == asked),
        };
        *asked = Some(seen?);
        Some(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;

    fn requester(role: Role, user_id: Option<&str>, key: Option<&str>) -> Requester {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Requester { role, user_id: text(user_id), is_master: false, ..Requester::master(text(key)) }
    }

    #[test]
    fn nobody_sees_others() {
        let own = |role, user_id, key| Sight::own(&requester(role, user_id, key)).ok();
        assert_eq!(own(Role::ProxyAdminViewer, Some("ann"), Some("07")), Some(Sight::ALL));
        let of = |dimension, id: &str| Sight::only(dimension, vec![id.to_owned()]);
        for role in [Role::InternalUser, Role::InternalUserViewer, Role::OrgAdmin, Role::Team] {
            assert_eq!(own(role, Some("ann"), Some("07")), of(Dimension::User, "ann"), "{role:?}");
            assert_eq!(own(role, None, Some("07")), of(Dimension::Key, "07"), "{role:?}");
            assert_eq!(own(role, Some(""), Some("07")), of(Dimension::Key, "07"), "{role:?}");
            assert_eq!(own(role, Some(""), None), None, "{role:?}");
        }
        assert_eq!(Sight::only(Dimension::Team, Vec::new()), None);
    }

    #[test]
    fn what_is_asked_is_narrowed() {
        let ann = Sight::only(Dimension::User, vec!["ann".to_owned()]).unwrap();
        let asked = |user_id| ann.of_calls(&LogFilter { user_id, ..LogFilter::default() });
        assert_eq!(asked(None).unwrap().user_id, Some("ann"));
        assert_eq!(asked(Some("ann")).unwrap().user_id, Some("ann"));
        assert!(asked(Some("ben")).is_none() && asked(Some("")).is_none());
        let ben = ["ben".to_owned()];
        let filter = UsageFilter { only: vec![(Dimension::User, &ben)], ..UsageFilter::default() };
        assert_eq!(ann.of_usage(&filter).only.len(), 2, "both hold");
        let teams = Sight::only(Dimension::Team, vec!["a".to_owned(), "b".to_owned()]).unwrap();
        assert!(teams.of_calls(&LogFilter::default()).is_none());
        let one = LogFilter { team_id: Some("b"), ..LogFilter::default() };
        assert_eq!(teams.of_calls(&one).unwrap().team_id, Some("b"));
        assert!(Sight::ALL.of_calls(&LogFilter::default()).unwrap().user_id.is_none());
    }
}
