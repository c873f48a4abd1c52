//! Two attempts at one request, of which one is to answer: what follows when it is known how they ended.

/// How a race ended. `A` is an answer, `F` a failure, `L` the second attempt.
#[derive(Debug)]
pub enum Raced<A, F, L> {
    /// There was only one.
    Alone(Result<A, F>),
    /// The first has won. The second was cancelled, or has failed.
    First(A, L, Option<F>),
    /// The second has won. The first was cancelled, or has failed.
    Second(A, L, Option<F>),
    /// Both have failed.
    Neither(F, L, F),
}

/// What follows from it, for each of the two.
#[derive(Debug)]
pub struct Verdict<A, F, L> {
    /// Whose result it is.
    pub leg: L,
    /// What becomes of the request.
    pub result: Result<A, F>,
    /// The other one, if it failed too, or before.
    pub failed: Option<(L, F)>,
    /// The other one, if it was cancelled: it is paid for and has answered nobody.
    pub cancelled: Option<L>,
    /// Whether there were two.
    pub is_double: bool,
}

impl<A, F, L> Raced<A, F, L> {
    /// The verdict, with the first attempt.
    pub fn verdict(self, first: L) -> Verdict<A, F, L> {
        let two = |leg, result| Verdict { leg, result, failed: None, cancelled: None, is_double: true };
        match self {
            Raced::Alone(result) => Verdict { is_double: false, ..two(first, result) },
            Raced::First(answer, second, None) => Verdict { cancelled: Some(second), ..two(first, Ok(answer)) },
            Raced::First(answer, second, Some(failed)) => {
                Verdict { failed: Some((second, failed)), ..two(first, Ok(answer)) }
            }
            Raced::Second(answer, second, None) => Verdict { cancelled: Some(first), ..two(second, Ok(answer)) },
            Raced::Second(answer, second, Some(failed)) => {
                Verdict { failed: Some((first, failed)), ..two(second, Ok(answer)) }
            }
            Raced::Neither(failed, second, last) => Verdict { failed: Some((first, failed)), ..two(second, Err(last)) },
        }
    }
}
