//! The real binary between a raw client and a scripted upstream: one file per feature, one harness in `support`.
//!
//! All in one test program, because the linker is what a build waits for, and because what no feature uses in the
//! harness is then found by the compiler.
#![cfg(test)]

mod support;

mod access_log;
mod alerts;
mod answer_fidelity;
mod any_model;
mod auth;
mod bad_upstream;
mod body_fidelity;
mod callers_metrics;
mod check_command;
mod connections;
mod cost_terms;
mod declared;
mod errors;
mod fallbacks;
mod fidelity;
mod global_limits;
mod golden;
mod health_checks;
mod hedging;
mod hostile_json;
mod images;
mod import;
mod keys;
mod leases;
mod lent_keys;
mod levels;
mod lifecycle;
mod limits;
mod management;
mod money;
mod overload;
mod own_answers;
mod pictures;
mod price_table;
mod rescue;
mod rotation;
mod routing;
mod routing_strategies;
mod security_canary;
mod settings;
mod shared_budgets;
mod sharing;
mod smuggling;
mod spend_reports;
mod spend_store;
mod store;
mod stored_keys;
mod streaming;
mod team_models;
mod usage;
