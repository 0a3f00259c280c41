//! The log guard: a run must not warn of anything that its test did not expect.
//!
//! Guards against a defect that heals itself (a reconnect too many, a retry that should not have
//! been needed) and so never fails an assertion.

use serde_json::Value;

/// The lines of a relay's JSON log that are worth a person's look: level WARN or ERROR, or no JSON
/// at all, as a panic message, unless they contain one of `expected`.
pub fn unexpected_lines(log: &str, expected: &[String]) -> Vec<String> {
    log.lines()
        .filter(|line| !line.trim().is_empty() && is_alarming(line))
        .filter(|line| !expected.iter().any(|text| line.contains(text)))
        .map(str::to_owned)
        .collect()
}

fn is_alarming(line: &str) -> bool {
    let entry = serde_json::from_str::<Value>(line);
    // A line without a known level is no log line, so it is not known to be harmless.
    !entry.is_ok_and(|entry| {
        entry["level"]
            .as_str()
            .is_some_and(|level| ["INFO", "DEBUG", "TRACE"].contains(&level))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"{"level":"INFO","fields":{"message":"session started"}}
{"level":"WARN","fields":{"message":"connection lost"}}

{"level":"ERROR","fields":{"message":"halted"}}
thread 'main' panicked at src/main.rs
"#;

    #[test]
    fn warnings_errors_and_foreign_lines_are_found() {
        let lines = unexpected_lines(LOG, &[]);
        assert_eq!(lines.len(), 3, "{lines:?}");
    }

    #[test]
    fn an_expected_line_is_left_out() {
        let lines = unexpected_lines(LOG, &["connection lost".to_owned(), "panicked".to_owned()]);
        assert_eq!(
            lines,
            [r#"{"level":"ERROR","fields":{"message":"halted"}}"#]
        );
    }
}
