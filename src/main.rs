//! The command line. What it means is decided in [`tollgate::app`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tollgate::app::{self, Import, Options, Source};
use tollgate::secret::Secret;

/// Cheaper than glibc's for this program's many short-lived buffers (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An LLM edge gateway: reads LiteLLM's config.yaml, serves LiteLLM's HTTP API.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Print every error and warning of a config file; exit 0 if it can be served, else 78.
    Check {
        /// The config file.
        #[arg(long, short, env = "CONFIG_FILE_PATH")]
        config: PathBuf,
    },
    /// Print the plan that a request for a model would get: deployments, retries, fallbacks.
    Explain {
        /// The config file.
        #[arg(long, short, env = "CONFIG_FILE_PATH")]
        config: PathBuf,
        /// The model's name, as a client would write it.
        #[arg(long, short)]
        model: String,
    },
    /// Take over the keys, teams, users, … and their spend from the database of a LiteLLM proxy, which is only read. What is
    /// there already stays as it is.
    Import {
        /// The config file that the gateway is started with.
        #[arg(long, short, env = "CONFIG_FILE_PATH")]
        config: PathBuf,
        /// LiteLLM's DATABASE_URL, postgres://user:password@host/database.
        #[arg(long, env = "LITELLM_DATABASE_URL", hide_env_values = true)]
        from: String,
        /// Where state is kept [default: the configuration's, else ./data].
        #[arg(long, env = "STATE_DIRECTORY")]
        data_dir: Option<PathBuf>,
        /// Only say what would be imported.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Args)]
struct Serve {
    /// LiteLLM's config.yaml.
    #[arg(long, short, env = "CONFIG_FILE_PATH")]
    config: Option<PathBuf>,
    /// Serve this one model without a config file, such as gpt-4o.
    #[arg(long, short)]
    model: Option<String>,
    /// Base URL of that model's provider.
    #[arg(long, alias = "api_base")]
    api_base: Option<String>,
    /// Address to listen on.
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    host: String,
    /// Port to listen on; 0 picks a free one.
    #[arg(long, short, env = "PORT", default_value_t = 4000)]
    port: u16,
    /// Where state is kept [default: the configuration's, else ./data].
    #[arg(long, env = "STATE_DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Worker threads; default: the configuration's, else one a core.
    #[arg(long, alias = "num_workers", env = "NUM_WORKERS")]
    threads: Option<usize>,
    /// Log more: every attempt and its outcome.
    #[arg(long, alias = "detailed_debug")]
    debug: bool,
}

fn main() -> ExitCode {
    let Cli { command, serve } = Cli::parse();
    match command {
        Some(Command::Check { config }) => return app::check(&config),
        Some(Command::Explain { config, model }) => return app::explain(&config, &model),
        Some(Command::Import { config, from, data_dir, dry_run }) => {
            return app::import(&Import { config, from: Secret::new(from), data_dir, dry_run });
        }
        None => {}
    }
    let Serve { config, model, api_base, host, port, data_dir, threads, debug } = serve;
    let source = match (config, model) {
        (Some(path), _) => Source::File(path),
        (None, Some(model)) => Source::Model { model, api_base },
        (None, None) => Source::Nothing,
    };
    app::serve(&Options { source, host, port, data_dir, threads, debug })
}
