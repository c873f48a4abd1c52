//! CPU time and memory of a process, from `/proc` (proc_pid_stat(5), proc_pid_status(5)).
//!
//! `/proc/PID/stat` counts user and system time in ticks of 10 ms, both rounded down: in a round of a lightly loaded
//! target that is an error of several percent. The scheduler's own count in `/proc/PID/task/TID/schedstat` is in
//! nanoseconds, but a thread takes it along when it ends. So the threads' sum is used, unless the ticks say that time is
//! missing from it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Result;

/// One clock tick of `/proc/PID/stat`: Linux shows user space 100 a second on every architecture of today.
const TICK: Duration = Duration::from_millis(10);

/// How far the ticks of two readings may be off: user and system time are each rounded down.
const TICK_ERROR: Duration = Duration::from_millis(20);

/// What a process has used until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all threads, ended ones too, in whole ticks.
    ticks: Duration,
    /// By id of the threads that live.
    threads: BTreeMap<u32, Duration>,
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
    let ticks = parse_ticks(&stat).ok_or_else(|| format!("/proc/{pid}/stat: not understood"))?;
    let rss_kib = parse_rss(&status).ok_or_else(|| format!("/proc/{pid}/status: no VmRSS (has the process ended?)"))?;
    Ok(Usage { ticks, threads: threads(pid), rss_kib })
}

impl Usage {
    /// The CPU time that the process has used since an earlier reading.
    pub fn cpu_since(&self, before: &Self) -> Duration {
        let exact: Duration = (self.threads.iter())
            .map(|(id, now)| now.saturating_sub(before.threads.get(id).copied().unwrap_or_default()))
            .sum();
        let ticks = self.ticks.saturating_sub(before.ticks);
        if ticks > exact + TICK_ERROR { ticks } else { exact }
    }
}

/// Empty where the kernel does not tell.
fn threads(pid: u32) -> BTreeMap<u32, Duration> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return BTreeMap::new() };
    let thread = |task: std::fs::DirEntry| {
        let id = task.file_name().to_str()?.parse().ok()?;
        let schedstat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanos = schedstat.split_ascii_whitespace().next()?.parse().ok()?;
        Some((id, Duration::from_nanos(nanos)))
    };
    tasks.flatten().filter_map(thread).collect()
}

/// Fields 14 (utime) and 15 (stime). The second field is the program's name in parentheses and may hold anything, so
/// fields are counted from the last parenthesis.
fn parse_ticks(stat: &str) -> Option<Duration> {
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
        assert_eq!(parse_ticks(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_ticks("42 (a) S 1"), None);
        assert_eq!(parse_rss("VmPeak:\t 9 kB\nVmRSS:\t  1234 kB\n"), Some(1234));
    }

    #[test]
    fn the_ticks_step_in_when_a_thread_has_ended() {
        let usage = |ticks_ms, threads: &[(u32, u64)]| Usage {
            ticks: Duration::from_millis(ticks_ms),
            threads: threads.iter().map(|(id, us)| (*id, Duration::from_micros(*us))).collect(),
            rss_kib: 0,
        };
        let before = usage(100, &[(1, 60_000), (2, 45_000)]);
        for (after, cpu_us) in [
            (usage(110, &[(1, 63_500), (2, 45_200), (3, 1_000)]), 4_700),
            (usage(400, &[(1, 63_500)]), 300_000),
            (usage(400, &[]), 300_000),
            (usage(100, &[(1, 60_000), (2, 45_000)]), 0),
        ] {
            assert_eq!(after.cpu_since(&before), Duration::from_micros(cpu_us), "{after:?}");
        }
    }

    #[test]
    fn this_process_is_there() {
        let own = usage(std::process::id()).unwrap();
        assert!(own.rss_kib > 100 && !own.threads.is_empty());
        assert!(usage(u32::MAX).is_err());
    }
}
