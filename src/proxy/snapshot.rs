//! What a request sees of the configuration: immutable, built once, swapped whole. Everything that a request would
//! otherwise compute from the configuration (request heads, response header templates, metric handles) is made here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::checkup::Checkups;
use super::owned::Owned;
use super::purse::Purses;
use super::target::Target;
use super::upstream::{Authority, ConnectionLimits, Upstream};
use super::waiting::{Patience, Room};
use crate::auth::allow_list::AllowList;
use crate::clock::unix_millis;
use crate::config::{Config, Rescue, Timeouts};
use crate::error::Compat;
use crate::pricing::{Prices, Table};
use crate::providers::Operation;
use crate::router::Router;
use crate::router::pattern::Captures;
use crate::router::places::Bell;
use crate::router::plan::{DeploymentIx, GroupIx};
use crate::router::state::DeploymentState;
use crate::telemetry::metrics::Metrics;

/// The configuration as the data plane uses it.
pub struct Snapshot {
    /// One a deployment, by the router's index.
    pub targets: Vec<Target>,
    /// What deployments and providers may cost.
    pub purses: Purses,
    /// Model name → deployment.
    pub router: Router,
    /// The deployments of each group, by the router's index, for what a call may cost at most.
    members: Vec<Vec<usize>>,
    /// Where a group's requests wait, by the router's index.
    rooms: Vec<Arc<Room>>,
    /// Group → `model_info.access_groups` of its deployments, where it is in any.
    access_groups: HashMap<u32, Vec<String>>,
    /// Models that are one team's.
    pub owned: Owned,
    /// Everything that is one value.
    pub settings: Settings,
    /// The price table, as far as models are called by names that are in no configuration.
    named: Option<Table>,
}

/// Settings of the data plane.
pub struct Settings {
    /// Which LiteLLM release is imitated.
    pub compat: Compat,
    /// Every wait.
    pub timeouts: Timeouts,
    /// Bytes of a request body.
    pub max_body: usize,
    /// Who may connect.
    pub allow_list: AllowList,
    /// Whether `x-forwarded-for` is believed.
    pub use_x_forwarded_for: bool,
    /// `litellm_key_header_name`.
    pub key_header: Option<HeaderName>,
    /// `require_auth_for_metrics_endpoint`.
    pub metrics_need_key: bool,
    /// `always_include_stream_usage`.
    pub always_stream_usage: bool,
    /// `budget_exceeded_status_code`, in place of the release's own.
    pub budget_exceeded_status: Option<u16>,
    /// `user_header_name`: a header that names the end user.
    pub user_header_name: Option<HeaderName>,
    /// `completion_model`: answers whatever model is asked for.
    pub completion_model: Option<String>,
    /// `image_generation_model`: the same for pictures.
    pub image_generation_model: Option<String>,
    /// Requests at one time; more are refused.
    pub max_in_flight: i64,
    /// How long requests wait for a deployment.
    pub patience: Patience,
    /// What is done where a provider fails.
    pub rescue: Rescue,
    /// Whether access lines are written.
    pub access_log: bool,
    /// Whether calls go into the spend journal.
    pub keeps_spend: bool,
}

impl Settings {
    /// The model of every such request, whatever it asks for.
    pub fn model_of(&self, operation: Operation) -> Option<&String> {
        self.completion_model.as_ref().filter(|_| operation != Operation::ImageGenerations)
    }
}

