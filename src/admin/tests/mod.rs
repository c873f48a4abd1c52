//! The control plane over a real store in a file and a desk of its own.

mod access_groups;
mod budgets;
mod costs;
mod credentials;
mod customers;
mod desk;
mod framework;
mod golden;
mod golden_models;
mod golden_spend;
mod golden_teams;
mod key_rules;
mod keys;
mod matrix;
mod members;
mod models;
mod organizations;
mod owners;
mod projects;
mod rotation;
mod spend;
mod teams;
mod users;
pub mod world;
