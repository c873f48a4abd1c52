//! CPU time and memory of a process, from `/proc` (proc_pid_stat(5), proc_pid_status(5)).

use std::time::Duration;

use crate::Result;

/// One clock tick of `/proc/PID/stat`: Linux shows user space 100 a second on every architecture of today.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all threads, exited ones too.
    pub cpu: Duration,
    /// Resident memory, in KiB.
    pub rss_kib: u64,
}

/// Reads the usage of process `pid`.
///
/// # Errors
/// There is no such process, or it may not be looked at.
pub fn usage(pid: u32) -> Result<Usage> {
    let read = |file| {
        let path = format!("/proc/{pid}/{file}");
        std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    };
    let (stat, status) = (read("stat")?, read("status")?);
    let cpu = parse_cpu(&stat).ok_or_else(|| format!("/proc/{pid}/stat: not understood"))?;
    let rss_kib = parse_rss(&status).ok_or_else(|| format!("/proc/{pid}/status: no VmRSS (has the process ended?)"))?;
    Ok(Usage { cpu, rss_kib })
}

/// Fields 14 (utime) and 15 (stime). The second field is the program's name in parentheses and may hold anything, so
/// fields are counted from the last parenthesis.
fn parse_cpu(stat: &str) -> Option<Duration> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * ticks()?.checked_add(ticks()?)?)
}

fn parse_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 7 7 20 0 3 0 100 1000 200";
        assert_eq!(parse_cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_cpu("42 (a) S 1"), None);
        assert_eq!(parse_rss("VmPeak:\t 9 kB\nVmRSS:\t  1234 kB\n"), Some(1234));
    }

    #[test]
    fn this_process_is_there() {
        assert!(usage(std::process::id()).unwrap().rss_kib > 100);
        assert!(usage(u32::MAX).is_err());
    }
}
