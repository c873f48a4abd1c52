//! `/spend/calculate`, `/cost/estimate`, `/utils/token_counter`: what something would cost, and how many tokens it is.

mod priced;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use self::priced::{Names, Priced};
use super::read;
use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::fields::{Field, Shape, field, needed};
use crate::admin::reply::Reply;
use crate::admin::rights::{detailed, refused};
use crate::admin::spend::estimate::{EstimateQuery, estimate as estimated};
use crate::error::{Compat, Error, Kind, Management};
use crate::pricing::counted::TokenCount;
use crate::pricing::{ServiceTier, cost};
use crate::wire::usage::Usage;

const CALCULATE: &[Field] =
    &[field("model", Shape::Text), field("messages", Shape::List), field("completion_response", Shape::Object)];

const ESTIMATE: &[Field] = &[
    needed("model", Shape::Text),
    needed("input_tokens", Shape::Whole),
    needed("output_tokens", Shape::Whole),
    field("cache_read_input_tokens", Shape::Whole),
    field("cache_creation_input_tokens", Shape::Whole),
    field("reasoning_tokens", Shape::Whole),
    field("num_requests_per_day", Shape::Whole),
    field("num_requests_per_month", Shape::Whole),
];

const COUNT: &[Field] = &[
    needed("model", Shape::Text),
    field("prompt", Shape::Any),
    field("messages", Shape::List),
    field("contents", Shape::List),
];

/// What a prompt would cost without its answer, or what an answer did cost.
pub async fn calculate(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = call.body(CALCULATE)?;
    let model = said.text("model").filter(|model| !model.is_empty());
    let (name, usage, tier) = match (said.get("messages"), said.object("completion_response")) {
        (Some(Value::Array(messages)), None) => {
            let model = model.ok_or_else(|| {
                refused("Bad Request - 'model' must be provided when using 'messages'").param("model")
            })?;
            let body = json!({"model": model, "messages": messages}).to_string();
            let counted = count(control, &call, Bytes::from(body)).await?;
            (model.to_owned(), Usage::of_tokens(counted.total_tokens, 0), ServiceTier::Standard)
        }
        (None | Some(Value::Null), Some(answer)) => {
            let model = model.or_else(|| answer.get("model").and_then(Value::as_str)).ok_or_else(|| {
                refused("Bad Request - 'model' must be provided, or stand in 'completion_response'").param("model")
            })?;
            let (usage, tier) = usage_of(answer)?;
            (model.to_owned(), usage, tier)
        }
        (Some(Value::Array(_)), Some(_)) => {
            return Err(refused("Bad Request - Only one of 'messages' or 'completion_response' must be provided"));
        }
        _ => {
            return Err(refused("Bad Request - Either 'messages' or 'completion_response' must be provided"));
        }
    };
    let Some(Priced { prices, .. }) = priced::find(control, &call, &name).await? else {
        return Err(refused(format!("The price of model '{name}' is not known.")).param("model"));
    };
    Ok(Reply::json(json!({"cost": cost(&prices, &usage, tier).total.dollars()})))
}

fn usage_of(answer: &Map<String, Value>) -> Result<(Usage, ServiceTier), Error> {
    let usage = answer.get("usage").and_then(|usage| Usage::parse(usage.to_string().as_bytes()));
    let usage = usage.ok_or_else(|| {
        refused("Bad Request - 'completion_response' has no 'usage' to calculate with").param("completion_response")
    })?;
    let tier = answer.get("service_tier").and_then(Value::as_str).map_or(ServiceTier::Standard, ServiceTier::of);
    Ok((usage, tier))
}

/// What calls of some size would cost. The older release has no such route.
pub async fn estimate(control: &Control, call: Call) -> Result<Reply, Error> {
    if control.settings.compat == Compat::V1_80 {
        return Err(Error::new(Kind::NoSuchPath, "Not Found"));
    }
    let mut said = call.body(ESTIMATE)?;
    for field in ESTIMATE.iter().filter(|field| field.shape == Shape::Whole) {
        if said.whole(field.name).is_some_and(|count| count < 0) {
            return Err(super::out_of_bounds("body", field.name, &json!(said.whole(field.name)), 0));
        }
        if !field.is_needed && !field.name.starts_with("num_") && !said.has(field.name) {
            said.set(field.name, 0);
        }
    }
    let query: EstimateQuery = super::as_asked(&said)?;
    let Some(priced) = priced::find(control, &call, &query.model).await? else {
        let text = format!("Could not calculate cost for model '{}': its price is not known.", query.model);
        return Err(detailed(Management::DetailNoSuchObject, &text));
    };
    Ok(Reply::json(estimated(&query, &priced.prices, &priced.provider)))
}

/// How many tokens a prompt is.
pub async fn token_counter(control: &Control, call: Call) -> Result<Reply, Error> {
    let said = read(&call.body(COUNT)?, COUNT, "body")?;
    if !["prompt", "messages", "contents"].iter().any(|name| said.has(name)) {
        let text = "prompt or messages or contents must be provided";
        return Err(Error::new(Kind::Management(Management::DetailRefused), text));
    }
    let counted = count(control, &call, call.whole_body()).await?;
    Ok(Reply::json(counted.to_json(control.settings.compat)))
}

/// Counts on a thread that serves nobody.
async fn count(control: &Control, call: &Call, body: Bytes) -> Result<TokenCount, Error> {
    let names = Names::of(control, call).await?;
    let counted = tokio::task::spawn_blocking(move || TokenCount::of(body, |group| names.model_of(group))).await;
    counted.map_err(|error| Error::new(Kind::Internal, "Tokens could not be counted.").detail(error.to_string()))?
}
