//! A desk that remembers what it was told.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::admin::{Desk, ModelView, PriceSource};
use crate::limiter;
use crate::pricing::{Money, Prices};
use crate::store;

#[derive(Default)]
pub struct FakeDesk {
    pub spent: Mutex<HashMap<(limiter::Kind, String), Money>>,
    pub changed: Mutex<Vec<(store::Kind, String)>>,
    pub models: Mutex<Vec<ModelView>>,
}

#[async_trait]
impl Desk for FakeDesk {
    fn spent(&self, scope: limiter::Kind, id: &str) -> Option<Money> {
        self.spent.lock().unwrap().get(&(scope, id.to_owned())).copied()
    }

    fn counters_under(&self, scope: limiter::Kind, id: &str) -> Vec<store::Counter> {
        let spent = self.spent.lock().unwrap();
        let of_id = spent.iter().filter(|((kind, of), _)| *kind == scope && of.starts_with(id));
        let counter = |((_, of), spent): (&(limiter::Kind, String), &Money)| store::Counter {
            scope: scope.as_str().to_owned(),
            id: of.clone(),
            budget: String::new(),
            spent: spent.pico(),
            resets_at: 0,
        };
        of_id.map(counter).collect()
    }

    async fn changed(&self, objects: &[(store::Kind, String)]) {
        self.changed.lock().unwrap().extend_from_slice(objects);
    }

    async fn set_spent(&self, scope: limiter::Kind, id: &str, spent: Money) -> Result<(), store::Failure> {
        self.spent.lock().unwrap().insert((scope, id.to_owned()), spent);
        Ok(())
    }

    async fn reset_spent(&self, scope: limiter::Kind) -> Result<(), store::Failure> {
        self.spent.lock().unwrap().iter_mut().filter(|((kind, _), _)| *kind == scope).for_each(|(_, spent)| {
            *spent = Money::ZERO;
        });
        Ok(())
    }

    fn price_source(&self) -> PriceSource {
        PriceSource::default()
    }

    async fn reload_prices(&self, _asked_at: &str) -> Result<usize, String> {
        Ok(0)
    }

    fn prices(&self, deployment: &str) -> Option<Prices> {
        let models = self.models.lock().unwrap();
        let info = &models.iter().find(|view| view.id == deployment)?.model_info;
        let stated = info.iter().filter_map(|(name, price)| Some((&**name, Money::from_dollars_f64(price.as_f64()?)?)));
        Some(Prices::of(stated))
    }

    fn models(&self) -> Vec<ModelView> {
        self.models.lock().unwrap().clone()
    }
}
