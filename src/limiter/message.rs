//! What is said about limits, in LiteLLM's words: tests and dashboards look for them.

use http::{HeaderName, HeaderValue};
use jiff::Timestamp;

use super::budget::Over;
use super::scope::{Meter, Reason, Refusal, Scope, Standing};
use super::{Budget, Kind, Pico};
use crate::decimal::Decimal;

/// The `Retry-After` of LiteLLM: its window, whatever is left of it. For refusals that have no time of their own.
pub const WINDOW_SECONDS: u64 = 60;

/// The error's message where nobody can say what is spent.
pub const UNKNOWN_BUDGET: &str =
    "Service Unavailable: what was spent of this budget is not known at the moment. Please try again.";

/// Whose wording of a spent budget. The prefix is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wording {
    /// LiteLLM 1.106: says whose budget it is.
    #[default]
    Current,
    /// LiteLLM 1.80: does not, for keys.
    Older,
}

/// The error's message. `asked` is the model that the client named, `wall` now in seconds since 1970.
pub fn text(refusal: &Refusal, asked: &str, wall: i64, wording: Wording) -> String {
    match refusal.reason {
        Reason::Budget(over) => budget_text(&refusal.scope, &over, asked, wording),
        Reason::BudgetUnknown(_) => UNKNOWN_BUDGET.to_owned(),
        Reason::Limit(standing) => limit_text(refusal, standing, wall),
    }
}

/// The value of `retry-after`: whole seconds, at least one.
pub fn retry_after(refusal: &Refusal) -> u64 {
    let up = |wait: std::time::Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    refusal.retry_after.map_or(WINDOW_SECONDS, up).max(1)
}

/// The value of the header `reset_at`: `2026-11-20 22:28:15 UTC`.
pub fn reset_at(refusal: &Refusal, wall: i64) -> String {
    let at = wall.saturating_add_unsigned(retry_after(refusal));
    let at = Timestamp::from_second(at).unwrap_or(Timestamp::MAX);
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The value of the header `rate_limit_type`; none for money.
pub fn limit_type(reason: &Reason) -> Option<&'static str> {
    match reason {
        Reason::Limit(standing) => Some(meter_name(standing.meter)),
        Reason::Budget(_) | Reason::BudgetUnknown(_) => None,
    }
}

/// What a kind is called in limits and in headers. `key` is LiteLLM's `api_key`, `customer` its `end_user`.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Key | Kind::ThrottledKey => "api_key",
        Kind::User => "user",
        Kind::Team => "team",
        Kind::TeamMember => "team_member",
        Kind::Organization => "organization",
        Kind::Project => "project",
        Kind::Customer => "end_user",
        Kind::ModelPerKey => "model_per_key",
        Kind::ModelPerTeam => "model_per_team",
        Kind::ModelPerUser => "model_per_user",
        Kind::ModelPerOrganization => "model_per_organization",
        Kind::ModelPerProject => "model_per_project",
        Kind::ModelPerTeamMember => "model_per_team_member",
        Kind::ModelPerCustomer => "model_per_end_user",
        Kind::ModelPerTag => "model_per_tag",
        Kind::TagPerKey => "tag_per_key",
        Kind::Tag => "tag",
        Kind::Deployment => "deployment",
        Kind::Provider => "provider",
        Kind::Global => "global",
    }
}

fn meter_name(meter: Meter) -> &'static str {
    match meter {
        Meter::Requests => "requests",
        Meter::Tokens => "tokens",
        Meter::Parallel => "max_parallel_requests",
        Meter::TokensPerDay => "tokens_per_day",
    }
}

