//! The table of models in the schema of LiteLLM's `model_prices_and_context_window.json`: prices, context windows,
//! abilities. `conf/model_prices.json` is compiled in; another of the same schema can stand in its place
//! ([`super::Book`]).
//!
//! Kept per model is what is asked for, not the text. Numbers are read as they are written, without floats.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::Money;
use super::names::{forms, same_house};
use super::pictures::SizedPrice;
use super::prices::{Prices, price};

/// The text of the table that is compiled in.
pub(super) const BUILTIN: &str = include_str!("../../conf/model_prices.json");

/// One table for all tests.
#[cfg(test)]
pub(super) static TABLE: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::builtin);

/// What is known of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// `litellm_provider`.
    pub provider: Arc<str>,
    /// `chat`, `embedding`, `rerank` …
    pub mode: Arc<str>,
    /// Tokens of input that it takes.
    pub max_input_tokens: Option<u64>,
    /// Tokens that it answers at most.
    pub max_output_tokens: Option<u64>,
    /// Names of what it can do, as `supports_vision`.
    pub supports: Vec<Arc<str>>,
    /// What it costs.
    pub prices: Prices,
}

/// All models, by the name of their entry.
#[derive(Clone, Debug, Default)]
pub struct Table {
    models: HashMap<Box<str>, Model>,
}

/// Entries that are about the table: an example, and rules for names that are not in it.
const NO_MODELS: [&str; 2] = ["sample_spec", "fallback_generalizations"];

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

impl Table {
    /// The table that is compiled in, read anew: some milliseconds and megabytes, so ask once and let go of it.
    pub fn builtin() -> Table {
        // A test reads the file that is compiled in, so this is never the empty table.
        Table::parse(BUILTIN.as_bytes()).unwrap_or_default()
    }

    /// Reads a table. What is no model is passed over, as are entries that are no objects and members that are not read here.
    ///
    /// # Errors
    /// The text is no JSON object.
    pub fn parse(json: &[u8]) -> Result<Table, serde_json::Error> {
        let entries: Members<'_> = serde_json::from_slice(json)?;
        let entries = entries.into_iter().filter(|(name, _)| !NO_MODELS.contains(&name.as_ref()));
        let entries = entries.filter_map(|(name, entry)| Some((name, members(entry)?)));
        let entries: BTreeMap<Cow<'_, str>, Members<'_>> = entries.collect();
        let mut words = Words::default();
        let mut table = Table::default();
        for (name, members) in &entries {
            table.models.insert(name.as_ref().into(), model(members, &mut words));
        }
        for (name, aliases) in entries.iter().filter_map(|(name, members)| Some((name, members.get("aliases")?))) {
            table.add_aliases(name, aliases);
        }
        for (name, members) in &entries {
            let members = members.iter().map(|(name, value)| (name.as_ref(), value.get()));
            if let Some((plain, price)) = SizedPrice::of(name, members) {
                table.add_sized(name, plain, price);
            }
        }
        Ok(table)
    }

    /// Other names of a model, as far as they are not names of others.
    fn add_aliases(&mut self, name: &str, aliases: &RawValue) {
        let Some(model) = self.models.get(name).cloned() else { return };
        for alias in serde_json::from_str::<Vec<Cow<'_, str>>>(aliases.get()).unwrap_or_default() {
            self.models.entry(alias.as_ref().into()).or_insert_with(|| model.clone());
        }
    }

    /// Adds the price of a size to the model that it is of, which has perhaps no entry of its own.
    fn add_sized(&mut self, name: &str, plain: String, price: SizedPrice) {
        let Some(entry) = self.models.get(name) else { return };
        let (provider, mode) = (Arc::clone(&entry.provider), Arc::clone(&entry.mode));
        let model = self.models.entry(plain.into()).or_insert_with(|| Model { provider, mode, ..Model::default() });
        model.prices.add_sized(price);
    }

    /// The model of a deployment, or of its `base_model`: behind its provider's name, alone if the entry is of that
    /// provider, then under shorter forms of the name (no date, no region).
    pub fn find(&self, provider: &str, model: &str) -> Option<&Model> {
        self.find_entry(provider, model).map(|(_, model)| model)
    }

    /// The same with the name of the entry.
    pub fn find_entry(&self, provider: &str, model: &str) -> Option<(&str, &Model)> {
        let model = model.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model);
        let named = |name: &str| self.models.get_key_value(name).map(|(name, model)| (name.as_ref(), model));
        forms(model).into_iter().find_map(|form| {
            let own = named(&format!("{provider}/{form}"));
            own.or_else(|| named(form).filter(|(_, entry)| same_house(&entry.provider, provider)))
        })
    }

    /// A model by its name alone, whoever's it is: as it stands, then under shorter forms of it.
    pub fn find_named(&self, name: &str) -> Option<&Model> {
        forms(name).into_iter().find_map(|form| self.models.get(form))
    }

    /// The entries of some providers.
    #[must_use]
    pub fn of_providers(&self, providers: &[&str]) -> Table {
        let is_wanted = |model: &Model| providers.iter().any(|provider| same_house(&model.provider, provider));
        let models = self.models.iter().filter(|(_, model)| is_wanted(model));
        Table { models: models.map(|(name, model)| (name.clone(), model.clone())).collect() }
    }

    /// All entries, in no order.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Model)> {
        self.models.iter().map(|(name, model)| (name.as_ref(), model))
    }
}

/// Words that many entries share are kept once.
#[derive(Default)]
struct Words(BTreeMap<String, Arc<str>>);

