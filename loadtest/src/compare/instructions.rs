//! Instructions of a process while a round runs, counted by `perf stat`: steadier than time, where the machine has
//! counters (many virtual machines have none).

use std::process::{Child, Command, Stdio};
use std::time::Duration;

const EVENTS: &str = "instructions:u,instructions:k";

/// Whether `perf stat` is there and counts.
pub fn supported() -> bool {
    let output = Command::new("perf").args(["stat", "-x,", "-e", EVENTS, "true"]).stdin(Stdio::null()).output();
    output.is_ok_and(|output| parse(&String::from_utf8_lossy(&output.stderr)).is_some())
}

/// A count in progress; it ends by itself.
pub struct Counting {
    perf: Child,
}

impl Counting {
    /// Counts the instructions of process `pid` for `duration`.
    pub fn start(pid: u32, duration: Duration) -> Option<Self> {
        let (pid, limit) = (pid.to_string(), duration.as_millis().to_string());
        let mut perf = Command::new("perf");
        perf.args(["stat", "-x,", "-e", EVENTS, "-p", &pid, "--timeout", &limit]);
        let perf = perf.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
        Some(Self { perf })
    }

    /// User and kernel instructions, once the time is over.
    pub fn finish(self) -> Option<u64> {
        let output = self.perf.wait_with_output().ok()?;
        parse(&String::from_utf8_lossy(&output.stderr))
    }
}

/// The sum of the counts in `perf stat -x,` output; `None` if one is missing.
fn parse(output: &str) -> Option<u64> {
    let mut counts = output.lines().filter(|line| line.contains("instructions:"));
    let mut next = || counts.next()?.split(',').next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perf_output() {
        let counted = "1200,,instructions:u,1000,100.00,,\n300,,instructions:k,1000,100.00,,\n";
        assert_eq!(parse(counted), Some(1500));
        let absent = "<not supported>,,instructions:u,0,100.00,,\n<not supported>,,instructions:k,0,100.00,,\n";
        assert_eq!(parse(absent), None);
        assert_eq!(parse(""), None);
    }
}
