//! Ollama's chat: requests, streams and answers, see `invariant::codec`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::invariant::codec;
use tollgate_fuzz::wire::dialects::ProviderDialect;

fuzz_target!(|data: &[u8]| codec(None, ProviderDialect::OllamaChat, data));
