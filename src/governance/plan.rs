//! From a key's row, and the rows of whom it belongs to, to what it may do and what limits it. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::rows::{LimitRow, Row, WindowRow};
use super::throttled::throttled;
use crate::auth::Role;
use crate::auth::access::{Access, Level};
use crate::auth::members::Models;
use crate::limiter::{Kind, Limits, Zone};
use crate::router::fallback::{FallbackLists, Said};
use crate::store;

mod limits;

use limits::limits;

/// The id of what limits everybody: there is only one.
pub const GLOBAL: &str = "";

/// The entry of `models` that stands for all that the organization may call, and the one for none.
const ALL_OF_ORGANIZATION: &str = "all-org-models";
const NO_MODELS: &str = "no-default-models";

/// Where the rows come from that a key's row names.
pub trait Rows {
    /// The row, if there is such an object and it can be read.
    fn row(&self, kind: store::Kind, id: &str) -> Option<Row>;
}

/// Settings that plans depend on.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whose midnight ends a window.
    pub zone: Zone,
    /// Whether a user's budget counts for team keys too (`apply_user_budget_to_team_keys`).
    pub user_budget_for_team_keys: bool,
    /// For end users without a budget of their own (`max_end_user_budget`).
    pub customer: LimitRow,
    /// The stored budget of end users without limits of their own (`max_end_user_budget_id`).
    pub customer_budget: Option<String>,
    /// The part of its rates that a key over its budget may go on with (`budget_exceeded_throttle_percentage`).
    pub throttle: Option<f64>,
    /// For tags without a budget of their own (`tag_budget_config`).
    pub tags: BTreeMap<String, LimitRow>,
    /// Of the whole gateway (`litellm_settings.max_budget`, `global_rpm_limit` …).
    pub global: LimitRow,
    /// And in further windows (`litellm_settings.budget_limits`).
    pub global_windows: Vec<WindowRow>,
}

/// One thing that limits.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopePlan {
    pub kind: Kind,
    pub id: String,
    /// What people read instead of the id.
    pub label: Option<String>,
    pub limits: Limits,
    /// Money is counted but stops nothing: a user's, for a key of a team.
    pub counts_only: bool,
    /// Of an end user or a tag: the stored budgets that the limits depend on, there or not.
    pub budgets: Vec<String>,
}

/// What limits an end user, a tag.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherPlan {
    /// Each call.
    pub scope: ScopePlan,
    /// Calls of one model besides, by the model's name.
    pub by_model: Vec<(String, ScopePlan)>,
}

impl ScopePlan {
    /// Whose money stops calls.
    pub(super) fn new(kind: Kind, id: &str, limits: Limits) -> Self {
        Self { kind, id: id.to_owned(), label: None, limits, counts_only: false, budgets: Vec::new() }
    }

    /// Whether any of its budgets has a maximum.
    pub fn has_hard_budget(&self) -> bool {
        self.limits.budgets.iter().any(|budget| budget.max.is_some())
    }

    /// The same while nobody knows what was spent: money is counted but stops nothing.
    #[must_use]
    pub fn uncapped(mut self) -> Self {
        self.limits.budgets.iter_mut().for_each(|budget| budget.max = None);
        self
    }
}

/// All that is known of a key.
#[derive(Clone, Debug, Default)]
pub struct SeatPlan {
    pub row: Row,
    pub access: Access,
    /// The user's role, if the key is that of a user who is known.
    pub user_role: Option<String>,
    pub team_alias: Option<String>,
    pub user_email: Option<String>,
    pub organization_alias: Option<String>,
    /// What limits each call.
    pub scopes: Vec<ScopePlan>,
    /// What limits calls of one model besides, by the model's name.
    pub by_model: Vec<(String, ScopePlan)>,
    /// What limits calls with a tag besides, by the tag.
    pub by_tag: Vec<(String, ScopePlan)>,
    /// How fast the key goes on when its budget is used up, if it does.
    pub throttled: Option<ScopePlan>,
    /// The client's own names for models.
    pub aliases: BTreeMap<String, String>,
    /// Its own fallbacks.
    pub fallbacks: Option<Box<FallbackLists>>,
    /// Objects that were looked at, there or not: when one of them changes, so does this.
    pub needs: Vec<(store::Kind, String)>,
}

