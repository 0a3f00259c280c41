//! What the rounds of `make chaos` found, kept in a file for each commit, and the table that the
//! README shows of them.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use postrider::figures::thousands;
use postrider::verify::{Report, Torn};
use serde::{Deserialize, Serialize};

use super::round::Done;

const BEGIN: &str = "<!-- chaos: made by `make chaos` from tests/results/chaos -->\n";
const END: &str = "<!-- chaos: end -->";

/// One round.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    /// When it began, in seconds since the Unix epoch.
    pub(super) at: u64,
    pub(super) seed: u64,
    /// What the relay was built as: `debug` or `release`.
    pub(super) build: String,
    pub(super) seconds: u64,
    pub(super) relay_kills: u64,
    pub(super) standby_kills: u64,
    pub(super) broker_kills: u64,
    pub(super) postgres_kills: u64,
    pub(super) other_faults: u64,
    pub(super) committed: u64,
    pub(super) on_kafka: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) phantom: u64,
    pub(super) altered: u64,
    pub(super) out_of_order: u64,
    pub(super) misplaced: u64,
    pub(super) torn: u64,
    pub(super) takeover_millis: Vec<u64>,
    pub(super) broker_recovery_millis: Vec<u64>,
    pub(super) postgres_recovery_millis: Vec<u64>,
    /// What is wrong, in words; empty when nothing is.
    pub(super) findings: Vec<String>,
}

impl Outcome {
    pub(super) fn add(&mut self, done: &Done, report: &Report) {
        self.relay_kills = done.relay_kills;
        self.standby_kills = done.standby_kills;
        self.broker_kills = done.broker_kills;
        self.postgres_kills = done.postgres_kills;
        self.other_faults = done.others;
        self.committed = report.committed;
        self.on_kafka = report.on_kafka;
        self.lost = report.lost.count;
        self.doubled = report.doubled.count;
        self.phantom = report.phantom.count;
        self.altered = report.altered.count;
        self.out_of_order = report.out_of_order.count;
        self.misplaced = report.misplaced.count;
        match &report.torn {
            Torn::Examined(torn) => self.torn = torn.count,
            Torn::NotExamined => self.findings.push("transactions not examined".to_owned()),
        }
        if !report.passed() {
            self.findings.push(report.to_string());
        }
        self.takeover_millis = millis(&done.takeovers);
        self.broker_recovery_millis = millis(&done.broker_recoveries);
        self.postgres_recovery_millis = millis(&done.postgres_recoveries);
    }
}

fn millis(times: &[Duration]) -> Vec<u64> {
    let millis = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    times.iter().map(millis).collect()
}

/// A round in a line.
pub(super) fn line(outcome: &Outcome) -> String {
    let Outcome {
        seed,
        seconds,
        relay_kills,
        standby_kills,
        broker_kills,
        postgres_kills,
        committed,
        on_kafka,
        lost,
        doubled,
        out_of_order,
        torn,
        ..
    } = outcome;
    let takeover = p50_and_max(outcome.takeover_millis.clone());
    format!(
        "seed {seed}: {seconds} s, {relay_kills} relays, {standby_kills} standbys, {broker_kills} \
         brokers, {postgres_kills} PostgreSQL; committed {committed}, on Kafka {on_kafka}, lost \
         {lost}, doubled {doubled}, out of order {out_of_order}, torn {torn}; takeover {takeover}"
    )
}

/// Appends to the file of the commit that is tested.
pub(super) fn record(outcome: &Outcome) -> Result<PathBuf> {
    let folder = folder();
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.jsonl", commit()?));
    let mut file = File::options().create(true).append(true).open(&path)?;
    writeln!(file, "{}", serde_json::to_string(outcome)?)?;
    Ok(path)
}

/// The commit; a tree that differs from it is none, and its results are not to be kept.
fn commit() -> Result<String> {
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let others = [
        ":/",
        ":(exclude,top)tests/results",
        ":(exclude,top)README.md",
    ];
    let changed = git(&[&["status", "--porcelain", "--"][..], &others].concat())?;
    Ok(if changed.is_empty() {
        commit
    } else {
        format!("{commit}-changed")
    })
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = git.output().context("cannot run git")?;
    ensure!(output.status.success(), "git {arguments:?}: {output:?}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results/chaos")
}

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")
}

