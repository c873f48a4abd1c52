//! `loadtest bare`: the least that a Pingora proxy can do, as the yardstick: no key, no body read, no log.

use std::net::{SocketAddr, TcpListener};

use async_trait::async_trait;
use pingora_core::prelude::{HttpPeer, Server};
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

use crate::Result;
use crate::run::say;

/// Kept-alive upstream connections. Pingora's own 128 would make a run with more connections measure reconnecting.
const UPSTREAM_POOL_SIZE: usize = 4096;

/// Arguments of `loadtest bare`.
#[derive(Clone, Debug, clap::Args)]
pub struct BareArgs {
    /// Where all requests go, in plain HTTP
    #[arg(long)]
    pub upstream: SocketAddr,
    /// Where to listen; port 0 picks a free one, named on the first line of the output
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Worker threads
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
}

struct PassThrough {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for PassThrough {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut Self::CTX) -> pingora_core::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

/// Serves until the process is told to end.
///
/// # Errors
/// The address is not free.
pub fn command(args: &BareArgs) -> Result<()> {
    let listen = free_address(args.listen)?;
    let conf =
        ServerConf { threads: args.threads, upstream_keepalive_pool_size: UPSTREAM_POOL_SIZE, ..Default::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, PassThrough { upstream: args.upstream });
    service.add_tcp(&listen.to_string());
    server.add_service(service);
    say(&format!("listening on {listen}"))?;
    server.run_forever()
}

/// `address`, its port 0 replaced by a free one. Pingora does not tell which port it got, so one is found by binding
/// it first; whoever takes it in between makes the start fail, not the measurement wrong.
pub fn free_address(address: SocketAddr) -> Result<SocketAddr> {
    Ok(TcpListener::bind(address)?.local_addr()?)
}
