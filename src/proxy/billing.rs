//! What a call has cost goes into the spend journal, once: before the last byte of its answer leaves, or, where its tokens
//! are still to be counted, when they are. Calls that failed are told too, when they are over.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Instant;

use memchr::memmem::Finder;
use pingora_proxy::Session;

use super::attribution::Attribution;
use super::context::{self, Context};
use super::gateway::Shared;
use super::settle;
use super::snapshot::Snapshot;
use super::target::Target;
use super::uncounted::tier;
use crate::auth::MASTER_USER;
use crate::auth::allow_list::client_address;
use crate::governance::Caller;
use crate::limiter::{Actual, Reservation};
use crate::pricing::{Cost, cost::cost, terms};
use crate::providers::Operation;
use crate::store::journal::{Adjustment, Charge, Key, Queued, Record};
use crate::wire::usage::Usage;

/// An answer's id is looked for in so many bytes of its beginning.
const ID_WITHIN: usize = 512;

/// Budgets that most calls are charged to: a key's, its team's, its user's, its organization's.
const USUAL_CHARGES: usize = 4;

/// Bytes of `255.255.255.255`.
const LONGEST_V4: usize = 15;

static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"id\""));

/// A call that the journal has not heard of yet.
pub struct Bill {
    call_id: String,
    answer_id: Option<String>,
    started_ms: u64,
    ended_ms: u64,
    completion_start_ms: u64,
    caller: Caller,
    attribution: Attribution,
    model: Option<String>,
    deployment: Option<usize>,
    call_type: &'static str,
    status: u16,
    error_class: &'static str,
    address: Option<IpAddr>,
}

/// Tells the journal of the call, if it was admitted and nobody has done so.
pub fn bill<'a>(session: &Session, ctx: &mut Context, shared: &'a Shared, now: Instant) -> Option<Queued<'a>> {
    let bill = Bill::of(session, ctx, now)?;
    let (usage, cost) = (ctx.outcome.usage.unwrap_or_default(), ctx.outcome.cost);
    bill.enter(&usage, cost.as_ref(), [&ctx.outlay, &ctx.reservation], &ctx.snapshot, shared)
}

/// A part of an answer that broke, after which another deployment went on.
pub struct Part {
    pub deployment: usize,
    /// The model that it was of, where it is not the one that was asked for.
    pub answers_as: Option<String>,
    pub usage: Usage,
}

/// A line of its own for such a part; `outlay` is what it holds of its deployment's budgets.
pub fn bill_part(session: &Session, ctx: &mut Context, shared: &Shared, part: Part, outlay: Option<Reservation>) {
    let Part { deployment, answers_as, usage } = part;
    if !ctx.unbilled {
        return;
    }
    let attribution = ctx.attribution.clone();
    let goes_on_as = std::mem::replace(&mut ctx.outcome.answers_as, answers_as);
    let bill = Bill::of(session, ctx, Instant::now());
    ctx.outcome.answers_as = goes_on_as;
    let Some(bill) = bill else { return };
    // The rest of the call has its own.
    (ctx.unbilled, ctx.attribution, ctx.outcome.answer_id) = (true, attribution, bill.answer_id.clone());
    let bill = Bill { call_id: context::new_call_id(ctx.started_ms), deployment: Some(deployment), ..bill };
    let snapshot = std::sync::Arc::clone(&ctx.snapshot);
    let captures = snapshot.captures(|| bill.model.as_deref());
    let prices = snapshot.targets.get(deployment).map(|target| snapshot.prices(target, &captures));
    let prices = prices.filter(|prices| !prices.is_empty());
    let tier = ctx.task.as_ref().map(|task| tier(&task.request)).unwrap_or_default();
    let cost = prices.map(|prices| cost(&prices, &usage, tier));
    drop(bill.enter(&usage, cost.as_ref(), [&outlay, &ctx.reservation], &snapshot, shared));
    let (tokens, cost) = (usage.total_tokens, cost.map_or(0, |cost| cost.total.pico()));
    ctx.outcome.parts_cost = ctx.outcome.parts_cost.saturating_add(cost);
    if let Some(reservation) = &mut ctx.reservation {
        reservation.spend(tokens, cost);
    }
    if let Some(outlay) = outlay {
        outlay.settle(&Actual { tokens, cost, now: shared.clock.now() });
    }
}