/// The names of the two headers of one limit: its height and what is left.
pub fn header_names(kind: Kind, meter: Meter) -> &'static (HeaderName, HeaderName) {
    macro_rules! pair {
        ($kind:literal, $meter:literal) => {{
            static PAIR: (HeaderName, HeaderName) = (
                HeaderName::from_static(concat!("x-ratelimit-", $kind, "-limit-", $meter)),
                HeaderName::from_static(concat!("x-ratelimit-", $kind, "-remaining-", $meter)),
            );
            &PAIR
        }};
    }
    macro_rules! names {
        ($kind:literal) => {
            match meter {
                Meter::Requests => pair!($kind, "requests"),
                Meter::Tokens => pair!($kind, "tokens"),
                Meter::Parallel => pair!($kind, "max_parallel_requests"),
                Meter::TokensPerDay => pair!($kind, "tokens_per_day"),
            }
        };
    }
    match kind {
        Kind::Key | Kind::ThrottledKey => names!("api_key"),
        Kind::User => names!("user"),
        Kind::Team => names!("team"),
        Kind::TeamMember => names!("team_member"),
        Kind::Organization => names!("organization"),
        Kind::Project => names!("project"),
        Kind::Customer => names!("end_user"),
        Kind::ModelPerKey => names!("model_per_key"),
        Kind::ModelPerTeam => names!("model_per_team"),
        Kind::ModelPerUser => names!("model_per_user"),
        Kind::ModelPerOrganization => names!("model_per_organization"),
        Kind::ModelPerProject => names!("model_per_project"),
        Kind::ModelPerTeamMember => names!("model_per_team_member"),
        Kind::ModelPerCustomer => names!("model_per_end_user"),
        Kind::ModelPerTag => names!("model_per_tag"),
        Kind::TagPerKey => names!("tag_per_key"),
        Kind::Tag => names!("tag"),
        Kind::Deployment => names!("deployment"),
        Kind::Provider => names!("provider"),
        Kind::Global => names!("global"),
    }
}

/// The value of `x-litellm-key-spend` and its like.
pub fn header_value(amount: Pico) -> Option<HeaderValue> {
    match plain(amount) {
        Some(text) => HeaderValue::from_bytes(text.as_bytes()).ok(),
        None => HeaderValue::try_from(dollars(amount)).ok(),
    }
}

/// The value of `x-litellm-key-max-budget`, written once for each budget.
pub fn max_budget(budget: &Budget) -> Option<&HeaderValue> {
    budget.shown_max.as_ref()
}

fn limit_text(refusal: &Refusal, standing: Standing, wall: i64) -> String {
    format!(
        "Rate limit exceeded for {}: {}. Limit type: {}. Current limit: {}, Remaining: {}. Limit resets at: {}",
        kind_name(refusal.scope.kind()),
        whose(&refusal.scope),
        meter_name(standing.meter),
        standing.limit,
        standing.remaining,
        reset_at(refusal, wall),
    )
}

/// The id, of everybody `all`.
fn whose(scope: &Scope) -> &str {
    if scope.kind() == Kind::Global { "all" } else { scope.id() }
}

fn budget_text(scope: &Scope, over: &Over, asked: &str, wording: Wording) -> String {
    let (spent, max) = (dollars(over.spent), dollars(over.max));
    let id = scope.id();
    let both = id.split_once(':').unwrap_or((id, ""));
    let name = scope.label().unwrap_or(id);
    let whose = match scope.kind() {
        Kind::User => return format!("ExceededBudget: User={id} over budget. Spend={spent}, Budget={max}"),
        Kind::Customer => return format!("ExceededBudget: End User={id} over budget. Spend={spent}, Budget={max}"),
        Kind::ModelPerKey => {
            let alias = scope.label().unwrap_or("None");
            // As LiteLLM: a budget of `gpt-4o` tells who asks for `openai/gpt-4o` about that.
            let (key, own) = both;
            let model = if asked.is_empty() { own } else { asked };
            return format!("LiteLLM Virtual Key: {key}, key_alias: {alias}, exceeded budget for model={model}");
        }
        Kind::Key if wording == Wording::Older => String::new(),
        Kind::Key => format!("Key={name} "),
        Kind::Team => format!("Team={id} "),
        Kind::TeamMember => format!("User={} in Team={} ", both.1, both.0),
        Kind::Organization => format!("Organization={id} "),
        Kind::Project => format!("Project={id} "),
        Kind::ModelPerTeam => format!("Team={} Model={} ", both.0, both.1),
        Kind::ModelPerUser => format!("User={} Model={} ", both.0, both.1),
        Kind::ModelPerOrganization => format!("Organization={} Model={} ", both.0, both.1),
        Kind::ModelPerProject => format!("Project={} Model={} ", both.0, both.1),
        Kind::ModelPerTeamMember => format!("Team={} User:Model={} ", both.0, both.1),
        // An end user's name, and that of a tag, may have a colon of its own.
        Kind::ModelPerCustomer => format!("End User:Model={id} "),
        Kind::ModelPerTag => format!("Tag:Model={id} "),
        Kind::TagPerKey => format!("Key:Tag={id} "),
        Kind::Tag => format!("Tag={id} "),
        Kind::Deployment => format!("Deployment={name} "),
        Kind::Provider => format!("Provider={name} "),
        Kind::ThrottledKey | Kind::Global => String::new(),
    };
    format!("Budget has been exceeded! {whose}Current cost: {spent}, Max budget: {max}")
}

