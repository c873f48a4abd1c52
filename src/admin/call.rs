//! One call of a route, as its handler sees it.

use axum::extract::Query;
use bytes::Bytes;
use http::request::Parts;

use super::fields::{Field, Fields, Place};
use super::requester::{MASTER_USER, Requester};
use crate::error::Error;

/// An admin's word on whom they act for: the audit log has it.
const CHANGED_BY: &str = "litellm-changed-by";

/// Who it is, in the audit log, that does what nobody asked for: LiteLLM's name.
const JOBS: &str = "litellm_internal_jobs";

/// Who asks for what. The route is known, and that they may call it.
pub struct Call {
    pub requester: Requester,
    params: Vec<(String, String)>,
    query: Vec<(String, String)>,
    body: Bytes,
    changed_by: Option<String>,
}

impl Call {
    pub(super) fn new(requester: Requester, params: Vec<(String, String)>, parts: &Parts, body: Bytes) -> Self {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|Query(pairs)| pairs);
        let header = parts.headers.get(CHANGED_BY).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            changed_by: header.filter(|_| requester.is_admin()),
            requester,
            params,
            // A query that is no UTF-8 says nothing.
            query: query.unwrap_or_default(),
            body,
        }
    }

    /// What the gateway does by itself.
    pub(super) fn of_job() -> Self {
        let requester = Requester { is_master: false, user_id: Some(JOBS.to_owned()), ..Requester::master(None) };
        Self { requester, params: Vec::new(), query: Vec::new(), body: Bytes::new(), changed_by: None }
    }

    /// A part of the path, decoded.
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The query's members.
    ///
    /// # Errors
    /// FastAPI's 422.
    pub fn query(&self, fields: &[Field]) -> Result<Fields, Error> {
        Fields::of_query(&self.query, fields)
    }

    /// The body's members, which must be a JSON object.
    ///
    /// # Errors
    /// FastAPI's 422.
    pub fn body(&self, fields: &[Field]) -> Result<Fields, Error> {
        Fields::of_body(&self.body, fields)
    }

    /// The same where a missing body means an empty one.
    ///
    /// # Errors
    /// FastAPI's 422.
    pub fn body_if_any(&self, fields: &[Field]) -> Result<Fields, Error> {
        if self.body.is_empty() {
            return Fields::of_map(&serde_json::Map::new(), fields, Place::Body);
        }
        self.body(fields)
    }

    /// The body as it came.
    pub fn whole_body(&self) -> Bytes {
        self.body.clone()
    }

    /// Who made the change, for `created_by`, `updated_by` and the audit log.
    pub fn changed_by(&self) -> &str {
        self.changed_by.as_deref().or(self.requester.user_id.as_deref()).unwrap_or(MASTER_USER)
    }
}
