//! Which request is this? The one table of method and path to [`Route`], and who may call it.
//!
//! The path is matched byte for byte, as it stands in the request line: nothing is decoded, folded or normalised before
//! the match, so the path that is authorised is the path that is served. Only a model name *inside* a path is
//! percent-decoded, because clients encode the slash of `openai/gpt-4o`.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::error::Envelope;
use crate::providers::Operation;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A model is to answer; the name may stand in the path instead of the body.
    Inference { operation: Operation, model: Option<String> },
    /// An answer that a provider keeps is wanted again.
    Stored {
        /// As the client knows it.
        id: String,
        /// What is to be done with it.
        action: StoredAction,
    },
    /// The list of models.
    Models,
    /// One model by its name.
    Model(String),
    /// "I'm alive!", for process supervisors.
    Liveliness,
    /// Ready to take traffic, for load balancers.
    Readiness,
    /// The same with what else there is to know, for operators.
    ReadinessDetails,
    /// Quick answer without a key, probes of every deployment with the master key.
    Health,
    /// Prometheus text format.
    Metrics,
    /// This table.
    Routes,
    /// The page at `/`.
    Landing,
}

/// What can be done with a stored answer (OpenAI's Responses API).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredAction {
    /// `GET responses/{id}`
    Get,
    /// `DELETE responses/{id}`
    Delete,
    /// `POST responses/{id}/cancel`
    Cancel,
    /// `GET responses/{id}/input_items`
    InputItems,
}

impl StoredAction {
    /// What stands behind the id.
    pub fn suffix(self) -> &'static str {
        match self {
            StoredAction::Get | StoredAction::Delete => "",
            StoredAction::Cancel => "/cancel",
            StoredAction::InputItems => "/input_items",
        }
    }

    /// Its method.
    pub fn method(self) -> Method {
        match self {
            StoredAction::Get | StoredAction::InputItems => Method::GET,
            StoredAction::Delete => Method::DELETE,
            StoredAction::Cancel => Method::POST,
        }
    }
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
    (Method::POST, "/queue/chat/completions", asked_in_body(Operation::ChatCompletions)),
    (Method::POST, "/v1/completions", asked_in_body(Operation::Completions)),
    (Method::POST, "/completions", asked_in_body(Operation::Completions)),
    (Method::POST, "/v1/embeddings", asked_in_body(Operation::Embeddings)),
    (Method::POST, "/embeddings", asked_in_body(Operation::Embeddings)),
    (Method::POST, "/v1/moderations", asked_in_body(Operation::Moderations)),
    (Method::POST, "/moderations", asked_in_body(Operation::Moderations)),
    (Method::POST, "/v1/images/generations", asked_in_body(Operation::ImageGenerations)),
    (Method::POST, "/images/generations", asked_in_body(Operation::ImageGenerations)),
    (Method::POST, "/v1/messages", asked_in_body(Operation::Messages)),
    (Method::POST, "/v1/messages/count_tokens", asked_in_body(Operation::CountMessageTokens)),
    (Method::POST, "/v1/responses", asked_in_body(Operation::Responses)),
    (Method::POST, "/responses", asked_in_body(Operation::Responses)),
    (Method::POST, "/openai/v1/responses", asked_in_body(Operation::Responses)),
    (Method::GET, "/v1/models", Route::Models),
    (Method::POST, "/v1/models", Route::Models),
    (Method::GET, "/models", Route::Models),
    (Method::POST, "/models", Route::Models),
    (Method::GET, "/health/liveliness", Route::Liveliness),
    (Method::GET, "/health/liveness", Route::Liveliness),
    (Method::GET, "/health/readiness", Route::Readiness),
    (Method::GET, "/health/readiness/details", Route::ReadinessDetails),
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
    ("/openai/deployments/", "/images/generations", Operation::ImageGenerations),
];

/// Prefixes of Gemini's paths; behind them stand a model, a colon (which some clients encode) and a method.
const GEMINI: &[&str] = &["/v1beta/models/", "/v1/models/", "/models/"];

/// Gemini's methods.
const GEMINI_METHODS: &[(&str, Operation)] = &[
    ("generateContent", Operation::GenerateContent),
    ("streamGenerateContent", Operation::StreamGenerateContent),
    ("countTokens", Operation::CountContentTokens),
];

/// Prefixes of the path of a stored answer.
const STORED: &[&str] = &["/v1/responses/", "/responses/", "/openai/v1/responses/"];

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
        if let Some(route) = route_with_model(path).or_else(|| gemini(path)) {
            return if method == Method::POST { Ok(route) } else { Err(NoRoute::OtherMethod) };
        }
        if let Some(route) = stored(method, path) {
            return route;
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
            Route::Inference { operation, .. } => operation_pattern(*operation),
            Route::Stored { action: StoredAction::Cancel, .. } => "/v1/responses/{response_id}/cancel",
            Route::Stored { action: StoredAction::InputItems, .. } => "/v1/responses/{response_id}/input_items",
            Route::Stored { .. } => "/v1/responses/{response_id}",
            Route::Models => "/v1/models",
            Route::Model(_) => "/v1/models/{model_id}",
            Route::Liveliness => "/health/liveliness",
            Route::Readiness => "/health/readiness",
            Route::ReadinessDetails => "/health/readiness/details",
            Route::Health => "/health",
            Route::Metrics => "/metrics",
            Route::Routes => "/routes",
            Route::Landing => "/",
        }
    }

    /// In which JSON its callers want to hear of errors.
    pub fn envelope(&self) -> Envelope {
        match self {
            Route::Inference { operation: Operation::Messages | Operation::CountMessageTokens, .. } => {
                Envelope::Anthropic
            }
            Route::Inference {
                operation: Operation::GenerateContent | Operation::StreamGenerateContent | Operation::CountContentTokens,
                ..
            } => Envelope::Google,
            _ => Envelope::OpenAi,
        }
    }

    /// Who may call it.
    pub fn access(&self, metrics_need_key: bool) -> Access {
        match self {
            Route::Inference { .. }
            | Route::Stored { .. }
            | Route::Models
            | Route::Model(_)
            | Route::ReadinessDetails => Access::Key,
            Route::Metrics if metrics_need_key => Access::Key,
            Route::Health => Access::Optional,
            Route::Liveliness | Route::Readiness | Route::Metrics | Route::Routes | Route::Landing => Access::Public,
        }
    }
}

