//! Answers whose tokens the provider did not count, or not to the end: streams without a usage event, clients that left,
//! upstreams that broke off. What was asked and what was delivered is kept until [`super::counting`] has counted it.

use bytes::Bytes;

use super::context::Context;
use super::stream::StreamFilter;
use super::target::Target;
use crate::pricing::tokens::BYTES_A_TOKEN;
use crate::pricing::vision::{self, Sight};
use crate::pricing::{ServiceTier, Tokenizer};
use crate::providers::Operation;
use crate::wire::openai::request::Request;
use crate::wire::said::Said;
use crate::wire::shown::shown;
use crate::wire::texts::{self, Prompt};
use crate::wire::usage::Usage;

/// What a client got.
#[derive(Debug)]
pub enum Delivered {
    /// A whole answer, in the client's dialect.
    Whole(Bytes),
    /// What a stream said.
    Stream(Said),
}

impl Delivered {
    /// Of a whole answer; one without words is not kept.
    pub fn whole(body: &Bytes, operation: Operation) -> Self {
        Self::Whole(if operation.client_dialect(false).is_some() { body.clone() } else { Bytes::new() })
    }
}

/// A call whose tokens are to be counted.
#[derive(Debug)]
pub struct Uncounted {
    operation: Operation,
    request: Request,
    delivered: Delivered,
    told: Usage,
    tokenizer: Tokenizer,
    /// How the model sees pictures.
    sight: Option<Sight>,
}

/// The counters of an answer to this operation. `None`: nothing was told. What has no output need not tell any.
pub fn told(usage: Option<Usage>, operation: Operation) -> Option<Usage> {
    let has_output = operation.client_dialect(false).is_some();
    let has_words = operation != Operation::ImageGenerations;
    usage.map(|usage| Usage {
        input_untold: usage.input_untold && has_words,
        output_untold: usage.output_untold && has_output,
        ..usage
    })
}

/// Whether something was delivered that the provider has not counted. To ask how many tokens a prompt is costs none, and
/// pictures are paid by the piece where nobody tells tokens.
pub fn is_uncounted(ctx: &Context) -> bool {
    let operation = ctx.task.as_ref().map(|task| task.operation);
    let is_wordless = matches!(
        operation,
        None | Some(Operation::CountMessageTokens | Operation::CountContentTokens | Operation::ImageGenerations)
    );
    ctx.outcome.delivered.is_some() && !is_wordless && ctx.outcome.usage.is_none_or(|usage| !usage.is_told())
}

/// The tier that the request asks for.
pub fn tier(request: &Request) -> ServiceTier {
    request.object().as_str("service_tier").map_or(ServiceTier::Standard, |tier| ServiceTier::of(&tier))
}

/// What a request used that was cancelled before it was answered: its prompt, by its length.
pub fn of_prompt(ctx: &Context, deployment: usize) -> Option<Usage> {
    let task = ctx.task.as_ref()?;
    let tokenizer = tokenizer(ctx.snapshot.targets.get(deployment), &task.request);
    Some(Usage::of_tokens(tokenizer.guess(task.request.unquoted_bytes()), 0))
}

/// What the part of a stream used that broke: as told, else by the length of what was asked and said.
pub fn of_part(ctx: &Context, deployment: usize, filter: &mut StreamFilter) -> Option<Usage> {
    let task = ctx.task.as_ref()?;
    let told = told(filter.usage().map(Usage::of_unfinished), task.operation).unwrap_or_else(Usage::untold);
    if told.is_told() {
        return Some(told);
    }
    let tokenizer = tokenizer(ctx.snapshot.targets.get(deployment), &task.request);
    let prompt = tokenizer.guess(task.request.unquoted_bytes());
    Some(told.completed(prompt, tokenizer.guess(filter.said().len())))
}

