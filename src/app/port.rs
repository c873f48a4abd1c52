//! The address that the gateway listens on, with its port filled in. Pingora binds it itself; asking first turns "address in
//! use" into a message instead of thirty seconds of retries.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

/// Where a port is looked for if any will do: below those that Linux gives away.
const FREE_PORTS: std::ops::Range<u16> = 26_000..32_000;
/// Tries before the kernel is asked after all.
const FREE_PORT_TRIES: usize = 64;

/// An address that is free.
pub struct Port {
    address: SocketAddr,
    /// A port that nobody asked for is kept until Pingora binds it: who starts at the same time would find it free too.
    kept: Option<TcpListener>,
}

impl Port {
    /// This one; 0: any that is free.
    ///
    /// # Errors
    /// The operating system's: it is in use, or there is no such host.
    pub fn at(host: &str, port: u16) -> io::Result<Self> {
        let address = (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        if port == 0 {
            // Nobody who asks the kernel for any port is given one of these in that moment.
            let ports = std::iter::repeat_with(|| fastrand::u16(FREE_PORTS)).take(FREE_PORT_TRIES);
            let mut bound = ports.filter_map(|port| TcpListener::bind(SocketAddr::new(address.ip(), port)).ok());
            let kept = bound.next().map_or_else(|| TcpListener::bind(address), Ok)?;
            return Ok(Self { address: kept.local_addr()?, kept: Some(kept) });
        }
        let address = TcpListener::bind(address)?.local_addr()?;
        Ok(Self { address, kept: None })
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whoever binds it next has it.
    pub fn let_go(self) {
        drop(self.kept);
    }
}
