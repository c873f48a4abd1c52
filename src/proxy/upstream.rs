//! One upstream host: its addresses, its idle connections, and how a new connection is made.
//!
//! Addresses come from pingora-load-balancing, fed by an asynchronous DNS look-up in the background. (`HttpPeer::new`
//! on a name would resolve it with a blocking call on the request's way.) An upstream given as an IP address skips that.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::connectors::TransportConnector;
use pingora_core::protocols::Stream;
use pingora_core::protocols::l4::socket::SocketAddr as PeerAddr;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_load_balancing::discovery::ServiceDiscovery;
use pingora_load_balancing::selection::RoundRobin;
use pingora_load_balancing::{Backend, Backends, LoadBalancer};

use super::pool::Pool;
use crate::error::{Error, Kind};

/// How many addresses of a name are looked at before it counts as unresolved.
const SELECT_ITERATIONS: usize = 16;

/// Scheme, host and port: what connections are shared by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Limits of connections to upstreams; all from `tollgate.timeouts` and `tollgate.upstream_keepalive`.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// TCP and TLS together.
    pub connect: Duration,
    /// One write to the upstream.
    pub write: Duration,
    /// How long a connection may wait unused.
    pub idle: Duration,
    /// How many connections may wait unused, an upstream.
    pub pool_size: usize,
}

/// An upstream host that several deployments may share.
pub struct Upstream {
    authority: Authority,
    addresses: Addresses,
    limits: ConnectionLimits,
    /// Connections that wait for the next request.
    pub pool: Pool,
}

enum Addresses {
    Fixed(SocketAddr),
    Discovered(Box<LoadBalancer<RoundRobin>>),
}

impl Upstream {
    /// Resolves nothing yet: the first connection or the background refresh does.
    pub fn new(authority: Authority, limits: ConnectionLimits) -> Self {
        let addresses = match authority.host.parse::<IpAddr>() {
            Ok(address) => Addresses::Fixed(SocketAddr::new(address, authority.port)),
            Err(_) => {
                let discovery = Dns { host: authority.host.clone(), port: authority.port };
                let backends = Backends::new(Box::new(discovery));
                Addresses::Discovered(Box::new(LoadBalancer::from_backends(backends)))
            }
        };
        Self { pool: Pool::new(limits.pool_size, limits.idle), authority, addresses, limits }
    }

    /// Looks the name up again. A failure keeps the addresses that are known.
    pub async fn refresh(&self) {
        if let Addresses::Discovered(balancer) = &self.addresses
            && let Err(error) = balancer.update().await
        {
            tracing::warn!(host = %self.authority.host, %error, "upstream name not resolved");
        }
    }

    /// A new connection with TLS if the scheme says so.
    ///
    /// # Errors
    /// [`Kind::Connection`] when the name does not resolve or the connection is refused, [`Kind::Timeout`] when it takes
    /// longer than the connect limit. The detail for the log names the host, the message for the client does not.
    pub async fn connect(&self, connector: &TransportConnector) -> Result<Stream, Error> {
        let address = self.address().await?;
        let mut peer = HttpPeer::new(address, self.authority.tls, self.authority.host.clone());
        peer.options.connection_timeout = Some(self.limits.connect);
        peer.options.total_connection_timeout = Some(self.limits.connect);
        peer.options.write_timeout = Some(self.limits.write);
        connector.new_stream(&peer).await.map_err(|error| {
            let timed_out = matches!(
                error.etype(),
                pingora_core::ErrorType::ConnectTimedout | pingora_core::ErrorType::TLSHandshakeTimedout
            );
            let (kind, message) =
                if timed_out { (Kind::Timeout, "Request timed out.") } else { (Kind::Connection, "Connection error.") };
            Error::new(kind, message).detail(error.to_string())
        })
    }

    /// One write to this upstream may take so long.
    pub fn write_limit(&self) -> Duration {
        self.limits.write
    }

    async fn address(&self) -> Result<SocketAddr, Error> {
        let balancer = match &self.addresses {
            Addresses::Fixed(address) => return Ok(*address),
            Addresses::Discovered(balancer) => balancer,
        };
        let mut backend = balancer.select(b"", SELECT_ITERATIONS);
        if backend.is_none() {
            self.refresh().await;
            backend = balancer.select(b"", SELECT_ITERATIONS);
        }
        match backend.map(|backend| backend.addr) {
            Some(PeerAddr::Inet(address)) => Ok(address),
            _ => Err(Error::new(Kind::Connection, "Connection error.")
                .detail(format!("{} has no address", self.authority.host))),
        }
    }
}

/// Name look-up as a Pingora service discovery.
struct Dns {
    host: String,
    port: u16,
}

#[async_trait]
impl ServiceDiscovery for Dns {
    async fn discover(&self) -> pingora_core::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(|error| {
            pingora_core::Error::because(pingora_core::ErrorType::ConnectError, "name look-up", error)
        })?;
        let backends = found.filter_map(|address| Backend::new(&address.to_string()).ok()).collect();
        Ok((backends, HashMap::new()))
    }
}
