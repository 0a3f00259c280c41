//! What a process has cost so far, from `/proc`
//! (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).

use std::io;
use std::time::Duration;

/// `/proc` counts processor time in ticks of 10 ms: `USER_HZ` is 100 on every Linux that Rust
/// supports, whatever the kernel's own clock.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time and memory of one process, its children not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in user and system mode since the start, in steps of 10 ms.
    pub cpu: Duration,
    /// Resident memory now, in bytes.
    pub memory_bytes: u64,
    /// The most resident memory there ever was, in bytes.
    pub memory_peak_bytes: u64,
}

impl Usage {
    /// Reads the usage of process `pid`, which need not be a child of this process: a walsender,
    /// for example, whose id `pg_stat_activity` shows.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = Stat::of(pid)?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Self {
            cpu: Duration::from_millis(stat.cpu_ticks * 1000 / TICKS_PER_SECOND),
            memory_bytes: kilobytes(&status, "VmRSS:") * 1024,
            memory_peak_bytes: kilobytes(&status, "VmHWM:") * 1024,
        })
    }
}

/// The number behind `field` in `/proc/<pid>/status`; 0 for a process that has no memory any more.
fn kilobytes(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// The fields of `/proc/<pid>/stat` that matter here.
pub(super) struct Stat {
    /// `R` running, `S` sleeping, `T` stopped, `Z` dead and not yet reaped.
    pub(super) state: char,
    /// The process id of the parent.
    pub(super) parent: u32,
    /// User and system time.
    cpu_ticks: u64,
}

impl Stat {
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, text))
    }

    /// The second field is the command name in parentheses and may hold spaces and parentheses.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            cpu_ticks: ticks(11)? + ticks(12)?,
        })
    }
}

/// The children of process `pid`, not their children.
pub(super) fn children(pid: u32) -> io::Result<Vec<u32>> {
    let entries = std::fs::read_dir("/proc")?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|candidate| Stat::of(*candidate).is_ok_and(|stat| stat.parent == pid))
        .collect())
}

/// Whether process `pid` is gone, or dead and only waiting for its parent to notice.
pub(super) fn is_gone(pid: u32) -> bool {
    Stat::of(pid).map_or(true, |stat| matches!(stat.state, 'Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_spaces_and_parentheses_is_skipped() {
        let text = "42 (a) b (c)) S 7 42 42 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 1";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.state, stat.parent, stat.cpu_ticks), ('S', 7, 200));
    }

    #[test]
    fn this_process_uses_memory() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.memory_bytes > 0 && usage.memory_peak_bytes >= usage.memory_bytes);
    }
}
