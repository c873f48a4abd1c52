//! Whole credentials against small servers on the loopback, which play the clouds' token endpoints.

mod aws;
mod entra;
mod google;
mod server;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use super::*;
use crate::error::Kind;
use server::Server;

/// Nothing with this in it may ever be printed.
const CANARY: &str = "sk-canary";

/// 2015-08-30T12:36:00Z
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160)
}

fn after(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

/// Credentials from parameters and variables.
fn load(cloud: Cloud<'_>, params: &[(&str, &str)], env: &[(&str, &str)]) -> Result<Option<Credentials>, String> {
    let params: BTreeMap<String, Secret> =
        params.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    let env: HashMap<&str, &str> = env.iter().copied().collect();
    Credentials::from_params(cloud, &params, None, &|name| env.get(name).map(|value| (*value).to_owned()))
}

fn loaded(cloud: Cloud<'_>, params: &[(&str, &str)], env: &[(&str, &str)]) -> Credentials {
    let credentials = load(cloud, params, env).unwrap().unwrap();
    assert!(!format!("{credentials:?}").contains(CANARY));
    credentials
}

/// The header lines of a request at this time, by name.
async fn lines(credentials: &Credentials, now: SystemTime) -> Result<BTreeMap<String, String>, Error> {
    let body = [Bytes::from_static(b"{}")];
    let request = ToSign {
        method: "POST",
        authority: "bedrock-runtime.eu-west-1.amazonaws.com",
        target: "/model/m/converse",
        headers: &[("content-type", "application/json")],
        body: &body,
        now,
    };
    let outcome = credentials.authorize(&request).await;
    if let Ok(lines) = &outcome {
        assert!(!format!("{lines:?}").contains(CANARY), "{lines:?}");
    }
    if let Err(error) = &outcome {
        assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
    }
    let text = |(name, value): (HeaderName, HeaderValue)| (name.to_string(), value.to_str().unwrap().to_owned());
    Ok(outcome?.into_iter().map(text).collect())
}

async fn authorization(credentials: &Credentials, now: SystemTime) -> String {
    lines(credentials, now).await.unwrap().remove("authorization").unwrap()
}

/// Every cloud fails in the same three ways; `make` gets the address of an endpoint.
async fn check_failures(make: impl Fn(&str) -> Credentials, refusal: &'static str, code: &str) {
    let refusing = Server::start(move |_| Some((400, refusal.to_owned()))).await;
    let error = lines(&make(&refusing.url()), now()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Authentication);
    assert!(error.message.contains(code), "{}", error.message);

    let failing = Server::start(|_| Some((503, String::new()))).await;
    assert_eq!(lines(&make(&failing.url()), now()).await.unwrap_err().kind, Kind::Connection);

    let babbling = Server::start(|_| Some((200, "<html>".to_owned()))).await;
    assert_eq!(lines(&make(&babbling.url()), now()).await.unwrap_err().kind, Kind::GarbledAnswer);

    let gone = Server::start(|_| None).await;
    let url = gone.url();
    drop(gone);
    assert_eq!(lines(&make(&url), now()).await.unwrap_err().kind, Kind::Connection);

    let hanging = Server::start(|_| None).await;
    let credentials = make(&hanging.url());
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let error = lines(&credentials, now()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Timeout);
    assert_eq!(started.elapsed().as_secs(), WAIT.as_secs());
    tokio::time::resume();
}

/// A token that lives an hour is asked for once, and once more before its end.
async fn check_cached(credentials: &Credentials, server: &Server) {
    let all = futures::future::join_all((0..100).map(|_| lines(credentials, now()))).await;
    assert!(all.iter().all(Result::is_ok), "{:?}", all.iter().find(|outcome| outcome.is_err()));
    let first = server.seen().len();
    for _ in 0..10 {
        lines(credentials, after(3000)).await.unwrap();
    }
    assert_eq!(server.seen().len(), first);
    for _ in 0..10 {
        lines(credentials, after(3400)).await.unwrap();
    }
    server.wait_for(first * 2).await;
    assert_eq!(server.seen().len(), first * 2);
}
