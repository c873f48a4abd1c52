//! From a budget that was crossed to what the operator reads of it.

use serde_json::Value;

use crate::auth::MASTER_USER;
use crate::governance::Live;
use crate::governance::alarms::{Alarm, Event};
use crate::limiter::{Kind, Pico};
use crate::pricing::Money;
use crate::store::{self, Object};
use crate::telemetry::alert::Alert;

/// What is told of it. Names come from the store, as far as it answers.
pub async fn describe(alarm: &Alarm, live: &Live) -> Alert {
    let (owner, rest) = match alarm.id.split_once(':') {
        Some((owner, rest)) if is_pair(alarm.kind) => (owner, Some(rest)),
        _ => (&*alarm.id, None),
    };
    let object = match kind_of(alarm.kind) {
        Some(kind) => live.described(kind, owner).await,
        None => None,
    };
    let said = |name: &str| text(object.as_ref(), name);
    let own = |is_own: bool| is_own.then(|| owner.to_owned());
    let of = |kinds: &[Kind]| own(kinds.contains(&alarm.kind));
    let member = rest.filter(|_| alarm.kind == Kind::TeamMember).map(str::to_owned);
    let everybody = (alarm.kind == Kind::Global).then(|| MASTER_USER.to_owned());
    Alert {
        spend: dollars(alarm.spent),
        max_budget: alarm.max.map(dollars),
        soft_budget: alarm.soft.map(dollars),
        token: of(&[Kind::Key, Kind::ModelPerKey]),
        customer_id: of(&[Kind::Customer]),
        user_id: of(&[Kind::User, Kind::ModelPerUser]).or(member).or(everybody).or_else(|| said("user_id")),
        team_id: of(&[Kind::Team, Kind::TeamMember, Kind::ModelPerTeam, Kind::ModelPerTeamMember])
            .or_else(|| said("team_id")),
        team_alias: said("team_alias"),
        organization_id: of(&[Kind::Organization, Kind::ModelPerOrganization]).or_else(|| said("organization_id")),
        user_email: said("user_email"),
        key_alias: said("key_alias"),
        projected_exceeded_date: None,
        projected_spend: None,
        event_group: group(alarm.kind),
        event: event(alarm.event),
        event_message: message(alarm, rest),
    }
}

fn text(object: Option<&Object>, name: &str) -> Option<String> {
    object?.doc.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn dollars(amount: Pico) -> f64 {
    Money::from_pico(amount).dollars()
}

/// Whether the id names two: a key and a model, a team and a user.
fn is_pair(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ModelPerKey
            | Kind::ModelPerTeam
            | Kind::ModelPerUser
            | Kind::ModelPerOrganization
            | Kind::ModelPerProject
            | Kind::ModelPerTeamMember
            | Kind::TagPerKey
            | Kind::TeamMember
    )
}

/// Where the names stand.
fn kind_of(kind: Kind) -> Option<store::Kind> {
    match kind {
        Kind::Key | Kind::ThrottledKey | Kind::ModelPerKey | Kind::TagPerKey => Some(store::Kind::Key),
        Kind::User | Kind::ModelPerUser => Some(store::Kind::User),
        Kind::Team | Kind::TeamMember | Kind::ModelPerTeam | Kind::ModelPerTeamMember => Some(store::Kind::Team),
        Kind::Project | Kind::ModelPerProject => Some(store::Kind::Project),
        Kind::Organization | Kind::ModelPerOrganization => Some(store::Kind::Organization),
        Kind::Customer | Kind::ModelPerCustomer | Kind::Tag | Kind::ModelPerTag => None,
        Kind::Deployment | Kind::Provider | Kind::Global => None,
    }
}

/// LiteLLM's name for whose budget it is.
fn group(kind: Kind) -> &'static str {
    match kind {
        Kind::Key | Kind::ThrottledKey | Kind::ModelPerKey | Kind::TagPerKey => "key",
        Kind::User | Kind::ModelPerUser => "user",
        Kind::Team | Kind::ModelPerTeam => "team",
        Kind::TeamMember | Kind::ModelPerTeamMember => "team_member",
        Kind::Organization | Kind::ModelPerOrganization => "organization",
        Kind::Project | Kind::ModelPerProject => "project",
        Kind::Customer | Kind::ModelPerCustomer => "end_user",
        Kind::Tag | Kind::ModelPerTag => "tag",
        Kind::Deployment | Kind::Provider | Kind::Global => "proxy",
    }
}

/// LiteLLM's name for what has happened.
fn event(event: Event) -> &'static str {
    match event {
        Event::SoftCrossed => "soft_budget_crossed",
        Event::Left15 | Event::Left5 => "threshold_crossed",
        Event::Crossed => "budget_crossed",
    }
}

/// `Key Budget: 15% Threshold Crossed`; `rest` is the second part of an id of two.
fn message(alarm: &Alarm, rest: Option<&str>) -> String {
    let whose = match alarm.kind {
        Kind::Key | Kind::ThrottledKey | Kind::ModelPerKey | Kind::TagPerKey => "Key",
        Kind::User | Kind::ModelPerUser => "User",
        Kind::Team | Kind::ModelPerTeam => "Team",
        Kind::TeamMember | Kind::ModelPerTeamMember => "Team Member",
        Kind::Organization | Kind::ModelPerOrganization => "Organization",
        Kind::Project | Kind::ModelPerProject => "Project",
        Kind::Customer | Kind::ModelPerCustomer => "Customer",
        Kind::Tag | Kind::ModelPerTag => "Tag",
        Kind::Provider => "Provider",
        Kind::Deployment | Kind::Global => "Proxy",
    };
    let model =
        rest.filter(|_| alarm.kind != Kind::TeamMember).map(|model| format!(" for {model}")).unwrap_or_default();
    let name = if matches!(alarm.kind, Kind::Tag | Kind::ModelPerTag | Kind::ModelPerCustomer | Kind::Provider) {
        format!(" {}", alarm.id)
    } else {
        String::new()
    };
    let limit = dollars(alarm.limit());
    match alarm.event {
        Event::SoftCrossed => format!("Soft Budget Crossed: Total Soft Budget:`{limit}`"),
        Event::Left15 => format!("{whose} Budget{name}{model}: 15% Threshold Crossed"),
        Event::Left5 => format!("{whose} Budget{name}{model}: 5% Threshold Crossed"),
        Event::Crossed => format!("{whose} Budget{name}{model}: Budget Crossed\n Total Budget:`{limit}`"),
    }
}
