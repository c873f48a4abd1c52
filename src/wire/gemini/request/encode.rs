//! What a provider of Gemini gets, at AI Studio (<https://ai.google.dev/api/generate-content>) and at Vertex: LiteLLM's
//! mix of spellings, both of which Google reads.

use serde::Serialize;
use serde_json::{Map, Value};

use super::turns::{Turn, Turns, turns};
use super::{camel, settings, tools};
use crate::error::Error;
use crate::wire::codec::Profile;
use crate::wire::gemini::models;
use crate::wire::model::{ChatRequest, Json, Param, refuse_or_drop};

/// What Gemini lacks.
const LACKING: [Param; 1] = [Param::LogitBias];

/// What its newer models lack besides.
const LACKING_IN_3: [Param; 3] = [Param::LogitBias, Param::PresencePenalty, Param::FrequencyPenalty];

/// One at a time can only be had of a single tool.
const ONE_BY_ONE: [Param; 1] = [Param::ParallelToolCalls];

#[derive(Serialize)]
struct Body {
    contents: Vec<Turn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Instruction>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(rename = "toolConfig", skip_serializing_if = "Option::is_none")]
    tool_config: Option<Value>,
    #[serde(rename = "safetySettings", skip_serializing_if = "Option::is_none")]
    safety_settings: Option<Json>,
    #[serde(rename = "generationConfig", skip_serializing_if = "Map::is_empty")]
    generation_config: Map<String, Value>,
    #[serde(rename = "cachedContent", skip_serializing_if = "Option::is_none")]
    cached_content: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Json>,
    #[serde(rename = "serviceTier", skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
}

#[derive(Serialize)]
struct Instruction {
    parts: Vec<Words>,
}

#[derive(Serialize)]
struct Words {
    text: String,
}

/// Writes the body. Model and streaming stand in the path.
///
/// # Errors
/// [`crate::error::Kind::UnsupportedParams`] for what Gemini lacks, unless it may be dropped;
/// [`crate::error::Kind::InvalidParameter`] where a call's arguments are no object.
pub fn encode_request(mut chat: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    let third = models::is_3_or_newer(profile.base_model);
    let lacking: &[Param] = if third { &LACKING_IN_3 } else { &LACKING };
    refuse_or_drop(&mut chat, lacking, profile.drop_params, profile.provider)?;
    if chat.tools.len() > 1 {
        refuse_or_drop(&mut chat, &ONE_BY_ONE, profile.drop_params, profile.provider)?;
    }
    // What the model can do is told by the name that is known.
    profile.base_model.clone_into(&mut chat.model);
    let generation_config = settings::encode(&chat);
    let Turns { instructions, turns } = turns(&mut chat, profile)?;
    let parts: Vec<Words> = instructions.into_iter().map(|text| Words { text }).collect();
    let studio = profile.provider == "gemini";
    let body = Body {
        contents: turns,
        system_instruction: (!parts.is_empty()).then_some(Instruction { parts }),
        tools: tools::encode(&mut chat),
        tool_config: tools::encode_choice(&chat),
        safety_settings: extra(&chat, "safetySettings"),
        generation_config,
        cached_content: extra(&chat, "cachedContent"),
        labels: extra(&chat, "labels").filter(|_| !studio),
        service_tier: chat.service_tier.filter(|tier| studio && ["flex", "priority"].contains(&tier.as_str())),
    };
    serde_json::to_vec(&body).map_err(|error| super::wrong("messages", &error))
}

/// A member of `extra` in either spelling.
fn extra(chat: &ChatRequest, name: &str) -> Option<Json> {
    chat.extra.iter().find(|(known, _)| camel(known) == name).map(|(_, value)| value.clone())
}