/// The rounds of each commit, the commit with the last one at the end.
fn kept() -> Result<Vec<(String, Vec<Outcome>)>> {
    let mut commits = Vec::new();
    let folder = folder();
    if !folder.is_dir() {
        return Ok(commits);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().context("a file has a name")?;
        let name = name.to_string_lossy().into_owned();
        if name.ends_with("-changed") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let rounds: Result<Vec<Outcome>, _> = text.lines().map(serde_json::from_str).collect();
        commits.push((name, rounds?));
    }
    commits.sort_by_key(|(_, rounds)| rounds.iter().map(|round| round.at).max());
    Ok(commits)
}

type Count = fn(&Outcome) -> u64;
type Times = fn(&Outcome) -> &[u64];

/// The README's table.
fn table(commits: &[(String, Vec<Outcome>)]) -> String {
    let all: Vec<&Outcome> = commits.iter().flat_map(|(_, rounds)| rounds).collect();
    let last = commits.last();
    let of_last: Vec<&Outcome> = last.iter().flat_map(|(_, rounds)| rounds).collect();
    let name = last.map_or("none", |(name, _)| name.as_str());
    let head = format!(
        "| | all {} commits | the last, `{name}` |\n|---|---|---|\n",
        commits.len()
    );
    let counts: [(&str, Count); 12] = [
        ("relays killed while active", |it| it.relay_kills),
        ("standbys killed", |it| it.standby_kills),
        ("brokers killed", |it| it.broker_kills),
        ("PostgreSQL killed", |it| it.postgres_kills),
        ("links, registries, topics disturbed", |it| it.other_faults),
        ("events committed", |it| it.committed),
        ("events on Kafka", |it| it.on_kafka),
        ("lost", |it| it.lost),
        ("doubled", |it| it.doubled),
        ("phantom or altered", |it| it.phantom + it.altered),
        ("out of order or misplaced", |it| {
            it.out_of_order + it.misplaced
        }),
        ("transactions torn", |it| it.torn),
    ];
    let sum =
        |rounds: &[&Outcome], of: Count| thousands(rounds.iter().map(|round| of(round)).sum());
    let counts = counts.map(|(name, of)| (name, sum(&all, of), sum(&of_last, of)));
    let times: [(&str, Times); 3] = [
        ("takeover", |it| &it.takeover_millis),
        ("first event after the broker's return", |it| {
            &it.broker_recovery_millis
        }),
        ("first event after PostgreSQL's return", |it| {
            &it.postgres_recovery_millis
        }),
    ];
    let spread = |rounds: &[&Outcome], of: Times| {
        let times = rounds.iter().flat_map(|round| of(round)).copied();
        p50_and_max(times.collect())
    };
    let times = times.map(|(name, of)| (name, spread(&all, of), spread(&of_last, of)));
    let rows = counts.into_iter().chain(times);
    rows.fold(head, |table, (name, all, last)| {
        table + &format!("| {name} | {all} | {last} |\n")
    })
}

fn p50_and_max(mut millis: Vec<u64>) -> String {
    millis.sort_unstable();
    let seconds = |millis: u64| Duration::from_millis(millis).as_secs_f64();
    match (millis.get(millis.len() / 2), millis.last()) {
        (Some(p50), Some(max)) => {
            format!("p50 {:.1} s, max {:.1} s", seconds(*p50), seconds(*max))
        }
        _ => "none".to_owned(),
    }
}

/// Writes the table into the README.
pub(super) fn show() -> Result<()> {
    let text = fs::read_to_string(readme())?;
    Ok(fs::write(readme(), with_table(&text, &table(&kept()?))?)?)
}

fn with_table(readme: &str, table: &str) -> Result<String> {
    let (before, rest) = readme
        .split_once(BEGIN)
        .context("the README has no table")?;
    let (_, after) = rest
        .split_once(END)
        .context("the README's table has no end")?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[test]
fn the_readme_shows_what_was_found() {
    let text = fs::read_to_string(readme()).unwrap();
    let wanted = with_table(&text, &table(&kept().unwrap())).unwrap();
    assert_eq!(
        text, wanted,
        "the table is stale: the end of `make chaos` writes it"
    );
}
