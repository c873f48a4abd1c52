//! `loadtest`: see README.md beside this crate.

use clap::{Parser, Subcommand};
use loadtest::{Result, bare, compare, mock, run, soak};

/// Mock upstream, load generator and side-by-side comparison for LLM gateways
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// An upstream that speaks OpenAI's and Anthropic's wire formats and fails on request
    Mock(mock::MockArgs),
    /// Send requests to one target: closed loop, or open loop with --rate
    Run(run::RunArgs),
    /// Several targets interleaved in rounds: CPU per request, latency, memory, ratios to the first
    Compare(compare::CompareArgs),
    /// Many requests, and how the target's memory grows
    Soak(soak::SoakArgs),
    /// A bare Pingora pass-through: the yardstick
    Bare(bare::BareArgs),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Mock(args) => on_threads(args.threads, mock::command(args)),
        Command::Run(args) => on_threads(args.threads, run::command(args)),
        // One thread: these are measured against one pinned core.
        Command::Compare(args) => on_threads(1, compare::command(args)),
        Command::Soak(args) => on_threads(1, soak::command(args)),
        Command::Bare(args) => bare::command(&args),
    }
}

fn on_threads(threads: usize, command: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
    if threads <= 1 {
        return tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    // Spawned, because the thread that blocks is not one of the workers.
    runtime.block_on(async { tokio::spawn(command).await? })
}
