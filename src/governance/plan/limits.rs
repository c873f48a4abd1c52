//! From what a row says to what the limiter holds calls against. Pure.

use crate::governance::rows::{LimitRow, WindowRow};
use crate::limiter::terms::{TOKENS_A_DAY, in_tokens};
use crate::limiter::{BudgetLimits, Limits, Measure, OnExceeded, Window, Zone};
use crate::pricing::Money;

/// The first budget is the one of `budget_duration`, in which spending is counted even where nothing limits it.
pub(super) fn limits(row: &LimitRow, windows: &[WindowRow], zone: &Zone) -> Limits {
    let on_exceeded = on_exceeded(row.on_budget_exceeded.as_deref());
    let window = row.budget_duration.as_deref().and_then(Window::parse);
    let first = BudgetLimits {
        name: "".into(),
        max: pico(row.max_budget),
        soft: pico(row.soft_budget),
        window,
        zone: zone.clone(),
        on_exceeded: on_exceeded.clone(),
        measure: Measure::Money,
    };
    let further = windows.iter().map(|row| {
        let name = row.budget_duration.as_deref().unwrap_or_default();
        let window = Window::parse(name);
        let (max, zone, on_exceeded) = (pico(row.max_budget), zone.clone(), on_exceeded.clone());
        BudgetLimits { name: name.into(), max, window, zone, on_exceeded, ..BudgetLimits::default() }
    });
    // A further window without a name of its own would be the first one again.
    let further = one_of_each(further.filter(|budget| !budget.name.is_empty()));
    Limits {
        requests: row.rpm_limit,
        tokens: row.tpm_limit,
        parallel: row.max_parallel_requests,
        budgets: std::iter::once(first).chain(further).chain(tokens_a_day(row.tpd_limit, zone)).collect(),
    }
}

/// Of windows with one name one, with the least money: they have one counter, which each of them would charge.
fn one_of_each(windows: impl Iterator<Item = BudgetLimits>) -> Vec<BudgetLimits> {
    let mut each: Vec<BudgetLimits> = Vec::new();
    for window in windows {
        match each.iter_mut().find(|known| known.name == window.name) {
            Some(known) => known.max = known.max.into_iter().chain(window.max).min(),
            None => each.push(window),
        }
    }
    each
}

/// Tokens a day are counted like money: they are not forgotten with the process, and start anew at midnight.
fn tokens_a_day(limit: Option<u64>, zone: &Zone) -> Option<BudgetLimits> {
    Some(BudgetLimits {
        name: TOKENS_A_DAY.into(),
        max: Some(in_tokens(limit?)),
        window: Window::parse("1d"),
        zone: zone.clone(),
        measure: Measure::Tokens,
        ..BudgetLimits::default()
    })
}

/// `block` (unless said), `warn`, or the name of the model that is called instead.
fn on_exceeded(said: Option<&str>) -> OnExceeded {
    match said {
        None | Some("" | "block") => OnExceeded::Block,
        Some("warn") => OnExceeded::Warn,
        Some(model) => OnExceeded::Downgrade(model.into()),
    }
}

fn pico(dollars: Option<f64>) -> Option<i64> {
    dollars.and_then(Money::from_dollars_f64).map(Money::pico)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_windows_of_one_name_the_smallest_holds() {
        let window = |name: &str, max_budget| WindowRow { budget_duration: Some(name.to_owned()), max_budget };
        let said = [window("1d", None), window("7d", Some(9.0)), window("1d", Some(2.0)), window("1d", Some(3.0))];
        let limits = limits(&LimitRow::default(), &said, &Zone::UTC);
        let held: Vec<_> = limits.budgets.iter().map(|budget| (&*budget.name, budget.max)).collect();
        assert_eq!(held, [("", None), ("1d", pico(Some(2.0))), ("7d", pico(Some(9.0)))]);
    }
}
