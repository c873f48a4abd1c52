//! The way of an alert to where the operator reads it: a bounded queue, and a few tries.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::config::Alerting;
use crate::error::Kind;
use crate::providers::credentials::http;
use crate::secret::Secret;
use crate::telemetry::alert::Alert;
use crate::telemetry::metrics::Metrics;

/// Alerts that wait to be sent at most.
pub const QUEUE: usize = 256;
/// The longest wait for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Between two tries of one message. There is one try more than there are waits.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Sends what comes through the queue, one after the other, until the queue ends.
pub async fn deliver(mut queue: mpsc::Receiver<Alert>, places: Alerting, metrics: Arc<Metrics>) {
    while let Some(alert) = queue.recv().await {
        let time = jiff::Timestamp::now().strftime("%H:%M:%S").to_string();
        let slack = alert.slack(&time, places.address.as_deref());
        let to_slack = places.slack.iter().map(|url| ("Slack", url, &slack));
        let webhook = alert.webhook();
        let to_webhook = places.webhook.iter().map(|url| ("the webhook", url, &webhook));
        for (who, url, body) in to_slack.chain(to_webhook) {
            match send(who, url, body.to_string()).await {
                Ok(()) => metrics.alerts_sent.inc(),
                Err(why) => {
                    metrics.alerts_failed.inc();
                    tracing::error!(event = alert.event, group = alert.event_group, why, "an alert was not sent");
                }
            }
        }
    }
}

/// Sends one message. The address is a secret: who has it can write there.
async fn send(who: &str, url: &Secret, body: String) -> Result<(), String> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let (why, is_final) = match tokio::time::timeout(ANSWER_WAIT, post(who, url, &body)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failed)) => failed,
            Err(_) => (format!("{who} did not answer in time"), false),
        };
        let Some(pause) = pauses.next().filter(|_| !is_final) else { return Err(why) };
        tokio::time::sleep(pause).await;
    }
}

/// Why not, and whether another try is useless.
async fn post(who: &str, url: &Secret, body: &str) -> Result<(), (String, bool)> {
    let headers = [("content-type", "application/json")];
    let request = http::request(who, "POST", url.expose(), &headers, body.to_owned().into());
    let request = request.map_err(|error| (error.message, true))?;
    let reply = http::send(who, request).await.map_err(|error| (error.message, false))?;
    if reply.is_success() {
        return Ok(());
    }
    let is_final = !matches!(reply.failure(), Kind::Connection | Kind::Timeout);
    Err((format!("{who} answered {}", reply.status), is_final))
}
