//! `tests/FAULTS.md` is true: every fault has one row, and every test it names is there.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The catalogue ends here; what concerns services that consume is not the relay's.
const LAST: usize = 94;

/// Behind the faults: which tests failed without their guards.
const GUARDS: &str = "## Guards that were removed";

#[test]
fn every_fault_has_one_row_and_every_test_it_names_exists() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = std::fs::read_to_string(root.join("tests/FAULTS.md"))?;
    let (table, guards) = table.split_once(GUARDS).context("no guards")?;
    let rows = table.lines().filter(is_row);
    let mut faults = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [fault, what, expected, tests, status] = cells[..] else {
            anyhow::bail!("not five cells: {row}");
        };
        ensure!(![what, expected, status].contains(&""), "empty: {row}");
        let is_open = status == "next" || status.starts_with("not applicable, because ");
        ensure!(tests.is_empty() == is_open, "a test or a reason: {row}");
        faults.push(fault.to_owned());
        for test in tests.split("<br>").filter(|test| !test.is_empty()) {
            check(&root, test).with_context(|| row.to_owned())?;
        }
    }
    let all: Vec<String> = (1..=LAST).map(|number| format!("F{number}")).collect();
    assert_eq!(faults, all);
    for row in guards.lines().filter(is_row) {
        let test = row.trim_matches('|').split('|').next_back();
        check(&root, test.unwrap_or_default().trim()).with_context(|| row.to_owned())?;
    }
    Ok(())
}

fn is_row(line: &&str) -> bool {
    line.starts_with("| F")
}

/// A test is written as `` `path::name` ``.
fn check(root: &Path, test: &str) -> Result<()> {
    let named = test.trim_matches('`').rsplit_once("::");
    let (path, name) = named.context("no path and name")?;
    let source = std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())?;
    ensure!(
        source.contains(&format!("fn {name}(")),
        "no {name} in {path}"
    );
    Ok(())
}
