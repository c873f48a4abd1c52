//! Who is calling, and what he may do: the key that a client presents, the rules of a key, the words of a refusal. Pure.

pub mod access;
pub mod allow_list;
pub mod digest;
pub mod grants;
pub mod members;
pub mod present;
pub mod refusals;
pub mod role;

pub use digest::KeyDigest;
pub use role::Role;

/// The user whom LiteLLM names where the master key did something.
pub const MASTER_USER: &str = "default_user_id";
