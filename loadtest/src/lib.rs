//! The measuring side of Tollgate: an upstream to measure against, a load generator, and a fair comparison.
//!
//! In reading order:
//! - [`http1`]: body framing of HTTP/1.1, shared by both ends;
//! - [`mock`]: `loadtest mock`, an upstream that speaks OpenAI's wire format and fails on request;
//! - [`client`]: one HTTP/1.1 client connection that costs little and counts events;
//! - [`stats`]: what was measured: percentiles, statuses, errors;
//! - [`drive`]: closed and open loop over many connections;
//! - [`run`] and [`soak`]: the commands around it;
//! - [`process`], [`procfs`], [`bare`] and [`compare`]: several gateways side by side, with their CPU time and memory;
//! - [`proof`]: what must hold whatever happens, with real processes: no cent too much, none twice, none lost;
//! - [`fault`]: providers that fail, and how little of it a client notices.
//!
//! Both HTTP ends are written by hand over plain TCP. A general HTTP library costs about as much per request as the
//! gateways under test, and on a small machine that would measure the library.

pub mod bare;
pub mod client;
pub mod compare;
pub mod drive;
pub mod fault;
pub mod http1;
pub mod mock;
pub mod process;
pub mod procfs;
pub mod proof;
pub mod run;
pub mod soak;
pub mod stats;

/// Any failure of a command: only ever shown to the person who ran it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a command returns.
pub type Result<T> = std::result::Result<T, Failure>;
