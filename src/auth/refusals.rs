//! How a key is refused, in LiteLLM's words: clients and tests look for them.

use jiff::Timestamp;

use super::access::{Denied, Level};
use super::digest::KeyDigest;
use crate::error::{Compat, Error, Kind};

/// How each key begins that LiteLLM has made; the master key need not.
pub const KEY_PREFIX: &str = "sk-";

/// Nothing was presented.
pub fn no_key() -> Error {
    // The string "None" is what LiteLLM sends.
    Error::new(Kind::NoKey, "Authentication Error, No api key passed in.").param("None")
}

/// What was presented is no key.
pub fn malformed_key() -> Error {
    let text = "LiteLLM Virtual Key expected. Received=****, expected to start with 'sk-'.";
    Error::new(Kind::MalformedKey, text).param("None")
}

/// Nobody has this key. Where there are no keys at all, LiteLLM answers that it has no database to look it up in.
pub fn unknown_key(digest: KeyDigest, has_keys: bool) -> Error {
    let detail = format!("unknown key {}", digest.prefix());
    if !has_keys {
        return Error::new(Kind::NoDatabase, "No connected db.").detail(detail);
    }
    let text = format!(
        "Authentication Error, Invalid proxy server token passed. Received API Key = sk-..., Key Hash (Token) \
         ={digest}. Unable to find token in cache or `LiteLLM_VerificationTokenTable`"
    );
    Error::new(Kind::UnknownKey, text).param("key").detail(detail)
}

/// The key may not do this; `now` in milliseconds since 1970. `models` are those of the level that denies a model.
pub fn denied(denied: Denied, compat: Compat, now: i64, asked: &str, models: &[String]) -> Error {
    match denied {
        Denied::Blocked(level) => blocked(level),
        Denied::Expired(end) => {
            let text = format!(
                "Authentication Error - Expired Key. Key Expiry time {} and current time {}",
                moment(end),
                moment(now)
            );
            Error::new(Kind::KeyExpired, text).param("None")
        }
        Denied::Route => {
            let text = format!(
                "Virtual key is not allowed to call this route. Only allowed to call routes: {}. Tried to call route: \
                 {asked}",
                list(models)
            );
            Error::new(Kind::RouteNotAllowed, text).param("None")
        }
        Denied::Model(level) => model(level, compat, asked, models),
    }
}

fn blocked(level: Level) -> Error {
    let text = match level {
        Level::Key => "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.",
        Level::Team => "Authentication Error, Team is blocked. Update via `/team/unblock` if you're an admin.",
        _ => "Authentication Error, The owner of this key is blocked.",
    };
    Error::new(Kind::KeyBlocked, text).param("None")
}

fn model(level: Level, compat: Compat, asked: &str, models: &[String]) -> Error {
    let (kind, name) = match level {
        Level::Key => (Kind::ModelNotAllowed, "key"),
        Level::Team => (Kind::ModelNotAllowedForTeam, "team"),
        Level::TeamMember => (Kind::ModelNotAllowedForTeam, "team member"),
        Level::User => (Kind::ModelNotAllowedForUser, "user"),
        Level::Organization => (Kind::ModelNotAllowedForOrganization, "organization"),
        Level::Project => (Kind::ModelNotAllowedForProject, "project"),
        Level::Customer => (Kind::ModelNotAllowedForCustomer, "customer"),
    };
    let text = match compat {
        Compat::V1_80 => format!(
            "{name} not allowed to access model. This {name} can only access models={}. Tried to access {asked}",
            list(models)
        ),
        Compat::V1_106 => format!(
            "The requested model '{asked}' is not available for this API key, or the model name is invalid. Check the \
             models available to you and try again. ({name} not allowed to access model)"
        ),
    };
    Error::new(kind, text).param("model")
}

/// As Python prints a list of texts.
fn list(models: &[String]) -> String {
    let names: Vec<String> = models.iter().map(|model| format!("'{model}'")).collect();
    format!("[{}]", names.join(", "))
}

fn moment(millis: i64) -> String {
    let moment = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    moment.strftime("%Y-%m-%d %H:%M:%S+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_litellms() {
        let said = |level, compat| denied(Denied::Model(level), compat, 0, "claude", &["gpt-4o".to_owned()]);
        let old = said(Level::Key, Compat::V1_80);
        assert_eq!(
            old.message,
            "key not allowed to access model. This key can only access models=['gpt-4o']. Tried to access claude"
        );
        assert_eq!(said(Level::Team, Compat::V1_106).kind, Kind::ModelNotAllowedForTeam);
        let new = said(Level::Key, Compat::V1_106).message;
        assert!(new.starts_with("The requested model 'claude' is not available for this API key"), "{new}");
        assert!(new.contains("key not allowed to access model"), "{new}");
        let expired = denied(Denied::Expired(0), Compat::V1_106, 1_000, "", &[]).message;
        assert_eq!(
            expired,
            "Authentication Error - Expired Key. Key Expiry time 1970-01-01 00:00:00+00:00 and current time \
             1970-01-01 00:00:01+00:00"
        );
        let digest = KeyDigest::of("sk-1");
        assert_eq!(unknown_key(digest, false).kind, Kind::NoDatabase);
        assert!(unknown_key(digest, true).message.contains(&digest.to_string()));
    }
}
