//! The log of everything that is not a request: start, reload, upstream trouble. It goes to standard error; the access
//! lines go to standard output (see [`super::access_line`]).

use tracing_subscriber::EnvFilter;

/// How lines are written, for the log and for the access lines alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people: `key=value` pairs.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Starts the log. The filter is `TOLLGATE_LOG`, else LiteLLM's `LITELLM_LOG`, else `default_level`.
///
/// A second call in one process does nothing.
pub fn start(format: Format, default_level: &str) {
    let directives = std::env::var("TOLLGATE_LOG")
        .or_else(|_| std::env::var("LITELLM_LOG").map(|level| level.to_lowercase()))
        .unwrap_or_else(|_| default_level.to_owned());
    // Pingora tells every step of its start at this level; the signer prints session tokens at its most talkative.
    let quiet = |level: &str| format!("{level},pingora_core=warn,pingora_proxy=warn,aws_sigv4=debug");
    let filter = EnvFilter::try_new(quiet(&directives)).unwrap_or_else(|_| EnvFilter::new(quiet(default_level)));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _already_started = match format {
        Format::Text => builder.with_ansi(false).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
}
