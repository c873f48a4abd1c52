//! What the operator asked for. A file is read in two steps: `raw` holds what was said, in LiteLLM's words and those of
//! common tutorials; `check` collects every problem with its path; [`Config`] is what it means, and never serde.

mod check;
mod duration;
mod env;
mod general;
mod governance;
mod load;
mod model;
mod problem;
mod raw;
mod router_settings;
#[cfg(test)]
mod tests;
mod tollgate_settings;

pub use check::ModelRules;
pub use duration::parse_duration;
pub use env::{Env, ProcessEnv};
pub use general::{Alerting, CostMap, CostTerms, General, HealthChecks, KeyRotation, Margin, RedisTls, Sharing};
pub use governance::{Budget, Defaults, Governance, Key, KeyGeneration, KeyRule, Member, Team, UseLimits, User};
pub use load::{Report, load, load_file};
pub use model::{Credential, Deployment, Limits};
pub use problem::{Problem, Severity};
pub use router_settings::{Affinity, Alias, ConditionalRouting, RouterSettings, Strategy, VirtualGroup};
pub use tollgate_settings::{AccessLog, LogFormat, Overload, Rescue, Timeouts, TollgateSettings, UpstreamKeepalive};

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Every entry of `model_list` that could be understood, in the order of the file. Entries of one `model_name` are
    /// one group.
    pub deployments: Vec<Deployment>,
    /// How further entries of `model_list` are read, that come after the file.
    pub model_rules: ModelRules,
    /// Groups made of groups.
    pub virtual_groups: Vec<VirtualGroup>,
    /// How a deployment is chosen, and what happens when it fails.
    pub router: RouterSettings,
    /// Keys, clients' addresses, limits of the proxy as a whole, logging.
    pub general: General,
    /// Keys, users and teams that the file declares.
    pub governance: Governance,
    /// Our own section.
    pub tollgate: TollgateSettings,
}
