//! What the data plane reads of stored objects. The members have LiteLLM's names; what is missing, `null` or of another
//! type than it should be is not said, but for those that protect: a key whose models cannot be read is no key.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::store::Object;

/// The names in a key's `metadata` of dollars that it has besides for a while, and of the moment when that ends.
pub const INCREASE: &str = "temp_budget_increase";
pub const INCREASE_UNTIL: &str = "temp_budget_expiry";
/// The name in a team's `metadata` of the budget that says of its members what no budget of their own says.
pub const MEMBER_BUDGET_ID: &str = "team_member_budget_id";
/// The name in a key's `metadata` of whether it goes on more slowly when its budget is used up.
pub const THROTTLE: &str = "throttle_on_budget_exceeded";
/// The name of the budget of end users whom a key's calls are the first to name; may stand in `metadata`.
pub const END_USER_BUDGET_ID: &str = "end_user_budget_id";
/// The name in anybody's `metadata` of what becomes of a call that is over the budget.
pub const ON_EXCEEDED: &str = "on_budget_exceeded";

/// Limits, as keys, teams, users, members, customers and budgets have them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LimitRow {
    /// Dollars.
    #[serde(deserialize_with = "amount")]
    pub max_budget: Option<f64>,
    /// Dollars, from which on somebody should be told.
    #[serde(deserialize_with = "amount")]
    pub soft_budget: Option<f64>,
    /// `30d`, `1mo`, `weekly` …
    pub budget_duration: Option<String>,
    pub rpm_limit: Option<u64>,
    pub tpm_limit: Option<u64>,
    /// Tokens a day.
    pub tpd_limit: Option<u64>,
    pub max_parallel_requests: Option<u64>,
    /// Tollgate's own: what becomes of a call that is over the budget. `block`, `warn`, or the name of a cheaper model that
    /// is called instead. May stand in `metadata`.
    pub on_budget_exceeded: Option<String>,
}

impl LimitRow {
    /// What is said here, else what `base` says: a key's own words before those of its budget.
    #[must_use]
    pub fn or(self, base: Self) -> Self {
        Self {
            max_budget: self.max_budget.or(base.max_budget),
            soft_budget: self.soft_budget.or(base.soft_budget),
            budget_duration: self.budget_duration.or(base.budget_duration),
            rpm_limit: self.rpm_limit.or(base.rpm_limit),
            tpm_limit: self.tpm_limit.or(base.tpm_limit),
            tpd_limit: self.tpd_limit.or(base.tpd_limit),
            max_parallel_requests: self.max_parallel_requests.or(base.max_parallel_requests),
            on_budget_exceeded: self.on_budget_exceeded.or(base.on_budget_exceeded),
        }
    }
}

/// One of `budget_limits`: a further window.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "WindowSaid")]
pub struct WindowRow {
    pub budget_duration: Option<String>,
    pub max_budget: Option<f64>,
}

/// The same in either of LiteLLM's words, or in both.
#[derive(Default, Deserialize)]
#[serde(default)]
struct WindowSaid {
    budget_duration: Option<String>,
    time_period: Option<String>,
    #[serde(deserialize_with = "amount")]
    max_budget: Option<f64>,
    #[serde(deserialize_with = "amount")]
    budget_limit: Option<f64>,
}

impl From<WindowSaid> for WindowRow {
    fn from(said: WindowSaid) -> Self {
        Self {
            budget_duration: said.budget_duration.or(said.time_period),
            max_budget: said.max_budget.or(said.budget_limit),
        }
    }
}

