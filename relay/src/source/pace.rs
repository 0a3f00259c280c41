//! When to pause between reads.
//!
//! A walsender flushes its socket after every message for as long as the socket takes it. A reader
//! that is always ready makes it pay a system call and a wake-up for each; one that comes back
//! every millisecond finds hundreds of kilobytes and lets the walsender decode (measured: twice
//! the throughput, half its CPU time). When caught up, a pause would only be latency.
//!
//! The bytes of one read tell nothing, because an eager reader sees small reads however far it is
//! behind. The rate does: a live load that fills [`BEHIND_BYTES`] within [`WINDOW`] is as good as
//! a backlog.

use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_millis(2);

/// 16 MB/s, some 40,000 small events in a second.
const BEHIND_BYTES: usize = 32 * 1024;

/// The pause while behind. Timers have a resolution of 1 ms, so it lasts 1 to 2.
pub(super) const PAUSE: Duration = Duration::from_millis(1);

/// How fast bytes have been coming lately.
#[derive(Debug)]
pub(super) struct Pace {
    window_start: Instant,
    window_bytes: usize,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            window_start: now,
            window_bytes: 0,
        }
    }

    /// Counts a read; true when the stream is behind and the next read should wait for [`PAUSE`].
    pub(super) fn is_behind_after(&mut self, bytes: usize, now: Instant) -> bool {
        if now.duration_since(self.window_start) > WINDOW {
            *self = Self::new(now);
        }
        self.window_bytes += bytes;
        let behind = self.window_bytes >= BEHIND_BYTES;
        if behind {
            *self = Self::new(now);
        }
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_reads_in_a_short_time_are_a_backlog() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let behind = (0..32)
            .filter(|_| pace.is_behind_after(1024, start))
            .count();
        assert_eq!(behind, 1);
    }

    #[test]
    fn the_same_reads_spread_out_are_not() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for step in 0..1000 {
            let now = start + Duration::from_micros(200) * step;
            assert!(!pace.is_behind_after(1024, now));
        }
    }
}
