//! What a request may use before anybody has answered it: tokens for limits, money for budgets.

use super::context::Task;
use super::snapshot::Snapshot;
use super::target::Target;
use crate::drawing::Shown;
use crate::limiter::Pico;
use crate::pricing::estimate::{ceiling, estimate_tokens};
use crate::pricing::pictures;
use crate::pricing::vision::{self, Sight};
use crate::router::pattern::Captures;
use crate::wire::openai::request::Request;
use crate::wire::shown::shown;

/// Tokens of output that money is reserved for where the client sets no limit, as far as there is any. An answer may be
/// longer, and is counted in full when it is there: by what it is longer, it may go beyond a budget.
pub const UNCAPPED_OUTPUT: u64 = 1024;

/// What a client sends, as far as money is set aside for it.
#[derive(Clone, Debug)]
pub struct Weight {
    /// Tokens of all of the body that is no picture.
    pub words: u64,
    /// The pictures, which each model counts in its own way.
    pub shown: Shown,
}

impl Weight {
    /// All of the body is words, but for pictures where a provider looks for them: what only looks like one may be words,
    /// and a budget must hold whatever a client sends.
    pub fn of(request: &Request) -> Self {
        let shown = shown(request);
        Self { words: estimate_tokens(request.body().len().saturating_sub(shown.bytes)), shown }
    }

    /// The most tokens that a model counts which sees pictures like this.
    pub fn tokens(&self, sight: Option<Sight>) -> u64 {
        tokens(self.words, &self.shown, sight)
    }
}

/// The most tokens that a model counts for so many of words, and these pictures.
pub fn tokens(words: u64, shown: &Shown, sight: Option<Sight>) -> u64 {
    if shown.is_empty() { words } else { words.saturating_add(vision::most(sight, shown)) }
}

/// Tokens of input that limits set aside: those of its text, and an allowance for each picture, file and sound. What the
/// provider counts beyond it is a debt.
pub fn prompt_tokens(snapshot: &Snapshot, request: &Request, shown: &Shown, model: &str) -> u64 {
    let text = estimate_tokens(request.text_bytes());
    let media = request.media();
    if shown.is_empty() {
        return text.saturating_add(media.tokens());
    }
    let captures = snapshot.captures(|| Some(model));
    let targets = snapshot.members_of(model).filter_map(|index| snapshot.targets.get(index));
    let pictures = targets.map(|target| vision::usual(sight(target, &captures), shown)).max();
    let pictures = pictures.unwrap_or_else(|| vision::usual(None, shown));
    text.saturating_add(media.without(shown.count()).tokens()).saturating_add(pictures)
}

/// What a call of this model may cost, whichever deployment answers it, and whether that is the most.
pub fn worth(snapshot: &Snapshot, task: &Task, model: &str, weight: &Weight) -> (Pico, bool) {
    let (request, drawing) = (&task.request, task.drawing());
    let output = request.max_tokens.unwrap_or(UNCAPPED_OUTPUT);
    let captures = snapshot.captures(|| Some(model));
    let of = |target: &Target| {
        let prices = snapshot.prices(target, &captures);
        let prompt = if weight.shown.is_empty() { weight.words } else { weight.tokens(sight(target, &captures)) };
        let Some(asked) = drawing else {
            return (ceiling(&prices, prompt, output, request.n.max(1)).pico(), request.max_tokens.is_some());
        };
        let drawing = asked.or(target.drawing);
        (pictures::ceiling(&prices, prompt, &drawing).pico(), pictures::is_certain(&prices, &drawing))
    };
    let targets = snapshot.members_of(model).filter_map(|index| snapshot.targets.get(index));
    targets.map(of).fold((0, true), |(most, all), (cost, is_certain)| (most.max(cost), all && is_certain))
}

/// How a deployment's model sees pictures; where it is for models of any name, the one that is asked for.
fn sight(target: &Target, captures: &Captures) -> Option<Sight> {
    let name = target.base_model();
    Sight::of_model(captures.substitute(name).as_deref().unwrap_or(name))
}