/// Plans a key's seat. `digest` in hex.
pub fn seat(digest: &str, row: Row, rows: &impl Rows, rules: &Rules) -> SeatPlan {
    let mut plan = SeatPlan::default();
    let mut look = |kind: store::Kind, id: Option<&str>| {
        let id = id.filter(|id| !id.is_empty())?;
        plan.needs.push((kind, id.to_owned()));
        rows.row(kind, id)
    };
    let team_id = row.team_id.clone().filter(|id| !id.is_empty());
    let user_id = row.user_id.clone().filter(|id| !id.is_empty());
    let team = look(store::Kind::Team, team_id.as_deref());
    let user = look(store::Kind::User, user_id.as_deref());
    let member_id = team_id.as_ref().zip(user_id.as_ref()).map(|(team, user)| format!("{team}:{user}"));
    let member = look(store::Kind::TeamMember, member_id.as_deref());
    let organization_id =
        row.organization_id.clone().or_else(|| team.as_ref().and_then(|team| team.organization_id.clone()));
    let organization = look(store::Kind::Organization, organization_id.as_deref());
    let project = look(store::Kind::Project, row.project_id.as_deref());
    let user_alone = user.as_ref().filter(|_| team.is_none());
    plan.access = access(&row, [team.as_ref(), user_alone, organization.as_ref(), project.as_ref()]);
    let member = member_of(team.as_ref(), member);
    let is_of_team = team_id.is_some() && !rules.user_budget_for_team_keys;
    let levels = [
        (Kind::Key, Kind::ModelPerKey, Some(digest), Some(&row)),
        (Kind::TeamMember, Kind::ModelPerTeamMember, member_id.as_deref(), member.as_ref()),
        (Kind::Team, Kind::ModelPerTeam, team_id.as_deref(), team.as_ref()),
        (Kind::User, Kind::ModelPerUser, user_id.as_deref(), user.as_ref()),
        (Kind::Organization, Kind::ModelPerOrganization, organization_id.as_deref(), organization.as_ref()),
        (Kind::Project, Kind::ModelPerProject, row.project_id.as_deref(), project.as_ref()),
    ];
    for (kind, per_model, id, row) in levels {
        let (Some(id), Some(row)) = (id, row) else { continue };
        let usual = team.as_ref().filter(|_| kind == Kind::TeamMember).and_then(Row::member_budget_id);
        let budgets: Vec<&str> = row.budget_id.as_deref().into_iter().chain(usual).collect();
        plan.needs.extend(budgets.iter().map(|id| (store::Kind::Budget, (*id).to_owned())));
        let base = base(row, usual, rows);
        if kind != Kind::User || team.is_none() {
            plan.access.models.extend(of_budget(kind, base.as_ref()));
        }
        let row = base.map_or_else(|| row.clone(), |base| row.over(&base));
        if kind == Kind::Key {
            plan.throttled = throttled(id, &row, rules.throttle);
        }
        let counts_only = kind == Kind::User && is_of_team;
        let limits = limits(&row.limits, &row.budget_limits, &rules.zone);
        let label = (kind == Kind::Key).then(|| label(&row));
        plan.scopes.push(ScopePlan { counts_only, label, ..ScopePlan::new(kind, id, limits) });
        plan.by_model.extend(by_model(per_model, id, &row, counts_only, &rules.zone));
    }
    plan.by_tag = by_tag(digest, &row);
    name_groups(&mut plan, rows);
    plan.aliases = user.as_ref().map(|user| user.aliases.clone()).unwrap_or_default();
    plan.aliases.extend(row.aliases.clone());
    plan.aliases.extend(team.iter().flat_map(|team| team.model_aliases.clone()));
    plan.fallbacks = fallbacks(&row, team.as_ref());
    plan.user_role = user.as_ref().map(user_role);
    plan.user_email = user.and_then(|user| user.user_email);
    plan.organization_alias = organization.and_then(|organization| organization.organization_alias);
    plan.row = of_team(Row { organization_id, ..row }, team.as_ref());
    plan.team_alias = team.and_then(|team| team.team_alias);
    plan
}

/// The budget that a row names, over the usual one of a team's members. An amount of one's own is for ever, unless a
/// duration is said with it.
fn base(row: &Row, usual: Option<&str>, rows: &impl Rows) -> Option<Row> {
    let find = |id: &str| rows.row(store::Kind::Budget, id);
    let (own, usual) = (row.budget_id.as_deref().and_then(find), usual.and_then(find));
    let has_amount = |row: &Row| row.limits.max_budget.is_some();
    let is_said = has_amount(row) || own.as_ref().is_some_and(has_amount);
    let usual = usual.map(|mut usual| {
        usual.limits.budget_duration = usual.limits.budget_duration.filter(|_| !is_said);
        usual
    });
    match (own, usual) {
        (Some(own), Some(usual)) => Some(own.over(&usual)),
        (own, usual) => own.or(usual),
    }
}