/// An amount as Python prints a float: `0.01`, `10.0`, `4.25e-05`.
pub fn dollars(amount: Pico) -> String {
    if let Some(text) = plain(amount) {
        return text.as_str().to_owned();
    }
    let size = amount.unsigned_abs();
    if size >= LEAST_PLAIN {
        return format!("{:?}", in_dollars(amount));
    }
    // Python writes an exponent from 10^-5 down.
    let places = size.ilog10();
    let digits = Decimal::new(amount, places, 0);
    format!("{digits}e-{:02}", 12 - places)
}

/// Amounts below this are written with an exponent, but for nothing.
const LEAST_PLAIN: u64 = 100_000_000;

/// An amount that Python writes with all its digits and without an exponent: a float is sure of fifteen.
fn plain(amount: Pico) -> Option<Decimal> {
    const SURE: u64 = 10_u64.pow(15);
    let size = amount.unsigned_abs();
    let is_sure = || size < SURE || size.is_multiple_of(10_u64.pow(size.ilog10() - 14));
    (size == 0 || size >= LEAST_PLAIN && is_sure()).then(|| Decimal::new(amount, 12, 1))
}

#[expect(clippy::cast_precision_loss, reason = "for people to read; 15 digits are right")]
fn in_dollars(amount: Pico) -> f64 {
    amount as f64 / 1e12
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::clock::Instant;

    use super::super::{Ask, BudgetLimits, Limits, admit};
    use super::*;

    /// 2026-11-20 22:27:15 UTC.
    const WALL: i64 = 1_795_213_635;
    const ASK: Ask = Ask { tokens: 5, cost: 0, now: Instant::from_nanos(0), wall: WALL, downgraded: false };

    /// What is said when this scope refuses the `tries`-th request.
    fn said(scope: Scope, tries: usize, wording: Wording) -> (String, u64) {
        let scopes = [Arc::new(scope)];
        let mut answers: Vec<_> = (0..tries).map(|_| admit(&scopes, &ASK)).collect();
        let refusal = answers.pop().unwrap().map(drop).unwrap_err();
        (text(&refusal, "", WALL, wording), retry_after(&refusal))
    }

    #[test]
    fn counts_are_refused_in_litellms_words() {
        let limits = |requests, tokens, parallel| Limits { requests, tokens, parallel, budgets: vec![] };
        for (scope, tries, expected, wait) in [
            (
                Scope::new(Kind::Key, "1b6e", limits(Some(1), None, None)),
                2,
                "Rate limit exceeded for api_key: 1b6e. Limit type: requests. Current limit: 1, Remaining: 0. \
                 Limit resets at: 2026-11-20 22:28:15 UTC",
                60,
            ),
            (
                Scope::new(Kind::Team, "t1", limits(None, Some(9), None)),
                2,
                "Rate limit exceeded for team: t1. Limit type: tokens. Current limit: 9, Remaining: 4. \
                 Limit resets at: 2026-11-20 22:27:22 UTC",
                7,
            ),
            (
                Scope::new(Kind::Customer, "c", limits(None, Some(4), None)),
                2,
                "Rate limit exceeded for end_user: c. Limit type: tokens. Current limit: 4, Remaining: 0. \
                 Limit resets at: 2026-11-20 22:28:15 UTC",
                60,
            ),
            (
                Scope::new(Kind::Global, "", limits(Some(1), None, None)),
                2,
                "Rate limit exceeded for global: all. Limit type: requests. Current limit: 1, Remaining: 0. \
                 Limit resets at: 2026-11-20 22:28:15 UTC",
                60,
            ),
            (
                Scope::new(Kind::TeamMember, "t1:u1", limits(None, None, Some(1))),
                2,
                "Rate limit exceeded for team_member: t1:u1. Limit type: max_parallel_requests. Current limit: 1, \
                 Remaining: 0. Limit resets at: 2026-11-20 22:28:15 UTC",
                60,
            ),
        ] {
            assert_eq!(said(scope, tries, Wording::Current), (expected.to_owned(), wait));
        }
    }

    #[test]
    fn money_is_refused_in_litellms_words() {
        use Wording::{Current, Older};
        for (kind, id, label, wording, expected) in [
            (
                Kind::Key,
                "1b6e",
                Some("key (sk-...AWOQ)"),
                Current,
                "Budget has been exceeded! Key=key (sk-...AWOQ) Current cost: 4.25e-05, Max budget: 1e-07",
            ),
            (Kind::Key, "1b6e", None, Older, "Budget has been exceeded! Current cost: 4.25e-05, Max budget: 1e-07"),
            (
                Kind::Team,
                "t",
                None,
                Older,
                "Budget has been exceeded! Team=t Current cost: 4.25e-05, Max budget: 1e-07",
            ),
            (
                Kind::TeamMember,
                "t:u",
                None,
                Current,
                "Budget has been exceeded! User=u in Team=t Current cost: 4.25e-05, Max budget: 1e-07",
            ),
            (Kind::User, "u", None, Current, "ExceededBudget: User=u over budget. Spend=4.25e-05, Budget=1e-07"),
            (Kind::Customer, "c", None, Older, "ExceededBudget: End User=c over budget. Spend=4.25e-05, Budget=1e-07"),
            (
                Kind::ModelPerKey,
                "1b6e:gpt-4o",
                None,
                Current,
                "LiteLLM Virtual Key: 1b6e, key_alias: None, exceeded budget for model=gpt-4o",
            ),
            (
                Kind::ModelPerTeamMember,
                "t:u:gpt-4o",
                None,
                Current,
                "Budget has been exceeded! Team=t User:Model=u:gpt-4o Current cost: 4.25e-05, Max budget: 1e-07",
            ),
            (
                Kind::ModelPerTag,
                "product:chat:gpt-4o",
                None,
                Current,
                "Budget has been exceeded! Tag:Model=product:chat:gpt-4o Current cost: 4.25e-05, Max budget: 1e-07",
            ),
            (Kind::Global, "", None, Current, "Budget has been exceeded! Current cost: 4.25e-05, Max budget: 1e-07"),
        ] {
            let budgets = vec![BudgetLimits { max: Some(100_000), ..BudgetLimits::default() }];
            let scope = Scope::new(kind, id, Limits { budgets, ..Limits::default() });
            let scope = if let Some(label) = label { scope.labelled(label) } else { scope };
            scope.budgets()[0].settle(0, 42_500_000);
            assert_eq!(said(scope, 1, wording).0, expected);
        }
    }

    #[test]
    fn dollars_look_like_pythons() {
        for (amount, expected) in [
            (0, "0.0"),
            (1, "1e-12"),
            (100_000, "1e-07"),
            (42_500_000, "4.25e-05"),
            (100_000_000, "0.0001"),
            (10_000_000_000, "0.01"),
            (10_000_000_000_000, "10.0"),
            (-42_500_000, "-4.25e-05"),
            (1_234_567_890_123, "1.234567890123"),
            (99_999_999, "9.9999999e-05"),
            (100_000_001, "0.000100000001"),
            (-1_000_000_000_000, "-1.0"),
            (20, "2e-11"),
            (1_234_567_000_000_000_000, "1234567.0"),
            (100_000_000_000_000_000, "100000.0"),
            (1_234_567_890_123_450, "1234.56789012345"),
            (1_234_567_890_123_456_789, "1234567.8901234567"),
        ] {
            assert_eq!(dollars(amount), expected);
        }
    }

    #[test]
    fn headers_have_litellms_names() {
        let (limit, remaining) = header_names(Kind::Key, Meter::Requests);
        assert_eq!(limit, "x-ratelimit-api_key-limit-requests");
        assert_eq!(remaining, "x-ratelimit-api_key-remaining-requests");
        let (limit, _) = header_names(Kind::Team, Meter::Parallel);
        assert_eq!(limit, "x-ratelimit-team-limit-max_parallel_requests");
        assert_eq!(header_names(Kind::ModelPerKey, Meter::Tokens).1, "x-ratelimit-model_per_key-remaining-tokens");
        assert_eq!(header_names(Kind::Key, Meter::TokensPerDay).1, "x-ratelimit-api_key-remaining-tokens_per_day");
    }
}
