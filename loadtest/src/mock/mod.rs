//! `loadtest mock`: an upstream that speaks OpenAI's and Anthropic's wire formats, behaves as it is told ([`settings`]),
//! and is never the limit: one write per answer, answers built once per connection.

mod anthropic;
pub(crate) mod call;
pub(crate) mod deliver;
mod ledger;
pub(crate) mod openai;
pub(crate) mod request;
pub(crate) mod script;
pub mod settings;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::BytesMut;
use tokio::net::{TcpListener, TcpStream};

use call::{Endpoint, Peek};
use deliver::After;
use ledger::Ledger;
use request::Request;
use script::{Answer, Script};
use settings::Settings;

/// Arguments of `loadtest mock`.
#[derive(Clone, Debug, clap::Args)]
pub struct MockArgs {
    /// Where to listen; port 0 picks a free one, named on the first line of the output
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Worker threads
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Settings for every request, as behind a model name: "tokens=100;pace=5"
    #[arg(long, default_value = "")]
    pub defaults: String,
}

/// Listens, says where, and serves until the process ends.
///
/// # Errors
/// The address can not be bound, or a default setting is unknown.
pub async fn command(args: MockArgs) -> crate::Result<()> {
    let defaults = Settings::default().with_list(&args.defaults)?;
    let listener = TcpListener::bind(args.listen).await?;
    crate::run::say(&format!("listening on {}", listener.local_addr()?))?;
    serve(listener, defaults).await
}

/// Serves connections until the listener fails.
///
/// # Errors
/// The listener's.
pub async fn serve(listener: TcpListener, defaults: Settings) -> crate::Result<()> {
    let mock = Arc::new(Mock { defaults, ledger: Ledger::default() });
    loop {
        let (stream, _) = listener.accept().await?;
        let mock = Arc::clone(&mock);
        tokio::spawn(async move {
            mock.ledger.open.fetch_add(1, Relaxed);
            mock.ledger.accepted.fetch_add(1, Relaxed);
            // A broken connection is the client's business and seen in its numbers.
            let _ = mock.converse(stream).await;
            mock.ledger.open.fetch_sub(1, Relaxed);
        });
    }
}

struct Mock {
    defaults: Settings,
    ledger: Ledger,
}

/// The script of a connection's last answer and what it was made for.
struct Memo {
    endpoint: Endpoint,
    model: String,
    stream: bool,
    include_usage: bool,
    script: Arc<Script>,
}

impl Memo {
    fn fits(&self, endpoint: Endpoint, peek: &Peek<'_>) -> bool {
        self.endpoint == endpoint
            && self.model == peek.model
            && self.stream == peek.is_stream()
            && self.include_usage == peek.include_usage()
    }
}

impl Mock {
    async fn converse(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut buf, mut memo) = (BytesMut::new(), None);
        while let Some(request) = request::read(&mut stream, &mut buf).await? {
            let script = self.script(&request, &mut memo);
            let keep_alive = request.keep_alive;
            drop(request);
            match deliver::deliver(&mut stream, &mut buf, &script).await {
                Ok(After::Continue) if keep_alive => (),
                Ok(_) => return Ok(()),
                Err(error) => {
                    self.ledger.gone.fetch_add(1, Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn script(&self, request: &Request, memo: &mut Option<Memo>) -> Arc<Script> {
        if request.method == "GET" && request.path() == "/__stats" {
            return Arc::new(Script::Answer(Answer::json(200, None, &self.ledger.to_json())));
        }
        self.ledger.record(request);
        if request.method == "GET" && request.path().ends_with("/models") {
            return Arc::new(Script::Answer(Answer::json(200, None, &openai::models())));
        }
        let endpoint = Endpoint::of(request.path()).filter(|_| request.method == "POST");
        let Some(endpoint) = endpoint else { return refusal(404, "mock upstream: no such route") };
        let peek = match serde_json::from_slice::<Peek<'_>>(&request.body) {
            Ok(peek) => peek,
            Err(error) => return refusal(400, &format!("mock upstream: request body: {error}")),
        };
        let plain = request.settings.is_empty();
        if let Some(memo) = memo.as_ref().filter(|memo| plain && memo.fits(endpoint, &peek)) {
            return Arc::clone(&memo.script);
        }
        let settings = match self.settings(request, &peek) {
            Ok(settings) => settings,
            Err(message) => return refusal(400, &message),
        };
        let script = Arc::new(Script::new(endpoint, &peek, &settings, &request.body));
        // These answers are not the same for the next request of the same model.
        let varies = settings.fail.is_some()
            || settings.digest
            || matches!(endpoint, Endpoint::Embeddings | Endpoint::Moderations);
        if plain && !varies {
            *memo = Some(Memo {
                endpoint,
                model: peek.model.to_string(),
                stream: peek.is_stream(),
                include_usage: peek.include_usage(),
                script: Arc::clone(&script),
            });
        }
        script
    }

    fn settings(&self, request: &Request, peek: &Peek<'_>) -> Result<Settings, String> {
        let mut settings = self.defaults.with_model(&peek.model)?;
        for (key, value) in &request.settings {
            settings.set(key, value)?;
        }
        let Some(n) = settings.fail else { return Ok(settings) };
        let key = if settings.key.is_empty() { &*peek.model } else { &settings.key };
        let fails = self.ledger.fails(key, n);
        Ok(if fails { settings.failing() } else { settings.healthy() })
    }
}

fn refusal(status: u16, message: &str) -> Arc<Script> {
    Arc::new(Script::Answer(Answer::json(status, None, &openai::error(status, None, message))))
}
