//! One connection that all commands share, or none.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ErrorKind, RedisError, ServerErrorKind, TlsCertificates,
};
use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

use crate::secret::Secret;

/// How long an answer may take. Shorter than what a request waits for a lease, so that it learns of the failure.
pub const ANSWER_TIMEOUT: Duration = Duration::from_millis(150);
/// How long a connection may take; nobody waits for it.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// So many answers in a row that did not come end the connection.
const SILENCES: u32 = 2;

/// An address that is none, or certificates that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAddress;

/// What TLS to Redis needs beside what the system trusts, each in PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Who signs the server's certificate; `None`: those whom the system trusts.
    pub authorities: Option<Vec<u8>>,
    /// The gateway's own certificate and its key.
    pub own: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    fn certificates(&self) -> TlsCertificates {
        let own = self.own.clone();
        TlsCertificates {
            client_tls: own.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
            root_cert: self.authorities.clone(),
        }
    }
}

/// Without the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (authorities, own) = (self.authorities.is_some(), self.own.is_some());
        f.debug_struct("Tls").field("authorities", &authorities).field("own", &own).finish()
    }
}

/// Makes connections, and holds the one that is.
pub(super) struct Connection {
    client: Client,
    current: ArcSwapOption<MultiplexedConnection>,
    silences: AtomicU32,
    /// Somebody found it broken.
    pub broken: Notify,
}

/// What an error means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// One command failed; others may go well.
    Command,
    /// Redis is not to be relied upon until it has answered again.
    Server,
}

impl Connection {
    pub fn at(url: &Secret, tls: &Tls) -> Result<Self, BadAddress> {
        let is_tls = url.expose().starts_with("rediss://");
        let client = match is_tls && *tls != Tls::default() {
            true => Client::build_with_tls(url.expose(), tls.certificates()),
            false => Client::open(url.expose()),
        };
        // The error would show the address with its password.
        let client = client.map_err(|_| BadAddress)?;
        Ok(Self { client, current: ArcSwapOption::empty(), silences: AtomicU32::new(0), broken: Notify::new() })
    }

    /// The connection, if there is one.
    pub fn get(&self) -> Option<MultiplexedConnection> {
        self.current.load().as_deref().cloned()
    }

    /// Makes one.
    pub async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(ANSWER_TIMEOUT))
            .set_connection_timeout(Some(CONNECT_TIMEOUT));
        let made = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        self.silences.store(0, Ordering::Relaxed);
        self.current.store(Some(made.clone().into()));
        Ok(made)
    }

    /// An answer came.
    pub fn answered(&self) {
        if self.silences.load(Ordering::Relaxed) != 0 {
            self.silences.store(0, Ordering::Relaxed);
        }
    }

    /// An error came, or no answer. Lets go of a connection that is no good any more.
    pub fn failed(&self, error: &RedisError) -> Damage {
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::ResponseError) | ErrorKind::UnexpectedReturnType => {
                return Damage::Command;
            }
            ErrorKind::Io if error.is_timeout() && self.silences.fetch_add(1, Ordering::Relaxed) + 1 < SILENCES => {
                self.broken.notify_one();
                return Damage::Command;
            }
            _ => self.current.store(None),
        }
        self.broken.notify_one();
        Damage::Server
    }
}

/// Without the address: it may hold a password.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("is_connected", &self.current.load().is_some()).finish_non_exhaustive()
    }
}

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address of a Redis server: redis[s]://[user:password@]host[:port][/database], or no PEM")
    }
}

impl std::error::Error for BadAddress {}
