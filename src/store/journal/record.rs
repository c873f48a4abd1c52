//! One finished call.

use serde::{Deserialize, Serialize};

use super::form::{self, Fields};

/// A longer text is cut here, at a character: texts come from clients too, and a database's index takes no long ones.
pub const MAX_TEXT: usize = 256;
/// Tags beyond these are left out.
pub const MAX_TAGS: usize = 32;
/// Charges beyond these are left out; a call has one for each budget of each of its scopes.
pub const MAX_CHARGES: usize = 96;
/// The id of a charge's scope, which may be made of two ids, is cut here.
pub const MAX_SCOPE_ID: usize = 2 * MAX_TEXT;
/// A longer JSON object of the client's is left out: cut it would be none.
pub const MAX_METADATA: usize = 2 << 10;
/// No encoded record is longer: all texts, tags and charges at their longest come to 113 KiB, of which the charges are 99.
pub const MAX_RECORD: usize = 116 << 10;

/// Whose key it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// None was needed.
    #[default]
    None,
    /// The master key.
    Master,
    /// None: the gateway's own health check.
    HealthCheck,
    /// SHA-256 of the key.
    Digest([u8; 32]),
}

/// A budget counter that the call's cost goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge<'a> {
    /// What sort of thing has the budget: `key`, `team`, ...
    pub scope: &'a str,
    /// Which one: a digest in hex, a team's id, ...
    pub id: &'a str,
    /// Which of its budgets; empty: the one of `budget_duration`.
    pub budget: &'a str,
    /// When the window ends that the cost belongs to: seconds since 1970; 0: never.
    pub resets_at: u64,
}

/// What was taken off a call's price, and put on it, in pico-dollars; rates for each dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Adjustment {
    pub discount: i64,
    /// `fixed` included.
    pub margin: i64,
    pub fixed: i64,
    pub discount_rate: i64,
    pub margin_rate: i64,
}

/// Fields that many records have alike, in the form on disk: encoded once, and then copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alike(Box<[u8]>);

impl Alike {
    /// All that this record says.
    pub fn of(record: &Record<'_>) -> Self {
        let mut fields = Vec::new();
        record.put_fields(&mut fields);
        Self(fields.into())
    }
}

/// One finished call. Texts are borrowed: from the request when written, from the journal's bytes when read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// The gateway's own id of the call (`litellm_call_id`): what makes a record count once. It must not be one that
    /// a client chose: who repeats an id would be billed once.
    pub call_id: &'a str,
    /// The id of the answer as the client saw it (`chatcmpl-…`), if it had one.
    pub request_id: &'a str,
    /// Unix milliseconds.
    pub started_ms: u64,
    /// Unix milliseconds.
    pub ended_ms: u64,
    /// When the answer began, Unix milliseconds; 0: it did not.
    pub completion_start_ms: u64,
    pub key: Key,
    /// Of the key.
    pub user: &'a str,
    /// Of the key.
    pub team: &'a str,
    /// Of the key.
    pub organization: &'a str,
    /// The customer that the request named.
    pub end_user: &'a str,
    /// The name that the client asked for.
    pub model_group: &'a str,
    /// The model that the upstream was asked for.
    pub model: &'a str,
    /// Id of the deployment that answered.
    pub model_id: &'a str,
    /// Its provider.
    pub provider: &'a str,
    /// Its address.
    pub api_base: &'a str,
    /// LiteLLM's word for the sort of call: `acompletion`, `aembedding`, `anthropic_messages`, ...
    pub call_type: &'a str,
    /// HTTP status to the client.
    pub status: u16,
    /// LiteLLM's exception class of a failure.
    pub error_class: &'a str,
    /// All input tokens.
    pub prompt_tokens: u64,
    /// All output tokens.
    pub completion_tokens: u64,
    /// As reported.
    pub total_tokens: u64,
    /// Input read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Input written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Output that was thought.
    pub reasoning_tokens: u64,
    /// All of it, in pico-dollars.
    pub cost: i64,
    /// Of it, what the output cost.
    pub output_cost: i64,
    /// What was taken off the price, and put on it.
    pub adjustment: Adjustment,
    /// The request's tags.
    pub tags: Vec<&'a str>,
    /// The conversation that the client says it belongs to.
    pub session_id: &'a str,
    /// What the client wants to be said of it: a JSON object, or nothing.
    pub spend_logs_metadata: &'a str,
    /// Where the request came from.
    pub requester_ip: &'a str,
    /// Answered from the response cache.
    pub cache_hit: bool,
    /// The budget counters that the cost goes to.
    pub charges: Vec<Charge<'a>>,
    /// Fields that are left empty above, where it is written: those of its key, and those of its deployment.
    pub alike: [Option<&'a Alike>; 2],
}

const KEY: u8 = 4;
const TAG: u8 = 9;
const CHARGE: u8 = 32;
const METADATA: u8 = 38;
const MASTER: &[u8] = &[1];
const HEALTH_CHECK: &[u8] = &[2];

