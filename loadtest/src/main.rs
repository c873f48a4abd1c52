//! `loadtest`: see README.md beside this crate.

use clap::{Parser, Subcommand};
use loadtest::fault::{breaker, cut, overload, storm};
use loadtest::proof::{kill, race, stores};
use loadtest::{Result, bare, compare, fault, mock, run, soak};

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
    /// A thousand calls at once on one dollar, on one gateway and on two
    BudgetRace(race::RaceArgs),
    /// Kill a gateway under load, again and again: no call lost, none twice
    Kill9(kill::KillArgs),
    /// Redis and PostgreSQL refuse, hang, are slow, talk nonsense: known keys are served
    Stores(stores::StoresArgs),
    /// Sixteen faults of a provider: a scorecard of what the client notices
    Faults(fault::FaultArgs),
    /// One of three deployments fails under load: who notices, and for how long
    Breaker(breaker::BreakerArgs),
    /// Everything is down: how often the providers are tried
    RetryStorm(storm::StormArgs),
    /// Three times what a provider can do: what is done, and how soon the rest is refused
    Overload(overload::OverloadArgs),
    /// Clients leave a stream behind each of its tokens: what is closed, and what is charged
    Cut(cut::CutArgs),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Mock(args) => on_threads(args.threads, mock::command(args)),
        Command::Run(args) => on_threads(args.threads, run::command(args)),
        // One thread: these are measured against one pinned core.
        Command::Compare(args) => on_threads(1, compare::command(args)),
        Command::Soak(args) => on_threads(1, soak::command(args)),
        Command::Bare(args) => bare::command(&args),
        Command::BudgetRace(args) => prove(race::command(args)),
        Command::Kill9(args) => prove(kill::command(args)),
        Command::Stores(args) => prove(stores::command(args)),
        Command::Faults(args) => prove(fault::command(args)),
        Command::Breaker(args) => prove(breaker::command(args)),
        Command::RetryStorm(args) => prove(storm::command(args)),
        Command::Overload(args) => prove(overload::command(args)),
        Command::Cut(args) => prove(cut::command(args)),
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

/// The calls and the mock are tasks on two threads; the proof itself waits for them here.
fn prove(command: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(command)
}