/// The only models that a budget leaves to whom it belongs.
fn of_budget(kind: Kind, budget: Option<&Row>) -> Option<(Level, Models)> {
    let models = &budget?.allowed_models;
    let level = match kind {
        Kind::TeamMember => Level::TeamMember,
        Kind::Team => Level::Team,
        Kind::User => Level::User,
        Kind::Organization => Level::Organization,
        Kind::Project => Level::Project,
        _ => Level::Key,
    };
    (!models.is_empty()).then(|| (level, Models(models.clone())))
}

/// Puts the models of stored access groups beside the groups' names.
fn name_groups(plan: &mut SeatPlan, rows: &impl Rows) {
    for (_, models) in &mut plan.access.models {
        let mut of_groups = Vec::new();
        for name in models.0.iter().filter(|name| !name.is_empty() && !name.contains('*')) {
            plan.needs.push((store::Kind::AccessGroup, name.clone()));
            of_groups.extend(rows.row(store::Kind::AccessGroup, name).map(|group| group.model_names));
        }
        models.0.extend(of_groups.into_iter().flatten());
    }
}

/// A member of a team. Where the team has a budget for its members, whoever uses its keys is one.
fn member_of(team: Option<&Row>, member: Option<Row>) -> Option<Row> {
    member.or_else(|| team.and_then(Row::member_budget_id).map(|_| Row::default()))
}

/// A user of whom no role is said is one who may change what is theirs, as with LiteLLM.
fn user_role(user: &Row) -> String {
    user.user_role.clone().unwrap_or_else(|| Role::InternalUser.as_str().to_owned())
}

/// A key's row with what its team adds.
fn of_team(key: Row, team: Option<&Row>) -> Row {
    let tags = tags(&key, team);
    let of_team = team.into_iter().flat_map(|team| &team.enforced_params);
    let enforced_params = key.enforced_params.iter().chain(of_team).cloned().collect();
    Row { tags, enforced_params, ..key }
}

/// Requests of a team's keys have its tags.
fn tags(key: &Row, team: Option<&Row>) -> Vec<String> {
    let of_team = team.into_iter().flat_map(|team| &team.tags).filter(|tag| !key.tags.contains(tag));
    key.tags.iter().chain(of_team).cloned().collect()
}

/// The lists of a key or a team; what cannot be read is not said.
fn fallbacks(key: &Row, team: Option<&Row>) -> Option<Box<FallbackLists>> {
    lists(&key.router_settings).or_else(|| lists(&team?.router_settings)).map(Box::new)
}

fn lists(settings: &Map<String, Value>) -> Option<FallbackLists> {
    let json =
        |name: &str| settings.get(name).filter(|value| !value.is_null()).map(|value| value.to_string().into_bytes());
    let [general, context_window, content_policy] =
        ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"].map(json);
    let said = Said {
        general: general.as_deref(),
        context_window: context_window.as_deref(),
        content_policy: content_policy.as_deref(),
    };
    if said.is_empty() { None } else { said.over(&FallbackLists::default()).ok() }
}

/// What people read instead of a key's digest.
fn label(row: &Row) -> String {
    format!("{} ({})", row.key_alias.as_deref().unwrap_or("key"), row.key_name.as_deref().unwrap_or("sk-..."))
}

/// The rules of the key, and of its team, user, organization and project.
fn access(key: &Row, [team, user, organization, project]: [Option<&Row>; 4]) -> Access {
    let levels = [
        (Level::Key, Some(key)),
        (Level::Team, team),
        (Level::User, user),
        (Level::Organization, organization),
        (Level::Project, project),
    ];
    let said = levels.into_iter().filter_map(|(level, row)| Some((level, row?)));
    // As with LiteLLM access groups give more than `models`: without those there is nothing to be added to.
    let models = said.clone().filter(|(_, row)| !row.models.is_empty());
    let groups = |row: &Row| row.access_group_ids.iter().filter(|id| !id.contains('*')).cloned().collect::<Vec<_>>();
    // Without an organization there is nothing that it has.
    let entry = |model: &String| match organization {
        None if model == ALL_OF_ORGANIZATION => NO_MODELS.to_owned(),
        _ => model.clone(),
    };
    Access {
        blocked: said.clone().find(|(_, row)| row.blocked == Some(true)).map(|(level, _)| level),
        expires_at: key.expires_at(),
        models: models
            .map(|(level, row)| (level, Models(row.models.iter().map(entry).chain(groups(row)).collect())))
            .collect(),
        routes: key.allowed_routes.clone(),
    }
}

