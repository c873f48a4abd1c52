//! An upstream below HTTP: it hears a request and does what its steps say, byte by byte.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::Result;
use crate::mock::request;

/// How long a connection that was ended may take until its peer has ended it too.
const LINGER: Duration = Duration::from_secs(5);
/// Between two bytes of a drip.
const DRIP_STEP: f64 = 0.1;

/// One thing that an upstream does.
#[derive(Clone, Debug)]
pub enum Step {
    Write(Vec<u8>),
    /// The same bytes so many times, or until nobody takes them any more.
    Repeat(Vec<u8>, usize),
    /// The same bytes so many times, with so many seconds between them.
    Beat(Vec<u8>, usize, f64),
    /// A byte every tenth of a second.
    Drip(Vec<u8>),
    /// Silence of so many seconds, or until the gateway has left.
    Hold(f64),
    /// TCP reset.
    Reset,
}

/// How much of a request is read before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hears {
    #[default]
    All,
    /// The first bytes only.
    Start,
}

/// What it does, and with which factor for its pauses.
#[derive(Clone, Debug)]
pub struct Manners {
    pub steps: Vec<Step>,
    pub hears: Hears,
    pub scale: f64,
}

/// A listener with these manners.
pub struct Raw {
    pub address: SocketAddr,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// Start lines.
    requests: Mutex<Vec<String>>,
    /// Bytes that were written.
    written: AtomicU64,
}

impl Raw {
    /// Listens on a free port; `manners` is told which.
    ///
    /// # Errors
    /// There is none.
    pub async fn open(manners: impl FnOnce(SocketAddr) -> Manners) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (manners, seen) = (Arc::new(manners(address)), Arc::new(Seen::default()));
        let serving = tokio::spawn(serve(listener, manners, Arc::clone(&seen)));
        Ok(Self { address, seen, serving })
    }

    /// Whether somebody asked for this path.
    pub fn was_asked_for(&self, path: &str) -> bool {
        let requests = self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().any(|line| line.contains(path))
    }

    /// Bytes that were taken from it.
    pub fn written(&self) -> u64 {
        self.seen.written.load(Relaxed)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, manners: Arc<Manners>, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (manners, seen) = (Arc::clone(&manners), Arc::clone(&seen));
        // A gateway that leaves early is what most of these are for.
        connections.spawn(async move { converse(stream, &manners, &seen).await });
    }
}

async fn converse(mut stream: TcpStream, manners: &Manners, seen: &Seen) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buf = BytesMut::new();
    let line = match manners.hears {
        Hears::All => match request::read(&mut stream, &mut buf).await? {
            Some(request) => request.target,
            None => return Ok(()),
        },
        Hears::Start => {
            stream.read_buf(&mut buf).await?;
            String::from_utf8_lossy(&buf).lines().next().unwrap_or_default().to_owned()
        }
    };
    seen.requests.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    for step in &manners.steps {
        if matches!(step, Step::Reset) {
            return stream.set_zero_linger();
        }
        play(&mut stream, step, manners.scale, seen).await?;
    }
    stream.shutdown().await?;
    // Closed with bytes unread, the kernel would send a reset behind what was written.
    if manners.hears == Hears::All {
        let _ = timeout(LINGER, drain(&mut stream)).await;
    }
    Ok(())
}

async fn play(stream: &mut TcpStream, step: &Step, scale: f64, seen: &Seen) -> io::Result<()> {
    let (bytes, times, pause) = match step {
        Step::Write(bytes) => (bytes, 1, 0.0),
        Step::Repeat(bytes, times) => (bytes, *times, 0.0),
        Step::Beat(bytes, times, pause) => (bytes, *times, *pause),
        Step::Drip(bytes) => {
            for byte in bytes {
                write(stream, &[*byte], seen).await?;
                sleep(Duration::from_secs_f64(DRIP_STEP * scale)).await;
            }
            return Ok(());
        }
        Step::Hold(seconds) => {
            // Over, or the gateway has left: both are the end of it.
            let _ = timeout(Duration::from_secs_f64(seconds * scale), drain(stream)).await;
            return Ok(());
        }
        Step::Reset => return Ok(()),
    };
    for _ in 0..times {
        write(stream, bytes, seen).await?;
        if pause > 0.0 {
            sleep(Duration::from_secs_f64(pause * scale)).await;
        }
    }
    Ok(())
}

async fn write(stream: &mut TcpStream, bytes: &[u8], seen: &Seen) -> io::Result<()> {
    stream.write_all(bytes).await?;
    seen.written.fetch_add(bytes.len() as u64, Relaxed);
    Ok(())
}

async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut buf = [0; 4096];
    while stream.read(&mut buf).await? > 0 {}
    Ok(())
}
