//! An upstream whose behaviour a fault decides, arrival by arrival, and that remembers who came when.
//!
//! A model's name is a role; each role has a behaviour and a memory of its own, so that many faults share a listener.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::Result;
use crate::mock::call::{Endpoint, Peek};
use crate::mock::deliver::{After, deliver};
use crate::mock::openai;
use crate::mock::request::{self, Request};
use crate::mock::script::{Answer, Script};
use crate::mock::settings::Settings;

/// How long a killed upstream may take to get its port back.
const REOPEN_LIMIT: Duration = Duration::from_secs(10);
/// Between two attempts.
const REOPEN_STEP: Duration = Duration::from_millis(20);

/// What a behaviour may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// How many came before.
    pub number: usize,
    /// Since the first one came.
    pub since_first: Duration,
}

/// What a request is answered with.
pub type Behaviour = Box<dyn Fn(Moment) -> Settings + Send + Sync>;

/// What becomes of a request that ends in words of the assistant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefill {
    /// The answer goes on after them.
    #[default]
    Honoured,
    /// 400.
    Refused,
}

/// One request, as the upstream saw it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub at: Instant,
    /// It ended in words of the assistant.
    pub has_prefill: bool,
    /// When its answer was through, or its client gone.
    pub ended: Option<Instant>,
    /// The client was gone before its answer was through.
    pub is_gone: bool,
}

/// A model of this upstream.
pub struct Role {
    behaviour: Mutex<Behaviour>,
    prefill: Prefill,
    /// So many are worked on at a time, and so long each; the others wait in order.
    places: Option<(Semaphore, Duration)>,
    seen: Mutex<Vec<Arrival>>,
}

impl Role {
    /// A role that behaves like this.
    pub fn new(behaviour: impl Fn(Moment) -> Settings + Send + Sync + 'static) -> Self {
        let behaviour: Behaviour = Box::new(behaviour);
        Self { behaviour: Mutex::new(behaviour), prefill: Prefill::default(), places: None, seen: Mutex::default() }
    }

    /// The same, with a way of its own to take a prefill.
    #[must_use]
    pub fn with_prefill(self, prefill: Prefill) -> Self {
        Self { prefill, ..self }
    }

    /// The same, with a limit: so many at a time, each for so long. Whether its client is still there it does not look.
    #[must_use]
    pub fn with_places(self, places: usize, work: Duration) -> Self {
        Self { places: Some((Semaphore::new(places), work)), ..self }
    }

    async fn work(&self) {
        if let Some((places, work)) = &self.places {
            let _place = places.acquire().await;
            tokio::time::sleep(*work).await;
        }
    }

    /// Behaves differently from now on.
    pub fn now(&self, behaviour: impl Fn(Moment) -> Settings + Send + Sync + 'static) {
        *locked(&self.behaviour) = Box::new(behaviour);
    }

    /// All that came, in order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        locked(&self.seen).clone()
    }

    /// How many came.
    pub fn count(&self) -> usize {
        locked(&self.seen).len()
    }

    /// Notes an arrival; its number and its answer.
    fn enter(&self, endpoint: Endpoint, peek: &Peek<'_>, body: &[u8]) -> (usize, Script) {
        let said = prefill(body);
        let now = Instant::now();
        let moment = {
            let mut seen = locked(&self.seen);
            seen.push(Arrival { at: now, has_prefill: said.is_some(), ended: None, is_gone: false });
            let first = seen.first().map_or(now, |arrival| arrival.at);
            Moment { number: seen.len() - 1, since_first: now.duration_since(first) }
        };
        let mut settings = locked(&self.behaviour)(moment);
        match (said, self.prefill) {
            (None, _) => {}
            (Some(said), Prefill::Honoured) => go_on(&mut settings, &said),
            (Some(_), Prefill::Refused) => {
                settings = Settings::default();
                settings.faults.code = Some("prefill_not_supported".to_owned());
            }
        }
        (moment.number, Script::new(endpoint, peek, &settings, body))
    }

    fn leave(&self, number: usize, is_gone: bool) {
        if let Some(arrival) = locked(&self.seen).get_mut(number) {
            (arrival.ended, arrival.is_gone) = (Some(Instant::now()), is_gone);
        }
    }
}

/// The last words of a request, if they are the assistant's.
fn prefill(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let last = body.get("messages")?.as_array()?.last()?;
    if last.get("role")? != "assistant" {
        return None;
    }
    let content = last.get("content")?;
    let parts = content.as_array().into_iter().flatten().filter_map(|part| part.get("text")?.as_str());
    Some(content.as_str().map_or_else(|| parts.collect(), str::to_owned))
}

