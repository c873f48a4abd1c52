//! `tollgate import`: what a LiteLLM proxy has in its database, taken over.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{EXIT_CONFIG, EXIT_UNAVAILABLE, complain, has_errors, print_problems, say};
use crate::admin::import::{Importer, Report, Target, Vault};
use crate::clock::unix_millis;
use crate::config::{self, Config, ProcessEnv};
use crate::secret::Secret;
use crate::store::litellm::LiteLlm;
use crate::store::litellm::opening::Opener;
use crate::store::{Failure, Location, Store};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Import {
    /// The file that the gateway is started with.
    pub config: PathBuf,
    /// LiteLLM's `DATABASE_URL`.
    pub from: Secret,
    /// Where state is kept, before the configuration's `tollgate.data_dir`.
    pub data_dir: Option<PathBuf>,
    /// Nothing is written.
    pub dry_run: bool,
}

/// Imports, and says what came of it; 0 also where some rows were passed over.
pub fn import(asked: &Import) -> ExitCode {
    let report = config::load_file(&asked.config, &ProcessEnv);
    let has_errors = has_errors(&report.problems);
    let Some(config) = report.config.filter(|_| !has_errors) else {
        print_problems(&mut std::io::stderr(), &report.problems);
        return ExitCode::from(EXIT_CONFIG);
    };
    let from = match LiteLlm::at(&asked.from) {
        Ok(from) => from,
        Err(error) => {
            complain(&format!("--from: {error}"));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match prepare(asked, &config) {
        Ok((store, vault)) => told(run(asked, &from, store.as_ref(), &vault)),
        Err(error) => {
            complain(&error);
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

fn told(done: Result<Report, String>) -> ExitCode {
    match done {
        Ok(report) => {
            say(&report.to_string());
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("{error}; what was imported until then stays, and is passed by the next time"));
            ExitCode::from(EXIT_UNAVAILABLE)
        }
    }
}

/// Where objects go, and the keys of what is encrypted. Where nothing is to be written, nothing is made either.
fn prepare(asked: &Import, config: &Config) -> Result<(Option<Store>, Vault), String> {
    let folder = super::data_dir(config, asked.data_dir.as_deref());
    let salt = super::salt().filter(|salt| !salt.is_empty()).or_else(|| config.general.master_key.clone());
    let mut vault = Vault { opener: salt.map(Opener::new), seal: None, rules: config.model_rules.clone() };
    if !asked.dry_run {
        let store = super::open_store(config, &folder)?;
        vault.seal = Some(super::seal_key(config, &folder)?);
        return Ok((Some(store), vault));
    }
    let location = super::location(config, &folder);
    let is_there = match &location {
        Location::Sqlite(path) => path.exists(),
        Location::Postgres(_) => true,
    };
    let store = if is_there { Some(super::store_at(config, &location)?) } else { None };
    Ok((store, vault))
}

fn run(asked: &Import, from: &LiteLlm, store: Option<&Store>, vault: &Vault) -> Result<Report, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let work = async {
        let into = match store {
            Some(store) if !asked.dry_run => {
                store.migrate().await?;
                Target::Store(store)
            }
            Some(store) => {
                store.ping().await?;
                // One that no gateway has prepared has no tables yet, and nothing in it.
                Target::Nowhere(store.last_change().await.is_ok().then_some(store))
            }
            None => Target::Nowhere(None),
        };
        Importer { from, into, vault, now: unix_millis() }.run().await
    };
    runtime.block_on(work).map_err(|failure: Failure| failure.to_string())
}
