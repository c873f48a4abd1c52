//! `tollgate`, our own section: strict, because nobody else's file holds it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Sections;
use crate::config::raw::keys;
use crate::config::raw::section::Section;
use crate::config::{AccessLog, LogFormat, Overload, Rescue, Timeouts, TollgateSettings, UpstreamKeepalive};
use crate::error::Compat;
use crate::router::patience::STALL;

/// Threads at most: more is a slip of the finger.
const MOST_THREADS: u64 = 1024;
/// How long keys are good without the store that knows of them, unless said.
const KEYS_WITHOUT_STORE: Duration = Duration::from_secs(3_600);
/// What the spend journal may take unless said: some 25 million calls.
const SPEND_JOURNAL_SIZE_MB: u64 = 10 << 10;
/// Some segments, so that old ones can go while new ones are written.
const LEAST_JOURNAL_MB: u64 = 64;
/// A petabyte is a slip of the finger.
const MOST_JOURNAL_MB: u64 = 1 << 30;
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
        keys_without_store: tollgate.wait("keys_without_store").unwrap_or(KEYS_WITHOUT_STORE),
        spend_journal_size: spend_journal_size(tollgate) << 20,
        log_format: log_format(tollgate),
        access_log: access_log(tollgate),
        timeouts: timeouts(tollgate, sections.litellm),
        upstream_keepalive: upstream_keepalive(tollgate),
        rescue: rescue(tollgate),
        hedging: hedging(tollgate),
        max_in_flight: tollgate.count("max_in_flight").and_then(|most| usize::try_from(most).ok()),
        overload: overload(tollgate),
    }
}

fn spend_journal_size(tollgate: Section<'_>) -> u64 {
    let said = tollgate.count("spend_journal_size_mb").unwrap_or(SPEND_JOURNAL_SIZE_MB);
    if !(LEAST_JOURNAL_MB..=MOST_JOURNAL_MB).contains(&said) {
        tollgate.error("spend_journal_size_mb", format!("must be between {LEAST_JOURNAL_MB} and {MOST_JOURNAL_MB}"));
    }
    said.clamp(LEAST_JOURNAL_MB, MOST_JOURNAL_MB)
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

fn overload(tollgate: Section<'_>) -> Overload {
    let read = tollgate.with("overload", |section| {
        section.check_keys(&keys::OVERLOAD);
        Overload {
            adaptive_concurrency: section.flag("adaptive_concurrency").unwrap_or(true),
            queue_length: section.count("queue_length").and_then(|most| usize::try_from(most).ok()),
            queue_wait: section.duration("queue_wait"),
        }
    });
    read.unwrap_or(Overload { adaptive_concurrency: true, queue_length: None, queue_wait: None })
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

/// The defaults are in the documentation of [`Rescue`].
fn rescue(tollgate: Section<'_>) -> Rescue {
    let read = |section: Option<Section<'_>>| {
        let flag = |key: &str| section.and_then(|section| section.flag(key));
        let hold = section.and_then(|section| section.count("hold_bytes"));
        Rescue {
            streams: flag("streams").unwrap_or(true),
            hold_bytes: hold.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0),
            stall: section.and_then(|section| section.wait("stall")).unwrap_or(STALL),
            adaptive_first_token: flag("adaptive_first_token").unwrap_or(true),
            refusals_anywhere: flag("refusals_use_fallbacks").unwrap_or(false),
        }
    };
    let said = tollgate.with("rescue", |section| {
        section.check_keys(&keys::RESCUE);
        read(Some(section))
    });
    said.unwrap_or_else(|| read(None))
}

fn hedging(tollgate: Section<'_>) -> HashMap<String, u32> {
    let mut percents = HashMap::new();
    tollgate.with("hedging", |section| {
        for group in section.map().keys() {
            match section.small_count(group) {
                Some(percent @ 1..=100) => _ = percents.insert(group.clone(), percent),
                Some(0) | None => {}
                Some(_) => section.error(group, "more than 100 in a hundred"),
            }
        }
    });
    percents
}
