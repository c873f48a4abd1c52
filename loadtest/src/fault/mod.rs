//! Providers that fail, and what a client notices: with the gateway's real binary and upstreams of our own.
//!
//! - [`sixteen`]: the faults of FailoverBench, a scorecard;
//! - [`misbehaving`]: upstreams that break HTTP, its framing, or their dialect;
//! - [`breaker`]: one of three deployments fails under load and is healed;
//! - [`storm`]: everything is down, and calls keep coming;
//! - [`overload`]: three times what a provider can do;
//! - [`cut`]: clients that leave a stream.
//!
//! Behind them: [`gateway`] is its configuration, [`load`] calls at a fixed rate, [`promise`] what must hold, [`stage`] is an upstream whose behaviour a fault decides, [`transcript`] what a client was told,
//! [`card`] the scorecard, [`scale`] makes it all quicker.

pub mod breaker;
pub mod card;
pub mod cut;
pub mod gateway;
pub mod load;
pub mod misbehaving;
pub mod overload;
pub mod promise;
pub mod scale;
pub mod sixteen;
pub mod stage;
pub mod storm;
pub mod transcript;

use std::path::PathBuf;

use scale::{Scale, parse_scale};

use crate::Result;
use crate::run::say;

/// Arguments of `loadtest faults`.
#[derive(Clone, Debug, clap::Args)]
pub struct FaultArgs {
    /// The gateway's binary
    #[arg(long)]
    pub gateway: PathBuf,
    /// Only faults whose id begins with this; may be said again
    #[arg(long)]
    pub only: Vec<String>,
    /// Shortens every pause of the upstreams, and the gateway's waits with them
    #[arg(long, default_value = "1", value_parser = parse_scale)]
    pub scale: Scale,
    /// Exit code 1 if fewer of the sixteen pass
    #[arg(long, default_value_t = 0)]
    pub expect: usize,
    /// Exit code 1 if fewer of the misbehaving upstreams pass
    #[arg(long, default_value_t = 0)]
    pub expect_upstreams: usize,
}

/// Plays the faults and prints the scorecards.
///
/// # Errors
/// Fewer pass than expected, or something could not be started.
pub async fn command(args: FaultArgs) -> Result<()> {
    let played = sixteen::play(&args.gateway, &args.only, args.scale).await?;
    let (mut sixteen, mut variations): (Vec<_>, Vec<_>) = played.into_iter().partition(|line| line.id.starts_with('S'));
    let passed = if sixteen.is_empty() { args.expect } else { card::print("the sixteen faults", &mut sixteen)? };
    if !variations.is_empty() {
        card::print("variations", &mut variations)?;
    }
    let mut others = misbehaving::play(&args.gateway, &args.only, args.scale).await?;
    let also =
        if others.is_empty() { args.expect_upstreams } else { card::print("misbehaving upstreams", &mut others)? };
    if passed < args.expect || also < args.expect_upstreams {
        let expected = (args.expect, args.expect_upstreams);
        return Err(format!("{passed} and {also} pass, {} and {} are expected", expected.0, expected.1).into());
    }
    say("as expected")
}

/// Whether `--only` leaves it in.
fn is_chosen(id: &str, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|start| id.starts_with(start.as_str()))
}
