//! `tollgate:`, the section that LiteLLM does not have.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Compat;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

/// Where the line per request goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// With the other log lines.
    #[default]
    On,
    Off,
    /// Into a file of its own.
    File(PathBuf),
}

/// Every wait of the data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP and TLS to an upstream; 5 s.
    pub connect: Duration,
    /// From the request sent to the upstream's first byte; 600 s.
    pub first_byte: Duration,
    /// Between two bytes of an answer; 120 s.
    pub between_bytes: Duration,
    /// A whole call with its retries; `litellm_settings.request_timeout`, else 6000 s.
    pub total: Duration,
    /// Between two pieces of a client's body; 60 s.
    pub client_body: Duration,
    /// An idle client connection; 75 s.
    pub client_keepalive: Duration,
    /// A write that the client does not take; 60 s.
    pub client_write: Duration,
}

/// Connections kept to upstreams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamKeepalive {
    /// Idle connections kept at most, per upstream; 512.
    pub pool_size: usize,
    /// Closed after this idle time; 60 s.
    pub idle: Duration,
}

/// `tollgate.rescue`: what is done for a request whose provider fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescue {
    /// `streams`: a stream that breaks after it has begun goes on with another deployment; on.
    pub streams: bool,
    /// `hold_bytes`: text that is held back at the beginning of a stream, so that what breaks within it is tried again
    /// unseen; 0.
    pub hold_bytes: usize,
    /// `stall`: a stream that has begun may be silent so long where another deployment could go on with it; 20 s.
    pub stall: Duration,
    /// `adaptive_first_token`: where nobody has set a `stream_timeout`, a stream that does not begin in time is tried
    /// elsewhere; on.
    pub adaptive_first_token: bool,
    /// `refusals_use_fallbacks`: a prompt that a provider refuses goes to `fallbacks` too, as LiteLLM lets it; off.
    pub refusals_anywhere: bool,
}

/// What is done with more requests than deployments can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// Deployments without `max_parallel_requests` have a limit that their answers teach; true unless said.
    pub adaptive_concurrency: bool,
    /// Requests that wait for one model group; `None`: four for each place.
    pub queue_length: Option<usize>,
    /// How long they wait; `None`: 5 s.
    pub queue_wait: Option<Duration>,
}

/// Our own settings.
#[derive(Clone, Debug)]
pub struct TollgateSettings {
    /// Which LiteLLM release is answered like.
    pub litellm_compat: Compat,
    /// Worker threads; the number of cores unless said.
    pub threads: usize,
    /// HTTP/2 without TLS for clients.
    pub h2c: bool,
    pub data_dir: Option<PathBuf>,
    /// How long keys are good that only the store knows of, while it is away.
    pub keys_without_store: Duration,
    /// What the spend journal may take of the disk while the store is away, in bytes.
    pub spend_journal_size: u64,
    /// `None`: text on a terminal, else JSON.
    pub log_format: Option<LogFormat>,
    pub access_log: AccessLog,
    pub timeouts: Timeouts,
    pub upstream_keepalive: UpstreamKeepalive,
    pub rescue: Rescue,
    /// Group → how many requests in a hundred may be sent twice; `*` is every group without its own.
    pub hedging: HashMap<String, u32>,
    /// Requests at the same time; above it 503. `None`: as many as there are files for.
    pub max_in_flight: Option<usize>,
    pub overload: Overload,
}
