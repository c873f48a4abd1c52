//! A prediction as it is created and as it is polled (<https://replicate.com/docs/reference/http#predictions.get>).

use serde::Deserialize;
use serde_json::Value;

use super::errors::failed;
use crate::error::{Error, Kind};
use crate::wire::codec::Ids;
use crate::wire::model::{Choice, Part, Reply};
use crate::wire::usage::Usage;

/// How far a prediction has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It waits or works: to be polled again.
    #[default]
    Running,
    /// The output is whole.
    Succeeded,
    /// There is an error instead.
    Failed,
    /// Somebody stopped it.
    Canceled,
}

/// A prediction at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// How far it has come.
    pub status: Status,
    /// Where it is polled. It comes from the provider: before the provider's key is sent there, it must be of the same
    /// origin as the address that the prediction was created at.
    pub get_url: Option<String>,
    /// The text so far.
    pub output: String,
    /// Why it failed.
    pub error: Option<String>,
    /// Tokens, where the model counts them.
    pub metrics: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wire {
    status: Option<String>,
    urls: Option<Urls>,
    output: Value,
    error: Value,
    metrics: Option<Metrics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Urls {
    get: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Metrics {
    input_token_count: Option<u64>,
    output_token_count: Option<u64>,
    /// The names that newer models use.
    token_input_count: Option<u64>,
    token_output_count: Option<u64>,
}

impl Prediction {
    /// Reads the answer to a creation or a poll.
    ///
    /// # Errors
    /// [`Kind::GarbledAnswer`]
    pub fn decode(body: &[u8]) -> Result<Self, Error> {
        let garbled = || Error::new(Kind::GarbledAnswer, "The provider sent an unreadable answer.");
        let wire: Wire = serde_json::from_slice(body).map_err(|error| garbled().detail(error.to_string()))?;
        let status = match wire.status.ok_or_else(garbled)?.as_str() {
            "succeeded" | "successful" => Status::Succeeded,
            "failed" => Status::Failed,
            "canceled" | "aborted" => Status::Canceled,
            _ => Status::Running,
        };
        Ok(Self {
            status,
            get_url: wire.urls.and_then(|urls| urls.get),
            output: text_of(&wire.output),
            error: Some(text_of(&wire.error)).filter(|words| !words.is_empty()),
            metrics: wire.metrics.and_then(Metrics::usage),
        })
    }

    /// Why there is no output to come. `None`: there is, or it is all there.
    pub fn failure(&self) -> Option<Error> {
        match self.status {
            Status::Running | Status::Succeeded => None,
            Status::Failed => Some(failed(self.error.clone())),
            Status::Canceled => Some(Error::new(Kind::InternalServer, "The prediction was canceled at the provider.")),
        }
    }
}

impl Metrics {
    fn usage(self) -> Option<Usage> {
        let input = self.input_token_count.or(self.token_input_count);
        let output = self.output_token_count.or(self.token_output_count);
        Usage::of_counters(input, output)
    }
}

/// A text, the pieces of one, or JSON where a model answers that.
fn text_of(output: &Value) -> String {
    match output {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(pieces) => pieces.iter().map(text_of).collect(),
        other => other.to_string(),
    }
}

/// A prediction that has ended, as an answer.
///
/// # Errors
/// As [`Prediction::decode`]; what the prediction failed with; [`Kind::Timeout`] while it is still running.
pub fn decode_reply(body: &[u8], _: &Ids) -> Result<Reply, Error> {
    to_reply(&Prediction::decode(body)?)
}

fn to_reply(prediction: &Prediction) -> Result<Reply, Error> {
    if let Some(error) = prediction.failure() {
        return Err(error);
    }
    if prediction.status == Status::Running {
        return Err(Error::new(Kind::Timeout, "The prediction did not end in time."));
    }
    let text = Some(&prediction.output).filter(|text| !text.is_empty());
    let choice = Choice { parts: text.map(Part::text).into_iter().collect(), ..Choice::default() };
    Ok(Reply { choices: vec![choice], usage: prediction.metrics, ..Reply::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &str) -> Prediction {
        Prediction::decode(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_prediction_is_read_at_every_stage() {
        let url = "https://api.replicate.com/v1/predictions/1";
        let created = decoded(&format!(
            r#"{{"id":"1","status":"starting","output":null,"error":null,"urls":{{"get":"{url}","cancel":"x"}}}}"#
        ));
        let expected = Prediction { get_url: Some(url.to_owned()), ..Prediction::default() };
        assert_eq!(created, expected);
        let metrics = r#""metrics":{"predict_time":1.5,"input_token_count":11,"output_token_count":7}"#;
        let ended = decoded(&format!(r#"{{"status":"succeeded","output":["Hel","lo"],{metrics}}}"#));
        let reply = to_reply(&ended).unwrap();
        assert_eq!(reply.choices[0].parts, [Part::text("Hello")]);
        assert_eq!(reply.usage, Some(Usage::of_tokens(11, 7)));
        for (output, text) in [("\"Hi\"", "Hi"), ("[]", ""), (r#"{"a":1}"#, r#"{"a":1}"#), (r#"["n: ",1]"#, "n: 1")] {
            assert_eq!(decoded(&format!(r#"{{"status":"processing","output":{output}}}"#)).output, text);
        }
        assert_eq!(Prediction::decode(b"{}").unwrap_err().kind, Kind::GarbledAnswer);
    }

    #[test]
    fn only_a_whole_output_is_an_answer() {
        let check = |body: &str, kind| assert_eq!(to_reply(&decoded(body)).unwrap_err().kind, kind, "{body}");
        check(r#"{"status":"processing","output":["Hel"]}"#, Kind::Timeout);
        check(r#"{"status":"failed","error":"boom","output":["Hel"]}"#, Kind::InternalServer);
        check(r#"{"status":"failed","error":"request timed out"}"#, Kind::Timeout);
        check(r#"{"status":"canceled"}"#, Kind::InternalServer);
    }
}
