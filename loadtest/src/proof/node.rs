//! The gateway under proof: its configuration, its process, its management API.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::caller::{Answer, Caller, request};
use crate::Result;
use crate::mock::{self, settings::Settings};
use crate::process::{Child, Workspace, loopback};

/// The master key.
pub const MASTER: &str = "sk-proof-master";
/// How long a management call may take.
const MANAGEMENT_LIMIT: Duration = Duration::from_secs(20);

/// What a gateway is started with. The same plan with the same folder is the same gateway after its end.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The binary.
    pub binary: PathBuf,
    /// Where configuration and data are.
    pub home: PathBuf,
    pub upstream: SocketAddr,
    /// PostgreSQL's URL; without it SQLite in the data directory.
    pub database: Option<String>,
    /// Redis's URL.
    pub redis: Option<String>,
}

impl Plan {
    /// In a folder of its own.
    pub fn new(workspace: &Workspace, name: &str, binary: &Path, upstream: SocketAddr) -> Self {
        let home = workspace.path().join(name);
        Self { binary: binary.to_owned(), home, upstream, database: None, redis: None }
    }

    /// Where the ledger is.
    pub fn ledger_url(&self) -> String {
        let file = self.home.join("data").join("tollgate.db");
        self.database.clone().unwrap_or_else(|| format!("sqlite://{}?mode=rw", file.display()))
    }

    /// A token of output costs a tenth of a cent, one of input nothing: what a call costs at most is what it costs.
    fn config(&self) -> Value {
        let price = json!({"model": "openai/m*", "api_base": format!("http://{}/v1", self.upstream),
            "api_key": "sk-upstream", "input_cost_per_token": 0, "output_cost_per_token": 0.001});
        json!({
            "model_list": [{"model_name": "m*", "litellm_params": price}],
            "general_settings": {"master_key": MASTER, "database_url": self.database},
            "router_settings": {"num_retries": 0, "disable_cooldowns": true, "redis_url": self.redis},
            "tollgate": {"threads": 2},
        })
    }

    /// Starts it.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(&self, workspace: &Workspace) -> Result<Node> {
        Node::launch(workspace, &self.binary, &self.home, &without_nulls(self.config())).await
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(sections) = &mut value {
        for section in sections.values_mut().filter_map(Value::as_object_mut) {
            section.retain(|_, value| !value.is_null());
        }
    }
    value
}

/// A gateway that runs. Dropped, it is killed with SIGKILL.
pub struct Node {
    process: Child,
}

impl Node {
    /// Starts a gateway of any configuration, with its data in `home`.
    ///
    /// # Errors
    /// It does not start.
    pub async fn launch(workspace: &Workspace, binary: &Path, home: &Path, config: &Value) -> Result<Self> {
        let address = loopback()?;
        fs::create_dir_all(home)?;
        let file = home.join("config.yaml");
        // JSON is YAML.
        fs::write(&file, config.to_string())?;
        let place = |path: &Path| path.display().to_string();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let args = ["--config".to_owned(), place(&file), "--host".to_owned(), host, "--port".to_owned(), port];
        let data = ["--data-dir".to_owned(), place(&home.join("data"))];
        let args = [&args[..], &data].concat();
        let name = format!("gateway-{}", address.port());
        let process = Child::start(workspace, &name, binary, &args, None, address, "/health/liveliness").await?;
        Ok(Self { process })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// A fresh connection.
    pub fn caller(&self) -> Caller {
        Caller::new(self.address())
    }

    async fn manage(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.caller().exchange(&request(method, path, MASTER, "", body), MANAGEMENT_LIMIT).await
    }

    /// A new virtual key with these members.
    ///
    /// # Errors
    /// There is none.
    pub async fn new_key(&self, members: &Value) -> Result<String> {
        let answer = self.manage("POST", "/key/generate", members).await;
        let key = answer.json()["key"].as_str().map(str::to_owned);
        key.ok_or_else(|| format!("/key/generate: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into())
    }

    /// Dollars that `/key/info` says were spent.
    pub async fn spend(&self, key: &str) -> Option<f64> {
        let answer = self.manage("GET", &format!("/key/info?key={key}"), &Value::Null).await;
        answer.json()["info"]["spend"].as_f64()
    }

    /// A gauge or counter without labels, of the page of metrics.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let page = self.manage("GET", "/metrics", &Value::Null).await;
        let page = String::from_utf8_lossy(&page.body).into_owned();
        page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

/// What the database knows a key by.
pub fn digest(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A mock upstream in this process.
///
/// # Errors
/// There is no free port.
pub async fn upstream() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        // Only this process's end ends it.
        let _ = mock::serve(listener, Settings::default()).await;
    });
    Ok(address)
}
