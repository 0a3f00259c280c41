//! What the oracle found: counts in full, samples in part, one line of proof.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::figures::thousands;

/// Where a record lies in Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
}

/// One thing that is not as it must be. It names fields and places, never data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The event it is about; none where a record carries no event id.
    pub event_id: Option<Uuid>,
    /// The record it was seen at; none for an event that is not on Kafka.
    pub place: Option<Place>,
    /// What is wrong.
    pub why: String,
}

/// All findings of one kind: every one is counted, the first ones are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many there are.
    pub count: u64,
    /// The first of them, up to [`super::Rules::samples_max`].
    pub samples: Vec<Finding>,
}

impl Tally {
    pub(super) fn add(&mut self, samples_max: usize, finding: impl FnOnce() -> Finding) {
        self.count += 1;
        if self.samples.len() < samples_max {
            self.samples.push(finding());
        }
    }

    pub(super) fn merge(&mut self, other: Self, samples_max: usize) {
        self.count += other.count;
        self.samples.extend(other.samples);
        self.samples.truncate(samples_max);
    }
}

/// Whether transactions were looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Torn {
    /// The broker's log was not at hand, so nothing is known about transactions.
    NotExamined,
    /// Database transactions whose events lie in more Kafka transactions than they may.
    Examined(Tally),
}

/// The oracle's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Public events in the table.
    pub committed: u64,
    /// Records that a `read_committed` consumer saw in the topics, dead letters aside.
    pub on_kafka: u64,
    /// Events that were found in a dead-letter topic.
    pub dead_lettered: u64,
    /// Events of the table that are neither in a topic nor in a dead-letter topic.
    pub lost: Tally,
    /// Records of an event that was seen before.
    pub doubled: Tally,
    /// Records of no event in the table: rolled back, or never written there.
    pub phantom: Tally,
    /// Records whose key, payload or headers differ from the row.
    pub altered: Tally,
    /// Records that stand behind one they must precede.
    pub out_of_order: Tally,
    /// Records in a topic or partition where their key does not belong.
    pub misplaced: Tally,
    /// Steps of the order field that no event of the table has; empty without an order field.
    pub gaps: Tally,
    /// Database transactions that are visible in parts.
    pub torn: Torn,
    /// Whether doubled records were declared harmless (`at_least_once`).
    pub duplicates_allowed: bool,
}

impl Report {
    /// Whether nothing was found. Doubled records count unless they are allowed; transactions that
    /// were not examined do not count against the history.
    pub fn passed(&self) -> bool {
        let doubled = if self.duplicates_allowed {
            0
        } else {
            self.doubled.count
        };
        doubled == 0
            && self
                .tallies()
                .iter()
                .all(|(name, tally)| *name == "doubled" || tally.count == 0)
    }

    /// Every kind of finding with its name, in the order of the proof line.
    pub fn tallies(&self) -> Vec<(&'static str, &Tally)> {
        let mut tallies = vec![
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("phantom", &self.phantom),
            ("altered", &self.altered),
            ("out of order", &self.out_of_order),
            ("misplaced", &self.misplaced),
            ("gaps", &self.gaps),
        ];
        if let Torn::Examined(torn) = &self.torn {
            tallies.push(("torn", torn));
        }
        tallies
    }

    /// The samples of what was found, a line each, each after a line break.
    pub(crate) fn write_findings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, tally) in self.tallies() {
            for finding in &tally.samples {
                write!(f, "\n  {name}: {finding}")?;
            }
            let unnamed = tally.count - tally.samples.len() as u64;
            if unnamed > 0 {
                write!(f, "\n  {name}: and {} more", thousands(unnamed))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    /// The proof line, and beneath it the samples of what was found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "committed {}", thousands(self.committed))?;
        write!(f, "   on Kafka {}", thousands(self.on_kafka))?;
        if self.dead_lettered > 0 {
            write!(f, "   dead-lettered {}", thousands(self.dead_lettered))?;
        }
        for (name, tally) in self.tallies() {
            if name != "gaps" || tally.count > 0 {
                write!(f, "   {name} {}", thousands(tally.count))?;
            }
        }
        if self.torn == Torn::NotExamined {
            f.write_str("   torn not examined")?;
        }
        self.write_findings(f)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.event_id {
            Some(id) => write!(f, "{id}")?,
            None => f.write_str("no event id")?,
        }
        if let Some(Place {
            topic,
            partition,
            offset,
        }) = &self.place
        {
            write!(f, " at {topic}[{partition}]@{offset}")?;
        }
        write!(f, ": {}", self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean() -> Report {
        Report {
            committed: 1_234_567,
            on_kafka: 1_234_567,
            dead_lettered: 0,
            lost: Tally::default(),
            doubled: Tally::default(),
            phantom: Tally::default(),
            altered: Tally::default(),
            out_of_order: Tally::default(),
            misplaced: Tally::default(),
            gaps: Tally::default(),
            torn: Torn::Examined(Tally::default()),
            duplicates_allowed: false,
        }
    }

    #[test]
    fn a_clean_report_is_one_line_of_proof() {
        insta::assert_snapshot!(clean(), @"committed 1,234,567   on Kafka 1,234,567   lost 0   doubled 0   phantom 0   altered 0   out of order 0   misplaced 0   torn 0");
        assert!(clean().passed());
    }

    #[test]
    fn each_finding_is_shown_and_fails_the_proof() {
        let mut report = clean();
        report.torn = Torn::NotExamined;
        let finding = |why: &str| Finding {
            event_id: Some(Uuid::nil()),
            place: Some(Place {
                topic: "order".to_owned(),
                partition: 3,
                offset: 42,
            }),
            why: why.to_owned(),
        };
        for _ in 0..3 {
            report.altered.add(2, || finding("header type differs"));
        }
        insta::assert_snapshot!(report, @r"
        committed 1,234,567   on Kafka 1,234,567   lost 0   doubled 0   phantom 0   altered 3   out of order 0   misplaced 0   torn not examined
          altered: 00000000-0000-0000-0000-000000000000 at order[3]@42: header type differs
          altered: 00000000-0000-0000-0000-000000000000 at order[3]@42: header type differs
          altered: and 1 more
        ");
        assert!(!report.passed());
    }

    #[test]
    fn doubled_records_pass_only_where_they_are_allowed() {
        let mut report = clean();
        report.doubled.count = 1;
        assert!(!report.passed());
        report.duplicates_allowed = true;
        assert!(report.passed());
        report.lost.count = 1;
        assert!(!report.passed());
    }
}
