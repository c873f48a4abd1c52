//! `allowed_ips` and the address that it is held against.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::{IpNet, Ipv4Net};

use crate::error::{Error, Kind};

/// The networks that may call.
#[derive(Clone, Debug, Default)]
pub struct AllowList(Option<Vec<IpNet>>);

/// An entry of `allowed_ips` that is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an IP address nor a network such as 10.0.0.0/8")]
pub struct BadAddress(pub String);

impl AllowList {
    /// No restriction: `allowed_ips` is not set.
    pub fn everybody() -> Self {
        Self(None)
    }

    /// The entries of `allowed_ips`: addresses, and networks in CIDR form; `0.0.0.0/0` means everybody, over IPv6 too.
    /// As in LiteLLM, an empty list lets nobody in.
    ///
    /// # Errors
    /// The first entry that is neither.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, BadAddress> {
        let networks = entries.iter().map(|entry| network(entry.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let is_everybody = networks.contains(&IpNet::from(Ipv4Net::default()));
        Ok(if is_everybody { Self::everybody() } else { Self(Some(networks)) })
    }

    /// Lets an address on the list pass; `None` = it could not be found out.
    ///
    /// # Errors
    /// LiteLLM's refusal.
    pub fn check(&self, client: Option<IpAddr>) -> Result<(), Error> {
        let Some(networks) = &self.0 else { return Ok(()) };
        if client.is_some_and(|address| networks.iter().any(|network| network.contains(&address.to_canonical()))) {
            return Ok(());
        }
        let shown = client.map_or_else(|| "None".to_owned(), |address| address.to_canonical().to_string());
        let text = format!("Access forbidden: IP address {shown} not allowed.");
        Err(Error::new(Kind::IpNotAllowed, text).param("None"))
    }
}

fn network(entry: &str) -> Result<IpNet, BadAddress> {
    let entry = entry.trim();
    let address = entry.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    address.or_else(|_| entry.parse()).map_err(|_| BadAddress(entry.to_owned()))
}

/// The client's address: of the connection, or the first hop in `x-forwarded-for` if the operator trusts that header
/// (`use_x_forwarded_for`). A first hop that is no address gives `None`, never the proxy's own address.
pub fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, use_x_forwarded_for: bool) -> Option<IpAddr> {
    match headers.get("x-forwarded-for") {
        Some(hops) if use_x_forwarded_for => hops.to_str().ok()?.split(',').next().and_then(hop_address),
        _ => peer,
    }
}

/// Some load balancers add the client's port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(entries: &[&str], client: &str, allowed: bool) {
        let list = AllowList::parse(entries).unwrap();
        assert_eq!(list.check(client.parse().ok()).is_ok(), allowed, "{entries:?} {client}");
    }

    #[test]
    fn addresses_and_networks() {
        check(&["192.168.1.1"], "192.168.1.1", true);
        check(&["192.168.1.1"], "192.168.1.2", false);
        check(&["10.0.0.0/8", " 2001:db8::/32 "], "10.255.0.1", true);
        check(&["10.0.0.0/8", "2001:db8::/32"], "2001:db8::7", true);
        check(&["10.0.0.0/8", "2001:db8::/32"], "11.0.0.1", false);
        check(&["0.0.0.0/0"], "203.0.113.9", true);
        check(&["192.168.1.1"], "::ffff:192.168.1.1", true);
        check(&["::ffff:192.168.1.1"], "192.168.1.1", true);
        check(&["10.0.0.1", "0.0.0.0/0"], "2001:db8::7", true);
        check(&["10.0.0.0/8"], "unknown", false);
        check(&[], "127.0.0.1", false);
        assert!(AllowList::everybody().check(None).is_ok());
    }

    #[test]
    fn what_is_no_address_is_reported() {
        for entry in ["localhost", "10.0.0.0/33", "10.0.0", ""] {
            assert_eq!(AllowList::parse(&["10.0.0.1", entry]).unwrap_err(), BadAddress(entry.to_owned()));
        }
    }

    #[test]
    fn the_refusal_names_the_address() {
        let refusal = AllowList::parse(&["10.0.0.1"]).unwrap().check("10.0.0.2".parse().ok()).unwrap_err();
        assert_eq!(refusal.kind, Kind::IpNotAllowed);
        assert_eq!(refusal.message, "Access forbidden: IP address 10.0.0.2 not allowed.");
    }

    #[test]
    fn forwarded_for_counts_only_if_it_is_trusted() {
        let find = |value: &str, trusted| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static("x-forwarded-for"), value)]);
            client_address("10.0.0.9".parse().ok(), &headers, trusted).map(|address| address.to_string())
        };
        assert_eq!(find("203.0.113.7, 10.0.0.1", false).as_deref(), Some("10.0.0.9"));
        assert_eq!(find("203.0.113.7, 10.0.0.1", true).as_deref(), Some("203.0.113.7"));
        assert_eq!(find("203.0.113.7:4711", true).as_deref(), Some("203.0.113.7"));
        assert_eq!(find("[2001:db8::7]:4711", true).as_deref(), Some("2001:db8::7"));
        for garbage in ["", "unknown, 10.0.0.1", "für", "10.0.0.1.2"] {
            assert_eq!(find(garbage, true), None, "{garbage}");
        }
        assert_eq!(client_address(None, &HeaderMap::new(), true), None);
    }
}
