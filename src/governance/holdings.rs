//! How the keys that are held, and those whom they belong to, stand with their budgets: for metrics.

use std::collections::HashSet;

use super::live::Live;
use super::seat::Seat;
use crate::clock::Instant;
use crate::limiter::{Kind, Meter, Scope};
use crate::telemetry::metrics::{BUDGETS_SHOWN, BudgetLine, Holdings, ModelLine, Owner};

/// Pico-dollars of a dollar.
const DOLLAR: f64 = 1e12;

impl Live {
    /// Of all seats at this moment; `wall` in seconds since 1970. Of each sort [`BUDGETS_SHOWN`] at most.
    pub fn holdings(&self, now: Instant, wall: i64) -> Holdings {
        let seats = self.seats.pin();
        let mut seen: HashSet<(Kind, &str)> = HashSet::new();
        let mut holdings = Holdings::default();
        for seat in seats.values() {
            for scope in &seat.scopes {
                if seen.insert((scope.kind(), scope.id())) {
                    holdings.budgets.extend(line(seat, scope, wall));
                }
            }
            holdings.models.extend(models(seat, now));
        }
        // The same ones from page to page, as far as may be: those who have least left of theirs.
        let left = |line: &BudgetLine| if line.max > 0.0 { line.remaining / line.max } else { 0.0 };
        holdings.budgets.sort_by(|one, other| left(one).total_cmp(&left(other)).then_with(|| one.id.cmp(&other.id)));
        holdings.models.sort_by(|one, other| (&one.key, &one.model).cmp(&(&other.key, &other.model)));
        let all = holdings.budgets.len() + holdings.models.len();
        let mut shown = [0_usize; Owner::COUNT];
        holdings.budgets.retain(|line| {
            shown.get_mut(line.owner as usize).is_some_and(|count| {
                *count += 1;
                *count <= BUDGETS_SHOWN
            })
        });
        holdings.models.truncate(BUDGETS_SHOWN);
        holdings.not_shown = all - holdings.budgets.len() - holdings.models.len();
        holdings
    }
}

/// `None`: a scope that has no budget with a maximum, or that no gauge is for.
fn line(seat: &Seat, scope: &Scope, wall: i64) -> Option<BudgetLine> {
    let (owner, alias) = match scope.kind() {
        Kind::Key => (Owner::Key, seat.row.key_alias.as_ref()),
        Kind::Team => (Owner::Team, seat.team_alias.as_ref()),
        Kind::User => (Owner::User, None),
        Kind::Organization => (Owner::Organization, seat.organization_alias.as_ref()),
        _ => return None,
    };
    let budget = scope.budgets().iter().find(|budget| budget.is_money() && budget.limits().max.is_some())?;
    let ends = budget.resets_at();
    // Nobody has asked since its end: it begins anew with the next request.
    let spent = if ends.is_some_and(|at| at <= wall) { 0 } else { budget.spent() };
    let max = dollars(budget.limits().max?);
    Some(BudgetLine {
        owner,
        id: scope.id().to_owned(),
        alias: alias.cloned(),
        max,
        remaining: max - dollars(spent),
        hours: ends.filter(|at| *at > wall).map(|at| hours(at - wall)),
    })
}

fn models(seat: &Seat, now: Instant) -> impl Iterator<Item = ModelLine> {
    let of_key = seat.by_model.iter().filter(|(_, scope)| scope.kind() == Kind::ModelPerKey);
    of_key.filter_map(move |(model, scope)| {
        let left = |meter| scope.standings(now).find(|it| it.meter == meter).map(|it| it.remaining);
        let (requests, tokens) = (left(Meter::Requests), left(Meter::Tokens));
        let line = || ModelLine {
            key: seat.token.clone(),
            alias: seat.row.key_alias.clone(),
            model: model.clone(),
            requests,
            tokens,
        };
        (requests.is_some() || tokens.is_some()).then(line)
    })
}

#[expect(clippy::cast_precision_loss, reason = "for people to read; 15 digits are right")]
fn dollars(amount: i64) -> f64 {
    amount as f64 / DOLLAR
}

#[expect(clippy::cast_precision_loss, reason = "no budget lasts for millions of years")]
fn hours(seconds: i64) -> f64 {
    seconds as f64 / 3600.0
}