impl Snapshot {
    /// Builds it. `router` indexes `config.deployments`. Who waits in a room of `previous` waits in the same one of this.
    ///
    /// # Errors
    /// A text that names the deployment whose configuration cannot be put into an HTTP header.
    pub fn build(
        config: &Config,
        router: Router,
        settings: Settings,
        purses: Purses,
        metrics: &Metrics,
        table: &Table,
        previous: Option<&Snapshot>,
    ) -> Result<Self, String> {
        let limits = ConnectionLimits {
            connect: config.tollgate.timeouts.connect,
            write: config.tollgate.timeouts.client_write,
            idle: config.tollgate.upstream_keepalive.idle,
            pool_size: config.tollgate.upstream_keepalive.pool_size,
        };
        let mut upstreams: HashMap<Authority, Arc<Upstream>> = HashMap::new();
        let mut targets = Vec::with_capacity(config.deployments.len());
        for deployment in &config.deployments {
            // A mocked deployment calls nobody, so nobody's name is looked up for it.
            let endpoint = deployment.endpoint.as_ref().filter(|_| deployment.mock_response.is_none());
            let upstream = endpoint.map(|endpoint| {
                let authority = Authority { tls: endpoint.tls, host: endpoint.host.clone(), port: endpoint.port };
                let entry = upstreams.entry(authority.clone());
                Arc::clone(entry.or_insert_with(|| Arc::new(Upstream::new(authority, limits))))
            });
            let target = Target::build(deployment, config, upstream, metrics, table, &router)
                .map_err(|error| format!("model {:?}: {error}", deployment.model_name))?;
            targets.push(target);
        }
        let of_group = router.groups().map(|(_, members)| members.map(|member| member.0 as usize).collect());
        let members: Vec<Vec<usize>> = of_group.collect();
        let access_groups = access_groups(config, &members);
        let rooms = rooms(&router, metrics, previous);
        let owned = Owned::of(&config.deployments);
        let named = named(&targets, table);
        Ok(Self { targets, router, members, rooms, access_groups, owned, settings, purses, named })
    }

    /// Where requests of a group wait.
    pub fn room(&self, group: GroupIx) -> Option<&Room> {
        self.rooms.get(group.0 as usize).map(|room| &**room)
    }

    /// Sets those of the deployments' metrics that are looked at only when somebody asks.
    pub fn measure(&self, checkups: &Checkups) {
        self.purses.measure(unix_millis() / 1000);
        for (index, target) in self.targets.iter().enumerate() {
            if let Some(state) = self.router.state(DeploymentIx(index as u32)) {
                let limit = Some(state.concurrency().limit()).filter(|limit| *limit != u32::MAX);
                target.metrics.concurrency_limit.set(limit.unwrap_or_default().into());
                target.metrics.in_flight.set(state.in_flight().into());
                target.metrics.healthy.set(checkups.of(&target.id).is_none_or(|found| found.is_ok()).into());
            }
        }
    }

    /// What is known of the deployment with this id.
    pub fn state(&self, id: &str) -> Option<&Arc<DeploymentState>> {
        let index = self.targets.iter().position(|target| *target.id == *id)?;
        self.router.state(DeploymentIx(index as u32))
    }

    /// What the wildcards of a group's name match in the name that a client uses, where prices depend on it.
    pub fn captures<'m>(&self, model: impl FnOnce() -> Option<&'m str>) -> Captures {
        let resolved = self.named.as_ref().and_then(|_| self.router.resolve(model()?, 0));
        resolved.map(|resolved| resolved.captures).unwrap_or_default()
    }

    /// What calls cost at a deployment: where it is for models of any name, what the one that was asked for costs.
    pub fn prices<'s>(&'s self, target: &'s Target, captures: &Captures) -> Cow<'s, Prices> {
        let name = captures.substitute(&target.upstream_model).filter(|_| target.is_priced_by_name());
        let known = name.and_then(|name| self.named.as_ref()?.find(target.provider.name, &name));
        match known {
            Some(model) if target.prices.is_empty() && target.prices.terms().is_none() => Cow::Borrowed(&model.prices),
            Some(model) => Cow::Owned(model.prices.under(&target.prices)),
            None => Cow::Borrowed(&target.prices),
        }
    }

    /// The access groups that a model is in, by the name that a client uses.
    pub fn access_groups_of(&self, model: &str) -> &[String] {
        if self.access_groups.is_empty() {
            return &[];
        }
        let group = self.router.resolve(model, 0).map(|resolved| resolved.group.0);
        group.and_then(|group| self.access_groups.get(&group)).map_or(&[], Vec::as_slice)
    }

    /// Indices of all deployments that may serve a model, by the name that a client uses.
    pub fn members_of(&self, model: &str) -> impl Iterator<Item = usize> {
        let groups = self.router.groups_of(model).iter();
        groups.filter_map(|group| self.members.get(group.0 as usize)).flatten().copied()
    }

    /// Whether a model, by the name that a client uses, may come to deployments of which none is in this region.
    pub fn is_outside(&self, model: &str, region: &str) -> bool {
        let groups = self.router.groups_of(model);
        groups.iter().any(|group| !self.router.is_in(*group, region))
    }

    /// `model_name` of a group, for metrics.
    pub fn group_name(&self, group: u32) -> &str {
        self.router.group_name(GroupIx(group))
    }

    /// Every upstream once.
    pub fn upstreams(&self) -> Vec<Arc<Upstream>> {
        let mut seen: Vec<Arc<Upstream>> = Vec::new();
        for upstream in self.targets.iter().filter_map(|target| target.upstream.as_ref()) {
            if !seen.iter().any(|known| Arc::ptr_eq(known, upstream)) {
                seen.push(Arc::clone(upstream));
            }
        }
        seen
    }
}

