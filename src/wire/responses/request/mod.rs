//! Requests: a client's into the superset, the superset into a provider's.

mod decode;
mod encode;
mod input;

pub use decode::decode_request;
pub use encode::encode_request;
pub use input::ID_AND_SEAL;
