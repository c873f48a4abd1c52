//! Providers: how they are, and what that makes of a request.

use std::time::Duration;

use fastrand::Rng;

use crate::error::Kind;

/// How a deployment is, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    /// Refuses connections, or answers 500.
    Down,
    /// 429, with a Retry-After or without.
    Refusing,
    /// Takes requests and says nothing.
    Silent,
    /// Its streams begin and are cut.
    Cutting,
    /// Its streams begin and fall silent, or say that they failed.
    Stalling,
    /// Finds fault with requests: too long, refused, wrong.
    Odd,
}

/// What becomes of one request at it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// No answer.
    Fails { after: Duration, kind: Kind, retry_after: Option<Duration> },
    /// Nothing, ever.
    Silence,
    /// An answer that begins after `first`, its pieces `gap` apart.
    Answers { first: Duration, gap: Duration, breaks: Option<Break> },
}

/// Where a stream breaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Break {
    /// Pieces that come before.
    pub(super) at: usize,
    pub(super) kind: Kind,
    /// How long it takes to notice.
    pub(super) after: Duration,
}

impl Health {
    pub(super) fn any(random: &mut Rng) -> Self {
        let all = [Self::Down, Self::Refusing, Self::Silent, Self::Cutting, Self::Stalling, Self::Odd];
        if random.u8(..2) == 0 { Self::Well } else { all[random.usize(..all.len())] }
    }

    pub(super) fn fate(self, random: &mut Rng, has_words: bool) -> Fate {
        let millis = Duration::from_millis;
        let after = millis(random.u64(1..390));
        let fails = |kind, retry_after| Fate::Fails { after, kind, retry_after };
        let first = millis(if random.u8(..8) == 0 { random.u64(600..9_000) } else { random.u64(20..600) });
        let gap = millis(random.u64(5..300));
        let answers = |breaks| Fate::Answers { first, gap, breaks };
        // A continuation may break before its first piece.
        let at = random.usize(usize::from(!has_words)..6);
        match self {
            Health::Well if random.u8(..30) == 0 => fails(Kind::InternalServer, None),
            Health::Well => answers(None),
            Health::Down if random.bool() => fails(Kind::Connection, None),
            Health::Down => fails(Kind::InternalServer, None),
            Health::Refusing => {
                let pause = (random.bool()).then(|| Duration::from_secs(random.u64(1..20)));
                fails(Kind::RateLimited, pause)
            }
            Health::Silent => Fate::Silence,
            Health::Cutting => answers(Some(Break { at, kind: Kind::BrokenStream, after: millis(1) })),
            Health::Stalling => match random.u8(..3) {
                0 => answers(Some(Break { at, kind: Kind::ProviderOverloaded, after: millis(1) })),
                _ => answers(Some(Break { at, kind: Kind::Timeout, after: Duration::from_secs(20) })),
            },
            Health::Odd => match random.u8(..5) {
                0 => fails(Kind::ContextWindow, None),
                1 => fails(Kind::ContentPolicy, None),
                2 => fails(Kind::BadRequest, None),
                3 => fails(Kind::Authentication, None),
                _ => answers(None),
            },
        }
    }
}

/// What a model of this voice answers, whole: voices agree on the first word only.
pub(super) fn words(voice: u8, count: usize) -> String {
    let word = |i: usize| if i == 0 { "w0".to_owned() } else { format!("{}{i}", char::from(b'a' + voice)) };
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}

/// A text in the pieces in which it comes: with the white space before a word, or behind it.
pub(super) fn pieces(text: &str, space_behind: bool) -> Vec<String> {
    if space_behind {
        return text.split_inclusive(' ').map(str::to_owned).collect();
    }
    let mut pieces: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let is_first = pieces.is_empty();
        pieces.push(if is_first { word.to_owned() } else { format!(" {word}") });
    }
    pieces
}
