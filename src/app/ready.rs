//! Says that the gateway listens, once it does: one line for people and scripts, `READY=1` for systemd.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;
use tokio::net::TcpStream;

/// Between two looks whether the port answers.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Looks before it is given up; the process stays, but says that it is not ready.
const LOOKS: usize = 10_000;

/// What is announced.
pub struct Announcement {
    /// Where the gateway listens.
    pub address: SocketAddr,
    /// How many model names it serves.
    pub models: usize,
}

#[async_trait]
impl BackgroundService for Announcement {
    async fn start(&self, _shutdown: ShutdownWatch) {
        for _ in 0..LOOKS {
            if TcpStream::connect(reachable(self.address)).await.is_ok() {
                self.announce();
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tracing::error!(address = %self.address, "the port does not answer");
    }
}

impl Announcement {
    fn announce(&self) {
        let _closed_pipe = writeln!(
            std::io::stdout(),
            "tollgate {} listening on http://{} serving {} models",
            env!("CARGO_PKG_VERSION"),
            self.address,
            self.models
        );
        if let Err(error) = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]) {
            tracing::warn!(%error, "systemd was not told that the service is ready");
        }
    }
}

/// An address that can be connected to: "any address" stands for this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
