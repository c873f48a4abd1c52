//! Budgets of which somebody should be told: found by looking at what is spent, not on a request's way.

use super::live::Live;
use crate::limiter::{BudgetLimits, Kind, Pico, Scope};

/// What has happened to a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// As much is spent as the soft budget allows.
    SoftCrossed,
    /// 15 % or less are left.
    Left15,
    /// 5 % or less are left.
    Left5,
    /// Nothing is left.
    Crossed,
}

impl Event {
    /// Its name in the store. It never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SoftCrossed => "soft",
            Self::Left15 => "left_15",
            Self::Left5 => "left_5",
            Self::Crossed => "crossed",
        }
    }
}

/// A budget that has crossed one of its limits, in the window that is open now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub kind: Kind,
    /// Whose; of a key the digest.
    pub id: String,
    /// The budget's name; empty: the one of `budget_duration`.
    pub budget: String,
    pub event: Event,
    pub spent: Pico,
    pub max: Option<Pico>,
    pub soft: Option<Pico>,
    /// The window's end in seconds since 1970; `None`: never.
    pub resets_at: Option<i64>,
}

impl Alarm {
    /// The limit that it is about, before any percentage.
    pub fn limit(&self) -> Pico {
        let limit = if self.event == Event::SoftCrossed { self.soft } else { self.max };
        limit.unwrap_or_default()
    }
}

impl Live {
    /// All budgets in use that are beyond something at this time (seconds since 1970). Of the limits of one maximum only
    /// the last one that was crossed.
    pub fn alarms(&self, now: i64) -> Vec<Alarm> {
        let mut found = Vec::new();
        self.scopes.each(|scope| found.extend(of_scope(scope, now)));
        found
    }
}

fn of_scope(scope: &Scope, now: i64) -> Vec<Alarm> {
    let budgets = scope.budgets().iter().filter(|budget| scope.kind() != Kind::Deployment && budget.is_money());
    let open = budgets.filter(|budget| budget.resets_at().is_none_or(|end| end > now));
    let alarms = open.flat_map(|budget| {
        let (limits, spent) = (budget.limits(), budget.spent());
        crossed(limits, spent).map(move |event| Alarm {
            kind: scope.kind(),
            id: scope.id().to_owned(),
            budget: limits.name.to_string(),
            event,
            spent,
            max: limits.max,
            soft: limits.soft,
            resets_at: budget.resets_at(),
        })
    });
    alarms.collect()
}

fn crossed(limits: &BudgetLimits, spent: Pico) -> impl Iterator<Item = Event> {
    let is_used = spent > 0;
    let soft = limits.soft.filter(|soft| is_used && spent >= *soft).map(|_| Event::SoftCrossed);
    let max = limits.max.filter(|_| is_used).and_then(|max| {
        let percent_left = |percent: i128| i128::from(max - spent) * 100 <= i128::from(max) * percent;
        match () {
            () if percent_left(0) => Some(Event::Crossed),
            () if percent_left(5) => Some(Event::Left5),
            () if percent_left(15) => Some(Event::Left15),
            () => None,
        }
    });
    soft.into_iter().chain(max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::{Limits, Window};

    const DOLLAR: Pico = 1_000_000_000_000;

    #[test]
    fn the_last_limit_that_was_crossed_is_told() {
        let events = |max, soft, spent| {
            let limits = BudgetLimits { max, soft, ..BudgetLimits::default() };
            crossed(&limits, spent).collect::<Vec<_>>()
        };
        let of = |spent| events(Some(DOLLAR), Some(DOLLAR / 2), spent);
        assert_eq!(of(DOLLAR / 2 - 1), []);
        assert_eq!(of(DOLLAR / 2), [Event::SoftCrossed]);
        assert_eq!(of(DOLLAR / 100 * 85 - 1), [Event::SoftCrossed]);
        assert_eq!(of(DOLLAR / 100 * 85), [Event::SoftCrossed, Event::Left15]);
        assert_eq!(of(DOLLAR / 100 * 95), [Event::SoftCrossed, Event::Left5]);
        assert_eq!(of(DOLLAR), [Event::SoftCrossed, Event::Crossed]);
        assert_eq!(events(Some(DOLLAR), None, 3 * DOLLAR), [Event::Crossed]);
        assert_eq!(events(None, Some(DOLLAR), DOLLAR), [Event::SoftCrossed]);
        assert_eq!(events(Some(0), Some(0), 0), [], "nobody has spent anything");
        assert_eq!(events(Some(i64::MAX), None, i64::MAX), [Event::Crossed]);
    }

    #[test]
    fn a_window_that_is_over_tells_nothing() {
        let budget = BudgetLimits { max: Some(DOLLAR), window: Window::parse("1d"), ..BudgetLimits::default() };
        let scope = Scope::new(Kind::Team, "red", Limits { budgets: vec![budget], ..Limits::default() });
        scope.restore("", DOLLAR, Some(100));
        let [alarm] = &of_scope(&scope, 99)[..] else { panic!("one") };
        assert_eq!((alarm.event, alarm.resets_at, alarm.limit()), (Event::Crossed, Some(100), DOLLAR));
        assert_eq!(of_scope(&scope, 100), []);
    }
}
