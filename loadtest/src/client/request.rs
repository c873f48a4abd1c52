//! Where requests go and what they hold. The bytes are built once per model and sent over and over.

use std::net::SocketAddr;

use serde_json::json;

use crate::Result;

/// Text per message of a generated prompt, in bytes: a large body is a long conversation, as in practice.
const MESSAGE_SIZE: usize = 8 * 1024;

/// An HTTP server that requests are sent to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Resolved once: the name's look-up is not what is measured.
    pub address: SocketAddr,
    /// For the `host` header.
    pub host: String,
    /// Path of the operation.
    pub path: String,
}

impl Target {
    /// `http://HOST:PORT`, with or without `/v1`; the operation is `chat/completions`.
    ///
    /// # Errors
    /// Another scheme, or a host that does not resolve.
    pub async fn new(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url}: not an http:// URL"))?;
        let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let address = tokio::net::lookup_host(&with_port).await?.next().ok_or_else(|| format!("{host}: no address"))?;
        let prefix = prefix.trim_end_matches('/').trim_end_matches("/chat/completions");
        let prefix = if prefix.is_empty() { "v1" } else { prefix };
        Ok(Self { address, host: host.to_owned(), path: format!("/{prefix}/chat/completions") })
    }
}

/// What a generated call looks like.
#[derive(Clone, Debug)]
pub struct CallShape {
    /// Bearer token.
    pub key: Option<String>,
    /// Ask for a stream.
    pub stream: bool,
    /// Ask for the usage chunk of a stream.
    pub include_usage: bool,
    /// Length of the JSON body, in bytes; a shorter one than the frame of the call is not possible.
    pub body_size: usize,
}

/// Head and body of one call, ready to be written.
pub fn call_bytes(target: &Target, shape: &CallShape, model: &str) -> Vec<u8> {
    let body = body(shape, model);
    let key = shape.key.as_ref().map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    let mut wire = format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\nuser-agent: tollgate-loadtest\r\naccept: */*\r\n{key}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        target.path,
        target.host,
        body.len()
    )
    .into_bytes();
    wire.extend_from_slice(body.as_bytes());
    wire
}

/// A chat call of exactly `body_size` bytes, if the frame fits into it.
fn body(shape: &CallShape, model: &str) -> String {
    let frame = body_with(shape, model, &[String::new()]).len();
    let mut text = filler(shape.body_size.saturating_sub(frame));
    // Each further message costs its own frame; the last one makes up for it.
    let n_messages = text.len() / MESSAGE_SIZE + 1;
    let message_frame = body_with(shape, model, &vec![String::new(); n_messages]).len() - frame;
    text.truncate(text.len().saturating_sub(message_frame));
    let mut messages: Vec<String> = Vec::with_capacity(n_messages);
    while messages.len() + 1 < n_messages && text.len() > MESSAGE_SIZE {
        let rest = text.split_off(MESSAGE_SIZE);
        messages.push(std::mem::replace(&mut text, rest));
    }
    messages.push(text);
    messages.resize(n_messages, String::new());
    body_with(shape, model, &messages)
}

/// The order of the fields is that of the official Python SDK: the model stands behind the messages.
fn body_with(shape: &CallShape, model: &str, messages: &[String]) -> String {
    let messages: Vec<_> = messages.iter().map(|text| json!({"role": "user", "content": text})).collect();
    let mut call = json!({"messages": messages, "model": model, "temperature": 0.7});
    if let Some(fields) = call.as_object_mut() {
        if shape.stream {
            fields.insert("stream".to_owned(), json!(true));
        }
        if shape.stream && shape.include_usage {
            fields.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
    }
    call.to_string()
}

/// Plain words: nothing that JSON escapes, so that the length of the text is its length in the body.
fn filler(length: usize) -> String {
    let words = "The quick brown fox reads 42 prompts, counts tokens and jumps over the lazy dog. ";
    words.chars().cycle().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_size_that_was_asked_for() {
        for stream in [false, true] {
            for body_size in [256, 1024, 8_400, 20_000, 204_800, 1_000_000] {
                let shape = CallShape { key: None, stream, include_usage: stream, body_size };
                let body = body(&shape, "m");
                assert_eq!(body.len(), body_size);
                let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert_eq!(parsed["model"], "m");
            }
        }
        let shape = CallShape { key: None, stream: false, include_usage: false, body_size: 0 };
        assert!(serde_json::from_str::<serde_json::Value>(&body(&shape, "m")).is_ok());
    }

    #[tokio::test]
    async fn urls_with_and_without_a_path() {
        for (url, path) in [
            ("http://127.0.0.1:4000", "/v1/chat/completions"),
            ("http://127.0.0.1:4000/v1/", "/v1/chat/completions"),
            ("http://127.0.0.1:4000/openai/v1/chat/completions", "/openai/v1/chat/completions"),
        ] {
            assert_eq!(Target::new(url).await.unwrap().path, path);
        }
        assert!(Target::new("https://127.0.0.1:1").await.is_err());
    }
}
