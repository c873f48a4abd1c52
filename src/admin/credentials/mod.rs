//! `/credentials`: providers' keys with a name, which stored models hold by `litellm_credential_name`. They are sealed,
//! and no answer ever holds one.

pub(super) mod edit;
pub(super) mod show;
