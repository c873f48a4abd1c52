//! The address of a deployment: an `api_base` taken apart once, when the configuration is loaded, so that a request
//! only joins a path.

use std::fmt;

use http::Uri;

/// Where a deployment is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// `https`.
    pub tls: bool,
    /// Name or address; an IPv6 address stands without its brackets. The name for SNI.
    pub host: String,
    /// Given, or 443 or 80 by scheme.
    pub port: u16,
    /// Path of the base URL without a trailing slash: `/v1`, or empty.
    pub base_path: String,
    /// Query of the base URL, put behind each path (`api-version=…`).
    pub query: Option<String>,
}

/// Why an `api_base` is no address. Holds no part of it: a URL can carry a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointError {
    /// It does not parse as a URL.
    NotAUrl,
    /// Neither `http://` nor `https://` stands in front.
    NoScheme,
    /// `user:password@` in front of the host: not sent by anyone, so refused.
    UserInfo,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EndpointError::NotAUrl => "is not a URL",
            EndpointError::NoScheme => "must begin with http:// or https://",
            EndpointError::UserInfo => "must not hold a user name or password; use api_key",
        })
    }
}

impl std::error::Error for EndpointError {}

impl Endpoint {
    /// Takes an `api_base` apart; a trailing slash makes no difference.
    pub fn parse(api_base: &str) -> Result<Self, EndpointError> {
        let uri: Uri = api_base.trim().parse().map_err(|_| EndpointError::NotAUrl)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(EndpointError::NoScheme),
        };
        let authority = uri.authority().ok_or(EndpointError::NotAUrl)?;
        if authority.as_str().contains('@') {
            return Err(EndpointError::UserInfo);
        }
        // `http` accepts `host:` and `host:99999` as an authority; only what stands behind the host tells.
        let behind_host = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let port = match behind_host.strip_prefix(':') {
            Some(digits) => digits.parse().map_err(|_| EndpointError::NotAUrl)?,
            None if tls => 443,
            None => 80,
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(EndpointError::NotAUrl);
        }
        Ok(Self {
            tls,
            host,
            port,
            base_path: uri.path().trim_end_matches('/').to_owned(),
            query: uri.query().filter(|query| !query.is_empty()).map(str::to_owned),
        })
    }

    /// The value of the `host` header: the port stands only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            _ => format!("{host}:{}", self.port),
        }
    }

    /// The base URL, for people.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(), self.base_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str) -> Result<String, EndpointError> {
        Endpoint::parse(base).map(|endpoint| endpoint.url())
    }

    #[test]
    fn a_base_url_becomes_an_address() {
        for (base, expected) in [
            ("https://api.openai.com/v1", Ok("https://api.openai.com/v1")),
            ("https://api.openai.com/v1/", Ok("https://api.openai.com/v1")),
            ("http://localhost:8000", Ok("http://localhost:8000")),
            ("http://LOCALHOST:80/", Ok("http://localhost")),
            ("http://[::1]:9000/v1", Ok("http://[::1]:9000/v1")),
            ("https://x.test/a?api-version=1", Ok("https://x.test/a")),
            ("localhost:8000", Err(EndpointError::NoScheme)),
            ("ftp://x.test", Err(EndpointError::NoScheme)),
            ("https://user:pw@x.test", Err(EndpointError::UserInfo)),
            ("https://x.test:99999", Err(EndpointError::NotAUrl)),
            ("https://x.test:/v1", Err(EndpointError::NotAUrl)),
            ("", Err(EndpointError::NotAUrl)),
            ("https://a b", Err(EndpointError::NotAUrl)),
        ] {
            assert_eq!(url(base), expected.map(str::to_owned), "{base}");
        }
    }

    #[test]
    fn an_ipv6_host_stands_without_brackets_for_the_connector() {
        assert_eq!(
            Endpoint::parse("https://[2001:db8::1]/v1").map(|e| (e.host, e.port)),
            Ok(("2001:db8::1".into(), 443))
        );
    }
}