/// A key, a team, a user, an organization, a project, a member, a customer, a tag, a budget: what they have in common,
/// and what only some of them have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Row {
    #[serde(flatten)]
    pub limits: LimitRow,
    #[serde(deserialize_with = "nullable")]
    pub models: Vec<String>,
    /// Of a key or a team: access groups whose models it may call besides its own.
    #[serde(deserialize_with = "nullable")]
    pub access_group_ids: Vec<String>,
    /// Of a budget: the only models that whoever has it may call.
    #[serde(deserialize_with = "nullable")]
    pub allowed_models: Vec<String>,
    /// Of an access group: what its name or its id stands for.
    #[serde(deserialize_with = "nullable")]
    pub model_names: Vec<String>,
    /// Of a key that was replaced and is good for a while still: the digest of the new one.
    pub rotated_to: Option<String>,
    pub user_id: Option<String>,
    pub team_id: Option<String>,
    pub organization_id: Option<String>,
    pub project_id: Option<String>,
    pub budget_id: Option<String>,
    /// Of a key: the budget of end users whom its calls are the first to name.
    pub end_user_budget_id: Option<String>,
    pub blocked: Option<bool>,
    /// Of a key: whether somebody who is neither its user nor a proxy admin was handed its plain text.
    #[serde(deserialize_with = "nullable")]
    pub lent: bool,
    /// Of a key: the moment from which on it is none.
    pub expires: Option<String>,
    /// Of a key: who may use it, for people.
    pub key_name: Option<String>,
    pub key_alias: Option<String>,
    pub team_alias: Option<String>,
    pub organization_alias: Option<String>,
    pub user_email: Option<String>,
    /// Of a user: what he may do.
    pub user_role: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub aliases: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    pub model_aliases: BTreeMap<String, String>,
    /// Of a team: where LiteLLM keeps `model_aliases`.
    pub litellm_model_table: Option<ModelTable>,
    #[serde(deserialize_with = "nullable")]
    pub allowed_routes: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub budget_limits: Vec<WindowRow>,
    #[serde(deserialize_with = "nullable")]
    pub model_rpm_limit: BTreeMap<String, u64>,
    #[serde(deserialize_with = "nullable")]
    pub model_tpm_limit: BTreeMap<String, u64>,
    #[serde(deserialize_with = "nullable")]
    pub model_max_budget: BTreeMap<String, WindowRow>,
    /// Of a key: requests a minute that have a tag.
    #[serde(deserialize_with = "nullable")]
    pub tag_rpm_limit: BTreeMap<String, u64>,
    /// Of a key: tokens a minute of requests that have a tag.
    #[serde(deserialize_with = "nullable")]
    pub tag_tpm_limit: BTreeMap<String, u64>,
    /// Models that take over, in their order, where a model's budget is spent.
    #[serde(deserialize_with = "nullable")]
    pub budget_fallbacks: BTreeMap<String, Vec<String>>,
    /// Of a key or a team: its own fallbacks, in LiteLLM's words for them.
    #[serde(deserialize_with = "nullable")]
    pub router_settings: Map<String, Value>,
    /// Of a key or a team: parameters that each request must have.
    #[serde(deserialize_with = "nullable")]
    pub enforced_params: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub metadata: Map<String, Value>,
}

/// The aliases of a team, as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ModelTable {
    #[serde(deserialize_with = "nullable")]
    pub model_aliases: BTreeMap<String, String>,
}

impl Row {
    /// What an object says. `None`: it says something that this release does not understand.
    pub fn of(object: &Object) -> Option<Self> {
        Self::read(object).ok()
    }

    /// What there is instead of an object that cannot be read: it protects something, so nobody gets past it.
    pub fn unreadable() -> Self {
        let limits = LimitRow { max_budget: Some(0.0), rpm_limit: Some(0), ..LimitRow::default() };
        Self { limits, blocked: Some(true), ..Self::default() }
    }

    /// What an object says.
    ///
    /// # Errors
    /// What of it this release does not understand.
    pub fn read(object: &Object) -> Result<Self, serde_json::Error> {
        let mut row: Self = serde_json::from_value(Value::Object(object.doc.clone()))?;
        row.read_metadata();
        // What it is found by is right in any case.
        row.user_id = row.user_id.or_else(|| object.user_id.clone());
        row.team_id = row.team_id.or_else(|| object.team_id.clone());
        row.organization_id = row.organization_id.or_else(|| object.organization_id.clone());
        Ok(row)
    }

