//! The data plane: Pingora's hooks are the phases of a request, one file a phase, in the order in which a request meets
//! them.
//!
//! | hook | phase | file |
//! |---|---|---|
//! | `early_request_filter` | limits of the connection, call id | [`admit`] |
//! | `request_filter` | the first phases in their order | [`receive`] |
//! | | address and header size | [`admit`] |
//! | | method and path → route | [`route`] |
//! | | key → caller | [`authenticate`] |
//! | | bounded body, top-level fields | [`intake`] |
//! | | models, limits: what the caller may use; what it must say | [`reserve`], [`afford`], [`attribution`], [`owned`], [`enforced`] |
//! | | management calls: handed to the control plane | [`control`] |
//! | | answers that need no upstream | [`local`], [`query`], [`health`], [`mock`] |
//! | | answers that were given before | [`stored`], [`conversations`] |
//! | `proxy_upstream_filter` | plan → attempts until one is committed | [`dispatch`], [`journey`], [`course`], [`open`], [`unanswered`] |
//! | | what of the request the choice depends on; what an attempt taught | [`needs`], [`lessons`] |
//! | | looks at deployments between requests | [`checkup`] |
//! | | what the deployment's and its provider's budgets have; what a call may cost | [`purse`], [`worth`] |
//! | | every deployment busy: the queue; nothing left of what this gateway was lent | [`waiting`], [`loans`] |
//! | | pass or translate; the request in the provider's words | [`exchange`], [`outgoing`] |
//! | | sign, send, look again where a provider answers later | [`sign`], [`attempt`], [`poll`] |
//! | | through the streaming filter to the client | [`deliver`], [`stream`], [`reply`], [`lines`], [`sheet`] |
//! | | a stream that broke goes on elsewhere; one that is late is asked for twice | [`rescue`], [`hedge`] |
//! | | whose turn it is on a worker, before something is written | [`turn`], [`tick`] |
//! | `fail_to_proxy` | what Pingora itself could not do | [`refuse`] |
//! | `logging` | metrics and access line, always, exactly once | [`settle`] |
//! | | tokens that no provider counted, afterwards | [`uncounted`], [`counting`] |
//! | | the spend journal, before the last byte leaves | [`billing`] |
//!
//! Pingora's own upstream hooks are not used: `proxy_upstream_filter` answers and returns `false`
//! (docs/decisions/0001).

#![deny(clippy::indexing_slicing)]

pub mod address;
pub mod admit;
pub mod afford;
pub mod attempt;
pub mod attribution;
pub mod authenticate;
pub mod billing;
pub mod checkup;
pub mod context;
pub mod control;
pub mod conversations;
pub mod counting;
pub mod course;
pub mod deliver;
pub mod dispatch;
pub mod enforced;
pub mod exchange;
pub mod gateway;
pub mod health;
pub mod hedge;
pub mod intake;
pub mod journey;
pub mod lessons;
pub mod lines;
pub mod loans;
pub mod local;
pub mod mock;
pub mod needs;
pub mod open;
pub mod outgoing;
pub mod owned;
pub mod page;
pub mod poll;
pub mod pool;
pub mod purse;
pub mod query;
pub mod receive;
pub mod refuse;
pub mod reply;
pub mod rescue;
pub mod reserve;
pub mod route;
pub mod settle;
pub mod sheet;
pub mod sign;
#[cfg(test)]
mod simulation;
pub mod snapshot;
pub mod stored;
pub mod stream;
pub mod target;
pub mod tick;
pub mod turn;
pub mod unanswered;
pub mod uncounted;
pub mod upstream;
pub mod waiting;
pub mod worth;

use std::time::Instant;

use async_trait::async_trait;
use pingora_core::modules::http::HttpModules;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error as PingoraError, ErrorType, Result};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};

use attribution::Attribution;
use context::{Context, Outcome};
pub use gateway::{Gateway, Shared};

use crate::clock::unix_millis;
use crate::error::{Envelope, Error, Kind};

#[async_trait]
impl ProxyHttp for Gateway {
    /// On the heap: Pingora moves it from future to future.
    type CTX = Box<Context>;

    fn new_ctx(&self) -> Box<Context> {
        tick::ensure();
        let started_ms = unix_millis();
        Box::new(Context {
            snapshot: self.snapshot.load_full(),
            started: Instant::now(),
            started_ms,
            call_id: context::new_call_id(started_ms),
            has_clients_id: false,
            has_own_headers: false,
            route: "",
            envelope: Envelope::default(),
            caller: None,
            task: None,
            attribution: Attribution::default(),
            reservation: None,
            limited_by: None,
            outlay: None,
            is_accountable: false,
            unbilled: false,
            outcome: Outcome::default(),
        })
    }

    /// No modules: compression is the load balancer's business, and an empty list costs nothing per request.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Box<Context>) -> Result<()> {
        ctx.outcome.in_flight = Some(self.shared.metrics.request_started());
        admit::limit(session, ctx);
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Box<Context>) -> Result<bool> {
        match receive::receive(session, ctx, &self.shared).await? {
            Ok(answered) => Ok(answered),
            Err(error) if error.kind == Kind::ClientGone => {
                session.set_keepalive(None);
                ctx.outcome.error = Some(error);
                Ok(true)
            }
            Err(error) => Box::pin(refuse::refuse(session, ctx, error)).await.map(|()| true),
        }
    }

    async fn proxy_upstream_filter(&self, session: &mut Session, ctx: &mut Box<Context>) -> Result<bool> {
        dispatch::dispatch(session, ctx, &self.shared).await?;
        Ok(false)
    }

    /// Never asked: `proxy_upstream_filter` has answered by then.
    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut Box<Context>) -> Result<Box<HttpPeer>> {
        PingoraError::e_explain(ErrorType::InternalError, "requests do not pass through Pingora's upstream hooks")
    }

    async fn fail_to_proxy(&self, session: &mut Session, e: &PingoraError, ctx: &mut Box<Context>) -> FailToProxy {
        // What fails in our hooks with one of these types is the client's connection.
        let gone = matches!(
            e.etype(),
            ErrorType::WriteError | ErrorType::WriteTimedout | ErrorType::ReadError | ErrorType::ConnectionClosed
        );
        if !gone && session.response_written().is_none() {
            let error = Error::new(Kind::Internal, "Internal error.").detail(e.to_string());
            let _client_is_gone = refuse::refuse(session, ctx, error).await;
        }
        FailToProxy { error_code: ctx.outcome.status, can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _session: &Session, ctx: &Box<Context>, _error: &PingoraError) -> bool {
        ctx.outcome.error.as_ref().is_some_and(|error| error.kind == Kind::ClientGone)
    }

    async fn logging(&self, session: &mut Session, _e: Option<&PingoraError>, ctx: &mut Box<Context>) {
        settle::settle(session, ctx, &self.shared);
    }
}
