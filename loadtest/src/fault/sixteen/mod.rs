//! The sixteen faults of FailoverBench: a primary that fails, a healthy fallback, an OpenAI client that streams.
//!
//! [`cases`] is the table of faults and of a few variations, [`play`] brings each one about and records what happened, [`judge`] says what the
//! record is worth. All play at once on one gateway, each with models of its own.

mod cases;
mod judge;
#[cfg(test)]
mod judgements;
mod play;
mod record;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::card::Line;
use super::gateway;
use super::scale::Scale;
use super::stage::Stage;
use crate::Result;
use crate::process::Workspace;
use crate::proof::ledger::Ledger;
use crate::proof::node::Node;
use cases::{BACKUP_TOKEN_COST, CASES, Case, PRIMARY_TOKEN_COST, VARIATIONS};
use play::Theatre;

/// A model that is always well: what is asked after a fault.
const WELL: &str = "well";

/// Plays the sixteen (`S…`) and their variations (`P…`), those whose id begins with one of `only`; all of them if there is none.
///
/// # Errors
/// Something could not be started.
pub async fn play(binary: &Path, only: &[String], scale: Scale) -> Result<Vec<Line>> {
    let chosen: Vec<&'static Case> =
        CASES.iter().chain(&VARIATIONS).filter(|case| super::is_chosen(case.id, only)).collect();
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let workspace = Workspace::new()?;
    let roles: Vec<play::Roles> = chosen.iter().map(|case| play::Roles::new(case, scale)).collect();
    let primaries = Stage::open(roles.iter().map(play::Roles::primary).collect()).await?;
    let backups = roles.iter().map(play::Roles::backup).chain([play::well()]);
    let backups = Stage::open(backups.collect()).await?;
    let config = config(&chosen, &primaries.api_base(), &backups.api_base(), scale);
    let home = workspace.path().join("gateway");
    let node = Node::launch(&workspace, binary, &home, &config).await?;
    let ledger = Ledger::at(&format!("sqlite://{}?mode=rw", home.join("data").join("tollgate.db").display()))?;
    let theatre = Arc::new(Theatre { node, ledger, scale });
    let mut running = JoinSet::new();
    for (case, roles) in chosen.into_iter().zip(roles) {
        let theatre = Arc::clone(&theatre);
        running.spawn(async move { theatre.play(case, &roles).await });
    }
    let mut lines = Vec::new();
    while let Some(line) = running.join_next().await {
        lines.push(line??);
    }
    Ok(lines)
}

/// Two models a fault, one line of fallbacks, and nothing else that is not needed to be called at all. Waits are set only
/// where the whole is made quicker.
fn config(chosen: &[&Case], primaries: &str, backups: &str, scale: Scale) -> Value {
    let deployment = |name: &str, api_base: &str, cost: f64| {
        let prices = json!({"input_cost_per_token": 0, "output_cost_per_token": cost});
        gateway::deployment(name, &format!("openai/{name}"), api_base, &prices)
    };
    let mut models = vec![deployment(WELL, backups, BACKUP_TOKEN_COST)];
    for case in chosen {
        models.push(deployment(case.id, primaries, PRIMARY_TOKEN_COST));
        let mut backup = deployment(&case.backup(), backups, BACKUP_TOKEN_COST);
        if case.says_prefill {
            backup["model_info"] = json!({"supports_assistant_prefill": true});
        }
        models.push(backup);
    }
    let fallbacks = gateway::fallbacks(chosen.iter().map(|case| (case.id.to_owned(), case.backup())));
    let mut config = gateway::config(&models, &fallbacks);
    gateway::quicken(&mut config, scale);
    config
}
