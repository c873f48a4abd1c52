//! Who is called and how: one table row a provider, the rule that finds a model's provider, and the address of a call.
//!
//! Data and pure functions only. A provider that speaks OpenAI's dialect is one line in [`table`]; no code elsewhere
//! names it.

pub mod endpoint;
pub mod infer;
pub mod table;

pub use endpoint::{Endpoint, EndpointError, Operation};
pub use infer::{Inferred, infer, split};
pub use table::{Auth, Dialect, LegacyCompletions, OPENAI, Provider, Quirks, by_name, names};
