//! From a request to its answer.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::call::Call;
use super::control::Control;
use super::reply;
use super::requester::Requester;
use super::rights;
use super::routes::{self, Route};
use crate::error::{Compat, Error, Kind};

/// The longest body of a management call: keys and teams are small, and one call makes at most a few hundred of them.
pub const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// The management API. A clone is the same one.
#[derive(Clone)]
pub struct ControlPlane {
    router: Router,
    compat: Compat,
}

/// What travels with a request to its handler.
#[derive(Clone)]
struct Arrival {
    requester: Requester,
    body: Bytes,
}

impl ControlPlane {
    /// The routes of the table, over this state.
    pub fn new(control: Arc<Control>) -> Self {
        let compat = control.settings.compat;
        let mut router = Router::new();
        for route in routes::all() {
            // All methods of the table are among axum's.
            let Ok(method) = MethodFilter::try_from(route.method.clone()) else { continue };
            let control = Arc::clone(&control);
            let serve = move |request: axum::extract::Request| serve(Arc::clone(&control), route, request);
            router = router.route(route.path, on(method, serve));
        }
        let no_path = move || async move { refuse(&Error::new(Kind::NoSuchPath, "Not Found"), compat) };
        let no_method = move || async move { refuse(&Error::new(Kind::OtherMethod, "Method Not Allowed"), compat) };
        Self { router: router.fallback(no_path).method_not_allowed_fallback(no_method), compat }
    }

    /// Answers a request of a caller who is known. The path is matched once: the line of the table that says which
    /// right is needed is the line that is served.
    pub async fn answer(&self, request: Request<Bytes>, requester: Requester) -> Response<Bytes> {
        let (mut parts, body) = request.into_parts();
        if body.len() > LONGEST_BODY {
            let error = Error::new(Kind::BodyTooLarge, format!("The body is longer than {LONGEST_BODY} bytes."));
            return reply::refusal(&error, self.compat);
        }
        parts.extensions.insert(Arrival { requester, body });
        let request = Request::from_parts(parts, Body::empty());
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        match body.collect().await {
            Ok(body) => Response::from_parts(parts, body.to_bytes()),
            Err(error) => {
                let error = Error::new(Kind::Internal, "The answer could not be made.").detail(error.to_string());
                reply::refusal(&error, self.compat)
            }
        }
    }
}

async fn serve(
    control: Arc<Control>,
    route: &'static Route,
    request: axum::extract::Request,
) -> axum::response::Response {
    let compat = control.settings.compat;
    match called(&control, route, request).await {
        Ok(reply) => reply.into_response().map(Body::from).into_response(),
        Err(error) => {
            if let Some(detail) = &error.detail {
                tracing::warn!(path = route.path, detail, "management call failed");
            }
            refuse(&error, compat)
        }
    }
}

async fn called(
    control: &Control,
    route: &'static Route,
    request: axum::extract::Request,
) -> Result<reply::Reply, Error> {
    let (mut parts, _) = request.into_parts();
    // Nobody comes here but through `answer`; who does is nobody.
    let Some(Arrival { requester, body }) = parts.extensions.remove::<Arrival>() else {
        return Err(Error::new(Kind::NoKey, "Authentication Error, No api key passed in.").param("None"));
    };
    rights::check(control, route, parts.uri.path(), &requester).await?;
    let params = RawPathParams::from_request_parts(&mut parts, &()).await;
    let params = match &params {
        Ok(params) => params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        Err(_) if route.path.contains('{') => return Err(Error::new(Kind::NoSuchPath, "Not Found")),
        Err(_) => Vec::new(),
    };
    let call = Call::new(requester, params, &parts, body);
    (route.handler)(control, call).await
}

fn refuse(error: &Error, compat: Compat) -> axum::response::Response {
    reply::refusal(error, compat).map(Body::from).into_response()
}
