//! What a key may do, whatever it has left: whether it is one still, which models it may call, by which routes.

use super::members::Models;

/// Whose rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Key,
    Team,
    TeamMember,
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

/// A group's name in `allowed_routes`, and whether a route of this pattern is in it.
type Group = (&'static str, fn(&str) -> bool);

/// LiteLLM's groups of routes.
const GROUPS: [Group; 5] = [
    ("llm_api_routes", |pattern| is_openai(pattern) || is_anthropic(pattern) || is_google(pattern)),
    ("openai_routes", is_openai),
    ("anthropic_routes", is_anthropic),
    ("google_routes", is_google),
    // Lists of models are information.
    ("info_routes", |pattern| pattern.starts_with("/v1/models") || pattern.starts_with("/health")),
];

fn is_openai(pattern: &str) -> bool {
    pattern.starts_with("/v1/") && !is_anthropic(pattern)
}

fn is_anthropic(pattern: &str) -> bool {
    pattern.starts_with("/v1/messages")
}

fn is_google(pattern: &str) -> bool {
    pattern.starts_with("/v1beta/")
}

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

    /// Whether it may call the route of this pattern, which was asked for by this path. An entry may name either.
    ///
    /// # Errors
    /// [`Denied::Route`].
    pub fn may_ask(&self, pattern: &str, path: &str) -> Result<(), Denied> {
        let is_allowed = self.routes.is_empty() || self.routes.iter().any(|entry| allows(entry, pattern, path));
        if is_allowed { Ok(()) } else { Err(Denied::Route) }
    }
}

/// Whether an entry of `allowed_routes` is about a route: its path or pattern, what stands above it, the beginning of one
/// with `*` at its end, or the name of one of LiteLLM's groups.
fn allows(entry: &str, pattern: &str, path: &str) -> bool {
    if let Some((_, holds)) = GROUPS.iter().find(|(name, _)| *name == entry) {
        return holds(pattern);
    }
    // Gemini's calls stand below the paths that list models: who may list may not therefore call.
    let is_called_below = pattern.contains(':') && !entry.contains(':') && !entry.starts_with("/v1beta");
    let asked = if is_called_below { pattern } else { path };
    [asked, pattern].into_iter().any(|route| match entry.strip_suffix('*') {
        Some(beginning) => route.starts_with(beginning),
        None if entry.is_empty() => false,
        None => route.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    })
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
        let ask = |entries: &[&str], pattern: &str, path: &str, allowed: bool| {
            let routes = entries.iter().map(|entry| (*entry).to_owned()).collect();
            let found = Access { routes, ..Access::default() }.may_ask(pattern, path).is_ok();
            assert_eq!(found, allowed, "{entries:?} {pattern} {path}");
        };
        let check = |entries: &[&str], route: &str, allowed: bool| ask(entries, route, route, allowed);
        check(&[], "/v1/embeddings", true);
        check(&["llm_api_routes"], "/v1/embeddings", true);
        check(&["/v1/embeddings"], "/v1/embeddings", true);
        check(&["/v1/embeddings"], "/v1/chat/completions", false);
        check(&["/v1/*"], "/v1/chat/completions", true);
        check(&["management_routes"], "/v1/chat/completions", false);
        check(&["", "/"], "/v1/chat/completions", false);
        check(&["info_routes"], "/v1/models", true);
        check(&["info_routes"], "/v1/chat/completions", false);
        check(&["anthropic_routes"], "/v1/messages/count_tokens", true);
        check(&["anthropic_routes"], "/v1/chat/completions", false);
        check(&["google_routes"], "/v1beta/models/{model_name}:generateContent", true);
        check(&["google_routes"], "/v1/messages", false);
        check(&["openai_routes"], "/v1/responses/{response_id}", true);
        check(&["openai_routes"], "/v1/messages", false);
        check(&["openai_routes"], "/v1beta/models/{model_name}:generateContent", false);
        for group in ["/v1/messages", "/v1beta/models/{model_name}:countTokens", "/v1/embeddings"] {
            check(&["llm_api_routes"], group, true);
        }
        check(&["llm_api_routes"], "/metrics", false);
        let chat = "/v1/chat/completions";
        ask(&["/chat/completions"], chat, "/chat/completions", true);
        ask(&["/v1/chat/completions"], chat, "/chat/completions", true);
        ask(&["/engines/gpt-4o/chat/completions"], chat, "/engines/gpt-4o/chat/completions", true);
        ask(&["/engines/gpt-4o/chat/completions"], chat, "/engines/gpt-5/chat/completions", false);
        ask(&["/openai/deployments/*"], chat, "/openai/deployments/gpt-4o/chat/completions", true);
        ask(&["/chat/completions"], "/v1/embeddings", "/embeddings", false);
        ask(&["/openai"], chat, "/openai/deployments/gpt-4o/chat/completions", true);
        ask(&["/open"], chat, "/openai/deployments/gpt-4o/chat/completions", false);
        ask(&["/v1/responses"], "/v1/responses/{response_id}", "/responses/resp_1", true);
        let gemini = "/v1beta/models/{model_name}:generateContent";
        for entry in ["/v1/models", "/models", "/v1/models/*", "/v1/*"] {
            let path = "/v1/models/gpt-4o:generateContent";
            ask(&[entry], gemini, path, false);
            ask(&[entry, "/v1/models/gpt-4o:generateContent"], gemini, path, true);
        }
        ask(&["/v1beta/models/*"], gemini, "/v1beta/models/gpt-4o:generateContent", true);
        ask(&["*"], gemini, "/v1/models/gpt-4o:generateContent", true);
    }
}
