//! Which deployments one request has tried.

use super::plan::DeploymentIx;

/// Deployments that are remembered. A request with more attempts than this may meet an early one again sooner.
pub const MAX_TRIED: usize = 16;

/// A small set without allocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct TriedSet {
    slots: [Option<DeploymentIx>; MAX_TRIED],
}

impl TriedSet {
    /// Adds one; nothing happens if the set is full.
    pub fn insert(&mut self, deployment: DeploymentIx) {
        if self.contains(deployment) {
            return;
        }
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(deployment);
        }
    }

    /// Whether nothing was tried yet.
    pub fn is_empty(&self) -> bool {
        self.slots.first().is_none_or(Option::is_none)
    }

    /// Whether it was tried.
    pub fn contains(&self, deployment: DeploymentIx) -> bool {
        self.slots.iter().map_while(|slot| *slot).any(|tried| tried == deployment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_up_to_its_limit() {
        let mut tried = TriedSet::default();
        let count = MAX_TRIED as u32 + 1;
        (0..count).for_each(|i| {
            tried.insert(DeploymentIx(i));
            tried.insert(DeploymentIx(i));
        });
        let kept = (0..count).filter(|&i| tried.contains(DeploymentIx(i))).count();
        assert_eq!(kept, MAX_TRIED);
    }
}
