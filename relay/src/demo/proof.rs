//! The verdict, and the one line that says it.

use std::fmt;
use std::time::Duration;

use crate::figures::thousands;
use crate::verify::{Report, Torn};

/// How a demo ended.
#[derive(Debug)]
pub struct Proof {
    /// What the oracle found.
    pub report: Report,
    /// Events that the writers committed, as they counted.
    pub written: u64,
    /// Events that they rolled back.
    pub rolled_back: u64,
    /// From COMMIT to a `read_committed` consumer: the median. None when nothing arrived.
    pub p50: Option<Duration>,
    /// The same, of the slowest event in a hundred; those that met the kill count.
    pub p99: Option<Duration>,
    /// Whether the relay was killed before everything had arrived.
    pub was_killed_in_the_middle: bool,
    /// What a relay that ended by itself said last.
    pub relay_ended: Option<String>,
}

impl Proof {
    /// Whether the promise was kept: the oracle found nothing, the table holds what the writers
    /// committed, the relay was killed and never gave up by itself.
    pub fn passed(&self) -> bool {
        self.report.passed()
            && self.report.committed == self.written
            && self.was_killed_in_the_middle
            && self.relay_ended.is_none()
    }

    /// The percentile `p` of 100 of ascending values.
    pub(super) fn percentile(ascending: &[Duration], p: usize) -> Option<Duration> {
        let last = ascending.len().checked_sub(1)?;
        ascending.get(last * p / 100).copied()
    }
}

impl fmt::Display for Proof {
    /// One line; beneath it whatever else was looked for and found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            committed,
            on_kafka,
            lost,
            doubled,
            out_of_order,
            ..
        } = &self.report;
        let time = |duration: Option<Duration>| duration.map_or("–".to_owned(), milliseconds);
        write!(
            f,
            "committed {}   rolled back {}   on Kafka {}   lost {}   doubled {}   out of order {}   \
             p50 {}   p99 {}",
            thousands(*committed),
            thousands(self.rolled_back),
            thousands(*on_kafka),
            thousands(lost.count),
            thousands(doubled.count),
            thousands(out_of_order.count),
            time(self.p50),
            time(self.p99),
        )?;
        if self.report.torn == Torn::NotExamined {
            f.write_str("\n  torn: not examined")?;
        }
        if *committed != self.written {
            let written = thousands(self.written);
            write!(f, "\n  the writers committed {written} events")?;
        }
        self.report.write_findings(f)?;
        if !self.was_killed_in_the_middle {
            f.write_str("\n  the relay was not killed in the middle, so nothing is proven")?;
        }
        if let Some(said) = &self.relay_ended {
            write!(f, "\n  the relay ended by itself: {said}")?;
        }
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{milliseconds:.0} ms")
    }
}