/// The answer goes on after `said`, space by space; from the start if these are not its words.
fn go_on(settings: &mut Settings, said: &str) {
    let mut text = String::new();
    for number in 0..=settings.tokens {
        if text.trim_end() == said.trim_end() {
            settings.from = number;
            let is_glued = number > 0 && !said.ends_with(' ');
            settings.lead = if is_glued { " " } else { "" };
            return;
        }
        text += &settings.token(number);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Roles by name.
type Cast = Arc<HashMap<String, Arc<Role>>>;

/// A listener with its roles.
pub struct Stage {
    pub address: SocketAddr,
    cast: Cast,
    serving: JoinHandle<()>,
}

impl Stage {
    /// Listens on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn open(cast: HashMap<String, Arc<Role>>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, cast) = (listener.local_addr()?, Arc::new(cast));
        let serving = tokio::spawn(serve(listener, Arc::clone(&cast)));
        Ok(Self { address, cast, serving })
    }

    /// With one role.
    ///
    /// # Errors
    /// As [`Stage::open`].
    pub async fn solo(model: &str, role: &Arc<Role>) -> Result<Self> {
        Self::open(HashMap::from([(model.to_owned(), Arc::clone(role))])).await
    }

    /// Where an `openai/` deployment finds it.
    pub fn api_base(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// All connections end, and nobody listens any more.
    pub async fn kill(&mut self) {
        self.serving.abort();
        // Aborted: that is how it ends.
        let _ = (&mut self.serving).await;
    }

    /// Listens again where it did.
    ///
    /// # Errors
    /// The port is somebody else's by now.
    pub async fn revive(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => {
                    self.serving = tokio::spawn(serve(listener, Arc::clone(&self.cast)));
                    return Ok(());
                }
                Err(error) if begun.elapsed() > REOPEN_LIMIT => return Err(error.into()),
                Err(_) => tokio::time::sleep(REOPEN_STEP).await,
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Ends with all its connections when it is aborted.
async fn serve(listener: TcpListener, cast: Cast) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // A broken connection is its client's business.
                Ok((stream, _)) => drop(connections.spawn(converse(stream, Arc::clone(&cast)))),
                Err(_) => return,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(mut stream: TcpStream, cast: Cast) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buf = BytesMut::new();
    while let Some(request) = request::read(&mut stream, &mut buf).await? {
        let Some((role, number, script)) = enter(&cast, &request) else {
            deliver(&mut stream, &mut buf, &beside(&request)).await?;
            continue;
        };
        role.work().await;
        let delivered = deliver(&mut stream, &mut buf, &script).await;
        role.leave(number, delivered.is_err());
        if delivered? == After::Close || !request.keep_alive {
            return Ok(());
        }
    }
    Ok(())
}

fn enter(cast: &Cast, request: &Request) -> Option<(Arc<Role>, usize, Script)> {
    let endpoint = Endpoint::of(request.path()).filter(|_| request.method == "POST")?;
    let peek: Peek<'_> = serde_json::from_slice(&request.body).ok()?;
    let role = cast.get(&*peek.model)?;
    let (number, script) = role.enter(endpoint, &peek, &request.body);
    Some((Arc::clone(role), number, script))
}

/// What is no call of a role: a list of models, or 404.
fn beside(request: &Request) -> Script {
    let (status, body) = match request.method.as_str() {
        "GET" => (200, openai::models()),
        _ => (404, json!({"error": {"message": "the harness has no such model"}})),
    };
    Script::Answer(Answer::json(status, None, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefill_is_gone_on_with_space_by_space() {
        let check = |said: &str, text: &str| {
            let mut settings = Settings { tokens: 3, ..Settings::default() };
            go_on(&mut settings, said);
            assert_eq!(settings.text(), text, "{said:?}");
        };
        check("w0 ", "w1 w2 ");
        check("w0", " w1 w2 ");
        check("w0 w1 w2 ", "");
        check("", "w0 w1 w2 ");
        check("something else", "w0 w1 w2 ");
    }

    #[test]
    fn only_the_assistants_last_words_are_a_prefill() {
        let body = |role: &str, content: Value| json!({"messages": [{"role": role, "content": content}]}).to_string();
        assert_eq!(prefill(body("user", json!("hi")).as_bytes()), None);
        assert_eq!(prefill(body("assistant", json!("w0 ")).as_bytes()).as_deref(), Some("w0 "));
        let parts = json!([{"type": "text", "text": "w0 "}, {"type": "text", "text": "w1 "}]);
        assert_eq!(prefill(body("assistant", parts).as_bytes()).as_deref(), Some("w0 w1 "));
    }

    #[test]
    fn a_role_remembers_who_came_and_how_it_ended() {
        let role = Role::new(|moment| Settings { tokens: moment.number, ..Settings::default() })
            .with_prefill(Prefill::Refused);
        let peek = Peek::default();
        let plain = json!({"messages": [{"role": "user", "content": "hi"}]}).to_string();
        let filled = json!({"messages": [{"role": "assistant", "content": "w0"}]}).to_string();
        role.enter(Endpoint::Chat, &peek, plain.as_bytes());
        let (number, script) = role.enter(Endpoint::Chat, &peek, filled.as_bytes());
        let Script::Answer(answer) = script else { panic!("{script:?}") };
        assert!(String::from_utf8_lossy(&answer.opening).contains("prefill_not_supported"));
        role.leave(number, true);
        let seen = role.arrivals();
        assert_eq!((seen[0].has_prefill, seen[1].has_prefill), (false, true));
        assert_eq!((seen[0].ended.is_some(), seen[1].is_gone), (false, true));
    }
}
