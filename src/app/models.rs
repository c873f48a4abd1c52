//! Models that were added at run time join those of the configuration: read, checked by the configuration's rules, and put
//! into a new snapshot, which takes the place of the old one whole.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{compose, outlays};
use crate::admin::ModelView;
use crate::admin::models::block::BLOCKED;
use crate::admin::models::entries::stored_entries;
use crate::admin::models::view::view;
use crate::clock::Clock;
use crate::config::{Config, Deployment, ProcessEnv};
use crate::governance::Live;
use crate::pricing::Table;
use crate::proxy::snapshot::Snapshot;
use crate::store::{Failure, Filter, Kind, SealKey, Store};
use crate::telemetry::metrics::Metrics;

/// All models of this node.
pub struct Models {
    /// What the file says.
    config: Config,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    clock: Clock,
    store: Store,
    seal: SealKey,
    /// What requests see.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// What people see.
    pub views: ArcSwap<Vec<ModelView>>,
    /// One reads at a time, so that the newest is not replaced by an older one.
    reading: tokio::sync::Mutex<()>,
}

impl Models {
    /// Those of the file, in `snapshot` already.
    pub fn new(
        config: &Config,
        (live, metrics): (Arc<Live>, Arc<Metrics>),
        clock: Clock,
        store: Store,
        seal: SealKey,
        snapshot: Arc<ArcSwap<Snapshot>>,
    ) -> Self {
        let views = ArcSwap::from_pointee(views(&config.deployments, &[]));
        let reading = tokio::sync::Mutex::default();
        Self { config: config.clone(), live, metrics, clock, store, seal, snapshot, views, reading }
    }

    /// Whether a change of this kind of object concerns models.
    pub fn is_concerned(kind: Kind) -> bool {
        matches!(kind, Kind::Model | Kind::Credential)
    }

    /// Reads the stored models again. One that cannot be used is left out and told in the log; the others are served.
    ///
    /// # Errors
    /// [`Failure`]: the store cannot be read. What was served before is served still.
    pub async fn renew(&self) -> Result<(), Failure> {
        let _one = self.reading.lock().await;
        let models = self.store.all(Kind::Model, &Filter::default()).await?;
        let credentials = self.store.all(Kind::Credential, &Filter::default()).await?;
        let (entries, unusable) = stored_entries(&models, &credentials, Some(&self.seal));
        for model in unusable {
            tracing::error!(id = model.id, model = model.model_name, why = model.why, "a stored model cannot be used");
        }
        let mut added: Vec<Deployment> = Vec::with_capacity(entries.len());
        for entry in &entries {
            match self.config.model_rules.read(entry, &ProcessEnv) {
                Ok((deployment, _)) => added.push(deployment),
                Err(problems) => {
                    let why: Vec<String> = problems.iter().map(ToString::to_string).collect();
                    tracing::error!(why = why.join("; "), "a stored model cannot be used");
                }
            }
        }
        let views = views(&self.config.deployments, &added);
        added.retain(|deployment| deployment.model_info.get(BLOCKED) != Some(&true.into()));
        if added.is_empty() && self.snapshot.load().targets.len() == self.config.deployments.len() {
            self.views.store(Arc::new(views));
            return Ok(());
        }
        let mut config = self.config.clone();
        config.deployments.extend(added);
        let before = self.snapshot.load();
        self.live.open_outlays(&outlays::plans(&config, &self.live.rules().zone)).await?;
        match compose::snapshot(&config, &self.live, &self.metrics, self.clock, Some(&before)) {
            Ok(snapshot) => {
                self.snapshot.store(Arc::new(snapshot));
                self.views.store(Arc::new(views));
            }
            Err(error) => tracing::error!(error, "the stored models cannot be served: all stay as they were"),
        }
        Ok(())
    }
}

fn views(configured: &[Deployment], added: &[Deployment]) -> Vec<ModelView> {
    // Read for this and forgotten.
    let table = Table::builtin();
    let of = |deployments: &[Deployment], is_stored| -> Vec<ModelView> {
        deployments.iter().map(|deployment| view(deployment, &table, is_stored)).collect()
    };
    [of(configured, false), of(added, true)].concat()
}
