//! Calls to token endpoints, to the operator's webhooks and to where he keeps prices: rare, small, and not through the
//! request path's connectors, which carry client traffic.
//!
//! A connection serves one call: at one call an hour nothing would be kept anyway. TLS is rustls with `ring` and the
//! system's root certificates, as everywhere here. Redirects are not followed, so a secret stays with who it is for.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, Kind};

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A machine outside of a cloud has no metadata server; whoever waits should soon learn it.
const CONNECT: Duration = Duration::from_secs(3);

/// No token answer is larger.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// What an endpoint said.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Bytes,
}

impl Reply {
    /// Whether it did what was asked.
    pub fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }

    /// The kind of a refusal: what the caller of the endpoint did wrong, or the endpoint itself.
    pub fn failure(&self) -> Kind {
        match Kind::of_upstream(self.status, "") {
            Kind::RateLimited | Kind::InternalServer | Kind::ServiceUnavailable | Kind::ProviderOverloaded => {
                Kind::Connection
            }
            Kind::Timeout => Kind::Timeout,
            _ => Kind::Authentication,
        }
    }

    /// An error that names the endpoint and its code for the reason; `said` is for the log.
    pub fn refusal(&self, who: &str, code: Option<&str>, said: Option<&str>) -> Error {
        let reason = code.filter(|code| is_a_code(code)).map(|code| format!(" ({code})")).unwrap_or_default();
        let error = Error::new(self.failure(), format!("{who} gave no credential: status {}{reason}", self.status));
        match said {
            Some(said) => error.detail(said.chars().take(300).collect::<String>()),
            None => error,
        }
    }
}

/// Whether a text may be shown to a client: a word such as `invalid_grant`, not prose.
fn is_a_code(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// An answer that is not what the endpoint's documentation says.
pub fn garbled(who: &str) -> Error {
    Error::new(Kind::GarbledAnswer, format!("{who} answered something that holds no credential"))
}

/// Sends a request and reads the whole answer. Waits as long as it takes: the limit is the caller's.
///
/// # Errors
/// [`Kind::Connection`], without the address.
pub async fn send(who: &str, request: Request<Full<Bytes>>) -> Result<Reply, Error> {
    send_for(who, request, LARGEST_ANSWER).await
}

/// The same, for an answer of at most so many bytes.
///
/// # Errors
/// As [`send`].
pub async fn send_for(who: &str, request: Request<Full<Bytes>>, largest: usize) -> Result<Reply, Error> {
    let unreachable = |detail: String| Error::new(Kind::Connection, format!("{who} is not reachable")).detail(detail);
    let client = client().map_err(unreachable)?;
    let reply = client.request(request).await.map_err(|error| unreachable(chain(&error)))?;
    let status = reply.status().as_u16();
    let body = Limited::new(reply.into_body(), largest).collect().await;
    let body = body.map_err(|error| unreachable(chain(error.as_ref())))?;
    Ok(Reply { status, body: body.to_bytes() })
}

/// `GET` without a body.
///
/// # Errors
/// As [`send`].
pub async fn get(who: &str, url: &str, headers: &[(&str, &str)]) -> Result<Reply, Error> {
    send(who, request(who, "GET", url, headers, Bytes::new())?).await
}

/// `POST` of a form.
///
/// # Errors
/// As [`send`].
pub async fn post_form(who: &str, url: &str, fields: &[(&str, &str)]) -> Result<Reply, Error> {
    send(who, request(who, "POST", url, &[("content-type", FORM)], form(fields).into())?).await
}

/// The media type of [`form`].
pub const FORM: &str = "application/x-www-form-urlencoded";

/// `a=1&b=2`, percent-encoded.
pub fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}

/// A text as a value of a query or a form.
pub fn encode(text: &str) -> impl std::fmt::Display {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED)
}

/// A request.
///
/// # Errors
/// [`Kind::Connection`]: the configured URL or a header's value is none.
pub fn request(
    who: &str,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Error> {
    let builder = Request::builder().method(method).uri(url);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder
        .body(Full::new(body))
        .map_err(|error| Error::new(Kind::Connection, format!("{who} cannot be called")).detail(error.to_string()))
}

/// Built with the first call: a gateway without cloud credentials never reads the root certificates a second time.
fn client() -> Result<&'static HttpClient, String> {
    static CLIENT: OnceLock<Result<HttpClient, String>> = OnceLock::new();
    CLIENT.get_or_init(build).as_ref().map_err(Clone::clone)
}

fn build() -> Result<HttpClient, String> {
    let mut roots = rustls::RootCertStore::empty();
    // A machine without certificates can still ask metadata servers, which speak plain HTTP.
    match rustls_native_certs::load_native_certs() {
        Ok(certificates) => _ = roots.add_parsable_certificates(certificates),
        Err(error) => tracing::warn!(%error, "no root certificates for the clouds' token endpoints"),
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    let connector = connector.enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_percent_encoded() {
        assert_eq!(form(&[("a", "x y+z/é"), ("b", "~-._")]), "a=x%20y%2Bz%2F%C3%A9&b=~-._");
    }

    #[test]
    fn a_refusal_shows_a_code_but_no_prose() {
        let reply = Reply { status: 400, body: Bytes::new() };
        let error = reply.refusal("Someone", Some("invalid_grant"), Some("the long story"));
        assert_eq!(error.message, "Someone gave no credential: status 400 (invalid_grant)");
        assert_eq!(error.kind, Kind::Authentication);
        assert_eq!(reply.refusal("Someone", Some("a b"), None).message, "Someone gave no credential: status 400");
        assert_eq!(Reply { status: 503, body: Bytes::new() }.failure(), Kind::Connection);
    }

    /// Certificates are the system's, so a test can only be refused; but refused by TLS.
    #[tokio::test]
    async fn https_speaks_tls() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        };
        let (outcome, ()) = tokio::join!(get("Someone", &url, &[]), server);
        let error = outcome.err().unwrap();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Connection, "Someone is not reachable"));
        assert!(error.detail.unwrap().contains("InvalidContentType"));
    }
}