fn operation_pattern(operation: Operation) -> &'static str {
    match operation {
        Operation::ChatCompletions => "/v1/chat/completions",
        Operation::Completions => "/v1/completions",
        Operation::Responses => "/v1/responses",
        Operation::Embeddings => "/v1/embeddings",
        Operation::Moderations => "/v1/moderations",
        Operation::ImageGenerations => "/v1/images/generations",
        Operation::Messages => "/v1/messages",
        Operation::CountMessageTokens => "/v1/messages/count_tokens",
        Operation::GenerateContent => "/v1beta/models/{model_name}:generateContent",
        Operation::StreamGenerateContent => "/v1beta/models/{model_name}:streamGenerateContent",
        Operation::CountContentTokens => "/v1beta/models/{model_name}:countTokens",
    }
}

/// Every served path with its methods, for `GET /routes`.
pub fn listing() -> impl Iterator<Item = (Cow<'static, str>, &'static Method)> {
    let fixed = FIXED.iter().map(|(method, path, _)| (Cow::Borrowed(*path), method));
    let with_model =
        WITH_MODEL.iter().map(|(prefix, suffix, _)| (Cow::Owned(format!("{prefix}{{model}}{suffix}")), &Method::POST));
    let gemini = GEMINI.iter().flat_map(|prefix| {
        GEMINI_METHODS
            .iter()
            .map(move |(method, _)| (Cow::Owned(format!("{prefix}{{model_name}}:{method}")), &Method::POST))
    });
    let stored = STORED.iter().flat_map(|prefix| {
        let path = |suffix| Cow::Owned(format!("{prefix}{{response_id}}{suffix}"));
        [
            (path(""), &Method::GET),
            (path(""), &Method::DELETE),
            (path("/cancel"), &Method::POST),
            (path("/input_items"), &Method::GET),
        ]
    });
    let one_model = ONE_MODEL.iter().map(|prefix| (Cow::Owned(format!("{prefix}{{model_id}}")), &Method::GET));
    fixed.chain(with_model).chain(gemini).chain(stored).chain(one_model)
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

/// `/v1beta/models/{model}:generateContent`, with the colon as it is or as `%3A`.
fn gemini(path: &str) -> Option<Route> {
    let rest = GEMINI.iter().find_map(|prefix| path.strip_prefix(prefix))?;
    GEMINI_METHODS.iter().find_map(|(method, operation)| {
        let name = rest.strip_suffix(method)?;
        let name = [":", "%3A", "%3a"].iter().find_map(|colon| name.strip_suffix(colon))?;
        Some(Route::Inference { operation: *operation, model: Some(decoded_name(name)?) })
    })
}

fn stored(method: &Method, path: &str) -> Option<Result<Route, NoRoute>> {
    let rest = STORED.iter().find_map(|prefix| path.strip_prefix(prefix))?;
    let (raw_id, actions): (_, &[StoredAction]) = match rest.split_once('/') {
        None => (rest, &[StoredAction::Get, StoredAction::Delete]),
        Some((id, "cancel")) => (id, &[StoredAction::Cancel]),
        Some((id, "input_items")) => (id, &[StoredAction::InputItems]),
        Some(_) => return None,
    };
    let id = decoded_name(raw_id)?;
    let action = actions.iter().find(|action| answers(&action.method(), method));
    Some(action.map(|action| Route::Stored { id, action: *action }).ok_or(NoRoute::OtherMethod))
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
        check(&Method::POST, "/queue/chat/completions", inference(chat, None));
        check(&Method::POST, "/engines/gpt-4o/chat/completions", inference(chat, Some("gpt-4o")));
        check(&Method::POST, "/engines/a/b/completions", inference(Operation::Completions, Some("a/b")));
        check(&Method::POST, "/openai/deployments/openai%2Fgpt/embeddings", {
            inference(Operation::Embeddings, Some("openai/gpt"))
        });
        let pictures = Operation::ImageGenerations;
        check(&Method::POST, "/v1/images/generations", inference(pictures, None));
        check(&Method::POST, "/openai/deployments/dall-e-3/images/generations", inference(pictures, Some("dall-e-3")));
        for path in ["/v1beta/models/gemini:generateContent", "/v1/models/gemini%3AgenerateContent"] {
            check(&Method::POST, path, inference(Operation::GenerateContent, Some("gemini")));
        }
        check(&Method::POST, "/models/google%2Fg:streamGenerateContent", {
            inference(Operation::StreamGenerateContent, Some("google/g"))
        });
        let stored = |action| Ok(Route::Stored { id: "resp_1".into(), action });
        check(&Method::GET, "/v1/responses/resp_1", stored(StoredAction::Get));
        check(&Method::DELETE, "/responses/resp_1", stored(StoredAction::Delete));
        check(&Method::POST, "/v1/responses/resp_1/cancel", stored(StoredAction::Cancel));
        check(&Method::PUT, "/v1/responses/resp_1", Err(NoRoute::OtherMethod));
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
