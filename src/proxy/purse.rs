//! Money that deployments and providers may cost. A deployment whose own budget, or whose provider's, has not enough left
//! for a request is not chosen; what its answer may cost is taken before it is asked, and corrected when it is known.

use std::sync::Arc;

use serde_json::Value;

use super::context::Context;
use super::gateway::Shared;
use super::worth::{UNCAPPED_OUTPUT, tokens};
use super::{afford, reserve};
use crate::clock::Instant;
use crate::config::Deployment;
use crate::drawing::Drawing;
use crate::error::{Error, Kind as ErrorKind};
use crate::limiter::{self, Ask, Budget, Kind, Pico, Refusal, Reservation, Scope, message};
use crate::pricing::estimate::ceiling;
use crate::pricing::vision::Sight;
use crate::pricing::{Prices, pictures};
use crate::router::purse::{self, Outlook};
use crate::telemetry::metrics::Remaining;
use crate::wire::openai::images;

/// What `/metrics` and LiteLLM's message call a spent budget that is not the caller's.
pub const CROSSED: &str = "No deployments available - crossed budget";

/// Choices that may be overtaken by others before a request counts as one that nobody has money for.
pub const OVERTAKEN_MAX: u32 = 4;

/// The budgets of one deployment.
#[derive(Debug)]
pub struct Purse {
    scopes: Vec<Arc<Scope>>,
    prices: Prices,
    /// Which pictures are drawn where a request does not say.
    drawing: Drawing,
    /// How the model sees pictures.
    sight: Option<Sight>,
    /// What a call costs depends on the model that is asked for, and be it by how that sees pictures.
    is_priced_by_name: bool,
    /// As people know it.
    name: String,
}

impl Purse {
    /// Of these scopes; none if there are none.
    pub fn of(deployment: &Deployment, scopes: Vec<Arc<Scope>>, prices: Prices) -> Option<Self> {
        let name = format!(
            "model_name: {}, litellm_params.model: {}/{}, model_id: {}",
            deployment.model_name, deployment.provider.name, deployment.upstream_model, deployment.id
        );
        let drawing = images::usual(&deployment.defaults);
        let base_model = deployment.model_info.get("base_model").and_then(Value::as_str);
        let is_priced_by_name = deployment.upstream_model.contains('*') && base_model.is_none();
        let sight = Sight::of_model(base_model.unwrap_or(&deployment.upstream_model));
        (!scopes.is_empty()).then_some(Self { scopes, prices, drawing, sight, is_priced_by_name, name })
    }

    /// What a call may cost here; where the client sets no limit, as far as there is one.
    fn cost(&self, outlook: &Outlook) -> Pico {
        if self.is_priced_by_name {
            return outlook.by_name;
        }
        let prompt = tokens(outlook.prompt_tokens, &outlook.shown, self.sight);
        if let Some(drawing) = outlook.drawing {
            return pictures::ceiling(&self.prices, prompt, &drawing.or(self.drawing)).pico();
        }
        let output = outlook.output_tokens.unwrap_or(UNCAPPED_OUTPUT);
        ceiling(&self.prices, prompt, output, outlook.answers).pico()
    }

    /// Whether a call cannot cost more than that.
    fn is_certain(&self, outlook: &Outlook) -> bool {
        match outlook.drawing {
            Some(drawing) => pictures::is_certain(&self.prices, &drawing.or(self.drawing)),
            None => outlook.output_tokens.is_some(),
        }
    }

    /// Takes what a call may cost.
    ///
    /// # Errors
    /// It is not there, or nobody knows.
    async fn take(&self, shared: &Shared, outlook: &Outlook, now: Instant) -> Result<Reservation, Refusal> {
        let ask = self.ask(outlook, now);
        afford::admit(shared, &self.scopes, ask, self.is_certain(outlook)).await
    }

    fn ask(&self, outlook: &Outlook, now: Instant) -> Ask {
        Ask { tokens: 0, cost: self.cost(outlook), now, wall: outlook.wall, downgraded: false }
    }

    /// The least that must be left. Without a limit of its own a request takes what is left.
    fn least(&self, outlook: &Outlook) -> Pico {
        if self.is_certain(outlook) { self.cost(outlook) } else { 0 }
    }

    /// Whether nobody can say if one of its budgets has enough for the call.
    pub fn is_unsure(&self, outlook: &Outlook, now: Instant) -> bool {
        self.scopes.iter().any(|scope| scope.is_unsure(self.least(outlook), now, outlook.wall))
    }