/// What limits everybody, if anything does.
pub fn global(rules: &Rules) -> Option<ScopePlan> {
    let limits = limits(&rules.global, &rules.global_windows, &rules.zone);
    let plan = ScopePlan::new(Kind::Global, GLOBAL, limits);
    (rules.global != LimitRow::default() || !rules.global_windows.is_empty()).then_some(plan)
}

/// What a deployment or a provider may cost: dollars in a period.
pub fn outlay(kind: Kind, id: &str, max_budget: Option<f64>, period: Option<&str>, zone: &Zone) -> ScopePlan {
    let row = LimitRow { max_budget, budget_duration: period.map(str::to_owned), ..LimitRow::default() };
    ScopePlan::new(kind, id, limits(&row, &[], zone))
}

/// What limits an end user, a tag. A budget that is named and not there leaves the next one that is.
pub fn other(kind: Kind, id: &str, row: &Row, rows: &impl Rows, rules: &Rules) -> OtherPlan {
    let has_own = row.limits != LimitRow::default() || !row.budget_limits.is_empty();
    let usual = rules.customer_budget.clone().filter(|_| kind == Kind::Customer && !has_own);
    let budgets: Vec<String> = row.budget_id.clone().into_iter().chain(usual).collect();
    let base = budgets.iter().find_map(|id| rows.row(store::Kind::Budget, id)).unwrap_or_default();
    let row = row.over(&base);
    let (configured, per_model) = match kind {
        Kind::Customer => (rules.customer.clone(), Kind::ModelPerCustomer),
        _ => (rules.tags.get(id).cloned().unwrap_or_default(), Kind::ModelPerTag),
    };
    let by_model = by_model(per_model, id, &row, false, &rules.zone);
    let limits = limits(&row.limits.or(configured), &row.budget_limits, &rules.zone);
    OtherPlan { scope: ScopePlan { budgets, ..ScopePlan::new(kind, id, limits) }, by_model }
}

fn by_model(kind: Kind, id: &str, row: &Row, counts_only: bool, zone: &Zone) -> Vec<(String, ScopePlan)> {
    let names = row.model_rpm_limit.keys().chain(row.model_tpm_limit.keys()).chain(row.model_max_budget.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    let plan = |model: &String| {
        let money = row.model_max_budget.get(model);
        // Without a duration it is the first budget, which never starts anew.
        let (windows, ever): (Vec<&WindowRow>, Vec<&WindowRow>) =
            money.into_iter().partition(|money| money.budget_duration.is_some());
        let counts = LimitRow {
            max_budget: ever.first().and_then(|money| money.max_budget),
            rpm_limit: row.model_rpm_limit.get(model).copied(),
            tpm_limit: row.model_tpm_limit.get(model).copied(),
            ..LimitRow::default()
        };
        let windows: Vec<WindowRow> = windows.into_iter().cloned().collect();
        let limits = limits(&counts, &windows, zone);
        let plan = ScopePlan::new(kind, &format!("{id}:{model}"), limits);
        (model.clone(), ScopePlan { label: row.key_alias.clone(), counts_only, ..plan })
    };
    names.into_iter().map(plan).collect()
}

/// Requests and tokens a minute of a key's calls with a tag. What they cost is not counted once more.
fn by_tag(digest: &str, row: &Row) -> Vec<(String, ScopePlan)> {
    let tags: std::collections::BTreeSet<&String> = row.tag_rpm_limit.keys().chain(row.tag_tpm_limit.keys()).collect();
    let plan = |tag: &String| {
        let (requests, tokens) = (row.tag_rpm_limit.get(tag).copied(), row.tag_tpm_limit.get(tag).copied());
        let limits = Limits { requests, tokens, ..Limits::default() };
        (tag.clone(), ScopePlan::new(Kind::TagPerKey, &format!("{digest}:{tag}"), limits))
    };
    tags.into_iter().map(plan).collect()
}

#[cfg(test)]
mod tests;
