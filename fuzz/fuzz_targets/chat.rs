//! OpenAI chat completions: requests, streams and answers, see `invariant::codec`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::invariant::codec;
use tollgate_fuzz::wire::dialects::{ClientDialect, ProviderDialect};

fuzz_target!(|data: &[u8]| codec(Some(ClientDialect::ChatCompletions), ProviderDialect::ChatCompletions, data));
