//! Models that were added at run time join those of the configuration: read, checked by the configuration's rules, and put
//! into a new snapshot, which takes the place of the old one whole.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::prices::PriceList;
use super::{compose, outlays};
use crate::admin::ModelView;
use crate::admin::models::block::BLOCKED;
use crate::admin::models::cost_map::{LAST_RUN, RELOADED};
use crate::admin::models::entries::stored_entries;
use crate::admin::models::view::view;
use crate::clock::Clock;
use crate::config::{Config, Deployment, ProcessEnv};
use crate::governance::Live;
use crate::pricing::Book;
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
    /// What they cost.
    pub prices: PriceList,
    /// Those that were added, blocked ones too, when they were read last.
    added: ArcSwap<Vec<Deployment>>,
    /// One reads at a time, so that the newest is not replaced by an older one.
    reading: tokio::sync::Mutex<()>,
}

impl Models {
    /// Those of the file, in `snapshot` already.
    pub fn new(
        config: &Config,
        ((live, metrics), prices): ((Arc<Live>, Arc<Metrics>), PriceList),
        clock: Clock,
        (store, seal): (Store, SealKey),
        snapshot: Arc<ArcSwap<Snapshot>>,
    ) -> Self {
        Self {
            config: config.clone(),
            live,
            metrics,
            clock,
            store,
            seal,
            snapshot,
            views: ArcSwap::from_pointee(views(&config.deployments, &[], &prices.book)),
            prices,
            added: ArcSwap::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// Whether a change of this kind of object concerns models.
    pub fn is_concerned(kind: Kind) -> bool {
        matches!(kind, Kind::Model | Kind::Credential)
    }

    /// Reads the stored models again. One that cannot be used is left out and told in the log; the others are served.
    ///
    /// # Errors
    /// [`Failure`]: the store cannot be read. What was served before is served still.
    pub async fn renew(self: &Arc<Self>) -> Result<(), Failure> {
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
        if added.is_empty() && self.added.load().is_empty() {
            return Ok(());
        }
        let config = self.whole(&added);
        self.live.open_outlays(&outlays::plans(&config, &self.live.rules().zone)).await?;
        if let Err(error) = self.serve(config, added).await {
            tracing::error!(error, "the stored models cannot be served: all stay as they were");
        }
        Ok(())
    }

    /// Reads the operator's price table anew, because somebody has asked for it at this time, and says how many models it
    /// has. Calls that begin from now on cost what it says.
    ///
    /// # Errors
    /// Why not; prices are as before.
    pub async fn read_prices(self: &Arc<Self>, asked_at: Option<&str>) -> Result<usize, String> {
        let text = match self.prices.fetch().await {
            Ok(None) => return Ok(self.prices.book.models()),
            Ok(Some(text)) => Ok(text),
            Err(why) => Err(why),
        };
        let _one = self.reading.lock().await;
        let (this, asked_at) = (Arc::clone(self), asked_at.map(str::to_owned));
        let taken = tokio::task::spawn_blocking(move || this.prices.take(text, asked_at.as_deref())).await;
        let models = taken.map_err(|error| error.to_string()).and_then(|taken| taken)?;
        let added = self.added.load().to_vec();
        self.serve(self.whole(&added), added).await.map(|()| models)
    }

    /// Reads it if somebody has asked another node for that, or it could not be read before.
    ///
    /// # Errors
    /// Why not: it should be tried again.
    pub async fn follow_prices(self: &Arc<Self>) -> Result<(), String> {
        let asked = self.store.get(Kind::Setting, RELOADED).await.map_err(|error| error.to_string())?;
        let asked_at = asked.as_ref().and_then(|asked| asked.doc.get(LAST_RUN)?.as_str());
        if self.prices.answers_to(asked_at) && !self.prices.is_missing() {
            return Ok(());
        }
        let models = self.read_prices(asked_at).await?;
        tracing::info!(models, "the price table was read anew");
        Ok(())
    }

    /// The configuration, and of what was added the models that take calls.
    fn whole(&self, added: &[Deployment]) -> Config {
        let mut config = self.config.clone();
        let takes_calls = |deployment: &&Deployment| deployment.model_info.get(BLOCKED) != Some(&true.into());
        config.deployments.extend(added.iter().filter(takes_calls).cloned());
        config
    }

    /// Puts a configuration in the place of the one before. Some milliseconds of reading: not on a thread that serves
    /// others.
    async fn serve(self: &Arc<Self>, config: Config, added: Vec<Deployment>) -> Result<(), String> {
        let this = Arc::clone(self);
        let served = tokio::task::spawn_blocking(move || {
            let before = this.snapshot.load();
            let known = (&*this.live, &*this.prices.book);
            let snapshot = compose::snapshot(&config, known, &this.metrics, this.clock, Some(&before))?;
            this.snapshot.store(Arc::new(snapshot));
            this.views.store(Arc::new(views(&this.config.deployments, &added, &this.prices.book)));
            this.added.store(Arc::new(added));
            Ok(())
        });
        served.await.map_err(|error| error.to_string()).and_then(|served| served)
    }
}

fn views(configured: &[Deployment], added: &[Deployment], book: &Book) -> Vec<ModelView> {
    // Read for this and forgotten.
    let table = book.table();
    let of = |deployments: &[Deployment], is_stored| -> Vec<ModelView> {
        deployments.iter().map(|deployment| view(deployment, &table, is_stored)).collect()
    };
    [of(configured, false), of(added, true)].concat()
}