    /// The budgets that are known to have not enough for the call, in LiteLLM's words.
    pub fn complaints(&self, outlook: &Outlook, now: Instant) -> impl Iterator<Item = String> {
        let (cost, wall) = (self.least(outlook), outlook.wall);
        let is_short = move |scope: &Scope| !scope.affords(cost, now, wall) && !scope.is_unsure(cost, now, wall);
        let short = self.scopes.iter().filter(move |scope| is_short(scope));
        short.filter_map(|scope| {
            let budget = scope.budgets().first()?;
            let whose = match scope.kind() {
                Kind::Provider => format!("provider {}", scope.id()),
                _ => format!("deployment {}", self.name),
            };
            Some(format!("Exceeded budget for {whose}: {}", sums(budget)))
        })
    }
}

/// The budget of a tag that the configuration names is the router's: the request goes to no deployment.
pub fn crossed_tag(tag: &str, over: &limiter::budget::Over) -> Error {
    let gone = message::dollars(over.spent.saturating_add(over.reserved));
    let max = message::dollars(over.max);
    let text = format!("{CROSSED}: Exceeded budget for tag='{tag}', tag_spend={gone}, tag_budget_limit={max}\n");
    Error::new(ErrorKind::OutlayExceeded, text)
}

/// What is gone, reservations included, and what there was.
pub fn sums(budget: &Budget) -> String {
    let gone = budget.spent().saturating_add(budget.reserved());
    format!("{} >= {}", message::dollars(gone), message::dollars(budget.limits().max.unwrap_or_default()))
}

impl purse::Purse for Purse {
    fn has(&self, outlook: &Outlook, now: Instant) -> bool {
        let cost = self.least(outlook);
        outlook.is_accountable && self.scopes.iter().all(|scope| scope.affords(cost, now, outlook.wall))
    }
}

/// All purses of a configuration.
#[derive(Default)]
pub struct Purses {
    /// Each deployment's, by its index.
    each: Vec<Option<Arc<Purse>>>,
    /// Each provider's budget, and where it is shown.
    providers: Vec<(Arc<Scope>, Remaining)>,
    has_any: bool,
}

impl Purses {
    /// Each deployment's, by its index, and the providers'.
    pub fn new(each: Vec<Option<Arc<Purse>>>, providers: Vec<(Arc<Scope>, Remaining)>) -> Self {
        let has_any = each.iter().any(Option::is_some);
        Self { each, providers, has_any }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        !self.has_any
    }

    /// Each deployment's, by its index.
    pub fn each(&self) -> &[Option<Arc<Purse>>] {
        &self.each
    }

    fn of(&self, deployment: usize) -> Option<&Purse> {
        self.each.get(deployment)?.as_deref()
    }

    /// Sets the metrics; `wall` in seconds since 1970.
    pub fn measure(&self, wall: i64) {
        for (scope, remaining) in &self.providers {
            let Some(budget) = scope.budgets().first() else { continue };
            budget.roll_over(wall);
            let left = budget.limits().max.unwrap_or_default().saturating_sub(budget.spent());
            remaining.set(left);
        }
    }
}

/// Takes what the call may cost at the deployment; `None`: it has no budget.
///
/// # Errors
/// Others were faster, or nobody knows what is left.
pub async fn set_aside(
    ctx: &Context,
    shared: &Shared,
    deployment: usize,
    outlook: Option<&Outlook>,
) -> Result<Option<Reservation>, Refusal> {
    let Some((purse, outlook)) = ctx.snapshot.purses.of(deployment).zip(outlook) else { return Ok(None) };
    Box::pin(purse.take(shared, outlook, shared.clock.now())).await.map(Some)
}

/// The same for a second request beside a first, which is worth no wait.
pub fn set_aside_at_once(
    ctx: &Context,
    now: Instant,
    deployment: usize,
    outlook: Option<&Outlook>,
) -> Result<Option<Reservation>, Refusal> {
    let Some((purse, outlook)) = ctx.snapshot.purses.of(deployment).zip(outlook) else { return Ok(None) };
    limiter::admit(&purse.scopes, &purse.ask(outlook, now)).map(Some)
}

