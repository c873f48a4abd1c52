//! Providers that answer "later": the prediction is asked for again until it is finished.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::attempt::{self, Answer, Connections, Outgoing};
use super::gateway::Shared;
use super::open::Ask;
use super::sign;
use crate::error::{Error, Kind};
use crate::wire::replicate::reply::{Prediction, Status};

/// Between two looks at a prediction: LiteLLM's pause. The attempt's own time limit ends the looking.
const PAUSE: Duration = Duration::from_millis(500);
/// A prediction is read so far.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// Waits for a prediction to finish. Gives the last answer and its body.
///
/// # Errors
/// [`Kind::Timeout`] when the attempt's time is over; what fails on the way to the provider.
pub async fn finished(ask: &Ask<'_>, shared: &Shared, mut answer: Answer) -> Result<(Answer, Bytes), Error> {
    let mut body = answer.read_all(ANSWER_LIMIT).await?;
    loop {
        let Some(path) = next_look(ask, &Prediction::decode(&body)?)? else { return Ok((answer, body)) };
        let (Some(upstream), true) = (&ask.target.upstream, Instant::now() + PAUSE < ask.deadlines.end) else {
            return Err(Error::new(Kind::Timeout, "Request timed out."));
        };
        answer.release(Instant::now()).await;
        pingora_timeout::sleep(PAUSE).await;
        let head = ask.target.get_head(&path);
        let signed = sign::signed(ask, &head, &[]).await?;
        let outgoing = Outgoing { head: &signed, body: &[] };
        let mut connections = Connections::default();
        answer = attempt::send(upstream, &shared.connector, &outgoing, ask.deadlines, &mut connections).await?;
        shared.metrics.connections_opened.inc_by(connections.opened.into());
        shared.metrics.connections_reused.inc_by(connections.reused.into());
        if !(200..300).contains(&answer.status()) {
            return Err(Error::new(Kind::InternalServer, "The provider lost the prediction."));
        }
        body = answer.read_all(ANSWER_LIMIT).await?;
    }
}

/// Where the prediction is looked at again; `None`: it has ended. The provider names the place, and gets its key shown
/// there, so it must be at the provider's own address.
fn next_look(ask: &Ask<'_>, prediction: &Prediction) -> Result<Option<String>, Error> {
    if prediction.status != Status::Running {
        return Ok(None);
    }
    let elsewhere = || Error::new(Kind::GarbledAnswer, "The provider's prediction is not at the provider's address.");
    let url: http::Uri = prediction.get_url.as_deref().unwrap_or_default().parse().map_err(|_| elsewhere())?;
    let same = url.authority().is_some_and(|authority| ask.target.is_at(authority.as_str()));
    let path = url.path_and_query().filter(|_| same).ok_or_else(elsewhere)?;
    Ok(Some(path.as_str().to_owned()))
}
