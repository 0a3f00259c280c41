//! What people see while the demo runs: a table that is drawn again and again on a terminal, a line
//! now and then elsewhere. All of it on stderr.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::Duration;

use crate::demo::{Audience, Look};
use crate::figures::thousands;

/// Between two lines where nothing can be drawn again.
const LINE_EVERY: Duration = Duration::from_secs(2);

const BAR_WIDTH: u64 = 40;

/// The audience of a demo.
pub(super) struct Screen {
    is_terminal: bool,
    drawn: RefCell<Drawn>,
}

#[derive(Debug, Default)]
struct Drawn {
    /// Lines of the table on the terminal.
    lines: usize,
    /// When the last line was written, by the demo's own clock.
    last_line: Option<Duration>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: stderr().is_terminal(),
            drawn: RefCell::default(),
        }
    }

    /// Leaves the table where it is.
    pub(super) fn close(&self) {
        self.drawn.borrow_mut().lines = 0;
    }

    /// Writes `text` where the table stands. A terminal that is gone is nobody's loss.
    fn write(&self, text: &str) {
        let lines = std::mem::take(&mut self.drawn.borrow_mut().lines);
        let back = if lines > 0 {
            // Up to the table's first line, and nothing from there on.
            format!("\x1b[{lines}A\x1b[J")
        } else {
            String::new()
        };
        let _ = stderr().write_all((back + text).as_bytes());
    }
}

impl Audience for Screen {
    fn note(&self, sentence: &str) {
        self.write(&format!("{sentence}\n"));
    }

    fn look(&self, look: Look) {
        if self.is_terminal {
            let table = table(look);
            self.write(&table);
            self.drawn.borrow_mut().lines = table.lines().count();
            return;
        }
        let last_line = self.drawn.borrow().last_line.unwrap_or_default();
        if look.elapsed >= last_line + LINE_EVERY {
            self.drawn.borrow_mut().last_line = Some(look.elapsed);
            self.write(&line(look));
        }
    }
}

fn line(look: Look) -> String {
    format!(
        "{:>4} s   committed {}   rolled back {}   on Kafka {}\n",
        look.elapsed.as_secs(),
        thousands(look.committed),
        thousands(look.rolled_back),
        thousands(look.on_kafka),
    )
}

fn table(look: Look) -> String {
    let mut text = String::from("\n");
    let mut row = |name: &str, value: String| {
        writeln!(text, "  {name:<12} {value}").expect("a string takes all");
    };
    let seconds = look.elapsed.as_secs_f64();
    let relay = match look.relay.starts {
        1 => format!("process {}", look.relay.pid),
        starts => format!("process {}, start {starts}", look.relay.pid),
    };
    row("time", format!("{seconds:>8.1} s"));
    row("relay", format!("  {relay}"));
    row("committed", bar(look.committed, look.planned));
    row("on Kafka", bar(look.on_kafka, look.planned));
    row(
        "under way",
        format!(
            "{:>10}",
            thousands(look.committed.saturating_sub(look.on_kafka))
        ),
    );
    row(
        "rolled back",
        format!("{:>10}", thousands(look.rolled_back)),
    );
    text
}

fn bar(count: u64, planned: u64) -> String {
    let full = (count * BAR_WIDTH / planned.max(1)).min(BAR_WIDTH);
    let cells: String = (0..BAR_WIDTH)
        .map(|cell| if cell < full { '█' } else { '·' })
        .collect();
    format!("{:>10} {cells}", thousands(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::RelayState;

    const LOOK: Look = Look {
        elapsed: Duration::from_millis(6_120),
        planned: 10_000,
        committed: 6_050,
        rolled_back: 302,
        on_kafka: 5_998,
        relay: RelayState {
            pid: 4711,
            starts: 2,
        },
    };

    #[test]
    fn a_terminal_shows_a_table() {
        insta::assert_snapshot!(table(LOOK), @r"

        time              6.1 s
        relay          process 4711, start 2
        committed         6,050 ████████████████████████················
        on Kafka          5,998 ███████████████████████·················
        under way            52
        rolled back         302
        ");
    }

    #[test]
    fn a_file_gets_lines() {
        insta::assert_snapshot!(line(LOOK), @"   6 s   committed 6,050   rolled back 302   on Kafka 5,998");
    }

    #[test]
    fn a_bar_never_leaves_its_frame() {
        assert_eq!(bar(20, 10).matches('█').count(), 40);
        assert_eq!(bar(0, 0).matches('·').count(), 40);
    }
}
