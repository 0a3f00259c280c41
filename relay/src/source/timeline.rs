//! The timeline history: which timelines a server's past consists of, and where they forked.

use crate::lsn::Lsn;

/// The end of an earlier timeline in a server's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimelineSwitch {
    /// The timeline that was left.
    pub timeline: u32,
    /// Where it was left: what it holds from here on is not part of this server's past.
    pub switched_at: Lsn,
}

/// Reads a history file: lines of `timeline`, tab, `LSN`, tab, reason
/// (`readTimeLineHistory` in `timeline.c`). Comments and empty lines are skipped; `None` for
/// anything else.
pub(super) fn parse(history: &str) -> Option<Vec<TimelineSwitch>> {
    history
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut fields = line.split_ascii_whitespace();
            Some(TimelineSwitch {
                timeline: fields.next()?.parse().ok()?,
                switched_at: fields.next()?.parse().ok()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_file_gives_every_fork() {
        let history = "1\t0/3000158\tno recovery target specified\n\n# note\n2\t1/5000000\tx\n";
        let switch = |timeline, lsn| TimelineSwitch {
            timeline,
            switched_at: Lsn::new(lsn),
        };
        assert_eq!(
            parse(history),
            Some(vec![switch(1, 0x300_0158), switch(2, 0x1_0500_0000)])
        );
        assert_eq!(parse(""), Some(Vec::new()));
        assert_eq!(parse("1\n"), None);
        assert_eq!(parse("one\t0/1\n"), None);
    }
}