    /// The same with what the budget says that it names, as far as it says nothing itself.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let mut row = self.clone();
        row.limits = row.limits.or(base.limits.clone());
        if row.budget_limits.is_empty() {
            row.budget_limits.clone_from(&base.budget_limits);
        }
        if row.model_max_budget.is_empty() {
            row.model_max_budget.clone_from(&base.model_max_budget);
        }
        if row.allowed_models.is_empty() {
            row.allowed_models.clone_from(&base.allowed_models);
        }
        row
    }

    /// Of a key: with the dollars that it has besides at this moment, and when that ends; both in seconds since 1970. As with
    /// LiteLLM only a budget of its own is increased.
    #[must_use]
    pub fn increased(mut self, now: i64) -> (Self, Option<i64>) {
        let more = self.metadata.get(INCREASE).and_then(Value::as_f64).filter(|more| *more > 0.0);
        let until = self.metadata.get(INCREASE_UNTIL).and_then(Value::as_str);
        let until = until.and_then(|until| until.parse::<jiff::Timestamp>().ok()).map(jiff::Timestamp::as_second);
        let (Some(max), Some(more), Some(until)) = (&mut self.limits.max_budget, more, until) else {
            return (self, None);
        };
        if until <= now {
            return (self, None);
        }
        *max += more;
        (self, Some(until))
    }

    /// Of a key: whether it goes on more slowly when its budget is used up.
    pub fn is_throttled(&self) -> bool {
        self.metadata.get(THROTTLE) == Some(&Value::Bool(true))
    }

    /// Of a team: the budget that says of its members what no budget of their own says.
    pub fn member_budget_id(&self) -> Option<&str> {
        self.metadata.get(MEMBER_BUDGET_ID)?.as_str().filter(|id| !id.is_empty())
    }

    /// LiteLLM keeps a few settings in `metadata`, and shows them there.
    fn read_metadata(&mut self) {
        if let Some(aliases) = self.litellm_model_table.as_ref().filter(|_| self.model_aliases.is_empty()) {
            self.model_aliases = aliases.model_aliases.clone();
        }
        let counts = |name: &str, into: &mut BTreeMap<String, u64>| {
            let said = self.metadata.get(name).and_then(|value| serde_json::from_value(value.clone()).ok());
            if into.is_empty() {
                *into = said.unwrap_or_default();
            }
        };
        counts("model_rpm_limit", &mut self.model_rpm_limit);
        counts("model_tpm_limit", &mut self.model_tpm_limit);
        counts("tag_rpm_limit", &mut self.tag_rpm_limit);
        counts("tag_tpm_limit", &mut self.tag_tpm_limit);
        if self.limits.on_budget_exceeded.is_none() {
            let said = self.metadata.get(ON_EXCEEDED).and_then(Value::as_str);
            self.limits.on_budget_exceeded = said.map(str::to_owned);
        }
        if self.end_user_budget_id.is_none() {
            let said = self.metadata.get(END_USER_BUDGET_ID).and_then(Value::as_str);
            self.end_user_budget_id = said.map(str::to_owned);
        }
        self.end_user_budget_id = self.end_user_budget_id.take().filter(|id| !id.is_empty());
        if self.tags.is_empty() {
            let tags = self.metadata.get("tags").and_then(|tags| serde_json::from_value(tags.clone()).ok());
            self.tags = tags.unwrap_or_default();
        }
        if self.enforced_params.is_empty() {
            let params = self.metadata.get("enforced_params");
            self.enforced_params =
                params.and_then(|params| serde_json::from_value(params.clone()).ok()).unwrap_or_default();
        }
    }

    /// Milliseconds since 1970 from which on a key is none. A moment that cannot be read is long ago.
    pub fn expires_at(&self) -> Option<i64> {
        let expires = self.expires.as_deref()?.trim();
        // LiteLLM has written moments with and without a zone.
        let moment = expires.parse::<jiff::Timestamp>().or_else(|_| format!("{expires}Z").parse());
        Some(moment.map_or(0, |moment| moment.as_millisecond()))
    }
}

/// Dollars, as a number or as a text that is one.
fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let dollars = match Option::<Value>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    dollars
        .filter(|dollars| dollars.is_finite())
        .map(Some)
        .ok_or_else(|| D::Error::custom("an amount of dollars is no number"))
}

fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::Kind;

    fn row(doc: Value) -> Option<Row> {
        Row::of(&Object::new(Kind::Key, "k", doc.as_object().unwrap().clone()))
    }

    #[test]
    fn what_is_null_is_not_said() {
        let said = row(json!({"models": null, "max_budget": 1, "rpm_limit": null, "aliases": null, "blocked": null,
            "metadata": {"tags": ["a"], "model_rpm_limit": {"gpt-4o": 3}}, "who knows": []}))
        .unwrap();
        let limits = LimitRow { max_budget: Some(1.0), ..LimitRow::default() };
        assert_eq!((said.limits, said.models.len(), said.tags), (limits, 0, vec!["a".to_owned()]));
        assert_eq!(said.model_rpm_limit, BTreeMap::from([("gpt-4o".to_owned(), 3)]));
        let team = row(json!({"litellm_model_table": {"model_aliases": {"cheap": "gpt-4o-mini"}}})).unwrap();
        assert_eq!(team.model_aliases.get("cheap").map(String::as_str), Some("gpt-4o-mini"));
        assert_eq!(row(json!({"models": "gpt-4o"})), None, "unreadable is not unlimited");
    }

    #[test]
    fn amounts_are_numbers_or_texts_in_either_of_litellms_words() {
        let said = row(
            json!({"max_budget": "2.5", "budget_limits": [{"time_period": "1d", "budget_limit": "0.0000001"}],
            "model_max_budget": {"m": {"budget_limit": 1, "max_budget": 2, "budget_duration": "1h", "time_period": "1d"}}}),
        );
        let said = said.unwrap();
        let window = |duration: &str, dollars| WindowRow {
            budget_duration: Some(duration.to_owned()),
            max_budget: Some(dollars),
        };
        assert_eq!(said.limits.max_budget, Some(2.5));
        assert_eq!(said.budget_limits, [window("1d", 1e-7)]);
        assert_eq!(said.model_max_budget["m"], window("1h", 2.0));
        for wrong in [json!("much"), json!(true), json!([1]), json!("inf"), json!({})] {
            assert_eq!(row(json!({ "max_budget": wrong })), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_read_with_and_without_a_zone() {
        let expires = |text: &str| row(json!({ "expires": text })).unwrap().expires_at();
        assert_eq!(expires("1970-01-01T00:00:02Z"), Some(2_000));
        assert_eq!(expires("1970-01-01T00:00:02.5+00:00"), Some(2_500));
        assert_eq!(expires("1970-01-01T00:00:02.500000"), Some(2_500));
        assert_eq!(expires("soon"), Some(0), "a key whose end cannot be read has ended");
        assert_eq!(row(json!({})).unwrap().expires_at(), None);
    }
}
