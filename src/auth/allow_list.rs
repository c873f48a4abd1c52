//! `allowed_ips` and the address that it is held against.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};

use crate::error::{Error, Kind};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks that may call. An empty list lets everybody in.
#[derive(Clone, Debug, Default)]
pub struct AllowList(Vec<IpNet>);

impl AllowList {
    /// The entries of `allowed_ips`, single addresses among them as networks of one. `0.0.0.0/0` means everybody, over
    /// IPv6 too.
    pub fn new(networks: Vec<IpNet>) -> Self {
        let is_everybody = networks.contains(&IpNet::from(Ipv4Net::default()));
        Self(if is_everybody { Vec::new() } else { networks })
    }

    /// Whether everybody is let in, so that the address need not be found out.
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets an address on the list pass; `None` = it could not be found out.
    ///
    /// # Errors
    /// LiteLLM's refusal.
    pub fn check(&self, client: Option<IpAddr>) -> Result<(), Error> {
        // A socket for both families shows an IPv4 client as ::ffff:1.2.3.4.
        let client = client.map(|address| address.to_canonical());
        if self.is_open() || client.is_some_and(|address| self.0.iter().any(|network| network.contains(&address))) {
            return Ok(());
        }
        let shown = client.map_or_else(|| "None".to_owned(), |address| address.to_string());
        let text = format!("Access forbidden: IP address {shown} not allowed.");
        Err(Error::new(Kind::IpNotAllowed, text).param("None"))
    }
}

/// The client's address: of the connection, or the last hop in `x-forwarded-for` if the operator trusts that header
/// (`use_x_forwarded_for`). The last hop is what the nearest proxy saw; all before it is what the client may have made
/// up. A last hop that is no address gives `None`, never the proxy's own address.
pub fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, use_x_forwarded_for: bool) -> Option<IpAddr> {
    match headers.get_all(&X_FORWARDED_FOR).iter().next_back() {
        Some(hops) if use_x_forwarded_for => hops.to_str().ok()?.rsplit(',').next().and_then(hop_address),
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

    fn list(networks: &[&str]) -> AllowList {
        AllowList::new(networks.iter().map(|network| network.parse().unwrap()).collect())
    }

    fn check(networks: &[&str], client: &str, allowed: bool) {
        assert_eq!(list(networks).check(client.parse().ok()).is_ok(), allowed, "{networks:?} {client}");
    }

    #[test]
    fn addresses_and_networks() {
        check(&["192.168.1.1/32"], "192.168.1.1", true);
        check(&["192.168.1.1/32"], "192.168.1.2", false);
        check(&["192.168.1.1/32"], "::ffff:192.168.1.1", true);
        check(&["10.0.0.0/8", "2001:db8::/32"], "10.255.0.1", true);
        check(&["10.0.0.0/8", "2001:db8::/32"], "2001:db8::7", true);
        check(&["10.0.0.0/8", "2001:db8::/32"], "11.0.0.1", false);
        check(&["10.0.0.0/8"], "unknown", false);
        for everybody in [&[][..], &["10.0.0.0/8", "0.0.0.0/0"]] {
            assert!(list(everybody).is_open());
            check(everybody, "203.0.113.9", true);
            check(everybody, "2001:db8::7", true);
            check(everybody, "unknown", true);
        }
    }

    #[test]
    fn the_refusal_names_the_address() {
        let refusal = list(&["10.0.0.1/32"]).check("10.0.0.2".parse().ok()).unwrap_err();
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
        assert_eq!(find("10.0.0.1, 203.0.113.7", false).as_deref(), Some("10.0.0.9"));
        assert_eq!(find("10.0.0.1, 203.0.113.7", true).as_deref(), Some("203.0.113.7"));
        assert_eq!(find("203.0.113.7:4711", true).as_deref(), Some("203.0.113.7"));
        assert_eq!(find("[2001:db8::7]:4711", true).as_deref(), Some("2001:db8::7"));
        for garbage in ["", "10.0.0.1, unknown", "für", "10.0.0.1.2"] {
            assert_eq!(find(garbage, true), None, "{garbage}");
        }
        assert_eq!(client_address(None, &HeaderMap::new(), true), None);
    }
}
