//! Keys that a command prints: `credential_process` of a profile.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use serde::Deserialize;

use super::super::cached::WAIT;
use super::super::http::garbled;
use super::sts::date;
use crate::error::{Error, Kind};

/// For messages.
pub const PROCESS: &str = "the AWS credential process";
/// Between two looks whether the command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The version of the answer that is understood.
const VERSION: u64 = 1;

/// Runs the command by the shell, as AWS's own tools do. It is killed after [`WAIT`].
/// Nothing of what it prints stands in an error: it may be a secret.
///
/// # Errors
/// [`Kind::Authentication`] where it fails or does not end; [`Kind::GarbledAnswer`] where it prints no keys.
pub async fn keys(command: &str) -> Result<Credentials, Error> {
    read(&run(command, WAIT).await?)
}

async fn run(command: &str, limit: Duration) -> Result<Vec<u8>, Error> {
    let started = Instant::now();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = shell.spawn().map_err(|error| failed("cannot be run", error.to_string()))?;
    // What it prints fits into the pipe; a command that prints more waits for a reader until it is killed.
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return printed(&mut child),
            Ok(Some(status)) => return Err(failed("has failed", status.to_string())),
            Ok(None) if started.elapsed() < limit => tokio::time::sleep(LOOK_EVERY).await,
            Ok(None) => {
                stop(&mut child);
                return Err(failed("did not end in time", format!("{limit:?}")));
            }
            Err(error) => {
                stop(&mut child);
                return Err(failed("cannot be waited for", error.to_string()));
            }
        }
    }
}

fn printed(child: &mut Child) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let read = child.stdout.take().map(|mut output| output.read_to_end(&mut text));
    match read {
        Some(Err(error)) => Err(failed("cannot be read", error.to_string())),
        _ => Ok(text),
    }
}

fn stop(child: &mut Child) {
    // It may have ended by now.
    let _ended = child.kill().and_then(|()| child.wait());
}

fn failed(how: &str, detail: String) -> Error {
    Error::new(Kind::Authentication, format!("{PROCESS} {how}")).detail(detail)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    version: u64,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    /// Without one the keys do not end.
    expiration: Option<String>,
}

fn read(printed: &[u8]) -> Result<Credentials, Error> {
    let answer: Answer = serde_json::from_slice(printed).map_err(|_| garbled(PROCESS))?;
    let end = match answer.expiration.as_deref() {
        Some(text) => Some(date(text).ok_or_else(|| garbled(PROCESS))?),
        None => None,
    };
    if answer.version != VERSION {
        return Err(garbled(PROCESS));
    }
    Ok(Credentials::new(answer.access_key_id, answer.secret_access_key, answer.session_token, end, PROCESS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_fails_or_hangs_is_told_of_without_its_words() {
        let failure = run("echo sk-canary; echo sk-canary >&2; exit 3", WAIT).await.unwrap_err();
        assert_eq!((failure.kind, &*failure.message), (Kind::Authentication, "the AWS credential process has failed"));
        let hanging = run("echo sk-canary; exec sleep 600", Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(&*hanging.message, "the AWS credential process did not end in time");
        for error in [failure, hanging] {
            assert!(!format!("{error:?}").contains("canary"));
        }
    }

    #[test]
    fn what_it_prints_is_keys_or_an_error() {
        let keys = read(br#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2030-01-01T00:00:00Z"}"#);
        let keys = keys.unwrap();
        assert_eq!((keys.access_key_id(), keys.session_token()), ("A", Some("T")));
        assert!(keys.expiry().is_some());
        let endless = read(br#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S"}"#).unwrap();
        assert_eq!(endless.expiry(), None);
        for wrong in [
            "",
            "sk-canary",
            r#"{"Version":2,"AccessKeyId":"A","SecretAccessKey":"sk-canary"}"#,
            r#"{"Version":1,"AccessKeyId":"A"}"#,
            r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"sk-canary","Expiration":"tomorrow"}"#,
        ] {
            let error = read(wrong.as_bytes()).unwrap_err();
            assert!(error.kind == Kind::GarbledAnswer && !format!("{error:?}").contains("canary"), "{wrong}");
        }
    }
}
