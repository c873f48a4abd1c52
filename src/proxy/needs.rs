//! What of a request routing needs: its length, its tags, what it asks of a model, what it has in common with earlier
//! ones. Only what the group's choice depends on is looked at, which mostly is nothing.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::quality::RandomState;
use pingora_proxy::Session;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::attribution::SESSION_ID;
use super::context::{Context, Task};
use super::worth::worth;
use crate::clock::unix_millis;
use crate::router::affinity::{AffinityKeys, AffinityTimes};
use crate::router::needs::{Capabilities, ModelType, Needs, Thresholds};
use crate::router::plan::GroupIx;
use crate::router::purse::Outlook;
use crate::router::tags::Said;
use crate::wire::asked::Asked;
use crate::wire::openai::request::Request;
use crate::wire::peek::{ValueKind, object_at};
use crate::wire::prefix::Beginnings;

/// Bytes of text that a token has as a rule.
const BYTES_A_TOKEN: u64 = 4;
/// Bytes of text that a token has at most, over a whole prompt: longer ones are certain to have more tokens.
const BYTES_A_TOKEN_MAX: u64 = 5;
/// What stands before the session in Anthropic's `metadata.user_id`, as its coding client writes it.
const SESSION: &str = "_session_";

/// Hashes of what clients choose: seeded anew in each process, so that nobody can aim at another's entry.
static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// What the request needs of the deployments of the group that this model is. `named`: what [`session_header`] says; `own`:
/// the request where a fallback changes it.
pub fn needs(named: Option<&str>, ctx: &Context, own: Option<&Task>, model: &str, group: GroupIx) -> Needs {
    let Some(task) = own.or(ctx.task.as_ref()) else { return Needs::NONE };
    let router = &ctx.snapshot.router;
    let wanted = router.wanted(group);
    let request = &task.request;
    let mut needs = Needs { stream: request.stream, region: ctx.attribution.region.clone(), ..Needs::NONE };
    if wanted.tokens {
        let bytes = request.unquoted_bytes();
        needs.prompt_tokens = bytes.div_ceil(BYTES_A_TOKEN);
        needs.least_prompt_tokens = bytes / BYTES_A_TOKEN_MAX;
        needs.output_tokens = request.max_tokens.unwrap_or_default().saturating_mul(request.n.max(1));
    }
    let row = ctx.caller.as_ref().and_then(|caller| caller.seat.as_deref()).map(|seat| &seat.row);
    let is_asked_for = row.is_some_and(|row| row.router_settings.get("enable_tag_filtering") == Some(&true.into()));
    if wanted.tags || is_asked_for {
        let inherited = row.map_or(&[][..], |row| &row.tags);
        let (tags, user_agent) = (&ctx.attribution.tags, ctx.attribution.user_agent.as_deref());
        needs.tags = router.tags(Said { tags, inherited, user_agent, is_asked_for });
    }
    if wanted.money {
        let weight = task.weight();
        needs.outlook = Some(Outlook {
            prompt_tokens: weight.words,
            shown: weight.shown.clone(),
            output_tokens: request.max_tokens,
            answers: request.n.max(1),
            drawing: task.drawing(),
            by_name: worth(&ctx.snapshot, task, model, &weight).0,
            wall: unix_millis() / 1000,
            is_accountable: ctx.is_accountable,
        });
    }
    if !wanted.capabilities.is_empty() {
        needs.capabilities = capabilities(request).shared(wanted.capabilities);
    }
    needs.model_type = wanted.confidence.map(|thresholds| model_type(request, thresholds));
    if !wanted.affinity.is_empty() {
        needs.affinity = affinity(named, ctx, task, group, &wanted.affinity);
    }
    needs
}

/// The session that the client names in a header.
pub fn session_header<'a>(session: &'a Session, ctx: &Context) -> Option<&'a str> {
    ctx.own_header(&session.req_header().headers, &SESSION_ID)
}

fn capabilities(request: &Request) -> Capabilities {
    let asked = Asked::of(request);
    let each = [
        (asked.images, Capabilities::VISION),
        (asked.files, Capabilities::PDF),
        (asked.audio, Capabilities::AUDIO),
        (asked.tools, Capabilities::TOOLS),
        (asked.schema, Capabilities::SCHEMA),
        (asked.web_search, Capabilities::WEB_SEARCH),
    ];
    each.into_iter().filter(|(is_asked, _)| *is_asked).fold(Capabilities::NONE, |all, (_, own)| all.and(own))
}

/// `metadata.lar1`; what cannot be read there is as if it had not been said.
#[derive(Default, Deserialize)]
struct Lar1 {
    confidence: Option<f64>,
    #[serde(default)]
    evidence: Vec<String>,
    time: Option<String>,
}

#[derive(Default, Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    lar1: Option<&'a RawValue>,
}

fn model_type(request: &Request, thresholds: Thresholds) -> ModelType {
    let control = &request.control;
    let metadata = [&control.litellm_metadata, &control.metadata].into_iter().flatten();
    let said = metadata.filter_map(|raw| serde_json::from_slice::<Metadata<'_>>(raw).ok()?.lar1).next();
    let lar1: Lar1 = said.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let confidence = lar1.confidence.filter(|confidence| (0.0..=1.0).contains(confidence));
    let is_unverified = lar1.evidence.iter().any(|evidence| evidence == "UNVERIFIED");
    let is_memory = lar1.time.as_deref() == Some("MEM");
    thresholds.model_type(confidence.unwrap_or(Thresholds::UNSAID), is_unverified, is_memory)
}

fn affinity(named: Option<&str>, ctx: &Context, task: &Task, group: GroupIx, times: &AffinityTimes) -> AffinityKeys {
    let hash = |what: &[u8]| HASHES.hash_one((group.0, what));
    let request = &task.request;
    let mut keys = AffinityKeys::default();
    if times.session.is_some() {
        keys.session = session_id(named, ctx, request).map(|id| hash(id.as_bytes()));
    }
    if times.prompt.is_some() {
        let beginnings = Beginnings::of(request);
        keys.conversation = beginnings.conversation().map(hash);
        keys.marked = beginnings.marked().map(hash);
    }
    if times.caller.is_some() {
        let digest = ctx.caller.as_ref().and_then(|caller| caller.key_digest);
        keys.caller = digest.map(|digest| HASHES.hash_one((group.0, digest.number())));
    }
    keys
}

/// The session that a request belongs to, in the body's words, a header's, or Anthropic's.
fn session_id(named: Option<&str>, ctx: &Context, request: &Request) -> Option<String> {
    let said = request.control.session_id.clone().or_else(|| ctx.attribution.session_id.clone());
    said.or_else(|| named.map(str::to_owned)).or_else(|| users_session(request)).filter(|id| !id.is_empty())
}

fn users_session(request: &Request) -> Option<String> {
    let object = request.object();
    let metadata = object.get("metadata").filter(|member| member.kind == ValueKind::Object)?;
    let user = object_at(request.body(), metadata.value.start)?.as_str("user_id")?.into_owned();
    user.split_once(SESSION).map(|(_, id)| id.to_owned())
}
