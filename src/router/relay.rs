//! A stream that breaks after its beginning was delivered: whether another answer may take its place, how many are asked
//! for, and which of them are told in the books on their own.

use super::plan::DeploymentIx;
use crate::error::{Compat, Fault, Kind};

/// Answers that are asked for in the place of broken ones, for one request.
pub const ANSWERS_MAX: u32 = 3;

/// Of one request's stream.
#[derive(Debug)]
pub struct Relay {
    is_on: bool,
    asked: u32,
    /// The deployment whose answer broke, as long as nobody has taken its place.
    broken: Option<DeploymentIx>,
}

/// A stream that broke.
#[derive(Clone, Copy, Debug)]
pub struct Broken {
    /// Why.
    pub kind: Kind,
    /// Whether what the client has by now can be gone on with.
    pub can_resume: bool,
    /// Whether there is anybody else.
    pub leads_on: bool,
}

impl Relay {
    /// Of a stream that begins; `is_on`: whether its like may be gone on with at all.
    pub fn new(is_on: bool) -> Self {
        Self { is_on, asked: 0, broken: None }
    }

    /// Whether one more answer could be asked for.
    pub fn has_more(&self) -> bool {
        self.is_on && self.asked < ANSWERS_MAX
    }

    /// Whether another answer is looked for. It costs a second time, and what the budget was asked for was the first:
    /// `is_affordable` asks it, and only where nothing else stands in the way.
    pub fn goes_on(&self, broken: &Broken, is_affordable: impl FnOnce() -> bool) -> bool {
        self.has_more() && broken.can_resume && broken.leads_on && is_worth(broken.kind) && is_affordable()
    }

    /// This deployment's answer has broken, and another one is looked for.
    pub fn broke(&mut self, deployment: DeploymentIx) {
        self.broken = Some(deployment);
    }

    /// One more answer is asked for; `false`: it must not.
    pub fn asks(&mut self) -> bool {
        let may = self.has_more();
        self.asked += u32::from(may);
        may
    }

    /// Another answer has begun: the broken one, whose part is billed now. It is named once.
    pub fn taken_over(&mut self) -> Option<DeploymentIx> {
        self.broken.take()
    }
}

/// Whether another provider could do better: what was refused or asked for wrongly is no break.
fn is_worth(kind: Kind) -> bool {
    // The class does not depend on the release that is imitated.
    kind.row(Compat::default()).fault == Fault::Upstream
}

/// Whether a model that was to go on after the delivered words does not know how, so that it is asked for an answer from
/// the start.
pub fn begins_again(kind: Kind) -> bool {
    kind.row(Compat::default()).fault == Fault::Caller
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: Broken = Broken { kind: Kind::BrokenStream, can_resume: true, leads_on: true };

    #[test]
    fn a_break_goes_on_where_all_allows_it_and_the_budget_is_asked_last() {
        let relay = Relay::new(true);
        assert!(relay.goes_on(&BROKEN, || true));
        assert!(!relay.goes_on(&BROKEN, || false));
        let refuse = |relay: &Relay, broken: &Broken| {
            assert!(!relay.goes_on(broken, || panic!("money was taken for nothing")), "{broken:?}");
        };
        refuse(&relay, &Broken { can_resume: false, ..BROKEN });
        refuse(&relay, &Broken { leads_on: false, ..BROKEN });
        refuse(&relay, &Broken { kind: Kind::ContentPolicy, ..BROKEN });
        refuse(&Relay::new(false), &BROKEN);
    }

    #[test]
    fn only_so_many_are_asked_and_a_broken_one_is_named_once() {
        let mut relay = Relay::new(true);
        relay.broke(DeploymentIx(1));
        assert_eq!([relay.taken_over(), relay.taken_over()], [Some(DeploymentIx(1)), None]);
        assert_eq!((0..9).filter(|_| relay.asks()).count(), ANSWERS_MAX as usize);
        assert!(!relay.goes_on(&BROKEN, || true));
    }
}
