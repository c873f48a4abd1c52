//! What two leave of each other.

use super::money::{least_budget, least_models, least_windows};
use super::{Named, Rights, both};

impl Rights {
    /// What is within both: these rights, and those of a whole that the holder is a part of, which says nothing of routes.
    #[must_use]
    pub fn least(self, whole: &Rights) -> Rights {
        let mut counts = self.counts;
        for (count, most) in counts.iter_mut().zip(whole.counts) {
            *count = count.iter().copied().chain(most).min();
        }
        let mut named = self.named.clone();
        named.iter_mut().zip(&whole.named).for_each(|(named, whole)| lower(named, whole));
        Rights {
            budget: least_budget(self.budget.clone(), whole.budget.as_ref()),
            windows: least_windows(self.windows.clone(), &whole.windows),
            of_models: least_models(&self.of_models, &whole.of_models),
            counts,
            named,
            enforced: both(self.enforced.clone(), &whole.enforced),
            expires: self.expires.into_iter().chain(whole.expires).min(),
            ..self.only(&whole.models)
        }
    }
}

fn lower(named: &mut Named, whole: &Named) {
    for (of, most) in whole {
        named.entry(of.clone()).and_modify(|count| *count = (*count).min(*most)).or_insert(*most);
    }
}
