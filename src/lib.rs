//! Tollgate: an LLM edge gateway on Pingora that reads LiteLLM's `config.yaml` and serves LiteLLM's HTTP API.
//!
//! In the order in which a reader needs them:
//!
//! - [`app`] builds everything from the configuration and runs it; the only module that knows all others.
//! - [`admin`] is the control plane: keys, users, teams, ... over HTTP.
//! - [`proxy`] is the data plane: a request passes through its files in the order that `proxy/mod.rs` lists.
//! - [`config`] reads the YAML in two steps (what was said, what it means) and reports every mistake with its path.
//! - [`providers`] is the table of who can be called, and how.
//! - [`telemetry`] is what an operator sees: metrics, one line a request, the log.
//! - [`auth`] turns a presented key into a caller, [`router`] a model name into a deployment. Both are pure: no I/O,
//!   and time and randomness are arguments.
//! - [`wire`] knows the bytes: what a body says at its top level, how a field is replaced without touching the rest, how
//!   an event stream is read while it passes, and how all of it is said in another dialect. Pure too.
//! - [`limiter`] counts what a key, a team, a user may still use: requests, tokens, money. Pure too.
//! - [`pricing`] is what a model costs, and a call: exact, in pico-dollars. Pure too.
//! - [`store`] is what outlives the process: the database of what is managed and spent, and the journal before it.
//! - [`admin`] is the management API.
//! - [`error`] is the one table from what went wrong to what the client is told; [`secret`], [`clock`], [`decimal`],
//!   [`drawing`] and [`allowance`] are the small words that everybody uses.
//!
//! Who may import whom is held by `tests/architecture`; why it is so stands in `docs/architecture.md`.

pub mod admin;
pub mod allowance;
pub mod app;
pub mod auth;
pub mod clock;
pub mod config;
pub mod decimal;
pub mod drawing;
pub mod error;
pub mod governance;
pub mod limiter;
pub mod pricing;
pub mod providers;
pub mod proxy;
pub mod router;
pub mod secret;
pub mod store;
pub mod telemetry;
pub mod wire;
