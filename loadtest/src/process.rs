//! Child processes. Each is a guard: whatever ends the command kills them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;
use crate::bare::free_address;

/// How long a child may take until it answers.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// How often it is asked.
const READY_STEP: Duration = Duration::from_millis(2);
/// How much of a failed child's output is shown, in bytes.
const LOG_TAIL: usize = 2000;

/// A directory for configurations and logs, removed at the end.
pub struct Workspace {
    path: PathBuf,
}

impl Workspace {
    /// A fresh directory.
    ///
    /// # Errors
    /// The system's directory for temporary files is not writable.
    pub fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("loadtest-{}-{}", process::id(), nanos()));
        fs::create_dir_all(&path)?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What can not be removed is left to the system's own cleaning.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A process that is killed when this is dropped.
pub struct Child {
    process: process::Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start to its first answer.
    pub ready_ms: f64,
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Child {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Starts a program and waits until it answers `probe` with 200. With a `core` it runs on that one only.
    ///
    /// # Errors
    /// It does not start, ends, or does not answer.
    pub async fn start(
        workspace: &Workspace,
        name: &str,
        program: &Path,
        args: &[String],
        core: Option<usize>,
        address: SocketAddr,
        probe: &str,
    ) -> Result<Self> {
        let log_path = workspace.path.join(format!("{name}.log"));
        let log = File::create(&log_path)?;
        let mut command = match core {
            // taskset becomes the program, so the process id is the program's.
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(args).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started = Instant::now();
        let process = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let mut child = Self { process, address, ready_ms: f64::NAN };
        while !answers(address, probe).await {
            let ended = child.process.try_wait()?;
            if ended.is_some() || started.elapsed() > READY_LIMIT {
                let log = fs::read(&log_path).unwrap_or_default();
                let tail = String::from_utf8_lossy(log.get(log.len().saturating_sub(LOG_TAIL)..).unwrap_or_default());
                let why = ended.map_or("does not answer".to_owned(), |status| format!("ended: {status}"));
                return Err(format!("{name} {why}\n{tail}").into());
            }
            tokio::time::sleep(READY_STEP).await;
        }
        child.ready_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(child)
    }
}

/// Whether a `GET` of this path is answered with 200.
pub async fn answers(address: SocketAddr, path: &str) -> bool {
    let probe = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.ok()?;
        (&start == b"HTTP/1.1 200").then_some(())
    };
    matches!(tokio::time::timeout(READY_LIMIT, probe).await, Ok(Some(())))
}

/// A free port of the loopback.
///
/// # Errors
/// There is none.
pub fn loopback() -> Result<SocketAddr> {
    free_address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// Nanoseconds since 1970: for names that are used once.
pub fn nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}
