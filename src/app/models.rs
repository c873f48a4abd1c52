//! Models that were added at run time join those of the configuration: read, checked by the configuration's rules, and put
//! into a new snapshot, which takes the place of the old one whole.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::prices::PriceList;
use super::{compose, outlays};
use crate::admin::ModelView;
use crate::admin::models::block::BLOCKED;
use crate::admin::models::cost_map::{LAST_RUN, RELOADED};
use crate::admin::models::cost_schedule;
use crate::admin::models::entries::stored_entries;
use crate::admin::models::view::view;
use crate::clock::{Clock, unix_millis};
use crate::config::{Config, Deployment, ProcessEnv};
use crate::governance::Live;
use crate::pricing::Book;
use crate::proxy::snapshot::Snapshot;
use crate::store::{Failure, Filter, Kind, Object, SealKey, Store};
use crate::telemetry::metrics::Metrics;

/// Tags and the models that they name.
type Tagged = Vec<(String, Vec<String>)>;

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
    /// Which deployments the stored tags name, when they were read last.
    tagged: ArcSwap<Tagged>,
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
            tagged: ArcSwap::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// Whether a change of this kind of object concerns models.
    pub fn is_concerned(kind: Kind) -> bool {
        matches!(kind, Kind::Model | Kind::Credential | Kind::Tag)
    }

    /// Reads the stored models again. One that cannot be used is left out and told in the log; the others are served.
    ///
    /// # Errors
    /// [`Failure`]: the store cannot be read. What was served before is served still.
    pub async fn renew(self: &Arc<Self>) -> Result<(), Failure> {
        let _one = self.reading.lock().await;
        let models = self.store.all(Kind::Model, &Filter::default()).await?;
        let credentials = self.store.all(Kind::Credential, &Filter::default()).await?;
        let (entries, unusable) = stored_entries(&models, &credentials, Some(&self.seal), &self.config.model_rules);
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
        let tagged = tagged(&self.store.all(Kind::Tag, &Filter::default()).await?);
        if added.is_empty() && self.added.load().is_empty() && tagged == **self.tagged.load() {
            return Ok(());
        }
        let config = self.whole(&added, &tagged);
        self.live.open_outlays(&outlays::plans(&config, &self.live.rules().zone)).await?;
        match self.serve(config, added).await {
            Ok(()) => self.tagged.store(Arc::new(tagged)),
            Err(error) => tracing::error!(error, "the stored models cannot be served: all stay as they were"),
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
            Ok(None) => return Ok(self.prices.keep(asked_at)),
            Ok(Some(text)) => Ok(text),
            Err(why) => Err(why),
        };
        let _one = self.reading.lock().await;
        let (this, asked_at) = (Arc::clone(self), asked_at.map(str::to_owned));
        let taken = tokio::task::spawn_blocking(move || this.prices.take(text, asked_at.as_deref())).await;
        let models = taken.map_err(|error| error.to_string()).and_then(|taken| taken)?;
        let added = self.added.load().to_vec();
        self.serve(self.whole(&added, &self.tagged.load()), added).await.map(|()| models)
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

    /// Has all nodes read their tables if that is due by the schedule. Returns in how many milliseconds it is due again;
    /// `None`: there is no schedule.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn follow_schedule(&self) -> Result<Option<i64>, String> {
        cost_schedule::claim(&self.store, unix_millis()).await.map_err(|error| error.to_string())
    }

    /// The configuration, and of what was added the models that take calls, with the tags that name them.
    fn whole(&self, added: &[Deployment], tagged: &Tagged) -> Config {
        let mut config = self.config.clone();
        let takes_calls = |deployment: &&Deployment| deployment.model_info.get(BLOCKED) != Some(&true.into());
        config.deployments.extend(added.iter().filter(takes_calls).cloned());
        for deployment in &mut config.deployments {
            let names_it =
                |models: &[String]| models.contains(&deployment.id) || models.contains(&deployment.model_name);
            let tags = tagged.iter().filter(|(tag, models)| names_it(models) && !deployment.tags.contains(tag));
            let tags: Vec<String> = tags.map(|(tag, _)| tag.clone()).collect();
            deployment.tags.extend(tags);
        }
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

/// Stored tags that name models, by id or by name: those have the tag, as if it stood among their own `tags`.
fn tagged(tags: &[Object]) -> Tagged {
    let models = |tag: &Object| {
        let models = tag.doc.get("models")?.as_array()?.iter();
        let models: Vec<String> = models.filter_map(|model| model.as_str().map(str::to_owned)).collect();
        (!models.is_empty()).then(|| (tag.id.clone(), models))
    };
    tags.iter().filter_map(models).collect()
}

fn views(configured: &[Deployment], added: &[Deployment], book: &Book) -> Vec<ModelView> {
    // Read for this and forgotten.
    let table = book.table();
    let of = |deployments: &[Deployment], is_stored| -> Vec<ModelView> {
        deployments.iter().map(|deployment| view(deployment, &table, is_stored)).collect()
    };
    [of(configured, false), of(added, true)].concat()
}
