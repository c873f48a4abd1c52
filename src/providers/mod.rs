//! Who is called and how: one table row a provider, the rule that finds a model's provider, and the address of a call.
//!
//! Data and pure functions only, but for [`credentials`], which asks the clouds for tokens. A provider that speaks
//! OpenAI's dialect is one line in [`table`]; no code elsewhere names it.

pub mod call;
pub mod cloud;
pub mod credentials;
pub mod custom;
pub mod endpoint;
pub mod infer;
pub mod parameters;
pub mod path;
pub mod publisher;
mod spoken;
pub mod table;

pub use call::{Call, Operation};
pub use endpoint::{Endpoint, EndpointError};
pub use infer::{Inferred, infer};
pub use table::{Auth, Dialect, LegacyCompletions, OPENAI, Provider, Quirks, ResponsesApi, by_name, names};
