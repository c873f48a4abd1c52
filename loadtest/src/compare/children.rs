//! The processes that a comparison starts. Each is a guard: whatever ends the comparison kills them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::targets::Upstream;
use crate::Result;
use crate::bare::free_address;

/// How long a child may take until it answers.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// How often it is asked.
const READY_STEP: Duration = Duration::from_millis(2);
/// How much of a failed child's output is shown, in bytes.
const LOG_TAIL: usize = 2000;

/// The `model_name` that the generated configuration of Tollgate serves.
pub const TOLLGATE_MODEL: &str = "bench";

/// What a Tollgate calls.
pub struct Deployment<'a> {
    pub dialect: Upstream,
    pub address: SocketAddr,
    /// The upstream's model name.
    pub model: &'a str,
}

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

    /// A mock upstream.
    ///
    /// # Errors
    /// It does not start.
    pub async fn mock(workspace: &Workspace, core: Option<usize>) -> Result<Self> {
        let address = loopback()?;
        let own = std::env::current_exe()?;
        let args = ["mock".to_owned(), "--listen".to_owned(), address.to_string()];
        Self::start(workspace, "mock", &own, &args, core, address, "/v1/models").await
    }

    /// A bare Pingora pass-through with one worker.
    ///
    /// # Errors
    /// It does not start.
    pub async fn bare(workspace: &Workspace, upstream: SocketAddr, core: Option<usize>) -> Result<Self> {
        let address = loopback()?;
        let own = std::env::current_exe()?;
        let args = ["bare", "--upstream", &upstream.to_string(), "--listen", &address.to_string(), "--threads", "1"]
            .map(str::to_owned);
        Self::start(workspace, "bare", &own, &args, core, address, "/v1/models").await
    }

    /// A Tollgate with one worker, one model and a master key, which is returned with it. Its access log goes to a
    /// file, so that its cost is part of what is measured.
    ///
    /// # Errors
    /// It does not start.
    pub async fn tollgate(
        workspace: &Workspace,
        binary: &Path,
        deployment: &Deployment<'_>,
        core: Option<usize>,
    ) -> Result<(Self, String)> {
        let address = loopback()?;
        let key = format!("sk-bench-{:x}", nanos());
        let home = workspace.path.join(format!("tollgate-{}", address.port()));
        fs::create_dir_all(&home)?;
        let config = home.join("config.yaml");
        let virtual_key = format!("sk-bench-virtual-{:x}", nanos());
        fs::write(&config, tollgate_config(deployment, &key, &virtual_key))?;
        let args = [
            "--config".to_owned(),
            config.display().to_string(),
            "--host".to_owned(),
            address.ip().to_string(),
            "--port".to_owned(),
            address.port().to_string(),
            "--data-dir".to_owned(),
            home.join("data").display().to_string(),
        ];
        let name = format!("tollgate-{}", address.port());
        let child = Self::start(workspace, &name, binary, &args, core, address, "/health/liveliness").await?;
        Ok((child, if deployment.dialect == Upstream::Governed { virtual_key } else { key }))
    }

    async fn start(
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

/// Lets all threads of a process run on one core only.
///
/// # Errors
/// There is no `taskset`, no such core, or no such process.
pub fn pin(pid: u32, core: usize) -> Result<()> {
    let output = Command::new("taskset").args(["-a", "-p", "-c", &core.to_string(), &pid.to_string()]).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("taskset: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}

/// JSON strings are YAML strings, so nothing in them needs another escape.
fn tollgate_config(deployment: &Deployment<'_>, key: &str, virtual_key: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let Deployment { dialect, address, model } = deployment;
    let (model, base) = match dialect {
        Upstream::OpenAi | Upstream::Governed => (format!("openai/{model}"), format!("http://{address}/v1")),
        Upstream::Anthropic => (format!("anthropic/{model}"), format!("http://{address}")),
    };
    // Limits that are never met: what they cost is asked, not what they refuse.
    let (price, keys) = match dialect {
        Upstream::Governed => (
            "      input_cost_per_token: 0.0000025\n      output_cost_per_token: 0.00001\n",
            format!(
                "teams:\n  - {{team_id: bench, rpm_limit: 1000000000, tpm_limit: 1000000000000, max_budget: 1000000}}\n\
                 key_settings:\n  - {{api_key: {}, team_id: bench, rpm_limit: 1000000000, tpm_limit: 1000000000000, \
                 max_budget: 1000000, budget_duration: 30d}}\n",
                quoted(virtual_key)
            ),
        ),
        Upstream::OpenAi | Upstream::Anthropic => ("", String::new()),
    };
    format!(
        "model_list:\n  - model_name: {}\n    litellm_params:\n      model: {}\n      api_base: {}\n      api_key: {}\n\
         {price}general_settings:\n  master_key: {}\ntollgate:\n  threads: 1\n{keys}",
        quoted(TOLLGATE_MODEL),
        quoted(&model),
        quoted(&base),
        quoted("sk-upstream"),
        quoted(key),
    )
}

async fn answers(address: SocketAddr, path: &str) -> bool {
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

fn loopback() -> Result<SocketAddr> {
    free_address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

fn nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}
