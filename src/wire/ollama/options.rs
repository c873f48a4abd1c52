//! The parameters that chat and generate share (<https://github.com/ollama/ollama/blob/main/docs/api.md>,
//! "Parameters", and "PARAMETER" in `docs/modelfile.md`).

use std::collections::BTreeMap;

use crate::wire::codec::Profile;
use crate::wire::members::Members;
use crate::wire::model::{ChatRequest, Effort, Json, Param, ResponseFormat};

/// What Ollama has no word for.
pub(super) const UNSUPPORTED: [Param; 5] =
    [Param::N, Param::LogitBias, Param::ParallelToolCalls, Param::WebSearchOptions, Param::Modalities];

/// Ollama's own options: taken from any client as they are.
const OWN: [&str; 22] = [
    "num_ctx",
    "num_keep",
    "num_batch",
    "num_gpu",
    "main_gpu",
    "num_thread",
    "num_gqa",
    "num_predict",
    "use_mmap",
    "use_mlock",
    "numa",
    "low_vram",
    "f16_kv",
    "vocab_only",
    "typical_p",
    "tfs_z",
    "repeat_last_n",
    "repeat_penalty",
    "penalize_newline",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
];

/// Ollama's own parameters beside the options, of chat and generate.
const BESIDE: [&str; 3] = ["keep_alive", "truncate", "shift"];

/// The options: what the client said in OpenAI's words, then what it said in Ollama's, and last the members of an
/// `options` object of its own. OpenAI's penalties have their very own names here; LiteLLM writes `frequency_penalty` as
/// `repeat_penalty`, which is another scale (1 is "none" there, and less rewards what repeats).
pub(super) fn options(request: &ChatRequest) -> String {
    let sampling = &request.sampling;
    let mut options = Members::default();
    options.put_some("num_predict", sampling.max_tokens.as_ref());
    options.put_some("temperature", sampling.temperature.as_ref());
    options.put_some("top_p", sampling.top_p.as_ref());
    options.put_some("top_k", sampling.top_k.as_ref());
    options.put_some("min_p", sampling.min_p.as_ref());
    options.put_some("seed", sampling.seed.as_ref());
    options.put_some("presence_penalty", sampling.presence_penalty.as_ref());
    options.put_some("frequency_penalty", sampling.frequency_penalty.as_ref());
    options.put_list("stop", &sampling.stop);
    for name in OWN {
        options.put_some(name, request.extra(name));
    }
    let further = request.extra("options").and_then(|json| serde_json::from_str(json.text()).ok());
    let further: BTreeMap<String, Json> = further.unwrap_or_default();
    for (name, value) in further {
        options.put(&name, &value);
    }
    options.finish()
}

/// The rest that both share: `options` and what stands beside them.
pub(super) fn shared(request: &ChatRequest, profile: &Profile<'_>, body: &mut Members) {
    body.raw("options", &options(request));
    body.put("stream", &request.stream);
    match request.extra("think") {
        Some(think) => body.put("think", think),
        None => think(request, profile, body),
    }
    let sampling = &request.sampling;
    body.put_some("logprobs", sampling.logprobs.filter(|wanted| *wanted).as_ref());
    body.put_some("top_logprobs", sampling.top_logprobs.filter(|count| *count > 0).as_ref());
    for name in BESIDE {
        body.put_some(name, request.extra(name));
    }
}

/// Most models think or do not; `gpt-oss` thinks more or less.
fn think(request: &ChatRequest, profile: &Profile<'_>, body: &mut Members) {
    let Some(reasoning) = &request.reasoning else { return };
    let level = match reasoning.effort().unwrap_or(Effort::Medium) {
        Effort::None => None,
        Effort::Minimal | Effort::Low => Some("low"),
        Effort::Medium => Some("medium"),
        Effort::High | Effort::XHigh | Effort::Max => Some("high"),
    };
    match level {
        Some(level) if profile.base_model.contains("gpt-oss") => body.put("think", &level),
        // As little as possible is nothing, where there is only all or nothing.
        level => body.put("think", &(level.is_some() && reasoning.effort() != Some(Effort::Minimal))),
    }
}

/// The shape of the answer: any JSON, or JSON of a schema.
pub(super) fn format(request: &ChatRequest) -> Option<String> {
    if let Some(format) = request.extra("format") {
        return Some(format.text().to_owned());
    }
    match request.response_format.as_ref()? {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some("\"json\"".to_owned()),
        ResponseFormat::JsonSchema { schema, .. } => Some(schema.text().to_owned()),
    }
}