impl<'a> Record<'a> {
    /// Appends the form on disk.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        form::begin(out);
        self.put_fields(out);
    }

    fn put_fields(&self, out: &mut Vec<u8>) {
        for alike in self.alike.into_iter().flatten() {
            out.extend_from_slice(&alike.0);
        }
        self.put_texts(out);
        self.put_integers(out);
        match &self.key {
            Key::None => {}
            Key::Master => form::put(out, KEY, MASTER),
            Key::HealthCheck => form::put(out, KEY, HEALTH_CHECK),
            Key::Digest(digest) => form::put(out, KEY, digest),
        }
        if self.spend_logs_metadata.len() <= MAX_METADATA {
            form::put(out, METADATA, self.spend_logs_metadata.as_bytes());
        }
        for tag in self.tags.iter().take(MAX_TAGS) {
            form::put_always(out, TAG, form::cut(tag, MAX_TEXT).as_bytes());
        }
        for charge in self.charges.iter().take(MAX_CHARGES) {
            charge.encode_into(out);
        }
    }

    /// Reads the form on disk; `None` if it is none, or one of a version that is not known here.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut record = Record::default();
        let mut fields = Fields::of(bytes)?;
        while let Some((number, value)) = fields.next()? {
            record.take_text(number, value)?;
            record.take_number(number, value)?;
        }
        Some(record)
    }

    fn put_texts(&self, out: &mut Vec<u8>) {
        let mut put = |number, text| form::put(out, number, form::cut(text, MAX_TEXT).as_bytes());
        put(1, self.call_id);
        put(5, self.team);
        put(6, self.user);
        put(7, self.organization);
        put(8, self.end_user);
        put(10, self.model);
        put(11, self.model_group);
        put(12, self.model_id);
        put(13, self.provider);
        put(14, self.call_type);
        put(26, self.request_id);
        put(27, self.api_base);
        put(28, self.error_class);
        put(29, self.session_id);
        put(30, self.requester_ip);
    }

    fn put_integers(&self, out: &mut Vec<u8>) {
        let mut put = |number, value| form::put_integer(out, number, value);
        put(2, self.started_ms);
        put(3, self.ended_ms);
        put(15, self.status.into());
        put(16, self.prompt_tokens);
        put(17, self.completion_tokens);
        put(18, self.total_tokens);
        put(19, self.cache_read_tokens);
        put(20, self.cache_write_tokens);
        put(21, self.reasoning_tokens);
        put(22, self.cost.cast_unsigned());
        put(23, self.output_cost.cast_unsigned());
        put(24, self.completion_start_ms);
        put(25, self.cache_hit.into());
        if self.adjustment == Adjustment::default() {
            return;
        }
        let Adjustment { discount, margin, fixed, discount_rate, margin_rate } = self.adjustment;
        for (number, value) in [(33, discount), (34, margin), (35, fixed), (36, discount_rate), (37, margin_rate)] {
            put(number, value.cast_unsigned());
        }
    }

    fn take_text(&mut self, number: u8, value: &'a [u8]) -> Option<()> {
        let place = match number {
            1 => &mut self.call_id,
            5 => &mut self.team,
            6 => &mut self.user,
            7 => &mut self.organization,
            8 => &mut self.end_user,
            10 => &mut self.model,
            11 => &mut self.model_group,
            12 => &mut self.model_id,
            13 => &mut self.provider,
            14 => &mut self.call_type,
            26 => &mut self.request_id,
            27 => &mut self.api_base,
            28 => &mut self.error_class,
            29 => &mut self.session_id,
            30 => &mut self.requester_ip,
            METADATA => &mut self.spend_logs_metadata,
            TAG => {
                self.tags.push(form::text(value)?);
                return Some(());
            }
            CHARGE => {
                self.charges.push(Charge::decode(value)?);
                return Some(());
            }
            _ => return Some(()),
        };
        *place = form::text(value)?;
        Some(())
    }

    fn take_number(&mut self, number: u8, value: &[u8]) -> Option<()> {
        match number {
            2 => self.started_ms = form::integer(value)?,
            3 => self.ended_ms = form::integer(value)?,
            KEY => self.key = key(value),
            15 => self.status = form::integer(value)?.try_into().ok()?,
            16 => self.prompt_tokens = form::integer(value)?,
            17 => self.completion_tokens = form::integer(value)?,
            18 => self.total_tokens = form::integer(value)?,
            19 => self.cache_read_tokens = form::integer(value)?,
            20 => self.cache_write_tokens = form::integer(value)?,
            21 => self.reasoning_tokens = form::integer(value)?,
            22 => self.cost = form::integer(value)?.cast_signed(),
            23 => self.output_cost = form::integer(value)?.cast_signed(),
            24 => self.completion_start_ms = form::integer(value)?,
            25 => self.cache_hit = form::integer(value)? != 0,
            33 => self.adjustment.discount = form::integer(value)?.cast_signed(),
            34 => self.adjustment.margin = form::integer(value)?.cast_signed(),
            35 => self.adjustment.fixed = form::integer(value)?.cast_signed(),
            36 => self.adjustment.discount_rate = form::integer(value)?.cast_signed(),
            37 => self.adjustment.margin_rate = form::integer(value)?.cast_signed(),
            _of_a_later_release => {}
        }
        Some(())
    }
}

/// A sort of key that a later release knows is none here.
fn key(value: &[u8]) -> Key {
    match value {
        MASTER => Key::Master,
        HEALTH_CHECK => Key::HealthCheck,
        other => other.try_into().map_or(Key::None, Key::Digest),
    }
}

/// A charge is a list of fields too.
impl<'a> Charge<'a> {
    fn encode_into(&self, out: &mut Vec<u8>) {
        form::put_within(out, CHARGE, |out| {
            form::put(out, 1, form::cut(self.scope, MAX_TEXT).as_bytes());
            form::put(out, 2, form::cut(self.id, MAX_SCOPE_ID).as_bytes());
            form::put(out, 3, form::cut(self.budget, MAX_TEXT).as_bytes());
            form::put_integer(out, 4, self.resets_at);
        });
    }

    fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut charge = Charge::default();
        let mut fields = Fields::inside(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => charge.scope = form::text(value)?,
                2 => charge.id = form::text(value)?,
                3 => charge.budget = form::text(value)?,
                4 => charge.resets_at = form::integer(value)?,
                _of_a_later_release => {}
            }
        }
        Some(charge)
    }
}
