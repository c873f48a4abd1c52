//! Brings a fault about and writes down what happened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::WELL;
use super::cases::{BACKUP_TOKEN, Case, OUTAGE, OUTAGE_STEP, RETURN_LIMIT, TOKENS};
use super::record::{Bill, Record, Told, Try};
use crate::Result;
use crate::fault::card::Line;
use crate::fault::scale::Scale;
use crate::fault::stage::Role;
use crate::fault::transcript::{BACKUP_WORD, Outcome, Transcript, Voice};
use crate::mock::settings::Settings;
use crate::proof::caller::request;
use crate::proof::ledger::Ledger;
use crate::proof::node::{Node, digest};

/// Seconds that a client waits for the end of an answer.
const PATIENCE: f64 = 60.0;
/// How long a row may take to be in the database.
const BILL_LIMIT: Duration = Duration::from_secs(20);
/// Between two looks at it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The two upstreams of a fault.
pub struct Roles {
    id: &'static str,
    backup_name: String,
    primary: Arc<Role>,
    backup: Arc<Role>,
}

impl Roles {
    /// As the table says.
    pub fn new(case: &'static Case, scale: Scale) -> Self {
        let primary = Role::new(move |moment| case.primary_settings(moment, scale));
        let backup = Role::new(move |_| case.backup_settings(scale)).with_prefill(case.prefill);
        Self { id: case.id, backup_name: case.backup(), primary: Arc::new(primary), backup: Arc::new(backup) }
    }

    /// The first one, with its model's name.
    pub fn primary(&self) -> (String, Arc<Role>) {
        (self.id.to_owned(), Arc::clone(&self.primary))
    }

    /// The fallback, with its model's name.
    pub fn backup(&self) -> (String, Arc<Role>) {
        (self.backup_name.clone(), Arc::clone(&self.backup))
    }
}

/// A model that is always well.
pub fn well() -> (String, Arc<Role>) {
    let answer = || Settings { tokens: TOKENS, word: BACKUP_WORD.to_owned(), ..Settings::default() };
    (WELL.to_owned(), Arc::new(Role::new(move |_| answer())))
}

/// The gateway under test and how quick all is.
pub struct Theatre {
    pub node: Node,
    pub ledger: Ledger,
    pub scale: Scale,
}

impl Theatre {
    /// Plays and judges one.
    ///
    /// # Errors
    /// There is no key for it.
    pub async fn play(&self, case: &Case, roles: &Roles) -> Result<Line> {
        let key = self.node.new_key(&json!({})).await?;
        let begun = Instant::now();
        let told = if case.id == "S15" {
            self.outlast(case, begun, &key).await
        } else {
            vec![self.ask(case, begun, &key).await]
        };
        let took = begun.elapsed();
        let tries = |role: &Role| role.arrivals().iter().map(|arrival| Try::of(arrival, begun)).collect();
        let (primary, backup) = (tries(&roles.primary), tries(&roles.backup));
        let afterwards = self.call(WELL, &key).await;
        let bill = if case.id == "S16" {
            self.bill(told.iter().all(|it| is_whole(&it.transcript)), &key).await?
        } else {
            Bill::default()
        };
        let backup_names = vec![case.backup(), format!("openai/{}", case.backup())];
        let record =
            Record { scale: self.scale, tokens: TOKENS, told, primary, backup, afterwards, backup_names, bill };
        let verdict = super::judge::verdict(case, &record);
        Ok(Line { id: case.id.to_owned(), title: case.title.to_owned(), verdict, took })
    }

    async fn call(&self, model: &str, key: &str) -> Transcript {
        let body = json!({"model": model, "stream": true, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": "hi"}]});
        let patience = self.scale.limit(PATIENCE);
        let wire = request("POST", "/v1/chat/completions", key, "", &body);
        Transcript::of(&self.node.caller().exchange(&wire, patience).await, patience)
    }

    async fn ask(&self, case: &Case, begun: Instant, key: &str) -> Told {
        let sent = begun.elapsed();
        Told { sent, transcript: self.call(case.id, key).await }
    }

    /// A call every few seconds, until the primary answers again or should have.
    async fn outlast(&self, case: &Case, begun: Instant, key: &str) -> Vec<Told> {
        let mut told = Vec::new();
        let mut ticks = interval(self.scale.pause(OUTAGE_STEP));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = self.scale.pause(OUTAGE) + self.scale.limit(RETURN_LIMIT);
        while begun.elapsed() < end {
            ticks.tick().await;
            told.push(self.ask(case, begun, key).await);
            let is_back =
                told.last().is_some_and(|last| last.transcript.outcome(TOKENS) == Outcome::Whole(Voice::Primary));
            if is_back {
                break;
            }
        }
        told
    }

    /// What the key of a call was charged, once all that is expected is there.
    async fn bill(&self, is_answered: bool, key: &str) -> Result<Bill> {
        // The call to the model that is well is on it too.
        let calls = if is_answered { 2 } else { 1 };
        let one = TOKENS as i64 * BACKUP_TOKEN;
        let expected = calls * one;
        let digest = digest(key);
        let begun = Instant::now();
        // What is missing then is the judge's to see.
        while begun.elapsed() < BILL_LIMIT && !self.ledger.sum(&digest).await.is_ok_and(|sum| sum >= expected) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let entries = self.ledger.entries(&digest).await?;
        let charges = entries.iter().map(|entry| entry.cost).filter(|cost| *cost != 0).collect();
        Ok(Bill { charges, expected: one })
    }
}

fn is_whole(transcript: &Transcript) -> bool {
    matches!(transcript.outcome(TOKENS), Outcome::Whole(_))
}