impl Words {
    fn keep(&mut self, word: &str) -> Arc<str> {
        if let Some(kept) = self.0.get(word) {
            return Arc::clone(kept);
        }
        let kept: Arc<str> = Arc::from(word);
        self.0.insert(word.to_owned(), Arc::clone(&kept));
        kept
    }
}

fn members(object: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(object.get()).ok()
}

fn model(members: &Members<'_>, words: &mut Words) -> Model {
    let mut model = Model::default();
    let mut max_tokens = None;
    for (name, value) in members {
        let text = value.get();
        match name.as_ref() {
            "litellm_provider" => model.provider = words.keep(text.trim_matches('"')),
            "mode" => model.mode = words.keep(text.trim_matches('"')),
            "max_tokens" => max_tokens = count(text),
            "max_input_tokens" => model.max_input_tokens = count(text),
            "max_output_tokens" => model.max_output_tokens = count(text),
            "search_context_cost_per_query" => state(&mut model.prices, 0, text),
            "tiered_pricing" => tiers(&mut model.prices, text),
            name if name.starts_with("supports_") && text == "true" => model.supports.push(words.keep(name)),
            name => {
                if let Some(price) = price(name, text) {
                    model.prices.state(name, price);
                }
            }
        }
    }
    model.max_output_tokens = model.max_output_tokens.or(max_tokens);
    model.prices.finish();
    model
}

/// `32000`, `32000.0` and `"32000"`.
fn count(text: &str) -> Option<u64> {
    u64::try_from(Money::from_dollars(text.trim_matches('"'))?.pico() / 1_000_000_000_000).ok()
}

/// The prices of an object of members, for prompts longer than `above`.
fn state(prices: &mut Prices, above: u32, object: &str) {
    let members: Members<'_> = serde_json::from_str(object).unwrap_or_default();
    for (name, value) in &members {
        if let Some(price) = Money::from_dollars(value.get()) {
            prices.state_above(name, above, price);
        }
    }
}

/// A list of such objects, each with the `range` of prompt lengths that it is for.
fn tiers(prices: &mut Prices, list: &str) {
    let tiers: Vec<&RawValue> = serde_json::from_str(list).unwrap_or_default();
    for tier in tiers {
        let members: Members<'_> = serde_json::from_str(tier.get()).unwrap_or_default();
        let range: Vec<&RawValue> =
            members.get("range").and_then(|range| serde_json::from_str(range.get()).ok()).unwrap_or_default();
        let above = range.first().and_then(|start| count(start.get())).and_then(|start| u32::try_from(start).ok());
        state(prices, above.unwrap_or_default(), tier.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::prices::{ServiceTier, Unit};

    #[test]
    fn every_entry_of_the_built_in_table_is_read() {
        let table = Table::parse(BUILTIN.as_bytes()).unwrap();
        assert!(table.models.len() >= 400, "{}", table.models.len());
        for (name, model) in table.models() {
            assert!(!model.provider.is_empty() && !model.mode.is_empty(), "{name}");
        }
        for mode in ["chat", "embedding", "image_generation", "audio_transcription", "audio_speech", "rerank"] {
            assert!(table.models().any(|(_, model)| &*model.mode == mode && !model.prices.is_empty()), "{mode}");
        }
    }

    #[test]
    fn models_are_found_under_their_names() {
        let table = &*TABLE;
        let cases = [
            ("openai", "gpt-4o", "2.5e-06"),
            ("openai", "gpt-4o-2024-08-06", "2.5e-06"),
            ("azure", "azure/gpt-4o", "2.5e-06"),
            ("gemini", "gemini-2.5-flash", "3e-07"),
            ("bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0", "3e-06"),
            ("bedrock", "converse/us-east-1/anthropic.claude-3-5-sonnet-20240620-v1:0", "3e-06"),
            ("vertex_ai", "claude-opus-5@default", "5e-06"),
            ("anthropic", "claude-opus-5", "5e-06"),
        ];
        for (provider, model, price) in cases {
            let found = table.find(provider, model).unwrap_or_else(|| panic!("{provider} {model}"));
            let found = found.prices.get(Unit::Input, 1, ServiceTier::Standard);
            assert_eq!(found, Money::from_dollars(price), "{provider} {model}");
        }
        assert!(table.find("hosted_vllm", "gpt-4o").is_none());
        assert!(table.find("openai", "").is_none());
    }

    #[test]
    fn lists_of_tiers_and_searches_are_read() {
        let json = r#"{"sample_spec": {"mode": "one of"}, "x": {"max_tokens": "32000", "supports_vision": true,
            "search_context_cost_per_query": {"search_context_size_medium": 0.01},
            "tiered_pricing": [{"input_cost_per_token": 1e-06, "range": [0, 32000.0]},
                {"input_cost_per_token": 2e-06, "range": [32000.0, 128000.0]}]}}"#;
        let table = Table::parse(json.as_bytes()).unwrap();
        let model = table.models.get("x").unwrap();
        let price = |unit, tokens| model.prices.get(unit, tokens, ServiceTier::Standard).map(Money::pico);
        assert_eq!([price(Unit::Input, 32_000), price(Unit::Input, 32_001)], [Some(1_000_000), Some(2_000_000)]);
        assert_eq!(price(Unit::SearchMedium, 0), Some(10_000_000_000));
        assert_eq!((model.max_output_tokens, model.supports.len(), table.models.len()), (Some(32_000), 1, 1));
        assert!(Table::parse(b"[]").is_err());
        assert_eq!(Table::parse(br#"{"x": 1, "y": [], "z": null}"#).unwrap().models().count(), 0);
    }
}
