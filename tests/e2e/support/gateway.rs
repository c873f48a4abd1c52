//! The real binary as a child process: its configuration in a folder of its own, a free port, its output kept.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::{Client, DEADLINE, Request, Response, eventually};

/// A gateway about to be started.
pub struct Launch {
    folder: TempDir,
    command: Command,
}

impl Launch {
    /// With this configuration file. The environment is empty but for what is added.
    pub fn with_config(yaml: &str) -> Self {
        let mut launch = Self::without_config();
        let file = launch.folder.path().join("config.yaml");
        std::fs::write(&file, yaml).unwrap();
        launch.command.arg("--config").arg(file);
        launch
    }

    /// With arguments only.
    pub fn without_config() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.env_clear().current_dir(folder.path()).stdin(Stdio::null());
        Self { folder, command }
    }

    /// One more argument.
    pub fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// One more variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it as a server on a free port and waits for the line that says where it listens.
    pub async fn start(mut self) -> Gateway {
        self.command.args(["--host", "127.0.0.1", "--port", "0", "--data-dir"]).arg(self.folder.path().join("data"));
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let (process, output) = spawn(&mut self.command);
        let mut gateway = Gateway { process, command: self.command, output, port: 0, folder: self.folder };
        gateway.port = gateway.read_port().await;
        gateway
    }
}

/// Runs a command that ends by itself: `check`, `--version`, a start that must fail.
pub fn finish(mut launch: Launch) -> Output {
    launch.command.output().unwrap()
}

fn spawn(command: &mut Command) -> (Child, Arc<Mutex<String>>) {
    let mut process = command.spawn().unwrap();
    let output = Arc::new(Mutex::new(String::new()));
    collect(process.stdout.take().unwrap(), output.clone());
    collect(process.stderr.take().unwrap(), output.clone());
    (process, output)
}

fn collect(from: impl Read + Send + 'static, output: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    });
}

/// A running gateway; dropped means killed.
pub struct Gateway {
    process: Child,
    command: Command,
    output: Arc<Mutex<String>>,
    /// Where it listens, on the loopback.
    pub port: u16,
    /// Holds the configuration and the data directory; removed after the process.
    folder: TempDir,
}

impl Gateway {
    /// Starts the binary with this configuration.
    pub async fn start(yaml: &str) -> Self {
        Launch::with_config(yaml).start().await
    }

    /// `TEXT listening on http://127.0.0.1:PORT serving N models`
    async fn read_port(&mut self) -> u16 {
        let started = std::time::Instant::now();
        loop {
            if let Some((_, rest)) = self.output().split_once("listening on http://127.0.0.1:") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                return digits.parse().unwrap();
            }
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "the gateway ended with {}:\n{}", ended.unwrap(), self.output());
            assert!(started.elapsed() < DEADLINE, "no start line:\n{}", self.output());
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }

    /// Where it keeps its state.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it once more, with the same configuration and data, on a port of its own choice.
    pub async fn start_again(&mut self) {
        (self.process, self.output) = spawn(&mut self.command);
        self.port = self.read_port().await;
    }

    /// Asks it to stop, as systemd does.
    pub fn terminate(&self) {
        let status = Command::new("kill").arg("-TERM").arg(self.process.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Ends it as a crash does, and starts it again on what it left.
    pub async fn crashed_and_started(mut self) -> Self {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.env_clear().current_dir(folder.path()).stdin(Stdio::null());
        command.arg("--config").arg(folder.path().join("config.yaml"));
        Launch { folder, command }.start().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        eventually("the end of the process", || self.process.try_wait().unwrap()).await
    }

    /// Everything it has printed so far.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Waits for a printed line that holds all these words.
    pub async fn line_with(&self, words: &[&str]) -> String {
        eventually(&format!("a line with {words:?}"), || {
            let output = self.output();
            output.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        })
        .await
    }

    /// A new connection.
    pub async fn connect(&self) -> Client {
        Client::connect(self.port).await
    }

    /// Sends one request over a connection of its own and reads the whole answer.
    pub async fn call(&self, request: &Request) -> Response {
        let mut client = self.connect().await;
        client.send(request).await;
        client.response().await
    }

    /// The value of a metric, by its name and labels; `None`: there is none.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let page = self.metrics().await;
        page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until a metric has this value.
    pub async fn metric_is(&self, name: &str, value: f64) {
        let what = format!("{name} to be {value}");
        super::eventually_async(&what, async || self.metric(name).await.filter(|is| *is == value)).await;
    }

    /// The page of metrics.
    pub async fn metrics(&self) -> String {
        self.call(&Request::get("/metrics")).await.text()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        if std::thread::panicking() {
            eprintln!("--- output of the gateway ---\n{}", self.output());
        }
    }
}