impl Bill {
    /// Takes what is told of the call, which has ended now, apart from what it used. `None`: nothing is to be told, or was
    /// already.
    pub fn of(session: &Session, ctx: &mut Context, now: Instant) -> Option<Self> {
        if !std::mem::take(&mut ctx.unbilled) {
            return None;
        }
        let call_type = call_type(ctx.task.as_ref()?.operation)?;
        let begun = ctx.outcome.first_token.map(|wait| ctx.started + wait).or(ctx.outcome.answered);
        let headers = &session.req_header().headers;
        let peer = session.client_addr().and_then(|address| address.as_inet()).map(|address| address.ip());
        Some(Self {
            // Who repeats an id would be billed once.
            call_id: if ctx.has_clients_id { context::new_call_id(ctx.started_ms) } else { ctx.call_id.clone() },
            answer_id: ctx.outcome.answer_id.take(),
            started_ms: ctx.started_ms.cast_unsigned(),
            ended_ms: ctx.wall_ms(now),
            completion_start_ms: begun.map(|at| ctx.wall_ms(at)).unwrap_or_default(),
            caller: ctx.caller.clone()?,
            attribution: std::mem::take(&mut ctx.attribution),
            model: ctx.outcome.answers_as.clone().or_else(|| ctx.task.as_ref()?.request.model.clone()),
            deployment: ctx.outcome.deployment,
            call_type,
            status: status(ctx),
            error_class: settle::exception(ctx).unwrap_or_default(),
            address: client_address(peer, headers, ctx.snapshot.settings.use_x_forwarded_for),
        })
    }

    /// Into the journal, where it is when the result is dropped. What the journal does not take is lost, and counted: the
    /// call itself cannot be taken back. `None`: the configuration wants nothing written down.
    pub fn enter<'a>(
        &self,
        usage: &Usage,
        cost: Option<&Cost>,
        held: [&Option<Reservation>; 2],
        snapshot: &Snapshot,
        shared: &'a Shared,
    ) -> Option<Queued<'a>> {
        if !snapshot.settings.keeps_spend {
            return None;
        }
        let target = self.deployment.and_then(|index| snapshot.targets.get(index));
        let model = self.model.as_deref().unwrap_or_default();
        let seat = self.caller.seat.as_deref();
        let is_master = self.caller.is_master();
        let mut place = [0; LONGEST_V4];
        let address = self.address.map(|address| address_text(address, &mut place)).unwrap_or_default();
        let record = Record {
            call_id: &self.call_id,
            request_id: self.answer_id.as_deref().unwrap_or(&self.call_id),
            started_ms: self.started_ms,
            ended_ms: self.ended_ms,
            completion_start_ms: self.completion_start_ms,
            key: if is_master { Key::Master } else { Key::None },
            user: if is_master { MASTER_USER } else { "" },
            end_user: self.attribution.end_user.as_deref().unwrap_or_default(),
            model_group: model,
            // Of a wildcard the client's name says which model it was.
            model: if target.is_some_and(Target::names_model) { "" } else { model },
            call_type: self.call_type,
            status: self.status,
            error_class: self.error_class,
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.total_tokens,
            cache_read_tokens: usage.cached_tokens.unwrap_or_default(),
            cache_write_tokens: usage.cache_creation_tokens.unwrap_or_default(),
            reasoning_tokens: usage.reasoning_tokens.unwrap_or_default(),
            cost: cost.map_or(0, |cost| cost.total.pico()),
            output_cost: cost.map_or(0, |cost| cost.output.pico()),
            adjustment: cost.and_then(|cost| cost.adjustment.as_ref()).map(adjustment).unwrap_or_default(),
            tags: self.attribution.tags.iter().map(String::as_str).collect(),
            session_id: self.attribution.session().unwrap_or_default(),
            spend_logs_metadata: self.attribution.spend_logs_metadata.as_deref().unwrap_or_default(),
            requester_ip: &address,
            charges: charges(held),
            alike: [seat.map(|seat| &seat.alike), target.map(|target| &target.alike)],
            ..Record::default()
        };
        Some(shared.journal.enqueue(&record))
    }
}

fn adjustment(of: &terms::Adjustment) -> Adjustment {
    Adjustment {
        discount: of.discount.pico(),
        margin: of.margin.pico(),
        fixed: of.fixed.pico(),
        discount_rate: of.discount_rate.pico(),
        margin_rate: of.margin_rate.pico(),
    }
}

