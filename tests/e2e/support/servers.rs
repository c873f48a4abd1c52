//! A real PostgreSQL for a test: on a free port, with its data in a folder of its own, killed when dropped.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::eventually;

/// A server that a test may stop and start again.
pub struct Server {
    process: Option<Child>,
    command: Box<dyn Fn() -> Command + Send>,
    /// What it answers as soon as it may be used.
    greeting: Vec<u8>,
    _folder: TempDir,
    pub port: u16,
}

impl Server {
    /// PostgreSQL with an empty database.
    pub async fn postgres() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let data = folder.path().join("data");
        // PostgreSQL does not run as root.
        let owner = owner_of_postgres();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let as_owner = move |mut command: Command| {
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let mut initdb = as_owner(Command::new(postgres_program("initdb")));
        initdb.args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username=tollgate", "-D"]);
        assert!(initdb.arg(&data).current_dir(folder.path()).status().unwrap().success(), "initdb");
        let place = folder.path().to_owned();
        let command = move || {
            let mut server = as_owner(Command::new(postgres_program("postgres")));
            server.args(["-F", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60", "-p"]);
            server.arg(port.to_string()).arg("-k").arg(&place).arg("-D").arg(&data).current_dir(&place);
            server
        };
        let command = Box::new(command);
        let mut server = Self { process: None, command, greeting: startup_packet(), _folder: folder, port };
        server.start().await;
        server
    }

    /// Redis with nothing in it.
    pub async fn redis() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let place = folder.path().to_owned();
        let command = move || {
            let mut server = Command::new("redis-server");
            server.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
            server.current_dir(&place).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            server
        };
        let (command, greeting) = (Box::new(command), b"PING\r\n".to_vec());
        let mut server = Self { process: None, command, greeting, _folder: folder, port };
        server.start().await;
        server
    }

    /// The same that speaks TLS at a port of its own, with a certificate that nobody else trusts. With the port, and the
    /// file of who signed it.
    pub async fn redis_with_tls() -> (Self, u16, PathBuf) {
        let (folder, port, tls_port) = (tempfile::tempdir().unwrap(), free_port(), free_port());
        let place = folder.path().to_owned();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]);
        openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.args(["-keyout", "key.pem", "-out", "own.pem"]).current_dir(&place);
        assert!(openssl.stderr(Stdio::null()).status().unwrap().success(), "openssl");
        let authority = place.join("own.pem");
        let command = move || {
            let mut server = Command::new("redis-server");
            server.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
            server.arg("--tls-port").arg(tls_port.to_string());
            server.args(["--tls-cert-file", "own.pem", "--tls-key-file", "key.pem", "--tls-auth-clients", "no"]);
            server.current_dir(&place).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            server
        };
        let (command, greeting) = (Box::new(command), b"PING\r\n".to_vec());
        let mut server = Self { process: None, command, greeting, _folder: folder, port };
        server.start().await;
        (server, tls_port, authority)
    }

    /// The URL of Redis.
    pub fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The database's URL.
    pub fn postgres_url(&self) -> String {
        format!("postgres://tollgate@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, again if it was stopped; its data are still there. Waits until it speaks.
    pub async fn start(&mut self) {
        let mut process = (self.command)().spawn().unwrap();
        eventually("the server", || {
            // PostgreSQL gives up at once while processes of the one that was killed are still ending.
            if process.try_wait().unwrap().is_some() {
                process = (self.command)().spawn().unwrap();
            }
            greets(self.port, &self.greeting).then_some(())
        })
        .await;
        self.process = Some(process);
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(process).status().unwrap().success());
    }

    /// Kills it.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a server answers a greeting. While PostgreSQL starts it refuses real connections, but only after it has said so
/// in an error.
fn greets(port: u16, greeting: &[u8]) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let _timeout = stream.set_read_timeout(Some(std::time::Duration::from_secs(2)));
    let mut first = [0];
    stream.write_all(greeting).is_ok() && stream.read_exact(&mut first).is_ok() && first != *b"E"
}

/// PostgreSQL's, of protocol 3.0, for a user.
fn startup_packet() -> Vec<u8> {
    let mut packet = vec![0, 3, 0, 0];
    packet.extend_from_slice(b"user\0tollgate\0database\0postgres\0\0");
    let mut message = u32::try_from(packet.len() + 4).unwrap().to_be_bytes().to_vec();
    message.append(&mut packet);
    message
}

/// A port below those that the kernel gives to whoever asks for any: while a server is stopped, no other test gets its port.
fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(20_000..26_000)).find(is_free).unwrap()
}

/// Debian keeps PostgreSQL's programs out of the path, by version.
fn postgres_program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max();
    found.unwrap_or_else(|| PathBuf::from(name))
}

/// The user that the package has made, if this process is root's.
fn owner_of_postgres() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|this| std::os::unix::fs::MetadataExt::uid(&this) == 0);
    let users = fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut numbers = line.split(':').skip(2).map_while(|field| field.parse().ok());
    Some((numbers.next()?, numbers.next()?)).filter(|_| is_root)
}
