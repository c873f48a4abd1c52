//! How the mock upstream is told to behave.
//!
//! A gateway drops headers that it does not know, but it passes the upstream's model name, so the settings travel there:
//!
//! ```text
//! model    = name *( ";" setting )        gpt-4o;delay=20;tokens=100;pace=5
//! setting  = key [ "=" value ]            the same keys as in `x-mock-KEY: value` headers and `--defaults`
//! ```
//!
//! Later settings win: `--defaults`, then the model name, then headers. Times are milliseconds.
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `delay` | pause before the response header | 0 |
//! | `first` | pause between header and first token; 0 = both in one write | 0 |
//! | `tokens` | tokens of the answer | 16 |
//! | `word` | what a token is: token number 3 is `w3 ` | w |
//! | `same` | all tokens are the word as it is, without a number | off |
//! | `from` | number of the first token: the answer goes on where another one ended | 0 |
//! | `prompt` | `prompt_tokens` in `usage` | 12 |
//! | `pace` | time between tokens; 0 = as fast as they can be written | 0 |
//! | `chunk` | body bytes per TCP write (and per HTTP chunk of a stream), so events are split anywhere; 0 = one event each | 0 |
//! | `size` | a JSON answer is padded to so many body bytes | none |
//! | `digest` | a JSON answer holds `digest: {sha256, length}` of the request body as it arrived | off |
//! | `no_done` | a complete stream without `data: [DONE]` (Anthropic's: without `message_stop`) | off |
//! | `drop` | the connection is closed behind the answer without saying so | off |
//! | `status` | an error answer with this status; `code` = its `error.code`, `retry_after` = seconds in its header | none |
//! | `hang` | the request is read, then nothing | off |
//! | `reset` | TCP reset before the header | off |
//! | `cut` | the connection closes after so many tokens (JSON: body bytes) | none |
//! | `stall` | silence of `stall_ms` (30000) after so many tokens, then the rest | none |
//! | `garbage` | event number N (from 1) is not JSON (JSON answers: the body is not); 0 = the header is not HTTP | none |
//! | `fail` | the faults above hit only the first N requests of a `key` (default: the model name); alone: status 500 | always |

use std::time::Duration;

/// Largest number of tokens in one answer.
pub const MAX_TOKENS: u64 = 100_000;
/// Largest JSON answer, in bytes.
pub const MAX_SIZE: u64 = 64 * 1024 * 1024;
/// Longest pause that can be asked for, in milliseconds.
pub const MAX_PAUSE_MS: u64 = 300_000;

/// What one request is to be answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub delay: Duration,
    pub first: Duration,
    pub tokens: usize,
    pub word: String,
    pub same: bool,
    pub from: usize,
    /// Stands before the first token; no setting of its own.
    pub lead: &'static str,
    pub prompt: usize,
    pub pace: Duration,
    pub chunk: usize,
    pub size: usize,
    pub digest: bool,
    pub no_done: bool,
    pub drop: bool,
    /// What goes wrong, if anything.
    pub faults: Faults,
    /// The faults hit only so many requests of one key.
    pub fail: Option<u64>,
    /// Requests with the same key share the count of `fail`; empty = the model name.
    pub key: String,
}

/// The ways in which an answer can go wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub status: Option<u16>,
    pub code: Option<String>,
    pub retry_after: Option<u64>,
    pub hang: bool,
    pub reset: bool,
    pub cut: Option<usize>,
    pub stall: Option<usize>,
    pub stall_for: Duration,
    pub garbage: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            first: Duration::ZERO,
            tokens: 16,
            word: "w".to_owned(),
            same: false,
            from: 0,
            lead: "",
            prompt: 12,
            pace: Duration::ZERO,
            chunk: 0,
            size: 0,
            digest: false,
            no_done: false,
            drop: false,
            faults: Faults { stall_for: Duration::from_secs(30), ..Faults::default() },
            fail: None,
            key: String::new(),
        }
    }
}

impl Settings {
    /// These settings, changed by what stands behind the first `;` of a model name.
    ///
    /// # Errors
    /// The text for the client when a key is unknown or its value is not a number in range.
    pub fn with_model(&self, model: &str) -> Result<Self, String> {
        let settings = model.split_once(';').map_or("", |(_, settings)| settings);
        self.with_list(settings)
    }

    /// These settings, changed by a `key=value;key;…` list.
    ///
    /// # Errors
    /// As [`Settings::with_model`].
    pub fn with_list(&self, list: &str) -> Result<Self, String> {
        let mut settings = self.clone();
        for setting in list.split(';').map(str::trim).filter(|setting| !setting.is_empty()) {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            settings.set(key.trim(), value.trim())?;
        }
        Ok(settings)
    }