impl Uncounted {
    /// Takes what is needed out of the request, if there is something to count.
    pub fn of(ctx: &mut Context) -> Option<Self> {
        if !is_uncounted(ctx) {
            return None;
        }
        let (task, delivered) = (ctx.task.take()?, ctx.outcome.delivered.take()?);
        let target = ctx.outcome.deployment.and_then(|index| ctx.snapshot.targets.get(index));
        let name = name(target, &task.request);
        let (tokenizer, sight) = (Tokenizer::of_model(name), Sight::of_model(name));
        let told = ctx.outcome.usage.unwrap_or_else(Usage::untold);
        Some(Self { operation: task.operation, request: task.request, delivered, told, tokenizer, sight })
    }

    /// The model's name as the client wrote it.
    pub fn model(&self) -> Option<String> {
        self.request.model.clone()
    }

    /// The tier that the request asks for.
    pub fn tier(&self) -> ServiceTier {
        tier(&self.request)
    }

    /// Bytes that it holds on to.
    pub fn size(&self) -> usize {
        let delivered = match &self.delivered {
            Delivered::Whole(body) => body.len(),
            Delivered::Stream(said) => usize::try_from(said.len()).unwrap_or(usize::MAX),
        };
        self.request.body().len().saturating_add(delivered)
    }

    /// Counts what was not told. Takes its time.
    pub fn count(&self) -> Usage {
        let prompt = if self.told.input_untold { self.input() } else { 0 };
        let output = if self.told.output_untold { self.output() } else { 0 };
        self.told.completed(prompt, self.at_most(output))
    }

    /// The same by length alone, for when there is no time.
    pub fn guess(&self) -> Usage {
        let prompt = self.tokenizer.guess(self.request.unquoted_bytes());
        let output = match &self.delivered {
            Delivered::Whole(body) => self.tokenizer.guess(texts::text_bytes(body)),
            Delivered::Stream(said) => self.tokenizer.guess(said.len()),
        };
        self.told.completed(prompt, self.at_most(output))
    }

    /// No answer has more tokens than were asked for, whatever our tokenizer makes of its words: so what a budget has set
    /// aside is enough.
    fn at_most(&self, output: u64) -> u64 {
        let most = self.request.max_tokens.map(|most| most.saturating_mul(self.request.n.max(1)));
        most.map_or(output, |most| output.min(most))
    }

    /// Words, and pictures as such a model usually counts them.
    fn input(&self) -> u64 {
        let prompt = self.prompt();
        let (more, less) = vision::beyond(self.sight, &shown(&self.request));
        // Where our decoder understood nothing there are only words.
        let pictures = if prompt.texts.is_empty() { 0 } else { prompt.other_tokens };
        self.tokenizer.count_prompt(&prompt).saturating_add(more).saturating_sub(less.min(pictures))
    }

    fn prompt(&self) -> Prompt {
        match self.operation.client_dialect(false) {
            Some(dialect) => Prompt::of_request(dialect, &self.request, BYTES_A_TOKEN),
            None => Prompt::of_input(&self.request, "input"),
        }
    }

    fn output(&self) -> u64 {
        match (&self.delivered, self.operation.client_dialect(false)) {
            (Delivered::Stream(said), _) => {
                let texts = said.texts();
                let counted = self.tokenizer.count_all(texts.iter().map(String::as_str));
                counted.saturating_add(self.tokenizer.guess(said.beyond()))
            }
            (Delivered::Whole(body), Some(dialect)) => match texts::of_answer(dialect, body) {
                Some(texts) => self.tokenizer.count_all(texts.iter().map(String::as_str)),
                None => self.tokenizer.guess(texts::text_bytes(body)),
            },
            (Delivered::Whole(_), None) => 0,
        }
    }
}

/// The tokeniser of the model that answered.
fn tokenizer(target: Option<&Target>, request: &Request) -> Tokenizer {
    Tokenizer::of_model(name(target, request))
}

/// How the model that answered is called: by the name that it has for pricing, else upstream, else, where a wildcard stands
/// upstream, by the client's.
fn name<'a>(target: Option<&'a Target>, request: &'a Request) -> &'a str {
    let named = target.map(Target::base_model).filter(|name| !name.contains('*'));
    named.or(request.model.as_deref()).unwrap_or_default()
}
