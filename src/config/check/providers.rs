//! `tollgate.providers`: providers that the table does not know, declared wholly in the file.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue, uri::PathAndQuery};
use serde_json::Map;

use crate::config::raw::keys;
use crate::config::raw::section::{Section, suggestion, text};
use crate::providers::custom::{self, CALLS, DIALECTS, Declared};
use crate::providers::{self, Call, Dialect, Endpoint, Provider};

/// The declared providers' rows.
pub(super) fn read(top: Section<'_>) -> Vec<&'static Provider> {
    let empty = Map::new();
    let tollgate = Section::new("tollgate", top.mapping("tollgate").unwrap_or(&empty), top.problems());
    let mut names = HashSet::new();
    tollgate.each("providers", |entry| {
        let declared = declared(entry)?;
        if !names.insert(declared.name.clone()) {
            entry.error("name", "is declared twice");
            return None;
        }
        Some(custom::row(&declared))
    })
}

fn declared(entry: Section<'_>) -> Option<Declared> {
    entry.check_keys(&keys::PROVIDER);
    let Some(name) = entry.text("name").filter(|name| !name.is_empty() && !name.contains('/')) else {
        entry.error("name", "is missing, or holds a slash");
        return None;
    };
    if providers::by_name(&name).is_some() {
        entry.warning("name", "is a provider of the table too; the declared one is taken");
    }
    let base_url = entry.text("base_url");
    if let Some(Err(error)) = base_url.as_deref().map(Endpoint::parse) {
        entry.error("base_url", error.to_string());
    }
    let auth_header = entry.text("auth_header").map(|header| header.to_ascii_lowercase());
    if auth_header.as_ref().is_some_and(|header| HeaderName::from_bytes(header.as_bytes()).is_err()) {
        entry.error("auth_header", "cannot be a header's name");
        return None;
    }
    let auth_prefix = entry.text("auth_prefix");
    if auth_prefix.as_ref().is_some_and(|prefix| HeaderValue::from_str(prefix).is_err()) {
        entry.error("auth_prefix", "cannot stand in a header");
        return None;
    }
    Some(Declared {
        name,
        base_url,
        key_env: entry.text("key_env"),
        auth_header,
        auth_prefix,
        dialect: dialect(entry)?,
        paths: paths(entry),
        renames: renames(entry),
        responses: entry.flag("responses_api").unwrap_or(false),
        completions: entry.flag("completions_api").unwrap_or(false),
    })
}

fn dialect(entry: Section<'_>) -> Option<Dialect> {
    let Some(said) = entry.text("dialect") else { return Some(Dialect::OpenAi) };
    let found = DIALECTS.iter().find(|(name, _)| *name == said).map(|(_, dialect)| *dialect);
    if found.is_none() {
        let names = DIALECTS.iter().map(|(name, _)| *name);
        entry.error("dialect", format!("unknown dialect{}", suggestion(&said, names)));
    }
    found
}

fn paths(entry: Section<'_>) -> Vec<(Call, String)> {
    // `{model}` stands for the model.
    let is_path = |path: &String| path.starts_with('/') && path.replace(['{', '}'], "").parse::<PathAndQuery>().is_ok();
    let read = |paths: Section<'_>| {
        let said = paths.map().iter().filter_map(|(name, value)| {
            let call = CALLS.iter().find(|(known, _)| known == name).map(|(_, call)| *call);
            let path = text(value).filter(is_path);
            match (call, &path) {
                (None, _) => {
                    let names = CALLS.iter().map(|(name, _)| *name);
                    paths.error(name, format!("unknown call{}", suggestion(name, names)));
                }
                (_, None) => paths.error(name, "must be a path that begins with /"),
                _ => {}
            }
            Some((call?, path?))
        });
        said.collect()
    };
    entry.with("paths", read).unwrap_or_default()
}

fn renames(entry: Section<'_>) -> Vec<(String, String)> {
    let read = |renames: Section<'_>| {
        let said = renames.map().iter().filter_map(|(name, value)| {
            let theirs = value.as_str();
            if theirs.is_none() {
                renames.error(name, "expected the provider's name of it");
            }
            Some((name.clone(), theirs?.to_owned()))
        });
        said.collect()
    };
    entry.with("renames", read).unwrap_or_default()
}