    /// Changes one setting.
    ///
    /// # Errors
    /// As [`Settings::with_model`].
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let number = |limit: u64| {
            let parsed = value.parse::<u64>().ok().filter(|n| *n <= limit);
            parsed.ok_or_else(|| format!("mock setting {key}={value}: not a number from 0 to {limit}"))
        };
        let count = |limit: u64| number(limit).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let pause = || number(MAX_PAUSE_MS).map(Duration::from_millis);
        let flag = || match value {
            "" | "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(format!("mock setting {key}={value}: neither true nor false")),
        };
        match key {
            "delay" => self.delay = pause()?,
            "first" => self.first = pause()?,
            "tokens" => self.tokens = count(MAX_TOKENS)?,
            "word" => self.word = value.to_owned(),
            "same" => self.same = flag()?,
            "from" => self.from = count(MAX_TOKENS)?,
            "prompt" => self.prompt = count(u64::from(u32::MAX))?,
            "pace" => self.pace = pause()?,
            "chunk" => self.chunk = count(MAX_SIZE)?,
            "size" => self.size = count(MAX_SIZE)?,
            "digest" => self.digest = flag()?,
            "no_done" => self.no_done = flag()?,
            "drop" => self.drop = flag()?,
            "status" => self.faults.status = Some(u16::try_from(number(599)?).unwrap_or(599).max(200)),
            "code" => self.faults.code = Some(value.to_owned()),
            "retry_after" => self.faults.retry_after = Some(number(86_400)?),
            "hang" => self.faults.hang = flag()?,
            "reset" => self.faults.reset = flag()?,
            "cut" => self.faults.cut = Some(count(MAX_SIZE)?),
            "stall" => self.faults.stall = Some(count(MAX_TOKENS)?),
            "stall_ms" => self.faults.stall_for = pause()?,
            "garbage" => self.faults.garbage = Some(count(MAX_TOKENS)?),
            "fail" => self.fail = Some(number(u64::from(u32::MAX))?),
            "key" => self.key = value.to_owned(),
            _ => return Err(format!("mock setting {key}: unknown")),
        }
        Ok(())
    }

    /// The text of token number `i`.
    pub fn token(&self, i: usize) -> String {
        let lead = if i == self.from { self.lead } else { "" };
        if self.same { format!("{lead}{}", self.word) } else { format!("{lead}{}{i} ", self.word) }
    }

    /// The text of a whole answer.
    pub fn text(&self) -> String {
        (self.from..self.tokens).map(|i| self.token(i)).collect()
    }

    /// The faults that `fail` alone stands for.
    #[must_use]
    pub fn failing(mut self) -> Self {
        let unset = Faults { stall_for: self.faults.stall_for, ..Faults::default() };
        let described = Faults { code: None, retry_after: None, ..self.faults.clone() };
        if described == unset {
            self.faults.status = Some(500);
        }
        self
    }

    /// The same answer without its faults.
    #[must_use]
    pub fn healthy(mut self) -> Self {
        self.faults = Settings::default().faults;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, expected: impl FnOnce(&mut Settings)) {
        let mut settings = Settings::default();
        expected(&mut settings);
        assert_eq!(Settings::default().with_model(model), Ok(settings), "{model}");
    }

    #[test]
    fn the_model_name_carries_settings() {
        check("gpt-4o", |_| ());
        check("tokens=5", |_| ());
        check("gpt-4o;", |_| ());
        check("m;delay=20;tokens=100; pace = 5 ;", |it| {
            it.delay = Duration::from_millis(20);
            it.tokens = 100;
            it.pace = Duration::from_millis(5);
        });
        check("m;status=503;retry_after=2;fail=2;key=a", |it| {
            it.faults.status = Some(503);
            it.faults.retry_after = Some(2);
            it.fail = Some(2);
            it.key = "a".to_owned();
        });
        check("m;hang;reset=true;digest=0", |it| {
            it.faults.hang = true;
            it.faults.reset = true;
        });
        check("m;tokens=1;tokens=2", |it| it.tokens = 2);
        check("m;status=1", |it| it.faults.status = Some(200));
        check("m;code=context_length_exceeded", |it| it.faults.code = Some("context_length_exceeded".to_owned()));
    }

    #[test]
    fn words_may_be_others_and_begin_later() {
        let text = |model: &str| Settings::default().with_model(model).unwrap().text();
        assert_eq!(text("m;tokens=2"), "w0 w1 ");
        assert_eq!(text("m;tokens=4;from=2;word=b"), "b2 b3 ");
        assert_eq!(text("m;tokens=3;same;word=no"), "nonono");
        assert_eq!(text("m;tokens=1;from=5"), "");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (model, word) in [
            ("m;tokns=5", "tokns"),
            ("m;tokens", "tokens="),
            ("m;tokens=-1", "tokens=-1"),
            ("m;tokens=100001", "100000"),
            ("m;status=600", "status"),
            ("m;hang=maybe", "maybe"),
        ] {
            let message = Settings::default().with_model(model).unwrap_err();
            assert!(message.contains(word), "{model}: {message}");
        }
    }

    #[test]
    fn fail_alone_means_500_and_success_has_no_faults() {
        let status = |model: &str| Settings::default().with_model(model).unwrap().failing().faults.status;
        assert_eq!(status("m;fail=1"), Some(500));
        assert_eq!(status("m;fail=1;retry_after=1;stall_ms=5"), Some(500));
        assert_eq!(status("m;fail=1;status=429"), Some(429));
        assert_eq!(status("m;fail=1;reset"), None);
        let healthy = Settings::default().with_model("m;fail=1;reset;cut=3;tokens=9").unwrap().healthy();
        assert_eq!(healthy.faults, Settings::default().faults);
        assert_eq!(healthy.tokens, 9);
    }
}
