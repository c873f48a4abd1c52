//! `tollgate`, our own section: strict, because nobody else's file holds it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Sections;
use crate::config::raw::keys;
use crate::config::raw::section::Section;
use crate::config::{AccessLog, LogFormat, Timeouts, TollgateSettings, UpstreamKeepalive};
use crate::error::Compat;

/// Threads at most: more is a slip of the finger.
const MOST_THREADS: u64 = 1024;
/// Connections kept idle unless said.
const POOL_SIZE: usize = 512;
/// How long they are kept unless said.
const POOL_IDLE: Duration = Duration::from_secs(60);

pub(super) fn read(sections: &Sections<'_>) -> TollgateSettings {
    let empty = Map::new();
    let map = sections.top.mapping("tollgate").unwrap_or(&empty);
    let tollgate = Section::new("tollgate", map, sections.top.problems());
    tollgate.check_keys(&keys::TOLLGATE);
    TollgateSettings {
        litellm_compat: compat(tollgate),
        threads: threads(tollgate),
        h2c: tollgate.flag("h2c").unwrap_or(false),
        data_dir: tollgate.text("data_dir").map(PathBuf::from),
        log_format: log_format(tollgate),
        access_log: access_log(tollgate),
        timeouts: timeouts(tollgate, sections.litellm),
        upstream_keepalive: upstream_keepalive(tollgate),
        max_in_flight: tollgate.count("max_in_flight").and_then(|most| usize::try_from(most).ok()),
    }
}

fn compat(tollgate: Section<'_>) -> Compat {
    match tollgate.text("litellm_compat").as_deref() {
        None | Some("1.106") => Compat::V1_106,
        // Without quotes, YAML reads the number 1.8.
        Some("1.80" | "1.8") => Compat::V1_80,
        Some(_) => {
            tollgate.error("litellm_compat", "expected \"1.106\" or \"1.80\"");
            Compat::default()
        }
    }
}

fn threads(tollgate: Section<'_>) -> usize {
    let said = tollgate.count("threads").and_then(|threads| {
        let usable = (1..=MOST_THREADS).contains(&threads);
        if !usable {
            tollgate.error("threads", format!("must be between 1 and {MOST_THREADS}"));
        }
        usize::try_from(threads).ok().filter(|_| usable)
    });
    said.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1)
}

fn log_format(tollgate: Section<'_>) -> Option<LogFormat> {
    match tollgate.text("log_format")?.as_str() {
        "json" => Some(LogFormat::Json),
        "text" => Some(LogFormat::Text),
        _ => {
            tollgate.error("log_format", "expected json or text");
            None
        }
    }
}

fn access_log(tollgate: Section<'_>) -> AccessLog {
    match tollgate.get("access_log") {
        None => AccessLog::On,
        Some(Value::String(path)) if path.contains('/') => AccessLog::File(PathBuf::from(path)),
        Some(Value::Bool(_)) if tollgate.flag("access_log") == Some(false) => AccessLog::Off,
        Some(Value::Bool(_)) => AccessLog::On,
        Some(_) => {
            tollgate.error("access_log", "expected true, false, or a path with a / in it");
            AccessLog::On
        }
    }
}

fn timeouts(tollgate: Section<'_>, litellm: Section<'_>) -> Timeouts {
    let request_timeout = litellm.wait("request_timeout");
    let read = tollgate.with("timeouts", |section| {
        section.check_keys(&keys::TIMEOUTS);
        timeouts_over_defaults(Some(section), request_timeout)
    });
    read.unwrap_or_else(|| timeouts_over_defaults(None, request_timeout))
}

/// The defaults are in the documentation of [`Timeouts`].
fn timeouts_over_defaults(section: Option<Section<'_>>, request_timeout: Option<Duration>) -> Timeouts {
    let said = |key: &str| section.and_then(|section| section.wait(key));
    let seconds = |key: &str, default: u64| said(key).unwrap_or(Duration::from_secs(default));
    Timeouts {
        connect: seconds("connect", 5),
        first_byte: seconds("first_byte", 600),
        between_bytes: seconds("between_bytes", 120),
        total: said("total").or(request_timeout).unwrap_or(Duration::from_secs(6000)),
        client_body: seconds("client_body", 60),
        client_keepalive: seconds("client_keepalive", 75),
        client_write: seconds("client_write", 60),
    }
}

fn upstream_keepalive(tollgate: Section<'_>) -> UpstreamKeepalive {
    let read = tollgate.with("upstream_keepalive", |section| {
        section.check_keys(&keys::UPSTREAM_KEEPALIVE);
        let pool_size = section.count("pool_size").and_then(|size| usize::try_from(size).ok());
        (pool_size, section.wait("idle"))
    });
    let (pool_size, idle) = read.unwrap_or_default();
    UpstreamKeepalive { pool_size: pool_size.unwrap_or(POOL_SIZE), idle: idle.unwrap_or(POOL_IDLE) }
}
