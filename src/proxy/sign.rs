//! The last lines of a request's head: what proves who is calling, where that takes more than one key.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;

use super::open::Ask;
use crate::error::{Error, Kind};
use crate::providers::credentials::ToSign;

/// The head with the lines that prove who calls.
///
/// # Errors
/// When the credentials cannot be had.
pub async fn signed<'h>(ask: &Ask<'_>, head: &'h [u8], body: &[Bytes]) -> Result<Cow<'h, [u8]>, Error> {
    let Some(credentials) = &ask.target.credentials else { return Ok(Cow::Borrowed(head)) };
    let text = std::str::from_utf8(head)
        .map_err(|_| Error::new(Kind::Internal, "Internal error.").detail("a head that is not text"))?;
    let mut lines = text.split_terminator("\r\n");
    let mut request_line = lines.next().unwrap_or_default().split(' ');
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let authority = headers.iter().find(|(name, _)| *name == "host").map_or("", |(_, value)| value);
    let to_sign = ToSign {
        method: request_line.next().unwrap_or_default(),
        authority,
        target: request_line.next().unwrap_or_default(),
        headers: &headers,
        body,
        now: SystemTime::now(),
    };
    let proof = credentials.authorize(&to_sign).await?;
    let mut signed = Vec::with_capacity(head.len() + 1024);
    signed.extend_from_slice(head);
    for (name, value) in proof {
        signed.extend_from_slice(name.as_str().as_bytes());
        signed.extend_from_slice(b": ");
        signed.extend_from_slice(value.as_bytes());
        signed.extend_from_slice(b"\r\n");
    }
    Ok(Cow::Owned(signed))
}