/// The budgets that the cost goes to: all of the scopes that the call has passed, with a limit or without.
fn charges(held: [&Option<Reservation>; 2]) -> Vec<Charge<'_>> {
    let mut charges = Vec::with_capacity(USUAL_CHARGES);
    for scope in held.into_iter().flatten().flat_map(Reservation::scopes) {
        for budget in scope.budgets() {
            charges.push(Charge {
                scope: scope.kind().as_str(),
                id: scope.id(),
                budget: &budget.limits().name,
                resets_at: budget.resets_at().and_then(|at| u64::try_from(at).ok()).unwrap_or_default(),
            });
        }
    }
    charges
}

/// What the client got; of a stream that broke, what it is told in its last event.
fn status(ctx: &Context) -> u16 {
    match &ctx.outcome.error {
        Some(error) if ctx.outcome.status != 0 && ctx.outcome.answered.is_some() => {
            error.kind.row(ctx.snapshot.settings.compat).status.max(ctx.outcome.status)
        }
        _ => settle::status(ctx),
    }
}

/// As its `Display` writes it; that of the usual kind costs thirty times as much.
fn address_text(address: IpAddr, place: &mut [u8; LONGEST_V4]) -> Cow<'_, str> {
    let IpAddr::V4(address) = address else { return address.to_string().into() };
    let mut length = 0;
    let mut put = |byte: u8| {
        place.get_mut(length).into_iter().for_each(|slot| *slot = byte);
        length += 1;
    };
    for (at, octet) in address.octets().into_iter().enumerate() {
        if at > 0 {
            put(b'.');
        }
        if octet >= 100 {
            put(b'0' + octet / 100);
        }
        if octet >= 10 {
            put(b'0' + octet / 10 % 10);
        }
        put(b'0' + octet % 10);
    }
    std::str::from_utf8(place.get(..length).unwrap_or_default()).unwrap_or_default().into()
}

/// LiteLLM's word for a call; `None`: nothing was asked of a model.
fn call_type(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::ChatCompletions => Some("acompletion"),
        Operation::Completions => Some("atext_completion"),
        Operation::Responses => Some("aresponses"),
        Operation::Embeddings => Some("aembedding"),
        Operation::Moderations => Some("amoderation"),
        Operation::ImageGenerations => Some("aimage_generation"),
        Operation::Messages => Some("anthropic_messages"),
        Operation::GenerateContent => Some("agenerate_content"),
        Operation::StreamGenerateContent => Some("agenerate_content_stream"),
        Operation::CountMessageTokens | Operation::CountContentTokens => None,
    }
}

/// The id of an answer, from its beginning: the first member of this name, in whatever object it stands. All dialects but
/// Gemini's have one there.
pub fn answer_id(answer: &[u8]) -> Option<String> {
    let beginning = answer.get(..ID_WITHIN).unwrap_or(answer);
    let name = NAME.find(beginning)?;
    let rest = beginning.get(name + 4..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let text = rest.strip_prefix(b"\"")?;
    let id = text.get(..memchr::memchr(b'"', text)?)?;
    let id = std::str::from_utf8(id).ok()?;
    (!id.is_empty() && !id.contains('\\')).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_everybody_writes_it() {
        for address in ["0.0.0.0", "127.0.0.1", "255.100.9.10", "255.255.255.255", "205.99.101.1", "::1"] {
            assert_eq!(address_text(address.parse().unwrap(), &mut [0; LONGEST_V4]), address);
        }
    }

    #[test]
    fn an_answers_id_is_found_where_dialects_have_it() {
        let id = |answer: &str| answer_id(answer.as_bytes());
        assert_eq!(id(r#"{"id": "chatcmpl-1","object":"x"}"#).as_deref(), Some("chatcmpl-1"));
        let event = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}\n\n";
        assert_eq!(id(event).as_deref(), Some("msg_1"));
        for none in ["", "{}", r#"{"id":null}"#, r#"{"id":"#, r#"{"id":"cut"#, r#"{"id":"a\"b"}"#, r#"{"id":""}"#] {
            assert_eq!(id(none), None, "{none}");
        }
        assert_eq!(id(&format!("{{{}\"id\":\"x\"}}", " ".repeat(ID_WITHIN))), None);
    }

    #[test]
    fn what_asks_no_model_is_not_billed() {
        assert_eq!(call_type(Operation::CountMessageTokens), None);
        assert_eq!(call_type(Operation::Messages), Some("anthropic_messages"));
    }
}
