//! A link that breaks at a chosen byte.

use super::{Shared, Way};
use std::sync::atomic::Ordering;

/// How a connection ends, for both of its sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At once, and what is under way is lost (RST).
    Reset,
    /// As if the other side had closed it (FIN).
    Finish,
}

/// Where to break which connection.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The way on which the bytes are counted.
    pub way: Way,
    /// Bytes that still pass.
    pub after: usize,
    /// How it ends.
    pub end: End,
    /// Only a connection whose client has said this at its beginning.
    pub of: &'static str,
}

impl Shared {
    /// How many of the next `count` bytes pass, and the end if there is one after them. `said` is
    /// what the client said first.
    pub(super) fn pass(&self, way: Way, said: &[u8], count: usize) -> (usize, Option<End>) {
        let mut plan = self.plan();
        let Some(cut) = plan.as_mut() else {
            return (count, None);
        };
        if cut.way != way || !contains(said, cut.of) {
            return (count, None);
        }
        if cut.after > count {
            cut.after -= count;
            return (count, None);
        }
        let (after, end) = (cut.after, cut.end);
        *plan = None;
        self.cuts.fetch_add(1, Ordering::SeqCst);
        (after, Some(end))
    }
}

fn contains(said: &[u8], text: &str) -> bool {
    text.is_empty() || said.windows(text.len()).any(|part| part == text.as_bytes())
}
