//! The scorecards in their quick form, against the gateway's own binary.
//!
//! All of them must pass.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as expected")]

use std::path::PathBuf;
use std::process::Command;

use loadtest::fault::card::Mark::Pass;
use loadtest::fault::card::{Line, print};
use loadtest::fault::scale::Scale;
use loadtest::fault::{misbehaving, sixteen};

/// Of every pause and every wait so much is left.
const SCALE: Scale = Scale(0.1);

/// The gateway beside this test. It is built with the workspace; a test that runs without it builds it first.
fn gateway() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let binary = own.ancestors().nth(2).unwrap().join("tollgate");
    if !binary.exists() {
        let built =
            Command::new(env!("CARGO")).args(["build", "-p", "tollgate", "--bin", "tollgate"]).status().unwrap();
        assert!(built.success() && binary.exists(), "there is no gateway at {}", binary.display());
    }
    binary
}

fn check(lines: &[Line], count: usize) {
    assert_eq!(lines.len(), count);
    let failed: Vec<String> = lines
        .iter()
        .filter(|line| line.verdict.mark != Pass)
        .map(|line| format!("{} {}: {:?}, {}", line.id, line.title, line.verdict.mark, line.verdict.reason()))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// And three of them once more, with a fallback that goes on after a prefill, or refuses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sixteen_faults_of_a_provider() {
    let mut lines = sixteen::play(&gateway(), &[], SCALE).await.unwrap();
    print("the sixteen faults and three variations", &mut lines).unwrap();
    check(&lines, 19);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upstreams_that_misbehave() {
    let mut lines = misbehaving::play(&gateway(), &[], SCALE).await.unwrap();
    print("misbehaving upstreams", &mut lines).unwrap();
    check(&lines, 60);
}