/// What the client is told where no deployment of the group has money left.
pub fn crossed(ctx: &Context, model: &str, outlook: Option<&Outlook>, now: Instant) -> Error {
    let Some(outlook) = outlook.filter(|outlook| outlook.is_accountable) else { return reserve::unknown_budget() };
    let purses = || ctx.snapshot.members_of(model).filter_map(|index| ctx.snapshot.purses.of(index));
    let mut lines: Vec<String> = Vec::new();
    for purse in purses() {
        let new = purse.complaints(outlook, now).filter(|line| !lines.contains(line)).collect::<Vec<_>>();
        lines.extend(new);
    }
    if lines.is_empty() && purses().any(|purse| purse.is_unsure(outlook, now)) {
        return reserve::unknown_budget();
    }
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Error::new(ErrorKind::OutlayExceeded, format!("{CROSSED}: {lines}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config::ModelRules;
    use crate::drawing::Shown;
    use crate::limiter::{Limits, Window};
    use crate::pricing::Money;
    use crate::router::purse::Purse as _;

    const CENT: Pico = 10_000_000_000;
    const DAY: i64 = 86_400;
    const NOW: Instant = Instant::from_nanos(0);

    fn scope(kind: Kind, id: &str, max: Pico) -> Arc<Scope> {
        let budget =
            limiter::BudgetLimits { max: Some(max), window: Window::parse("1d"), ..limiter::BudgetLimits::default() };
        Arc::new(Scope::new(kind, id, Limits { budgets: vec![budget], ..Limits::default() }))
    }

    /// A token of output costs a cent, what is read nothing.
    fn purse(scopes: Vec<Arc<Scope>>) -> Purse {
        purse_at("openai/x", scopes)
    }

    fn purse_at(model: &str, scopes: Vec<Arc<Scope>>) -> Purse {
        let entry = serde_json::json!({"model_name": "m", "litellm_params": {"model": model},
            "model_info": {"id": "d"}});
        let (deployment, _) = ModelRules::default().read(&entry, &HashMap::<String, String>::new()).unwrap();
        let prices = Prices::of([("output_cost_per_token", Money::from_pico(CENT))]);
        Purse::of(&deployment, scopes, prices).unwrap()
    }

    fn asks(output_tokens: Option<u64>, wall: i64) -> Outlook {
        Outlook {
            prompt_tokens: 9,
            shown: Shown::default(),
            output_tokens,
            answers: 1,
            drawing: None,
            by_name: 0,
            wall,
            is_accountable: true,
        }
    }

    #[test]
    fn without_the_store_only_what_is_known_to_be_spent_is_a_complaint() {
        let cluster = Arc::new(limiter::Cluster::new(limiter::lease::Outage::default()));
        cluster.set_up(true);
        let budget = limiter::BudgetLimits { max: Some(10 * CENT), ..limiter::BudgetLimits::default() };
        let limits = Limits { budgets: vec![budget], ..Limits::default() };
        let shared = Arc::new(Scope::shared(Kind::Provider, "p", limits, &cluster));
        let purse = purse(vec![Arc::clone(&shared)]);
        let asks = asks(Some(5), 0);
        let complains = || purse.complaints(&asks, NOW).count();
        assert!(purse.has(&asks, NOW) && !purse.is_unsure(&asks, NOW) && complains() == 0, "it may be borrowed");
        cluster.set_up(false);
        assert!(!purse.has(&asks, NOW) && purse.is_unsure(&asks, NOW) && complains() == 0);
        shared.restore("", 6 * CENT, None);
        assert!(!purse.has(&asks, NOW) && !purse.is_unsure(&asks, NOW) && complains() == 1);
    }

    #[test]
    fn a_model_of_any_name_costs_what_the_one_does_that_is_asked_for() {
        let asks = Outlook { by_name: 7 * CENT, ..asks(Some(5), 0) };
        let cost = |model| purse_at(model, vec![scope(Kind::Deployment, "d", CENT)]).cost(&asks);
        assert_eq!((cost("openai/*"), cost("openai/x")), (7 * CENT, 5 * CENT));
    }

    #[test]
    fn both_budgets_must_have_it_and_a_new_day_brings_it_back() {
        let (provider, own) = (scope(Kind::Provider, "p", 10 * CENT), scope(Kind::Deployment, "d", 5 * CENT));
        let purse = purse(vec![Arc::clone(&provider), Arc::clone(&own)]);
        assert!(purse.has(&asks(Some(5), 0), NOW) && !purse.has(&asks(Some(6), 0), NOW));
        assert!(!purse.has(&Outlook { is_accountable: false, ..asks(Some(1), 0) }, NOW));
        let ask = |cost| Ask { tokens: 0, cost, now: NOW, wall: 0, downgraded: false };
        let held = limiter::admit(&[Arc::clone(&provider)], &ask(8 * CENT)).unwrap();
        assert!(purse.has(&asks(Some(2), 0), NOW) && !purse.has(&asks(Some(3), 0), NOW));
        assert!(purse.has(&asks(None, 0), NOW), "without a limit it takes what is left");
        held.settle(&limiter::Actual { tokens: 0, cost: 10 * CENT, now: NOW });
        assert!(!purse.has(&asks(None, DAY - 1), NOW));
        let told: Vec<String> = purse.complaints(&asks(Some(6), DAY - 1), NOW).collect();
        assert_eq!(
            told,
            [
                "Exceeded budget for provider p: 0.1 >= 0.1",
                "Exceeded budget for deployment model_name: m, litellm_params.model: openai/x, model_id: d: 0.0 >= 0.05",
            ]
        );
        assert!(purse.has(&asks(Some(5), DAY), NOW));
        assert_eq!(provider.spent(), 0);
    }
}
