//! The processes that a comparison starts.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::targets::Upstream;
use crate::Result;
use crate::process::{Child, Workspace, loopback, nanos};

/// The `model_name` that the generated configuration of Tollgate serves.
pub const TOLLGATE_MODEL: &str = "bench";

/// What a Tollgate calls.
pub struct Deployment<'a> {
    pub dialect: Upstream,
    pub address: SocketAddr,
    /// The upstream's model name.
    pub model: &'a str,
}

impl Child {
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
        let home = workspace.path().join(format!("tollgate-{}", address.port()));
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
        Upstream::OpenAi | Upstream::Governed | Upstream::Ungoverned => {
            (format!("openai/{model}"), format!("http://{address}/v1"))
        }
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
        Upstream::OpenAi | Upstream::Anthropic | Upstream::Ungoverned => ("", String::new()),
    };
    let journal = if *dialect == Upstream::Ungoverned { "  disable_spend_updates: true\n" } else { "" };
    format!(
        "model_list:\n  - model_name: {}\n    litellm_params:\n      model: {}\n      api_base: {}\n      api_key: {}\n\
         {price}general_settings:\n  master_key: {}\n{journal}tollgate:\n  threads: 1\n{keys}",
        quoted(TOLLGATE_MODEL),
        quoted(&model),
        quoted(&base),
        quoted("sk-upstream"),
        quoted(key),
    )
}
