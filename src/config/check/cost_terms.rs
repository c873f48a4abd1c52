//! `litellm_settings.cost_discount_config` and `cost_margin_config`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::raw::section::Section;
use crate::config::{CostTerms, Margin};

/// LiteLLM takes no higher margin: ten times the price.
const HIGHEST_MARGIN: f64 = 10.0;

pub(super) fn read(litellm: Section<'_>) -> CostTerms {
    let discounts = litellm.with("cost_discount_config", |section| each(section, discount)).unwrap_or_default();
    let margins = litellm.with("cost_margin_config", |section| each(section, margin)).unwrap_or_default();
    CostTerms { discounts, margins }
}

fn each<T>(section: Section<'_>, read: fn(Section<'_>, &str) -> Option<T>) -> BTreeMap<String, T> {
    let names = section.map().keys();
    names.filter_map(|name| Some((name.clone(), read(section, name)?))).collect()
}

fn discount(section: Section<'_>, provider: &str) -> Option<f64> {
    within(section, provider, 1.0)
}

/// A part of the price, or `percentage` and `fixed_amount`.
fn margin(section: Section<'_>, provider: &str) -> Option<Margin> {
    if !section.get(provider).is_some_and(Value::is_object) {
        return Some(Margin { percentage: within(section, provider, HIGHEST_MARGIN)?, fixed_amount: 0.0 });
    }
    section.with(provider, |margin| {
        for name in margin.map().keys().filter(|name| !["percentage", "fixed_amount"].contains(&name.as_str())) {
            margin.error(name, "is no part of a margin: percentage and fixed_amount are");
        }
        Margin {
            percentage: within(margin, "percentage", HIGHEST_MARGIN).unwrap_or_default(),
            fixed_amount: within(margin, "fixed_amount", f64::MAX).unwrap_or_default(),
        }
    })
}

fn within(section: Section<'_>, name: &str, most: f64) -> Option<f64> {
    let number = section.number(name)?;
    if (0.0..=most).contains(&number) {
        return Some(number);
    }
    let bound = if most < f64::MAX { format!("from 0 to {most}") } else { "0 or more".to_owned() };
    section.error(name, format!("must be a number {bound}"));
    None
}
