//! Which request is this? The one table of method and path to [`Route`], and who may call it.
//!
//! The path is matched byte for byte, as it stands in the request line: nothing is decoded, folded or normalised before
//! the match, so the path that is authorised is the path that is served. Only a model name *inside* a path is
//! percent-decoded, because clients encode the slash of `openai/gpt-4o`.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::providers::Operation;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A model is to answer; the name may stand in the path instead of the body.
    Inference { operation: Operation, model: Option<String> },
    /// The list of models.
    Models,
    /// One model by its name.
    Model(String),
    /// "I'm alive!", for process supervisors.
    Liveliness,
    /// Ready to take traffic, for load balancers.
    Readiness,
    /// Quick answer without a key, probes of every deployment with the master key.
    Health,
    /// Prometheus text format.
    Metrics,
    /// This table.
    Routes,
    /// The page at `/`.
    Landing,
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody who reaches the port.
    Public,
    /// Anybody with a valid key.
    Key,
    /// Anybody; a valid key gets more.
    Optional,
}

/// Why there is no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// The path is not served.
    UnknownPath,
    /// The path is served, by another method.
    OtherMethod,
}

/// The model's name stands in the body.
const fn asked_in_body(operation: Operation) -> Route {
    Route::Inference { operation, model: None }
}

/// The fixed paths. `GET` rows answer `HEAD` too.
const FIXED: &[(Method, &str, Route)] = &[
    (Method::POST, "/v1/chat/completions", asked_in_body(Operation::ChatCompletions)),
    (Method::POST, "/chat/completions", asked_in_body(Operation::ChatCompletions)),
    (Method::POST, "/v1/completions", asked_in_body(Operation::Completions)),
    (Method::POST, "/completions", asked_in_body(Operation::Completions)),
    (Method::POST, "/v1/embeddings", asked_in_body(Operation::Embeddings)),
    (Method::POST, "/embeddings", asked_in_body(Operation::Embeddings)),
    (Method::POST, "/v1/moderations", asked_in_body(Operation::Moderations)),
    (Method::POST, "/moderations", asked_in_body(Operation::Moderations)),
    (Method::GET, "/v1/models", Route::Models),
    (Method::POST, "/v1/models", Route::Models),
    (Method::GET, "/models", Route::Models),
    (Method::POST, "/models", Route::Models),
    (Method::GET, "/health/liveliness", Route::Liveliness),
    (Method::GET, "/health/liveness", Route::Liveliness),
    (Method::GET, "/health/readiness", Route::Readiness),
    (Method::GET, "/health", Route::Health),
    (Method::GET, "/metrics", Route::Metrics),
    (Method::GET, "/metrics/", Route::Metrics),
    (Method::GET, "/routes", Route::Routes),
    (Method::GET, "/", Route::Landing),
];

/// Paths with a model in them: prefix, suffix, operation.
const WITH_MODEL: &[(&str, &str, Operation)] = &[
    ("/engines/", "/chat/completions", Operation::ChatCompletions),
    ("/engines/", "/completions", Operation::Completions),
    ("/engines/", "/embeddings", Operation::Embeddings),
    ("/openai/deployments/", "/chat/completions", Operation::ChatCompletions),
    ("/openai/deployments/", "/completions", Operation::Completions),
    ("/openai/deployments/", "/embeddings", Operation::Embeddings),
];

/// Prefixes of the path of one model.
const ONE_MODEL: &[&str] = &["/v1/models/", "/models/"];

impl Route {
    /// The route of a request line.
    ///
    /// # Errors
    /// [`NoRoute`] tells an unknown path from a known path with another method.
    pub fn find(method: &Method, path: &str) -> Result<Route, NoRoute> {
        let mut seen_path = false;
        for (row_method, row_path, route) in FIXED {
            if *row_path == path {
                if answers(row_method, method) {
                    return Ok(route.clone());
                }
                seen_path = true;
            }
        }
        if seen_path {
            return Err(NoRoute::OtherMethod);
        }
        if let Some(route) = route_with_model(path) {
            return if method == Method::POST { Ok(route) } else { Err(NoRoute::OtherMethod) };
        }
        match ONE_MODEL.iter().find_map(|prefix| path.strip_prefix(prefix)).and_then(decoded_name) {
            Some(name) if answers(&Method::GET, method) => Ok(Route::Model(name)),
            Some(_) => Err(NoRoute::OtherMethod),
            None => Err(NoRoute::UnknownPath),
        }
    }

