//! Who is calling: from the key that a client presents to a [`Caller`]. Pure: it is given headers and a snapshot of keys.

pub mod allow_list;
pub mod digest;
pub mod keys;
pub mod members;
pub mod present;

pub use digest::KeyDigest;
pub use keys::{Caller, KeyRing, Role};
