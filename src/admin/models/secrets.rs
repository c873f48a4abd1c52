//! Objects whose texts are sealed, each for its own place: the shape can be seen, no text can.

use serde_json::{Map, Value};

use crate::store::{SealError, SealKey};

/// Seals every text within.
///
/// # Errors
/// [`SealError::NoRandomness`].
pub fn seal(key: &SealKey, plain: &Map<String, Value>, place: &str) -> Result<Map<String, Value>, SealError> {
    each(plain, place, &|text, place| key.seal(text, place))
}

/// Opens every text within.
///
/// # Errors
/// [`SealError`]: one of them does not open.
pub fn open(key: &SealKey, sealed: &Map<String, Value>, place: &str) -> Result<Map<String, Value>, SealError> {
    each(sealed, place, &|text, place| key.open(text, place).map(|plain| plain.expose().to_owned()))
}

/// Where the parameters of a model stand.
pub fn place_of_model(id: &str) -> String {
    format!("model:{id}/litellm_params")
}

/// Where the values of a credential stand.
pub fn place_of_credential(name: &str) -> String {
    format!("credential:{name}/credential_values")
}

type Turn<'a> = &'a dyn Fn(&str, &str) -> Result<String, SealError>;

fn each(map: &Map<String, Value>, place: &str, turn: Turn<'_>) -> Result<Map<String, Value>, SealError> {
    map.iter().map(|(name, value)| Ok((name.clone(), one(value, &format!("{place}/{name}"), turn)?))).collect()
}

fn one(value: &Value, place: &str, turn: Turn<'_>) -> Result<Value, SealError> {
    Ok(match value {
        Value::String(text) => Value::String(turn(text, place)?),
        Value::Array(list) => {
            let items = list.iter().enumerate().map(|(index, item)| one(item, &format!("{place}/{index}"), turn));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(map) => Value::Object(each(map, place, turn)?),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_is_sealed_and_the_shape_stays() {
        let key = SealKey::of_salt("salt");
        let plain = json!({
            "model": "canary", "rpm": 3, "drop_params": true, "x": null,
            "extra_headers": {"authorization": "canary", "list": ["canary", 1, {"deep": "canary"}]},
        });
        let plain = plain.as_object().unwrap();
        let sealed = seal(&key, plain, "a").unwrap();
        assert!(!Value::Object(sealed.clone()).to_string().contains("canary"));
        assert_eq!((&sealed["rpm"], &sealed["drop_params"], &sealed["x"]), (&json!(3), &json!(true), &json!(null)));
        assert_eq!(open(&key, &sealed, "a").as_ref(), Ok(plain));
        assert_eq!(open(&key, &sealed, "b"), Err(SealError::Changed), "in another object");
        assert_eq!(open(&SealKey::of_salt("other"), &sealed, "a"), Err(SealError::OtherKey));
        let mut swapped = sealed.clone();
        swapped["model"] = sealed["extra_headers"]["authorization"].clone();
        assert_eq!(open(&key, &swapped, "a"), Err(SealError::Changed), "in another member");
        assert_eq!(open(&key, plain, "a"), Err(SealError::NotSealed));
    }
}