    /// Its name in log and metrics: LiteLLM's path, whatever spelling the client used.
    pub fn pattern(&self) -> &'static str {
        match self {
            Route::Inference { operation: Operation::ChatCompletions, .. } => "/v1/chat/completions",
            Route::Inference { operation: Operation::Completions, .. } => "/v1/completions",
            Route::Inference { operation: Operation::Embeddings, .. } => "/v1/embeddings",
            Route::Inference { operation: Operation::Moderations, .. } => "/v1/moderations",
            Route::Inference { operation: Operation::Models, .. } | Route::Models => "/v1/models",
            Route::Model(_) => "/v1/models/{model_id}",
            Route::Liveliness => "/health/liveliness",
            Route::Readiness => "/health/readiness",
            Route::Health => "/health",
            Route::Metrics => "/metrics",
            Route::Routes => "/routes",
            Route::Landing => "/",
        }
    }

    /// Who may call it.
    pub fn access(&self, metrics_need_key: bool) -> Access {
        match self {
            Route::Inference { .. } | Route::Models | Route::Model(_) => Access::Key,
            Route::Metrics if metrics_need_key => Access::Key,
            Route::Health => Access::Optional,
            Route::Liveliness | Route::Readiness | Route::Metrics | Route::Routes | Route::Landing => Access::Public,
        }
    }
}

/// Every served path with its methods, for `GET /routes`.
pub fn listing() -> impl Iterator<Item = (Cow<'static, str>, &'static Method)> {
    let fixed = FIXED.iter().map(|(method, path, _)| (Cow::Borrowed(*path), method));
    let with_model =
        WITH_MODEL.iter().map(|(prefix, suffix, _)| (Cow::Owned(format!("{prefix}{{model}}{suffix}")), &Method::POST));
    let one_model = ONE_MODEL.iter().map(|prefix| (Cow::Owned(format!("{prefix}{{model_id}}")), &Method::GET));
    fixed.chain(with_model).chain(one_model)
}

fn answers(row: &Method, asked: &Method) -> bool {
    row == asked || (row == Method::GET && asked == Method::HEAD)
}

fn route_with_model(path: &str) -> Option<Route> {
    WITH_MODEL.iter().find_map(|(prefix, suffix, operation)| {
        let name = decoded_name(path.strip_prefix(prefix)?.strip_suffix(suffix)?)?;
        // `/engines/m/chat/completions` ends in `/completions` too: the longer suffix stands first in the table.
        Some(Route::Inference { operation: *operation, model: Some(name) })
    })
}

fn decoded_name(raw: &str) -> Option<String> {
    let name = percent_decode_str(raw).decode_utf8().ok()?;
    (!name.is_empty()).then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, path: &str, expected: Result<Route, NoRoute>) {
        assert_eq!(Route::find(method, path), expected, "{method} {path}");
    }

    fn inference(operation: Operation, model: Option<&str>) -> Result<Route, NoRoute> {
        Ok(Route::Inference { operation, model: model.map(str::to_owned) })
    }

    #[test]
    fn table() {
        let chat = Operation::ChatCompletions;
        check(&Method::POST, "/v1/chat/completions", inference(chat, None));
        check(&Method::POST, "/engines/gpt-4o/chat/completions", inference(chat, Some("gpt-4o")));
        check(&Method::POST, "/engines/a/b/completions", inference(Operation::Completions, Some("a/b")));
        check(&Method::POST, "/openai/deployments/openai%2Fgpt/embeddings", {
            inference(Operation::Embeddings, Some("openai/gpt"))
        });
        check(&Method::GET, "/v1/models/openai/gpt-4o", Ok(Route::Model("openai/gpt-4o".into())));
        check(&Method::POST, "/v1/models", Ok(Route::Models));
        check(&Method::HEAD, "/health/liveliness", Ok(Route::Liveliness));
        check(&Method::GET, "/v1/chat/completions", Err(NoRoute::OtherMethod));
        check(&Method::GET, "/v1/models/", Err(NoRoute::UnknownPath));
    }

    #[test]
    fn spellings_of_a_path_are_other_paths() {
        for path in ["//v1/models", "/v1//models", "/v1/./models", "/x/../v1/models", "/V1/models", "/v1/models%00", ""]
        {
            check(&Method::GET, path, Err(NoRoute::UnknownPath));
        }
    }

    #[test]
    fn what_needs_a_key() {
        assert_eq!(Route::Metrics.access(false), Access::Public);
        assert_eq!(Route::Metrics.access(true), Access::Key);
        assert_eq!(Route::Models.access(false), Access::Key);
    }
}