/// What is known of models that may be asked for by names that are in no configuration.
fn named(targets: &[Target], table: &Table) -> Option<Table> {
    let by_name = targets.iter().filter(|target| target.is_priced_by_name());
    let providers: Vec<&str> = by_name.map(|target| target.provider.name).collect();
    (!providers.is_empty()).then(|| table.of_providers(&providers))
}

fn rooms(router: &Router, metrics: &Metrics, previous: Option<&Snapshot>) -> Vec<Arc<Room>> {
    let kept = |name: &str| {
        let previous = previous?;
        let (group, _) = previous.router.group_names().find(|(_, known)| *known == name)?;
        previous.rooms.get(group.0 as usize).map(Arc::clone)
    };
    let rooms = router.group_names().map(|(group, name)| {
        let room = kept(name).unwrap_or_else(|| Arc::new(Room::new(metrics.queue(name))));
        let bell: Arc<dyn Bell> = Arc::clone(&room) as Arc<dyn Bell>;
        router.hang(group, &bell);
        room
    });
    rooms.collect()
}

fn access_groups(config: &Config, members: &[Vec<usize>]) -> HashMap<u32, Vec<String>> {
    let of_deployment = |index: &usize| {
        let info = config.deployments.get(*index).map(|deployment| &deployment.model_info);
        let groups = info.and_then(|info| info.get("access_groups")).and_then(serde_json::Value::as_array);
        groups.into_iter().flatten().filter_map(serde_json::Value::as_str).map(str::to_owned)
    };
    // A group of groups is in an access group only if all of them are: else its name would open the others.
    let of_group = (0..).zip(members).map(|(group, members)| {
        let name = |index: &usize| config.deployments.get(*index).map(|deployment| &deployment.model_name);
        let own = |model| members.iter().filter(move |index| name(index) == model).flat_map(of_deployment);
        let opens_all = |access: &String| members.iter().all(|index| own(name(index)).any(|other| other == *access));
        (group, members.iter().flat_map(of_deployment).filter(opens_all).collect())
    });
    of_group.filter(|(_, groups): &(u32, Vec<String>)| !groups.is_empty()).collect()
}

/// A header template from a list of names and values that an operator chose.
///
/// # Errors
/// When a value cannot stand in a header.
pub fn template(compat: Compat, lines: &[(&'static str, &str)]) -> Result<HeaderMap, String> {
    let mut template = super::reply::base(compat);
    for (name, value) in lines {
        let value = HeaderValue::try_from(*value).map_err(|error| format!("{name}: {error}"))?;
        template.insert(HeaderName::from_static(name), value);
    }
    Ok(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_group_opens_a_group_of_groups_only_if_it_opens_all_of_them() {
        let entry = |name: &str, access: &str| {
            format!(
                "  - {{model_name: {name}, litellm_params: {{model: openai/m, api_key: k}}, model_info: {{access_groups: [{access}]}}}}\n"
            )
        };
        let text = ["model_list:\n", &entry("a", "cheap, all"), &entry("a", "own"), &entry("b", "all")].concat();
        let env = HashMap::<String, String>::new();
        let config = crate::config::load(&text, &env).usable().unwrap();
        let members = [vec![0, 1], vec![2], vec![0, 1, 2]];
        let groups = access_groups(&config, &members);
        assert_eq!(
            (&groups[&0][..], &groups[&1][..]),
            (&["cheap", "all", "own"].map(str::to_owned)[..], &["all".to_owned()][..])
        );
        assert!(groups[&2].iter().all(|access| access == "all") && !groups[&2].is_empty());
    }
}
