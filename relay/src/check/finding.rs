//! What the doctor says.

use std::fmt;

use serde::Serialize;

use crate::error::{Action, Chain, Classify};

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// PostgreSQL: the server, the role, the schema, the publication, the slot.
    Database,
    /// The brokers, what they let through, the progress topic and the topics of the events.
    Kafka,
    /// The schema registry, and the schemas of the events.
    Registry,
    /// Where the events lead.
    Route,
    /// Whether the progress record belongs to this database and this Kafka cluster.
    Progress,
}

/// What a finding means for `run`. Ordered: a worse one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// `run` works; good to know.
    Hint,
    /// `run` would not publish.
    Problem,
    /// The system does not answer, so nothing is known about the rest of it.
    Unreachable,
    /// The system does not let us in.
    Refused,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub system: System,
    /// What it means.
    pub severity: Severity,
    /// What is the case.
    pub what: String,
    /// What to do next.
    pub remedy: String,
}

/// Everything that was found, in the order of the systems.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The findings; hints among them.
    pub findings: Vec<Finding>,
}

impl Finding {
    /// Something that keeps `run` from publishing.
    pub(super) fn problem(
        system: System,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            system,
            severity: Severity::Problem,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// Something that does not.
    pub(super) fn hint(system: System, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            severity: Severity::Hint,
            ..Self::problem(system, what, remedy)
        }
    }

    /// The same about events that a session may still meet, or not: then a problem keeps `run` from
    /// nothing.
    pub(super) fn if_ahead(self, is_ahead: bool) -> Self {
        if is_ahead || self.severity != Severity::Problem {
            return self;
        }
        Self {
            severity: Severity::Hint,
            what: format!("{} (only for events that the slot has passed)", self.what),
            ..self
        }
    }

    /// A question that failed, with what the failure means.
    pub(super) fn failure<E: Classify + 'static>(system: System, error: &E) -> Self {
        let severity = match error.action() {
            Action::Refuse => Severity::Refused,
            Action::Retry => Severity::Unreachable,
            Action::Halt | Action::Poison | Action::StandBy => Severity::Problem,
        };
        Self {
            severity,
            ..Self::problem(system, Chain(error).to_string(), error.remedy())
        }
    }
}

impl Report {
    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// The worst finding; `None` when nothing was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Whether `run` would work.
    pub fn passed(&self) -> bool {
        self.worst().is_none_or(|worst| worst == Severity::Hint)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::Route => "route",
            Self::Progress => "progress",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = match self.severity {
            Severity::Hint => " (hint)",
            Severity::Problem | Severity::Unreachable | Severity::Refused => "",
        };
        let Self {
            system,
            what,
            remedy,
            ..
        } = self;
        write!(f, "{system}{hint}: {what}; remedy: {remedy}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity) -> Finding {
        Finding {
            severity,
            ..Finding::problem(System::Kafka, "topic x is missing", "create it")
        }
    }

    #[test]
    fn hints_alone_pass() {
        let mut report = Report::default();
        assert!(report.passed());
        report.extend([finding(Severity::Hint)]);
        assert!(report.passed());
        report.extend([finding(Severity::Problem), finding(Severity::Hint)]);
        assert!(!report.passed());
        assert_eq!(report.worst(), Some(Severity::Problem));
    }

    #[test]
    fn a_problem_of_the_past_is_a_hint_and_an_outage_is_none() {
        let judge = |severity, is_ahead| finding(severity).if_ahead(is_ahead).severity;
        assert_eq!(judge(Severity::Problem, true), Severity::Problem);
        assert_eq!(judge(Severity::Problem, false), Severity::Hint);
        assert_eq!(judge(Severity::Unreachable, false), Severity::Unreachable);
    }

    #[test]
    fn a_finding_is_one_line_with_its_remedy() {
        insta::assert_snapshot!(finding(Severity::Problem), @"kafka: topic x is missing; remedy: create it");
        insta::assert_snapshot!(finding(Severity::Hint), @"kafka (hint): topic x is missing; remedy: create it");
    }
}
