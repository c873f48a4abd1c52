//! The composition root: reads the configuration, builds every part from it, and runs them under Pingora's server.

mod alerts;
mod checks;
mod compose;
mod explain;
mod facts;
mod groups;
mod import;
mod keeper;
mod lending;
mod models;
mod outlays;
mod overload;
mod plane;
mod port;
mod prices;
mod ready;
mod rotation;
mod routing_shown;
mod sharing;
mod shutdown;
mod spend;
mod upkeep;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::apps::HttpServerOptions;
use pingora_core::listeners::{L4BufferSettings, ListenerConfig};
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server};
use pingora_core::services::background::{BackgroundService, background_service};

use crate::clock::unix_millis;
use crate::config::{self, Config, Env, LogFormat, Problem, ProcessEnv, Severity};
use crate::proxy::Gateway;
use crate::secret::Secret;
use crate::store::database::POOL_SIZE;
use crate::store::journal::{self, Lanes};
use crate::store::{Failure, Location, SealKey, Store, seal};
use crate::telemetry;

pub use explain::explain;
pub use import::{Import, import};

/// `EX_CONFIG` of sysexits.h: the configuration cannot be used.
const EXIT_CONFIG: u8 = 78;
/// `EX_UNAVAILABLE`: the address cannot be listened on.
const EXIT_UNAVAILABLE: u8 = 69;
/// Where state is kept unless it is said.
const DATA_DIR: &str = "./data";
/// The variable that says what stored secrets are sealed with.
const SALT_KEY: &str = "LITELLM_SALT_KEY";
/// The longest wait for the store before the port is opened without it.
const START_WAIT: Duration = Duration::from_secs(5);
/// The store's file in it, unless the store is PostgreSQL.
const SQLITE_FILE: &str = "tollgate.db";
/// The spend journal's folder in it.
const SPEND_DIR: &str = "spend";
/// Seconds. Pingora's own timers are cheap but stay in memory until their time, used or not: with a first-byte limit of
/// ten minutes that is ten minutes of timers. Longer limits than this use Tokio's, which go when they are dropped.
const LONG_TIMEOUT: u64 = 10;
/// Response header and first bytes leave the process in one system call if they fit.
const CLIENT_WRITE_BUFFER: usize = 16 * 1024;
/// A client connection's read buffer, allocated once a connection.
const CLIENT_READ_BUFFER: usize = 64 * 1024;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file in LiteLLM's format.
    File(PathBuf),
    /// One model named on the command line.
    Model { model: String, api_base: Option<String> },
    /// Neither was given.
    Nothing,
}

/// The command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the configuration comes from.
    pub source: Source,
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 picks a free one.
    pub port: u16,
    /// Where state is kept, before the configuration's `tollgate.data_dir`.
    pub data_dir: Option<PathBuf>,
    /// Worker threads, instead of the configuration's.
    pub threads: Option<usize>,
    /// Log at debug level.
    pub debug: bool,
}

/// `tollgate check`: prints what is wrong with a file; 0 if it can be served.
pub fn check(path: &Path) -> ExitCode {
    let report = config::load_file(path, &ProcessEnv);
    print_problems(&mut io::stdout(), &report.problems);
    match report.config.filter(|_| !has_errors(&report.problems)) {
        Some(config) => match prices::PriceList::open(&config) {
            Ok(_) => {
                say(&format!("{}: ok, {} deployments", path.display(), config.deployments.len()));
                ExitCode::SUCCESS
            }
            Err(error) => {
                complain(&error);
                ExitCode::from(EXIT_CONFIG)
            }
        },
        None => ExitCode::from(EXIT_CONFIG),
    }
}

