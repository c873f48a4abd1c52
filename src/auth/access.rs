//! What a key may do, whatever it has left: whether it is one still, which models it may call, by which routes.

use super::members::Models;

/// Whose rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Key,
    Team,
    User,
    Organization,
    Project,
    Customer,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Blocked: the key itself, its team …
    Blocked(Level),
    /// The key's time is over since this moment (milliseconds since 1970).
    Expired(i64),
    /// The model is not among those of this level.
    Model(Level),
    /// The key is for other routes.
    Route,
}

/// The rules of a key and of whom it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Who is blocked, if anybody is.
    pub blocked: Option<Level>,
    /// Milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Each level's models; all must allow a model.
    pub models: Vec<(Level, Models)>,
    /// Routes and groups of routes; none is all.
    pub routes: Vec<String>,
}

/// Names of groups of routes in `allowed_routes`.
const LLM_ROUTES: [&str; 2] = ["llm_api_routes", "openai_routes"];
const INFO_ROUTES: &str = "info_routes";

impl Access {
    /// Whether the key is one at this time (milliseconds since 1970).
    ///
    /// # Errors
    /// [`Denied::Blocked`], [`Denied::Expired`].
    pub fn holds(&self, now: i64) -> Result<(), Denied> {
        if let Some(level) = self.blocked {
            return Err(Denied::Blocked(level));
        }
        match self.expires_at {
            Some(end) if end <= now => Err(Denied::Expired(end)),
            _ => Ok(()),
        }
    }

    /// Whether it may call a model of this name, which is in these access groups: a level that names one of them allows
    /// the model.
    ///
    /// # Errors
    /// [`Denied::Model`] with the first level that does not allow it.
    pub fn may_call(&self, model: &str, groups: &[String]) -> Result<(), Denied> {
        match self.models.iter().find(|(_, models)| !models.admit(model, groups)) {
            Some((level, _)) => Err(Denied::Model(*level)),
            None => Ok(()),
        }
    }

    /// Whether it may ask models anything, by the route of this pattern.
    ///
    /// # Errors
    /// [`Denied::Route`].
    pub fn may_ask(&self, route: &str) -> Result<(), Denied> {
        let fits = |entry: &str| {
            LLM_ROUTES.contains(&entry)
                || entry == route
                || entry.strip_suffix('*').is_some_and(|prefix| route.starts_with(prefix))
        };
        if self.routes.is_empty() || self.routes.iter().any(|entry| fits(entry)) {
            return Ok(());
        }
        // Lists of models are information.
        let informs = route.starts_with("/v1/models") && self.routes.iter().any(|entry| entry == INFO_ROUTES);
        if informs { Ok(()) } else { Err(Denied::Route) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(names: &[&str]) -> Models {
        Models(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn blocked_before_expired() {
        let access = Access { expires_at: Some(10), ..Access::default() };
        assert_eq!((access.holds(9), access.holds(10)), (Ok(()), Err(Denied::Expired(10))));
        let blocked = Access { blocked: Some(Level::Team), ..access };
        assert_eq!(blocked.holds(9), Err(Denied::Blocked(Level::Team)));
    }

    #[test]
    fn all_levels_must_allow_a_model() {
        let levels = vec![(Level::Key, models(&["gpt-*", "claude"])), (Level::Team, models(&["gpt-4o"]))];
        let access = Access { models: levels, ..Access::default() };
        assert_eq!(access.may_call("gpt-4o", &[]), Ok(()));
        assert_eq!(access.may_call("gpt-5", &[]), Err(Denied::Model(Level::Team)));
        assert_eq!(access.may_call("gemini", &[]), Err(Denied::Model(Level::Key)));
        let groups = ["claude".to_owned(), "x".to_owned()];
        assert_eq!(access.may_call("gemini", &groups), Err(Denied::Model(Level::Team)), "each level for itself");
    }

    #[test]
    fn routes_are_allowed_by_name_group_and_prefix() {
        let check = |entries: &[&str], route: &str, allowed: bool| {
            let routes = entries.iter().map(|entry| (*entry).to_owned()).collect();
            assert_eq!(Access { routes, ..Access::default() }.may_ask(route).is_ok(), allowed, "{entries:?} {route}");
        };
        check(&[], "/v1/embeddings", true);
        check(&["llm_api_routes"], "/v1/embeddings", true);
        check(&["/v1/embeddings"], "/v1/embeddings", true);
        check(&["/v1/embeddings"], "/v1/chat/completions", false);
        check(&["/v1/*"], "/v1/chat/completions", true);
        check(&["management_routes"], "/v1/chat/completions", false);
        check(&["info_routes"], "/v1/models", true);
        check(&["info_routes"], "/v1/chat/completions", false);
    }
}
