//! What every handler works with: the store, the desk, the settings, the time; and the one way to change something.

pub mod changing;
mod spending;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::desk::Desk;
use super::rights::refused;
use super::times;
use crate::config::{Budget, KeyGeneration, ModelRules};
use crate::error::{Compat, Error, Kind, Management};
use crate::limiter::{Window, Zone};
use crate::pricing::Book;
use crate::store::{Failure, Kind as StoreKind, Object, SealKey, View};

/// Milliseconds since 1970.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What the configuration says of the management API.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Which LiteLLM release is imitated.
    pub compat: Compat,
    /// Where midnight is, for budgets.
    pub zone: Zone,
    /// `litellm_settings.default_key_generate_params`: what a new key has that does not say otherwise.
    pub default_key: Map<String, Value>,
    /// `litellm_settings.upperbound_key_generate_params`: what no new key may have more of.
    pub upper_bounds: Map<String, Value>,
    /// `litellm_settings.default_internal_user_params`, `max_internal_user_budget` and `internal_user_budget_duration`: what
    /// a new user has that does not say otherwise. Admins are not meant; who only sees is, since their keys may call models.
    pub default_user: Map<String, Value>,
    /// `litellm_settings.default_team_params`: what a new team has that does not say otherwise.
    pub default_team: Map<String, Value>,
    /// `litellm_settings.key_generation_settings`: who may make keys.
    pub key_generation: Option<KeyGeneration>,
    /// `litellm_settings.max_budget`: dollars that the whole gateway may spend.
    pub max_budget: Option<f64>,
    /// `router_settings.provider_budget_config`.
    pub provider_budgets: BTreeMap<String, Budget>,
    /// What providers' keys are sealed with. `None`: none can be stored.
    pub seal: Option<SealKey>,
    /// `router_settings` as they hold, in LiteLLM's words.
    pub router_settings: Map<String, Value>,
    /// How a model is read that is added at run time.
    pub model_rules: ModelRules,
    /// What models cost that no deployment is of.
    pub prices: Arc<Book>,
}

/// The state of the control plane.
pub struct Control {
    /// What is stored, and over it what the configuration declares.
    pub store: View,
    pub desk: Arc<dyn Desk>,
    pub settings: Settings,
    clock: WallClock,
    /// Held by whoever has found an object changed under their hands, until their own change is made.
    turn: tokio::sync::Mutex<()>,
}

impl Control {
    /// Over these.
    pub fn new(store: View, desk: Arc<dyn Desk>, settings: Settings, clock: WallClock) -> Self {
        Self { store, desk, settings, clock, turn: tokio::sync::Mutex::new(()) }
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// An object as it is shown, spend excepted: its document with the times of its row, and with the end of the budget's
    /// present window.
    pub fn shown(&self, object: &Object) -> Map<String, Value> {
        let mut shown = object.doc.clone();
        // What is declared was made by nobody at no time.
        let time =
            |at: i64| if self.store.declares(object.kind, &object.id) { Value::Null } else { json!(times::zulu(at)) };
        // A key that was regenerated keeps the day on which it was made.
        shown.entry("created_at").or_insert_with(|| time(object.created_at));
        shown.insert("updated_at".to_owned(), time(object.updated_at));
        if let Some(duration) = shown.get("budget_duration").and_then(Value::as_str) {
            let stored = shown.get("budget_reset_at").and_then(Value::as_str).and_then(times::milliseconds);
            if stored.is_none_or(|end| end <= self.now()) {
                let next = self.resets_at(duration).map_or(Value::Null, Value::from);
                shown.insert("budget_reset_at".to_owned(), next);
            }
        }
        shown
    }

    /// Refuses a change of what the configuration declares. Where an object of the same id is stored, the declared one
    /// counts all the same.
    ///
    /// # Errors
    /// 400, which says so.
    pub fn check_is_stored(&self, kind: StoreKind, id: &str) -> Result<(), Error> {
        if !self.store.declares(kind, id) {
            return Ok(());
        }
        let what = match kind {
            StoreKind::Key => "Key",
            StoreKind::User => "User",
            StoreKind::Team => "Team",
            StoreKind::TeamMember => "Team member",
            StoreKind::Budget => "Budget",
            StoreKind::Credential => "Credential",
            kind => kind.as_str(),
        };
        Err(refused(format!(
            "{what} '{id}' is declared in the configuration file, which counts before what is stored. Change it there."
        )))
    }

    /// The end of the window of such a `budget_duration` that is open now. `None`: this is no duration.
    pub fn resets_at(&self, duration: &str) -> Option<String> {
        let end = Window::parse(duration)?.next_reset(self.now().div_euclid(1_000), &self.settings.zone);
        Some(times::zulu(end.saturating_mul(1_000)))
    }
}

impl From<Failure> for Error {
    /// What is told of a store that failed. What could be said better is found by the handler before it changes anything.
    fn from(failure: Failure) -> Self {
        let (kind, text) = match &failure {
            Failure::Exists => (Management::Exists, "It exists already."),
            Failure::AliasTaken => (Management::Refused, "Another key has this alias."),
            Failure::Changed => (Management::TooManyChanges, "It is being changed by others. Try again."),
            Failure::Unavailable(_) => (Management::StoreAway, "No connected db."),
            Failure::Refused(_) => {
                (Management::Refused, "One of the values cannot be stored: it is too long, or has a NUL in it.")
            }
            Failure::Corrupt(_) => {
                let error = Error::new(Kind::Internal, "The store holds what is not understood.");
                return error.detail(failure.to_string());
            }
        };
        Error::new(Kind::Management(kind), text).detail(failure.to_string())
    }
}
