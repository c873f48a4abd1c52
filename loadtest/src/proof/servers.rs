//! A real PostgreSQL or Redis: on a free port, with its data in the workspace, killed when dropped.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::eventually;
use crate::Result;
use crate::process::{Workspace, loopback};

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long its first byte may take.
const GREETING_LIMIT: Duration = Duration::from_secs(2);

/// A server that may be stopped and started again.
pub struct Server {
    process: Option<Child>,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    /// What it answers as soon as it may be used.
    greeting: Vec<u8>,
    pub port: u16,
}

impl Server {
    /// PostgreSQL with an empty database.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn postgres(workspace: &Workspace) -> Result<Self> {
        let port = loopback()?.port();
        let place = workspace.path().join(format!("postgres-{port}"));
        fs::create_dir_all(&place)?;
        // PostgreSQL does not run as root.
        let owner = owner_of_postgres();
        if let Some((user, group)) = owner {
            chown(&place, Some(user), Some(group))?;
        }
        let data = place.join("data");
        let as_owner = move |mut command: Command, place: &Path| {
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command.current_dir(place).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let mut initdb = as_owner(Command::new(program("initdb")), &place);
        initdb.args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username=tollgate", "-D"]);
        if !initdb.arg(&data).status()?.success() {
            return Err("initdb failed".into());
        }
        let command = move || {
            let mut server = as_owner(Command::new(program("postgres")), &place);
            server.args(["-F", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60", "-p"]);
            server.arg(port.to_string()).arg("-k").arg(&place).arg("-D").arg(&data);
            server
        };
        let mut server = Self { process: None, command: Box::new(command), greeting: startup_packet(), port };
        server.start().await?;
        Ok(server)
    }

    /// Redis with nothing in it.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn redis(workspace: &Workspace) -> Result<Self> {
        let port = loopback()?.port();
        let place = workspace.path().to_owned();
        let command = move || {
            let mut server = Command::new("redis-server");
            server.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
            server.current_dir(&place).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            server
        };
        let mut server = Self { process: None, command: Box::new(command), greeting: b"PING\r\n".to_vec(), port };
        server.start().await?;
        Ok(server)
    }

    /// Starts it, again if it was stopped. Waits until it speaks.
    ///
    /// # Errors
    /// It does not.
    pub async fn start(&mut self) -> Result<()> {
        self.process = Some((self.command)().spawn()?);
        let (port, greeting) = (self.port, &self.greeting);
        eventually("a database", START_LIMIT, async || greets(port, greeting).then_some(())).await
    }

    /// Sends it and its children a signal: `STOP`, `CONT`.
    ///
    /// # Errors
    /// There is no `kill`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let Some(process) = &self.process else { return Ok(()) };
        let parent = process.id();
        // The parent first, so that it starts no more of them.
        let mut command = Command::new("kill");
        command.arg(format!("-{name}")).arg(parent.to_string());
        command.status()?;
        let children: Vec<String> = children_of(parent).iter().map(u32::to_string).collect();
        if !children.is_empty() {
            Command::new("kill").arg(format!("-{name}")).args(children).stderr(Stdio::null()).status()?;
        }
        Ok(())
    }

    /// Whether it was started, and not stopped since.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// How it has ended although nobody has stopped it.
    pub fn has_ended(&mut self) -> Option<String> {
        let status = self.process.as_mut()?.try_wait().ok().flatten()?;
        Some(format!("the database at port {} has ended: {status}", self.port))
    }

    /// Kills it.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What is stopped hears nothing of its parent's end.
        let _ = self.signal("CONT");
        self.stop();
    }
}

/// Processes whose parent this is.
fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has_parent = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the name, which may hold anything: state, parent.
        let parents = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        parents == Some(parent)
    };
    numbers.filter(has_parent).collect()
}

/// Whether a server answers a greeting. While PostgreSQL starts it refuses, but only after it has said so in an error.
fn greets(port: u16, greeting: &[u8]) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut first = [0];
    stream.set_read_timeout(Some(GREETING_LIMIT)).is_ok()
        && stream.write_all(greeting).is_ok()
        && stream.read_exact(&mut first).is_ok()
        && first != *b"E"
}

/// PostgreSQL's, of protocol 3.0, for a user.
fn startup_packet() -> Vec<u8> {
    let mut packet = vec![0, 3, 0, 0];
    packet.extend_from_slice(b"user\0tollgate\0database\0postgres\0\0");
    let length = u32::try_from(packet.len() + 4).unwrap_or_default();
    [&length.to_be_bytes()[..], &packet].concat()
}

/// Debian keeps PostgreSQL's programs out of the path, by version.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max();
    found.unwrap_or_else(|| PathBuf::from(name))
}

/// The user that the package has made, if this process is root's.
fn owner_of_postgres() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut numbers = line.split(':').skip(2).map_while(|field| field.parse().ok());
    Some((numbers.next()?, numbers.next()?)).filter(|_| is_root)
}