/// Serves until told to stop.
pub fn serve(options: &Options) -> ExitCode {
    let Some(config) = configuration(&options.source) else { return ExitCode::from(EXIT_CONFIG) };
    start_log(&config, options);
    overload::raise_file_limit();
    warn_if_open(&config);
    let port = match port::Port::at(&options.host, options.port) {
        Ok(port) => port,
        Err(error) => {
            complain(&format!("cannot listen on {}:{}: {error}", options.host, options.port));
            return ExitCode::from(EXIT_UNAVAILABLE);
        }
    };
    let folder = data_dir(&config, options.data_dir.as_deref());
    let store = match open_store(&config, &folder) {
        Ok(store) => store,
        Err(error) => {
            complain(&error);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let seal = match seal_key(&config, &folder) {
        Ok(seal) => seal,
        Err(error) => {
            complain(&error);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let size = journal::Limits { total_bytes: config.tollgate.spend_journal_size, ..journal::Limits::default() };
    let lanes = match Lanes::open(&folder.join(SPEND_DIR), size) {
        Ok(lanes) => Arc::new(lanes),
        Err(error) => {
            complain(&format!("the spend journal cannot be opened: {error}"));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match compose::compose(&config, store, seal, lanes) {
        Ok(parts) => {
            run(&config, options, port, parts);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

fn salt() -> Option<Secret> {
    ProcessEnv.get(SALT_KEY).map(Secret::new)
}

/// The store of this configuration; the data directory is made if it is not there.
fn open_store(config: &Config, folder: &Path) -> Result<Store, String> {
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("the data directory {} cannot be used: {error}", folder.display()))?;
    store_at(config, &location(config, folder))
}

/// PostgreSQL if the configuration names it, else a file in the data directory.
fn location(config: &Config, folder: &Path) -> Location {
    match &config.general.database_url {
        Some(url) => Location::Postgres(url.clone()),
        None => Location::Sqlite(folder.join(SQLITE_FILE).into()),
    }
}

fn store_at(config: &Config, location: &Location) -> Result<Store, String> {
    let connections = config.general.database_connection_pool_limit.unwrap_or(POOL_SIZE);
    Store::at(location, connections).map_err(|error| error.to_string())
}

/// What providers' keys are sealed with: with PostgreSQL, which other nodes may read too, something that they have as well.
fn seal_key(config: &Config, folder: &Path) -> Result<SealKey, String> {
    let salt = salt();
    let master = config.general.master_key.as_ref();
    let is_shared = config.general.database_url.is_some();
    if is_shared && [salt.as_ref(), master].into_iter().flatten().all(Secret::is_empty) {
        tracing::warn!(
            "NO SALT KEY: models and credentials that are stored are sealed with {} in this node's data directory. No other \
             node opens them, nor this one without that file. Set {SALT_KEY} or general_settings.master_key.",
            seal::KEY_FILE
        );
    }
    let key = match is_shared {
        true => SealKey::load_shared(salt.as_ref(), master, folder),
        false => SealKey::load(salt.as_ref(), folder),
    };
    key.map_err(|error| format!("the key that providers' keys are sealed with cannot be read: {error}"))
}

/// What must be known before the first request: the declared keys, and what is gone of their budgets. A store that is
/// away is waited for as long as one of its statements may take.
fn begin(parts: &compose::Parts) -> Option<i64> {
    let shared = &parts.shared;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let begun = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        let beginning =
            async { tokio::join!(tokio::time::timeout(START_WAIT, first(parts)), prices::begin(&parts.models)) };
        let (begun, ()) = runtime.block_on(beginning);
        let begun = begun.map_err(|_| "no answer in time".to_owned());
        let begun = begun.and_then(|begun| begun.map_err(|error| error.to_string()));
        let begun = begun.and_then(|begun| {
            runtime.block_on(parts.models.renew()).map(|()| begun).map_err(|error| error.to_string())
        });
        if begun.is_err() {
            runtime.block_on(shared.live.seat_declared(unix_millis() / 1000));
        }
        runtime.block_on(shared.live.disconnect());
        begun
    });
    begun.inspect_err(|error| tracing::error!(error, "the store is away: keys that only it knows are refused")).ok()
}

/// What earlier processes have left is in the store before the store says what is gone of budgets.
async fn first(parts: &compose::Parts) -> Result<i64, Failure> {
    let live = &parts.shared.live;
    live.migrate().await?;
    parts.spend.drain().await?;
    live.begin(unix_millis() / 1000).await
}

fn configuration(source: &Source) -> Option<Config> {
    let report = match source {
        Source::File(path) => config::load_file(path, &ProcessEnv),
        Source::Model { model, api_base } => Config::for_model(model, api_base.as_deref(), &ProcessEnv),
        Source::Nothing => {
            complain("nothing to serve: give --config FILE or --model NAME");
            return None;
        }
    };
    print_problems(&mut io::stderr(), &report.problems);
    report.config.filter(|_| !has_errors(&report.problems))
}

fn run(config: &Config, options: &Options, port: port::Port, parts: compose::Parts) {
    let address = port.address();
    let threads = options.threads.unwrap_or(config.tollgate.threads).max(1);
    let conf = ServerConf {
        threads,
        max_retries: 1,
        fast_timeout_to_tokio_threshold_seconds: Some(LONG_TIMEOUT),
        // A lone worker has nobody to steal from, and its runtime is cheaper without the means to.
        work_stealing: threads > 1,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        upgrade_sock: upgrade_socket(config, options),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let gateway = Gateway { snapshot: Arc::clone(&parts.snapshot), shared: Arc::clone(&parts.shared) };
    let snapshot = Arc::clone(&gateway.snapshot);
    let mut http = HttpServerOptions::default();
    http.h2c = config.tollgate.h2c;
    let mut proxy = pingora_proxy::ProxyServiceBuilder::new(&server.configuration, gateway)
        .name("tollgate")
        .server_options(http)
        .build();
    let buffers = L4BufferSettings::new(CLIENT_READ_BUFFER, CLIENT_WRITE_BUFFER);
    proxy.add_listener(ListenerConfig::tcp(address.to_string()).l4_buffer(buffers));
    server.add_service(proxy);
    let begun = begin(&parts);
    let models = parts.snapshot.load().router.visible_names().count();
    let shared = &parts.shared;
    beside(&mut server, "upkeep", upkeep::Upkeep::new(snapshot, Arc::clone(shared), &config.tollgate.access_log));
    beside(&mut server, "keeper", keeper::Keeper::new(&parts, begun, config.tollgate.keys_without_store));
    let moving = spend::Moving { spend: Arc::clone(&parts.spend), metrics: Arc::clone(&shared.metrics) };
    beside(&mut server, "spend", moving);
    if parts.models.prices.is_elsewhere() {
        beside(&mut server, "prices", prices::Following { models: Arc::clone(&parts.models) });
    }
    if config.general.health.background {
        let checks = checks::Checks::new(&config.general.health, Arc::clone(&parts.snapshot), Arc::clone(shared));
        beside(&mut server, "checks", checks);
    }
    if let Some(leases) = &parts.leases {
        let (snapshot, metrics) = (Arc::clone(&parts.snapshot), Arc::clone(&shared.metrics));
        let lending = lending::Lending { snapshot, shared: Arc::clone(shared), leases: Arc::clone(leases) };
        let sharing = sharing::Sharing { leases: Arc::clone(leases), lending, metrics };
        beside(&mut server, "sharing", sharing);
    }
    if let Some(settings) = config.general.key_rotation.clone() {
        beside(&mut server, "rotation", rotation::Rotation { control: Arc::clone(&parts.control), settings });
    }
    if let Some(places) = config.general.alerting.clone() {
        let alerts = alerts::Alerts::new(Arc::clone(shared), parts.control.store.stored().clone(), places);
        beside(&mut server, "alerts", alerts);
    }
    beside(&mut server, "ready", ready::Announcement { address, models });
    let signals = shutdown::Signals { shared: Arc::clone(&parts.shared) };
    port.let_go();
    server.run(RunArgs { shutdown_signal: Box::new(signals) });
    parts.shared.counting.drain();
    parts.spend.finish();
    upkeep::write_last_lines(&parts.shared, &config.tollgate.access_log);
}

/// Runs a recurring job on a thread of its own.
fn beside<S: BackgroundService + Send + Sync + 'static>(server: &mut Server, name: &str, job: S) {
    let mut service = background_service(name, job);
    service.threads = Some(1);
    server.add_service(service);
}

fn data_dir(config: &Config, said: Option<&Path>) -> PathBuf {
    let said = said.or(config.tollgate.data_dir.as_deref());
    said.unwrap_or_else(|| Path::new(DATA_DIR)).to_owned()
}

/// Never Pingora's default in `/tmp`, where any local user could be first to bind it.
fn upgrade_socket(config: &Config, options: &Options) -> String {
    let folder = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| data_dir(config, options.data_dir.as_deref()));
    folder.join("upgrade.sock").to_string_lossy().into_owned()
}

fn start_log(config: &Config, options: &Options) {
    let configured = config.general.log_level.as_deref().unwrap_or("info");
    let level = if options.debug { "debug" } else { configured };
    telemetry::log::start(compose::log_format(config), level);
}

fn warn_if_open(config: &Config) {
    if config.general.master_key.is_none() {
        tracing::warn!(
            "NO MASTER KEY: everybody who reaches the port may use every model. Set general_settings.master_key."
        );
    } else if config.general.weak_master_key {
        tracing::warn!(
            "WEAK MASTER KEY: it stands in public tutorials. Choose another before anybody else can reach the port."
        );
    }
}

fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

fn print_problems(output: &mut impl Write, problems: &[Problem]) {
    for problem in problems {
        let _closed_pipe = writeln!(output, "{problem}");
    }
}

fn say(line: &str) {
    let _closed_pipe = writeln!(io::stdout(), "{line}");
}

fn complain(line: &str) {
    let _closed_pipe = writeln!(io::stderr(), "tollgate: {line}");
}

/// The log format of the configuration, else text on a terminal and JSON elsewhere.
fn format_of(configured: Option<LogFormat>) -> telemetry::log::Format {
    use std::io::IsTerminal;
    match configured {
        Some(LogFormat::Json) => telemetry::log::Format::Json,
        Some(LogFormat::Text) => telemetry::log::Format::Text,
        None if io::stdout().is_terminal() => telemetry::log::Format::Text,
        None => telemetry::log::Format::Json,
    }
}
