//! The client side: one HTTP/1.1 connection that sends pre-built bytes and looks at no more of the answer than it
//! counts.

mod connection;
mod request;
mod response;
mod sse;

pub use connection::{Connection, Exchange};
pub use request::{CallShape, Target, call_bytes};
