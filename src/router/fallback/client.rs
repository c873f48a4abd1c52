//! The lists that a client brings with its request: LiteLLM's body parameters of the same names.
//!
//! `["b", {"model": "c", "temperature": 0}]` is for whatever model is asked for; `[{"a": ["b"]}]` is the form of the
//! configuration.

use serde_json::{Map, Value};

use super::{ByModel, Fallback, FallbackLists};

/// Models in one list; a longer one is cut. No more hops are made anyway.
const LIST_LIMIT: usize = 32;

/// What the client said, as JSON; `None`: nothing of that kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// `fallbacks`.
    pub general: Option<&'a [u8]>,
    /// `context_window_fallbacks`.
    pub context_window: Option<&'a [u8]>,
    /// `content_policy_fallbacks`.
    pub content_policy: Option<&'a [u8]>,
}

impl Said<'_> {
    /// Whether it said nothing.
    pub fn is_empty(&self) -> bool {
        self.general.is_none() && self.context_window.is_none() && self.content_policy.is_none()
    }

    /// The configured lists with the client's in their place.
    ///
    /// # Errors
    /// The name of the parameter that is no list of models.
    pub fn over(&self, configured: &FallbackLists) -> Result<FallbackLists, &'static str> {
        let mut lists = configured.clone();
        let said = [
            ("fallbacks", self.general, &mut lists.general),
            ("context_window_fallbacks", self.context_window, &mut lists.context_window),
            ("content_policy_fallbacks", self.content_policy, &mut lists.content_policy),
        ];
        for (name, json, list) in said {
            if let Some(json) = json {
                *list = read(json).ok_or(name)?;
            }
        }
        Ok(lists)
    }
}

impl FallbackLists {
    /// The models that this list names and `other` does not.
    pub fn models_beside<'a>(&'a self, other: &'a FallbackLists) -> impl Iterator<Item = &'a str> {
        let pairs = [
            (&self.general, &other.general),
            (&self.context_window, &other.context_window),
            (&self.content_policy, &other.content_policy),
        ];
        let changed = pairs.into_iter().filter(|(own, others)| own != others);
        changed.flat_map(|(own, _)| own.values().flatten()).map(|fallback| fallback.model.as_str())
    }
}

fn read(json: &[u8]) -> Option<ByModel> {
    let mut by_model = ByModel::new();
    let items = match serde_json::from_slice(json).ok()? {
        Value::Array(items) => items,
        map @ Value::Object(_) => vec![map],
        _ => return None,
    };
    for item in items.into_iter().take(LIST_LIMIT) {
        match item {
            Value::String(model) => by_model.entry("*".to_owned()).or_default().push(Fallback::to(model)),
            Value::Object(mut map) => match map.remove("model") {
                Some(Value::String(model)) => {
                    by_model.entry("*".to_owned()).or_default().push(Fallback { model, params: map });
                }
                Some(_) => return None,
                None => absorb(&mut by_model, map)?,
            },
            _ => return None,
        }
    }
    Some(by_model)
}

fn absorb(by_model: &mut ByModel, map: Map<String, Value>) -> Option<()> {
    for (model, list) in map {
        let Value::Array(list) = list else { return None };
        let fallbacks = list.into_iter().take(LIST_LIMIT).map(|item| match item {
            Value::String(model) => Some(Fallback::to(model)),
            Value::Object(mut params) => match params.remove("model") {
                Some(Value::String(model)) => Some(Fallback { model, params }),
                _ => None,
            },
            _ => None,
        });
        by_model.insert(model, fallbacks.collect::<Option<_>>()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::*;
    use crate::error::Kind;

    fn after(general: &str, model: &str) -> Option<Vec<String>> {
        let said = Said { general: Some(general.as_bytes()), ..Said::default() };
        let lists = said.over(&FallbackLists::default()).ok()?;
        let fallbacks = lists.after(Asked { model, group: model }, Kind::Timeout);
        Some(fallbacks.map(|fallback| fallback.model.clone()).collect())
    }

    fn check(general: &str, model: &str, expected: &[&str]) {
        assert_eq!(
            after(general, model).as_deref(),
            Some(expected.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).as_deref()
        );
    }

    #[test]
    fn both_forms_are_read() {
        check(r#"["b", {"model": "c", "temperature": 0}]"#, "a", &["b", "c"]);
        check(r#"[{"a": ["b", {"model": "c"}]}]"#, "a", &["b", "c"]);
        check(r#"{"a": ["b"]}"#, "a", &["b"]);
        check(r#"[{"a": ["b"]}]"#, "x", &[]);
        check("[]", "a", &[]);
        for wrong in ["1", r#""b""#, "[1]", r#"[{"a": "b"}]"#, r#"[{"model": 1}]"#, r#"[{"a": [1]}]"#, "{", "null"] {
            assert_eq!(after(wrong, "a"), None, "{wrong}");
        }
    }

    #[test]
    fn what_a_client_adds_is_known() {
        let configured = FallbackLists {
            general: ByModel::from([("a".to_owned(), vec![Fallback::to("b")])]),
            context_window: ByModel::from([("a".to_owned(), vec![Fallback::to("large")])]),
            ..FallbackLists::default()
        };
        let said = Said { general: Some(br#"["c"]"#), ..Said::default() };
        let lists = said.over(&configured).unwrap();
        assert_eq!(lists.models_beside(&configured).collect::<Vec<_>>(), ["c"]);
        assert_eq!(lists.context_window, configured.context_window);
    }
}
